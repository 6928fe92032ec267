"""A person's rows: which they are, and how they are removed, for each table by its declaration.

A table whose key has a callee's number holds rows of persons, and one whose key has a call's id rows of calls. Of the
others those rows are theirs that name them in a column, or that a push of theirs has told. A row of which nothing would
be left is removed; of any other what stays is its statistics.
"""
# ruff: noqa: S608 - the SQL is built of the declarations alone

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from ingest.tables import CALLEES, CALLS, CASES, TABLES
from ingest.tables.table import Table
from ops import queries
from ops.person import statements
from ops.person.names import Person

_Connection = Connection[queries.Row]
_Columns = dict[str, list[Any]]

OF_PERSONS = tuple(table for table in TABLES if "callee_number" in table.key and table is not CALLEES)
"""Before the callees themselves: a callee stays while a row of theirs does"""
OF_CALLS = tuple(table for table in TABLES if "call_id" in table.key)
OTHERS = tuple(
    table
    for table in TABLES
    if table not in (CALLEES, *OF_PERSONS, *OF_CALLS) and any(not policy.left for policy in table.personal.values())
)
PLACES = (
    CALLEES.name,
    *(name for table in (*OF_PERSONS, *OF_CALLS, *OTHERS) for name in (table.name, *table.lists.values())),
)
"""What is counted: the rows of tables, and of the views of their lists"""

_BY_CASE = "callee_number = ANY (%(case_numbers)s::text[]) AND case_id = ANY (%(case_spellings)s::text[])"
"""Of a case only the rows of those numbers by which its pushes are looked for: what a worker adds meanwhile has to be
there in the next pass, or its pushes would not be found."""
_BY_NUMBER = "callee_number = ANY (%(numbers)s::text[])"
_THEIR_CALLEES = f"""
{statements.OF_SOURCE} AND ({_BY_NUMBER}
  OR (callee_number = ANY (%(case_numbers)s::text[]) AND EXISTS (
    SELECT FROM airudder.{CASES.name} AS of_case
    WHERE of_case.callee_number = callees.callee_number AND of_case.source = callees.source
      AND of_case.case_id = ANY (%(case_spellings)s::text[]))))
"""
_KEYS = "unnest(%(sources)s::text[], %(call_ids)s::text[]) AS theirs (source, call_id)"
_PUSHES = """unnest(%(sources)s::text[], %(call_ids)s::text[], %(push_ids)s::uuid[], %(bits)s::text[])
  AS said (source, call_id, push_id, bits)"""
_BY_CALL = f"""(SELECT source, call_id, array_agg(push_id) AS push_ids, array_agg(bits) AS bits
  FROM {_PUSHES} GROUP BY 1, 2) AS said"""


def rows_of(connection: _Connection, person: Person, keys: _Columns) -> dict[str, list[queries.Row]]:
    """All that the tables hold on a person, by table; what nodes and others add to a call stands in it. `keys` as of
    `erase_rows`."""
    of_person = {table.name: _of_person(connection, table, person) for table in (CALLEES, *OF_PERSONS)}
    where = f"WHERE {statements.THEIR_CALLS} ORDER BY started_at"
    calls = connection.execute(f"SELECT * FROM airudder.calls {where}".encode(), person.parameters()).fetchall()
    by_key = {(call["source"], call["call_id"]): call for call in calls}
    for table in OF_CALLS:
        if table is CALLS:
            continue
        within = table.name.removeprefix("call_")
        for call in calls:
            call[within] = []
        added = f"SELECT added.* FROM airudder.{table.name} AS added JOIN {_KEYS} USING (source, call_id)"
        of_calls = queries.columns(calls, "source", "call_id")
        for row in connection.execute(f"{added} ORDER BY received_at".encode(), of_calls):
            by_key[row.pop("source"), row.pop("call_id")][within].append(row)
    others = {table.name: _of_others(connection, table, "*", keys, person) for table in OTHERS}
    return {**of_person, CALLS.name: calls, **others}


def erase_rows(connection: _Connection, person: Person, keys: _Columns) -> Counter[str]:
    """Remove a person's rows, in the order in which workers write; how many, by place. `keys`: of the raw pushes that
    are theirs the `sources`, `call_ids`, `push_ids`, `bits`."""
    removed: Counter[str] = Counter()
    # A worker writes a callee before their cases: one that is at another case of theirs is waited for.
    callees = _of_person(connection, CALLEES, person, " FOR UPDATE")
    for table in OF_PERSONS:
        returned = _lengths(table) or "NULL"
        deleted = f"DELETE FROM airudder.{table.name} WHERE {_their_rows(table)} RETURNING {returned}"
        _count(removed, table, connection.execute(deleted.encode(), person.parameters()).fetchall())
    of_callees = queries.columns(callees, "source", "callee_number")
    removed[CALLEES.name] += connection.execute(_DELETE_CALLEES.encode(), of_callees).rowcount
    _erase_calls(connection, person, removed)
    _erase_told(connection, person, keys, removed)
    for table in OTHERS:
        _erase_of_others(connection, table, keys, person, removed)
    return removed


