"""Write: the rows of a batch in, one transaction's statements out, in an order that all workers share.

By table, and in a table by key, whether its rows are copied or upserted: workers that write about the same people wait
for each other in one order. So calls are copied all or none: a worker that had copied new ones first could wait for a
known one that another has, which waits for a new one. Answers come after their case, and turns and attributes after
their call, whose row nobody else then has: of them only those that are new are copied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, LiteralString

from psycopg import Connection, Cursor

from workers import statements
from workers.copy import ANSWERS, ATTRIBUTES, CALLS, PUSHES, TURNS, copy
from workers.known import find_known_calls
from workers.merge import Key, Tables
from workers.postgres import pipelined, send_all
from workers.redeliveries import mark_redeliveries
from workers.rows import AnswerRow, TurnRow

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
        new_cases, other_cases = _divided(_fetch(cases))
        _cut_answers(connection, tables, other_cases)
        _execute(connection, statements.UPSERT_ANSWERS, _answers(tables, new_cases | other_cases))
        new_calls, _ = _divided(_fetch(calls))
        claimed_calls = _claim_turns(connection, tables, new_calls)
        _execute(connection, statements.UPSERT_TURNS, _turns(tables, new_calls | claimed_calls))
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
    ((now,),) = connection.execute(statements.TELL_TIME, binary=True).fetchall()
    copy(connection, PUSHES, [(*push, True, 1, now if push.status == "normalised" else None) for push in pushes])
    _execute(connection, statements.UPSERT_CALLEES_IF_NEWER, tables.callees.values())
    _write_cases(connection, tables)
    _write_calls(connection, tables, known_calls)
    _upsert_origins(connection, tables)


def _write_cases(connection: _Connection, tables: Tables) -> None:
    """Cases, and their answers: by COPY where the case is new."""
    new, others = _divided(_fetch(_execute(connection, statements.UPSERT_CASES_IF_NEWER, tables.cases.values())))
    copy(connection, ANSWERS, _answers(tables, new))
    _cut_answers(connection, tables, others)
    _execute(connection, statements.UPSERT_ANSWERS, _answers(tables, others))


def _write_calls(connection: _Connection, tables: Tables, known_calls: set[Key]) -> None:
    """Calls, their turns and attributes: by COPY where the call is new."""
    calls = _with_transcripts(tables)
    new: Collection[Key] = tables.calls.keys()
    if known_calls:
        new, _ = _divided(_fetch(_execute(connection, statements.UPSERT_CALLS_IF_NEWER, calls)))
    else:
        copy(connection, CALLS, calls)
    copy(connection, TURNS, _turns(tables, new))
    copy(connection, ATTRIBUTES, [row for key, row in tables.attributes.items() if key[:2] in new])
    _execute(connection, statements.UPSERT_TURNS, _turns(tables, _claim_turns(connection, tables, new)))
    attributes = [row for key, row in tables.attributes.items() if key[:2] not in new]
    _execute(connection, statements.UPSERT_ATTRIBUTES_IF_NEWER, attributes)


def _divided(written: list[tuple[Any, ...]]) -> tuple[set[Key], set[Key]]:
    """The keys that were not there, and the others, of what an upsert returned."""
    new = {tuple(key) for *key, is_new in written if is_new}
    return new, {tuple(key) for *key, _ in written} - new


def _upsert_origins(connection: _Connection, tables: Tables) -> None:
    """Last: every batch writes the same few rows, and whoever comes second waits for them until the first is done."""
    _execute(connection, statements.UPSERT_WORKFLOWS_IF_NEWER, tables.workflows.values())
    _execute(connection, statements.UPSERT_NODES_IF_NEWER, tables.nodes.values())


def _answers(tables: Tables, cases: Collection[Key]) -> list[AnswerRow]:
    return [answer for key, answers in tables.answers.items() if key in cases for answer in answers]


def _cut_answers(connection: _Connection, tables: Tables, cases: Iterable[Key]) -> None:
    """Cases that were there may have had more answers."""
    ends = [(*key, len(tables.answers.get(key, ()))) for key in sorted(cases)]
    _execute(connection, statements.DELETE_ANSWERS_BEYOND_THE_LAST, ends)


def _turns(tables: Tables, calls: Collection[Key]) -> list[TurnRow]:
    return [turn for key, transcript in tables.transcripts.items() if key in calls for turn in transcript.turns]


def _claim_turns(connection: _Connection, tables: Tables, new_calls: Collection[Key]) -> set[Key]:
    """The calls, already there, whose transcript is now to be the batch's; turns of an older one are cut off."""
    others = {key: one for key, one in tables.transcripts.items() if key not in new_calls}
    claims = [(*key, one.received_at, one.push_id) for key, one in others.items()]
    claimed = set(_fetch(_execute(connection, statements.CLAIM_TRANSCRIPTS_IF_NEWER, claims)))
    ends = [(*key, len(one.turns)) for key, one in others.items() if key in claimed]
    _execute(connection, statements.DELETE_TURNS_BEYOND_THE_LAST, ends)
    return claimed


def _with_transcripts(tables: Tables) -> list[tuple[Any, ...]]:
    """The calls, each with the version of its transcript."""
    none = (None, None)
    return [(*call, *tables.transcripts.get(key, none)[:2]) for key, call in tables.calls.items()]


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
