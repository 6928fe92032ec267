"""The hunt: a stand whose every secret is known, what is sent to it and run beside it, and what was seen meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from redis.exceptions import RedisError

from ingest import settings
from ingest.batch.queue import normalise_queue
from ops.metrics.exporter import Exporter
from tests.chaos.managed import signal_all
from tests.chaos.stand import Stand, running_main_of, standing
from tests.leaks.evidence import Evidence
from tests.leaks.marks import Marks
from tests.leaks.requests import SETTINGS, Request, Requests, send
from tests.patience import PATIENT
from tests.ports import free_port
from tests.processes import INGEST
from tests.scraped import scraped

JOB_SECONDS = 3
HURRY = f"""
{PATIENT}
def hurry(owner, **seconds):
    for name, value in seconds.items():
        assert hasattr(owner, name), name
        setattr(owner, name, value)
from ingest.batch import queue
hurry(queue, JOB_TIMEOUT_SECONDS={JOB_SECONDS})
from ingest.web import open_batch
hurry(open_batch, REDIS_REST_SECONDS=0)
from workers import taken_batch
hurry(taken_batch, LEASE_SECONDS={JOB_SECONDS + 1})
from workers.sweeper import loop, lost_batches, partitions
hurry(loop, INTERVAL_SECONDS=0.5)
hurry(lost_batches, GRACE_SECONDS=0.5)
hurry(partitions.Partitions, every=0.5, rest=0.5)
"""
"""What takes half a minute in earnest does not; web is patient, for a busy machine."""


@dataclass
class Hunt:
    """One stand, and everything that was seen of it."""

    stand: Stand
    marks: Marks
    requests: Requests
    dashboard_port: int
    evidence: Evidence = field(default_factory=Evidence)
    accepted: list[Request] = field(default_factory=list)
    """What was answered and has to be in `airudder.pushes`"""

    async def send(self, *requests: Request) -> None:
        """Send requests one after the other."""
        port = urlsplit(self.stand.web_url).port
        assert port
        for request in requests:
            self.evidence.add("answers", await send(port, request))

    async def push(self, status: int = 200) -> None:
        """Send a good push with new marks."""
        request = Request("documented", self.requests.documented(), status)
        await self.send(request)
        if status == 200:
            self.accepted.append(request)

    def dashboard_answers(self) -> bool:
        """Whether the dashboard takes connections."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.dashboard_port}/login").status_code in (200, 303)
        except httpx.TransportError:
            return False

    async def look(self, *, tables: bool = True) -> None:
        """Collect all that can be seen right now."""
        await asyncio.to_thread(self._look, tables)

    def _look(self, tables: bool) -> None:
        job_ids: list[str] = []
        with self.stand.client() as client:
            queue = normalise_queue(client)
            job_ids = [*queue.get_job_ids(), *queue.failed_job_registry.get_job_ids(cleanup=False)]
            self.evidence.add_redis(client)
        self.look_at_pages(*job_ids)
        if tables:
            with self.stand.connect() as connection:
                self.evidence.add_tables(connection)
        self.evidence.add_process_list()

    def look_at_pages(self, *job_ids: str) -> None:
        """Collect what web and the dashboard show in a browser, whether or not Redis is there."""
        self.evidence.add_dashboard(f"http://127.0.0.1:{self.dashboard_port}", job_ids)
        for page in ("healthz", "readyz"):
            self.evidence.add(f"/{page}", httpx.get(f"{self.stand.web_url}/{page}").content)

    def look_at_metrics(self) -> None:
        """Collect what Prometheus is shown, whether or not the servers are there."""
        exporter = Exporter(settings.load({"DATABASE_URL": self.stand.database_url, "REDIS_URL": self.stand.redis_url}))
        exporter.read()
        self.evidence.add("metrics", scraped(exporter))

    async def run(self, *arguments: str | Path, **environ: str) -> str:
        """Run a command beside the stand, to its end; what it printed."""
        given = {**os.environ, "DATABASE_URL": self.stand.database_url, "REDIS_URL": self.stand.redis_url, **environ}
        ran = await asyncio.to_thread(
            subprocess.run, arguments, env=given, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return ran.stdout.decode(errors="replace")

    async def ingest(self, *arguments: str, shows: str, **environ: str) -> None:
        """Run an `ingest` command that has to print `shows`."""
        await self.command(INGEST, *arguments, shows=shows, **environ)

    async def command(self, *command: str | Path, shows: str, **environ: str) -> None:
        """Run a command that has to print `shows`."""
        printed = await self.run(*command, **environ)
        is_shown = shows in re.sub(" +", " ", printed)
        assert is_shown, f"{command} {environ}\n{printed[-2000:]}"
        self.evidence.add("commands", printed.encode())

    @asynccontextmanager
    async def frozen_workers(self) -> AsyncIterator[None]:
        """No batch is taken until the block ends."""
        frozen = self.stand.worker.pids()
        signal_all(frozen, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all(frozen, signal.SIGCONT)

    async def look_at_failed_job(self, words: str, *, tables: bool = True) -> None:
        """Wait until a failed job's traceback says so, and look until that was seen: the sweeper soon enqueues the
        batch again."""
        is_seen = False
        while not is_seen:
            await self.stand.wait(lambda: self._has_failed(words), f"a job fails with {words}")
            await self.look(tables=tables)
            is_seen = words.encode() in self.evidence.at("dashboard")

    def _has_failed(self, words: str) -> bool:
        try:
            with self.stand.client() as client:
                queue = normalise_queue(client)
                jobs = map(queue.fetch_job, queue.failed_job_registry.get_job_ids(cleanup=False))
                results = [job.latest_result() for job in jobs if job]
        except RedisError:
            return False
        return any(words in (result.exc_string or "") for result in results if result)

    async def stop(self) -> None:
        """End everything as a supervisor does, and take what was printed to the end."""
        for process in self.stand.all:
            process.is_held = True
        for process in reversed(self.stand.all):
            # Postgres would wait for sessions that nobody ends.
            process.signal(signal.SIGINT if process is self.stand.postgres else signal.SIGTERM)
        await self.stand.wait(lambda: not any(one.is_running for one in self.stand.all), "everything has ended")
        for process in self.stand.all:
            self.evidence.add(f"output of {process.name}", process.printed().encode())


@asynccontextmanager
async def hunting(folder: Path, seed: int) -> AsyncIterator[Hunt]:
    """A stand with tokens, passwords and a dashboard, for one worker."""
    marks = Marks()
    token, other = marks.word("token"), marks.word("token of another source")
    port = free_port()
    valkey = folder / "valkey"
    valkey.mkdir(parents=True)
    # The @ is where others divide a URL.
    password = f"{marks.word('password of Redis')}@{marks.word('the rest of it')}"
    (valkey / "access.json").write_text(json.dumps({"port": free_port(), "password": password}))
    async with standing(
        folder,
        seed,
        preamble=HURRY,
        database_password=marks.word("password of DATABASE_URL"),
        INGEST_TOKENS=f"lender-a={token},lender-b={other}",
        DASHBOARD_PORT=str(port),
        INGEST_CONSOLE_OPEN="yes",
        WORKERS="1",
        **SETTINGS,
    ) as stand:
        dashboard = stand.worker.instead(*running_main_of("ops.console.serve"))
        dashboard.name = "dashboard"
        stand.processes["dashboard"] = dashboard
        dashboard.start()
        hunt = Hunt(stand, marks, Requests(marks, token, other), port)
        await stand.wait(hunt.dashboard_answers, "the dashboard answers")
        yield hunt
