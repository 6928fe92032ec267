"""`ingest erase`: remove a person, or one case of theirs, everywhere; what stays of a call is its statistics."""

from __future__ import annotations

import sys
import time
from collections import Counter

import click
from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable
from redis import Redis

from ingest import settings
from ingest.batch.entry import Entry
from ingest.batch.queue import JOB_TIMEOUT_SECONDS
from ingest.errors import EraseError, IngestError, StillInHandError
from ops import in_flight, queries
from ops.output import print_record
from ops.person import rows, statements
from ops.person.names import Person, person_options, person_sought
from ops.person.pushes import Found, find, note_closed
from ops.repair.actions import begin_action, count_pushes, end_action
from workers.attempts import Attempt
from workers.settlements import parameters, this_process
from workers.statements import MARK_PUSHES_THROUGH_REDIS

PASSES = 10
"""As often as a person is looked for; the second pass finds what a worker wrote meanwhile, the last one nothing."""
TRIES = 5
"""A deadlock with a worker is tried again."""
IN_HAND_SECONDS = 2 * JOB_TIMEOUT_SECONDS
"""No worker is at one batch for so long."""
POLL_SECONDS = 0.1

PLACES = ("in_redis", "pending", "normalised", "duplicate", "dead", "discarded")
"""Where raw pushes are, before those places that are tables"""

_Connection = Connection[queries.Row]


@click.command()
@person_options
@click.option("--dry-run", is_flag=True, help="Count only.")
def command(dry_run: bool, **whom: str | None) -> None:
    """Remove a person by --callee-number, or one case by --case-id, everywhere: raw pushes, Redis, tables.

    A call stays without the person, and a push as an outcome, `erased`. Exit code 1 if nothing was found, or if a push
    could not be looked into.
    """
    sought = person_sought(**whom)
    current = settings.load()
    counts: Counter[str] = Counter()
    try:
        with in_flight.connect(current) as client, queries.connect(current) as connection:
            _check_one_source(connection, sought)
            if dry_run:
                found = find(client, connection, sought)
                _erase_rows(connection, sought, found, counts, None)
                counts["in_redis"] += len(found.in_flight)
            else:
                # Not whom: an erased person is nowhere any more.
                by = "case" if sought.case_id is not None else "callee number"
                filters = {"by": by, "source": sought.source}
                action_id = begin_action(connection, current.operator, "erase", filters)
                found = _erase(client, connection, sought, counts, action_id)
                end_action(connection, action_id)
    except (IngestError, KeyboardInterrupt) as error:
        _print(counts, dry_run)
        why = "It was interrupted" if isinstance(error, KeyboardInterrupt) else error
        raise EraseError(f"not everything was looked at or removed: run it again. {why}") from None
    _print(counts, dry_run)
    note_closed(found)
    if not counts.total():
        click.echo("nothing found: nothing that is stored is about this person", err=True)
    if found.closed or not counts.total():
        sys.exit(1)


def _check_one_source(connection: _Connection, sought: Person) -> None:
    """A customer's ids are short: another customer's case of the same id is not meant."""
    if sought.case_id is None or sought.source is not None:
        return
    sources = connection.execute(statements.SOURCES_OF_CASE, sought.parameters()).fetchall()
    if len(sources) > 1:
        raise click.UsageError(f"{len(sources)} sources have a case of this id: name one with --source")


def _print(counts: Counter[str], dry_run: bool) -> None:
    title = "would be erased" if dry_run else "erased"
    print_record(title, {place: counts[place] for place in (*PLACES, *rows.PLACES)})


def _erase(client: Redis, connection: _Connection, sought: Person, counts: Counter[str], action_id: int) -> Found:
    for _ in range(PASSES):
        before = counts.total()
        found = find(client, connection, sought)
        _erase_rows(connection, sought, found, counts, action_id)
        in_flight.remove_in_flight(client, [(one.batch_id, one.encoded) for one in found.in_flight])
        counts["in_redis"] += len(found.in_flight)
        if counts.total() == before:
            return found
        _wait_for_workers(client, {one.batch_id for one in found.in_flight})
        _wait_for_sweeper(connection)  # what was in Redis may have been pending as well
    raise EraseError("pushes about this person keep coming: stop them at AI Rudder first")


def _erase_rows(
    connection: _Connection, sought: Person, found: Found, counts: Counter[str], action_id: int | None
) -> None:
    """All in one transaction; without an action it is taken back."""
    for left in reversed(range(TRIES)):
        removed: Counter[str] = Counter()
        try:
            with connection.transaction(force_rollback=action_id is None):
                _erase_pushes(connection, found, removed, action_id)
                removed += rows.erase_rows(connection, sought, found.keys())
        except DeadlockDetected:
            if not left:
                raise
        else:
            counts += removed
            return


def _erase_pushes(connection: _Connection, found: Found, removed: Counter[str], action_id: int | None) -> None:
    entries = [one.entry for one in found.in_flight]
    _store_erased(connection, entries)
    stored = queries.columns(found.pushes, "push_id", "received_at")
    rows_erased = connection.execute(statements.ERASE_PUSHES, {**stored, "worker": this_process()}).fetchall()
    removed.update(row["status"] for row in rows_erased)
    if action_id is not None:
        _note_erased(connection, action_id, entries, rows_erased)


def _store_erased(connection: _Connection, entries: list[Entry]) -> None:
    """Before they leave Redis, and whatever a worker makes of them: there is an outcome, and no body."""
    erased = {
        "push_ids": [entry.uuid for entry in entries],
        "received_ats": [entry.received_at for entry in entries],
        "sources": [entry.source for entry in entries],
        "kinds": [entry.kind for entry in entries],
        "worker": this_process(),
    }
    connection.execute(statements.STORE_ERASED, erased)
    # Of those whose rows were there: first what locks them in an order that all share.
    connection.execute(statements.ERASE_PUSHES, erased)
    marked = [erased["received_ats"], erased["push_ids"]]
    connection.execute(MARK_PUSHES_THROUGH_REDIS, [*parameters(Attempt(through_redis=False, number=0)), *marked])


def _note_erased(connection: _Connection, action_id: int, entries: list[Entry], rows_erased: list[queries.Row]) -> None:
    pushes = {entry.uuid: entry.received_at for entry in entries}
    pushes |= {row["push_id"]: row["received_at"] for row in rows_erased}
    noted = {"push_ids": list(pushes), "received_ats": list(pushes.values()), "action_id": action_id}
    connection.execute(statements.FORGET_ERRORS, noted)
    connection.execute(statements.NOTE_ERASED, noted)
    count_pushes(connection, action_id, len(pushes))


def _wait_for_workers(client: Redis, batch_ids: set[str]) -> None:
    """Until nobody can still write what was in a batch before: who takes it from now on finds it without the person."""
    deadline = time.monotonic() + IN_HAND_SECONDS
    while in_flight.are_in_hand(client, batch_ids):
        if time.monotonic() > deadline:
            raise StillInHandError("a worker does not come to an end with a batch in which this person was")
        time.sleep(POLL_SECONDS)


def _wait_for_sweeper(connection: _Connection) -> None:
    try:
        with connection.transaction():
            connection.execute(statements.WAIT_NO_LONGER_THAN_A_MINUTE)
            connection.execute(statements.WAIT_FOR_SWEEPER)
    except LockNotAvailable:
        raise StillInHandError("the sweeper does not come to an end with its pending pushes") from None
