"""`ingest dead`: dead letters listed, shown, replayed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

import ops.repair.groups
from ops.repair import discarding
from ops.repair.groups import dead_groups, newest_of
from tests.processes import ingest, running
from tests.pushes import entry, push
from tests.stored import make_dead, outcomes
from workers.database import Database
from workers.selection import Selection
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def sweeper_process() -> Iterator[None]:
    """A sweeper that runs, as a replay rests on it."""
    with running("sweeper"):
        yield


def test_list_says_of_how_many(database: Database) -> None:
    """`dead list` shows the newest, and says how many there are."""
    settle(database, [entry(b"[]"), entry(b"[1]"), entry(b"[2]")])

    assert "dead letters (2 of 3)" in ingest("dead", "list", "--limit", "2").stdout


def test_dead_list_and_show(database: Database) -> None:
    """`dead list` names dead letters with reason and path; `dead show` gives the body byte for byte."""
    one = entry(b'[1, "\xc3\xa9"]')
    settle(database, [one])

    listed = ingest("dead", "list")
    assert str(one.uuid) in listed.stdout
    assert "a JSON object is expected, not an array" in listed.stdout
    script = Path(sys.executable).with_name("ingest")
    shown = subprocess.run([script, "dead", "show", str(one.uuid), "--body"], check=True, capture_output=True)
    assert shown.stdout == one.body
    assert "error_path" in ingest("dead", "show", str(one.uuid)).stdout


def test_replay_after_fix(connection: Rows, sweeper_process: None) -> None:
    """A dead letter that can be read now is normalised by a replay and leaves one row, not two."""
    one = entry(push("c1"))
    make_dead(connection, one)

    result = ingest("dead", "replay", str(one.uuid))

    assert (result.returncode, result.stdout) == (0, "normalised: 1\n")
    rows = connection.execute("SELECT push_id, status, error FROM airudder.pushes").fetchall()
    assert rows == [{"push_id": one.uuid, "status": "normalised", "error": None}]
    assert connection.execute("SELECT count(*) AS calls FROM airudder.calls").fetchone() == {"calls": 1}


def test_replay_of_all(connection: Rows, sweeper_process: None) -> None:
    """`replay --all` says how many came to what; exit code 1 as long as one is dead again."""
    make_dead(connection, entry(push("c1")))
    make_dead(connection, entry(b"[]"))

    result = ingest("dead", "replay", "--all")

    assert (result.returncode, result.stdout) == (
        1,
        "dead: 1, normalised: 1\n  dead of a JSON object is expected, not an array: 1\n",
    )


def test_replay_of_living(database: Database) -> None:
    """A push that is not dead is not replayed, and that is said."""
    one = entry(push("c1"))
    settle(database, [one])

    result = ingest("dead", "replay", str(one.uuid))

    assert result.returncode == 1
    assert "is not a dead letter" in result.stderr


def test_replay_needs_choice() -> None:
    """`replay` with neither ids nor --all is a usage error."""
    assert ingest("dead", "replay").returncode == 2


def groups(*arguments: str) -> list[dict[str, Any]]:
    """What `ingest dead --json` gives, without the fingerprint and the times."""
    found = json.loads(ingest("dead", "--json", *arguments).stdout)
    kept = ("pushes", "kind", "error", "sources")
    return [{name: group[name] for name in kept} for group in found]


def test_name_of_an_encoding_is_no_number(database: Database) -> None:
    """A cause is read by people: UTF-8 is no place in a body."""
    settle(database, [entry(b'{"a": "\xff"}'), entry(b'{"bb": "\xff"}')])

    assert [(group["error"], group["pushes"]) for group in groups()] == [("not UTF-8 (byte #)", 2)]


def test_dead_by_cause(database: Database) -> None:
    """A group has one kind and one error, whatever numbers are in it; the largest stands first."""
    settle(database, [entry(b"[]"), entry(b"[1", "lender-b"), entry(b"[1,2", "lender-a"), entry(b'[1,2,"')])

    array = {"pushes": 1, "kind": "custom-api", "error": "a JSON object is expected, not an array"}
    first, *others = groups()
    assert first["pushes"] == 2
    assert first["error"].startswith("not JSON: ")
    assert first["error"].endswith("(byte #)")
    assert first["sources"] == ["lender-a", "lender-b"]
    assert {**array, "sources": ["default"]} in others
    assert [group["sources"] for group in groups("--source", "lender-a")] == [["lender-a"]]
    assert groups("--since", "2100-01-01") == groups("--until", "2000-01-01") == []
    assert groups("--since", "2100-01-01 00:00:00Z") == groups("--until", "2000-01-01T07:00+07:00") == []
    assert len(groups("--kind", "custom-api")) == 3


def test_newest_of_a_group(connection: Rows, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others came meanwhile, the newest of the group are found, and no more than were asked for."""
    came = [entry(body) for body in (b"[0", b"[1", b"[]", b"[2", b"[1]", b"[2]")]
    settle(database, came)
    of_group = [one for one in came if not one.body.endswith(b"]")]
    chosen = Selection(statuses=("dead",))
    (group,) = (one for one in dead_groups(connection, chosen) if one.error.startswith("not JSON"))

    found = newest_of(connection, group, chosen, 2)
    assert [one.push_id for one in found] == [of_group[2].uuid, of_group[1].uuid]
    assert found[0].bytes == 2
    assert newest_of(connection, group, Selection(statuses=("dead",), source="lender-b"), 2) == []
    monkeypatch.setattr(ops.repair.groups, "NEWEST_AMONG", 2)
    assert [one.push_id for one in newest_of(connection, group, chosen, 9)] == [of_group[2].uuid]


