"""Metrics: what web, workers and sweeper count is what Prometheus sees, once, through restarts and outages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg import Connection

import ops.metrics.in_postgres
import ops.metrics.settled
from ingest import settings
from ingest.batch import keys
from ingest.batch.pause import Pause, pause, resume
from ops.metrics.exporter import Exporter
from ops.metrics.families import FAMILIES
from tests.processes import running_web, wait_until
from tests.pushes import entry, push
from tests.scraped import Metrics, names_of_series, scrape
from tests.servers import redis_set_to
from tests.sources import ROOT
from tests.stored import make_dead, store_pending
from workers.database import Database
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

OUTCOMES = "ingest_pushes_settled_total"
PATH = "/airudder/custom-api"


@pytest.fixture
def exporter() -> Exporter:
    """An exporter that has just begun, and has read once."""
    exporter = Exporter(settings.load())
    exporter.read()
    return exporter


def read(exporter: Exporter) -> Metrics:
    """What it says after one more reading."""
    exporter.read()
    return scrape(exporter)


def are_all_counted(seen: Metrics) -> bool:
    """Whether six pushes are kept and four requests refused: web writes the two down by themselves."""
    totals = [seen.total(f"ingest_{name}_total") for name in ("pushes_kept", "requests_refused")]
    return totals == [6, 4]


def test_web_counts_what_it_keeps_and_refuses(exporter: Exporter, client: Any) -> None:
    """Pushes are counted by source, kind and answer, refusals by source and reason, over all web processes."""
    with running_web(INGEST_TOKENS="shop=s3cret") as url, running_web(INGEST_TOKENS="shop=s3cret") as other:
        for base in (url, other):
            for body in (b"{}", b"[]", b"{"):
                httpx.post(f"{base}{PATH}/s3cret", content=body)
            httpx.post(f"{base}{PATH}/wrong", content=b"{}")
            httpx.post(f"{base}{PATH}/s3cret", content=b"")
        wait_until(lambda: are_all_counted(read(exporter)), "all are counted")
        seen = read(exporter)
        assert seen.of("ingest_web_processes") == 2
        assert seen.of("ingest_breakers_open") == 0
        assert (seen.of("ingest_web_connections") or 0) >= 0

    seen = read(exporter)
    for code in ("200", "400", "422"):
        assert seen.of("ingest_pushes_kept_total", source="shop", kind="custom-api", code=code) == 2
    assert seen.of("ingest_requests_refused_total", source="", reason="wrong credential") == 2
    assert seen.of("ingest_requests_refused_total", source="shop", reason="empty body") == 2
    assert seen.of("ingest_requests_refused_total", source="", reason="a fault of ours") == 0
    assert seen.of("ingest_keep_seconds_count") == 6
    assert seen.of("ingest_keep_seconds_bucket", le="+Inf") == 6
    assert 0 < (seen.of("ingest_keep_seconds_sum") or 0) < 60
    pushed_at = seen.of("ingest_source_last_push_timestamp_seconds", source="shop")
    assert pushed_at
    assert abs(pushed_at - entry(push()).received_us / 1e6) < 60


def test_outcomes_are_counted_once(exporter: Exporter, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read in whatever portions, each settlement is counted once, and late ones do not lower a count."""
    for number, span in enumerate((90.0, 0.0, 0.0, 90.0), start=1):
        monkeypatch.setattr(ops.metrics.settled, "LONGEST", timedelta(seconds=span))
        settle(database, [entry(push(f"c{number}")), entry(b"[]"), entry(push(f"w{number}", node_name=[1]))])
        seen = read(exporter)
        assert seen.of(OUTCOMES, source="default", kind="custom-api", outcome="normalised") == 2 * number
        assert seen.of(OUTCOMES, source="default", kind="custom-api", outcome="dead") == number
        assert seen.of("ingest_pushes_warned_total", source="default", kind="custom-api") == number
        assert seen.of("ingest_settle_seconds_count", source="default") == 3 * number
        assert seen.of("ingest_settlement_pushes_bucket", le="2.0") == 0
        assert seen.of("ingest_settlement_pushes_bucket", le="5.0") == number
        assert seen.of("ingest_settlement_pushes_sum") == 3 * number

    first, retry = entry(push("late")), entry(push("late"))
    settle(database, [retry])
    before = read(exporter).of(OUTCOMES, source="default", kind="custom-api", outcome="normalised")
    settle(database, [first])
    after = read(exporter).of(OUTCOMES, source="default", kind="custom-api", outcome="normalised")
    assert before
    assert after == before + 1


