"""Merging the rows of many pushes."""

from __future__ import annotations

import itertools

from ingest.entry import Entry
from tests.pushes import entry, push
from workers.merge import Tables, merge
from workers.normalise import normalise


def merged(entries: list[Entry]) -> Tables:
    """Normalise and merge."""
    return merge([normalise(one) for one in entries])


def test_newest_of_each_key() -> None:
    """Of several rows with a key the newest is written, in whatever order they come."""
    history = [entry(push("c1", workflow_name=name)) for name in ("old", "newer", "newest")]

    for order in itertools.permutations(history):
        tables = merged(list(order))
        assert [row.name for row in tables.workflows.values()] == ["newest"]
        assert [row.push_id for row in tables.calls.values()] == [history[2].uuid]
        assert len(tables.pushes) == 3


def test_keys_are_sorted() -> None:
    """Rows come sorted by key, so that two workers lock them in the same order."""
    tables = merged([entry(push(f"c{number}", number=f"+62812345678{number}0")) for number in (3, 1, 2)])

    assert [row.call_id for row in tables.calls.values()] == ["c1", "c2", "c3"]
    assert [row.callee_number[-2] for row in tables.callees.values()] == ["1", "2", "3"]
    assert [row.push_id for row in tables.pushes] == sorted(row.push_id for row in tables.pushes)


def test_transcript_is_of_newest_that_has_one() -> None:
    """A newer push without a transcript wins the call and leaves the older one its turns."""
    with_turns, without = entry(push("c1", turns=2)), entry(push("c1", turns=0))
    tables = merged([without, with_turns])

    assert tables.calls[(without.source, "c1")].push_id == without.uuid
    (transcript,) = tables.transcripts.values()
    assert (transcript.push_id, len(transcript.turns)) == (with_turns.uuid, 2)


def test_answers_follow_their_case() -> None:
    """Answers are those of the case's newest push, also when that has none."""
    older = push("c1")
    newer = push("c2")
    newer["callee"]["extra"] = []
    tables = merged([entry(older), entry(newer)])

    assert len(tables.cases) == 1
    assert tables.answers == {}


def test_sources_are_apart() -> None:
    """The same ids of two sources are two of everything."""
    tables = merged([entry(push(), source="a"), entry(push(), source="b")])

    assert [row.source for row in tables.calls.values()] == ["a", "b"]
    assert len(tables.callees) == len(tables.workflows) == len(tables.transcripts) == 2
