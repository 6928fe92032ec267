"""A search: which pushes a filter means, page by page."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

import ops.search.pushes
from ingest import settings
from ingest.batch.entry import Entry
from ingest.batch.push_ids import id_of
from ingest.errors import PostgresAwayError
from ops.repair.groups import dead_groups
from ops.search.filters import Filter, Place
from ops.search.pushes import NOTHING, FoundPage, find_pushes
from tests.batches import enqueued
from tests.of_kind import entry_of
from tests.pushes import entry, push, received_at
from tests.stored import store_pending
from workers.database import Database
from workers.jobs import normalise_batch
from workers.selection import Selection
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

NUMBER = "+6281200000002"


def find(place: Place | None = None, *, show_personal: bool = False, **conditions: Any) -> FoundPage:
    """A page."""
    return find_pushes(settings.load(), Filter(**conditions), place, show_personal=show_personal)


def ids(found: FoundPage) -> list[UUID]:
    """Its pushes."""
    return [one.push_id for one in found.pushes]


@pytest.fixture
def stored(database: Database, connection: Rows) -> dict[str, Entry]:
    """A push in each status, of two sources, kinds and workflows, one of them warned of."""
    warned = push("c2", NUMBER, workflow_id="w2")
    warned["callee"] |= {"due_date": "2021-02-30", "case_id": "loan-2"}
    pushes = {
        "normalised": entry(push("c1")),
        "warned": entry(warned, source="shop"),
        "dead": entry([]),
        "dead of bytes": entry(b"{", source="shop"),
        "discarded": entry(b"[2]"),
        "erased": entry(push("c4", "+6281200000004")),
        "status": entry_of("workflow-status", {"workflow_id": "w1", "workflow_name": "x", "status": "running"}),
    }
    settle(database, list(pushes.values()))
    pushes["duplicate"] = entry(pushes["normalised"].body, later_us=10)
    settle(database, [pushes["duplicate"]])
    pushes["pending"] = entry(push("c3", "+6281200000003"))
    store_pending(connection, pushes["pending"])
    update = "UPDATE airudder.pushes SET {} WHERE push_id = %s"
    connection.execute(update.format("status = 'discarded'").encode(), [pushes["discarded"].uuid])
    erased = "status = 'erased', normalised_at = NULL, body = '', call_id = NULL, callee_number = NULL, case_id = NULL"
    connection.execute(update.format(erased).encode(), [pushes["erased"].uuid])
    return pushes


CONDITIONS: dict[str, dict[str, Any]] = {
    "source": {"source": "shop"},
    "kind": {"kind": "custom-api"},
    "other kind": {"kind": "workflow-status"},
    "workflow": {"workflow": "w1"},
    "warned": {"warned": True},
    "path": {"path": "$.callee.due_date"},
    "other path": {"path": "$.callee.other"},
    "error": {"error": "OBJECT IS EXPECTED"},
    "error of discarded": {"error": "expected", "status": "discarded"},
    "call": {"identifier": "c1"},
    "case": {"identifier": "loan-2"},
    "number": {"identifier": "0062 812 0000 0002"},
    "task or workflow": {"identifier": "w1"},
    "nothing": {"identifier": "nothing"},
    **{f"is {status}": {"status": status} for status in ("normalised", "duplicate", "pending", "dead", "erased")},
}
MEANT: dict[str, set[str]] = {
    "source": {"warned", "dead of bytes"},
    "kind": {"normalised", "warned", "dead", "dead of bytes", "discarded", "erased", "duplicate", "pending"},
    "other kind": {"status"},
    "workflow": {"normalised", "duplicate", "status", "erased"},
    "warned": {"warned"},
    "path": {"warned"},
    "other path": set(),
    "error": {"dead"},
    "error of discarded": {"discarded"},
    "call": {"normalised", "duplicate"},
    "case": {"warned"},
    "number": {"warned"},
    "task or workflow": {"normalised", "duplicate", "status", "erased"},
    "nothing": set(),
    "is normalised": {"normalised", "warned", "status"},
    "is duplicate": {"duplicate"},
    "is pending": {"pending"},
    "is dead": {"dead", "dead of bytes"},
    "is erased": {"erased"},
}


def test_each_condition_and_each_two(stored: dict[str, Entry]) -> None:
    """A page has what all conditions hold of, and nothing else, the newest first."""
    newest_first = sorted(stored.items(), key=lambda one: one[1].push_id, reverse=True)

    def meant(names: set[str]) -> list[UUID]:
        return [one.uuid for name, one in newest_first if name in names]

    assert ids(find()) == meant(set(stored))
    for one, other in itertools.combinations_with_replacement(CONDITIONS, 2):
        both = {**CONDITIONS[one], **CONDITIONS[other]}
        if all(both[name] == value for name, value in CONDITIONS[one].items()):
            both_hold = MEANT[one] & MEANT[other]
            if "error" in both and both.get("status", "dead") not in ("dead", "discarded"):
                both_hold = set()
            assert ids(find(**both)) == meant(both_hold), (one, other)


def test_times(stored: dict[str, Entry]) -> None:
    """Since is part of the time that is meant, until is not; with an id and a status too."""
    at = stored["dead"].received_at
    assert stored["dead"].uuid in ids(find(since=at))
    assert stored["dead"].uuid not in ids(find(until=at))
    assert ids(find(since=at, until=at + timedelta(microseconds=1))) == [stored["dead"].uuid]
    assert ids(find(since=at, until=at + timedelta(microseconds=1), status="dead")) == [stored["dead"].uuid]
    assert ids(find(identifier="c1", until=at)) == [stored["normalised"].uuid]


def test_group_of_dead_letters(stored: dict[str, Entry], connection: Rows) -> None:
    """By the fingerprint by which `ingest dead` names it."""
    for group in dead_groups(connection, Selection(statuses=("dead",))):
        (found,) = find(group=group.fingerprint).pushes
        assert (found.error is not None, found.kind) == (True, group.kind)
        assert found.received_at == group.last_seen
    assert find(group="00000000").pushes == []


def test_found_as(stored: dict[str, Entry]) -> None:
    """What the id is, in words; it may be several."""
    assert find(identifier=str(stored["dead"].uuid)).found_as == ("push id",)
    assert find(identifier=stored["dead"].uuid.hex.upper()).found_as == ("push id",)
    assert find(identifier="c1").found_as == ("call id",)
    assert find(identifier="loan-2").found_as == ("case id",)
    assert find(identifier=NUMBER).found_as == ("telephone number",)
    assert find(identifier="w1").found_as == ()


def test_batch(client: Any, database: Database) -> None:
    """All that one batch settled, dead ones among them, and nothing of the batch beside it."""
    for number in "12":
        entries = [entry(push(f"c{number}")), entry([number]), entry(push(f"d{number}"))]
        batch_id = str(UUID(bytes=id_of(entries[0].received_us, 7)))
        normalise_batch(client, database, enqueued(client, entries, batch_id))

        found = find(identifier=batch_id)

        assert found.found_as == ("batch id",)
        assert ids(found) == [one.uuid for one in reversed(entries)]
        assert ids(find(identifier=batch_id, status="dead")) == [entries[1].uuid]


def test_id_that_is_several(database: Database) -> None:
    """A number that somebody is called by, and a call's id: all pushes of both."""
    of_call, of_case = entry(push("6281200000002", "+6281200000009")), entry(push("c9"))
    case = push("c8", "+6281200000008")
    case["callee"]["case_id"] = "6281200000002"
    pushes = [of_call, of_case, entry(case), entry(push("c7", NUMBER))]
    settle(database, pushes)

    found = find(identifier="6281200000002")

    assert found.found_as == ("call id", "case id", "telephone number")
    assert ids(found) == [one.uuid for one in (pushes[3], pushes[2], pushes[0])]


