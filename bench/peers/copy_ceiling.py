"""The ceiling of writing: rows that are ready, and cannot conflict, by COPY into the same tables."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from psycopg import Connection, sql

from workers.merge import Tables
from workers.rows import AnswerRow, AttributesRow, CalleeRow, CallRow, CaseRow, NodeRow, PushRow, TurnRow, WorkflowRow


def copy(connection: Connection[Any], tables: Tables) -> None:
    """Write the rows of one batch; the caller commits."""
    pushes = ((*push, True, 1, push.received_at) for push in tables.pushes)
    _copy(connection, "pushes", [*PushRow._fields, "through_redis", "attempts", "normalised_at"], pushes)
    _copy(connection, "callees", CalleeRow._fields, tables.callees)
    _copy(connection, "cases", CaseRow._fields, tables.cases)
    _copy(connection, "case_answers", AnswerRow._fields, chain.from_iterable(tables.answers.values()))
    calls = ((*call, call.received_at, call.push_id) for call in tables.calls)
    _copy(connection, "calls", [*CallRow._fields, "transcript_received_at", "transcript_push_id"], calls)
    turns = chain.from_iterable(transcript.turns for transcript in tables.transcripts.values())
    _copy(connection, "call_turns", TurnRow._fields, turns)
    _copy(connection, "call_attributes", AttributesRow._fields, tables.attributes)


def copy_shared(connection: Connection[Any], tables: Tables) -> None:
    """Write what every batch shares; the caller commits."""
    _copy(connection, "workflows", WorkflowRow._fields, tables.workflows)
    _copy(connection, "nodes", NodeRow._fields, tables.nodes)


def _copy(connection: Connection[Any], table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    statement = sql.SQL("COPY airudder.{} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor().copy(statement) as copying:
        for row in rows:
            copying.write_row(row)
