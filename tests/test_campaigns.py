"""Campaigns: a day's workflows, one of them by hour, week and node, as a zone has its day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg import Connection

from ingest import settings
from ops.campaigns import day, nodes, workflow
from ops.campaigns.bound import bounded
from ops.campaigns.day import CampaignOfDay, CampaignsOfDay, campaigns_of
from ops.campaigns.figures import median
from ops.campaigns.nodes import Funnel, funnel_of
from ops.campaigns.workflow import Week, WorkflowDay, week_of, workflow_day
from ops.days import Period, zone_named
from tests.campaigns import MORNING, NUMBER, OTHER, call_of, soon
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

TUESDAY = date(2026, 11, 24)
JAKARTA = ZoneInfo("Asia/Jakarta")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
W1 = ("shop", "w1")
NOON, EVENING, NIGHT = "2026-11-24T12:10:00Z", "2026-11-24T16:59:59Z", "2026-11-24T17:00:00Z"
"""Midnight in Jakarta is 17:00 UTC"""


def of(on: date = TUESDAY, zone: Any = UTC) -> CampaignsOfDay:
    """The campaigns of a day."""
    return campaigns_of(settings.load(), zone, on)


def only(found: CampaignsOfDay) -> CampaignOfDay:
    """The only campaign of a day."""
    (one,) = found.campaigns
    return one


def one_day(zone: Any = UTC, which: Any = W1) -> WorkflowDay:
    """A workflow's Tuesday."""
    return workflow_day(settings.load(), which, zone, TUESDAY)


def test_figures_of_a_day(database: Database) -> None:
    """Calls, how many reached somebody, in how many the callee spoke, intentions, durations, first and last."""
    calls = [
        call_of("c1", MORNING, 10, said=("Hello", ""), call_intention="B"),
        call_of("c2", NOON, 20, said=("",), call_intention="A"),
        call_of("c3", EVENING, 60, call_intention="--"),
        call_of("c4", EVENING, 100, said=("Yes",), call_intention="She is ill"),
    ]
    settle(database, [soon(call, EVENING) for call in calls])

    one = only(of())

    assert (one.source, one.workflow_id, one.name) == ("shop", "w1", "collections")
    figures = one.figures
    assert (figures.calls, figures.reached, figures.conversations) == (4, 3, 2)
    assert figures.intentions == {"A": 1, "B": 1, "--": 1, "other": 1}
    assert list(figures.intentions) == ["A", "B", "--", "other"]
    assert (figures.mean_seconds, figures.median_seconds) == (47.5, 40)
    assert (figures.first_at, figures.last_at) == (datetime.fromisoformat(MORNING), datetime.fromisoformat(EVENING))


def test_day_is_its_zones(database: Database) -> None:
    """A call at midnight in Jakarta is of the next day there, and of this day in UTC."""
    settle(database, [soon(call_of(one, at), at) for one, at in (("c1", EVENING), ("c2", NIGHT))])

    assert only(of()).figures.calls == 2
    assert only(of(zone=JAKARTA)).figures.calls == 1
    assert only(of(date(2026, 11, 25), JAKARTA)).figures.first_at == datetime.fromisoformat(NIGHT)


def test_largest_campaign_comes_first(database: Database) -> None:
    """Each source has its own, and calls that name no workflow are one of their own."""
    calls = [soon(call_of(f"c{place}")) for place in range(2)]
    calls += [soon(call_of(f"d{place}", workflow_id="w2", workflow_name=None), source="bank") for place in range(3)]
    settle(database, [*calls, soon({"call": call_of("e")["call"]})])

    found = of()

    assert [(one.source, one.workflow_id, one.name, one.figures.calls) for one in found.campaigns] == [
        ("bank", "w2", None, 3),
        ("shop", "w1", "collections", 2),
        ("shop", None, None, 1),
    ]


