"""A problem: what is wrong, since when, how bad that is, and where the runbook says what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

RUNBOOK = "docs/runbook.md#"

Badness = Literal["lost", "waits", "note"]
"""`lost`: pushes are refused or end dead, and a sender or a customer may notice. `waits`: pushes wait for longer than
they should, or will soon. `note`: nobody is needed."""
Store = Literal["redis", "postgres"]
BOTH: tuple[Store, ...] = ("redis", "postgres")
_WORST_FIRST: tuple[Badness, ...] = ("lost", "waits", "note")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. Nothing in it is personal."""

    name: str
    """The same as long as the problem is the same, whatever its numbers are"""
    what: str
    bad: Badness
    since: datetime | None = None
    """UTC; None if nobody knows"""
    page: str
    """The page of the runbook"""
    told_by: tuple[Store, ...]
    """The stores whose facts it is told from: while one of them says nothing, nobody knows whether it is over"""
    hides: tuple[Store, ...] = ()
    """The stores that say nothing while it lasts"""

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to act."""
        return self.bad != "note"


def page(anchor: str) -> str:
    """A page of the runbook."""
    return RUNBOOK + anchor


def worst_first(problems: list[Problem]) -> list[Problem]:
    """The same, in the order in which somebody should look at them."""
    return sorted(problems, key=lambda one: _WORST_FIRST.index(one.bad))
