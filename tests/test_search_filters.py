"""The filter of a search, to and from the query of an address."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batch.push_ids import PushIds
from ops.search.filters import STATUSES, Filter, Place, read_filter, read_place
from tests.corpus.odd_values import HOSTILE_TEXTS

ALL = Filter(
    identifier="+62 812-3456",
    source="lender a&b",
    kind="custom-api",
    status="dead",
    workflow="w1",
    error="no JSON",
    group="0a1b2c3d",
    path="$.call.asr_result[].time",
    warned=True,
    since=datetime(2026, 11, 28, 1, 2, 3, 456789, UTC),
    until=datetime(2026, 11, 29, tzinfo=UTC),
)


def test_address_and_back() -> None:
    """Every condition survives the way into an address and out of it; what is no condition is not in it."""
    assert read_filter(ALL.as_query()) == (ALL, {})
    assert len(ALL.as_query()) == len(Filter.__struct_fields__)
    assert Filter().as_query() == {}
    assert read_filter({"status": "", "other": "x", "id": "  "}) == (Filter(), {})


def test_place_and_back() -> None:
    """A page begins at a push, on either side of it."""
    push_id = UUID(bytes=PushIds().draw()[0])
    for place in (Place(push_id), Place(push_id, newer=True)):
        assert read_place(place.as_query()) == (place, {})
    assert read_place({}) == (None, {})


@pytest.mark.parametrize(
    "push_id", ["x", "1", "00000000-0000-4000-8000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff", "0" * 9999]
)
def test_place_that_is_none(push_id: str) -> None:
    """What is no push's id is said, and not looked for."""
    assert read_place({"before": push_id}) == (None, {"before": "a page begins at a push, and this is no push id"})


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-11-28", datetime(2026, 11, 28, tzinfo=UTC)),
        ("2026-11-28T09:30", datetime(2026, 11, 28, 9, 30, tzinfo=UTC)),
        ("2026-11-28 09:30:15.25Z", datetime(2026, 11, 28, 9, 30, 15, 250_000, UTC)),
        ("2026-11-28T09:30+07:00", datetime(2026, 11, 28, 2, 30, tzinfo=UTC)),
    ],
)
def test_times(typed: str, meant: datetime) -> None:
    """UTC, unless the text says another zone."""
    assert read_filter({"since": typed}) == (Filter(since=meant), {})


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("since", "yesterday", "write a time as"),
        ("until", "2026-02-30", "write a time as"),
        ("since", "0001-01-01T00:00+14:00", "write a time as"),
        ("until", "9999-12-31T23:59-14:00", "write a time as"),
        ("kind", "custom", "there is no such kind"),
        ("status", "DEAD", "there is no such outcome"),
        ("group", "xyz", "a fingerprint has 8 of the digits"),
        ("group", "0a1b2c3", "a fingerprint has 8 of the digits"),
        ("id", "a\0b", "a character that nothing stored has"),
        ("id", "9" * 256, "it has 256 characters"),
        ("error", "e" * 401, "it has 401 characters"),
    ],
)
def test_wrong_values_are_said(field: str, typed: str, words: str) -> None:
    """In words, beside the field; the other conditions stand."""
    found, wrong = read_filter({field: typed, "source": "shop"})

    assert found == Filter(source="shop")
    assert set(wrong) == {field}
    assert words in wrong[field]


def test_conditions_that_exclude_each_other_are_said() -> None:
    """A search that can find nothing says so before it looks."""
    assert set(read_filter({"since": "2026-11-28", "until": "2026-11-28"})[1]) == {"until"}
    for field, value in (("error", "x"), ("group", "0a1b2c3d")):
        assert set(read_filter({field: value, "status": "normalised"})[1]) == {"status"}
        assert read_filter({field: value, "status": "discarded"})[1] == {}


def test_what_has_an_error_is_dead() -> None:
    """Unless another status is asked for."""
    assert [Filter(error="x").outcome, Filter(group="0a1b2c3d").outcome, Filter().outcome] == ["dead", "dead", ""]
    assert [Filter(error="x", status=status).outcome for status in STATUSES] == list(STATUSES)


_FIELDS = ["id", "source", "kind", "status", "workflow", "error", "group", "warned", "path", "since", "until"]


@given(st.dictionaries(st.sampled_from(_FIELDS), st.text() | st.sampled_from(sorted(HOSTILE_TEXTS.values()))))
def test_any_address_is_read(query: dict[str, str]) -> None:
    """Whatever stands in an address is a filter, or words about it; and the filter can be sent on."""
    found, wrong = read_filter(query)

    assert set(wrong) <= set(_FIELDS)
    if not wrong:
        assert read_filter(found.as_query()) == (found, {})
