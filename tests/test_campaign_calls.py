"""The calls of a campaign, one call with its transcript, and a person's contacts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from psycopg import Connection

from ingest import settings
from ops.campaigns import calls
from ops.campaigns.call import MOST_CHARACTERS, MOST_TURNS, OneCall, find_call
from ops.campaigns.calls import OUTCOMES, CallFilter, CallsOfDay, calls_of, place_of
from ops.campaigns.contacts import Contacts, contacts_of
from tests.campaigns import NUMBER, OTHER, call_of, soon
from tests.dialler import contact
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

TUESDAY = date(2026, 11, 24)
W1 = ("shop", "w1")


def page(meant: CallFilter | None = None, *, unmasked: bool = False) -> CallsOfDay:
    """A page of the workflow's Tuesday."""
    return calls_of(settings.load(), W1, UTC, TUESDAY, meant or CallFilter(), unmasked=unmasked)


def call(call_id: str = "c1", first_turn: int = 1, *, unmasked: bool = True) -> OneCall:
    """A call that is there."""
    found = find_call(settings.load(), "shop", call_id, first_turn, unmasked=unmasked)
    assert found
    return found


def contacts(number: str = NUMBER, start: int = 0, **how: bool) -> Contacts:
    """A page of a number's contacts."""
    return contacts_of(settings.load(), number, start, **how)


def all_pages() -> list[list[str]]:
    """The ids of the calls of each page, as links lead from one to the next."""
    found = [page()]
    while found[-1].older:
        found.append(page(CallFilter(before=place_of(str(found[-1].older)))))
    return [[one.call_id for one in each.calls] for each in found]


def test_pages_have_each_call_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first, also where several began at the same moment, and where ids have commas in them."""
    monkeypatch.setattr(calls, "MOST", 2)
    settle(database, [soon(call_of(one)) for one in ("a,1", "b", "c", "d")])
    settle(database, [soon(call_of("e", "2026-11-24T09:30:00Z")), soon(call_of("x"), source="bank")])

    assert all_pages() == [["e", "d"], ["c", "b"], ["a,1"]]


def test_calls_of_others_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page ends where so many were looked at, and says when that one began."""
    monkeypatch.setattr(calls, "MOST_LOOKED_AT", 3)
    times = [f"2026-11-24T0{hour}:00:00Z" for hour in range(8)]
    settle(database, [soon(call_of(at, at, workflow_id="w1" if at == times[0] else "w2"), at) for at in times])

    first = page()

    assert (first.calls, first.looked_until) == ([], datetime.fromisoformat(times[5]))
    assert all_pages() == [[], [], [times[0]]]


