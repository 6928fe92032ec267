"""Everything before Redis: receive a push, decode it, store it, acknowledge it."""