def test_other_tables_tell_of_a_campaign(database: Database) -> None:
    """Numbers that AI Rudder is done with, and chatbot sessions: a workflow may have these alone."""
    done = {"workflow_id": "w3", "TaskID": "t", "CallStartTime": MORNING}
    chat = {
        "workflow_id": "w3", "callee": NUMBER, "session_start_time": MORNING,
        "messages": [{"msg_id": "m", "sender_type": "user", "content": {"type": "text", "text": "hi"}}],
    }  # fmt: skip
    settle(database, [
        soon({**done, "Mobile": NUMBER, "Status": "Finished"}, kind="call-completed"),
        soon({**done, "Mobile": OTHER, "Status": "failed"}, kind="call-completed"),
        soon({**chat, "wfdetail_uuid": "s1"}, kind="chatbot-session-ended"),
        soon({**chat, "wfdetail_uuid": "s2", "messages": []}, kind="chatbot-session-ended"),
    ])  # fmt: skip

    one = only(of())

    assert (one.workflow_id, one.figures.calls) == ("w3", 0)
    assert (one.completed, one.completed_reached, one.sessions, one.sessions_answered) == (2, 1, 2, 1)
    alone = one_day(which=("shop", "w3")).campaign
    assert (alone.completed, alone.completed_reached, alone.sessions, alone.sessions_answered) == (2, 1, 2, 1)


def test_empty_day_names_the_last_one(database: Database) -> None:
    """As the zone has it; none where there never was a call."""
    assert (of().campaigns, of().last_day) == ([], None)
    settle(database, [soon(call_of("c1", NIGHT), NIGHT)])

    assert of(date(2026, 11, 28)).last_day == TUESDAY
    assert of(date(2026, 11, 28), JAKARTA).last_day == date(2026, 11, 25)
    assert of(date(2026, 11, 20)).last_day is None


def test_call_without_start_is_in_no_day(database: Database) -> None:
    """It is counted beside the day."""
    settle(database, [soon(call_of("c1", None)), soon(call_of("c2"))])

    found = of()

    assert (only(found).figures.calls, found.without_start) == (1, 1)


def test_call_without_end_has_no_duration(database: Database) -> None:
    """It counts as a call, and not for the mean."""
    settle(database, [soon(call_of("c1", call_call_end_time=None)), soon(call_of("c2", seconds=8))])

    figures = only(of()).figures

    assert (figures.calls, figures.mean_seconds, figures.median_seconds) == (2, 8, 8)


def test_more_than_may_be_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest calls are counted, and it is told since when."""
    monkeypatch.setattr(day, "MOST_CALLS", 2)
    monkeypatch.setattr(workflow, "MOST_CALLS", 2)
    monkeypatch.setattr(workflow, "MOST_CALLS_OF_WEEK", 2)
    times = [f"2026-11-24T0{hour}:30:00Z" for hour in range(5)]
    settle(database, [soon(call_of(at, at), at) for at in times])

    since = datetime.fromisoformat(times[2])

    assert (only(of()).figures.calls, of().counted_since) == (3, since)
    assert (one_day().campaign.figures.calls, one_day().counted_since) == (3, since)
    week = week_of(settings.load(), W1, UTC, TUESDAY)
    assert (sum(cell.calls for _, cells in week.rows for cell in cells), week.counted_since) == (3, since)


def test_bound_reads_other_tables_too(database: Database, connection: Rows) -> None:
    """Sessions and completed calls are bounded as calls are."""
    done = {"workflow_id": "w3", "Mobile": NUMBER, "TaskID": "t"}
    times = [f"2026-11-24T0{hour}:30:00Z" for hour in range(5)]
    settle(database, [soon({**done, "CallStartTime": at}, at, kind="call-completed") for at in times])

    found = bounded(connection, Period(*map(datetime.fromisoformat, (times[0], NIGHT))), 1)

    assert found.counted_since == datetime.fromisoformat(times[3])


def test_more_campaigns_than_are_shown(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with the most calls are, and it is told how many are not."""
    monkeypatch.setattr(day, "MOST_CAMPAIGNS", 1)
    settle(database, [soon(call_of(f"c{place}", workflow_id=f"w{min(place, 1)}")) for place in range(3)])

    assert (only(of()).workflow_id, of().left_out) == ("w1", 1)


