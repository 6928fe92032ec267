"""What counts as a problem, and what does not: told from facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from ingest.batch.pause import Pause
from ingest.web.refusals import Refusal
from ops.problems.find import CHORE_SECONDS, find_problems
from ops.status.facts import (
    ChoreFacts,
    Facts,
    Missing,
    PostgresFacts,
    RedisFacts,
    RefusedLately,
    Settled,
    WorkerFacts,
    WrongSecret,
)
from tests.sources import ROOT, anchors

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
AGO = timedelta(minutes=1)
LONG_AGO = timedelta(hours=1)
FLIGHT = {"batches": 1, "pushes": 10, "oldest_seconds": 0.1, "jobs_queued": 1, "sweeper": True, "workers": 2}
WORKERS = [WorkerFacts("h:1", "idle", 3.0), WorkerFacts("h:2", "busy", 9.0)]


def facts(postgres: dict[str, Any] | None = None, **redis: Any) -> Facts:
    """Everything as it is where all is well, but for what is given."""
    here = {"in_flight": FLIGHT, "workers": WORKERS, "web_silent_seconds": 1.0, **redis}
    return Facts(NOW, RedisFacts(**here), PostgresFacts(**{"settled_at": NOW, **(postgres or {})}))


def settled(dead: int, pushes: int, usually: float = 0.0, last_minute: int = 0) -> Settled:
    """What became of the pushes of a quarter of an hour."""
    return Settled("shop", "custom-api", pushes - dead, 0, dead, last_minute, 0.1, 0.5, NOW, usually)


def refused(reason: str, requests: int, source: str | None = "shop") -> RefusedLately:
    """Refusals of a quarter of an hour."""
    return RefusedLately(reason, source, requests, NOW)


def wrong(*credentials: str | None) -> list[Refusal]:
    """Requests with wrong secrets, or none."""
    return [Refusal(NOW - AGO, "wrong credential", None, "203.0.113.0/24", one) for one in credentials]


def flight(**changes: Any) -> dict[str, Any]:
    """What is in flight, changed."""
    return {**FLIGHT, **changes}


PERSON = {
    "all are dead": (facts({"settled": [settled(1000, 1000)]}), "lost", "1,000 of 1,000 pushes of shop"),
    "more are dead than usual": (facts({"settled": [settled(40, 1000, 0.01)]}), "lost", "usual is 1.0%"),
    "all go on dying": (facts({"settled": [settled(900, 900, 1.0)]}), "lost", "usual is 100.0%"),
    "429": (facts(refused_lately=[refused("over the rate limit", 2002)]), "lost", "2,002 requests of shop"),
    "503": (facts(refused_lately=[refused("nowhere to store", 40)]), "lost", "40 requests of shop"),
    "a silent source": (
        facts({"longest_silences": {"shop": 800.0}}, last_push_at={"shop": NOW - timedelta(seconds=1201)}),
        "lost",
        "shop sends nothing, for longer than is usual",
    ),
    "new address": (facts(refused_lately=[refused("address not allowed", 12)]), "lost", "12 requests of shop"),
    "mistyped URL": (facts(refused_lately=[refused("unknown path", 12)]), "lost", "unknown path"),
    "shut out": (facts(refused_lately=[refused("too many connections", 50, None)]), "lost", "too many connections"),
    "a fault of ours": (facts(refused_lately=[refused("a fault of ours", 1, None)]), "lost", "a fault of ours"),
    "a secret that was changed": (
        facts(wrong_secrets=[WrongSecret("1a2b3c4d", 3, NOW)]),
        "lost",
        "1a2b3c4d was right once, and came 3 times",
    ),
    "missing pushes": (
        facts(missing=[Missing("shop", 3, NOW - LONG_AGO)]),
        "lost",
        "3 pushes of shop were acknowledged, have no outcome and wait nowhere",
    ),
    "frozen workers": (
        facts(workers=[WorkerFacts("h:1", "idle", 45.0), WorkerFacts("h:2", "busy", 50.0)]),
        "waits",
        "2 of 2 workers stand still (h:1, h:2), and 10 pushes wait",
    ),
    "nothing settled": (
        facts({"settled_at": NOW - timedelta(hours=1)}, in_flight=flight(pushes=42267, oldest_seconds=35.0)),
        "waits",
        "nothing was settled for 35 s, and 42,267 pushes wait",
    ),
    "an old batch": (facts(in_flight=flight(oldest_seconds=61.0, jobs_queued=0)), "waits", "the oldest batch waits"),
    "an endless backlog": (
        facts({"settled": [settled(0, 100, last_minute=10)]}, in_flight=flight(oldest_seconds=61.0, pushes=9000)),
        "waits",
        "the oldest batch waits",
    ),
    "a backlog that grows": (
        facts({"settled": [settled(0, 100, last_minute=-10)]}, in_flight=flight(oldest_seconds=61.0)),
        "waits",
        "the oldest batch waits",
    ),
    "pending": (facts({"oldest_pending_seconds": 61.0}), "waits", "the oldest pending push waits for 61 s"),
    "never any web": (facts(web_silent_seconds=None), "lost", "no web process has ever noted in this Redis"),
    "no web": (facts(web_silent_seconds=61.0), "lost", "no web process is running, so nobody acknowledges pushes"),
    "no worker": (facts(workers=[], in_flight=flight(workers=0)), "waits", "no worker is running"),
    "no sweeper": (facts(in_flight=flight(sweeper=False)), "waits", "no sweeper is running"),
    "a chore that fails": (
        facts(chores=[ChoreFacts("partitions", NOW - timedelta(seconds=CHORE_SECONDS + 7201), 3600.0)]),
        "waits",
        "chore of partitions",
    ),
    "a chore that never succeeded": (
        facts(chores=[ChoreFacts("partitions", None, 3600.0, NOW - timedelta(seconds=CHORE_SECONDS + 7201))]),
        "waits",
        "chore of partitions",
    ),
    "no partition": (facts({"is_partition_missing": True}), "waits", "tomorrow's partition is missing"),
    "Redis away": (facts(error="Redis does not answer", in_flight={}, workers=[]), "waits", "does not answer"),
    "full Redis": (facts(cannot_store="is full"), "waits", "Redis would take no push: it is full"),
    "Postgres away": (facts({"error": "cannot connect"}), "waits", "cannot connect"),
    "standby": (facts({"cannot_store": "read-only transaction"}), "waits", "Postgres would take no push"),
    "neither stores": (facts({"cannot_store": "x"}, cannot_store="is full"), "lost", "would take no push"),
    "a forgotten pause": (facts(pause=Pause("me", NOW - timedelta(hours=2), "x")), "waits", "workers are paused"),
}


@pytest.mark.parametrize(("given", "bad", "words"), PERSON.values(), ids=PERSON.keys())
def test_person_is_needed(given: Facts, bad: str, words: str) -> None:
    """What somebody has to see to, in words and with its page."""
    worst, *_ = find_problems(given)

    assert (worst.bad, worst.needs_a_person) == (bad, True)
    assert words in worst.what


NOBODY = {
    "all is well": facts(),
    "some are dead": facts({"settled": [settled(4, 4)]}),
    "some of very many are dead": facts({"settled": [settled(50, 10_000)]}),
    "as many are dead as always": facts({"settled": [settled(300, 1000, 0.3)]}),
    "a stranger": facts(last_refusals=wrong("1a2b3c4d"), refused_lately=[refused("wrong credential", 1, None)]),
    "who guesses secrets": facts(
        last_refusals=wrong(*map(str, range(100))), refused_lately=[refused("wrong credential", 99_000, None)]
    ),
    "who says the same again and again": facts(last_refusals=wrong(*["1a2b3c4d"] * 100)),
    "two of an old secret": facts(wrong_secrets=[WrongSecret("1a2b3c4d", 2, NOW)]),
    "who asks without any": facts(last_refusals=wrong(*[None] * 100)),
    "a scanner": facts(refused_lately=[refused("unknown page", 5000, None), refused("unknown path", 80, None)]),
    "a stranger's address": facts(refused_lately=[refused("address not allowed", 5000, None)]),
    "a restart": facts(refused_lately=[refused("shutting down", 2)]),
    "an old refusal": facts(
        last_refusals=[msgspec.structs.replace(one, at=NOW - LONG_AGO) for one in wrong(*["1a"] * 50)]
    ),
    "a burst that is worked off": facts(
        {"settled": [settled(0, 90_000, last_minute=60_000)]}, in_flight=flight(oldest_seconds=70.0, pushes=50_000)
    ),
    "web that lives": facts(web_silent_seconds=59.0),
    "nothing to settle": facts({"settled_at": NOW - timedelta(hours=9)}, in_flight=flight(jobs_queued=0, pushes=0)),
    "a usual silence": facts(
        {"longest_silences": {"shop": 800.0}}, last_push_at={"shop": NOW - timedelta(seconds=1199)}
    ),
    "a short silence": facts({"longest_silences": {"shop": 5.0}}, last_push_at={"shop": NOW - timedelta(seconds=599)}),
    "a source that is new": facts(last_push_at={"shop": NOW - timedelta(days=3)}),
    "a pause": facts(
        {"oldest_pending_seconds": 500.0, "settled_at": NOW - timedelta(minutes=9)},
        pause=Pause("me", NOW - timedelta(minutes=10), "a migration"),
        in_flight=flight(oldest_seconds=500.0),
    ),
    "a long pause with an end": facts(pause=Pause("me", NOW - timedelta(hours=9), "x", NOW + timedelta(hours=1))),
    "a chore that is new": facts(chores=[ChoreFacts("partitions", None, 3600.0, NOW - timedelta(seconds=3700))]),
    "a chore that rests": facts(chores=[ChoreFacts("partitions", NOW - timedelta(seconds=3700), 3600.0)]),
}


@pytest.mark.parametrize("given", NOBODY.values(), ids=NOBODY.keys())
def test_nobody_is_needed(given: Facts) -> None:
    """Nobody is called for that, least of all for a stranger."""
    assert [one.what for one in find_problems(given) if one.needs_a_person] == []


def test_worst_comes_first() -> None:
    """What is lost before what waits, and that before what is only said."""
    given = facts(
        {"is_partition_missing": True, "settled": [settled(9, 9)]}, pause=Pause("me", NOW, "x"), cannot_store="is full"
    )

    assert [one.bad for one in find_problems(given)] == ["lost", "waits", "waits", "note"]


def test_pending_pushes_are_seen_without_redis() -> None:
    """They come into being while Redis is away, so that is when they must not be overlooked."""
    away = facts({"oldest_pending_seconds": 900.0}, error="Redis does not answer", in_flight={}, workers=[])

    assert [one.name for one in find_problems(away)] == ["redis away", "pending waits"]


def test_secret_that_never_was_right_is_worth_a_word() -> None:
    """It may be a new workflow's, and a stranger's as well."""
    (found,) = find_problems(facts(last_refusals=wrong(*["1a2b3c4d"] * 10)))

    assert found.bad == "note"
    assert "1a2b3c4d was never right, and came 10 times" in found.what


def test_each_problem_has_its_page() -> None:
    """The page that a problem names is there."""
    pages = {one.page for given, _, _ in PERSON.values() for one in find_problems(given)}
    for page in pages:
        path, _, anchor = page.partition("#")
        assert anchor in anchors(ROOT / path), page
