"""Write: the rows of a batch in, one transaction's statements out, in an order that all workers share.

By table, and in a table by key, whether its rows are copied or upserted: workers that write about the same people wait
for each other in one order. So a table is copied as a whole or not at all: a worker that had copied its new rows first
could wait for a known one that another has, which waits for a new one. Answers come after their case, and turns and
attributes after their call, whose row nobody else then has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any, LiteralString

from psycopg import Connection, Cursor

from workers import statements
from workers.copy import ANSWERS, ATTRIBUTES, CALLS, PUSHES, TURNS, copy
from workers.known import find_known_calls
from workers.merge import Key, Tables, Transcript
from workers.postgres import pipelined, send_all
from workers.redeliveries import mark_redeliveries
from workers.rows import AnswerRow

_Connection = Connection[tuple[Any, ...]]
_Cursor = Cursor[tuple[Any, ...]]


def write(connection: _Connection, tables: Tables, *, through_redis: bool) -> None:
    """Write everything by upserts; the caller commits. `through_redis`: the pushes came in a batch.

    In a pipeline: while Postgres is at one table, the next one's rows are on their way.
    """
    pushes = mark_redeliveries(connection, tables.pushes, find_known_calls(connection, tables))
    columns = [list(column) for column in zip(*pushes, strict=True)]
    with pipelined(connection):
        written = connection.execute(statements.UPSERT_PUSHES_IF_NOT_SETTLED, [through_redis, *columns])
        _execute(connection, statements.UPSERT_CALLEES_IF_NEWER, tables.callees.values())
        cases = _execute(connection, statements.UPSERT_CASES_IF_NEWER, tables.cases.values())
        calls = _execute(connection, statements.UPSERT_CALLS_IF_NEWER, _with_transcripts(tables))
        _execute(connection, statements.UPSERT_ATTRIBUTES_IF_NEWER, tables.attributes.values())
        _upsert_answers(connection, tables.answers, _fetch(cases))
        _upsert_turns(connection, tables.transcripts, _new(_fetch(calls)))
        _upsert_origins(connection, tables)
    if through_redis and written.rowcount < len(pushes):
        # Some were settled before: by an earlier run of the batch, or as pending, since Redis's reply was lost.
        connection.execute(statements.MARK_PUSHES_THROUGH_REDIS, columns[:2])


def write_by_copy(connection: _Connection, tables: Tables) -> None:
    """Write a batch: by COPY its pushes, its calls if none of them is known, and what belongs to a new case or call;
    the rest by upserts. The caller commits.

    Raises UniqueViolation if a push, or a call that was new, is there after all.
    """
    known_calls = find_known_calls(connection, tables)
    pushes = mark_redeliveries(connection, tables.pushes, known_calls)
    now = connection.execute(statements.TELL_TIME, binary=True).fetchone()
    assert now
    copy(connection, PUSHES, [(*push, True, 1, *(now if push.status == "normalised" else (None,))) for push in pushes])
    _execute(connection, statements.UPSERT_CALLEES_IF_NEWER, tables.callees.values())
    _write_cases(connection, tables)
    _write_calls(connection, tables, known_calls)
    _upsert_origins(connection, tables)


def _write_cases(connection: _Connection, tables: Tables) -> None:
    """Cases, and their answers: by COPY where the case is new."""
    cases = _fetch(_execute(connection, statements.UPSERT_CASES_IF_NEWER, tables.cases.values()))
    new = _new(cases)
    copy(connection, ANSWERS, [row for key, rows in tables.answers.items() if key in new for row in rows])
    _upsert_answers(connection, tables.answers, [case for case in cases if not case[-1]])


def _write_calls(connection: _Connection, tables: Tables, known_calls: set[Key]) -> None:
    """Calls, their turns and attributes: by COPY where the call is new."""
    if known_calls:
        new: Collection[Key] = _new(
            _fetch(_execute(connection, statements.UPSERT_CALLS_IF_NEWER, _with_transcripts(tables)))
        )
    else:
        copy(connection, CALLS, _with_transcripts(tables))
        new = tables.calls
    copy(connection, TURNS, [row for key, one in tables.transcripts.items() if key in new for row in one.turns])
    copy(connection, ATTRIBUTES, [row for key, row in tables.attributes.items() if key[:2] in new])
    _upsert_turns(connection, {key: one for key, one in tables.transcripts.items() if key not in new}, set())
    attributes = [row for key, row in tables.attributes.items() if key[:2] not in new]
    _execute(connection, statements.UPSERT_ATTRIBUTES_IF_NEWER, attributes)


def _new(written: list[tuple[Any, ...]]) -> set[Key]:
    """The keys that were not there, of what an upsert returned."""
    return {tuple(key) for *key, is_new in written if is_new}


def _upsert_origins(connection: _Connection, tables: Tables) -> None:
    """Last: every batch writes the same few rows, and whoever comes second waits for them until the first is done."""
    _execute(connection, statements.UPSERT_WORKFLOWS_IF_NEWER, tables.workflows.values())
    _execute(connection, statements.UPSERT_NODES_IF_NEWER, tables.nodes.values())


def _upsert_answers(
    connection: _Connection, answers: Mapping[Key, list[AnswerRow]], written_cases: list[tuple[Any, ...]]
) -> None:
    keys = [tuple(key) for *key, _ in written_cases]
    changed = [tuple(key) for *key, is_new in written_cases if not is_new]
    ends = [(*key, len(answers.get(key, ()))) for key in changed]
    _execute(connection, statements.DELETE_ANSWERS_BEYOND_THE_LAST, sorted(ends))
    written = (answers.get(key, ()) for key in sorted(keys))
    _execute(connection, statements.UPSERT_ANSWERS, list(chain.from_iterable(written)))


def _upsert_turns(connection: _Connection, transcripts: Mapping[Key, Transcript], new_calls: set[Key]) -> None:
    others = {key: one for key, one in transcripts.items() if key not in new_calls}
    claimed = _claim_transcripts(connection, others)
    turns = (one.turns for key, one in transcripts.items() if key in new_calls or key in claimed)
    _execute(connection, statements.UPSERT_TURNS, list(chain.from_iterable(turns)))


def _with_transcripts(tables: Tables) -> list[tuple[Any, ...]]:
    """The calls, each with the version of its transcript."""
    none = (None, None)
    versions = {key: (one.received_at, one.push_id) for key, one in tables.transcripts.items()}
    return [(*call, *versions.get(key, none)) for key, call in tables.calls.items()]


def _claim_transcripts(connection: _Connection, transcripts: Mapping[Key, Transcript]) -> set[Key]:
    """The calls, already there, whose transcript is now to be these turns; turns of an older one are cut off."""
    claims = [(*key, one.received_at, one.push_id) for key, one in transcripts.items()]
    claimed = {tuple(key) for key in _fetch(_execute(connection, statements.CLAIM_TRANSCRIPTS_IF_NEWER, claims))}
    ends = [(*key, len(one.turns)) for key, one in transcripts.items() if key in claimed]
    _execute(connection, statements.DELETE_TURNS_BEYOND_THE_LAST, ends)
    return claimed


def _execute(connection: _Connection, statement: LiteralString, rows: Collection[Iterable[Any]]) -> _Cursor | None:
    if not rows:
        return None
    return connection.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _fetch(cursor: _Cursor | None) -> list[tuple[Any, ...]]:
    """What a statement returned; nothing if it had no rows to write and was not sent."""
    if not cursor:
        return []
    send_all(cursor.connection)
    return cursor.fetchall()
