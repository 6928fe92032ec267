"""Merging the rows of many pushes."""

from __future__ import annotations

import itertools
from typing import Any

from ingest.batch.entry import Entry
from ingest.kinds.normalise import normalise
from ingest.tables import CALLS
from tests.pushes import call_history, entry, push, row_of
from workers.merge import merge, newer_of


def merged(entries: list[Entry]) -> dict[str, list[Any]]:
    """Normalise and merge; the rows by table."""
    return {table.name: rows for table, rows in merge(row for one in entries for row in normalise(one).rows)}


def test_newest_of_each_key() -> None:
    """Of several rows with a key the newest is written, in whatever order they come."""
    history = [entry(push("c1", workflow_name=name)) for name in ("old", "newer", "newest")]

    for order in itertools.permutations(history):
        tables = merged(list(order))
        assert [row.name for row in tables["workflows"]] == ["newest"]
        assert [row.push_id for row in tables["calls"]] == [history[2].uuid]


def test_keys_are_sorted() -> None:
    """Rows come sorted by key, so that two workers lock them in the same order."""
    tables = merged([entry(push(f"c{number}", number=f"+62812345678{number}0")) for number in (3, 1, 2)])

    assert [row.call_id for row in tables["calls"]] == ["c1", "c2", "c3"]
    assert [row.callee_number[-2] for row in tables["callees"]] == ["1", "2", "3"]


def test_tables_come_in_lock_order() -> None:
    """Tables come in one order, whatever a push begins with."""
    expected = ["callees", "cases", "calls", "call_attributes", "workflows", "nodes"]
    assert list(merged([entry(push())])) == expected


def test_silence_leaves_what_was_told() -> None:
    """A newer push wins the row, and a column that it does not speak of is the older one's, which is named."""
    with_turns, without = entry(push("c1", turns=2)), entry(push("c1", turns=0))
    (call,) = merged([without, with_turns])["calls"]

    assert (call.push_id, call.received_at) == (without.uuid, without.received_at)
    assert (call.turn_count, call.callee_turn_count, call.callee_word_count) == (2, 2, 4)
    assert call.kept_from == {"transcript": with_turns.uuid}


def test_merging_has_no_order() -> None:
    """However the pushes of a call are brought together, in whatever order and however often, one row comes of it."""
    rows = [row_of(normalise(one), CALLS.row) for one in call_history()]
    expected = None
    for order in itertools.permutations(rows):
        left = newer_of(CALLS, newer_of(CALLS, order[0], order[1]), newer_of(CALLS, order[2], order[3]))
        whole = newer_of(CALLS, newer_of(CALLS, left, order[4]), left)
        expected = expected or whole
        assert whole == expected
    assert expected


def test_sources_are_apart() -> None:
    """The same ids of two sources are two of everything."""
    tables = merged([entry(push(), source="a"), entry(push(), source="b")])

    assert [row.source for row in tables["calls"]] == ["a", "b"]
    assert len(tables["callees"]) == len(tables["workflows"]) == 2
