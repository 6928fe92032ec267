"""The console's tests: its pages by their text, and in a real browser."""
