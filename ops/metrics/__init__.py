"""Metrics for Prometheus: what web, workers and sweeper have counted, and how the stores are."""
