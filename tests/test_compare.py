"""`ingest compare`: what the vendor has and we do not, told by task and hour, and pulled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from psycopg import Connection

from ingest.kinds.normalise import ids_in
from ops.vendor.client import Credentials
from ops.vendor.comparison import OurCall, missing_of
from ops.vendor.details import TheirCall
from ops.vendor.pulled import call_push
from tests import of_kind
from tests.batches import nothing_in_flight
from tests.processes import ingest, running, running_web, wait_until
from tests.pushes import entry, push
from tests.vendor import DETAIL, Canned, Terminal, at_terminal, call, detail
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

AT = "2026-11-24T09:01:52Z"
NUMBER, OTHER = "+6281234567801", "+6281234567802"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """Where commands are typed."""
    with at_terminal(monkeypatch, capsys) as terminal:
        yield terminal


def ours(call_id: str, number: str = NUMBER, start: str = AT, task_id: str | None = "t1") -> Any:
    """A call as it was pushed."""
    body = push(call_id, number=number)
    body["call"] |= {"task_id": task_id, "call_start_time": start}
    return entry(body)


def compared(terminal: Terminal, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code, and what `--json` says."""
    code, out, _ = terminal.run("compare", *arguments, "--json")
    return code, json.loads(out)


def figures(task: dict[str, Any]) -> tuple[int, int, int]:
    """How many the vendor has, we have, and are missing."""
    return task["vendor"], task["ours"], task["missing"]


def test_nothing_is_missing(terminal: Terminal, database: Database) -> None:
    """A number is one person's however either side spells it, and a start is one however it is written."""
    settle(database, [ours("c1"), ours("c2", "62 812-3456-7802"), ours("c3", "0812-3456-7803")])
    spelt = [
        call(6281234567801, AT),
        call("0062 812 3456 7802", "2026-11-24T16:01:52+07:00"),
        call("+62 812 3456 7803", AT),
    ]
    terminal.vendor.tasks["t1"] = detail(*spelt)

    code, (task,) = compared(terminal, "t1")

    assert (code, figures(task), task["calls"]) == (0, (3, 3, 0), [])


def test_missing_calls_are_told(terminal: Terminal, database: Database) -> None:
    """By task, by hour in the zone and one by one; the exit code is 1."""
    settle(database, [ours("c1"), ours("other task", OTHER, task_id="t2")])
    terminal.vendor.tasks["t1"] = detail(
        call(NUMBER, AT), call(OTHER, AT), call(NUMBER, "2026-11-24T17:30:00Z"), status="calling"
    )

    code, (task,) = compared(terminal, "t1", "--zone", "Asia/Jakarta")

    assert (code, figures(task), task["status"]) == (1, (3, 1, 2), "calling")
    assert task["hours"] == [
        {"hour": "2026-11-24T16", "vendor": 2, "ours": 1, "missing": 1},
        {"hour": "2026-11-25T00", "vendor": 1, "ours": 0, "missing": 1},
    ]
    assert task["calls"] == [
        {"callee_number": OTHER, "started_at": AT},
        {"callee_number": NUMBER, "started_at": "2026-11-24T17:30:00Z"},
    ]
    code, out, _ = terminal.run("compare", "t1", "--zone", "Asia/Jakarta")
    assert code == 1
    for words in ("tasks (1)", "by hour of call start, Asia/Jakarta", "2026-11-25T00", "missing (2 of 2)", OTHER):
        assert words in out


def test_completed_calls_are_calls(terminal: Terminal, database: Database) -> None:
    """Of a customer who is pushed completed calls alone nothing is missing; a call that both kinds tell of is one."""
    told = {"TaskID": "t1", "Mobile": OTHER, "CallStartTime": AT, "CallEndTime": AT, "Status": "finished"}
    settle(database, [ours("c1"), of_kind.entry_of("call-completed", told)])
    settle(database, [of_kind.entry_of("call-completed", {**told, "Mobile": NUMBER})])
    terminal.vendor.tasks["t1"] = detail(call(NUMBER, AT), call(OTHER, AT))

    for which in (("t1",), ("--day", "2026-11-24")):
        code, (task,) = compared(terminal, *which)
        assert (code, figures(task)) == (0, (2, 2, 0))


