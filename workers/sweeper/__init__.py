"""The sweeper: brings lost work back on its way, makes partitions and removes what is too old."""
