"""Nothing of a push, and no secret, is shown where operators, logs, tickets and dashboards would carry it further.

Marked pushes and requests go through every path, failures included; every place that can be read is searched for the
marks. That the search would find them there is shown too: what each failure leaves at each place is expected to be
there, and the marks themselves are found where they belong.
"""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import sql

from ingest.batch import keys
from tests.chaos.managed import signal_all
from tests.chaos.stand import Stand
from tests.leaks.evidence import bodies
from tests.leaks.hunt import Hunt, hunting
from tests.processes import INGEST, descendants
from workers.database import Database
from workers.sweeper.drift.chore import FieldSamples

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

REFUSE_CALLEES: LiteralString = """
ALTER TABLE airudder.callees ADD CONSTRAINT refused_callee CHECK (platform_name IS NULL) NOT VALID
"""
ALLOW_CALLEES: LiteralString = "ALTER TABLE airudder.callees DROP CONSTRAINT refused_callee"
"""Postgres quotes the row that violates a constraint."""

REFUSE_PUSHES: LiteralString = """
CREATE FUNCTION airudder.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'refused push' USING DETAIL = NEW::text, HINT = encode(substring(NEW.body for 300), 'escape');
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON airudder.pushes FOR EACH ROW EXECUTE FUNCTION airudder.refuse();
"""
ALLOW_PUSHES: LiteralString = "DROP TRIGGER refuse ON airudder.pushes"
"""So that not even a dead letter can be written."""

