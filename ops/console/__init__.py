"""The console: pages that show what the functions of `ops` give, and let an operator act on it. One page a file."""
