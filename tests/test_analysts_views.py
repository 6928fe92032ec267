"""Analysts' views: what they count, which words they show, and what a change of them leaves alone."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from ops.migrations.files import read_migrations
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

REPLACES_VIEWS = 15


def test_called_callees(database: Database, connection: Rows) -> None:
    """A row a person who was called; a call to a number that is not known counts for nobody."""
    nobody = push("c4")
    del nobody["callee"]
    calls = [push("c1", turns=2), push("c2", turns=0), push("c3", "+6281234567891", turns=0), nobody]
    settle(database, [entry(one) for one in calls])
    counted = connection.execute(
        "SELECT masked_number, calls, callee_turn_count, last_started_at::text AS last "
        "FROM airudder_analytics.called_callees JOIN airudder_analytics.callees USING (source, callee_pseudonym) "
        "ORDER BY masked_number"
    ).fetchall()
    last = "2026-11-24 09:01:52+00"
    assert counted == [
        {"masked_number": "ID…90", "calls": 2, "callee_turn_count": 2, "last": last},
        {"masked_number": "ID…91", "calls": 1, "callee_turn_count": 0, "last": last},
    ]
    assert connection.execute("SELECT FROM airudder_analytics.called_callees").rowcount == 2


def test_words_that_are_documented(database: Database, connection: Rows) -> None:
    """Those alone are shown; any other, and none, is null."""
    for number, word in enumerate(("busy", "Budi", "")):
        told = push(f"c{number}")
        told["call"]["ring_type"] = word
        settle(database, [entry(told)])
    shown = connection.execute("SELECT ring_type FROM airudder_analytics.calls ORDER BY call_id").fetchall()
    assert [row["ring_type"] for row in shown] == ["busy", None, None]


def test_customers_view_stays(connection: Rows) -> None:
    """One that was made on ours is there after the migration that makes ours anew."""
    (migration,) = (one for one in read_migrations() if one.number == REPLACES_VIEWS)
    connection.execute("CREATE VIEW public.of_a_customer AS SELECT * FROM airudder_analytics.calls")
    try:
        connection.execute(migration.steps[0].statements.encode())
        assert connection.execute("SELECT FROM public.of_a_customer").rowcount == 0
    finally:
        connection.execute("DROP VIEW public.of_a_customer")
