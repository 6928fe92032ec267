"""Drift: which fields the newest pushes have, so that people see what the vendor has changed."""
