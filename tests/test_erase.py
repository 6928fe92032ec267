"""Erasing a person: gone from every table and every Redis value, whatever workers are at; nobody else is touched."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry
from ingest.errors import EraseError
from ops import queries
from ops.commands import erase
from ops.commands.reconcile import reconcile
from ops.person import pushes
from ops.person import statements as person_statements
from ops.person.pushes import Found
from tests.batches import enqueued, nothing_in_flight
from tests.persons import MARK, NUMBER, OTHER, SPELT, call_only, hold_everywhere, marked
from tests.processes import ingest, running, wait_until
from tests.pushes import entry, push
from tests.servers import redis_set_to
from tests.test_cli import make_dead
from tests.test_reconcile import acknowledge, batch_ids
from tests.test_sweeper import store_pending
from workers import statements
from workers.database import Database
from workers.jobs import normalise_batch
from workers.settle import settle
from workers.sweeper.loop import Sweeper
from workers.taken_batch import take

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def everything(connection: Rows, client: Any) -> str:
    """All rows of all tables, and all that Redis holds, as text."""
    tables = connection.execute(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'airudder'::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
    ).fetchall()
    rows = [
        f"{table['name']}: {row['text']}"
        for table in tables
        for row in connection.execute(f"SELECT stored::text AS text FROM {table['name']} AS stored ORDER BY 1")
    ]
    bodies = connection.execute("SELECT encode(body, 'escape') AS text FROM airudder.pushes ORDER BY push_id")
    return "\n".join([*rows, *(row["text"] for row in bodies), *values(client)])


def values(client: Any) -> list[str]:
    """Every value in Redis."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return sorted(f"{key!r}: {read[client.type(key)](key)!r}" for key in client.scan_iter())


def assert_gone(connection: Rows, client: Any) -> None:
    """No mark and no spelling of the number is left anywhere."""
    left = everything(connection, client)
    assert [line for line in left.splitlines() if any(one in line for one in (MARK, *SPELT))] == []


def exported(number: str = OTHER) -> Any:
    """What is held on somebody."""
    return json.loads(ingest("export", "--callee-number", number).stdout or "null")


def counts(printed: str) -> dict[str, int]:
    """What `erase` has printed."""
    return {name: int(count) for name, count in (line.split() for line in printed.splitlines()[1:])}


def outcomes(connection: Rows) -> dict[str, int]:
    """How many pushes came to which outcome."""
    counted = connection.execute("SELECT status, count(*) AS pushes FROM airudder.pushes GROUP BY status")
    return {row["status"]: row["pushes"] for row in counted}


