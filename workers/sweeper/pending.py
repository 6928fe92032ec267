"""Pending pushes: web stored them in Postgres while Redis could not, and they are settled from there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from redis import Redis
from rq.timeouts import BaseTimeoutException, JobTimeoutException, UnixSignalDeathPenalty

from ingest.batch.entry import Entry, stored_entry
from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import LockedError, NotNowError, RefusedError
from workers import statements
from workers.attempts import ATTEMPTS_ALONE, ATTEMPTS_TOGETHER, Attempt
from workers.database import Database
from workers.settle import OneByOne, bury, settle
from workers.sweeper.chore import REST_SECONDS, Chore, try_each
from workers.sweeper.day_blocks import Block, find_blocks
from workers.sweeper.pauses import PauseInMind
from workers.watchdog import watched

LIMIT = 100
"""How many pushes are settled together at most"""
LIMIT_BYTES = 4 * 1024 * 1024
"""How large their bodies are together at most, as in a batch; a larger push is settled alone"""
BUDGET_SECONDS = 10.0
"""How long live ones are, before other chores have their turn"""

_log = logging.getLogger("sweeper.pending")

_Pending = tuple[Entry, int]


class _Sort(NamedTuple):
    """Pushes that were tried so often, how many of them are taken in hand at a time, and how these are settled."""

    at_least: int
    at_most: int
    limit: int
    settle: Callable[[list[_Pending]], None]

    @property
    def is_settled_together(self) -> bool:
        """Whether what Postgres refuses of all of them says something: of one alone it does not."""
        return self.limit > 1


class PendingPushes(Chore):
    """Settles them, the oldest first. Each attempt is counted before it is made, as it may end this process.

    `replayed`: those that are replayed, and no others. They have a lane of their own, so that no live push waits behind
    a replay. `budget_seconds`: how long pushes of one sort are settled before others have their turn.
    """

    name = "pending pushes"

    def __init__(
        self,
        client: Redis,
        database: Database,
        clock: Callable[[], float],
        *,
        replayed: bool = False,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._pause = PauseInMind(client, database)
        self._database = database
        self._clock = clock
        self._replayed = replayed
        self._budget_seconds = budget_seconds
        self._in_hand: list[_Pending] = []
        self._unreleased: list[Entry] = []
        """Those whose attempt is to be taken back, and whose row somebody has locked"""
        self._settled = 0
        """How many since there were last none; told when there are none again"""
        self._refused: list[RefusedError] = []
        """Of this run, where Postgres refused all in hand: they may be at fault, or it refuses whatever comes"""
        self._resting: dict[UUID, float] = {}
        """Until when a push is left alone that was refused, by push id: those behind it have their turn"""

    def run_once(self) -> int:
        """Settle those that were not tried yet, then those that were; return how many were taken in hand.

        While workers are paused nothing is settled. Raises RefusedError, after both had their turn, where Postgres
        refuses all that were in hand and no other was settled.
        """
        if self._pause.lasts():
            return 0
        self._release_unsettled()
        self._resting = {push_id: until for push_id, until in self._resting.items() if until > self._clock()}
        blocks = _blocks_with_pending(self._database, {"replayed": self._replayed, "resting": [*self._resting]})
        untried = _Sort(0, ATTEMPTS_TOGETHER - 1, LIMIT, partial(_settle_together, self._database))
        # An attempt that ended the sweeper left these as they were: each is now settled alone, or is dead.
        tried = _Sort(ATTEMPTS_TOGETHER, 2**31 - 1, 1, partial(_settle_last, self._database))
        settled, self._refused = self._settled, []
        fed = try_each((untried, tried), partial(self._feed, blocks))
        if self._refused and self._settled == settled:
            raise self._refused[-1]
        for error in self._refused:
            self._rest(error)
        if not blocks:
            self._tell_end()
        return fed

    def _tell_end(self) -> None:
        """Say that nothing is pending any more, but for what rests."""
        if self._settled and not self._replayed:  # how a replay ends is told by its chore
            rests = f", to be tried again: {len(self._resting)}" if self._resting else ""
            _log.info("pending pushes are settled: %d%s", self._settled, rests, extra={"pushes": self._settled})
            self._settled = 0

    def _feed(self, blocks: list[Block], sort: _Sort) -> int:
        leave_at = self._clock() + self._budget_seconds
        # A push that is refused may be alone in its block. No other block waits for it.
        return try_each(blocks, partial(self._feed_block, sort, leave_at))

    def _feed_block(self, sort: _Sort, leave_at: float, block: Block) -> int:
        fed = 0
        bounds: dict[str, Any] = {"at_least": sort.at_least, "at_most": sort.at_most, "limit": sort.limit}
        bounds |= {"bytes": LIMIT_BYTES, "replayed": self._replayed, **block._asdict()}
        while self._clock() < leave_at and not self._pause.has_begun():
            bounds["resting"] = [*self._resting, *(entry.uuid for entry in self._unreleased)]
            self._in_hand = self._database.run(lambda connection: _begin_pending(connection, bounds))
            fed += len(self._in_hand)
            if not self._in_hand or not self._settle_in_time(sort):
                break
        self._in_hand = []
        return fed

    def _settle_in_time(self, sort: _Sort) -> bool:
        try:
            with watched(), UnixSignalDeathPenalty(JOB_TIMEOUT_SECONDS, JobTimeoutException):  # type: ignore[no-untyped-call]
                self._settle_around_locks(sort.settle)
            self._settled += len(self._in_hand)
        except RefusedError as error:
            is_all = sort.is_settled_together and len(error.push_ids) == len(self._in_hand)
            if not error.push_ids:
                self._release_unsettled()
                raise  # Postgres refuses whatever comes, so no push is at fault
            self._settled += len(self._in_hand) - len(error.push_ids)
            self._release_unsettled()
            if is_all and not isinstance(error, NotNowError):
                self._refused.append(error)
                return False
            self._rest(error)
        except BaseTimeoutException:
            _log.warning("%d pending pushes were not settled in %d s", len(self._in_hand), JOB_TIMEOUT_SECONDS)
            return False
        return True

    def _rest(self, error: RefusedError) -> None:
        self._resting |= dict.fromkeys(error.push_ids, self._clock() + REST_SECONDS)

    def _settle_around_locks(self, settle_rows: Callable[[list[_Pending]], None]) -> None:
        try:
            settle_rows(self._in_hand)
        except LockedError:
            # One of them may meet what somebody has locked, such as a call: that one is found, and has to wait.
            with self._database.waiting_briefly():
                settle_rows(self._in_hand)

    def _release_unsettled(self) -> None:
        """Take back the attempts that failed because of Postgres: they say nothing against a push."""
        if entries := [*self._unreleased, *(entry for entry, _ in self._in_hand)]:
            where = {"times": [one.received_at for one in entries], "push_ids": [one.uuid for one in entries]}
            locked = self._database.run(lambda connection: _release_pending(connection, where))
            self._in_hand, self._unreleased = [], [one for one in entries if one.uuid in locked]


def _settle_together(database: Database, rows: list[_Pending]) -> None:
    settle(database, [entry for entry, _ in rows], Attempt(through_redis=False))


def _settle_last(database: Database, rows: list[_Pending]) -> None:
    for entry, attempts in rows:
        attempt = Attempt(through_redis=False, number=attempts)
        if attempts > ATTEMPTS_TOGETHER + ATTEMPTS_ALONE:
            bury(database, entry, "its normalising ended the sweeper, alone as well", attempt)
        else:
            one_by_one = OneByOne(database, attempt)
            one_by_one.settle(entry)
            one_by_one.end()


def _blocks_with_pending(database: Database, where: dict[str, Any]) -> list[Block]:
    """Those in which some are pending, but for what rests."""
    return [block for block in database.run(find_blocks) if database.run(partial(_is_any_pending, where, block))]


def _is_any_pending(where: dict[str, Any], block: Block, connection: Connection[tuple[Any, ...]]) -> bool:
    ((is_any,),) = connection.execute(statements.IS_ANY_PENDING, {**where, **block._asdict()}).fetchall()
    return bool(is_any)


def _begin_pending(connection: Connection[tuple[Any, ...]], bounds: dict[str, Any]) -> list[_Pending]:
    rows = connection.execute(statements.BEGIN_OLDEST_PENDING, bounds).fetchall()
    return [(stored_entry(*row), attempts) for *row, attempts in rows]


def _release_pending(connection: Connection[tuple[Any, ...]], where: dict[str, Any]) -> set[UUID]:
    """Release what nobody has locked, and give the others."""
    return {push_id for (push_id,) in connection.execute(statements.RELEASE_PENDING, where)}
