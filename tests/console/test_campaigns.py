"""The pages of campaigns: a day, a workflow's day with its parts, in whatever words a customer names them."""

from __future__ import annotations

from typing import Any

import pytest

from ops.console.pages.campaign import step
from tests.campaigns import call_of, soon
from tests.console.conftest import Console
from tests.console.reading import links, text_of
from workers.database import Database
from workers.settle import settle

TUESDAY = "day=2026-11-24"
ODD = '<script>alert(1)</script> "quoted" \u202eright to left'
ODD_IDS = ["a/b", "..", ".", "a//b", "?day=1#x", ODD, "~", "%2F"]


def test_day_shows_its_campaigns(console: Console, database: Database) -> None:
    """Each with its figures, and a link to more; the day is in the address."""
    settle(
        database, [soon(call_of("c1", said=("Yes",), call_intention="A", seconds=90)), soon(call_of("c2", seconds=30))]
    )

    page = console.viewer.get(f"/campaigns?{TUESDAY}").text

    assert "Campaigns of Tuesday, 24 November 2026" in text_of(page)
    assert "collections shop 2 1 50 % 1 50 % A 1 · none 1 60 s 60 s 09:01:52 09:01:52" in text_of(page)
    assert f"/campaigns/shop/w1?{TUESDAY}" in links(page, "/campaigns/shop")


def test_day_is_the_chosen_zones(console: Console, database: Database) -> None:
    """Times and days are that zone's, and links keep it."""
    settle(database, [soon(call_of("c1", "2026-11-24T17:00:00Z"), "2026-11-24T17:00:00Z")])

    page = console.viewer.get("/campaigns?day=2026-11-25&zone=Asia/Jakarta").text

    assert "00:00:00" in text_of(page)
    (link,) = links(page, "/campaigns/shop/w1")
    alone = text_of(console.viewer.get(link).text)
    assert "Wednesday, 25 November 2026, Asia/Jakarta" in alone
    assert "00:00 1 0 0 % 0 0 %" in alone


def test_empty_day_leads_to_the_last(console: Console, database: Database) -> None:
    """With a link to it; where there is none, it says how calls come."""
    assert "ingest send" in console.viewer.get(f"/campaigns?{TUESDAY}").text
    settle(database, [soon(call_of("c1"))])

    page = console.viewer.get("/campaigns?day=2026-11-28").text

    assert "The last one before was on Tuesday, 24 November 2026" in text_of(page)
    assert links(page, f"/campaigns?{TUESDAY}")


def test_odd_choice_is_said(console: Console) -> None:
    """In words beside the field, on each of the pages."""
    choices = {
        "zone=Asia/Jakrata": "no such time zone",
        "zone=../../etc/passwd": "no such time zone",
        "day=tomorrow": "This is no day",
        "day=0001-01-01&zone=Asia/Jakarta": "Days are from 2000-01-01",
        "day=9999-12-31": "Days are from 2000-01-01",
        f"day={'9' * 5000}": "This is no day",
    }
    for choice, words in choices.items():
        for page in ("/campaigns", "/campaigns/shop/w1"):
            answer = console.viewer.get(f"{page}?{choice}")
            assert (answer.status_code, words in answer.text) == (200, True), choice


def test_workflow_shows_its_day(console: Console, database: Database) -> None:
    """By hour, how it rang and ended, intentions, and the calls, each with a link."""
    settle(
        database, [soon(call_of("c1", said=("Yes",), call_intention="A")), soon(call_of("c2", call_ring_type="busy"))]
    )

    page = console.viewer.get(f"/campaigns/shop/w1?{TUESDAY}").text

    read = text_of(page)
    assert "busy 1 50 % The line was busy." in read
    assert "ByCallee 2 100 % The callee hung up." in read
    assert "09:00 2 1 50 % 1 50 % 60 s" in read
    assert sorted(links(page, "/calls/")) == ["/calls/shop/c1", "/calls/shop/c2"]
    assert "…90" in read
    assert "+6281234567890" not in page


