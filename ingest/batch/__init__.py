"""What web and workers agree on in Redis: what a push looks like there, under which keys, and who holds a batch."""
