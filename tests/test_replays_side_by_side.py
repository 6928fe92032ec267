"""Replays side by side: one that cannot go on holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ops.repair.replays import ReplayState, begin_replay, find_replay
from tests.batches import refusing
from tests.clock import Clock
from tests.pushes import entry, push
from tests.stored import make_dead
from workers.selection import Selection
from workers.sweeper.chore import REST_SECONDS
from workers.sweeper.loop import Sweeper
from workers.sweeper.replays import BUDGET_SECONDS

Rows = Connection[dict[str, Any]]


@contextmanager
def locked_push(database_url: str, _connection: Rows) -> Iterator[None]:
    """Somebody has locked a push that the first replay is about to take."""
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM airudder.pushes WHERE source = 'first' LIMIT 1 FOR UPDATE")
        yield


@contextmanager
def unreadable_filter(_database_url: str, connection: Rows) -> Iterator[None]:
    """The filter of the first replay, as of a newer release, says nothing to this one."""
    change = "UPDATE airudder.actions SET filter = jsonb_set(filter, '{limit}', %s) WHERE filter ->> 'source' = 'first'"
    connection.execute(change, ['"many"'])
    yield
    connection.execute(change, ["null"])


@pytest.mark.parametrize("hindered", [locked_push, unreadable_filter])
def test_replay_that_cannot_go_on_holds_up_no_other(
    sweeper: Sweeper,
    database_url: str,
    connection: Rows,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    hindered: Callable[[str, Rows], AbstractContextManager[None]],
) -> None:
    """The later one ends meanwhile; the first one, of which the log tells, ends when nothing hinders it any more."""
    for source in ("first", "second"):
        for number in range(3):
            make_dead(connection, entry(push(f"c{number}"), source))
    replays = [
        begin_replay(connection, "a test", Selection(("dead",), source=source)) for source in ("first", "second")
    ]

    def states() -> list[ReplayState]:
        return [found for replay in replays if replay and (found := find_replay(connection, replay))]

    def sweep() -> None:
        for _ in range(4):
            sweeper.run_once()
            clock.now += BUDGET_SECONDS

    with hindered(database_url, connection):
        sweep()
        assert [bool(one.ended_at) for one in states()] == [False, True]
    assert [one for one in caplog.messages if one.startswith("replays wait: ")]

    sweep()
    assert [one.normalised for one in states() if one.ended_at] == [3, 3]


def test_refused_push_holds_up_no_replay(sweeper: Sweeper, connection: Rows, clock: Clock) -> None:
    """While the pushes that are pending of one replay are refused, another one is fed and ends."""

    def begun(source: str) -> int:
        make_dead(connection, entry(push(source), source))
        return begin_replay(connection, "a test", Selection(("dead",), source=source)) or 0

    def has_ended(replay: int) -> bool:
        sweeper.run_once()
        clock.now += BUDGET_SECONDS
        found = find_replay(connection, replay)
        return bool(found and found.ended_at)

    with refusing(connection, "calls", "NEW.source = 'first'"):
        first = begun("first")
        assert not any(has_ended(first) for _ in range(3))
        second = begun("second")
        assert any(has_ended(second) for _ in range(4))
        assert not has_ended(first)
    clock.now += REST_SECONDS

    assert any(has_ended(first) for _ in range(4))
