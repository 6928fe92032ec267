"""The parts that every process shares, and the rooms of a push's way: `web`, `batch`, `kinds`, `tables`."""
