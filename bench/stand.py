"""The stand: embedded servers in a folder of their own, and the processes that a measurement needs."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from redis import Redis

from ingest.batch import keys
from ingest.resources import locate
from ingest.tables import TABLES
from ops.local import embedded_postgres, embedded_valkey
from ops.local.server import free_port, make_data_dir, wait_until_ready
from ops.local.supervisor import Process, Supervisor

START_SECONDS = 60.0
DRAIN_SECONDS = 900.0
PATH = "/airudder/custom-api"

_TABLES = ", ".join(["bench_raw", "airudder.pushes", *(f"airudder.{table.name}" for table in TABLES)])


class Stand:
    """Servers that everything measured shares, and processes that are started by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._supervisor = Supervisor(lambda name, line: print(f"{name}: {line}"))
        self._servers = {"postgres": embedded_postgres.prepare(folder), "redis": embedded_valkey.prepare(folder)}
        self.database_url, self.redis_url = (server.url for server in self._servers.values())
        self.redis = Redis.from_url(self.redis_url)
        self._started: list[str] = []

    def start_server(self, name: str) -> None:
        """Start `postgres` or `redis` and wait until it answers."""
        server = self._servers[name]
        self._supervisor.start(server.process)
        wait_until_ready(server, self._supervisor.pump)

    def stop_server(self, name: str) -> None:
        """Stop `postgres` or `redis`."""
        self._supervisor.stop([self._servers[name].process.name])

    def start(self, name: str, *arguments: str, **environ: str) -> None:
        """Start `python …` under a name; it finds the servers in its environment."""
        self._start(name, (sys.executable, *arguments), environ)

    def start_ours(self, command: str, name: str = "", **environ: str) -> None:
        """Start `ingest …` in the same way, under a name or that of the command."""
        self._start(name or command, (str(Path(sys.executable).with_name("ingest")), command), environ)

    def _serving(self, name: str, port: int) -> str:
        self.wait(lambda: _listens(port), f"{name} answers", START_SECONDS)
        return f"http://127.0.0.1:{port}{PATH}"

    def _start(self, name: str, command: tuple[str, ...], environ: dict[str, str]) -> None:
        whole = {**os.environ, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url, **environ}
        log = self.folder / f"{name}.log"
        self._supervisor.start(Process(name, command, whole, log=log))
        self._started.append(name)

    def serve_ours(self, name: str = "web", **environ: str) -> str:
        """Start web under a name and wait until it answers; where pushes are to be posted."""
        port = free_port()
        self.start_ours("web", name, PORT=str(port), **environ)
        return self._serving(name, port)

    def serve_peer(self, name: str) -> str:
        """The same of the module of that name in `bench.peers`."""
        port = free_port()
        self.start(name, "-m", "bench.serve", f"bench.peers.{name}", PORT=str(port))
        return self._serving(name, port)

    def stop(self, *names: str) -> None:
        """Stop processes by SIGTERM and wait for their end."""
        self._supervisor.stop(names)
        self._started = [name for name in self._started if name not in names]

    def close(self) -> None:
        """Stop everything."""
        self.stop(*self._started)
        self._supervisor.stop(server.process.name for server in self._servers.values())

    def connect(self) -> Connection[Any]:
        """A connection to Postgres, each statement its own transaction."""
        return psycopg.connect(self.database_url, autocommit=True)

    def empty(self) -> None:
        """Forget all pushes, in both servers, and let Postgres write out what the last measurement left."""
        self.redis.flushdb()
        with self.connect() as connection:
            connection.execute(f"TRUNCATE {_TABLES}".encode())
            connection.execute("CHECKPOINT")

    def wait(self, condition: Callable[[], object], what: str, seconds: float, pause: float = 0.01) -> float:
        """Wait until a condition is true; how long that took, in seconds."""
        begun = time.perf_counter()
        while not condition():
            if time.perf_counter() - begun > seconds:
                sys.exit(f"bench: waited {seconds:.0f} s in vain until {what}")
            time.sleep(pause)
        return time.perf_counter() - begun

    def wait_until_drained(self) -> float:
        """Wait until no push is in flight; how long that took, in seconds."""
        return self.wait(lambda: not self.redis.exists(keys.BATCHES), "all is stored", DRAIN_SECONDS)

    def check_normalised(self, at_least: int) -> None:
        """Leave if fewer pushes are normalised, or any push came to something else."""
        found = self._outcomes()
        if found.keys() != {"normalised"} or found["normalised"] < at_least:
            sys.exit(f"bench: {at_least} pushes should be normalised, and are {found}")

    def check_settled(self, pushes: int) -> None:
        """Leave if another number of pushes is normalised, retries among them, or any push is dead."""
        found = self._outcomes()
        if found.keys() - {"normalised", "duplicate"} or sum(found.values()) != pushes:
            sys.exit(f"bench: {pushes} pushes should be normalised, and are {found}")

    def _outcomes(self) -> dict[str, int]:
        with self.connect() as connection:
            return dict(connection.execute("SELECT status, count(*) FROM airudder.pushes GROUP BY status").fetchall())

    def in_flight(self) -> int:
        """How many pushes are on Redis and not in Postgres yet."""
        batches = keys.decode_ids(self.redis.zrange(keys.BATCHES, 0, -1))
        with self.redis.pipeline(transaction=False) as pipeline:
            for batch_id in batches:
                pipeline.llen(keys.batch(batch_id))
                pipeline.llen(keys.taken(batch_id))
            return sum(pipeline.execute())


@contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """Run the servers of `ingest up`, with our tables, in a folder until the block ends."""
    make_data_dir(folder)
    stand = Stand(folder)
    try:
        for name in ("postgres", "redis"):
            stand.start_server(name)
        with stand.connect() as connection:
            connection.execute(locate("schema.sql").read_bytes())
            connection.execute("CREATE TABLE IF NOT EXISTS public.bench_raw (id bigserial PRIMARY KEY, content jsonb)")
        yield stand
    finally:
        stand.close()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