def test_sample_shows_no_value(connection: Rows) -> None:
    """Of the newest push of a group the shape is shown: names of fields that are documented, types and lengths."""
    names = {"Siti": 1, "budi_santoso": {"callee_number": "1"}}
    callee = {"callee_name": "Budi", "+628123": 1, "due_date": [None, True, "x", 4]}
    one = entry({"callee": callee, "Call": {}, "custom_attribute": names})
    make_dead(connection, one)

    printed = ingest("dead").stdout

    assert str(one.uuid) in printed
    assert " path " not in printed
    assert "path" not in ingest("dead", "list").stdout
    (shape,) = (group["shape"] for group in json.loads(ingest("dead", "--json").stdout))
    odd = ["null", "true", "text of 1", "and 1 more"]
    assert shape == {
        "callee": {"callee_name": "text of 4", "*": "number", "due_date": odd},
        "Call": {},
        "custom_attribute": {"*": "number", "* 1": {"callee_number": "text of 1"}},
    }
    assert not [name for name in ("Budi", "628123", "Siti", "santoso") if name in printed]


def test_group_is_replayed(connection: Rows, database: Database, sweeper_process: None) -> None:
    """By the fingerprint that `ingest dead` shows, and no other dead letter with it."""
    settle(database, [entry(b"[]")])
    make_dead(connection, entry(push()))
    by_error = {group["error"]: group["fingerprint"] for group in json.loads(ingest("dead", "--json").stdout)}

    result = ingest("replay", "--group", by_error["could not be normalised: KeyError"])

    assert (result.returncode, result.stdout) == (0, "normalised: 1\n")
    assert outcomes(connection) == {"normalised": 1, "dead": 1}


@pytest.mark.parametrize("command", [("replay", "--dry-run"), ("dead", "discard", "--reason", "why")])
def test_group_has_one_kind(connection: Rows, database: Database, command: tuple[str, ...]) -> None:
    """A condition that does not hold of the group is refused, as it may not be dropped without a word."""
    settle(database, [entry(b"[]")])
    (group,) = json.loads(ingest("dead", "--json").stdout)

    refused = ingest(*command, "--group", group["fingerprint"], "--kind", "dialer")

    assert refused.returncode == 2
    assert "is of the kind custom-api, not dialer" in refused.stderr
    assert outcomes(connection) == {"dead": 1}
    assert ingest(*command, "--group", group["fingerprint"], "--kind", "custom-api").returncode == 0


def test_discarded_push_keeps_its_error(connection: Rows, database: Database) -> None:
    """It is dead no more, and what was received stays; who gave it up, and why, is recorded."""
    settle(database, [entry(b"[]"), entry(b"[1]"), entry(b"[2]"), entry(b"{}", "lender-b")])

    result = ingest("dead", "discard", "--source", "default", "--reason", "a test of ours", INGEST_OPERATOR="budi")

    assert (result.returncode, result.stdout) == (0, "discarded: 3\n")
    assert outcomes(connection) == {"discarded": 3, "dead": 1}
    kept = connection.execute("SELECT body, error FROM airudder.pushes ORDER BY push_id LIMIT 1").fetchone()
    assert kept == {"body": b"[]", "error": "a JSON object is expected, not an array"}
    (action,) = connection.execute("SELECT * FROM airudder.actions").fetchall()
    assert (action["operator"], action["reason"], action["pushes"]) == ("budi", "a test of ours", 3)
    assert action["filter"] == {"statuses": ["dead"], "source": "default"}
    noted = connection.execute("SELECT action_id FROM airudder.push_events WHERE event = 'discarded'").fetchall()
    assert noted == [{"action_id": action["action_id"]}] * 3


def test_portions_of_a_discard(connection: Rows, database: Database) -> None:
    """Many are discarded in several transactions, and are one action."""
    settle(database, [entry(f"[{number}]".encode()) for number in range(5)])

    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discarding, "PORTION", 2)
        assert discarding.discard(connection, "budi", Selection(statuses=("dead",)), "why", told.append) == 5

    assert told == [2, 2, 1]
    assert outcomes(connection) == {"discarded": 5}
    assert connection.execute("SELECT pushes FROM airudder.actions").fetchall() == [{"pushes": 5}]


def test_discarded_push_may_be_replayed(connection: Rows, sweeper_process: None) -> None:
    """Who gave up too early says so."""
    one = entry(push())
    make_dead(connection, one)
    assert ingest("dead", "discard", str(one.uuid), "--reason", "why").returncode == 0

    assert ingest("replay", "--status", "discarded").stdout == "normalised: 1\n"
    assert ingest("dead", "discard", str(one.uuid), "--reason", "why").returncode == 1


def test_discard_needs_choice_and_reason() -> None:
    """Nothing is given up by mistake."""
    assert ingest("dead", "discard", "--reason", "why").returncode == 2
    assert ingest("dead", "discard", "--all").returncode == 2
