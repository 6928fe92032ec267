"""`ingest status` where somebody is needed: what was tried once and was exit 0."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.clients import aside_client
from ingest.web.refusals import Refusals
from ops.problems.refusals import MANY
from tests.batches import enqueued
from tests.processes import descendants, ingest, running, running_web, wait_until
from tests.pushes import entry, push
from tests.stored import make_dead
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def problems() -> dict[str, str]:
    """What `status` says is wrong, by name; its exit code agrees."""
    result = ingest("status", "--json")
    found = json.loads(result.stdout)["problems"]
    assert result.returncode == int(any(one["bad"] != "note" for one in found))
    return {one["name"]: one["what"] for one in found}


def test_pushes_that_die_are_seen(database: Database) -> None:
    """A thousand of a thousand are dead: the very next look says so."""
    settle(database, [entry(b"[]") for _ in range(1000)])

    assert problems()["dying default custom-api"].startswith("1,000 of 1,000 pushes of default (custom-api) ended dead")


def test_discarding_hides_no_death(database: Database, connection: Rows) -> None:
    """Old dead letters are given up while others die: neither what is new nor what is usual is less for it."""
    settle(database, [*(entry(b"[]") for _ in range(10)), *(entry(push(f"c{number}")) for number in range(30))])
    discard_old(connection, 100)
    connection.execute("UPDATE airudder.settlements SET settled_at = settled_at - interval '1 hour'")
    settle(database, [entry(b"[]") for _ in range(20)])
    discard_old(connection, 100)

    assert problems()["dying default custom-api"] == (
        "20 of 20 pushes of default (custom-api) ended dead within a quarter of an hour; usual is 25.0%"
    )


def discard_old(connection: Rows, pushes: int) -> None:
    """Dead letters of which the log of settlements knows nothing any more are given up."""
    old = [entry(push()) for _ in range(pushes)]
    for one in old:
        make_dead(connection, one)
    ingest("dead", "discard", "--reason", "x", *(str(one.uuid) for one in old))


def test_pushes_over_the_rate_limit_are_seen(database_url: str, redis_url: str) -> None:
    """A source that hears 429 in number; web counts by the minute."""
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    with running_web(**environ, INGEST_RATE_LIMIT="1", INGEST_TOKENS="shop=s3cret") as url:
        ingest("send", f"{url}/airudder/custom-api", "--token", "s3cret", "--count", "100", "--rate", "0")
        wait_until(lambda: "refused over the rate limit shop" in problems(), "it is a problem")


def test_flood_hides_no_wrong_secret(redis_url: str, client: Any) -> None:
    """A sender's old secret is seen among a stranger's thousands, which are kept nowhere, also once Redis is back."""

    async def refuse() -> None:
        async with aside_client("redis://127.0.0.1:1/0") as away, aside_client(redis_url) as there:
            refusals = Refusals(away, lambda: ["01d00001"])
            for _ in range(2):
                for number in range(3000):
                    refusals.note("wrong credential", credential=f"{number:08x}")
                    if number < 2:
                        refusals.note("wrong credential", credential="01d00001")
                await refusals.flush()
                refusals._client = there
            refusals.note("wrong credential", credential="01d00001")
            for number in range(3000):
                refusals.note("wrong credential", credential=f"{number:08x}")
            await refusals.flush()

    client.hset(keys.LAST_USED, "01d00001", 1.0)
    asyncio.run(refuse())

    assert "01d00001 was right once, and came 5 times" in problems()["wrong secret 01d00001"]
    assert {name for key in client.scan_iter("wrong_secrets:*") for name in client.hkeys(key)} == {b"01d00001"}


def test_pushes_without_a_store_are_seen(redis_url: str) -> None:
    """A source that heard 503 while neither store took its pushes, once one of them is back."""

    async def refuse() -> None:
        async with aside_client(redis_url) as client:
            refusals = Refusals(client)
            for _ in range(40):
                refusals.note("nowhere to store", "shop")
            await refusals.flush()

    asyncio.run(refuse())

    assert problems()["refused nowhere to store shop"].startswith("40 requests of shop were refused")


def test_frozen_workers_are_seen(client: Any) -> None:
    """Workers that are stopped and not gone, on the host where they are, however long they have been silent."""
    with running("worker", WORKERS="2") as pool:
        wait_until(lambda: client.scard("rq:workers") == 2, "both register")
        found = wait_until(lambda: descendants(pool.pid), "the pool has workers")
        keys = sorted(client.smembers("rq:workers"))
        wait_until(lambda: all(client.hget(key, "last_heartbeat") for key in keys), "their hearts beat")
        assert "workers silent" not in problems()
        for pid in (pool.pid, *found):
            os.kill(pid, signal.SIGSTOP)
        for silent in (50, 5000):
            beat = f"{datetime.now(UTC) - timedelta(seconds=silent):%Y-%m-%dT%H:%M:%S.%fZ}"
            for key in keys:
                client.hset(key, "last_heartbeat", beat)
            enqueued(client, [entry(push())])
            seen = problems()
            assert seen["workers silent"].startswith("2 of 2 workers stand still")
            assert "no worker" not in seen
        for pid in (*found, pool.pid):
            os.kill(pid, signal.SIGCONT)


def test_missing_partition_is_seen(connection: Rows) -> None:
    """Tomorrow's pushes have no place of their own."""
    (tomorrow,) = connection.execute(
        "SELECT 'pushes_' || to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYY_MM_DD') AS name"
    )
    connection.execute(f"DROP TABLE IF EXISTS airudder.{tomorrow['name']}")
    try:
        assert problems()["partition missing"] == "tomorrow's partition is missing"
    finally:
        connection.execute("SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date + 1)")


