"""The dialler's rows are newest by the vendor's time: in whatever order pushes and their retries are settled."""

from __future__ import annotations

import itertools
import json
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from psycopg import Connection

import workers.settle
from ingest.batch.entry import Entry
from tests.batches import settle_at_once
from tests.dialler import NUMBER, agent, contact, dialler_entry, said
from tests.pushes import IDS, received_at
from tests.stored import outcomes, rows, settled_in, statuses, told
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

DAY_US = 24 * 3600 * 1_000_000

CALLING = contact("CALLING", 0, contactName="Budi", customerInfo={"a": "1"}, taskName="overdue")
RINGING = contact("RINGING", 1)
HANGUP = contact("HANGUP", 30, hangupReason=0, recLink="https://records.test/1.mp3")
TALKRESULT = contact("TALKRESULT", 30, customizeResults={"Talk": "promised"}, agentName="rina", hangupReason=None)
UNTIMED = said("ContactStatus", taskId="t1", callid="c1", phoneNumber=NUMBER, remark="no time", state="ANSWERED")
OF_AGENT = [agent("RINGING", 1, curDayCallCount=1), agent("HANGUP", 31, curDayCallCount=2), agent("CALLING", 0.5)]
OF_TASK = [
    said("TaskStatus", taskId="t1", state="CALLING", timestamp="1764417600000"),
    said("TaskStatus", taskId="t1", state="Finished", timestamp=1764417660000, taskName="overdue"),
]

HISTORIES: dict[str, list[Any]] = {
    "arriving in turn": [CALLING, RINGING, HANGUP, TALKRESULT, HANGUP],
    "arriving late": [TALKRESULT, CALLING, HANGUP, RINGING, CALLING],
    "the first one retried": [CALLING, TALKRESULT, HANGUP, CALLING, RINGING],
    "one without a time": [HANGUP, UNTIMED, CALLING, UNTIMED, TALKRESULT],
    "one without a time, retried": [UNTIMED, HANGUP, CALLING, UNTIMED, UNTIMED],
    "an agent": [*OF_AGENT, OF_AGENT[0], OF_AGENT[1]],
    "an agent without a time": [said("AgentStatus", agentName="rina", State="HANGUP"), *OF_AGENT[:2]] * 2,
    "a task": [*OF_TASK, CALLING, OF_TASK[0], OF_TASK[1]],
}


def orders(length: int, seed: int) -> list[tuple[int, ...]]:
    """The order of arrival, its reverse, and some others."""
    chance = random.Random(seed)
    every = list(itertools.permutations(range(length)))
    return [every[0], every[-1], *chance.sample(every[1:-1], 30)]


@pytest.mark.parametrize(
    ("content", "outcome", "agent_state"),
    [(said("AgentStatus", agentName="rina", State="REST"), "normalised", "REST"), (UNTIMED, "duplicate", "READY")],
    ids=["an agent's", "a call's"],
)
def test_state_without_time_that_comes_back(
    database: Database, connection: Rows, content: dict[str, Any], outcome: str, agent_state: str
) -> None:
    """An agent may rest again ten minutes later, and the same bytes are news; a call's state does not come back."""
    for minutes, body in enumerate((content, said("AgentStatus", agentName="rina", State="READY"), content)):
        one = dialler_entry(body)
        settle(database, [received_at(one, one.received_us + 5 * minutes * 60_000_000)])

    assert statuses(connection) == ["normalised", "normalised", outcome]
    assert [row["state"] for row in rows(connection, "dialer_agents")] == [agent_state]


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_any_order_ends_alike(database: Database, connection: Rows, history: list[Any]) -> None:
    """Every row and every outcome is the same."""
    deliveries = [dialler_entry(body) for body in history[:5]]
    first, *others = orders(len(deliveries), seed=len(json.dumps(history)))
    expected = settled_in(first, deliveries, database, connection)
    for order in others:
        assert settled_in(order, deliveries, database, connection) == expected, order