@contextmanager
def erasing(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`ingest erase` of the person, while the block does something else; it has to succeed."""
    script = Path(sys.executable).with_name("ingest")
    with subprocess.Popen(
        [script, "erase", "--callee-number", NUMBER, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.wait(60) == 0


@pytest.fixture
def person(client: Any, database: Database, connection: Rows) -> None:
    """A person of whom everything there is is held, beside somebody else in every place; nobody works."""
    hold_everywhere(client, database, connection)


def test_person_is_nowhere_afterwards(client: Any, database: Database, connection: Rows, person: None) -> None:
    """Every trace is gone, from normalised, duplicate, dead and pending pushes, from batches and tables; what is held
    on somebody else is byte for byte what it was; and a second run finds nothing."""
    before = exported()

    erased = ingest("erase", "--callee-number", NUMBER)

    assert (erased.returncode, erased.stderr) == (0, "")
    assert_gone(connection, client)
    assert exported() == before
    assert counts(erased.stdout) == {
        "in_redis": 4,
        "pending": 3,
        "normalised": 5,
        "duplicate": 1,
        "dead": 2,
        "callees": 2,
        "cases": 2,
        "case_answers": 2,
        "calls": 4,
        "call_attributes": 4,
        "call_turns": 4,
    }
    assert not any(one in erased.stdout for one in (MARK, *SPELT))
    again = ingest("erase", "--callee-number", NUMBER)
    assert (again.returncode, set(counts(again.stdout).values())) == (1, {0})
    assert "nothing found" in again.stderr

    # What is left in flight is settled as ever, and brings nobody back.
    for batch_id in batch_ids(client):
        normalise_batch(client, database, batch_id)
    Sweeper(client, database).run_once()
    assert client.zcard(keys.BATCHES) == 0
    assert_gone(connection, client)
    assert len(exported()["pushes"]) == 4
    assert outcomes(connection) == {"erased": 15, "normalised": 4, "dead": 1}


@pytest.mark.parametrize("whom", [["--callee-number", NUMBER], ["--case-id", f"case-{MARK}"]])
def test_statistics_of_calls_stay(client: Any, database: Database, connection: Rows, whom: list[str]) -> None:
    """A call without its person keeps when, how long, which attempt and how it ended, in the vendor's own words."""
    body = marked()
    body["call"] |= {"ring_type": "normal", "hangup_type": "ByCallee", "intention": "E"}
    settle(database, [entry(body)])

    assert ingest("erase", *whom).returncode == 0

    (call,) = connection.execute("SELECT * FROM airudder.calls").fetchall()
    assert call["duration"].total_seconds() == 7
    kept = ("call_id", "workflow_id", "attempt", "ring_type", "hangup_type", "intention")
    assert [call[name] for name in kept] == ["mine", "w1", 1, "normal", "ByCallee", "E"]
    gone = ("callee_number", "case_id", "slots", "multi_label", "asr_ptp", "transcript")
    assert [call[name] for name in gone] == [None] * len(gone)
    (stored,) = connection.execute("SELECT call_id, workflow_id, body FROM airudder.pushes").fetchall()
    assert stored == {"call_id": "mine", "workflow_id": "w1", "body": b""}


def test_dry_run_counts_and_changes_nothing(client: Any, connection: Rows, person: None) -> None:
    """A dry run prints what the real one will, and leaves every row and value as it is."""
    before = everything(connection, client)

    dry = ingest("erase", "--callee-number", NUMBER, "--dry-run")

    assert everything(connection, client) == before
    assert dry.stdout.startswith("would be erased")
    assert counts(dry.stdout) == counts(ingest("erase", "--callee-number", NUMBER).stdout)


@pytest.mark.parametrize(
    "typed",
    [
        *("6281234567890", "+62 812 3456 7890", "+62 0812-3456-7890", "0062 812 3456 7890", "'6281234567890"),
        *("6281234567890.0", "+62\u00a0812\u200b34567890", "\uff0b6281234567890"),
    ],
)
def test_number_may_be_typed_in_other_ways(client: Any, connection: Rows, person: None, typed: str) -> None:
    """Whoever types the number need not know how it is stored."""
    assert ingest("erase", "--callee-number", typed).returncode == 0

    assert_gone(connection, client)


def test_worker_with_the_batch_in_hand(client: Any, database: Database, connection: Rows) -> None:
    """A worker that has read the person's pushes before they were removed writes them all the same: erase waits for
    it and removes that as well. The worker's other pushes go through."""
    enqueued(client, [entry(marked()), entry(push("other", OTHER))])
    batch = take(client, "b1")
    assert batch

    with erasing() as process:
        wait_until(lambda: client.llen(keys.taken("b1")) == 1, "the person has left Redis")
        assert process.poll() is None
        settle(database, batch.entries)
        assert connection.execute("SELECT FROM airudder.callees").rowcount == 2
        batch.discard()

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 1, "normalised": 1}
    assert len(exported()["calls"]) == 1


