"""Trace: what became of a push, or of all that is known of a call, case, number, workflow, task or batch."""
