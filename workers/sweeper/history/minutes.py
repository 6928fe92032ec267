"""The newest minutes of history: what web has counted since they were last written, and what the log has settled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from psycopg.types.json import Jsonb
from redis import Redis
from redis.exceptions import RedisError

from ingest.batch import keys
from workers.database import Database
from workers.sweeper.chore import REST_SECONDS, Chore
from workers.sweeper.frozen import LONGEST
from workers.sweeper.history import statements
from workers.sweeper.history.tally import Counters, Tally, columns, read_tally
from workers.sweeper.old_settlements import DAYS as LOG_DAYS
from workers.sweeper.retention import AnyConnection

EVERY_SECONDS = 15.0
"""Short enough for a chart whose newest minute grows while it is looked at"""
PORTION = timedelta(hours=1)
"""How much of the log one transaction reads, where the sweeper was away"""
MINUTE = timedelta(minutes=1)


class Minutes(Chore):
    """Writes a row a minute. After a time without a sweeper outcomes are found in the log, minute by minute. All that
    web counted meanwhile stands in one row, whose `seconds` tell."""

    name = "history"
    every = EVERY_SECONDS
    rest = REST_SECONDS

    def __init__(self, client: Redis, database: Database) -> None:
        self._client = client
        self._database = database

    def run_once(self) -> int:
        """Write; return 1 if there are more minutes to write, else 0. Raises RedisError, or ValueError where it is not
        web who has written the counters, once all else is written."""
        outcome = self._database.run(self._write)
        if isinstance(outcome, Exception):
            raise outcome
        return int(outcome)

    def _write(self, connection: AnyConnection) -> bool | Exception:
        """Return whether there is more. An error that is raised in a transaction would cost the connection, and with
        it the sweeper's lock."""
        if not is_locked(connection):
            return False
        row = connection.execute(statements.FIND_REACH).fetchone()
        assert row, "the statement gives one row"
        now, newest, oldest = row
        # A transaction that has begun in the minutes before may have committed since then.
        since = newest - LONGEST if newest else oldest or now
        since = _minute(min(max(since, now - timedelta(days=LOG_DAYS)), now))
        minute = _minute(now)
        until = min(since + PORTION, minute + MINUTE)
        connection.execute(statements.WRITE_SETTLED, {"since": since, "until": until})
        if until <= minute:
            return True
        try:
            _write_counted(connection, minute, _read_counters(self._client))  # read behind the lock: none are newer
        except (RedisError, ValueError) as error:
            return error
        return False


def is_locked(connection: AnyConnection) -> bool:
    """Whether this transaction alone writes history, from now on."""
    row = connection.execute(statements.LOCK_HISTORY).fetchone()
    return bool(row and row[0])


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _read_counters(client: Redis) -> Counters:
    with client.pipeline(transaction=False) as pipeline:  # a full Redis refuses MULTI
        for key in (keys.KEPT, keys.REFUSED, keys.KEEP_SECONDS):
            pipeline.hgetall(key)
        kept, refused, took = (_numbers(found) for found in pipeline.execute())
    return Counters(kept, refused, [took.get(str(place), 0) for place in range(len(keys.KEEP_BOUNDS) + 1)])


def _numbers(found: dict[bytes, bytes]) -> dict[str, int]:
    return {field.decode(): int(number) for field, number in found.items()}


def _write_counted(connection: AnyConnection, minute: datetime, counters: Counters) -> None:
    """Add to the minute by how much the counters have risen. The first ones that are seen have risen by nothing."""
    tally = Tally()
    if before := connection.execute(statements.FIND_COUNTERS).fetchone():
        begun_at, encoded, seconds = before
        tally = counters.risen(msgspec.json.decode(encoded, type=Counters))
        tally.seconds = max(0.0, seconds)
        connection.execute(statements.FORGET_COUNTERS, {"begun_at": begun_at})
    for row in connection.execute(statements.FIND_TALLIES, {"since": minute, "until": minute + MINUTE}).fetchall():
        tally.add(read_tally(*row))
    written: dict[str, Any] = {"minute": minute, "counters": Jsonb(msgspec.to_builtins(counters))}
    connection.execute(statements.WRITE_COUNTED, written | columns(tally))
