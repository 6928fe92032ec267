"""Attempts at settling pushes: which one it is, and how often a push is tried that may be what ends its process."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

ATTEMPTS_TOGETHER = 1
"""After so many attempts that ended without an outcome the pushes of a batch are normalised one by one."""
ATTEMPTS_ALONE = 2
"""A push that then ends so many more attempts, each with it alone in hand, is dead. One would not be enough: machines
are reset for other reasons, and some push is always in hand."""


class Attempt(NamedTuple):
    """One attempt at settling pushes."""

    through_redis: bool
    """Whether they came in a batch, or are pending in Postgres"""
    batch_id: UUID | None = None
    number: int = 1
    """Which attempt it is at the batch, or at the pending push; from 1"""


FIRST = Attempt(through_redis=True)
"""At pushes that came in a batch that is not known"""
