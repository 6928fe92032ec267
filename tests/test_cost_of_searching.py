"""What a search costs: each of its statements reads a stretch of an index, however many pushes there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import ops.search.pushes
from ingest.batch.push_ids import id_of, microsecond_of
from ops.search.filters import Filter, Place
from ops.search.pushes import find_stored
from ops.search.statements import FINGERPRINT
from tests.explained import TODAY, Explaining, Rows, filled_tables

STRETCH = 400

MIDDLE = TODAY + timedelta(days=1, minutes=16, seconds=43)
"""Of the pushes of tomorrow"""
PLACE = UUID(bytes=id_of(microsecond_of(MIDDLE), 5))

FILTERS: dict[str, Filter] = {
    "all": Filter(),
    "source": Filter(source="shop"),
    "other source": Filter(source="nobody"),
    "kind": Filter(kind="qa-report"),
    "workflow": Filter(workflow="w1"),
    "pending": Filter(status="pending"),
    "pending of a source": Filter(status="pending", source="nobody"),
    "dead": Filter(status="dead"),
    "dead of a kind": Filter(status="dead", kind="qa-report"),
    "error": Filter(error="HY"),
    "other error": Filter(error="other"),
    "group": Filter(group="00000000"),
    "normalised": Filter(status="normalised"),
    "erased": Filter(status="erased"),
    "discarded of an error": Filter(status="discarded", error="x"),
    "warned": Filter(warned=True),
    "dead and warned": Filter(warned=True, status="dead"),
    "path": Filter(path="$.callee.due_date"),
    "other path": Filter(path="$.other"),
    "call": Filter(identifier="call 1000003"),
    "case": Filter(identifier="case 1000003"),
    "case without a number": Filter(identifier="case 1000098"),
    "number": Filter(identifier="+628121000003"),
    "nothing": Filter(identifier="nothing"),
    "push": Filter(identifier=str(PLACE)),
    "times": Filter(since=MIDDLE, until=MIDDLE + timedelta(hours=1)),
    "number and times": Filter(identifier="+628121000003", since=MIDDLE),
}
FOUND = {"all", "source", "pending", "dead", "error", "normalised", "warned", "path", "call", "case", "number", "times"}
"""Those that find something on the first page"""


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Rows]:
    """Tables with thousands of rows."""
    with filled_tables(database_url) as connection:
        yield connection


@pytest.mark.parametrize("place", [None, Place(PLACE), Place(PLACE, newer=True)], ids=["first", "older", "newer"])
@pytest.mark.parametrize("name", FILTERS)
def test_page_reads_a_stretch(filled: Rows, name: str, place: Place | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for, and wherever the page begins; also if nothing is like it."""
    monkeypatch.setattr(ops.search.pushes, "STRETCH", STRETCH)
    explaining: Any = Explaining(filled)

    found = find_stored(explaining, FILTERS[name], place)

    if place is None:
        assert bool(found.pushes) >= (name in FOUND), name
    assert explaining.statements >= 1


def test_fingerprint_of_what_has_no_error(filled: Rows) -> None:
    """Is none."""
    statement = f"SELECT count(*) AS pushes FROM airudder.pushes WHERE {FINGERPRINT} IS NOT NULL AND error IS NULL"
    (counted,) = filled.execute(statement.encode())
    assert counted["pushes"] == 0