def test_real_worker_is_busy(client: Any, database_url: str, connection: Rows) -> None:
    """A worker in the middle of its transaction, which had to wait for a lock, commits the person, and erase comes
    after it."""
    settled = "SELECT FROM airudder.pushes WHERE status <> 'pending'"
    connection.execute("INSERT INTO airudder.workflows VALUES ('default', 'w1', 'w', now(), gen_random_uuid())")
    with psycopg.connect(database_url) as holder, running("worker", WORKERS="1"):
        holder.execute("SELECT FROM airudder.workflows FOR UPDATE")
        enqueued(client, [entry(marked()), entry(push("other", OTHER))])
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%workflows%'"
        wait_until(lambda: connection.execute(waiting).rowcount, "the worker waits for the workflow")
        with erasing() as process:
            blocked = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%''erased''%'"
            wait_until(lambda: connection.execute(blocked).rowcount, "erase waits for the worker")
            assert process.poll() is None
            holder.rollback()
        wait_until(lambda: connection.execute(settled).rowcount == 2, "both have an outcome")
        wait_until(lambda: not client.zcard(keys.BATCHES), "the batch is done")

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 1, "normalised": 1}


def test_workers_at_full_speed(client: Any, connection: Rows) -> None:
    """The person is in every one of many batches while workers go through them: whichever way each of the races ends,
    the person is gone, and everybody else's pushes are normalised."""
    for batch in range(40):
        others = [push(f"other {batch} {number}", OTHER, serial=number) for number in range(20)]
        mine = [marked(f"mine {batch}"), call_only(f"mine {batch}")]
        enqueued(client, [entry(one) for one in (*others[:10], *mine, *others[10:])], f"b{batch}")

    with running("worker", WORKERS="2"):
        wait_until(lambda: client.zcard(keys.BATCHES) < 40, "workers are at it")
        with erasing():
            pass
        wait_until(lambda: client.scard("rq:workers") == 2, "both have begun")
        wait_until(lambda: nothing_in_flight(client), "every batch is settled")

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 80, "normalised": 800}
    assert connection.execute("SELECT FROM airudder.calls WHERE callee_number = %s", [OTHER]).rowcount == 800


def test_sweeper_with_pending_in_hand(client: Any, database: Database, connection: Rows) -> None:
    """A sweeper that has read the person's pending push writes it all the same: erase waits for it too."""
    one = entry(marked())
    store_pending(connection, one)
    database.run(lambda held: held.execute(statements.LOCK_SWEEPER))

    with erasing() as process:
        wait_until(lambda: outcomes(connection) == {"erased": 1}, "the push is erased")
        assert process.poll() is None
        settle(database, [one], through_redis=False)
        assert connection.execute("SELECT FROM airudder.callees").rowcount == 1
        database.run(lambda held: held.execute(statements.UNLOCK_SWEEPER))

    assert_gone(connection, client)


def test_deadlock_is_tried_again(client: Any, database_url: str, database: Database, connection: Rows) -> None:
    """Whoever writes the same rows in another order, and is waited for while it waits, makes erase begin again."""
    settle(database, [entry(marked())])
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as other:
        first.execute("SELECT FROM airudder.callees FOR UPDATE")
        other.execute("SET deadlock_timeout = '1h'")  # so that it is erase that finds out
        other.execute("SELECT FROM airudder.calls FOR UPDATE")
        with erasing():
            wait_until(lambda: connection.execute(waiting, ["%callees%"]).rowcount, "erase waits for the first")
            thread = threading.Thread(target=other.execute, args=["SELECT FROM airudder.pushes FOR UPDATE"])
            thread.start()
            wait_until(lambda: connection.execute(waiting, ["%pushes FOR%"]).rowcount, "the other waits for erase")
            first.rollback()
            thread.join()  # as erase has given way
            other.rollback()

    assert_gone(connection, client)


def test_full_redis_is_no_hindrance(client: Any, connection: Rows, person: None) -> None:
    """A Redis at its memory limit is emptied of the person all the same."""
    with redis_set_to(client, maxmemory="1"):
        assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)


