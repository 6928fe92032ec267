"""The stand: one set of servers and processes for a scenario, with a proxy between web and Redis."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from redis import Redis
from redis.exceptions import RedisError

from ingest.batch import keys
from ingest.batch.queue import normalise_queue
from ingest.resources import locate
from ops.commands.reconcile import reconcile
from ops.local import embedded_postgres, embedded_valkey
from ops.local.server import make_data_dir
from tests.chaos.managed import Managed, keep_running, kill_at_once, signal_all
from tests.chaos.oracle import Oracle
from tests.chaos.proxy import Proxy
from tests.ports import free_port
from tests.processes import answers, descendants

START_SECONDS = 60.0
QUIET_SECONDS = 120.0

FRESH_PUSHES = 10
"""Tries, a fifth of a second apart at least: web leaves a Redis that failed alone for a second."""

_SLOWEST = "SELECT extract(epoch FROM max(normalised_at - received_at)) AS seconds FROM airudder.pushes"
_NEWEST = "SELECT through_redis FROM airudder.pushes ORDER BY received_at DESC LIMIT 1"
_WRITING = """
SELECT FROM pg_stat_activity
WHERE application_name = 'airudder-ingest' AND state = 'active'
  AND (query LIKE '%INSERT INTO airudder.calls%' OR query LIKE 'COPY airudder.%')
"""
_COPYING = """
SELECT FROM pg_stat_activity
WHERE application_name = 'airudder-ingest' AND query LIKE 'COPY airudder.pushes %'
  AND state = 'active' AND wait_event = 'ClientRead'
"""
_IDLE = """
SELECT FROM pg_stat_activity WHERE application_name = 'airudder-ingest' AND state = 'idle in transaction'
  AND state_change < now() - interval '0.5s'
"""
_UNSETTLED = "SELECT count(*) AS pushes FROM airudder.pushes WHERE status = 'pending'"


@dataclass
class Stand:
    """What a scenario may break, and how it looks at the outcome."""

    processes: dict[str, Managed]
    proxy: Proxy
    database_url: str
    redis_url: str
    web_url: str
    seed: int
    oracle: Oracle = field(init=False)
    keeper: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.oracle = Oracle(f"{self.web_url}/airudder/custom-api", self.seed)
        self.postgres, self.redis = self.processes["postgres"], self.processes["valkey"]
        self.web, self.worker, self.sweeper = (self.processes[name] for name in ("web", "worker", "sweeper"))

    @property
    def all(self) -> list[Managed]:
        """Every process, the servers first."""
        return list(self.processes.values())

    def connect(self) -> Connection[dict[str, Any]]:
        """A connection to Postgres, each statement its own transaction."""
        return psycopg.connect(self.database_url, autocommit=True, connect_timeout=10, row_factory=dict_row)

    def client(self) -> Redis:
        """A client that does not try again."""
        return Redis.from_url(self.redis_url, socket_timeout=10, socket_connect_timeout=10)

    async def wait(self, condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> float:
        """Wait until a condition, asked in a thread of its own, is true; how long that took."""
        begun = time.monotonic()
        while not await asyncio.to_thread(condition):
            if self.keeper and self.keeper.done():
                self.keeper.result()
            assert time.monotonic() - begun < seconds, f"waited {seconds} s in vain: {what}\n{self.words()}"
            await asyncio.sleep(0.1)
        return time.monotonic() - begun

    async def kill_a_worker(self, chance: random.Random) -> None:
        """SIGKILL one worker of the pool, which starts another."""
        workers: list[int] = []

        def are_there() -> bool:
            workers[:] = descendants(self.worker.pid)
            return bool(workers)

        await self.wait(are_there, "there are workers")
        signal_all([chance.choice(workers)], signal.SIGKILL)

    async def wait_until_quiet(self) -> float:
        """Wait until nothing is in flight; how long that took. No failed job may stay."""
        return await self.wait(self._is_quiet, "nothing is in flight", QUIET_SECONDS)

    async def check(self) -> int:
        """Everything that was acknowledged is there, once and right; a fresh push goes through Redis again; the counts
        agree. The difference that `ingest reconcile` finds, which is 0."""
        with self.connect() as connection:
            self.oracle.check(connection)
        for _ in range(FRESH_PUSHES):
            await self.oracle.send(1, rate=5)
            await self.oracle.send_again_what_failed()
            assert max(self.oracle.answers) in self.oracle.acknowledged, "a fresh push is not taken"
            await self.wait_until_quiet()
            if self._newest_came_through_redis():
                break
        else:
            raise AssertionError("pushes keep going to Postgres")
        with self.connect() as connection, self.client() as client:
            deliveries = self.oracle.check(connection)
            hours = reconcile(client, connection)
            rows = [hour.row() for hour in hours]
            assert sum(hour.acknowledged for hour in hours) == deliveries, f"{rows}\n{self.words()}"
            difference = sum(abs(hour.difference) for hour in hours)
            assert difference == 0, rows
            return difference

    def slowest_outcome(self) -> float:
        """The longest time from a push's arrival to the transaction that normalised it, seconds."""
        with self.connect() as connection:
            row = connection.execute(_SLOWEST).fetchone()
        assert row
        return float(row["seconds"])

    def _newest_came_through_redis(self) -> bool:
        with self.connect() as connection:
            row = connection.execute(_NEWEST).fetchone()
        return row == {"through_redis": True}

    def words(self) -> str:
        """The end of what each process has printed."""
        ends = [f"--- {one.name} (started {one.starts} times)\n{one.printed()[-2000:]}" for one in self.all]
        return "\n".join(ends)

    def _is_quiet(self) -> bool:
        with suppress(RedisError, psycopg.OperationalError), self.connect() as connection, self.client() as client:
            row = connection.execute(_UNSETTLED).fetchone()
            failed = normalise_queue(client).failed_job_registry.get_job_count(cleanup=False)
            return row == {"pushes": 0} and not client.zcard(keys.BATCHES) and not failed
        return False

    def web_answers(self) -> bool:
        """Whether web takes connections."""
        return answers(self.web_url)

    def web_is_ready(self) -> bool:
        """Whether web says that it can store a push."""
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.web_url}/readyz").status_code == 200
        return False

    def readiness(self) -> dict[str, str]:
        """What web says of its stores."""
        words: dict[str, str] = httpx.get(f"{self.web_url}/readyz").json()
        return words

    def transaction_is_open(self) -> bool:
        """Whether a worker has begun to write and has not committed."""
        with suppress(psycopg.OperationalError), self.connect() as connection:
            return connection.execute(_WRITING).fetchone() is not None
        return False

    def copy_waits_for_rows(self) -> bool:
        """Whether a worker has written most of a batch, and is in the midst of the rows of its last large COPY."""
        with self.connect() as connection:
            return connection.execute(_COPYING).fetchone() is not None

    def transaction_is_idle(self) -> bool:
        """Whether a worker leaves a transaction open and does nothing in it."""
        with self.connect() as connection:
            return connection.execute(_IDLE).fetchone() is not None

    def postgres_answers(self) -> bool:
        """Whether Postgres takes connections."""
        with suppress(psycopg.OperationalError), self.connect():
            return True
        return False


