"""The public endpoint: receive a push, judge it, store it, acknowledge it. All of it is async."""