def test_redis_away_is_said(monkeypatch: pytest.MonkeyPatch, client: Any, connection: Rows, person: None) -> None:
    """Without Redis nothing is done, and that is said: part of the person may be there."""
    before = everything(connection, client)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    result = ingest("erase", "--callee-number", NUMBER)

    assert (result.returncode, set(counts(result.stdout).values())) == (1, {0})
    assert "not everything was looked at or removed: run it again" in result.stderr
    assert "Traceback" not in result.stderr
    assert everything(connection, client) == before


def test_refusal_of_redis_is_said_without_a_push(
    monkeypatch: pytest.MonkeyPatch, client: Any, redis_url: str, connection: Rows
) -> None:
    """A user of Redis's who may not remove a push gets to read no word of it."""
    enqueued(client, [entry(marked())])
    client.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], categories=["+@all"], commands=["-lrem"])
    monkeypatch.setenv("REDIS_URL", re.sub("//(.*@)?", "//reader:x@", redis_url))
    try:
        result = ingest("erase", "--callee-number", NUMBER)
    finally:
        client.acl_deluser("reader")

    assert result.returncode == 1
    assert "Redis at REDIS_URL does not answer as it should: NoPermissionError\n" in result.stderr
    assert not any(one in result.stderr for one in (MARK, *SPELT))


def test_postgres_failure_is_said_without_a_row(client: Any, connection: Rows, person: None) -> None:
    """An error of Postgres in the middle leaves Postgres as it was, keeps Redis, and quotes no row."""
    before = everything(connection, client)
    connection.execute("ALTER TABLE airudder.calls ADD CONSTRAINT fails CHECK (callee_number IS NOT NULL) NOT VALID")
    try:
        result = ingest("erase", "--callee-number", NUMBER)
    finally:
        connection.execute("ALTER TABLE airudder.calls DROP CONSTRAINT fails")

    assert (result.returncode, set(counts(result.stdout).values())) == (1, {0})
    assert "run it again" in result.stderr
    assert "CheckViolation 23514" in result.stderr
    assert not any(one in result.stderr for one in (MARK, *SPELT))
    assert everything(connection, client) == before


def test_erased_pushes_still_add_up(
    redis_url: str, database_url: str, client: Any, database: Database, connection: Rows
) -> None:
    """What was acknowledged has an outcome before and after, wherever the person was: nothing counts as lost."""
    nobody, both = "redis://127.0.0.1:1/0", entry(marked("both"))
    acknowledge(redis_url, database_url, [entry(marked()), entry(marked()), entry(push("other", OTHER))])
    normalise_batch(client, database, batch_ids(client)[0])
    acknowledge(redis_url, database_url, [both, entry(marked("open")), entry(push("other", OTHER, serial=2))])
    acknowledge(nobody, database_url, [both, entry(marked("pending"))])
    assert [hour.difference for hour in reconcile(client, connection)] == [0]

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    (hour,) = reconcile(client, connection)
    assert (hour.acknowledged, hour.outcomes["erased"], hour.difference) == (7, 5, 0)
    normalise_batch(client, database, batch_ids(client)[0])
    (hour,) = reconcile(client, connection)
    assert (hour.outcomes["normalised"], hour.in_flight, hour.difference) == (2, 0, 0)


def test_case_alone(client: Any, database: Database, connection: Rows) -> None:
    """By case id one case goes, with its answers, calls and pushes; the callee goes with the last."""
    number = "+6281222222222"
    kept = [entry(push("kept", number, serial=serial)) for serial in range(2)]
    settle(database, [*kept, entry(marked("mine", number)), entry(call_only("mine"))])
    settle(database, [entry(json.dumps(marked("x", "")).encode()[:-1]), entry(b'{"case_id": "case-Mark55", ')])
    enqueued(client, [entry(marked("second", number)), entry(push("kept", number, serial=3))])

    assert ingest("erase", "--case-id", f"case-{MARK}").returncode == 0

    held = exported(number)
    assert [case["case_id"] for case in held["cases"]] == ["case-1"]
    assert ([call["call_id"] for call in held["calls"]], len(held["pushes"])) == (["kept"], 2)
    assert len(held["in_redis"]) == len(held["callees"]) == 1
    assert outcomes(connection) == {"normalised": 2, "erased": 4, "dead": 1}
    assert ingest("erase", "--case-id", "case-1").returncode == 0
    assert connection.execute("SELECT FROM airudder.callees").rowcount == 0


