"""The agreement of web and workers about Redis: the form of a push, the keys, the queue, and who holds a batch."""
