"""`ingest trace` of what is in Redis: pushes that are acknowledged and not settled, and their batches."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from ingest import settings
from ingest.batch import keys
from ingest.batch.queue import normalise_queue
from ingest.kinds.kind import Ids
from ingest.kinds.normalise import ids_in
from ops.trace.story import Event, TraceStep
from ops.trace.trace import trace
from tests import made_up_seal
from tests.batches import batch_without_job, enqueued
from tests.processes import ingest
from tests.pushes import IDS, entry, push
from tests.sources import ROOT
from workers.database import Database
from workers.taken_batch import take

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def steps(identifier: object) -> list[TraceStep]:
    """The steps of a trace."""
    return trace(settings.load(), str(identifier)).steps


def batch_id() -> str:
    """A batch's id, as web draws it."""
    return str(UUID(bytes=IDS.draw()[0]))


@pytest.mark.parametrize(
    "identifier",
    ["c1", "case-1", "6281234567890", "0062 812 3456 7890", "0812 3456 7890", "w1", "push", "batch"],
)
def test_pushes_in_flight(client: Any, identifier: str) -> None:
    """A push is found while it is in Redis alone, and of the others in its batch nothing is told but how many."""
    one, other = (
        entry(push(number="+62 (0)812-3456.7890")),
        entry(push("c2", "+6281234567891", workflow_id="w2", callee={"case_id": "case-2"})),
    )
    batch = enqueued(client, [one, other], batch_id())
    asked = {"push": str(one.uuid), "batch": batch}.get(identifier, identifier)

    found = trace(settings.load(), asked)

    assert found.found_as == ["in flight"]
    by_event = {step.event: step for step in found.steps if step.push_id in (None, one.uuid)}
    assert set(by_event) == {Event.RECEIVED, Event.ANSWERED, Event.BATCH_OPENED, Event.BATCH_WAITS}
    assert by_event[Event.RECEIVED].details["batch_id"] == batch
    assert by_event[Event.ANSWERED].details == {"status": 200, "kept_in": "Redis"}
    assert by_event[Event.BATCH_OPENED].details["pushes"] == 2
    assert by_event[Event.BATCH_WAITS].details["job"] == "queued"
    assert found.pushes == (2 if identifier == "batch" else 1)


def test_number_that_java_wrote(client: Any) -> None:
    """Without its zeros at the end."""
    enqueued(client, [entry(push(number="6.28123456781E12"))], batch_id())

    assert trace(settings.load(), "+6281234567810").found_as == ["in flight"]


def test_batch_that_a_worker_has(client: Any) -> None:
    """Who has it, and for which time."""
    one = entry(push())
    batch = enqueued(client, [one], batch_id())
    assert take(client, batch)

    (taken,) = (step for step in steps("c1") if step.event == Event.BATCH_TAKEN)

    assert taken.details["attempt"] == 1
    assert taken.details["by"] == f"{socket.gethostname()}:{os.getpid()}"


def test_tries_that_failed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try of its job with the error, while the batch waits for the next."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    away = Database(os.environ["DATABASE_URL"], patience_seconds=0)
    monkeypatch.setattr("workers.jobs.database", lambda: away)
    batch = enqueued(client, [entry(push())], batch_id())
    SimpleWorker([normalise_queue(client)], connection=client, serializer=JSONSerializer).work(burst=True)

    result = ingest("trace", batch)

    assert "tried" in result.stdout
    assert "PostgresAwayError: Postgres is away" in result.stdout
    assert "DATABASE_URL" in result.stdout


def test_lost_batch(client: Any) -> None:
    """One without a job is said to be so."""
    batch_without_job(client, lost := batch_id())

    (waits,) = (step for step in steps(lost) if step.event == Event.BATCH_WAITS)

    assert waits.details["job"].startswith("none")


def test_servers_that_are_away(client: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other one knows is shown; if both are away, that is an error."""
    enqueued(client, [entry(push())], batch_id())
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    without_postgres = ingest("trace", "c1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    without_both = ingest("trace", "c1")

    assert "batch opened" in without_postgres.stdout
    assert "not shown: cannot connect to DATABASE_URL" in without_postgres.stdout
    assert (without_both.returncode, without_both.stdout) == (1, "")
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert "not shown: Redis at REDIS_URL" in ingest("trace", "c1").stdout


def test_encrypted_pushes(client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a source encrypts is looked for in what it comes to, and was acknowledged unread."""
    (tmp_path / "key").write_bytes(b"key")
    monkeypatch.setenv(made_up_seal.KEY, str(tmp_path / "key"))
    one, unreadable = entry(made_up_seal.sealed(push("c1"), b"key")), entry(made_up_seal.sealed(push("c1"), b"other"))
    enqueued(client, [one, unreadable], batch_id())
    environ = {"INGEST_DECRYPTORS": f"default={made_up_seal.__name__}:decrypt", "PYTHONPATH": str(ROOT)}

    assert ingest("trace", "c1").returncode == 1
    found = ingest("trace", "c1", "--json", **environ).stdout

    assert str(one.uuid) in found
    assert str(unreadable.uuid) not in found
    assert '"status":200' in found
    assert '"status":200' in ingest("trace", str(unreadable.uuid), "--json", **environ).stdout


def test_others_are_passed_over_unread(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands in flight only those are read whose bytes may name what is looked for."""
    enqueued(client, [entry(push(f"c{number}")) for number in range(20)], batch_id())
    read: list[str] = []

    def noted(kind: str, body: bytes) -> Ids:
        read.append(kind)
        return ids_in(kind, body)

    monkeypatch.setattr("ops.trace.in_redis.ids_in", noted)

    assert len([step for step in steps("c7") if step.event == Event.RECEIVED]) == 1
    assert len(read) == 1
    assert client.zcard(keys.BATCHES) == 1
