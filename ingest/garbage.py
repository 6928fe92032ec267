"""Web and workers use Python's garbage collector little: almost all that they make is freed without it."""

from __future__ import annotations

import gc

THRESHOLD = 10_000
"""How many containers are made before the collector looks for cycles. With Python's 700 it would look through the
requests of one burst many times."""
THRESHOLD_OF_BATCHES = 100_000
"""The same for workers: a batch of two thousand small pushes makes 40,000 rows."""


def spare_garbage_collector(threshold: int = THRESHOLD) -> None:
    """Keep the collector away from all that is loaded by now, and set its threshold, one of the above.

    To be called once, when a process starts.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold)
