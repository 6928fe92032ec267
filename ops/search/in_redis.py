"""The pushes in flight that a filter means, among the newest in Redis: as many are looked at as are quickly read."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis

from ingest.batch.entry import Entry, read_entry
from ingest.kinds.reading.identifiers import id_spellings
from ops.in_flight import encoded_in_flight, pushes_in_flight
from ops.search.filters import Filter
from ops.search.found import FoundPush, found_in_flight, ids_of
from ops.trace.in_redis import Search

MOST_SHOWN = 20
"""Pushes that stand before a page"""
MOST_READ = 5_000
"""Pushes after which no more batches are looked at"""
MOST_BYTES = 16 * 1024 * 1024
"""The same: a burst of large pushes is not read into this process"""


@dataclass(frozen=True)
class FoundInFlight:
    """The newest pushes that are meant. `left_out`: what was not looked at or not shown, in words."""

    pushes: list[FoundPush]
    left_out: list[str]


def find_in_flight(client: Redis, wanted: Filter) -> FoundInFlight:
    """Those of a filter that asks for nothing that only a worker finds out, such as a warning."""
    if wanted.warned or wanted.path:
        return FoundInFlight([], [])
    scan = _Scan(client, wanted)
    scan.run()
    newest = sorted(scan.found.values(), key=lambda entry: entry.push_id, reverse=True)[:MOST_SHOWN]
    left_out = []
    if scan.has_stopped or len(scan.found) > MOST_SHOWN:
        looked_at = "those of the newest batches were looked at" if scan.has_stopped else "these are the newest"
        left_out.append(f"others in flight: {pushes_in_flight(client)} pushes are, and {looked_at}")
    return FoundInFlight([found_in_flight(entry) for entry in newest], left_out)


class _Scan:
    """One look through the batches, from the newest on, until enough is found or read."""

    def __init__(self, client: Redis, wanted: Filter) -> None:
        self.found: dict[bytes, Entry] = {}
        """Those that are meant, by push id: one that moves meanwhile is read twice"""
        self.has_stopped = False
        self._client = client
        self._wanted = wanted
        self._search = Search(wanted.identifier) if wanted.identifier else None
        self._workflows = id_spellings(wanted.workflow)

    def run(self) -> None:
        """Look. A batch that is begun is read to its end, where its newest pushes are."""
        pushes, size, last = 0, 0, None
        for batch_id, encoded in encoded_in_flight(self._client, newest_first=True):
            is_enough = pushes >= MOST_READ or size >= MOST_BYTES or len(self.found) >= MOST_SHOWN
            if batch_id != last and is_enough:
                self.has_stopped = True
                return
            entry = self._search.read(batch_id, encoded) if self._search else read_entry(encoded)
            if entry and self._is_meant(entry):
                self.found[entry.push_id] = entry
            pushes, size, last = pushes + 1, size + len(encoded), batch_id

    def _is_meant(self, entry: Entry) -> bool:
        wanted = self._wanted
        return (
            wanted.source in ("", entry.source)
            and wanted.kind in ("", entry.kind)
            and (wanted.since is None or entry.received_at >= wanted.since)
            and (wanted.until is None or entry.received_at < wanted.until)
            and (not wanted.workflow or ids_of(entry).workflow_id in self._workflows)
        )
