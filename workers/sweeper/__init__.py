"""The sweeper: finds what got lost and puts it back on its way, and keeps the tables in order."""