def test_nameless_push_of_their_case(client: Any, database: Database, connection: Rows) -> None:
    """A push that lacks the number and names a case of theirs is theirs; not if somebody else has that case too."""
    callless = {"callee": {"case_id": f"case-{MARK}", "callee_name": MARK}}
    settle(database, [entry(marked("c1")), entry(marked("c2", None)), entry(marked("c3", None, "shared"))])
    settle(database, [entry(callless)])
    settle(database, [entry(marked(f"c{number}", number, "shared")) for number in (NUMBER, OTHER)])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    left = connection.execute("SELECT call_id FROM airudder.pushes WHERE status <> 'erased' ORDER BY 1").fetchall()
    assert [row["call_id"] for row in left] == ["c+6281111111111", "c3"]


def test_mention_in_somebody_elses_push_stays(client: Any, database: Database, connection: Rows) -> None:
    """A push that names somebody else is theirs, whomever it mentions."""
    body = push("other", OTHER, custom_attribute={"guarantor": NUMBER})
    settle(database, [entry(marked()), entry(body)])
    enqueued(client, [entry({**body, "serial": 2})])
    before = exported()

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert exported() == before
    assert len(before["pushes"]) == len(before["in_redis"]) == 1


def test_one_source_alone(client: Any, database: Database, connection: Rows) -> None:
    """With --source nothing is touched that came with another one's token."""
    settle(database, [entry(marked(), "lender-a"), entry(marked(), "lender-b")])
    enqueued(client, [entry(marked("c2"), "lender-a"), entry(marked("c2"), "lender-b")])

    assert ingest("erase", "--callee-number", NUMBER, "--source", "lender-a").returncode == 0

    held = exported(NUMBER)
    assert {row["source"] for rows in held.values() for row in rows} == {"lender-b"}
    assert [len(rows) for rows in held.values()] == [1, 1, 1, 1, 1]


def test_later_push_is_new_data(client: Any, database: Database, connection: Rows) -> None:
    """What the vendor sends of the person afterwards, be it the same bytes, is normalised: as README says."""
    settle(database, [entry(marked())])
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    settle(database, [entry(marked())])

    assert outcomes(connection) == {"erased": 1, "normalised": 1}
    assert exported(NUMBER)["calls"][0]["callee_number"] == NUMBER


def test_erased_push_is_not_replayed(client: Any, connection: Rows) -> None:
    """A dead letter that was erased stays what it is."""
    one = entry(marked())
    make_dead(connection, one)
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert ingest("dead", "replay", "--all").stdout == "nothing to replay\n"
    assert ingest("dead", "replay", str(one.uuid)).returncode == 1
    assert outcomes(connection) == {"erased": 1}


def test_push_that_was_appended_twice(client: Any, connection: Rows) -> None:
    """A push that is in its batch twice, as Redis's reply was lost, leaves it altogether; its id is counted once."""
    one: Entry = entry(marked())
    enqueued(client, [one, one])

    erased = ingest("erase", "--callee-number", NUMBER)

    assert counts(erased.stdout)["in_redis"] == 1
    assert_gone(connection, client)
    assert client.lrange(keys.batch("b1"), 0, -1) == []
    assert client.rpushx(keys.batch("b1"), encode_entry(one)) == 0


