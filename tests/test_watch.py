"""`ingest watch`: who is told of a problem, when, and what stands in the notice."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection

import ops.watch.receivers
from ingest.errors import AlertError
from ops.problems.find import find_problems
from ops.problems.problem import Problem
from ops.status.facts import Facts, PostgresFacts, RedisFacts
from ops.watch.loop import NO_ANSWER, Looking, Teller
from ops.watch.notices import END_AFTER, FIRST_WAIT, LONGEST_WAIT, Notice, Notices
from ops.watch.receivers import Command, Webhook
from tests.processes import ingest, running_command, running_into, wait_until
from tests.pushes import entry
from tests.webhook import webhook
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
PAGE = "docs/runbook.md#x"
DYING = Problem(name="dying", what="9 of 9 pushes ended dead", bad="lost", since=NOW, page=PAGE, told_by=("postgres",))
NOTE = Problem(name="pause", what="workers are paused", bad="note", page=PAGE, told_by=("redis",))


def told(notices: Notices, problems: Sequence[Problem], now: datetime) -> list[tuple[str, str]]:
    """What a receiver that takes everything is told."""
    due = notices.due(problems, now)
    for notice in due:
        notices.note_told(notice)
    return [(notice.state, notice.name) for notice in due]


def notice() -> Notice:
    """A notice as it is sent."""
    (found,) = Notices().due([DYING], NOW)
    return found


def test_problem_is_told_at_both_ends() -> None:
    """Once when it comes, and once when it has been gone for a while; a note is told to nobody."""
    notices = Notices()

    assert told(notices, [DYING, NOTE], NOW) == [("begins", "dying")]
    assert told(notices, [DYING, NOTE], NOW + timedelta(seconds=10)) == []
    gone = NOW + timedelta(seconds=20)
    assert told(notices, [], gone) == []
    assert told(notices, [], gone + END_AFTER) == [("ended", "dying")]
    assert told(notices, [], gone + 2 * END_AFTER) == []
    assert told(notices, [DYING], gone + 3 * END_AFTER) == [("begins", "dying")]


def test_problem_that_comes_and_goes_is_one() -> None:
    """Gone for a moment is not gone."""
    notices = Notices()
    told(notices, [DYING], NOW)
    for step in range(1, 20):
        assert told(notices, [DYING] if step % 2 else [], NOW + step * timedelta(seconds=10)) == []


@pytest.mark.parametrize(
    "blind",
    [find_problems(Facts(NOW, RedisFacts(), PostgresFacts("away"))), [NO_ANSWER]],
    ids=["Postgres away", "no answer"],
)
def test_hidden_problem_has_not_ended(blind: list[Problem]) -> None:
    """While its store says nothing it may last; once the store answers, its minute begins."""
    notices = Notices()
    told(notices, [DYING], NOW)

    for minute in range(1, 60):
        assert ("ended", "dying") not in told(notices, blind, NOW + timedelta(minutes=minute))
    back = NOW + timedelta(hours=1)
    assert ("ended", "dying") not in told(notices, [], back)
    assert ("ended", "dying") in told(notices, [], back + END_AFTER)


def test_other_store_hides_nothing() -> None:
    """A problem that Postgres tells of ends though Redis is away."""
    away = find_problems(Facts(NOW, RedisFacts("away"), PostgresFacts()))
    notices = Notices()
    told(notices, [DYING], NOW)

    told(notices, away, NOW)
    assert ("ended", "dying") in told(notices, away, NOW + END_AFTER)


def test_lasting_problem_is_told_less_and_less() -> None:
    """After five minutes, then twice as long each time, up to a day."""
    notices, now, times = Notices(), NOW, []
    while now < NOW + timedelta(days=5):
        times += [now - NOW for _ in told(notices, [DYING], now)]
        now += timedelta(minutes=5)

    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert (max(waits), waits[-1]) == (LONGEST_WAIT, LONGEST_WAIT)


def test_notice_that_is_not_taken_is_due_again() -> None:
    """Until the receiver has it; one that ends untold is told to nobody."""
    notices = Notices()

    for step in range(3):
        assert [one.state for one in notices.due([DYING], NOW + step * timedelta(seconds=10))] == ["begins"]
    assert notices.due([], NOW + timedelta(hours=1)) == []


def test_webhook_takes_a_notice() -> None:
    """As JSON, with all of it in words as well."""
    with webhook() as server:
        Webhook(server.url).send(notice())

    (posted,) = server.posted
    assert (posted["state"], posted["name"], posted["problem"]["bad"]) == ("begins", "dying", "lost")
    assert "since 2026-11-28 03:00:00Z: 9 of 9 pushes ended dead; see docs/runbook.md#x" in posted["text"]


@pytest.mark.parametrize("status", [500, 302, 404, None], ids=["500", "redirect", "404", "endless"])
def test_webhook_that_takes_nothing(monkeypatch: pytest.MonkeyPatch, status: int | None) -> None:
    """An error, and an answer that comes a byte at a time without end; the URL is in no word of it."""
    monkeypatch.setattr(ops.watch.receivers, "WEBHOOK_SECONDS", 1.0 if status is None else 60.0)
    with webhook() as server:
        server.status = status
        with pytest.raises(AlertError, match=r"INGEST_ALERT_URL (answers|does not answer)") as raised:
            Webhook(server.url).send(notice())

    assert "s3cret" not in str(raised.value)


def test_webhook_that_is_not_there() -> None:
    """Nobody listens at the port."""
    with pytest.raises(AlertError, match="does not answer: ClientConnectorError"):
        Webhook("http://127.0.0.1:1/s3cret").send(notice())


def test_command_takes_a_notice(tmp_path: Path) -> None:
    """On its standard input, without a shell."""
    Command(f"tee '{tmp_path}/a notice'").send(notice())

    assert json.loads((tmp_path / "a notice").read_text())["name"] == "dying"


@pytest.mark.parametrize(
    ("command", "words"),
    [("false", "ended with exit code 1"), ("/nowhere/at-all", "cannot be run"), ("sleep 600", "did not end in 0 s")],
)
def test_command_that_takes_nothing(monkeypatch: pytest.MonkeyPatch, command: str, words: str) -> None:
    """Whatever it does, the next notice is not held up by it."""
    if command.startswith("sleep"):
        monkeypatch.setattr(ops.watch.receivers, "COMMAND_SECONDS", 0.3)
    with pytest.raises(AlertError, match=words):
        Command(command).send(notice())


def test_receiver_that_hangs_holds_up_nobody() -> None:
    """Another one is told meanwhile, and looking goes on; it is told itself as soon as it takes something."""
    with webhook() as hanging, webhook() as other:
        hanging.status = None
        tellers = [Teller(Webhook(server.url)) for server in (hanging, other)]
        for _ in range(2):
            for teller in tellers:
                teller.tell([DYING], NOW)
        wait_until(lambda: other.posted, "the other one is told")
        hanging.status = 204

        def is_told() -> bool:
            tellers[0].tell([DYING], NOW)
            return bool(hanging.posted)

        wait_until(is_told, "so is the one that hung")
        assert (len(hanging.posted), len(other.posted)) == (1, 1)


def test_look_that_hangs_is_a_problem() -> None:
    """There is one look at a time, and its answer counts when it comes."""
    may_end, looks = threading.Event(), []

    def look() -> list[Problem]:
        looks.append(1)
        may_end.wait(60)
        return [DYING]

    looking = Looking(look)
    assert [looking.problems(0.05) for _ in range(3)] == [[NO_ANSWER]] * 3
    may_end.set()
    assert looking.problems() == [DYING]
    assert len(looks) == 1


HASTY = (
    sys.executable,
    "-c",
    """