def test_hours_of_a_workflow(database: Database) -> None:
    """By the clock of the zone, also where its hours begin at a quarter of ours; an hour without a call is there."""
    calls = [("c1", "2026-11-24T09:14:00Z", 10), ("c2", "2026-11-24T09:15:00Z", 20), ("c3", "2026-11-24T12:00:00Z", 6)]
    settle(database, [soon(call_of(one, at, seconds, said=("Yes",)), at) for one, at, seconds in calls])

    found = {one.hour: (one.calls, one.reached, one.conversations, one.mean_seconds) for one in one_day().hours}
    assert found == {9: (2, 2, 2, 15), 10: (0, 0, 0, None), 11: (0, 0, 0, None), 12: (1, 1, 1, 6)}
    assert {one.hour: one.calls for one in one_day(KATHMANDU).hours} == {14: 1, 15: 1, 16: 0, 17: 1}


def test_words_of_a_workflow(database: Database) -> None:
    """Ring and hangup types with their meanings; a word that is not documented is not shown, as it may be anything."""
    types = [("busy", "ByCallee"), ("busy", None), (None, "ByCallee"), ("Budi's line", "ByCallee")]
    settle(database, [
        soon(call_of(f"c{place}", call_ring_type=ring, call_hangup_type=hangup))
        for place, (ring, hangup) in enumerate(types)
    ])  # fmt: skip

    found = one_day()

    assert [(one.word, one.calls) for one in found.ring_types] == [("busy", 2), ("none", 1), ("other", 1)]
    assert [one.meaning for one in found.ring_types] == ["The line was busy.", None, None]
    assert [(one.word, one.calls) for one in found.hangup_types] == [("ByCallee", 3), ("none", 1)]


def test_workflow_is_its_sources(database: Database) -> None:
    """Another source's workflow may have the same id."""
    settle(database, [soon(call_of("c1")), soon(call_of("c2"), source="bank"), soon({"call": call_of("c3")["call"]})])

    assert one_day().campaign.figures.calls == 1
    assert one_day(which=("shop", None)).campaign.figures.calls == 1
    assert one_day(which=("shop", "unknown")).campaign.figures.calls == 0


def test_hours_of_a_week(database: Database) -> None:
    """Seven days, the newest last, each with its hours: how many calls, and the share that reached somebody."""
    times = ["2026-11-17T23:00:00Z", "2026-11-18T00:30:00Z", MORNING, "2026-11-24T09:50:00Z", "2026-11-25T00:00:00Z"]
    settle(database, [soon(call_of(at, at, said=("Yes",) if at == MORNING else ()), at) for at in times])

    week = week_of(settings.load(), W1, UTC, TUESDAY)

    assert [on.day for on, _ in week.rows] == [18, 19, 20, 21, 22, 23, 24]
    assert called(week) == {(18, 0): (1, 0), (24, 9): (2, 0.5)}
    assert (week.most_calls, week.counted_since) == (2, None)
    assert called(week_of(settings.load(), W1, JAKARTA, TUESDAY)) == {
        (18, 6): (1, 0),
        (18, 7): (1, 0),
        (24, 16): (2, 0.5),
    }


def called(week: Week) -> dict[tuple[int, int], tuple[int, float | None]]:
    """The hours with calls, by day and hour."""
    return {
        (on.day, hour): (cell.calls, cell.share)
        for on, cells in week.rows
        for hour, cell in enumerate(cells)
        if cell.calls
    }