def test_only_calls_that_took_place_count(terminal: Terminal) -> None:
    """What is pending, cancelled or has just ended is told beside; so is what cannot be compared."""
    now = datetime.now(UTC)
    terminal.vendor.tasks["t1"] = detail(
        call(NUMBER, AT, Status="pending"),
        call(NUMBER, AT, Status="Cancelled"),
        call(NUMBER, "0001-01-01T00:00:00Z"),
        call(NUMBER, f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", CallEndTime=f"{now:%Y-%m-%dT%H:%M:%SZ}"),
        call(NUMBER, AT, Status=None),
        None,
        "text",
    )

    code, (task,) = compared(terminal, "t1")

    assert (code, figures(task)) == (0, (0, 0, 0))
    assert task["not_compared"] == {"pending": 1, "cancelled": 1, "no start": 1, "too new": 1, "no status": 3}
    assert "cancelled 1, no start 1, no status 3" in terminal.run("compare", "t1")[1]


@pytest.mark.parametrize("data", [None, detail(), {"TaskID": "t1"}, {"TaskID": "t1", "Status": 7, "detail": None}])
def test_empty_detail(terminal: Terminal, data: Any) -> None:
    """The vendor has no call: none is missing."""
    terminal.vendor.tasks["t1"] = data

    code, (task,) = compared(terminal, "t1")

    assert (code, figures(task)) == (0, (0, 0, 0))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data":{"detail":7}}', b'{"data"', b'{"data":null,"code":5}'])
def test_answer_that_cannot_be_read(terminal: Terminal, body: bytes) -> None:
    """It is no empty task: one line names the request and the task, and shows nothing of the answer."""
    terminal.vendor.canned[DETAIL] = [Canned(body=body)]

    code, out, err = terminal.run("compare", "t1")

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{DETAIL} answered" in err
    assert "(task t1)" in err


@pytest.mark.parametrize(
    ("threshold", "missing", "code"), [("0", 0, 0), ("0", 1, 1), ("0.1", 1, 0), ("0.1", 2, 1), ("0.101", 2, 0)]
)
def test_threshold_is_a_share_of_each_task(
    terminal: Terminal, database: Database, threshold: str, missing: int, code: int
) -> None:
    """The exit code is 1 if more are missing than the total times the threshold, rounded up."""
    starts = [f"2026-11-24T09:{minute:02}:00Z" for minute in range(10)]
    settle(database, [ours(start, start=start) for start in starts[missing:]])
    terminal.vendor.tasks["t1"] = detail(*(call(NUMBER, start) for start in starts))

    assert terminal.run("compare", "t1", "--threshold", threshold)[0] == code


def test_threshold_is_of_decimal_digits(terminal: Terminal, database: Database) -> None:
    """7 % of a hundred are 7, and not the 8 that floating point rounds up to."""
    starts = [f"2026-11-24T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(100)]
    settle(database, [ours(start, start=start) for start in starts[8:]])
    terminal.vendor.tasks["t1"] = detail(*(call(NUMBER, start) for start in starts))

    code, (task,) = compared(terminal, "t1", "--threshold", "0.07")

    assert (code, task["missing"], task["allowed"]) == (1, 8, 7)


def test_tasks_of_a_day(terminal: Terminal, database: Database) -> None:
    """A day is the zone's: its tasks are those of our calls then, and of theirs only its calls count."""
    late = "2026-11-24T16:59:59Z"
    settle(database, [ours("c1", start=late), ours("c2", start="2026-11-24T17:00:00Z", task_id="t2")])
    terminal.vendor.tasks["t1"] = detail(call(NUMBER, late), call(NUMBER, "2026-11-25T01:00:00Z"))
    terminal.vendor.tasks["t2"] = detail(call(NUMBER, "2026-11-24T17:00:00Z"))

    code, tasks = compared(terminal, "--day", "2026-11-24", "--zone", "Asia/Jakarta")
    assert (code, [(task["task_id"], *figures(task)) for task in tasks]) == (0, [("t1", 1, 1, 0)])
    code, tasks = compared(terminal, "--day", "2026-11-25", "--zone", "Asia/Jakarta")
    assert [(task["task_id"], *figures(task)) for task in tasks] == [("t2", 1, 1, 0)]
    assert "no call here began on that day" in terminal.run("compare", "--day", "2026-11-23")[1]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("t1", "--day", "2026-11-24"),
        ("--day", "today"),
        ("--day", "0001-01-01", "--zone", "Asia/Jakarta"),
        ("--day", "9999-12-31"),
        ("t1", "--zone", "Mars/Olympus"),
        ("t1", "--threshold", "nan"),
        ("t1", "--threshold", "inf"),
        ("t1", "--threshold", "101%"),
    ],
)
def test_usage(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    """Tasks or a day, a zone that there is, a share of them; else nobody is asked."""
    code, out, err = terminal.run("compare", *arguments)
    assert (code, out, terminal.vendor.asked) == (2, "", [])
    assert "Error: " in err


def their(number: str | None = NUMBER, second: float = 0) -> TheirCall:
    """A call of the vendor's that began so many seconds after another."""
    return TheirCall(number, datetime(2026, 11, 24, 9, tzinfo=UTC) + timedelta(seconds=second), msgspec.Raw(b"{}"))


def our(number: str | None = NUMBER, second: float | None = 0) -> OurCall:
    """A row of ours."""
    return OurCall(number, None if second is None else their(second=second).started_at)


MATCHES: dict[str, tuple[list[TheirCall], list[OurCall], int]] = {
    "none": ([their()], [], 1),
    "the same": ([their()], [our()], 0),
    "rounded up": ([their(second=1)], [our(second=0.4)], 0),
    "another time": ([their()], [our(second=3)], 1),
    "another person": ([their()], [our(OTHER)], 1),
    "a row is of one call": ([their(), their(second=1)], [our(second=1)], 1),
    "the nearest first": ([their(), their(second=2)], [our(second=2), our(second=-2)], 0),
    "a row without its start": ([their()], [our(second=None)], 0),
    "a row without its number": ([their()], [our(None)], 0),
    "two calls beside it": ([their(), their(OTHER)], [our(None)], 1),
    "no number at the vendor's": ([their(None)], [our(None)], 0),
    "as it is dialled at home": ([their("081234567801")], [our()], 0),
    "dialled so here": ([their()], [our("081234567801")], 0),
    "somebody else's at home": ([their("081234567802")], [our()], 1),
}


@pytest.mark.parametrize(("theirs", "rows", "missing"), MATCHES.values(), ids=MATCHES.keys())
def test_match(theirs: list[TheirCall], rows: list[OurCall], missing: int) -> None:
    """A call is the same if number and start are; where a row lacks one, the other has to do."""
    assert len(missing_of(theirs, rows)) == missing


def test_ten_thrown_away_are_pulled(terminal: Terminal, client: Any, connection: Rows) -> None:
    """What never arrived is found, stored as pulled, and found no more; again is harmless."""
    starts = [f"2026-11-24T09:{place // 60:02}:{place % 60:02}Z" for place in range(0, 600, 3)]
    numbers = [f"+62812345678{place:02}" for place in range(100)] * 2
    thrown_away = set(range(0, 200, 20))
    terminal.vendor.tasks["t1"] = detail(*map(call, numbers, starts))
    with running_web() as url, running("worker", WORKERS="1"), httpx.Client() as sender:
        for place, (number, start) in enumerate(zip(numbers, starts, strict=True)):
            if place not in thrown_away:
                body = ours(f"c{place}", number, start).body
                assert sender.post(f"{url}/airudder/custom-api", content=body).is_success
        wait_until(lambda: nothing_in_flight(client), "everything is settled")
        to = ("--to", f"{url}/airudder/pulled-call")

        code, out, err = terminal.run("compare", "t1", "--repair", *to)
        assert (code, err) == (1, "pulled and stored: 10 of 10\n")
        assert "missing (10 of 10)" in out
        # A second time before the first is settled, as of two operators; the endpoint is that of this machine.
        terminal.monkeypatch.setenv("PORT", url.rpartition(":")[2])
        terminal.run("compare", "t1", "--repair")
        wait_until(lambda: nothing_in_flight(client), "everything is settled")

    code, (task,) = compared(terminal, "t1")
    assert (code, figures(task)) == (0, (200, 200, 0))
    pulled = connection.execute("SELECT * FROM airudder.calls WHERE call_id LIKE 'pulled:t1:%'").fetchall()
    assert {row["callee_number"] for row in pulled} == {numbers[place] for place in thrown_away}
    assert len(pulled) == len({row["call_id"] for row in pulled}) == 10
    assert "pulled-call" in ingest("find", numbers[0]).stdout
    assert ingest("reconcile").returncode == 0


def test_pulled_push_names_nobody_in_its_key() -> None:
    """The same bytes for the same call, another key for another one or another secret, and no number in the id."""

    def made(start: str = AT, number: str = NUMBER, made_with: str = "s", task_id: str = "t1") -> bytes:
        at = datetime.fromisoformat(start)
        raw = msgspec.Raw(json.dumps(call(number, start)).encode())
        return call_push(task_id, TheirCall(number, at, raw), Credentials("k", made_with))

    others = [
        made(),
        made("2026-11-24T09:01:53Z"),
        made(number="+6281234567802"),
        made(made_with="x"),
        made(task_id="t2"),
    ]
    ids = {ids_in("pulled-call", one).call_id for one in others}

    assert made() == made()
    assert len(ids) == 5
    assert not any(NUMBER[3:] in str(one) for one in ids)


def test_what_is_not_stored_is_told(terminal: Terminal) -> None:
    """A receiver that refuses leaves the calls missing."""
    terminal.vendor.tasks["t1"] = detail(call(NUMBER, AT))
    with running_web(INGEST_TOKENS="lender=s3cret") as url:
        to = ("--to", f"{url}/airudder/{{kind}}", "--token", "wr0ng")
        code, _, err = terminal.run("compare", "t1", "--repair", *to, "--threshold", "1")

    assert (code, err) == (1, "pulled and stored: 0 of 1\ningest: not all is stored: 1 answered 401\n")


def test_erased_person_is_not_brought_back(terminal: Terminal, database: Database, connection: Rows) -> None:
    """Their calls are not missing, and of calls beside theirs none is pulled that may be theirs."""
    settle(database, [ours("c1")])
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0
    terminal.vendor.tasks["t1"] = detail(call(NUMBER, AT))
    assert compared(terminal, "t1")[0] == 0

    terminal.vendor.tasks["t1"] = detail(call(NUMBER, AT), call(OTHER, AT))
    code, _, err = terminal.run("compare", "t1", "--repair", "--to", "http://127.0.0.1:1/")
    assert code == 1
    assert err.startswith("not pulled: 1, as each may be the call of somebody who was erased\n")
    assert "stored: 0 of 0" in err
