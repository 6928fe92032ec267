"""The replay of one push: first what it would change, then it is done."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.batches import enqueued
from tests.console.conftest import Console
from tests.corpus.odd_values import HOSTILE_TEXTS
from tests.pushes import entry, push
from tests.stored import make_dead, store_pending
from workers.database import Database
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]


def test_replay(console: Console, connection: Rows, sweeper: Sweeper) -> None:
    """First what would change, and nothing has; then it is done, under the operator's name and with the reason."""
    one = entry(push("c1"))
    make_dead(connection, one)
    address = f"/pushes/{one.uuid}/replay"

    shown = console.operator.get(address).text

    assert '<td>dead</td><td><span class="badge is-good">normalised</span></td>' in shown
    assert "(no row)" in shown
    assert "Budi" not in shown
    assert [row["status"] for row in connection.execute("SELECT status FROM airudder.pushes")] == ["dead"]
    assert console.post(console.viewer, address).status_code == 403
    assert console.viewer.get(address).status_code == 403

    answer = console.post(console.operator, address, reason="read now <b>")

    (action,) = connection.execute("SELECT action_id, operator, command, reason FROM airudder.actions").fetchall()
    assert answer.headers["location"] == f"/replays/{action.pop('action_id')}"
    assert action == {"operator": "alice (console)", "command": "replay", "reason": "read now <b>"}
    sweeper.run_once()
    assert [row["status"] for row in connection.execute("SELECT status FROM airudder.pushes")] == ["normalised"]


def test_replay_twice_is_one(console: Console, connection: Rows) -> None:
    """Two operators who press the same button get the same replay."""
    one = entry(push("c1"))
    make_dead(connection, one)
    address = f"/pushes/{one.uuid}/replay"
    first, second = (console.post(console.operator, address) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    assert len(connection.execute("SELECT FROM airudder.replays").fetchall()) == 1


def test_replay_of_what_is_settled_meanwhile(console: Console, connection: Rows) -> None:
    """The page was open, and the push has become pending: nothing is begun, and it is said."""
    one = entry(push("c1"))
    store_pending(connection, one)
    assert "No replay: it is pending" in console.operator.get(f"/pushes/{one.uuid}/replay").text
    answer = console.post(console.operator, f"/pushes/{one.uuid}/replay")
    assert answer.status_code == 409
    assert "Nothing was replayed" in answer.text


def test_shows_a_column_that_would_change(console: Console, database: Database, connection: Rows) -> None:
    """Before and after, masked until an operator asks for it; and nothing where nothing would."""
    one = entry(push())
    settle(database, [one])
    address = f"/pushes/{one.uuid}/replay"
    assert "No row would change" in console.operator.get(address).text
    connection.execute("UPDATE airudder.callees SET name = 'Wati'")

    masked = console.operator.get(address).text

    assert "<td>callees</td>" in masked
    assert "Wati" not in masked
    console.post(console.operator, "/unmask", page=address)
    shown = console.operator.get(address).text
    assert '<td class="wrap"><bdi>Wati</bdi></td><td class="wrap"><bdi>Budi</bdi></td>' in shown


def test_which_can_be_replayed(console: Console, database: Database, connection: Rows, client: Any) -> None:
    """The page of each push leads to its replay, or says why there is none."""
    one = entry(push())
    again, pending, flying = entry(one.body, later_us=10), entry(push("c3")), entry(push("c4"))
    settle(database, [one, again])
    store_pending(connection, pending)
    enqueued(client, [flying])
    for found, words in ((again, "Replay that one."), (pending, "it is pending"), (flying, "it is in flight")):
        page = console.operator.get(f"/pushes/{found.uuid}").text
        assert "No replay: " in page
        assert words in page
    link = f'href="/pushes/{one.uuid}/replay"'
    assert link in console.operator.get(f"/pushes/{one.uuid}").text
    assert link not in console.viewer.get(f"/pushes/{one.uuid}").text
    assert console.operator.get(f"/pushes/{flying.uuid}/replay").status_code == 404


@pytest.mark.parametrize("push_id", ["x", "6f1c1e1e-3b8e-4b0e-9a52-6e0d5d2b7c11"])
def test_unknown(console: Console, push_id: str) -> None:
    """404, in words."""
    answer = console.operator.get(f"/pushes/{push_id}/replay")
    assert answer.status_code == 404
    assert "No push has this id" in answer.text


def test_strangers_texts(console: Console, connection: Rows) -> None:
    """What would be written is shown as what it is."""
    for number, text in enumerate(HOSTILE_TEXTS.values()):
        body = push(f"c{number}", f"+62812000{number:05}", workflow_name=text, node_name=text)
        body["callee"] |= {"case_id": text, "callee_name": text}
        one = entry(body)
        make_dead(connection, one)
        address = f"/pushes/{one.uuid}/replay"
        console.post(console.operator, "/unmask", page=address)
        page = console.operator.get(address)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