def test_worker_that_does_not_end_is_said(
    monkeypatch: pytest.MonkeyPatch, client: Any, connection: Rows, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that a worker has in hand for too long may still bring the person back, and that is said."""
    monkeypatch.setattr(erase, "IN_HAND_SECONDS", 0)
    enqueued(client, [entry(marked())])
    assert take(client, "b1")

    with pytest.raises(EraseError, match=r"run it again\. a worker does not come to an end"):
        erase.command.main(["--callee-number", NUMBER], standalone_mode=False)

    assert counts(capsys.readouterr().out)["in_redis"] == 1


def test_sweeper_that_does_not_end_is_said(
    monkeypatch: pytest.MonkeyPatch, client: Any, database: Database, connection: Rows
) -> None:
    """So is a sweeper with pending pushes in hand."""
    monkeypatch.setattr(person_statements, "WAIT_NO_LONGER_THAN_A_MINUTE", "SET LOCAL lock_timeout = '10ms'")
    store_pending(connection, entry(marked()))
    database.run(lambda held: held.execute(statements.LOCK_SWEEPER))

    with pytest.raises(EraseError, match=r"run it again\. the sweeper does not come to an end"):
        erase.command.main(["--callee-number", NUMBER], standalone_mode=False)


def test_pushes_that_keep_coming_are_said(monkeypatch: pytest.MonkeyPatch, client: Any, database: Database) -> None:
    """Without a last pass that finds nothing nobody can say that the person is gone."""
    monkeypatch.setattr(erase, "PASSES", 1)
    settle(database, [entry(marked())])

    with pytest.raises(EraseError, match="keep coming: stop them at AI Rudder first"):
        erase.command.main(["--callee-number", NUMBER], standalone_mode=False)


@pytest.mark.parametrize("command", ["erase", "export"])
@pytest.mark.parametrize(
    "whom", [[], ["--callee-number", ""], ["--callee-number", "1", "--case-id", "2"], ["--case-id", "\udcff"]]
)
def test_one_person_has_to_be_named(command: str, whom: list[str]) -> None:
    """Neither nobody nor two at once: exit code 2."""
    assert ingest(command, *whom).returncode == 2


@pytest.mark.parametrize(
    "sent",
    [
        "62 812-3456-7890",
        "'6281234567890",
        "6281234567890.0",
        6281234567890.0,
        "+62 (0) 812 3456 7890;",
        "62\u2011812 34567890",
    ],
)
def test_number_in_flight_may_be_sent_in_other_ways(client: Any, connection: Rows, sent: Any) -> None:
    """A push that waits in Redis or Postgres names the person however it spells the number, in a string as well."""
    whole, in_string = marked("first", sent), marked("second", sent)
    in_string["callee"] = json.dumps(in_string["callee"])
    enqueued(client, [entry(whole), entry(in_string)])
    store_pending(connection, entry(marked("third", sent)))

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)


def test_what_is_no_number_is_nobodys(client: Any, database: Database, connection: Rows) -> None:
    """Two people whose numbers a spreadsheet cut to the same digits are not one."""
    settle(database, [entry(push(call_id, number="6.28123E+12", serial=serial)) for serial, call_id in enumerate("ab")])

    assert ingest("erase", "--callee-number", "6.28123E+12").returncode == 1
    assert connection.execute("SELECT FROM airudder.callees").rowcount == 0
    assert outcomes(connection) == {"normalised": 2}


@pytest.mark.parametrize(
    ("sent", "typed"),
    [(1.5, "1.5"), (17.0, "17"), ("k\u200b7", "k7"), ("cafe\u0301", "caf\u00e9"), ("k7", "\ufeffk7 ")],
)
def test_case_is_named_by_what_is_seen(
    client: Any, database: Database, connection: Rows, sent: Any, typed: str
) -> None:
    """Workers and commands agree which spellings of an id are one."""
    settle(database, [entry(marked("settled", NUMBER, sent))])
    enqueued(client, [entry(marked("open", OTHER, sent)), entry(push("other", OTHER))])
    store_pending(connection, entry(marked("pending", OTHER, sent)))

    assert ingest("erase", "--case-id", typed).returncode == 0

    assert outcomes(connection) == {"erased": 3}
    assert len(exported()["in_redis"]) == 1


def test_case_is_named_as_it_was_stored_before(client: Any, database: Database, connection: Rows) -> None:
    """Rows from before spellings of an id were one go by the id as it is in them, and so do pushes of their calls."""
    stored = f"INV\u2010\u00a0{MARK}\u200b1"
    settle(database, [entry(marked("old", NUMBER)), entry(push("other", OTHER))])
    theirs = "WHERE callee_number = %s"
    connection.execute(f"UPDATE airudder.cases SET case_id = %s {theirs}", [stored, NUMBER])
    connection.execute(f"UPDATE airudder.calls SET case_id = %s, call_id = 'old\u200b' {theirs}", [stored, NUMBER])
    connection.execute(f"UPDATE airudder.pushes SET case_id = %s, call_id = 'old\u200b' {theirs}", [stored, NUMBER])
    connection.execute("UPDATE airudder.call_attributes SET call_id = 'old\u200b' WHERE call_id = 'old'")
    settle(database, [entry({"call": {"call_id": "old"}})])

    assert json.loads(ingest("export", "--case-id", stored).stdout)["cases"]
    assert ingest("erase", "--case-id", stored).returncode == 0

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 2, "normalised": 1}


def test_number_with_a_zero_more_is_somebody_elses(client: Any, database: Database, connection: Rows) -> None:
    """In Italy a leading zero belongs to the number."""
    settle(database, [entry(push("a", number="+39312345678")), entry(push("b", number="+390312345678"))])

    assert ingest("erase", "--callee-number", "+39312345678").returncode == 0

    assert [row["callee_number"] for row in connection.execute("SELECT callee_number FROM airudder.callees")] == [
        "+390312345678"
    ]


@pytest.mark.parametrize("whom", [["--callee-number", NUMBER], ["--case-id", f"case-{MARK}"]])
def test_words_of_a_call_that_changed_hands_go(
    client: Any, database: Database, connection: Rows, whom: list[str]
) -> None:
    """A later push may name somebody else for the call; what the person's own push said of it goes all the same."""
    first = push("c1", number=NUMBER)
    first["callee"]["case_id"] = f"case-{MARK}"
    first["call"]["asr_result"] = [{"time": "00:00:01", "robottext": "hello", "text": MARK}]
    settle(database, [entry({**first, "custom_attribute": {"said": MARK}})])
    second = push("c1", number=OTHER, turns=0)
    second["custom_attribute"] = None
    settle(database, [entry(second)])
    assert MARK in str(connection.execute("SELECT * FROM airudder.call_turns").fetchall())

    assert ingest("erase", *whom).returncode == 0

    for table in ("call_turns", "call_attributes", "calls", "callees", "pushes"):
        assert MARK not in str(connection.execute(f"SELECT * FROM airudder.{table}").fetchall())


def test_case_of_several_sources_has_to_be_named(client: Any, database: Database, connection: Rows) -> None:
    """Short ids are used by more than one customer."""
    one, other = push("a"), push("b")
    for document in (one, other):
        document["callee"]["case_id"] = "1"
    settle(database, [entry(one, source="lender-a"), entry(other, source="lender-b")])

    refused = ingest("erase", "--case-id", "1")

    assert refused.returncode == 2
    assert "2 sources have a case of this id" in refused.stderr
    assert ingest("erase", "--case-id", "1", "--source", "lender-a").returncode == 0
    assert [row["source"] for row in connection.execute("SELECT source FROM airudder.cases")] == ["lender-b"]


@pytest.mark.parametrize("spelt", ["0812 3456 7890", "+0812-3456-7890", "(0062) 812 3456 7890", "62 0812 3456 7890"])
def test_number_that_is_stored_as_it_was_sent(database: Database, connection: Rows, client: Any, spelt: str) -> None:
    """One that cannot be read as E.164 is found by its digits, and so are all pushes that name it."""
    settle(database, [entry(marked("a", spelt)), entry(marked("b", spelt)), entry(marked("b", spelt))])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 3}


