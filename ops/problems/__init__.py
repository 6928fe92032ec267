"""The one list of what is wrong: told from facts that `ops.status` gathers, and shown wherever somebody looks."""