def _of_person(connection: _Connection, table: Table, person: Person, lock: str = "") -> list[queries.Row]:
    whose = _THEIR_CALLEES if table is CALLEES else _their_rows(table)
    found = f"SELECT * FROM airudder.{table.name} WHERE {whose} ORDER BY {', '.join(table.key)}{lock}"
    return connection.execute(found.encode(), person.parameters()).fetchall()


def _their_rows(table: Table) -> str:
    """What is of no case is erased with the person alone."""
    theirs = f"{_BY_NUMBER} OR ({_BY_CASE})" if "case_id" in table.columns else _BY_NUMBER
    return f"{statements.OF_SOURCE} AND ({theirs})"


_HAS_ROWS = " OR ".join(
    f"EXISTS (SELECT FROM airudder.{table.name} AS other "
    "WHERE other.source = theirs.source AND other.callee_number = theirs.callee_number)"
    for table in OF_PERSONS
)
_DELETE_CALLEES = f"""
DELETE FROM airudder.callees AS callee
USING unnest(%(sources)s::text[], %(callee_numbers)s::text[]) AS theirs (source, callee_number)
WHERE callee.source = theirs.source AND callee.callee_number = theirs.callee_number AND NOT ({_HAS_ROWS})
"""


def _erase_calls(connection: _Connection, person: Person, removed: Counter[str]) -> None:
    locked = f"SELECT source, call_id, {_lengths(CALLS)} FROM airudder.calls WHERE {statements.THEIR_CALLS}"
    in_order = " ORDER BY source, call_id FOR UPDATE"
    calls = connection.execute(f"{locked}{in_order}".encode(), person.parameters()).fetchall()
    keys = queries.columns(calls, "source", "call_id")
    for table in OF_CALLS:
        removed[table.name] += connection.execute(_erase_of_calls(table).encode(), keys).rowcount
    _count_lists(removed, CALLS, calls)


def _erase_of_calls(table: Table) -> str:
    if table.is_personal:
        return f"DELETE FROM airudder.{table.name} USING {_KEYS} WHERE {_are_equal(table, ('source', 'call_id'))}"
    return _leaving_statistics(table, _KEYS, ("source", "call_id"))


def _leaving_statistics(table: Table, theirs: str, key: tuple[str, ...]) -> str:
    """Erase what may not stay of the rows that agree in these columns with `theirs`; only of those that have any."""
    lefts = {name: table.left(name) for name in _erasable(table, table.personal)}
    erased = ", ".join(f"{name} = {left}" for name, left in lefts.items())
    has_more = " OR ".join(f"{table.name}.{name} IS DISTINCT FROM {left}" for name, left in lefts.items())
    return f"UPDATE airudder.{table.name} SET {erased} FROM {theirs} WHERE {_are_equal(table, key)} AND ({has_more})"


def _erasable(table: Table, columns: Iterable[str]) -> list[str]:
    return [name for name in columns if table.left(name) != f"{table.name}.{name}"]


def _are_equal(table: Table, columns: Iterable[str], other: str = "theirs") -> str:
    return " AND ".join(f"{table.name}.{name} = {other}.{name}" for name in columns)


def _erase_told(connection: _Connection, person: Person, keys: _Columns, removed: Counter[str]) -> None:
    """What the person's own pushes have told of a call that somebody else's later push says is theirs. A call of their
    own has just been erased, names nobody, and keeps its statistics."""
    for table in OF_CALLS:
        for column, view in table.lists.items():
            told = f"{table.name}.{column} IS NOT NULL AND {_told_by_them(table, column)}"
            lengths = f"SELECT jsonb_array_length({column}) AS {view} FROM airudder.{table.name}"
            joined = f"{lengths} JOIN {_BY_CALL} USING (source, call_id) WHERE {told}"
            in_order = f"ORDER BY source, call_id FOR UPDATE OF {table.name}"
            for row in connection.execute(f"{joined} {in_order}".encode(), keys):
                removed[view] += row[view]
        erased = connection.execute(_erase_told_of(table).encode(), person.parameters() | keys)
        if table.is_personal:
            removed[table.name] += erased.rowcount


def _erase_told_of(table: Table) -> str:
    whose = _are_equal(table, ("source", "call_id"), "said")
    if table.is_personal:
        return (
            f"DELETE FROM airudder.{table.name} USING {_PUSHES} WHERE {whose} AND {table.name}.push_id = said.push_id"
        )
    erased = ", ".join(
        f"{name} = CASE WHEN NOT {_told_by_them(table, name)} THEN {table.name}.{name} END"
        for name in _erasable(table, table.registers)
    )
    return f"UPDATE airudder.{table.name} SET {erased} FROM {_BY_CALL} WHERE {whose} AND {_is_another(table)}"