def walk(wanted: dict[str, Any], page: FoundPage) -> list[UUID]:
    """All pushes from a page on to the oldest, by the links that a person follows."""
    seen = ids(page)
    while place := page.older or page.further:
        page = find(place, **wanted)
        seen += ids(page)
    return seen


def walk_back(wanted: dict[str, Any], page: FoundPage) -> list[UUID]:
    """All pushes from a page on to the newest."""
    seen = ids(page)
    while place := page.newer or page.further:
        page = find(place, **wanted)
        seen = ids(page) + seen
    return seen


@pytest.fixture
def many(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Pushes of which several came at the same microsecond, the newest first; pages of four."""
    monkeypatch.setattr(ops.search.pushes, "PAGE", 4)
    start = entry(push()).received_us
    pushes = []
    for number in range(23):
        one = entry(push(f"c{number}", NUMBER) if number % 3 else [number], source="shop" if number % 2 else "default")
        pushes.append(received_at(one, start + number // 5))
    settle(database, pushes)
    return sorted(pushes, key=lambda one: (one.received_us, one.push_id), reverse=True)


WANTED: list[dict[str, Any]] = [
    {},
    {"source": "shop"},
    {"status": "dead"},
    {"status": "dead", "source": "shop"},
    {"status": "normalised"},
    {"identifier": NUMBER},
    {"identifier": NUMBER, "source": "shop"},
    {"workflow": "w1"},
    {"identifier": "w1"},
    {"error": "array"},
]


def is_meant(one: Entry, wanted: dict[str, Any]) -> bool:
    """Whether one of many is meant."""
    if wanted.get("source", one.source) != one.source:
        return False
    if wanted.keys() <= {"source"}:
        return True
    is_dead = one.body.startswith(b"[")
    return is_dead == (wanted.get("status") == "dead" or "error" in wanted)


@pytest.mark.parametrize("stretch", [3, 4, 5, 1000])
@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_pages(many: list[Entry], wanted: dict[str, Any], stretch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No push is passed over or seen twice on the way there or back, however little is looked at for one page."""
    monkeypatch.setattr(ops.search.pushes, "STRETCH", stretch)
    meant = [one.uuid for one in many if is_meant(one, wanted)]

    assert walk(wanted, find(**wanted)) == meant
    oldest = find(Place(many[-1].uuid, newer=True), **wanted)
    assert walk_back(wanted, oldest) == [one for one in meant if one != many[-1].uuid]


def test_pages_from_any_push(many: list[Entry]) -> None:
    """Between pushes of the same microsecond too; the neighbours lead on."""
    for place, one in enumerate(many):
        older, newer = find(Place(one.uuid)), find(Place(one.uuid, newer=True))
        assert ids(older) == [other.uuid for other in many[place + 1 : place + 5]]
        assert ids(newer) == [other.uuid for other in many[max(0, place - 4) : place]]
        assert (older.older is None) == (place + 5 >= len(many))
        assert (newer.newer is None) == (place <= 4)
        assert older.newer is not None
        assert newer.older is not None


def test_first_and_last_page(many: list[Entry]) -> None:
    """Nothing newer than the first, nothing older than the last; and a place behind all pushes leads back."""
    assert find().newer is None
    assert find(source="nobody") == NOTHING
    behind = find(Place(many[-1].uuid))
    assert (behind.pushes, behind.older, behind.newer) == ([], None, Place(many[-1].uuid, newer=True))


def test_says_how_far_it_looked(many: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no index has a condition, a page is of a stretch, and says where that ends."""
    monkeypatch.setattr(ops.search.pushes, "STRETCH", 10)

    found = find(kind="qa-report")

    assert (found.pushes, found.older) == ([], None)
    assert found.further == Place(many[9].uuid)
    assert found.looked_until == many[9].received_at
    assert find(found.further, kind="qa-report").further == Place(many[19].uuid)
    assert find(Place(many[19].uuid), kind="qa-report").looked_until is None


def test_workflow_of_long_ago(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables say when they were last told of it, and the page leads there."""
    monkeypatch.setattr(ops.search.pushes, "STRETCH", 3)
    old = entry(push("c0", workflow_id="old"))
    settle(database, [old, *(entry(push(f"c{number}")) for number in range(1, 20))])

    found = find(identifier="old")

    assert (found.pushes, found.found_as) == ([], ())
    assert found.told_last
    assert ids(find(found.told_last, identifier="old")) == [old.uuid]
    assert find(workflow="old").told_last == found.told_last
    assert find(identifier="w1").told_last is None
    assert find(identifier="never").told_last is None


def test_masked_unless_asked_for(stored: dict[str, Entry]) -> None:
    """Of numbers and case ids the last two characters."""
    (found,) = find(identifier="loan-2").pushes
    assert (found.callee_number, found.case_id, found.warning_count) == ("…02", "…-2", 1)
    (found,) = find(identifier="loan-2", show_personal=True).pushes
    assert (found.callee_number, found.case_id) == (NUMBER, "loan-2")


def test_postgres_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and nothing made of it."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(PostgresAwayError):
        find()
