"""Meaning: whether an id is a push's, a batch's, a call's, a case's, a number, or a workflow's or a task's."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

from psycopg import Connection

from ingest.batch.push_ids import received_at_of
from ingest.kinds.reading.identifiers import id_spellings
from ops.identifiers import typed_numbers, typed_uuid
from ops.queries import Row
from ops.search import statements
from ops.search.statements import Meant
from ops.trace.lookup import CLOCKS_DIFFER, MOST
from ops.trace.statements import DIED_IN_BATCH, PUSH, SETTLEMENTS_OF_BATCH, TOLD_OF_TASK, TOLD_OF_WORKFLOW

MOST_DEAD = 2_000
"""Of one batch: as many pushes as it may have"""

_Connection = Connection[Row]


def meaning_of(connection: _Connection, identifier: str) -> Meant:
    """The pushes that an id stands for; all of them where it is empty. An id that nothing is known by is taken for
    a workflow's or a task's, as no index has those."""
    if not identifier:
        return Meant()
    return (
        _of_push(connection, identifier)
        or _of_batch(connection, identifier)
        or _of_call_case_or_number(connection, identifier)
        or Meant(condition=statements.OF_WORKFLOW_OR_TASK, parameters={"ids": sorted(id_spellings(identifier))})
    )


def _of_push(connection: _Connection, identifier: str) -> Meant | None:
    push_id = typed_uuid(identifier)
    received_at = received_at_of(push_id) if push_id else None
    if not connection.execute(PUSH, {"push_id": push_id, "received_at": received_at}).fetchone():
        return None
    where: dict[str, Any] = {"push_id": push_id, "push_received_at": received_at}
    return Meant(("push id",), statements.OF_PUSH, parameters=where)


def _of_batch(connection: _Connection, identifier: str) -> Meant | None:
    batch_id = typed_uuid(identifier)
    opened_at = received_at_of(batch_id) if batch_id else None
    if opened_at is None:
        return None
    settlements = connection.execute(SETTLEMENTS_OF_BATCH, {"batch_id": batch_id, "most": MOST}).fetchall()
    if not settlements:
        return None
    moments = sorted({row["settled_at"] for row in settlements})
    since, until = opened_at - CLOCKS_DIFFER, moments[-1]
    dead = {"since": since, "until": until, "moments": moments, "most": MOST_DEAD}
    died = [row["push_id"] for row in connection.execute(DIED_IN_BATCH, dead)]
    where: dict[str, Any] = {"opened_at": since, "settled_at": until, "moments": moments, "died": died}
    return Meant(("batch id",), statements.OF_BATCH, statements.SETTLED_IN_BATCH, where)


def _of_call_case_or_number(connection: _Connection, identifier: str) -> Meant | None:
    """An id may be several of these."""
    where: dict[str, Any] = {"ids": sorted(id_spellings(identifier)), "numbers": typed_numbers(identifier)}
    where["most"] = MOST
    numbers = [row["callee_number"] for row in connection.execute(statements.NUMBERS_OF_CASE, where)]

    def is_there(statement: LiteralString) -> bool:
        return connection.execute(statement, where).fetchone() is not None

    found: list[tuple[str, LiteralString]] = []
    if is_there(statements.CALL_IS_THERE):
        found.append(("call id", statements.OF_CALL))
    if numbers:
        found.append(("case id", statements.OF_CASE))
    if is_there(statements.CASE_WITHOUT_NUMBER_IS_THERE):
        found.append(("case id", statements.OF_CASE_WITHOUT_NUMBER))
    if is_there(statements.NUMBER_IS_THERE):
        found.append(("telephone number", statements.OF_NUMBER))
    if not found:
        return None
    reach = " OR ".join(sql for _, sql in found)
    names = tuple(dict.fromkeys(name for name, _ in found))
    return Meant(names, f"({reach})", parameters={**where, "case_numbers": numbers})


def told_last(connection: _Connection, identifier: str) -> datetime | None:
    """When the last push came that a table has of a workflow or a task; None if no table knows it."""
    where = {"ids": sorted(id_spellings(identifier)), "most": MOST}
    told = [*connection.execute(TOLD_OF_WORKFLOW, where), *connection.execute(TOLD_OF_TASK, where)]
    return max((at for row in told if (at := received_at_of(row["push_id"]))), default=None)
