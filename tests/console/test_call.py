"""The pages of a call and of a person's contacts: masked until an operator asks, and a stranger's text throughout."""

from __future__ import annotations

import pytest
from psycopg import Connection

from tests.campaigns import NUMBER, call_of, soon
from tests.console.conftest import Console
from tests.console.reading import links, text_of
from workers.database import Database
from workers.settle import settle

ODD = '<script>alert(1)</script> "quoted" \u202eright to left'


def contacts_address(console: Console, number: str) -> str:
    """Where the form of contacts leads for a number."""
    answer = console.post(console.viewer, "/contacts", number=number)
    assert answer.status_code == 303
    return answer.headers["location"]


def test_call_shows_its_facts(console: Console, database: Database) -> None:
    """Masked: what is said, by how much; who, by the last digits. With links to its pushes, workflow and contacts."""
    settle(database, [soon(call_of("c1", said=("Yes I will",), call_intention="A", call_asr_ptp="on Friday"))])

    page = console.viewer.get("/calls/shop/c1").text

    read = text_of(page)
    assert "workflow collections" in read
    assert "callee …90" in read
    assert "The callee hung up." in read
    assert "callee 3 words, masked" in read
    assert "normalised" in read
    assert not [one for one in (NUMBER, "Yes I will", "Good day", "on Friday") if one in page]
    assert links(page, "/campaigns/shop/w1?day=2026-11-24")
    assert len(links(page, "/pushes/")) == 1
    assert "text of 9" in read


def test_call_is_a_conversation_when_asked_for(console: Console, database: Database) -> None:
    """To an operator who has asked; on this call's page alone."""
    settle(database, [soon(call_of(one, said=("Yes I will", ""))) for one in ("c1", "c2")])

    assert console.post(console.operator, "/unmask", page="/calls/shop/c1").status_code == 303

    page = console.operator.get("/calls/shop/c1").text
    assert "robot 00:00:01 Good day callee Yes I will robot 00:00:01 Good day" in text_of(page)
    assert NUMBER in page
    for client, address in ((console.operator, "/calls/shop/c2"), (console.viewer, "/calls/shop/c1")):
        assert "Yes I will" not in client.get(address).text


def test_call_of_500_turns(console: Console, database: Database) -> None:
    """On one page, of less than 200 kB."""
    settle(database, [soon(call_of("c1", said=tuple(f"turn {place}" for place in range(501))))])
    console.post(console.operator, "/unmask", page="/calls/shop/c1")

    page = console.operator.get("/calls/shop/c1").text

    assert ">turn 499<" in page
    assert ">turn 500<" not in page
    assert len(page.encode()) < 200_000
    (following,) = links(page, "/calls/shop/c1?turn=")
    assert ">turn 500<" in console.operator.get(following).text


def test_odd_turn_is_the_first(console: Console, database: Database) -> None:
    """One behind the end says where the first is."""
    settle(database, [soon(call_of("c1", said=("Yes",)))])

    for turn in ("0", "-1", "x", "9" * 30, "\u0661"):
        answer = console.viewer.get("/calls/shop/c1", params={"turn": turn})
        assert (answer.status_code, "1 word, masked" in answer.text) == (200, True), turn
    behind = text_of(console.viewer.get("/calls/shop/c1?turn=9").text)
    assert "The transcript has 1 turns. From the first turn" in behind


def test_bare_call(console: Console, database: Database, connection: Connection[object]) -> None:
    """Without a start, a workflow, a number, a transcript, a raw push."""
    settle(database, [soon({"call": {"call_id": "bare"}})])
    connection.execute("DELETE FROM airudder.pushes")

    read = text_of(console.viewer.get("/calls/shop/bare").text)

    assert "began not told" in read
    assert "No transcript has come" in read
    assert "INGEST_RETENTION_DAYS" in read


def test_transcript_that_is_removed(console: Console, database: Database, connection: Connection[object]) -> None:
    """It says what removed it."""
    settle(database, [soon(call_of("c1", said=("Yes",)))])
    connection.execute("UPDATE airudder.calls SET transcript = NULL")

    assert "INGEST_TRANSCRIPT_DAYS" in console.viewer.get("/calls/shop/c1").text


def test_unknown_call(console: Console) -> None:
    """In words, whatever is asked for."""
    for call_id in ("c1", "~%%%", "a%00b", "%FF"):
        answer = console.viewer.get(f"/calls/shop/{call_id}")
        assert (answer.status_code, "There is no call of this id" in answer.text) == (404, True)


def test_strangers_text_stays_text(console: Console, database: Database) -> None:
    """What was said, labels, slots and attributes; on the page of the call and of the contacts."""
    body = call_of(
        "c1", said=(ODD,), call_slots=ODD, call_asr_ptp=ODD, call_multi_label={ODD: ODD}, call_intention=ODD,
        custom_attribute={ODD: ODD}, workflow_name=ODD, node_name=ODD, call_ring_type=ODD,
    )  # fmt: skip
    body["callee"] |= {"callee_name": ODD, "case_id": ODD}
    settle(database, [soon(body)])

    for address in ("/calls/shop/c1", contacts_address(console, NUMBER)):
        console.post(console.operator, "/unmask", page=address)
        page = console.operator.get(address).text
        assert "<script>alert" not in page
        assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 2


def test_contacts_of_a_typed_number(console: Console, database: Database) -> None:
    """However it is spelt; it stands neither in the address nor on the page."""
    settle(database, [soon(call_of("c1", call_intention="A")), soon(call_of("c2", number="+6281111111111"))])

    address = contacts_address(console, "62 812-3456-7890")
    page = console.viewer.get(address).text

    assert "3456" not in address
    assert NUMBER not in page
    assert "shop …90 ID text of 4" in text_of(page)
    assert "1 contact" in text_of(page)
    assert links(page, "/calls/") == ["/calls/shop/c1"]
    assert links(console.viewer.get("/calls/shop/c1").text, "/contacts/")


def test_contacts_are_shown_when_asked_for(console: Console, database: Database) -> None:
    """Of this person alone."""
    settle(database, [soon(call_of("c1")), soon(call_of("c2", number="+6281111111111"))])
    mine, others = contacts_address(console, NUMBER), contacts_address(console, "+6281111111111")

    console.post(console.operator, "/unmask", page=mine)

    assert NUMBER in console.operator.get(mine).text
    assert "Budi" in console.operator.get(mine).text
    assert "+6281111111111" not in console.operator.get(others).text


def test_contacts_have_pages(console: Console, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link leads from each to the next."""
    monkeypatch.setattr("ops.campaigns.contacts.MOST", 2)
    settle(database, [soon(call_of(f"c{place}")) for place in range(3)])
    address = contacts_address(console, NUMBER)

    first = console.viewer.get(address).text
    (older,) = links(first, f"{address}?start=")

    assert len(links(first, "/calls/")) == 2
    assert len(links(console.viewer.get(older).text, "/calls/")) == 1
    assert "There are no older contacts." in console.viewer.get(f"{address}?start=99").text


def test_nobody_is_known(console: Console) -> None:
    """Each empty state says what to do."""
    assert "Type a number" in console.viewer.get("/contacts").text
    assert "No contact with this number is known." in console.viewer.get(contacts_address(console, NUMBER)).text
    for number in ("", "Budi", "1" * 200):
        answer = console.post(console.viewer, "/contacts", number=number)
        assert (answer.status_code, "Type a telephone number" in answer.text) == (422, True)
    assert console.viewer.get("/contacts/made-up").status_code == 404
    assert console.viewer.post("/contacts", data={"number": NUMBER}).status_code == 403
