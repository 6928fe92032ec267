"""Drift in the console: what the vendor has changed, the newest first, and what to do about it."""

from __future__ import annotations

from typing import Any, LiteralString

import pytest
from psycopg import Connection

from tests.console.conftest import Console

Rows = Connection[dict[str, Any]]

HTML = "<script>alert(1)</script>"

_NOTE: LiteralString = """
INSERT INTO airudder.drift (source, kind, workflow_id, path, came_as, samples, last_sample, first_seen, last_seen)
VALUES (%(source)s, %(kind)s, %(workflow)s, %(path)s, %(came_as)s, %(samples)s, %(last)s,
  now() - %(days)s * interval '1 day', now() - %(gone)s * interval '1 day')
"""


def note(connection: Rows, path: str, came_as: str = "text", days: int = 30, **changes: Any) -> None:
    """A field as the sweeper's samples had it."""
    row = {"source": "lender-a", "kind": "custom-api", "workflow": "w1", "samples": 50, "last": 100, "gone": 0}
    connection.execute(_NOTE, {**row, "path": path, "came_as": came_as, "days": days, **changes})


@pytest.fixture
def noted(connection: Rows) -> None:
    """Samples of one workflow: two unknown fields of which one is new, one that is gone, one of another type."""
    note(connection, "$", "object", samples=100)
    note(connection, "$.call", "object", samples=100)
    note(connection, "$.tenor", days=20)
    note(connection, "$.grade", days=0)
    note(connection, "$.call.call_times", "text")
    note(connection, "$.call.hangup_type", last=40, gone=3)
    note(connection, "$.call.ring_type", samples=100)


@pytest.mark.usefixtures("noted")
def test_what_is_new_stands_first(console: Console) -> None:
    """Each change with its words, and a mark on what is new."""
    page = console.viewer.get("/drift").text

    assert page.index("Missing") < page.index("$.call.hangup_type") < page.index("Retyped") < page.index("Unknown")
    assert page.index("$.grade") < page.index("$.tenor")
    assert page.count('badge is-warn">new') == 1
    assert page.count("Ask AI Rudder.") == 2


@pytest.mark.usefixtures("noted")
def test_of_a_source_and_kind(console: Console) -> None:
    """The filter is in the address."""
    assert "$.grade" in console.viewer.get("/drift?source=lender-a&kind=custom-api").text
    for query in ("source=lender-b", "kind=dialer"):
        assert "No samples are of this source and kind." in console.viewer.get(f"/drift?{query}").text


def test_no_samples(console: Console) -> None:
    """And it is said when there will be some."""
    assert "once a minute" in console.viewer.get("/drift").text


def test_strangers_text_is_escaped(console: Console, connection: Rows) -> None:
    """In a name of a workflow, source or field."""
    names: dict[str, Any] = {"source": HTML, "kind": HTML, "workflow": HTML}
    note(connection, "$", "object", samples=100, **names)
    note(connection, f"$.{HTML}", HTML, **names)

    page = console.viewer.get("/drift").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_many_stay_a_small_page(console: Console, connection: Rows) -> None:
    """Of thousands of fields some are shown, and it is said how many there are."""
    for workflow in range(120):
        note(connection, "$", "object", samples=100, workflow=f"w{workflow}")
        for number in range(20):
            note(connection, f"$.{'field' * 20}{number}", workflow=f"w{workflow}")

    page = console.viewer.get("/drift")
    assert "40 of 2,400" in page.text
    assert len(page.content) < 80_000