@pytest.mark.parametrize("whom", [["--callee-number", NUMBER], ["--case-id", f"case-{MARK}"]])
def test_every_delivery_goes(client: Any, database: Database, connection: Rows, whom: list[str]) -> None:
    """Retries that were marked as duplicates, and a dead letter that was replayed and waits or is settled by now."""
    settle(database, [entry(marked())])
    settle(database, [entry(marked()), entry(marked())])
    for one in (entry(marked("waits")), entry(marked("settled"))):
        make_dead(connection, one)
        if b"settled" in one.body:
            connection.execute(queries.REPLAY_DEAD_BY_ID, {"push_id": one.uuid, "received_at": one.received_at})
            Sweeper(client, database).run_once()
    connection.execute(queries.REPLAY_ALL_DEAD)
    assert outcomes(connection) == {"normalised": 2, "duplicate": 2, "pending": 1}

    assert ingest("erase", *whom).returncode == 0

    assert_gone(connection, client)
    assert outcomes(connection) == {"erased": 5}


def test_pushes_of_a_cases_call_go(client: Any, database: Database, connection: Rows) -> None:
    """A push that names no case is the case's if its call is, or if it came about the case's callee and mentions it;
    whatever number it names."""
    of_call, mentions, neither = marked("mine", OTHER), marked("x"), push("y", NUMBER)
    mentions["custom_attribute"] = {"case_id": f"case-{MARK}"}
    for body in (of_call, mentions, neither):
        del body["callee"]["case_id"]
    settle(database, [entry(of_call), entry(mentions), entry(neither), entry(marked("mine"))])

    assert ingest("erase", "--case-id", f"case-{MARK}").returncode == 0

    left = connection.execute("SELECT call_id FROM airudder.pushes WHERE status <> 'erased'").fetchall()
    assert left == [{"call_id": "y"}]


