"""The bench: this receiver beside a handler that does nothing and beside what others would build, in one run."""
