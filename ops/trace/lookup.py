"""Lookup: which pushes in Postgres an id leads to, whatever it is the id of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection

from ingest.batch.push_ids import received_at_of
from ingest.kinds.reading.identifiers import id_spellings
from ops.identifiers import push_key, typed_numbers, typed_uuid
from ops.queries import Row
from ops.trace import statements
from workers.redeliveries import RETRIES_LAST

MOST = 50
"""Pushes of one trace: the newest"""
NEWEST = 5_000
"""Pushes among which those of a workflow or task are looked for, beside those that the tables lead to"""
MOST_IN_BATCH = 20_000
"""Pushes that came while a batch was open, of all batches"""
CLOCKS_DIFFER = timedelta(seconds=2)

_Connection = Connection[Row]


@dataclass
class Lookup:
    """All that an id leads to."""

    found_as: list[str] = field(default_factory=list)
    pushes: dict[UUID, Row] = field(default_factory=dict)
    """By push id, as `statements` selects them"""
    batches: list[Row] = field(default_factory=list)
    """The settlements of a batch"""
    left_out: list[str] = field(default_factory=list)

    def add(self, what: str, rows: Iterable[Row]) -> None:
        """Take pushes that the id leads to, as this."""
        added = {row["push_id"]: row for row in rows}
        if added:
            self.found_as.append(what)
        if len(added) == MOST:
            self.left_out.append(f"by this {what} there may be more pushes: the newest {MOST} are shown")
        self.pushes |= added


def look_up(connection: _Connection, identifier: str) -> Lookup:
    """The pushes of a push, batch, call, case, number, workflow or task; an id may be several of these."""
    found = Lookup()
    if (uuid := typed_uuid(identifier)) is not None:
        _look_up_push(connection, uuid, found)
        _look_up_batch(connection, uuid, found)
    if not found.found_as:
        where: dict[str, Any] = {"ids": sorted(id_spellings(identifier)), "most": MOST, "newest": NEWEST}
        found.add("call id", connection.execute(statements.OF_CALL, where))
        found.add("case id", connection.execute(statements.OF_CASE, where))
        numbers = {"numbers": typed_numbers(identifier), "most": MOST}
        found.add("telephone number", connection.execute(statements.OF_NUMBER, numbers))
    if not found.found_as:
        _look_up_workflow_or_task(connection, where, found)
    return found


def _look_up_push(connection: _Connection, push_id: UUID, found: Lookup) -> None:
    push = connection.execute(statements.PUSH, push_key(push_id)).fetchone()
    if push is None:
        return
    found.add("push id", [push])
    around = {"since": push["received_at"] - RETRIES_LAST, "until": push["received_at"] + RETRIES_LAST}
    alike = connection.execute(statements.SAME_BYTES, {**push, **around, "most": MOST})
    found.pushes |= {row["push_id"]: row for row in alike}
    if push["status"] != "erased" and not (push["call_id"] or push["callee_number"]):
        found.left_out.append("it names no call and no number: redeliveries are looked for within six minutes")


def _look_up_batch(connection: _Connection, batch_id: UUID, found: Lookup) -> None:
    found.batches = connection.execute(statements.SETTLEMENTS_OF_BATCH, {"batch_id": batch_id, "most": MOST}).fetchall()
    opened_at = received_at_of(batch_id)
    if not (found.batches and opened_at):
        return
    moments = sorted({row["settled_at"] for row in found.batches})
    where = {"since": opened_at - CLOCKS_DIFFER, "until": moments[-1], "moments": moments, "most": MOST}
    found.found_as.append("batch id")
    rows = connection.execute(statements.OF_BATCH, {**where, "newest": MOST_IN_BATCH}).fetchall()
    dead = connection.execute(statements.DIED_IN_BATCH, where).fetchall()
    found.pushes |= {row["push_id"]: row for row in (*rows, *_pushes(connection, (one["push_id"] for one in dead)))}
    total = sum(row["normalised"] + row["dead"] + row["duplicate"] for row in found.batches)
    if total > len(found.pushes):
        found.left_out.append(f"{total - len(found.pushes)} more pushes of the batch, its redeliveries among them")


def _look_up_workflow_or_task(connection: _Connection, where: dict[str, Any], found: Lookup) -> None:
    for what, statement in (("workflow id", statements.TOLD_OF_WORKFLOW), ("task id", statements.TOLD_OF_TASK)):
        told = connection.execute(statement, where).fetchall()
        found.add(what, _pushes(connection, _versions(told)))
    digests = [row["body_digest"] for row in connection.execute(statements.DIGESTS_OF_TASK, where)]
    found.add("task id", connection.execute(statements.OF_DIGESTS, {"digests": digests, "most": MOST}))
    found.add("workflow or task id", connection.execute(statements.OF_NEWEST, where))
    if found.found_as:
        found.left_out.append(
            f"a workflow's or task's other pushes: no index has them, and the newest {NEWEST} were read"
        )


def _versions(rows: Iterable[Row]) -> set[UUID]:
    """The pushes that told of these rows."""
    return {UUID(str(one)) for row in rows for one in (row["push_id"], *(row["kept_from"] or {}).values())}


def _pushes(connection: _Connection, push_ids: Iterable[UUID]) -> list[Row]:
    # A version that is made of the vendor's time is no push's id.
    newest = sorted((one for one in push_ids if received_at_of(one)), reverse=True)[:MOST]
    where: dict[str, LiteralString | Any] = {"push_ids": newest, "times": [received_at_of(one) for one in newest]}
    return connection.execute(statements.PUSHES, where).fetchall()
