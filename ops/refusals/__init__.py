"""Refusals and sources: who is turned away and why, and who may push and does."""
