"""`ingest replay --dry-run`: what a replay would change, and nothing is changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
import pytest
from psycopg import Connection

import ops.repair.dry_run
from ingest.batch.entry import Entry
from ingest.kinds.normalise import normalise
from ingest.tables.rows import Normalised
from ops.repair.dry_run import NEW_ROW, DryRun, dry_run, oldest
from ops.repair.replays import begin_replay, find_replay
from ops.repair.showing import print_dry_run
from tests.batches import refusing, unfit
from tests.clock import Clock
from tests.dialler import agent, dialler_entry
from tests.erasing import everything
from tests.explained import nodes
from tests.processes import ingest
from tests.pushes import entry, push
from tests.stored import make_dead, replay_dead, rows
from workers.database import Database
from workers.selection import Selection
from workers.settle import settle
from workers.sweeper.loop import Sweeper
from workers.sweeper.replays import BUDGET_SECONDS

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

MANY_DEAD: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, error_path)
SELECT gen_random_uuid(), received_at + n * interval '1 us', source, kind, body, 'dead', 'why ' || n % 9, '$'
FROM airudder.pushes, generate_series(1, 3000) AS n
"""

READ = Selection(statuses=("dead", "normalised"))


@pytest.fixture
def mixed(database: Database, connection: Rows) -> None:
    """Two pushes of which one was read otherwise once, one that can be read now, and one that cannot; and retries."""
    settle(database, [entry(push("c1")), entry(push("c2", number="+6281200000002"))])
    settle(database, [entry(push("c1"))])
    connection.execute("UPDATE airudder.callees SET name = 'Wati' WHERE callee_number = '+6281200000002'")
    make_dead(connection, entry(push("c3", number="+6281200000003")))
    settle(database, [entry(b"[]")])


def looked(database_url: str, selection: Selection = READ) -> DryRun:
    """A dry run."""
    return dry_run(database_url, selection)


@pytest.mark.parametrize("portion", [1, 3, 20])
def test_shows_what_would_change(database_url: str, mixed: None, monkeypatch: pytest.MonkeyPatch, portion: int) -> None:
    """Outcomes, new rows and changed columns, in portions of whatever size."""
    monkeypatch.setattr(ops.repair.dry_run, "PORTION", portion)

    found = looked(database_url)

    assert found.pushes == 4
    assert found.outcomes == {("normalised", "normalised"): 2, ("dead", "normalised"): 1, ("dead", "dead"): 1}
    assert found.causes == {"a JSON object is expected, not an array": 1}
    new = {("callees", NEW_ROW), ("cases", NEW_ROW), ("calls", NEW_ROW), ("call_attributes", NEW_ROW)}
    assert found.columns == {("callees", "name"): 1, **dict.fromkeys(new, 1)}
    (changed,) = (change for change in found.changes if change.before)
    assert (changed.before, changed.after) == ({"name": "Wati"}, {"name": "Budi"})
    assert changed.key == {"source": "default", "callee_number": "+6281200000002"}


def test_changes_nothing(client: Any, connection: Rows, mixed: None) -> None:
    """Not a row, in no table, and nothing is recorded as done."""
    before = everything(connection, client)

    assert ingest("replay", "--status", "dead", "--status", "normalised", "--dry-run").returncode == 0

    assert everything(connection, client) == before


def test_is_what_the_replay_does(client: Any, database_url: str, database: Database, connection: Rows) -> None:
    """What it shows of a row is what the row is afterwards."""
    make_dead(connection, entry(push("c1")))
    shown = looked(database_url).changes

    replay_dead(connection)
    Sweeper(client, database).run_once()

    for change in shown:
        columns = ", ".join(f"{name}::text" for name in change.after)
        where = " AND ".join(f"{name} = %s" for name in change.key)
        row = connection.execute(
            f"SELECT {columns} FROM airudder.{change.table.name} WHERE {where}", list(change.key.values())
        ).fetchone()
        assert row == change.after
    assert {change.table.name for change in shown} >= {"workflows", "nodes", "callees", "cases", "calls"}


def test_shows_nobody_unless_asked(mixed: None) -> None:
    """Of a column that may say who somebody is, type and length are shown; the whole with `--show-personal`."""
    masked = ingest("replay", "--status", "normalised", "--dry-run").stdout
    shown = ingest("replay", "--status", "normalised", "--dry-run", "--show-personal").stdout

    assert "text of 4" in masked
    assert not [word for word in ("Budi", "Wati", "+6281200000002") if word in masked]
    assert all(word in shown for word in ("Budi", "Wati", "+6281200000002"))
    assert "looked at 2 of 2 pushes" in shown


def test_agent_is_not_shown_unless_asked(database: Database, connection: Rows) -> None:
    """They are nobody's callee, and a person all the same: in a dry run, and in the story of their push."""
    make_dead(connection, dialler_entry(agent("READY", 2)))
    settled = dialler_entry(agent("BUSY", 1))
    settle(database, [settled])

    for look in (("replay", "--status", "dead", "--dry-run"), ("trace", str(settled.uuid))):
        masked, shown = ingest(*look).stdout, ingest(*look, "--show-personal").stdout
        assert ("dialer_agents" in masked, "rina" in masked, "rina" in shown) == (True, False, True)


