"""The chore that notes the fields of samples, in idle time."""

from __future__ import annotations

import time
from datetime import datetime
from functools import partial
from typing import Any, LiteralString

from redis import Redis

from ingest.batch.index import oldest_opened_at
from workers.database import Database
from workers.opened import OpenedSamples
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.drift.fields import UnsureNames, rows_of
from workers.sweeper.drift.sampling import find_samples
from workers.sweeper.retention import AnyConnection, time_ago

KEPT_DAYS = 90
BUSY_SECONDS = 2.0
"""While a batch waits for longer, workers are behind, and Postgres has better things to do."""

NOTE_FIELDS: LiteralString = """
INSERT INTO airudder.drift AS stored (
  source, kind, workflow_id, path, came_as, samples, last_sample, first_seen, last_seen)
SELECT * FROM unnest(
  %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::timestamptz[],
  %s::timestamptz[])
ON CONFLICT (source, kind, workflow_id, path, came_as) DO UPDATE SET
  samples = stored.samples + excluded.samples, last_sample = excluded.last_sample, last_seen = excluded.last_seen
WHERE stored.last_sample < excluded.last_sample
"""
"""Done again after a failure, it counts no sample twice."""

FORGET_OLD_FIELDS: LiteralString = """
DELETE FROM airudder.drift WHERE last_seen < %(before)s
"""


class FieldSamples(Chore):
    """Notes the fields of samples of each source, kind and workflow, each push once."""

    name = "samples of fields"
    every = 60.0
    rest = REST_SECONDS

    def __init__(self, client: Redis, database: Database) -> None:
        self._client = client
        self._database = database
        self._looked_at: datetime | None = None
        self._names = UnsureNames()
        self._opened = OpenedSamples()

    def run_once(self) -> int:
        """Look at what came since the last look, unless workers are behind; return 0."""
        if not self._is_busy():
            found = self._database.run(partial(find_samples, since=self._looked_at))
            rows = rows_of(found, self._opened.bodies(found.entries), self._names)
            self._database.run(partial(_note, rows=rows))
            self._looked_at = found.now
            old = {"before": time_ago(self._database, KEPT_DAYS)}
            self._database.run(lambda connection: connection.execute(FORGET_OLD_FIELDS, old))
        return 0

    def _is_busy(self) -> bool:
        opened_at = oldest_opened_at(self._client)
        return opened_at is not None and opened_at < time.time() - BUSY_SECONDS


def _note(connection: AnyConnection, rows: list[tuple[Any, ...]]) -> None:
    connection.execute(NOTE_FIELDS, [list(column) for column in zip(*rows, strict=True)] or [[]] * 9)
