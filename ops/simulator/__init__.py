"""A simulated AI Rudder: varied pushes, the same for the same seed, sent at a steady rate."""
