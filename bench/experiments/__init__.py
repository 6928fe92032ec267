"""The experiments: each starts what it needs on the stand, measures in alternating rounds, and stops it again."""