def test_new_exporter_begins_at_zero(exporter: Exporter, database: Database) -> None:
    """A restart looks like one to Prometheus: counters of the log begin at 0, and its series are there at once."""
    settle(database, [entry(push("c1"))])
    assert read(exporter).of(OUTCOMES, source="default", kind="custom-api", outcome="normalised") == 1

    again = Exporter(settings.load())

    assert read(again).of(OUTCOMES, source="default", kind="custom-api", outcome="normalised") == 0
    settle(database, [entry(push("c2"))])
    assert read(again).of(OUTCOMES, source="default", kind="custom-api", outcome="normalised") == 1


def test_new_series_begins_at_zero(exporter: Exporter, client: Any) -> None:
    """The first burst of a refusal is a rise: its series is there as 0 first. Those of before are what they are."""
    client.hset(keys.REFUSED, keys.refused_field("wrong method", "shop"), 7)
    assert read(exporter).of("ingest_requests_refused_total", source="shop", reason="wrong method") == 7
    client.hset(keys.REFUSED, keys.refused_field("over the rate limit", "shop"), 2002)

    seen = [
        read(exporter).of("ingest_requests_refused_total", source="shop", reason="over the rate limit")
        for _ in range(2)
    ]

    assert seen == [0, 2002]
    assert read(exporter).of("ingest_requests_refused_total", source="shop", reason="wrong method") == 7


def test_what_waits_is_seen(exporter: Exporter, client: Any, connection: Rows) -> None:
    """Batches, pending pushes and dead letters, with the age of the oldest."""
    store_pending(connection, entry(push("c1"), later_us=-120_000_000))
    make_dead(connection, entry(push("c2"), later_us=-240_000_000))
    client.rpush(keys.batch("b1"), b"one", b"two")
    client.zadd(keys.BATCHES, {"b1": entry(push()).received_us / 1e6 - 60})

    seen = scrape_anew()

    assert (seen.of("ingest_pushes_pending"), seen.of("ingest_pushes_dead")) == (1, 1)
    assert (seen.of("ingest_in_flight_batches"), seen.of("ingest_in_flight_pushes")) == (1, 2)
    assert 120 <= (seen.of("ingest_pending_oldest_seconds") or 0) < 200
    assert 240 <= (seen.of("ingest_dead_oldest_seconds") or 0) < 320
    assert 60 <= (seen.of("ingest_in_flight_oldest_seconds") or 0) < 140


def scrape_anew() -> Metrics:
    """What an exporter that begins now sees: nothing is left of what was read before."""
    return read(Exporter(settings.load()))


def test_chores_tell_how_they_do(client: Any, database: Database, connection: Rows) -> None:
    """Each chore's last success, duration and interval, and how often it failed, are there."""
    now = entry(push()).received_us / 1e6
    Sweeper(client, database).run_once()

    seen = scrape_anew()

    for chore in ("pending pushes", "partitions", "lost batches", "frozen writers", "silences", "old settlements"):
        assert abs((seen.of("ingest_chore_last_success_timestamp_seconds", chore=chore) or 0) - now) < 60
        assert seen.of("ingest_chore_failures_total", chore=chore) == 0
        assert seen.of("ingest_chore_duration_seconds", chore=chore) is not None
    assert seen.of("ingest_chore_interval_seconds", chore="partitions") == 3600
    assert seen.of("ingest_partitions_ahead_days") == 7


def test_failed_chore_has_not_succeeded(client: Any, database: Database, connection: Rows) -> None:
    """A chore that fails keeps the time of its last success, also of the sweeper before this one; if it never did,
    since when it is known. Of one that is no more nothing is left."""
    for what in ("begun_at", "succeeded_at"):
        client.hset(keys.CHORES, keys.chore_field("pending pushes", what), 1000.0)
        client.hset(keys.CHORES, keys.chore_field("a former name", what), 1000.0)
    connection.execute("ALTER TABLE airudder.pushes RENAME COLUMN replayed_at TO replayed_at_gone")
    try:
        Sweeper(client, database).run_once()
    finally:
        connection.execute("ALTER TABLE airudder.pushes RENAME COLUMN replayed_at_gone TO replayed_at")

    seen = scrape_anew()

    for what in ("begun", "last_success"):
        assert seen.of(f"ingest_chore_{what}_timestamp_seconds", chore="pending pushes") == 1000
        assert seen.of(f"ingest_chore_{what}_timestamp_seconds", chore="a former name") is None
    assert (seen.of("ingest_chore_begun_timestamp_seconds", chore="partitions") or 0) > 1000
    assert seen.of("ingest_chore_failures_total", chore="pending pushes") == 1


