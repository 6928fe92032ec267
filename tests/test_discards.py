"""Discards that go on behind a request: begun, interrupted, gone on with, and by two operators at once."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import Connection

from ingest import settings
from ingest.errors import PostgresAwayError
from ops import queries
from ops.commands import dead
from ops.repair import discarding
from ops.repair.background import DiscardState, find_discard, resume_discard, start_discard
from ops.repair.discarding import at_work, begin_discard, work_off
from tests.processes import wait_until
from tests.pushes import entry
from tests.stored import outcomes
from workers.database import Database
from workers.selection import Selection
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

DEAD = Selection(statuses=("dead",))


@pytest.fixture
def five(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five dead letters, which take three portions."""
    monkeypatch.setattr(discarding, "PORTION", 2)
    settle(database, [entry(f"[{number}]".encode()) for number in range(5)])


def state(connection: Rows, action_id: int) -> DiscardState:
    """How far a discard is."""
    found = find_discard(connection, action_id)
    assert found
    return found


def ended(connection: Rows, action_id: int) -> DiscardState:
    """The same, once it has ended and its process has let go: the two are one after the other."""

    def found() -> list[DiscardState]:
        seen = state(connection, action_id)
        return [seen] if seen.state == "ended" and not seen.is_at_work else []

    (at_last,) = wait_until(found, "it ends")
    return at_last


def interrupted(connection: Rows) -> int:
    """A discard whose process ended after a portion."""

    def end(pushes: int) -> None:
        raise KeyboardInterrupt

    action_id = begin_discard(connection, "budi", DEAD, "why")
    with pytest.raises(KeyboardInterrupt), at_work(connection, action_id):
        work_off(connection, action_id, DEAD, end)
    return action_id


@pytest.mark.usefixtures("five")
def test_interrupted_command_says_so(connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C nobody takes all for discarded, or none."""

    def end(pushes: int) -> None:
        raise KeyboardInterrupt

    def discard_a_portion(own: Rows, operator: str, selection: Selection, reason: str, _advance: Any) -> int:
        return discarding.discard(own, operator, selection, reason, end)

    monkeypatch.setattr(dead, "discard_selected", discard_a_portion)

    result = CliRunner().invoke(dead.command, ["discard", "--all", "--reason", "why"])

    assert result.exit_code == 1
    assert "interrupted: some may be discarded, and the others are as they were" in result.output
    assert outcomes(connection) == {"discarded": 2, "dead": 3}


@pytest.mark.usefixtures("five")
def test_goes_on_behind_the_request(connection: Rows) -> None:
    """It is one action, with who did it and why, and is done without anybody who waits."""
    action_id = start_discard(settings.load(), "budi", DEAD, "a test of ours")

    found = ended(connection, action_id)
    assert (found.action.operator, found.action.reason, found.action.pushes) == ("budi", "a test of ours", 5)
    assert (found.left, found.is_at_work) == (0, False)
    assert outcomes(connection) == {"discarded": 5}


@pytest.mark.usefixtures("five")
def test_later_ones_stay(connection: Rows, database: Database) -> None:
    """What came after the operator's word was never seen by them."""
    later = entry(b"[6]", later_us=3_600_000_000)
    settle(database, [later])

    ended(connection, start_discard(settings.load(), "budi", DEAD, "why"))

    assert outcomes(connection) == {"discarded": 5, "dead": 1}


@pytest.mark.usefixtures("five")
def test_interrupted_one_is_gone_on_with(connection: Rows, database: Database) -> None:
    """By whoever asks, once; what was done is counted once, and what came since stays, as nobody had seen it."""
    action_id = interrupted(connection)
    settle(database, [entry(b"[6]")])
    found = state(connection, action_id)
    assert (found.state, found.action.pushes, found.left) == ("interrupted", 2, 3)

    assert resume_discard(settings.load(), "siti", action_id)

    assert ended(connection, action_id).action.pushes == 5
    assert outcomes(connection) == {"discarded": 5, "dead": 1}
    assert not resume_discard(settings.load(), "siti", action_id)
    resumes = connection.execute(
        "SELECT operator, filter FROM airudder.actions WHERE command = 'dead discard resume'"
    ).fetchall()
    assert resumes == [{"operator": "siti", "filter": {"action_id": action_id}}]


@pytest.mark.usefixtures("five")
def test_one_at_a_time(connection: Rows) -> None:
    """While somebody is at it nobody else goes on with it."""
    action_id = interrupted(connection)

    with queries.connect(settings.load()) as other, at_work(other, action_id) as is_ours:
        assert is_ours
        assert state(connection, action_id).state == "running"
        assert not resume_discard(settings.load(), "siti", action_id)
        with at_work(connection, action_id) as is_ours_too:
            assert not is_ours_too

    assert state(connection, action_id).state == "interrupted"
    assert outcomes(connection) == {"discarded": 2, "dead": 3}


@pytest.mark.usefixtures("five")
def test_row_that_somebody_holds(connection: Rows, database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is waited for a second at most: the discard stands part way then, and that is said."""
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT FROM airudder.pushes WHERE body = '[4]' FOR UPDATE")
        action_id = start_discard(settings.load(), "budi", DEAD, "why")
        wait_until(lambda: state(connection, action_id).state == "interrupted", "it gives up waiting")

    assert outcomes(connection) == {"discarded": 4, "dead": 1}
    wait_until(lambda: caplog.messages, "it is said")
    (said,) = caplog.messages
    assert said.startswith(f"discard {action_id} stands part way: Postgres at DATABASE_URL refuses a statement")
    assert resume_discard(settings.load(), "siti", action_id)
    assert ended(connection, action_id).action.pushes == 5


def test_two_operators_give_up_the_same(connection: Rows, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are told that it is done, and each push is discarded by one of them."""
    monkeypatch.setattr(discarding, "PORTION", 7)
    monkeypatch.setattr(queries, "WAIT_NO_LONGER", "SET LOCAL lock_timeout = '60s'")  # each waits for the other's disk
    settle(database, [entry(f"[{number}]".encode()) for number in range(100)])
    current, begun = settings.load(), []

    def give_up(name: str) -> None:
        begun.append(start_discard(current, name, DEAD, "why"))

    operators = [threading.Thread(target=give_up, args=(name,)) for name in ("budi", "siti")]
    for operator in operators:
        operator.start()
    for operator in operators:
        operator.join()

    counted = [ended(connection, action_id).action.pushes or 0 for action_id in begun]
    assert len(counted) == 2
    assert sum(counted) == 100
    events = connection.execute("SELECT count(*) AS events FROM airudder.push_events WHERE event = 'discarded'")
    assert events.fetchall() == [{"events": 100}]


def test_server_that_is_away_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has begun, so the request says why."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@127.0.0.1:1/none")

    with pytest.raises(PostgresAwayError):
        start_discard(settings.load(), "budi", DEAD, "why")


def test_other_actions_are_no_discards(connection: Rows) -> None:
    """Nothing else is gone on with."""
    row = connection.execute(
        "INSERT INTO airudder.actions (operator, command) VALUES ('budi', 'erase') RETURNING action_id"
    ).fetchone()
    assert row

    assert find_discard(connection, row["action_id"]) is None
    assert not resume_discard(settings.load(), "siti", row["action_id"])
