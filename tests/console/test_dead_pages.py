"""Dead letters in the console: by cause, one cause with its pushes, and what operators do with all of them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from psycopg import Connection

from tests.console.conftest import Console
from tests.processes import wait_until
from tests.pushes import entry, push
from tests.stored import make_dead, outcomes
from workers.database import Database
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

HTML = "<script>alert('\u202e')</script>"
LIGHT = 80_000
"""Bytes of a page: with scripts and styles it may have 200,000"""
MEND = "could not be normalised: KeyError"


def addresses(page: httpx.Response, begin: str) -> list[str]:
    """The links of a page that begin so."""
    return [found for found in re.findall(r'href="([^"]+)"', page.text) if found.startswith(begin)]


def group_of(client: httpx.Client, query: str = "") -> str:
    """The address of the one group that there is."""
    (address,) = addresses(client.get(f"/dead{query}"), "/dead/")
    return address


def test_causes(console: Console, database: Database) -> None:
    """Each group with how many, of whom and when, the largest first; of the newest its shape, and no value."""
    settle(database, [entry(b"[]"), entry(b"[1", "lender-b"), entry(b"[1,2", "lender-a"), entry(b'[1,2,"')])

    page = console.viewer.get("/dead")

    assert page.status_code == 200
    assert page.text.index("not JSON: ") < page.text.index("a JSON object is expected, not an array")
    assert "4 dead letters of 3 causes" in page.text
    assert "lender-a, lender-b" in page.text
    assert len(addresses(page, "/dead/")) == 3
    assert len(addresses(page, "/pushes/")) == 3


def test_shape_shows_no_value(console: Console, connection: Rows) -> None:
    """Neither to a viewer nor to an operator."""
    body = {"callee": {"callee_name": "Budi", "+628123": 1}, "Siti": 1}
    make_dead(connection, entry(body))

    for client in (console.viewer, console.operator):
        for address in ("/dead", group_of(client)):
            page = client.get(address).text
            assert "text of 4" in page
            assert not [name for name in ("Budi", "628123", "Siti") if name in page]


def test_filter_is_in_the_address(console: Console, database: Database) -> None:
    """It goes along to the group, and a link to it may be sent to a colleague."""
    settle(database, [entry(b"[]", "lender-a"), entry(b"[1]", "lender-b"), entry(b"[2]", "lender-b")])

    address = group_of(console.viewer, "?source=lender-b&since=2020-01-01T00:00")

    page = console.viewer.get(address)
    assert "source=lender-b" in address
    assert len(addresses(page, "/pushes/")) == 1 + 2
    assert len(addresses(page, "/pushes?group=")) == 1
    assert "No dead letters are so." in console.viewer.get("/dead?until=2020-01-01T00:00").text
    assert "No dead letters are so." in console.viewer.get("/dead?kind=dialer-call").text


def test_empty(console: Console) -> None:
    """In a house where all is well it is said so."""
    assert "nothing to do" in console.viewer.get("/dead").text


@pytest.mark.parametrize("query", ["since=yesterday", "until=0001-01-01T00:00%2B23:00", "source=%00", "kind=a%00b"])
def test_condition_that_cannot_be_read(console: Console, connection: Rows, query: str) -> None:
    """It is told beside its field; of a group nothing may be done by it."""
    make_dead(connection, entry(push()))
    address = group_of(console.operator)

    assert 'aria-invalid="true"' in console.operator.get(f"/dead?{query}").text or query.startswith("kind")
    assert console.operator.get(f"{address}?{query}").status_code == 422
    assert console.post(console.operator, f"{address}/discard?{query}", reason="why").status_code == 422
    assert outcomes(connection) == {"dead": 1}


def test_strangers_text_is_escaped(console: Console, connection: Rows) -> None:
    """In an error, a source and the fields of a filter."""
    make_dead(connection, entry(push(), source=HTML), error=f"no {HTML}")

    for address in ("/dead", group_of(console.operator), f"{group_of(console.operator)}/replay"):
        page = console.operator.get(address).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
    typed = console.operator.get("/dead", params={"source": f'">{HTML}', "kind": f'">{HTML}', "since": f'">{HTML}'})
    assert "<script>alert" not in typed.text


def test_long_texts_are_cut(console: Console, connection: Rows) -> None:
    """A page stays small, whatever came."""
    for number in range(40):
        body = {"x" * 100_000: "y", **{f"field {key}": [{}] * 9 for key in range(3000)}}
        error = f"{'abcdefghij' * 150} {chr(97 + number % 26)}{number // 26 * 'z'}"
        make_dead(connection, entry(body, source=f"s{number}" * 100), error)

    page, others = console.viewer.get("/dead"), console.viewer.get("/dead?skip=25")
    groups = {*addresses(page, "/dead/"), *addresses(others, "/dead/")}
    assert len(groups) == 40
    assert "?skip=25" in page.text
    assert "skip=" not in others.text
    for one in (page, others, console.viewer.get(groups.pop())):
        assert len(one.content) < LIGHT
    assert "40 causes only" in console.viewer.get(f"/dead?skip={9**9}").text


def test_unknown_group(console: Console) -> None:
    """In words, as it may have been replayed since somebody sent the link."""
    page = console.viewer.get("/dead/00000000")
    assert page.status_code == 404
    assert "have been replayed or discarded" in page.text


def test_replay_is_shown_first(console: Console, connection: Rows, sweeper: Sweeper) -> None:
    """What would change is shown, and nothing changes; then the group is replayed, by whom and why on record."""
    make_dead(connection, entry(push("c1")))
    make_dead(connection, entry(b"[]"), error="another")
    (address,) = [
        one for one in addresses(console.operator.get("/dead"), "/dead/") if MEND in console.operator.get(one).text
    ]

    tried = console.operator.get(f"{address}/replay")
    assert "callees" in tried.text
    assert "(new row)" in tried.text
    assert "Budi" not in tried.text
    assert "6281234567890" not in tried.text
    assert outcomes(connection) == {"dead": 2}

    answer = console.post(console.operator, f"{address}/replay", reason=HTML)
    sweeper.run_once()

    assert answer.status_code == 303
    assert outcomes(connection) == {"normalised": 1, "dead": 1}
    page = console.operator.get(answer.headers["location"])
    assert "alice (console)" in page.text
    assert "1 of 1 pushes have their outcome" in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text


def test_personal_data_in_a_dry_run(console: Console, connection: Rows) -> None:
    """An operator may look at it, which is recorded; others see lengths."""
    make_dead(connection, entry(push("c1")))
    address = f"{group_of(console.operator)}/replay"

    console.post(console.operator, "/unmask", page=address)

    assert "6281234567890" in console.operator.get(address).text
    recorded = connection.execute("SELECT operator, filter FROM airudder.actions").fetchall()
    assert recorded == [{"operator": "alice (console)", "filter": {"page": address}}]


def test_two_operators_replay_a_group(console: Console, connection: Rows) -> None:
    """Both are led to the same replay."""
    make_dead(connection, entry(push("c1")))
    address = f"{group_of(console.operator)}/replay"

    first, second = (console.post(console.operator, address) for _ in range(2))

    assert first.headers["location"] == second.headers["location"]
    assert connection.execute("SELECT count(*) AS replays FROM airudder.replays").fetchall() == [{"replays": 1}]


def test_group_that_is_gone_is_not_replayed(console: Console, connection: Rows) -> None:
    """Somebody was quicker, and the page is a moment old."""
    make_dead(connection, entry(push("c1")))
    address = group_of(console.operator)
    console.operator.get(address)
    connection.execute("UPDATE airudder.pushes SET status = 'discarded'")

    answer = console.post(console.operator, f"{address}/replay")

    assert answer.status_code == 409
    assert "None of these pushes is dead any more" in answer.text
    assert connection.execute("SELECT FROM airudder.actions").fetchall() == []


def test_group_is_discarded(console: Console, connection: Rows, database: Database) -> None:
    """The page that is shown next tells when it has ended; another cause, and what nobody has seen, stays."""
    settle(database, [entry(b"[]"), entry(b"[1]"), entry(b"{")])
    addresses_of_groups = addresses(console.operator.get("/dead"), "/dead/")
    page = console.operator.get(addresses_of_groups[0])
    seen = re.findall(r'name="last_seen" value="([^"]+)"', page.text)[0]
    settle(database, [entry(b"[2]")])

    answer = console.post(console.operator, f"{addresses_of_groups[0]}/discard", reason=HTML, last_seen=seen)

    where = answer.headers["location"]
    wait_until(lambda: "It ended" in console.viewer.get(where).text, "the discard ends")
    shown = console.viewer.get(where).text
    assert "2 discarded" in shown
    assert "alice (console)" in shown
    assert "<script>alert" not in shown
    assert outcomes(connection) == {"discarded": 2, "dead": 2}


def test_discard_needs_a_reason(console: Console, connection: Rows) -> None:
    """And one that can be read; nor is it done by a form that does not say what was seen."""
    make_dead(connection, entry(push()))
    address = f"{group_of(console.operator)}/discard"
    seen = "2100-01-01T00:00:00+00:00"

    for fields in ({}, {"reason": " \x00 "}, {"reason": "x" * 501}):
        answer = console.post(console.operator, address, last_seen=seen, **fields)
        assert answer.status_code == 422
        assert "Go back" in answer.text
    for unseen in ("", "yesterday", "9999-12-31T23:59:59.999999"):
        assert console.post(console.operator, address, reason="why", last_seen=unseen).status_code == 422
    assert outcomes(connection) == {"dead": 1}
    assert connection.execute("SELECT FROM airudder.actions").fetchall() == []


def test_viewer_looks_and_does_not_act(console: Console, connection: Rows) -> None:
    """Their pages have no buttons, and a form that they post all the same is refused in words."""
    make_dead(connection, entry(push()))
    address = group_of(console.viewer)

    assert '<form method="post" action="/dead' not in console.viewer.get(address).text
    for refused in (
        console.viewer.get(f"{address}/replay"),
        console.post(console.viewer, f"{address}/replay"),
        console.post(console.viewer, f"{address}/discard", reason="why", last_seen="2100-01-01"),
    ):
        assert refused.status_code == 403
        assert "role operator" in refused.text
    assert outcomes(connection) == {"dead": 1}
    assert connection.execute("SELECT FROM airudder.actions").fetchall() == []
