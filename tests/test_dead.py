"""`ingest dead`: dead letters listed, shown, replayed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

from tests.processes import ingest, running
from tests.pushes import entry, push
from tests.stored import make_dead
from workers.database import Database
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

    assert (result.returncode, result.stdout) == (1, "dead: 1, normalised: 1\n")


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