def test_nodes_in_the_order_of_passing(database: Database) -> None:
    """By the pushes that they sent of a call or of a later call about the same case, attributes or not."""
    first, later = "2026-11-24T08:00:00Z", "2026-11-24T10:00:00Z"
    settle(database, [
        soon(call_of("c1", first, node_id="z-greet", node_name="Greet", custom_attribute={}), first),
        soon(call_of("c2", later, node_id="a-offer", node_name="Offer"), later),
        soon(call_of("d1", first, node_id="z-greet", node_name="Greet", number=OTHER, custom_attribute={}), first),
    ])  # fmt: skip

    found = funnel()

    assert [(one.node_id, one.name, one.calls, one.cases) for one in found.nodes] == [
        ("z-greet", "Greet", 2, 2),
        ("a-offer", "Offer", 1, 1),
    ]
    assert (found.of_calls, found.of_listed) == (3, 0)


def test_nodes_of_finished_lists(database: Database) -> None:
    """The nodes that persons have passed, who were called that day, and numbers that AI Rudder is done with."""
    passed = [{"nodetask_id": one, "nodetask_name": one.upper(), "node_type": "call"} for one in ("z", "a")]
    whom = {"workflow_id": "w1", "case_id": "case-1", "callee_number": NUMBER}
    done = {"workflow_id": "w1", "Mobile": NUMBER, "TaskID": "t", "CallStartTime": MORNING, "Status": "finished"}
    settle(database, [
        soon(call_of("c1")),
        soon({**whom, "rows": passed}, kind="list-completed"),
        soon({**done, "nodetask_id": "z", "nodetask_name": "Z"}, kind="call-completed"),
    ])  # fmt: skip

    found = funnel()

    assert [(one.node_id, one.name, one.node_type, one.listed) for one in found.nodes] == [
        ("n1", "API1", None, None),
        ("z", "Z", "call", 1),
        ("a", "A", "call", 1),
    ]
    assert (found.nodes[1].completed, found.nodes[1].completed_reached, found.of_listed) == (1, 1, 1)


def test_nodes_of_some_of_the_calls(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more calls are followed than may be."""
    monkeypatch.setattr(nodes, "MOST_FOLLOWED", 2)
    settle(database, [soon(call_of(f"c{place}")) for place in range(4)])

    found = funnel()

    assert (found.of_calls, found.nodes[0].calls) == (2, 2)


def test_nodes_of_some_of_the_numbers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more are counted than may be."""
    monkeypatch.setattr(nodes, "MOST_CALLS", 1)
    done = {"workflow_id": "w1", "nodetask_id": "z", "Mobile": NUMBER, "TaskID": "t"}
    times = [f"2026-11-24T0{hour}:00:00Z" for hour in range(4)]
    settle(database, [soon({**done, "CallStartTime": at}, at, kind="call-completed") for at in times])

    assert [(one.node_id, one.completed) for one in funnel().nodes] == [("z", 2)]


def test_raw_pushes_are_removed(database: Database, connection: Rows) -> None:
    """Nodes whose pushes brought attributes are still known."""
    settle(database, [soon(call_of("c1"))])
    connection.execute("DELETE FROM airudder.pushes")

    assert [(one.node_id, one.calls) for one in funnel().nodes] == [("n1", 1)]


def funnel() -> Funnel:
    """The nodes of the workflow's Tuesday."""
    return funnel_of(settings.load(), W1, UTC, TUESDAY)


def test_median() -> None:
    """Of values that are counted, as if each stood by itself."""
    assert median({}) is None
    assert median({5: 1}) == 5
    assert median({1: 1, 2: 1}) == 1.5
    assert median({1: 3, 9: 3}) == 5
    assert median({10: 1, 1: 2}) == 1


@pytest.mark.parametrize(
    "name", ["", "Asia", "Asia/Jakrata", "../../etc/passwd", "/etc/passwd", "\0", "x" * 9000, "\ud800"]
)
def test_zone_that_is_none(name: str) -> None:
    """Whatever stands in a URL."""
    assert zone_named(name) is None
    assert zone_named("Asia/Jakarta") == JAKARTA
