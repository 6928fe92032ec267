"""Write: the rows of many pushes in, one transaction's statements out, in an order that all workers share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, LiteralString

from psycopg import Connection, Cursor

from workers import statements
from workers.merge import Key, Tables, Transcript, merge
from workers.postgres import pipelined, send_all
from workers.rows import CallRow, Normalised

_Connection = Connection[tuple[Any, ...]]
_Cursor = Cursor[tuple[Any, ...]]


def write(connection: _Connection, normalised: Sequence[Normalised], *, through_redis: bool) -> None:
    """Write everything; the caller commits. `through_redis`: the pushes came in a batch.

    In a pipeline: while Postgres is at one table, the next one's rows are on their way. Workflows and nodes come last:
    every batch writes the same few rows, and whoever comes second waits for them until the first has committed.
    """
    tables = merge(normalised)
    columns = [list(column) for column in zip(*tables.pushes, strict=True)]
    with pipelined(connection):
        pushes = connection.execute(statements.UPSERT_PUSHES_IF_NOT_SETTLED, [through_redis, *columns])
        _execute(connection, statements.UPSERT_CALLEES_IF_NEWER, tables.callees)
        cases = _execute(connection, statements.UPSERT_CASES_IF_NEWER, tables.cases)
        calls = [(*call, *_transcript_version(call, tables)) for call in tables.calls]
        written_calls = _execute(connection, statements.UPSERT_CALLS_IF_NEWER, calls)
        _execute(connection, statements.UPSERT_ATTRIBUTES_IF_NEWER, tables.attributes)
        _write_answers(connection, tables, _fetch(cases))
        _write_turns(connection, tables, _fetch(written_calls))
        _execute(connection, statements.UPSERT_WORKFLOWS_IF_NEWER, tables.workflows)
        _execute(connection, statements.UPSERT_NODES_IF_NEWER, tables.nodes)
    if through_redis and pushes.rowcount < len(tables.pushes):
        # Some were settled before: by an earlier run of the batch, or as pending, since Redis's reply was lost.
        connection.execute(statements.MARK_PUSHES_THROUGH_REDIS, columns[:2])


def _write_answers(connection: _Connection, tables: Tables, written_cases: list[tuple[Any, ...]]) -> None:
    keys = [tuple(key) for *key, _ in written_cases]
    changed = [tuple(key) for *key, is_new in written_cases if not is_new]
    ends = [(*key, len(tables.answers.get(key, ()))) for key in changed]
    _execute(connection, statements.DELETE_ANSWERS_BEYOND_THE_LAST, sorted(ends))
    answers = (tables.answers.get(key, ()) for key in sorted(keys))
    _execute(connection, statements.UPSERT_ANSWERS, list(chain.from_iterable(answers)))


def _write_turns(connection: _Connection, tables: Tables, written_calls: list[tuple[Any, ...]]) -> None:
    new = {(source, call_id) for source, call_id, is_new in written_calls if is_new}
    others = [transcript for key, transcript in sorted(tables.transcripts.items()) if key not in new]
    claimed = _claim_transcripts(connection, others)
    turns = (transcript.turns for key, transcript in tables.transcripts.items() if key in new or key in claimed)
    _execute(connection, statements.UPSERT_TURNS, list(chain.from_iterable(turns)))


def _transcript_version(call: CallRow, tables: Tables) -> tuple[Any, Any]:
    transcript = tables.transcripts.get(call[:2])
    return (transcript.received_at, transcript.push_id) if transcript else (None, None)


def _claim_transcripts(connection: _Connection, transcripts: list[Transcript]) -> set[Key]:
    """The calls, already there, whose transcript is now to be these turns; turns of an older one are cut off."""
    claims = [(*one[:2], one.received_at, one.push_id) for one in transcripts]
    claimed = {tuple(key) for key in _fetch(_execute(connection, statements.CLAIM_TRANSCRIPTS_IF_NEWER, claims))}
    ends = [(*one[:2], len(one.turns)) for one in transcripts if one[:2] in claimed]
    _execute(connection, statements.DELETE_TURNS_BEYOND_THE_LAST, ends)
    return claimed


def _execute(connection: _Connection, statement: LiteralString, rows: Sequence[Iterable[Any]]) -> _Cursor | None:
    if not rows:
        return None
    return connection.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _fetch(cursor: _Cursor | None) -> list[tuple[Any, ...]]:
    """What a statement returned; nothing if it had no rows to write and was not sent."""
    if not cursor:
        return []
    send_all(cursor.connection)
    return cursor.fetchall()
