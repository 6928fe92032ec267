"""Warnings of the last day, as `ingest status` counts them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from psycopg import Connection

import ops.warnings
from ops.warnings import warned_pushes
from tests.processes import ingest
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def warned(*offsets: str, source: str = "lender-a") -> Any:
    """A push whose due date and these turns' offsets cannot be read."""
    body = push(turns=len(offsets))
    body["callee"]["due_date"] = "2021-02-30"
    for turn, offset in zip(body["call"]["asr_result"], offsets, strict=True):
        turn["time"] = offset
    return msgspec.structs.replace(entry(body), source=source)


def test_warnings_are_counted_by_path(database: Database, connection: Rows) -> None:
    """Each push once a path, however many items of an array are warned of; those of a day ago are not."""
    pushes = [warned("x", "y"), warned("z"), warned(source="lender-b"), entry(push())]
    settle(database, [*pushes, warned("x")])
    older = (
        "UPDATE airudder.pushes SET received_at = received_at - interval '25 hours' WHERE push_id = (SELECT push_id "
    )
    connection.execute(f"{older} FROM airudder.pushes ORDER BY received_at DESC LIMIT 1)")

    found = warned_pushes(connection)

    assert (found.counted, found.is_all) == (3, True)
    assert [(one.source, one.kind, one.path, one.pushes, one.newest_push_id) for one in found.paths] == [
        ("lender-a", "custom-api", "$.call.asr_result[].time", 2, pushes[1].uuid),
        ("lender-a", "custom-api", "$.callee.due_date", 2, pushes[1].uuid),
        ("lender-b", "custom-api", "$.callee.due_date", 1, pushes[2].uuid),
    ]


def test_newest_warnings_are_enough(database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of the vendor's every push may have one: then some of the newest are counted."""
    monkeypatch.setattr(ops.warnings, "NEWEST", 2)
    settle(database, [warned(source="lender-b"), warned("x"), warned("y")])

    found = warned_pushes(connection)

    assert (found.counted, found.is_all) == (2, False)
    assert {one.source for one in found.paths} == {"lender-a"}


def test_status_shows_warnings(database: Database) -> None:
    """By path and source, with a push to look at; nothing where there are none."""
    assert "warned" not in ingest("status").stdout
    one = warned("x")
    settle(database, [one])

    shown = ingest("status").stdout

    assert "warned             1 pushes in 24 hours" in shown
    assert f"$.callee.due_date 1 (lender-a, custom-api), such as {one.uuid}" in shown
    status = json.loads(ingest("status", "--json").stdout)
    assert [path["path"] for path in status["postgres"]["warned_last_24_hours"]["paths"]] == [
        "$.call.asr_result[].time",
        "$.callee.due_date",
    ]
