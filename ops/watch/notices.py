"""Notices: which problems are to be told now. Each is told when it comes, seldom while it lasts, and at its end."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ops.output import word
from ops.problems.problem import Problem

FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(days=1)
"""From one notice of a problem that lasts to the next: twice as long each time, up to a day"""
END_AFTER = timedelta(minutes=1)
"""A problem has ended when it was not seen for so long: one that comes and goes is one problem. While a store that it
is told from says nothing, it is neither seen nor gone."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice, as it is sent."""

    state: Literal["begins", "lasts", "ended"]
    name: str
    """The same in all notices of a problem"""
    text: str
    """All of it in words"""
    problem: Problem
    host: str
    at: datetime


@dataclass
class _Open:
    problem: Problem
    again_at: datetime
    wait: timedelta = FIRST_WAIT
    unseen_since: datetime | None = None


class Notices:
    """All that one receiver has been told. A notice counts as told once `note_told` is called."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def due(self, problems: Sequence[Problem], now: datetime) -> list[Notice]:
        """The notices to send, given all problems of this moment."""
        hidden = {store for problem in problems for store in problem.hides}
        seen = {problem.name: problem for problem in problems if problem.needs_a_person}
        found = [_notice("begins", one, now) for name, one in seen.items() if name not in self._open]
        for name, told in self._open.items():
            if problem := seen.get(name):
                told.problem, told.unseen_since = problem, None
                if now >= told.again_at:
                    found.append(_notice("lasts", problem, now))
            elif hidden.intersection(told.problem.told_by):
                told.unseen_since = None
            else:
                told.unseen_since = told.unseen_since or now
                if now - told.unseen_since >= END_AFTER:
                    found.append(_notice("ended", told.problem, now))
        return found

    def note_told(self, notice: Notice) -> None:
        """The receiver has it."""
        if notice.state == "ended":
            del self._open[notice.name]
        elif notice.state == "begins":
            self._open[notice.name] = _Open(notice.problem, notice.at + FIRST_WAIT)
        else:
            told = self._open[notice.name]
            told.wait = min(told.wait * 2, LONGEST_WAIT)
            told.again_at = notice.at + told.wait


def _notice(state: Literal["begins", "lasts", "ended"], problem: Problem, now: datetime) -> Notice:
    words = {"begins": "PROBLEM", "lasts": "STILL A PROBLEM", "ended": "ENDED"}[state]
    since = f" since {word(problem.since)}" if problem.since else ""
    host = socket.gethostname()
    text = f"{words} (airudder-ingest, seen from {host}){since}: {problem.what}; see {problem.page}"
    return Notice(state=state, name=problem.name, text=text, problem=problem, host=host, at=now)