DWELL: LiteralString = """
CREATE FUNCTION airudder.dwell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(5);
  RETURN NULL;
END $$;
CREATE TRIGGER dwell AFTER INSERT ON airudder.calls FOR EACH STATEMENT EXECUTE FUNCTION airudder.dwell();
"""
HURRY_ON: LiteralString = "DROP TRIGGER dwell ON airudder.calls"
END_TRANSACTIONS: LiteralString = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'airudder-ingest' AND state = 'active'
"""

REFUSE_PARTITION: LiteralString = """
ALTER TABLE airudder.pushes ADD CONSTRAINT refused_source CHECK (source <> 'lender-a') NOT VALID
"""
REFUSED_PARTITION = "partitions wait: Postgres refuses: CheckViolation 23514"
ALLOW_PARTITION: LiteralString = "ALTER TABLE airudder.pushes DROP CONSTRAINT refused_source"
MOVE_A_PUSH_TO: LiteralString = """
UPDATE airudder.pushes SET received_at = %(day)s
WHERE push_id = (SELECT push_id FROM airudder.pushes WHERE status = 'duplicate' LIMIT 1)
"""

PUSH = "Documented"
A_CALL: LiteralString = """
SELECT call_id, push_id::text, callee_number, case_id FROM airudder.pushes
WHERE status = 'normalised' AND warnings IS NULL AND call_id IS NOT NULL ORDER BY received_at DESC LIMIT 1
"""
FOUND = (
    *("workflow_id", "node_id", "callee.callee_number", "callee.case_id", "callee.due_date", "callee.currency_unit"),
    *("callee.total_owing_amount", "call.call_id", "call.call_start_time", "call.call_times"),
    *("call.ring_type", "call.hangup_type"),
)
"""What `ingest find` may show of a push: ids, and what tells one call or case from another; no names, no words."""

REFUSED_FROM = ("198.51.100.0/24", "2001:db8:7::/48")
SHOWN_AT = {
    "output of web": [
        "serving pushes",
        "Redis did not confirm a write",
        "Postgres did not store a group of pushes: RaiseException P0001",
        "Postgres did not store a group of pushes: OperationalError",
        "refused and not kept: ",
    ],
    "output of worker": [
        "settled push by push: CheckViolation 23514",
        "is dead: could not be normalised: CheckViolation 23514",
        "waits: Postgres refuses: RaiseException P0001",
        "waits: Postgres is away: OperationalError",
        "waits: Postgres did not answer in the job's time",
        "left with exit code -9",
        "lost its worker",
    ],
    "output of sweeper": [
        "had no live job",
        "is dead: could not be normalised: CheckViolation 23514",
        REFUSED_PARTITION,
        "Redis is full",
        "lost batches wait: ConnectionError",
    ],
    "output of postgres": ["violates check constraint", "refused push"],
    "output of valkey": ["Ready to accept connections"],
    "output of dashboard": ["showing the console at", "ConnectionError"],
    "Redis: names of keys": ["batch:", "taken:", "progress:", "rq:job:", "rq:results:", "rq:worker:", "acknowledged:"],
    "Redis: values": [
        "workers.jobs.normalise",
        "RefusedError",
        "batch enqueued",
        '"credential":',
        *REFUSED_FROM,
    ],
    "Redis: CLIENT LIST": ["cmd="],
    "dashboard": ["RefusedError", "PostgresAwayError", "batch enqueued"],
    "console": ["A person is needed.", "not JSON", "Pushes received and stored", "lender-a", "What was looked at"],
    "metrics": [
        "ingest_pushes_kept_total{",
        "ingest_requests_refused_total{",
        'ingest_store_writable{store="redis"} 0',
    ],
    "/readyz": ["can store", "there is nowhere to store them"],
    "/healthz": ["alive"],
    "pushes.error and warnings": ["not JSON", "CheckViolation", "is expected, not", "cannot be stored"],
    "pg_stat_activity": ["airudder-ingest"],
    "process list": ["ops.console.serve", "postgres", "valkey-server"],
    "answers": ["not JSON", "wrong or missing credential", "a JSON object is expected", "try again"],
    "commands": ["dead letters", "in flight", "REDIS_URL", "2001:db8:7::/48"],
}
"""What a place has to hold if it was looked at and its failure came about."""


def test_nothing_is_shown(tmp_path: Path) -> None:
    """No mark is anywhere but where pushes are kept, whatever happens to a push or a request."""

    async def scenario() -> None:
        async with hunting(tmp_path / "data", seed=1) as hunt:
            await receive(hunt)
            await deliver_again(hunt)
            await refuse_rows(hunt)
            await refuse_dead_letters(hunt)
            await hold_a_lock(hunt)
            await take_servers_away(hunt)
            await kill_workers(hunt)
            await fill_redis(hunt)
            await run_commands(hunt)
            await stand_in_the_way_of_partitions(hunt)
            await check_kept(hunt)
            await erase_somebody(hunt)
            await hunt.stop()
        for place, words in SHOWN_AT.items():
            for word in words:
                assert word.encode() in hunt.evidence.at(place), f"{word!r} is missing in {place}"
        leaks = hunt.evidence.leaks(hunt.marks)
        assert not leaks, "\n".join(leaks)
        # Nor does an answer lead a browser anywhere, which would tell the next server in Referer where it came from.
        assert not re.search(rb"^(location|link|refresh):|<html", hunt.evidence.at("answers"), re.MULTILINE | re.I)

    asyncio.run(scenario())


async def receive(hunt: Hunt) -> None:
    """Everything that can be sent, looked at while it is in Redis."""
    kept = hunt.requests.kept()
    async with hunt.frozen_workers():
        await hunt.send(*kept)
        await asyncio.gather(*map(hunt.send, hunt.requests.refused()))
        await hunt.stand.wait(partial(has_written_down, hunt.stand, *REFUSED_FROM), "refusals are written down")
        await hunt.ingest("status", "--json", shows="2001:db8:7::/48")
        # The last hundred refusals are kept: those that come now push out what has been waited for.
        await hunt.look()
        while b"HTTP/1.1 429" not in hunt.evidence.at("answers"):
            # Many at once, as a slow machine would not come to the limit one after another.
            await asyncio.gather(*(hunt.send(hunt.requests.one_more()) for _ in range(100)))
        await hunt.look()
        with hunt.stand.client() as client:
            assert_found(hunt, bodies(client), [one.body for one in kept])
    hunt.accepted += kept
    await hunt.stand.wait_until_quiet()
    sample_fields(hunt)
    await hunt.look()
    await asyncio.to_thread(hunt.look_at_metrics)


def sample_fields(hunt: Hunt) -> None:
    """Note the fields of what is stored, as the sweeper does each minute: the console shows them from then on."""
    with hunt.stand.client() as client, closing(Database(hunt.stand.database_url, patience_seconds=20)) as database:
        FieldSamples(client, database).run_once()


def has_written_down(stand: Stand, *words: str) -> bool:
    """Whether web's last refusals hold all of these."""
    with stand.client() as client:
        written = b"\n".join(client.lrange(keys.LAST_REFUSALS, 0, -1))
    return all(word.encode() in written for word in words)


async def deliver_again(hunt: Hunt) -> None:
    """The vendor's retry: one of all kinds of push."""
    await hunt.send(*hunt.accepted)
    await hunt.stand.wait_until_quiet()
    await hunt.look()