from datetime import timedelta
from ops.watch import loop, notices
assert notices.END_AFTER and loop.EVERY_SECONDS
notices.END_AFTER, loop.EVERY_SECONDS = timedelta(0), 0.1
loop.main()
""",
)


@pytest.mark.usefixtures("environment")
def test_watch_tells_of_a_problem_and_its_end(database: Database, connection: Rows, tmp_path: Path) -> None:
    """From the tables to the webhook; a restarted webhook misses nothing, and the log shows no URL."""
    with webhook() as server:
        server.status = 503
        settle(database, [entry(b"[1234567890]") for _ in range(20)])
        with running_into(tmp_path / "log", *HASTY, INGEST_ALERT_URL=server.url):
            wait_until(lambda: server.asked > 1, "it is tried again")
            server.status = 204

            def states() -> list[str]:
                return [one["state"] for one in server.posted if one["name"] == "dying default custom-api"]

            wait_until(lambda: states() == ["begins"], "it is told")
            connection.execute("TRUNCATE airudder.settlements")
            wait_until(lambda: states() == ["begins", "ended"], "its end is told")

    printed = (tmp_path / "log").read_text()
    assert "s3cret" not in printed
    assert printed.count("INGEST_ALERT_URL answers 503") == 1
    assert "1234567890" not in json.dumps(server.posted)


@pytest.mark.usefixtures("environment")
def test_watch_tells_that_both_servers_are_away(tmp_path: Path) -> None:
    """A command is told as well."""
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    file = tmp_path / "told"
    with running_command(*HASTY, **away, INGEST_ALERT_COMMAND=f"tee -a {file}"):
        wait_until(lambda: file.exists() and "redis away" in file.read_text(), "it is told")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "nobody would be told"),
        ({"INGEST_ALERT_URL": "s3cret"}, "INGEST_ALERT_URL is not of the form"),
        ({"INGEST_ALERT_COMMAND": "mail 's3cret"}, "INGEST_ALERT_COMMAND has a quote"),
        ({"INGEST_ALERT_COMMAND": "'' mail"}, "INGEST_ALERT_COMMAND names no program"),
    ],
    ids=["neither", "no URL", "a quote", "no name"],
)
def test_watch_wants_a_receiver(environ: dict[str, str], words: str) -> None:
    """Otherwise it refuses to start, in one line."""
    result = ingest("watch", **environ)

    assert (result.returncode, words in result.stderr, result.stderr.count("\n")) == (1, True, 1)
    assert "s3cret" not in result.stderr
