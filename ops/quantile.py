"""Quantiles of what was counted between bounds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def quantile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """The bound that this share is not above, or the last one where it is above all; None where nothing was counted.

    `counts` has one number for each bound, and one for the rest.
    """
    wanted = share * sum(counts)
    if not wanted:
        return None
    for bound, so_far in zip(bounds, accumulate(counts), strict=False):
        if so_far >= wanted:
            return bound
    return bounds[-1]