def test_workflow_without_calls(console: Console) -> None:
    """It says so, and where others are."""
    page = console.viewer.get(f"/campaigns/shop/w1?{TUESDAY}")

    assert "This workflow made no call on this day" in text_of(page.text)


def test_numbers_are_shown_when_asked_for(console: Console, database: Database) -> None:
    """To an operator who has asked on this page; never to a viewer."""
    settle(database, [soon(call_of("c1"))])
    address = f"/campaigns/shop/w1?{TUESDAY}"

    assert console.post(console.operator, "/unmask", page=address).status_code == 303

    assert "+6281234567890" in console.operator.get(address).text
    assert "+6281234567890" not in console.viewer.get(address).text


def test_calls_have_pages(console: Console, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link leads from each to the next."""
    monkeypatch.setattr("ops.campaigns.calls.MOST", 2)
    settle(database, [soon(call_of(f"c,{place}")) for place in range(3)])

    first = console.viewer.get(f"/campaigns/shop/w1?{TUESDAY}").text
    (older,) = [one for one in links(first, "/campaigns/shop/w1?") if "before=" in one]
    second = console.viewer.get(older).text

    assert [text_of(page).count("…90") for page in (first, second)] == [2, 1]
    assert [one for one in links(second, "/campaigns/shop/w1?") if "before=" in one] == []


def test_calls_of_an_intention(console: Console, database: Database) -> None:
    """A letter leads to them, tabs to what became of them; an address that can mean none is said to."""
    settle(database, [soon(call_of("c1", said=("Yes",), call_intention="A")), soon(call_of("c2", call_intention="A"))])
    settle(database, [soon(call_of("c3", call_intention="B"))])

    page = console.viewer.get(f"/campaigns/shop/w1?{TUESDAY}").text
    (letter,) = [one for one in links(page, "/campaigns/shop/w1?") if "intention=A" in one]
    of_letter = console.viewer.get(letter).text
    (talked,) = [one for one in links(of_letter, "/campaigns/shop/w1?") if "outcome=conversation" in one]

    assert sorted(links(of_letter, "/calls/")) == ["/calls/shop/c1", "/calls/shop/c2"]
    assert links(console.viewer.get(talked).text, "/calls/") == ["/calls/shop/c1"]
    for wrong in ("before=nowhere", "before=2026-11-24,a,%00", "outcome=best", "intention=Budi"):
        assert console.viewer.get(f"/campaigns/shop/w1?{wrong}").status_code == 422


@pytest.mark.parametrize("part", ["week", "nodes"])
def test_parts_are_pages_too(console: Console, database: Database, part: str) -> None:
    """For who has no script; htmx gets the part alone."""
    settle(database, [soon(call_of("c1", said=("Yes",)))])
    page = console.viewer.get(f"/campaigns/shop/w1?{TUESDAY}").text
    (address,) = set(links(page, f"/campaigns/shop/w1/{part}"))

    whole = console.viewer.get(address).text
    alone = console.viewer.get(address, headers={"HX-Request": "true"}).text

    assert whole.startswith("<!doctype html>")
    assert "<html" not in alone
    assert alone.strip() in whole


def test_week_is_a_heat_map(console: Console, database: Database) -> None:
    """A row a day, a cell an hour with its number in it, and a shade; the share reached beside it."""
    settle(database, [soon(call_of(f"c{place}", said=("Yes",) * (place == 0))) for place in range(4)])

    page = console.viewer.get(f"/campaigns/shop/w1/week?{TUESDAY}").text

    assert '<td class="heat-10">4</td>' in page
    assert '<td class="heat-3">25 %</td>' in page
    assert page.count('<td class="heat-0">') == 2 * (7 * 24 - 1)
    assert "Wed 18 Nov" in text_of(page)


def test_shades() -> None:
    """Nothing has none, and the least of anything the lightest."""
    assert [step(part, 100) for part in (0, 1, 10, 11, 99, 100)] == [0, 1, 1, 2, 10, 10]
    assert step(None, 1) == step(0, 0) == 0


def test_nodes_are_a_funnel(console: Console, database: Database) -> None:
    """By name, with how many calls have passed them; of calls without a workflow there are none."""
    settle(database, [soon(call_of("c1")), soon(call_of("c2", node_id="n2", node_name=None, custom_attribute={}))])

    read = text_of(console.viewer.get(f"/campaigns/shop/w1/nodes?{TUESDAY}").text)

    assert "API1 calls 1 50 %, 1 case" in read
    assert "n2 calls 1 50 %, 1 case" in read
    assert "nodes" not in console.viewer.get(f"/campaigns/shop/~?{TUESDAY}").text.partition("<main")[2].lower()


def test_odd_ids_have_pages(console: Console, database: Database) -> None:
    """Whatever a workflow and a call are called: their links lead to them."""
    settle(database, [soon(call_of(f"call {odd}", workflow_id=odd, workflow_name=odd)) for odd in ODD_IDS])

    campaigns = links(console.viewer.get(f"/campaigns?{TUESDAY}").text, "/campaigns/shop/")
    assert len(campaigns) == len(ODD_IDS)
    for campaign in campaigns:
        page = console.viewer.get(campaign).text
        (call,) = links(page, "/calls/")
        parts = [links(page, campaign.replace("?", f"/{name}?"))[0] for name in ("week", "nodes")]
        assert [console.viewer.get(one).status_code for one in (call, *parts)] == [200, 200, 200], campaign
        (push,) = links(console.viewer.get(call).text, "/pushes/")
        assert links(console.viewer.get(push).text, "/calls/") == [call]


def test_strangers_text_stays_text(console: Console, database: Database) -> None:
    """Names of workflows and nodes, a status, words of the vendor's."""
    body: dict[str, Any] = {"workflow_name": ODD, "node_name": ODD, "call_ring_type": ODD, "call_intention": ODD}
    settle(database, [
        soon(call_of("c1", **body)),
        soon({"workflow_id": "w1", "workflow_name": ODD, "status": ODD}, kind="workflow-status"),
    ])  # fmt: skip

    for address in ("/campaigns", "/campaigns/shop/w1", "/campaigns/shop/w1/nodes", "/campaigns/shop/w1/week"):
        page = console.operator.get(f"{address}?{TUESDAY}").text
        assert "<script>alert" not in page
        assert ("&lt;script&gt;alert(1)&lt;/script&gt;" in page) == (not address.endswith("week"))


def test_long_names_are_cut(console: Console, database: Database) -> None:
    """A page stays small, whatever a workflow is called."""
    settle(database, [soon(call_of("c1", workflow_name="x" * 1_000_000))])

    for address in ("/campaigns", "/campaigns/shop/w1"):
        assert len(console.viewer.get(f"{address}?{TUESDAY}").content) < 200_000


def test_large_day_says_since_when(console: Console, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all calls are counted."""
    for name in ("day.MOST_CALLS", "workflow.MOST_CALLS", "workflow.MOST_CALLS_OF_WEEK"):
        monkeypatch.setattr(f"ops.campaigns.{name}", 1)
    times = [f"2026-11-24T0{hour}:00:00Z" for hour in range(4)]
    settle(database, [soon(call_of(at, at), at) for at in times])

    for address in ("/campaigns", "/campaigns/shop/w1", "/campaigns/shop/w1/week"):
        assert "those since 2026-11-24 02:00:00Z are counted" in text_of(
            console.viewer.get(f"{address}?{TUESDAY}").text
        )


def test_calls_without_start_are_mentioned(console: Console, database: Database) -> None:
    """They are in no day."""
    settle(database, [soon(call_of("c1", None))])

    assert "1 call did not say when they began, and is in no day." in text_of(
        console.viewer.get(f"/campaigns?{TUESDAY}").text
    )
