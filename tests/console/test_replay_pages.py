"""Replays in the console: how far they are, how they end, and stopped."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

import workers.sweeper.replays
from ops.repair.replays import begin_replay
from tests.console.conftest import Console
from tests.processes import ingest
from tests.pushes import entry, push
from tests.stored import make_dead, outcomes
from workers.selection import Selection
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

DEAD = Selection(statuses=("dead",))
REFRESHES = 'data-refresh="2"'


def begun(connection: Rows) -> int:
    """A replay of all dead letters that nobody has worked at yet."""
    replay_id = begin_replay(connection, "budi@ops-1", DEAD)
    assert replay_id
    return replay_id


def test_how_far_it_is(console: Console, connection: Rows, sweeper: Sweeper) -> None:
    """It refreshes itself until the end, and what is seen is the same after a reload, by whomever."""
    make_dead(connection, entry(push("c1")))
    make_dead(connection, entry(b"[]"))
    replay_id = begun(connection)

    for client in (console.operator, console.viewer):
        for address in (f"/replays/{replay_id}", f"/replays/{replay_id}/progress"):
            page = client.get(address).text
            assert "0 of 2 pushes have their outcome" in page
            assert REFRESHES in page
    sweeper.run_once()

    page = console.viewer.get(f"/replays/{replay_id}").text
    assert "2 of 2 pushes have their outcome" in page
    assert "1 are dead again" in page
    assert "a JSON object is expected, not an array" in page
    assert REFRESHES not in page
    assert f'href="/replays/{replay_id}"' in console.viewer.get("/replays").text


def test_passed_over(console: Console, connection: Rows, sweeper: Sweeper) -> None:
    """What another operator has discarded before its turn came is no part of it, and the page says why."""
    for number in range(3):
        make_dead(connection, entry(push(f"c{number}")))
    replay_id = begun(connection)
    connection.execute("UPDATE airudder.pushes SET status = 'discarded' WHERE call_id IS NULL")
    for _ in range(2):  # there is nothing more, then it ends
        sweeper.run_once()

    page = console.viewer.get(f"/replays/{replay_id}").text
    assert "0 of 3 pushes have their outcome" in page
    assert "3 <small>had been discarded, erased, replayed or removed before their turn came" in page
    assert 'max="3" value="3"' in page
    assert "passed over: 3" in ingest("replay", "list").stdout


def test_of_named_pushes(console: Console, connection: Rows) -> None:
    """Some of them are linked, however many they are."""
    pushes = [entry(push(f"c{number}")) for number in range(5)]
    for one in pushes:
        make_dead(connection, one)
    replay_id = begin_replay(connection, "budi", Selection(("dead",), push_ids=tuple(one.uuid for one in pushes)))

    page = console.viewer.get(f"/replays/{replay_id}").text
    assert [one for one in pushes if f'href="/pushes/{one.uuid}"' in page] == pushes[:3]
    assert "and 2 more" in page


def test_stands_still(console: Console, connection: Rows) -> None:
    """Without a sweeper it does not go on, and the page says where to look."""
    make_dead(connection, entry(push("c1")))
    replay_id = begun(connection)
    connection.execute("UPDATE airudder.replays SET moved_at = now() - interval '5 minutes'")

    assert "It has stood still for 5 min" in console.viewer.get(f"/replays/{replay_id}").text


def test_stopped(console: Console, connection: Rows, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first of two operators; the other one sees so. Who it was is recorded once."""
    monkeypatch.setattr(workers.sweeper.replays, "PORTION", 2)
    for number in range(5):
        make_dead(connection, entry(push(f"c{number}")))
    replay_id = begun(connection)

    for _ in range(2):
        answer = console.post(console.operator, f"/replays/{replay_id}/stop")
        assert answer.headers["location"] == f"/replays/{replay_id}"
        assert "stopping" in console.operator.get(f"/replays/{replay_id}").text
    sweeper.run_once()

    page = console.operator.get(f"/replays/{replay_id}").text
    assert "It was stopped" in page
    assert "/stop" not in page
    assert outcomes(connection) == {"dead": 5}
    stops = connection.execute("SELECT operator, filter FROM airudder.actions WHERE command = 'replay stop'").fetchall()
    assert stops == [{"operator": "alice (console)", "filter": {"replay_id": replay_id}}]


def test_viewer_does_not_stop_it(console: Console, connection: Rows) -> None:
    """In words, and the page offers no button."""
    make_dead(connection, entry(push()))
    replay_id = begun(connection)

    assert "/stop" not in console.viewer.get(f"/replays/{replay_id}").text
    refused = console.post(console.viewer, f"/replays/{replay_id}/stop")
    assert refused.status_code == 403
    assert "role operator" in refused.text
    assert "running" in console.viewer.get(f"/replays/{replay_id}").text


@pytest.mark.parametrize("number", ["0", "99999999999999999999", "x"])
def test_there_is_none(console: Console, number: str) -> None:
    """Neither of a number that cannot be one."""
    for path in (f"/replays/{number}", f"/replays/{number}/progress"):
        assert console.viewer.get(path).status_code == 404


def test_empty(console: Console) -> None:
    """It is said where replays begin."""
    assert "Nothing has been replayed yet" in console.viewer.get("/replays").text