@asynccontextmanager
async def standing(
    folder: Path, seed: int, *, preamble: str = "", database_password: str = "", **settings: str
) -> AsyncIterator[Stand]:
    """Start everything in a folder, with these variables set; stop it, by SIGKILL, at the end.

    `preamble` is Python that each process of ours runs before anything else. The embedded Postgres takes any password.
    """
    make_data_dir(folder)
    servers = [embedded_postgres.prepare(folder), embedded_valkey.prepare(folder)]
    managed = [Managed(one.process.name, one.process.command, os.environ, folder) for one in servers]
    managed[0].user, managed[0].cwd = servers[0].process.user, servers[0].process.folder
    database_url, redis_url = (one.url for one in servers)
    if database_password:
        database_url = database_url.replace("@", f":{database_password}@", 1)
    async with Proxy(redis_url) as proxy:
        port = free_port()
        environ = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(port), **settings}
        through_proxy = {**environ, "REDIS_URL": proxy.url}
        ours = [
            Managed(name, (sys.executable, *running_main_of(module, preamble, folder)), environs, folder)
            for name, module, environs in (
                ("web", "ingest.web.serve", through_proxy),
                ("worker", "workers.pool", environ),
                ("sweeper", "workers.sweeper.loop", environ),
            )
        ]
        processes = {one.name: one for one in (*managed, *ours)}
        stand = Stand(processes, proxy, database_url, redis_url, f"http://127.0.0.1:{port}", seed)
        try:
            for server, process in zip(servers, managed, strict=True):
                process.start()
                await stand.wait(server.answers, f"{process.name} answers")
            with stand.connect() as connection:
                connection.execute(locate("schema.sql").read_bytes())
            stand.keeper = asyncio.create_task(keep_running(stand.all))
            await stand.wait(stand.web_answers, "web answers")
            yield stand
        finally:
            if stand.keeper:
                stand.keeper.cancel()
            await kill_at_once(stand.all, hold=True)


def running_main_of(module: str, preamble: str = "", folder: Path | None = None) -> tuple[str, ...]:
    """`python …` runs what the console script does for a process of ours, after the preamble. That needs a file in a
    folder: each process that uvicorn spawns runs it again."""
    run = f"from importlib import import_module\nimport_module({module!r}).main()"
    if folder is None:
        return "-c", run
    file = folder / f"{module}.py"
    file.write_text(f"{preamble}\nif __name__ == '__main__':\n" + textwrap.indent(run, "    "))
    return "-P", str(file)
