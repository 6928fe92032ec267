"""Samples of pushes, opened. A decryptor is a customer's own function: it may hang, and nobody may wait for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID

from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from ingest.batch.entry import Entry
from ingest.errors import NotOpenedError
from ingest.opening.openers import openers
from workers.watchdog import watched

SECONDS = 5
"""How long one push may take; its source is left alone from then on"""

_log = logging.getLogger("sweeper.samples")


class OpenedSamples:
    """Opens samples, and knows the sources whose decryptor has hung in this process."""

    def __init__(self) -> None:
        self._hung: set[str] = set()

    def bodies(self, entries: Iterable[Entry]) -> dict[UUID, bytes]:
        """By push id, decrypted where they have to be; without those that cannot be. No transaction may be open."""
        bodies: dict[UUID, bytes] = {}
        for entry in entries:
            if not openers().is_encrypted(entry):
                bodies[entry.uuid] = entry.body
            elif entry.source not in self._hung:
                self._open(entry, bodies)
        return bodies

    def _open(self, entry: Entry, bodies: dict[UUID, bytes]) -> None:
        begun = time.monotonic()
        with (
            suppress(NotOpenedError, JobTimeoutException),
            watched(),
            UnixSignalDeathPenalty(SECONDS, JobTimeoutException),  # type: ignore[no-untyped-call]
        ):
            bodies[entry.uuid] = openers().readable(entry)
        # The interruption comes as NotOpenedError, as any other fault does: only the time tells.
        if time.monotonic() - begun >= SECONDS:
            self._hung.add(entry.source)
            _log.warning("the decryptor of %s hangs: its pushes are no samples until a restart", entry.source)
