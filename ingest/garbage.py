"""How web and worker use Python's garbage collector: little, as what they make is freed without it."""

from __future__ import annotations

import gc

THRESHOLD = 10_000
"""Containers that come to life before the collector looks for cycles: with Python's 700 the requests of one burst would
be looked through many times over."""
THRESHOLD_OF_BATCHES = 100_000
"""The same for workers: a batch of two thousand small pushes makes 40,000 rows."""


def spare_garbage_collector(threshold: int = THRESHOLD) -> None:
    """What is loaded by now stays, and is nothing for the collector any more; to be called once, at the start.
    `threshold`: one of the above."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold)