@pytest.mark.parametrize("seed", range(8))
def test_any_batches_at_once_end_alike(
    database_url: str, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Three workers settle the deliveries in any groups, some of them in several, at once."""
    chance = random.Random(seed)
    monkeypatch.setattr(workers.settle, "COPY_FROM", chance.choice([1, workers.settle.COPY_FROM]))
    bodies = [CALLING, HANGUP, TALKRESULT, UNTIMED, *OF_AGENT[:2]]
    in_order = [dialler_entry(chance.choice(bodies)) for _ in range(7)]
    expected = settled_in(range(7), in_order, database, connection)
    entries = [received_at(msgspec.structs.replace(one, push_id=IDS.draw()[0]), one.received_us) for one in in_order]
    places = [[chance.sample(range(7), chance.randrange(1, 4)) for _ in range(3)] for _ in range(3)]
    places[0].append([place for place in range(7) if not any(place in group for own in places for group in own)])
    batches: list[list[list[Entry]]] = [[[entries[place] for place in group] for group in own] for own in places]
    longest = max(map(len, batches))

    settle_at_once(database_url, [[*own, *[[]] * (longest - len(own))] for own in batches])

    assert told(connection, entries, "default") == expected


def test_vendors_time_decides(database: Database, connection: Rows) -> None:
    """A CALLING that arrives last changes nothing that was said later, and tells what nobody else has."""
    settle(database, [dialler_entry(HANGUP), dialler_entry(TALKRESULT)])
    settle(database, [dialler_entry(CALLING)])

    (stored,) = rows(connection, "dialer_contacts")
    assert (stored["state"], stored["contact_name"], stored["customer_info"]) == ("TALKRESULT", "Budi", {"a": "1"})
    (call,) = rows(connection, "calls")
    assert call["duration"] == timedelta(seconds=30)


def test_time_that_is_believed_of_a_retry_alone(database: Database, connection: Rows) -> None:
    """It is over an hour ahead of the first delivery, and an hour ahead of the retry: the first one decides, in
    whatever order they are settled, and what others told before that time is not lost."""
    now = dialler_entry({}).received_us
    minute = 60_000_000

    def told_at(us: int, came_us: int, state: str, **body: Any) -> Entry:
        return received_at(dialler_entry(contact(state, timestamp=(now + us) // 1000, **body)), now + came_us)

    of_wrong_clock = {"contactName": "Budi", "remark": "of a wrong clock"}
    deliveries = [
        told_at(30 * minute, -minute, "RINGING", remark="ahead by half an hour"),
        told_at(61 * minute, 0, "CALLING", **of_wrong_clock),
        told_at(minute, minute, "HANGUP", hangupReason=2),
        told_at(61 * minute, 2 * minute, "CALLING", **of_wrong_clock),
        told_at(0, 3 * minute, "ANSWERED", remark="came late"),
    ]
    expected = settled_in(range(5), deliveries, database, connection)
    (call,) = rows(connection, "calls")
    assert (call["started_at"], call["ended_at"] is None) == (None, False)
    for order in orders(5, seed=1):
        assert settled_in(order, deliveries, database, connection) == expected, order


def test_known_result_is_never_overwritten_by_null(database: Database, connection: Rows) -> None:
    """A later push that has null, or nothing, for a result leaves it."""
    later = contact("TALKRESULT", 60, hangupReason=None, customizeResults={}, recLink="", agentName=None)
    settle(database, [dialler_entry(HANGUP), dialler_entry(TALKRESULT), dialler_entry(later)])

    for table in ("dialer_contacts", "dialer_calls"):
        (stored,) = rows(connection, table)
        told = stored["hangup_reason"], stored["agent_name"], stored["record_link"]
        assert told == (0, "rina", "https://records.test/1.mp3")
    assert connection.execute("SELECT value FROM airudder.dialer_results").fetchall() == [{"value": "promised"}]


def test_counters_are_the_newest_snapshot(database: Database, connection: Rows) -> None:
    """One row an agent, whose counters are not added up."""
    settle(database, [dialler_entry(one) for one in reversed(OF_AGENT)])

    (stored,) = rows(connection, "dialer_agents")
    assert (stored["state"], stored["day_counters"]) == ("HANGUP", {"curDayCallCount": 2})


def test_every_row_leads_to_its_pushes(database: Database, connection: Rows) -> None:
    """By the digest of the newest push's body; that of an older column is in its version."""
    history = [CALLING, HANGUP, TALKRESULT, *OF_AGENT, *OF_TASK, UNTIMED]
    settle(database, [dialler_entry(one) for one in history])

    for table in ("dialer_contacts", "dialer_calls", "dialer_agents", "dialer_tasks"):
        unled = f"SELECT FROM airudder.{table} LEFT JOIN airudder.pushes USING (source, body_digest) WHERE body IS NULL"
        assert connection.execute(unled.encode()).fetchall() == []
    for row in rows(connection, "dialer_contacts"):
        for version in map(UUID, row["kept_from"].values()):
            found = connection.execute(
                "SELECT FROM airudder.pushes WHERE push_id = %(version)s OR right(%(version)s::uuid::text, 12) = "
                "right(to_hex((('x' || encode(substr(body_digest, 1, 8), 'hex'))::bit(64) >> 2)::bigint), 12)",
                {"version": version},
            )
            assert found.rowcount == 1


def test_same_bytes_days_later_say_the_same(database: Database, connection: Rows) -> None:
    """They are another push by then, and still told at the vendor's time: nothing older comes back."""
    first = dialler_entry(CALLING)
    later = received_at(dialler_entry(CALLING), first.received_us + 3 * DAY_US)
    settle(database, [first, dialler_entry(HANGUP)])
    before = rows(connection, "dialer_contacts")

    settle(database, [later])

    assert outcomes(connection) == {"normalised": 3}
    assert rows(connection, "dialer_contacts") == before