def _is_another(table: Table) -> str:
    if "case_id" not in table.columns:
        # A table that is newest by another time than `calls` may still name the person in a call that is not theirs.
        return f"%(case_id)s::text IS NULL AND {table.name}.callee_number IS NOT NULL"
    return f"""CASE WHEN %(case_id)s::text IS NULL THEN {table.name}.callee_number <> ALL (%(numbers)s::text[])
    ELSE {table.name}.case_id <> ALL (%(case_spellings)s::text[]) END"""


def _of_others(
    connection: _Connection, table: Table, columns: str, keys: _Columns, person: Person, lock: str = ""
) -> list[queries.Row]:
    conditions = {
        "callee_number": _BY_NUMBER,
        "call_id": statements.THEIR_CALL,
        "body_digest": "body_digest = ANY (%(all_digests)s::bytea[])",
    }
    their = [condition for name, condition in conditions.items() if name in table.personal]
    if "body_digest" not in table.personal:
        their.append("push_id = ANY (%(all_push_ids)s::uuid[])")
    named = "callee_number IS NULL OR callee_number = ANY (%(numbers)s::text[] || %(case_numbers)s::text[])"
    is_not_anothers = f" AND ({named})" if "callee_number" in table.personal else ""
    found = f"SELECT {columns} FROM airudder.{table.name} WHERE {statements.OF_SOURCE} AND ({' OR '.join(their)})"
    in_order = f"{is_not_anothers} ORDER BY {', '.join(table.key)}{lock}"
    # Of the person, not of the pushes, are the calls that are asked for.
    return connection.execute(f"{found}{in_order}".encode(), keys | person.parameters()).fetchall()


def _erase_of_others(
    connection: _Connection, table: Table, keys: _Columns, person: Person, removed: Counter[str]
) -> None:
    lengths = f", {_lengths(table)}" if table.lists else ""
    found = _of_others(connection, table, f"{', '.join(table.key)}{lengths}", keys, person, " FOR UPDATE")
    where = {name: [row[name] for row in found] for name in table.key}
    arrays = ", ".join(f"%({name})s::text[]" for name in table.key)
    theirs = f"unnest({arrays}) AS theirs ({', '.join(table.key)})"
    removed[table.name] += connection.execute(_leaving_statistics(table, theirs, table.key).encode(), where).rowcount
    _count_lists(removed, table, found)
    if "callee_number" in table.personal:
        _erase_told_of_others(connection, table, keys, person, removed)


def _erase_told_of_others(
    connection: _Connection, table: Table, keys: _Columns, person: Person, removed: Counter[str]
) -> None:
    """What the person's own pushes have told of a row that somebody else's later push says is theirs."""
    told = {name: f"(kept_from ->> '{name}')::uuid = ANY (%(all_push_ids)s::uuid[])" for name in table.registers}
    lengths = [
        f"CASE WHEN {told[column]} THEN coalesce(jsonb_array_length({column}), 0) ELSE 0 END AS {view}"
        for column, view in table.lists.items()
    ]
    from_them = "jsonb_path_query_array(kept_from, '$.*') ?| %(all_push_ids)s::uuid[]::text[]"
    where = f"{statements.OF_SOURCE} AND kept_from IS NOT NULL AND {from_them}"
    found = f"SELECT {', '.join([*table.key, *lengths])} FROM airudder.{table.name} WHERE {where}"
    in_order = f"{found} ORDER BY {', '.join(table.key)} FOR UPDATE"
    _count(removed, table, connection.execute(in_order.encode(), keys | person.parameters()).fetchall())
    erased = ", ".join(
        f"{name} = CASE WHEN {told[name]} THEN {table.left(name)} ELSE {name} END"
        for name in _erasable(table, table.registers)
    )
    update = f"UPDATE airudder.{table.name} SET {erased} WHERE {where}"
    connection.execute(update.encode(), keys | person.parameters())


def _told_by_them(table: Table, column: str) -> str:
    version = f"coalesce(({table.name}.kept_from ->> '{column}')::uuid, {table.name}.push_id)"
    # A version that is made of the vendor's time has bits of the body's digest: those of a call's pushes differ.
    return f"({version} = ANY (said.push_ids) OR right({version}::text, 12) = ANY (said.bits))"


def _lengths(table: Table) -> str:
    return ", ".join(f"coalesce(jsonb_array_length({column}), 0) AS {view}" for column, view in table.lists.items())


def _count(removed: Counter[str], table: Table, rows: list[queries.Row]) -> None:
    removed[table.name] += len(rows)
    _count_lists(removed, table, rows)


def _count_lists(removed: Counter[str], table: Table, rows: list[queries.Row]) -> None:
    for view in table.lists.values():
        removed[view] += sum(row[view] for row in rows)