async def refuse_rows(hunt: Hunt) -> None:
    """Postgres refuses a row of each push, and quotes it; in a batch, and among pending pushes."""
    execute(hunt, REFUSE_CALLEES)
    async with hunt.frozen_workers():
        for _ in range(3):
            await hunt.push()
    await hunt.stand.wait_until_quiet()
    await hunt.stand.redis.kill(hold=True)
    await hunt.push()
    await asyncio.to_thread(hunt.look_at_pages)
    await hunt.stand.wait(lambda: "lost batches wait" in hunt.stand.sweeper.printed(), "the sweeper notices")
    hunt.stand.redis.start()
    await hunt.stand.wait_until_quiet()
    await hunt.look()
    execute(hunt, ALLOW_CALLEES)


async def refuse_dead_letters(hunt: Hunt) -> None:
    """Postgres refuses every row of a push and of its dead letter, to workers, to web and to `ingest dead discard`."""
    execute(hunt, REFUSE_PUSHES)
    await hunt.push()
    await hunt.look_at_failed_job("Postgres refuses: RaiseException P0001")
    await hunt.ingest("dead", "discard", "--all", "--reason", "why", shows="RaiseException P0001")
    await hunt.ingest("erase", "--callee-number", a_call(hunt)["callee_number"], shows="RaiseException P0001")
    await hunt.stand.redis.kill(hold=True)
    await hunt.push(503)
    hunt.stand.redis.start()
    execute(hunt, ALLOW_PUSHES)
    await hunt.stand.wait_until_quiet()


async def hold_a_lock(hunt: Hunt) -> None:
    """A job's time is over while it waits for somebody's lock."""
    with hunt.stand.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE airudder.calls IN ACCESS EXCLUSIVE MODE")
        await hunt.push()
        await hunt.look_at_failed_job("Postgres did not answer in the job")
    await hunt.stand.wait_until_quiet()


async def take_servers_away(hunt: Hunt) -> None:
    """Postgres is away for longer than a job may wait, and then Redis is too."""
    await hunt.stand.postgres.kill(hold=True)
    await hunt.push()
    await hunt.look_at_failed_job("Postgres is away", tables=False)
    await hunt.stand.redis.kill(hold=True)
    await hunt.push(503)
    await asyncio.to_thread(hunt.look_at_pages)
    await asyncio.to_thread(hunt.look_at_metrics)
    hunt.stand.redis.start()
    hunt.stand.postgres.start()
    await hunt.stand.wait(hunt.stand.postgres_answers, "Postgres answers")
    await hunt.stand.wait_until_quiet()


async def kill_workers(hunt: Hunt) -> None:
    """A worker is killed in mid-transaction, and the next one at the same push, alone."""
    execute(hunt, DWELL)
    await hunt.push()
    for deaths in range(1, 3):
        await hunt.stand.wait(hunt.stand.transaction_is_open, "a worker is in mid-transaction")
        signal_all(descendants(hunt.stand.worker.pid), signal.SIGKILL)
        # Postgres notices a client's death only when it has an answer for it.
        execute(hunt, END_TRANSACTIONS)
        await hunt.look()
        await hunt.stand.wait(partial(has_lost_workers, hunt.stand, deaths), "the pool has noticed")
    execute(hunt, HURRY_ON)
    await hunt.stand.wait_until_quiet()


def has_lost_workers(stand: Stand, deaths: int) -> bool:
    """Whether the pool has enqueued the batches of so many dead workers."""
    return stand.worker.printed().count("lost its worker") >= deaths


async def fill_redis(hunt: Hunt) -> None:
    """Redis comes to its memory limit with a batch in it, and is emptied into Postgres."""
    async with hunt.frozen_workers():
        await hunt.push()
        with hunt.stand.client() as client:
            client.config_set("maxmemory", 1)
        await hunt.push()
        await hunt.stand.wait(lambda: "Redis is full" in hunt.stand.sweeper.printed(), "Redis is emptied")
        await hunt.look()
        with hunt.stand.client() as client:
            client.config_set("maxmemory", 0)
    await hunt.stand.wait_until_quiet()