def test_pause_is_seen(client: Any) -> None:
    """Whether workers are paused, and whether that ends by itself."""
    hour = timedelta(hours=1)
    for until in (None, datetime.now(UTC) + hour):
        pause(client, Pause("me", datetime.now(UTC), "a migration", until))
        seen = scrape_anew()
        assert seen.of("ingest_paused", ends="by hand") == (until is None)
        assert seen.of("ingest_paused", ends="by itself") == (until is not None)
    resume(client)
    assert scrape_anew().total("ingest_paused") == 0


def test_store_that_takes_nothing_is_seen(client: Any) -> None:
    """A Redis that answers and refuses writes is not writable; the other store is."""
    with redis_set_to(client, maxmemory="1"):
        seen = scrape_anew()
    assert seen.of("ingest_store_writable", store="redis") == 0
    assert seen.of("ingest_store_writable", store="postgres") == 1
    assert scrape_anew().of("ingest_store_writable", store="redis") == 1


@pytest.mark.parametrize(("store", "variable"), [("redis", "REDIS_URL"), ("postgres", "DATABASE_URL")])
def test_store_that_is_away_takes_its_own_metrics(monkeypatch: pytest.MonkeyPatch, store: str, variable: str) -> None:
    """Without a store nothing of it is shown, old values least of all, and everything of the other one."""
    there = scrape_anew().names
    monkeypatch.setenv(variable, f"{'redis' if store == 'redis' else 'postgresql'}://127.0.0.1:1/0")

    seen = scrape_anew()

    assert seen.of("ingest_store_writable", store=store) == 0
    assert seen.of("ingest_metrics_read_timestamp_seconds", store=store) == 0
    other = {"redis": "ingest_pushes_dead", "postgres": "ingest_in_flight_batches"}
    assert other[store] in seen.names < there


def test_question_that_is_refused_keeps_no_push_out(
    connection: Rows, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be read is not shown, nor counts as read, and is not asked for at once again. The rest is, and a push
    can be stored."""
    asked: list[object] = []

    def refuse(connection: object) -> None:
        asked.append(connection)
        raise ZeroDivisionError

    monkeypatch.setattr(ops.metrics.in_postgres, "read", refuse)
    exporter = Exporter(settings.load())
    for _ in range(3):
        seen = read(exporter)
        assert seen.of("ingest_store_writable", store="postgres") == 1
        assert seen.of("ingest_metrics_read_timestamp_seconds", store="postgres") == 0
        assert "ingest_pushes_dead" not in seen.names
        assert "ingest_settlement_pushes_count" in seen.names
    assert len(asked) == 1
    assert caplog.text.count("no metrics of postgres: ZeroDivisionError") == 1


@pytest.mark.parametrize("table", ["settlements", "silences"])
def test_table_that_may_not_be_read_keeps_no_push_out(connection: Rows, table: str) -> None:
    """As of an exporter whose user lacks a right, or that asks for what is not there yet."""
    connection.execute(f"ALTER TABLE airudder.{table} RENAME TO gone")
    try:
        seen = scrape_anew()
    finally:
        connection.execute(f"ALTER TABLE airudder.gone RENAME TO {table}")

    assert seen.of("ingest_store_writable", store="postgres") == 1
    assert "ingest_pushes_dead" not in seen.names


def test_every_family_is_shown_and_described(exporter: Exporter, client: Any, database: Database) -> None:
    """docs/metrics.md names each metric that there is with its type, and no other."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = re.findall(r"^\| `(ingest_[a-z_]+)` \| (\w+) \| ([^|]*) \|", page, re.M)
    families = [
        (one.name, one.type.value, ", ".join(f"`{label}`" for label in one.labels)) for one in FAMILIES.values()
    ]
    assert sorted((name, kind, labels.strip()) for name, kind, labels in listed) == sorted(families)
    assert set(re.findall(r"\bingest_[a-z_]+", page)) <= names_of_series()
