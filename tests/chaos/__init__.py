"""The fault harness: real servers and processes, broken on purpose, and an oracle that knows what has to be there."""