def test_refused_push_is_said_to_die(database_url: str, connection: Rows, mixed: None) -> None:
    """One that Postgres would refuse for its values is dead by itself, and holds up no other."""
    with unfit(connection, "calls", "call_id = 'c3'"):
        found = looked(database_url)

    assert found.outcomes == {("normalised", "normalised"): 2, ("dead", "dead"): 2}
    assert sum(found.causes.values()) == 2


def test_push_of_which_a_trigger_fails_is_said_to_wait(database_url: str, connection: Rows, mixed: None) -> None:
    """It would stay pending in a replay, which goes on with the others."""
    with refusing(connection, "calls", "NEW.call_id = 'c3'", state="22012"):
        found = looked(database_url)

    assert found.outcomes == {("normalised", "normalised"): 2, ("dead", "pending"): 1, ("dead", "dead"): 1}


def test_waits_for_nobody(database_url: str, connection: Rows, mixed: None) -> None:
    """Rows that a worker holds are left to it, and that is said."""
    with psycopg.connect(database_url) as worker:
        worker.execute("SELECT FROM airudder.callees WHERE callee_number = '+6281200000002' FOR UPDATE")
        found = looked(database_url)

    assert (found.pushes, found.locked) == (3, 1)


def test_limit_takes_the_oldest(database_url: str, mixed: None) -> None:
    """No more than so many are looked at."""
    found = looked(database_url, Selection(statuses=("dead", "normalised"), limit=1))

    assert found.outcomes == {("normalised", "normalised"): 1}


def test_rows_of_another_key_are_told(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number that was read otherwise leaves the old person's rows behind, as a replay removes none."""
    settle(database, [entry(push("c1", number="+6281200000890")), entry(push("c2"))])
    assert looked(database_url).left == []

    def read(one: Entry) -> Normalised:
        told = normalise(msgspec.structs.replace(one, body=one.body.replace(b"0890", b"0891")))
        return told._replace(push=told.push._replace(body=one.body))

    monkeypatch.setattr(ops.repair.dry_run, "normalise", read)
    left = looked(database_url).left

    old = {"source": "default", "callee_number": "+6281200000890"}
    assert [(row.table.name, row.key) for row in left] == [("callees", old), ("cases", old | {"case_id": "case-1"})]
    print_dry_run(looked(database_url), 2, show_personal=False)
    printed = capsys.readouterr().out
    assert "rows that stay, though their push would tell of another (2 of 2)" in printed
    assert "0890" not in printed


@pytest.mark.parametrize("put_right", ["UPDATE airudder.callees SET name = NULL", "DELETE FROM airudder.callees"])
def test_what_a_replay_leaves_is_put_right(
    sweeper: Sweeper, clock: Clock, database: Database, connection: Rows, put_right: LiteralString
) -> None:
    """What a push was once misread to tell stays, until somebody clears it; then a replay brings back what an older
    push says."""
    silent = push("c1")
    del silent["callee"]["callee_name"]
    first, second = entry(push("c1")), entry(silent)
    settle(database, [first])
    settle(database, [second])
    told = rows(connection, "callees")
    assert told[0]["name"] == "Budi"
    assert told[0]["kept_from"]["name"] == str(first.uuid)
    connection.execute("UPDATE airudder.callees SET name = 'wrong', kept_from = NULL")

    replay_all(connection, sweeper, clock)
    assert rows(connection, "callees")[0]["name"] == "wrong"
    assert connection.execute(f"{put_right} WHERE push_id = %s", [second.uuid]).rowcount == 1
    replay_all(connection, sweeper, clock)

    assert rows(connection, "callees") == told


def replay_all(connection: Rows, sweeper: Sweeper, clock: Clock) -> None:
    """A replay of all, worked off."""
    replay_id = begin_replay(connection, "a test", READ)
    assert replay_id
    while (replay := find_replay(connection, replay_id)) and replay.state != "ended":
        sweeper.run_once()
        clock.now += BUDGET_SECONDS


def test_oldest_of_a_group_are_read_in_order(
    connection: Rows, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an index, up to as many as are looked at: of a frequent cause not all that have died are read and sorted."""
    make_dead(connection, entry(push("c1")))
    connection.execute(MANY_DEAD)
    connection.execute("ANALYZE airudder.pushes")
    statement = ops.repair.dry_run._CHOOSE
    monkeypatch.setattr(ops.repair.dry_run, "_CHOOSE", f"EXPLAIN (FORMAT JSON) {statement}")
    group = Selection(statuses=("dead",), kind="custom-api", error="why #")
    with psycopg.connect(database_url) as looking:
        ((plan,),) = oldest(looking, group, (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0)), 20)

    assert "Sort" not in {node["Node Type"] for node in nodes(plan[0]["Plan"])}
