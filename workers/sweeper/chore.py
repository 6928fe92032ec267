"""A chore, which the sweeper does again and again, and the guard that keeps its failure from the others."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, TypeVar

import psycopg

from ingest.errors import IngestError, RefusedError, describe

REST_SECONDS = 60.0
"""How long something is left alone after a failure that trying again at once would only repeat"""

_log = logging.getLogger("sweeper")

_Thing = TypeVar("_Thing")


class Chore(ABC):
    """One kind of work. A new one is a class of this kind in a file of its own, named in `loop.chores`."""

    name: ClassVar[str]
    """Of what it works at, in the plural: the log says that these wait"""
    every: ClassVar[float] = 0.0
    """Seconds from a run that found nothing to do until the next run; 0: the next pass"""
    rest: ClassVar[float] = 0.0
    """Seconds from a run that failed until the next run"""

    @abstractmethod
    def run_once(self) -> int:
        """Work for some seconds at most; return how much was handled. After anything but 0 it is due again at once."""


def try_each(things: Iterable[_Thing], work: Callable[[_Thing], int | None]) -> int:
    """Work at each thing, also where it fails at one; return how much was handled. Raises psycopg.Error or RefusedError
    after the last one."""
    handled, failure = work_at_each(things, work, RefusedError, psycopg.Error)
    if failure:
        raise failure
    return handled


def work_at_each(
    things: Iterable[_Thing], work: Callable[[_Thing], int | None], *errors: type[Exception]
) -> tuple[int, Exception | None]:
    """Work at each thing, also where one of these errors comes of it: how much was handled, and the last error."""
    handled, failure = 0, None
    for thing in things:
        try:
            handled += work(thing) or 0
        except errors as error:
            failure = error
    return handled, failure


class Guard:
    """Runs one chore when it is due. An error is logged and goes no further, so the next chore has its turn."""

    def __init__(self, chore: Chore, clock: Callable[[], float]) -> None:
        self._chore = chore
        self._clock = clock
        self._due_at = 0.0
        self._begun_at = time.time()
        self._succeeded_at: float | None = None
        self._seconds = 0.0
        self._are_seconds_told = False
        self._failures = 0
        self._told = ""
        self._tell_again_at = 0.0

    def run_if_due(self) -> int:
        """Return how much was handled; 0 if the chore was not due, or failed."""
        if self._clock() < self._due_at:
            return 0
        wait = self._chore.rest
        begun = time.monotonic()
        try:
            handled = self._chore.run_once()
            wait = 0.0 if handled else self._chore.every
            self._succeeded_at = time.time()
        except Exception as error:  # of any kind
            handled = 0
            self._failures += 1
            self._tell(error)
        took = time.monotonic() - begun
        self._seconds, self._are_seconds_told = took if self._are_seconds_told else max(self._seconds, took), False
        self._due_at = self._clock() + wait
        return handled

    @property
    def name(self) -> str:
        """The chore's."""
        return self._chore.name

    def take_doing(self) -> dict[str, float]:
        """How it is doing, by the `what` of `keys.chore_field`. Its seconds are those of the longest run since this
        was last asked, or of the last one before."""
        doing = {"begun_at": self._begun_at, "every": self._chore.every}
        doing |= {"seconds": self._seconds, "failures": float(self._failures)}
        if self._succeeded_at:
            doing["succeeded_at"] = self._succeeded_at
        self._are_seconds_told = True
        return doing

    def _tell(self, error: Exception) -> None:
        """Log what went wrong, once a minute if it stays the same."""
        is_foreseen = isinstance(error, IngestError)
        words = f"{self._chore.name} wait: {error if is_foreseen else describe(error)}"
        if self._told != words or self._clock() >= self._tell_again_at:
            _log.log(logging.WARNING if is_foreseen else logging.ERROR, words)
            self._told, self._tell_again_at = words, self._clock() + REST_SECONDS
