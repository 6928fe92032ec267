"""How web and worker use Python's garbage collector: little, as what they make is freed without it."""

from __future__ import annotations

import gc

REQUESTS = 10_000
ROWS = 100_000
"""Containers that come to life before the collector looks for cycles: with Python's 700 the requests of one burst, or
the rows of one batch, would be looked through many times over. A batch of two thousand pushes has 40,000 rows."""


def spare_garbage_collector(threshold: int) -> None:
    """What is loaded by now stays, and is nothing for the collector any more; to be called once, at the start.
    `threshold`: REQUESTS or ROWS, by what the process makes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold)