def test_status_that_is_watched_goes_on(client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """`--watch` shows it again and again until Ctrl-C."""
    with running("status", "--watch") as watching:
        shown = ""

        def is_shown_again() -> bool:
            nonlocal shown
            shown += capfd.readouterr().out
            return shown.count("in flight") > 1

        wait_until(is_shown_again, "it is shown a second time")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(60) == 0


def test_scanner_is_no_problem_without_tokens(client: Any) -> None:
    """Where no secret is asked for, none says that a stray is a push of anybody's."""
    strays = {"unknown path": "/wp-login.php", "unknown kind": "/airudder/wp-login.php"}
    with running_web() as url, httpx.Client(base_url=url) as scanner:
        for path in list(strays.values()) * MANY:
            assert scanner.post(path, content=b"{}").status_code == 404

        def are_counted() -> bool:
            return all(int(client.hget(keys.REFUSED, keys.refused_field(one, None)) or 0) == MANY for one in strays)

        wait_until(are_counted, "all are counted, for no source")
        assert not [name for name in problems() if name.startswith("refused")]


@pytest.mark.parametrize(
    ("method", "environ", "reason"),
    [("POST", {"INGEST_ALLOW_IPS": "203.0.113.0/24"}, "address not allowed"), ("PUT", {}, "wrong method")],
)
def test_refused_push_with_right_secret_is_seen(client: Any, method: str, environ: dict[str, str], reason: str) -> None:
    """Pushes come from a new address, or by another method: they are told from a stranger's, who hears the same."""
    with running_web(INGEST_TOKENS="shop=s3cret", **environ) as url, httpx.Client(base_url=url) as sender:
        right, wrong = (
            [sender.request(method, f"/airudder/custom-api/{secret}", content=b"{}") for _ in range(12)]
            for secret in ("s3cret", "nonsense")
        )
        for _ in range(12):
            sender.get("/airudder/custom-api/s3cret")

    assert {(one.status_code, one.content, str(one.headers)) for one in right} == {
        (one.status_code, one.content, str(one.headers)) for one in wrong
    }
    found = {name: what for name, what in problems().items() if name.startswith("refused")}
    assert found == {
        f"refused {reason} shop": f"12 requests of shop were refused within a quarter of an hour: {reason}"
    }