async def run_commands(hunt: Hunt) -> None:
    """What operators paste into tickets, and what goes wrong with it."""
    word = hunt.marks.word
    nowhere = f"http://127.0.0.1:1/airudder/custom-api/{word('token for ingest send')}"
    bad_redis = f"redis://:{word('wrong password of Redis')}@127.0.0.1:"
    bad_database = f"postgresql://airudder:{word('wrong password of Postgres')}"
    redis_port = hunt.stand.redis_url.rpartition(":")[2]
    await asyncio.gather(
        hunt.ingest("dead", "replay", "--all", shows="normalised: "),
        hunt.ingest("status", shows="in flight"),
        hunt.ingest("doctor", shows="Redis is a primary"),
        hunt.ingest("token", "list", shows="fingerprint", INGEST_TOKENS=f"lender-a={word('token in a list')}"),
        hunt.ingest("reconcile", shows="acknowledged, and what became of it"),
        hunt.ingest("dead", "list", shows="dead letters"),
        hunt.ingest("dead", shows="dead letters"),
        hunt.ingest("dead", "--json", shows="["),
        hunt.ingest("replay", "--status", "normalised", "--dry-run", shows="nothing was changed"),
        hunt.ingest("replay", "list", shows="replays"),
        hunt.ingest("find", word("what is looked for"), shows="nothing found"),
        hunt.ingest("send", nowhere, "--rate", "0", shows="nothing answers"),
        hunt.ingest("status", shows="REDIS_URL", REDIS_URL=f"{bad_redis}{redis_port}"),
        hunt.ingest("status", shows="REDIS_URL", REDIS_URL=f"{bad_redis}1/0"),
        hunt.ingest("doctor", shows="DATABASE_URL", DATABASE_URL=f"{bad_database}@127.0.0.1:1/airudder"),
        hunt.ingest("status", shows="DATABASE_URL", DATABASE_URL=f"{bad_database}@{word('after @')}@127.0.0.1:1/x"),
        hunt.ingest("status", shows="DATABASE_URL", DATABASE_URL=f"{bad_database}/{word('after /')}@127.0.0.1:1/x"),
        hunt.ingest("migrate", shows="DATABASE_URL", DATABASE_URL=f"{bad_database}%zz@127.0.0.1:1/x"),
        hunt.ingest("migrate", shows="DATABASE_URL", DATABASE_URL=f"host=127.0.0.1 password {word('half a DSN')}"),
        hunt.ingest("up", shows="INGEST_TOKENS: item 1", INGEST_TOKENS=word("token without source")),
    )
    await hunt.stand.wait_until_quiet()


async def stand_in_the_way_of_partitions(hunt: Hunt) -> None:
    """A push that waits for its partition may not be moved there, and Postgres quotes it."""
    day = (datetime.now(UTC) + timedelta(days=5)).replace(hour=12)
    with hunt.stand.connect() as connection, connection.transaction():
        connection.execute(sql.SQL("DROP TABLE airudder.{}").format(sql.Identifier(f"pushes_{day:%Y_%m_%d}")))
        connection.execute(MOVE_A_PUSH_TO, {"day": day})
        connection.execute(REFUSE_PARTITION)
    # They may have waited for something else before, as for a server or a lock.
    await hunt.stand.wait(lambda: REFUSED_PARTITION in hunt.stand.sweeper.printed(), "the sweeper fails")
    execute(hunt, ALLOW_PARTITION)


async def check_kept(hunt: Hunt) -> None:
    """The marks are where they belong, and a command that is asked for a call shows no more than it has to."""
    with hunt.stand.connect() as connection:
        stored = b"\n".join(row["body"] for row in connection.execute("SELECT body FROM airudder.pushes"))
    assert_found(hunt, stored, [one.body for one in hunt.accepted])
    for identifier in a_call(hunt).values():
        printed = await hunt.run(INGEST, "find", identifier)
        places = {place.partition(":")[0] for place in hunt.marks.found_in(printed.encode()).values()}
        assert f"{PUSH}.call.call_id" in places, printed
        assert places - {f"{PUSH}.{field}" for field in FOUND} == set()


async def erase_somebody(hunt: Hunt) -> None:
    """A person is removed, of whom one push is still in Redis, and the command does not say who it was."""
    asked_for = a_call(hunt)
    async with hunt.frozen_workers():
        await hunt.send(hunt.accepted[-1])
        await hunt.ingest("erase", "--callee-number", asked_for["callee_number"], "--dry-run", shows="would be erased")
        await hunt.ingest("erase", "--callee-number", asked_for["callee_number"], shows="in_redis 1")
    await hunt.ingest("erase", "--case-id", asked_for["case_id"], shows="nothing found")
    await hunt.stand.wait_until_quiet()
    await hunt.look()


def a_call(hunt: Hunt) -> dict[str, str]:
    """The ids of the newest documented push."""
    with hunt.stand.connect() as connection:
        (ids,) = connection.execute(A_CALL)
    return ids


def assert_found(hunt: Hunt, content: bytes, expected: list[bytes]) -> None:
    """Every mark of these bodies is found in the content: the search works, and the bodies are marked."""
    marks = hunt.marks.found_in(b"\n".join(expected))
    assert len(marks) > 100
    found = hunt.marks.found_in(content)
    assert [place for mark, place in marks.items() if mark not in found] == []


def execute(hunt: Hunt, statement: LiteralString) -> None:
    """Change something in Postgres."""
    with hunt.stand.connect() as connection:
        connection.execute(statement)