def test_case_that_gets_another_number_meanwhile(
    client: Any, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker writes of the case between the look and the removal, about somebody who was not known with it, is
    found by the next look."""
    settle(database, [entry(marked())])
    looks: list[Found] = []

    def look_and_settle(*arguments: Any) -> Found:
        found = pushes.find(*arguments)
        if not looks:
            settle(database, [entry(marked("late", OTHER))])
        looks.append(found)
        return found

    monkeypatch.setattr(erase, "find", look_and_settle)
    erase.command.main(["--case-id", f"case-{MARK}"], standalone_mode=False)

    assert MARK not in everything(connection, client)
    assert outcomes(connection) == {"erased": 2}


def test_call_of_a_nameless_push_brings_others(client: Any, database: Database, connection: Rows) -> None:
    """A push that names nobody and mentions the number tells a call; others of that call, which mention nobody, go
    with it, be they settled, dead or in Redis, and whichever was read first."""
    said, mentions = {"call": {"call_id": "told"}}, {"call": {"call_id": "told"}, "custom_attribute": {"to": NUMBER}}
    settle(database, [entry({**said, "note": 1})])
    make_dead(connection, entry({**said, "note": 2}))
    make_dead(connection, entry(mentions))
    enqueued(client, [entry({**said, "note": 3}), entry({"call": {"call_id": "untold"}})])

    erased = ingest("erase", "--callee-number", NUMBER)

    found = counts(erased.stdout)
    assert (found["normalised"], found["dead"], found["in_redis"]) == (1, 2, 1)
    assert client.llen(keys.batch("b1")) == 1
