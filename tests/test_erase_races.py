"""Erasing a person while workers and the sweeper are at their pushes."""

from __future__ import annotations

import signal
import subprocess
import threading
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.errors import EraseError
from ops.commands import erase
from ops.person import pushes
from ops.person import statements as person_statements
from ops.person.pushes import Found
from tests.batches import enqueued, nothing_in_flight
from tests.erasing import assert_gone, counts, erasing, everything, exported
from tests.persons import MARK, NUMBER, OTHER, call_only, marked
from tests.processes import INGEST, running, wait_until
from tests.pushes import entry, push
from tests.stored import outcomes, store_pending
from workers import statements
from workers.attempts import Attempt
from workers.database import Database
from workers.settle import settle
from workers.taken_batch import take

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


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


def test_interrupted_one_says_so(client: Any, connection: Rows) -> None:
    """After Ctrl-C nobody takes the person for erased: it says what it has removed, and to run it again."""
    enqueued(client, [entry(marked())])
    assert take(client, "b1")
    command = [INGEST, "erase", "--callee-number", NUMBER]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: client.llen(keys.taken("b1")) == 0, "the person has left Redis, and erase waits for the worker")

    waiting.send_signal(signal.SIGINT)
    printed, said = waiting.communicate()

    assert (waiting.returncode, said.count("\n")) == (1, 1)
    assert said.endswith("not everything was looked at or removed: run it again. It was interrupted\n")
    assert printed.startswith("erased\n")


def test_real_worker_is_busy(client: Any, database_url: str, connection: Rows) -> None:
    """A worker in the middle of its transaction, which had to wait for a lock, commits the person, and erase comes
    after it."""
    settled = "SELECT FROM airudder.pushes WHERE status <> 'pending'"
    connection.execute("INSERT INTO airudder.workflows VALUES ('default', 'w1', 'w', NULL, now(), gen_random_uuid())")
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
        settle(database, [one], Attempt(through_redis=False))
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
