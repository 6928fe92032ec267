"""Replays: pushes that an operator wants normalised again become pending, a portion at a time, and are settled.

How far a replay is stands in its row, which changes in the transaction that makes a portion pending. A sweeper that is
started anew goes on from there.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb
from redis import Redis
from redis.exceptions import RedisError

from ingest.batch import keys
from ingest.batch.push_ids import received_at_of
from ingest.errors import RefusedError
from workers.attempts import Attempt
from workers.database import Database
from workers.selection import Selection, read_selection
from workers.settlements import parameters
from workers.statements import WAIT_FOR_LOCKS_BRIEFLY
from workers.sweeper import replay_statements as statements
from workers.sweeper.chore import Chore, work_at_each
from workers.sweeper.day_blocks import BEGIN, END, find_blocks
from workers.sweeper.pauses import PauseInMind
from workers.sweeper.pending import PendingPushes

PORTION = 200
"""How many pushes of one replay are made pending together"""
STRETCH = 5000
"""How many pushes one statement looks at, as few of them may be meant: other chores wait for it"""
BUDGET_SECONDS = 2.0
"""How long replays are worked at before they rest for as long: live pushes need the servers too"""
LIVE_WAITS_SECONDS = 3.0
"""From this age on a batch says that workers fall behind. Clocks of hosts may differ by less."""
STUCK_SECONDS = 60.0
"""From this age on it waits for something else than time"""
MOST_CAUSES = 20
"""Of one replay; whatever else pushes die of again is counted as one more."""
OTHER_CAUSES = "other errors"

_Connection = Connection[tuple[Any, ...]]

_log = logging.getLogger("sweeper.replays")


@dataclass(frozen=True)
class _Replay:
    """A replay that has not ended, as its row has it."""

    replay_id: int
    filters: dict[str, Any]
    fed: int
    in_hand: list[UUID]
    causes: dict[str, int]
    after_received_at: datetime | None
    after_push_id: UUID | None
    is_fed: bool
    is_stopped: bool

    @property
    def selection(self) -> Selection:
        return read_selection(self.filters)

    @property
    def portion(self) -> int:
        """How many more pushes may become pending now."""
        if self.is_fed or self.is_stopped:
            return 0
        limit = self.selection.limit
        left = PORTION if limit is None else limit - self.fed
        return max(0, min(PORTION - len(self.in_hand), left))


class Replays(Chore):
    """Works off all replays side by side, and settles what is replayed apart from what is live. Not while workers are
    paused."""

    name = "replays"

    def __init__(self, client: Redis, database: Database, clock: Callable[[], float]) -> None:
        self._client = client
        self._pause = PauseInMind(client, database)
        self._database = database
        self._clock = clock
        self._lane = PendingPushes(client, database, clock, replayed=True, budget_seconds=BUDGET_SECONDS)
        self._rest_until = 0.0

    def run_once(self) -> int:
        """Work for a moment, then rest for one; return 0 if there was nothing to do.

        Raises what keeps a replay, or what is pending of one, from going on, after the others went on.
        """
        if self._clock() < self._rest_until or self._pause.lasts():
            return 0
        leave_at = self._clock() + BUDGET_SECONDS
        handled = 0
        while True:
            # A refusal may be one replay's alone: all go on all the same.
            settled, refused = work_at_each((self._lane,), PendingPushes.run_once, RefusedError)
            # Of any kind, as what a filter is made of may be unknown here.
            moved, failure = work_at_each(self._database.run(_find_running), self._go_on, Exception)
            handled += settled + moved
            if not (settled or moved) or self._clock() >= leave_at:
                break
        if handled:
            self._rest_until = self._clock() + BUDGET_SECONDS
        if failure := refused or failure:
            raise failure
        return handled

    def _go_on(self, replay: _Replay) -> bool:
        """Count what has its outcome by now; then make a portion pending, or end the replay. Return whether there is
        more to do at once. Each step is tried once a pass: the others need not wait for a lock that this one meets."""
        if replay.in_hand:
            replay = self._database.run(lambda connection: _count_outcomes(connection, replay), patience_seconds=0)
        if replay.portion and not self._live_waits():
            return self._database.run(lambda connection: _feed(connection, replay), patience_seconds=0)
        limit = replay.selection.limit
        is_over = replay.is_fed or replay.is_stopped or (limit is not None and replay.fed >= limit)
        if is_over and not replay.in_hand:
            self._database.run(lambda connection: connection.execute(statements.END_REPLAY, vars(replay)))
            _log.info("replay %d has ended: %d pushes", replay.replay_id, replay.fed)
        return False

    def _live_waits(self) -> bool:
        """Whether workers do not keep up with what arrives, or nobody can tell."""
        now = time.time()
        try:
            return bool(self._client.zcount(keys.BATCHES, now - STUCK_SECONDS, now - LIVE_WAITS_SECONDS))
        except RedisError:
            return True


def _find_running(connection: _Connection) -> list[_Replay]:
    return [_Replay(*row) for row in connection.execute(statements.FIND_RUNNING_REPLAYS)]


def _feed(connection: _Connection, replay: _Replay) -> bool:
    """Make a portion of the next stretch pending; return whether there is one, or more to look at. In the log of
    settlements it is attempt 0 at them."""
    connection.execute(WAIT_FOR_LOCKS_BRIEFLY)
    chosen = replay.selection
    since = replay.after_received_at or chosen.since or BEGIN
    block_until = next((block.until for block in find_blocks(connection) if since < block.until), END)
    where = {
        **chosen.parameters(),
        "stretch": STRETCH,
        "portion": replay.portion,
        "after_received_at": since,
        "after_push_id": replay.after_push_id or UUID(int=0),
        "block_until": block_until,
    }
    end = connection.execute(statements.end_stretch(chosen).encode(), where).fetchone()
    is_last = end is None and block_until >= (chosen.until or END)
    place = end or (block_until, UUID(int=0))
    where["end_received_at"], where["end_push_id"] = place
    rows = connection.execute(statements.choose(chosen).encode(), where).fetchall()
    if rows:
        times, push_ids, outcomes, errors, error_paths = (list(column) for column in zip(*rows, strict=True))
        attempt = parameters(Attempt(through_redis=False, number=0))
        connection.execute(statements.MAKE_PENDING, [*attempt, times, push_ids, outcomes, times])
        connection.execute(statements.NOTE_REPLAYED, [replay.replay_id, times, push_ids, errors, error_paths])
    is_whole = len(rows) < replay.portion
    after = place if is_whole else rows[-1][:2]
    noted = {"replay_id": replay.replay_id, "push_ids": [row[1] for row in rows], "is_fed": is_whole and is_last}
    noted["after_received_at"], noted["after_push_id"] = after
    connection.execute(statements.NOTE_FED, noted)
    return bool(rows) or not is_last


def _count_outcomes(connection: _Connection, replay: _Replay) -> _Replay:
    """The replay as it is then; a push that retention has dropped since is counted nowhere."""
    where = {"times": [received_at_of(push_id) for push_id in replay.in_hand], "push_ids": replay.in_hand}
    found = connection.execute(statements.FIND_OUTCOMES, where).fetchall()
    counted = Counter(status for _, status, _ in found)
    in_hand = [push_id for push_id, status, _ in found if status == "pending"]
    if len(in_hand) < len(replay.in_hand):
        causes = _add_causes(replay.causes, [error for _, status, error in found if status == "dead"])
        outcomes = {name: counted[name] for name in ("normalised", "duplicate", "erased")}
        outcomes["dead"] = counted["dead"] + counted["discarded"]
        noted = {"replay_id": replay.replay_id, **outcomes, "causes": Jsonb(causes), "in_hand": in_hand}
        connection.execute(statements.NOTE_OUTCOMES, noted)
        return _Replay(**{**vars(replay), "causes": causes, "in_hand": in_hand})
    return replay


def _add_causes(causes: dict[str, int], errors: list[str]) -> dict[str, int]:
    added = Counter(causes)
    for error in errors:
        added[error if error in added or len(added) < MOST_CAUSES else OTHER_CAUSES] += 1
    return dict(added)