def test_full_page_at_the_bound(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls behind those that were looked at are on the next page."""
    monkeypatch.setattr(calls, "MOST", 1)
    monkeypatch.setattr(calls, "MOST_LOOKED_AT", 2)
    whose = {"2026-11-24T03:00:00Z": "w1", "2026-11-24T02:00:00Z": "w2", "2026-11-24T01:00:00Z": "w1"}
    settle(database, [soon(call_of(at, at, workflow_id=workflow), at) for at, workflow in whose.items()])

    assert all_pages() == [["2026-11-24T03:00:00Z"], ["2026-11-24T01:00:00Z"]]


def test_calls_that_are_meant(database: Database) -> None:
    """By what became of them, and by their intention."""
    settle(database, [
        soon(call_of("talked", said=("Yes",), call_intention="A")),
        soon(call_of("silent", said=("",), call_intention="B")),
        soon(call_of("missed", call_intention="A")),
    ])  # fmt: skip

    def ids(intention: str | None = None, outcome: str | None = None) -> list[str]:
        return sorted(one.call_id for one in page(CallFilter(intention, outcome)).calls)

    found = [ids(outcome=outcome) for outcome in OUTCOMES]
    assert found == [["talked"], ["silent", "talked"], ["missed"]]
    assert ids(intention="A") == ["missed", "talked"]
    assert ids(intention="A", outcome="conversation") == ["talked"]


def test_list_masks_numbers(database: Database) -> None:
    """And intentions that are no letters, asked for or not."""
    settle(database, [soon(call_of("c1", said=("Yes", ""), call_intention="ask his wife", call_call_times=3))])

    (one,) = page().calls

    assert (one.callee_number, one.intention, one.attempt) == ("…90", "other", 3)
    assert (one.turn_count, one.callee_turn_count) == (2, 1)
    assert page(unmasked=True).calls[0].callee_number == NUMBER


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z,shop,c1", ",,", "\0"])
def test_place_that_is_none(text: str) -> None:
    """Whatever stands in a URL."""
    assert place_of(text) is None


def test_facts_of_a_call(database: Database) -> None:
    """Its columns, what its words mean, what nodes add, and the pushes that told of it, a dead one too."""
    details: dict[str, Any] = {
        "call_slots": "amount=5",
        "call_asr_ptp": "on Friday",
        "call_multi_label": {"angry": "no"},
    }
    settle(database, [
        soon(call_of("c1", said=("Yes",), call_intention="A", **details)),
        soon(call_of("c1", node_id="n2", node_name="Later", custom_attribute={"b": 2})),
    ])  # fmt: skip

    found = call()

    assert (found.workflow_name, found.callee_number, found.case_id) == ("collections", NUMBER, "case-1")
    assert (found.ring_meaning, found.hangup_meaning) == (
        "It rang normally; this does not say that anybody answered.",
        "The callee hung up.",
    )
    assert (found.intention, found.slots, found.asr_ptp) == ("A", "amount=5", "on Friday")
    assert found.multi_label == {"angry": "no"}
    assert [(one.node_id, one.node_name, one.added) for one in found.attributes] == [
        ("n1", "API1", {"a": "1"}),
        ("n2", "Later", {"b": 2}),
    ]
    assert [(one.kind, one.status, one.node_id) for one in found.pushes] == [
        ("custom-api", "normalised", "n2"),
        ("custom-api", "normalised", "n1"),
    ]
    (turn,) = found.transcript.turns
    assert turn.robot
    assert turn.callee
    assert (turn.number, turn.at, turn.robot.text, turn.callee.text) == (1, "00:00:01", "Good day", "Yes")


def test_masked_call_tells_nothing(database: Database) -> None:
    """Neither of the person, nor of what was said, nor what a customer's text is."""
    texts = ("Budi speaking", "my secret")
    body = call_of(
        "c1", said=texts, call_intention="Budi is ill", call_slots="Budi", call_asr_ptp="Budi's word",
        call_multi_label={"Budi": 1}, call_ring_type="Budi rings", call_hangup_type="Budi hung up",
        custom_attribute={"Budi": "secret"},
    )  # fmt: skip
    settle(database, [soon(body)])

    found = call(unmasked=False)

    assert "Budi" not in str((found.transcript, found.attributes, found.dialled))
    assert "secret" not in str(found)
    assert (found.callee_number, found.case_id, found.intention) == ("…90", "…-1", "other")
    assert (found.slots, found.ring_type, found.hangup_type) == ("text of 4", "text of 10", "text of 12")
    assert (found.asr_ptp, found.multi_label) == ("text of 11", "object of 1")
    (turn, _) = found.transcript.turns
    assert turn.callee
    assert (turn.callee.text, turn.callee.words, turn.callee.characters) == (None, 2, 13)


def test_masked_call_shows_documented_words(database: Database) -> None:
    """They are the vendor's, and say nothing of the person."""
    settle(database, [soon(call_of("c1", call_intention="--", call_ring_type="busy"))])

    found = call(unmasked=False)

    assert (found.intention, found.ring_type, found.hangup_type) == ("--", "busy", "ByCallee")


def test_long_transcript_has_pages(database: Database) -> None:
    """Each turn is on one of them."""
    count = 2 * MOST_TURNS + 1
    settle(database, [soon(call_of("c1", said=tuple(f"turn {place}" for place in range(count))))])

    first = call().transcript
    assert (len(first.turns), first.next_turn, first.turn_count) == (MOST_TURNS, MOST_TURNS + 1, count)
    last = call(first_turn=count).transcript
    assert [(one.number, one.callee and one.callee.text) for one in last.turns] == [(count, f"turn {count - 1}")]
    assert last.next_turn is None
    assert call(first_turn=count + 1).transcript.turns == []
    assert call(first_turn=-5).transcript.turns == first.turns


def test_long_texts_are_cut(database: Database) -> None:
    """It is told how much is left out, and a page of them is bounded."""
    settle(database, [soon(call_of("c1", said=("x" * 3_000,) * 100))])

    found = call().transcript

    (said,) = {one.callee for one in found.turns}
    assert said
    assert (len(said.text or ""), said.characters, said.left_out) == (2_000, 3_000, 1_000)
    assert sum(len(one.callee.text or "") for one in found.turns if one.callee) <= MOST_CHARACTERS
    assert found.next_turn == len(found.turns) + 1


def test_transcript_that_is_removed(database: Database, connection: Rows) -> None:
    """How many turns there were is still known."""
    settle(database, [soon(call_of("c1", said=("Yes",)))])
    connection.execute("UPDATE airudder.calls SET transcript = NULL")

    found = call().transcript

    assert (found.turns, found.turn_count, found.is_kept) == ([], 1, False)


def test_call_without_anything(database: Database) -> None:
    """No start, no workflow, no number."""
    settle(database, [soon({"call": {"call_id": "bare"}})])

    found = call("bare", unmasked=False)

    assert (found.started_at, found.workflow_id, found.callee_number, found.number) == (None, None, None, None)
    assert (found.transcript.turns, found.transcript.turn_count, found.attributes) == ([], 0, [])


def test_what_the_dialler_adds(database: Database) -> None:
    """The reason with its meaning; the agent's name only if it is asked for."""
    settle(database, [soon(contact("HANGUP", hangupReason=12, agentName="Rina", nthCall=2), kind="dialer")])

    shown, hidden = call().dialled, call(unmasked=False).dialled

    assert shown
    assert hidden
    assert (shown.hangup_reason, shown.hangup_meaning, shown.agent_name, shown.nth_call) == (
        12,
        "They talked.",
        "Rina",
        2,
    )
    assert hidden.agent_name == "text of 4"


def test_call_that_is_unknown(database: Database) -> None:
    """Of another source, or of nobody."""
    settle(database, [soon(call_of("c1"))])

    assert find_call(settings.load(), "bank", "c1") is None
    assert find_call(settings.load(), "shop", "c2") is None


def test_contacts_over_all_channels(database: Database) -> None:
    """In time order, each with where it leads; nobody else's."""
    early, late = "2026-11-24T08:00:00Z", "2026-11-24T20:00:00Z"
    chat = {
        "workflow_id": "w1", "wfdetail_uuid": "s1", "callee": NUMBER, "channel": "WhatsApp", "intention": "B",
        "session_start_time": late,
    }  # fmt: skip
    done = {"workflow_id": "w1", "TaskID": "t", "CallStartTime": early, "Mobile": NUMBER, "Status": "finished"}
    settle(database, [
        soon(call_of("c1", call_intention="A")),
        soon(chat, kind="chatbot-session-ended"),
        soon(done, kind="call-completed"),
        soon(call_of("c2", number=OTHER)),
    ])  # fmt: skip

    found = contacts("62 812-3456-7890", unmasked=True)

    assert [(one.channel, one.contact_id, one.is_call, one.outcome) for one in found.contacts] == [
        ("WhatsApp", "s1", False, "B"),
        ("call", "c1", True, "A"),
        ("completed call", None, False, "finished"),
    ]
    assert {one.workflow_name for one in found.contacts} == {"collections"}
    assert [(one.callee_number, one.country, one.name) for one in found.callees] == [(NUMBER, "ID", "Budi")]
    assert (found.total, found.next_start) == (3, None)


def test_contacts_are_masked(database: Database) -> None:
    """Number, name, and an intention that is no letter: one word may be a name."""
    intentions = enumerate(("Budi said 0812", "Budi", "--"))
    settle(database, [soon(call_of(f"c{place}", call_intention=one)) for place, one in intentions])

    found = contacts()

    assert [(one.callee_number, one.name) for one in found.callees] == [("…90", "text of 4")]
    assert {one.outcome for one in found.contacts} == {"text of 14", "text of 4", "--"}


def test_contacts_have_pages(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each contact once, those at the same moment too; none of a number that nobody has."""
    monkeypatch.setattr("ops.campaigns.contacts.MOST", 2)
    settle(database, [soon(call_of(f"c{place}")) for place in range(5)])

    pages = [contacts(start=start) for start in (0, 2, 4)]

    assert sorted(str(one.contact_id) for each in pages for one in each.contacts) == ["c0", "c1", "c2", "c3", "c4"]
    assert [each.next_start for each in pages] == [2, 4, None]
    assert (contacts(OTHER).contacts, contacts(OTHER).callees, contacts(OTHER).total) == ([], [], 0)
    assert contacts("no number").contacts == []
