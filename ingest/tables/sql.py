"""The SQL that reads and writes a table's rows, derived from its declaration. Pure."""
# ruff: noqa: S608 - the SQL is built of the declarations alone

from __future__ import annotations

import functools
from uuid import UUID

from ingest.tables.table import Table


def sent_as(type_name: str) -> str:
    """The type that an upsert's array has for a column's. JSON and numbers go as text, and are read row by row."""
    return "text" if type_name in ("jsonb", "numeric") else type_name


@functools.cache
def upsert(table: Table) -> str:
    """Write rows, an array a column; of a row that is there, each column stays whose push is the newer one.

    The arrays are unnested beside each other. As a table, `FROM unnest(…)`, each would be stored for itself first.
    """
    casts = {name: f"::{type_name}" * (sent_as(type_name) != type_name) for name, type_name in table.types.items()}
    sent = (f"unnest(%b::{sent_as(type_name)}[]) AS {name}" for name, type_name in table.types.items())
    values = ", ".join(f"{name}{cast}" for name, cast in casts.items())
    assignments = [_assignment(column, lead) for lead, group in table.registers.items() for column in group]
    assignments += [f"{name} = greatest(stored.{name}, excluded.{name})" for name in ("received_at", "push_id")]
    assignments.append(f"kept_from = {_kept_from(table)}")
    return (
        f"INSERT INTO airudder.{table.name} AS stored ({', '.join(table.columns)})\n"
        f"SELECT {values}\n"
        f"FROM (SELECT {', '.join(sent)}) AS row\n"
        f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET\n  " + ",\n  ".join(assignments)
    )


@functools.cache
def lock(table: Table) -> str:
    """Read one row by its key, and keep others from writing it; JSON comes as text."""
    columns = (f"{name}::text" if type_name == "jsonb" else name for name, type_name in table.types.items())
    return f"SELECT {', '.join(columns)} FROM airudder.{table.name} WHERE {_is_key(table)} FOR UPDATE"


@functools.cache
def forget_version(table: Table) -> str:
    """Let one row be older than any push, so that whatever is written next wins, and without some of its columns: by
    an array of these, then its key."""
    stay = ",\n  ".join(
        f"{column} = CASE WHEN '{lead}' <> ALL (forgotten.columns) THEN {table.name}.{column} END"
        for lead, group in table.registers.items()
        for column in group
    )
    return (
        f"UPDATE airudder.{table.name} SET\n  received_at = '-infinity', push_id = '{UUID(int=0)}', kept_from = NULL,\n"
        f"  {stay}\nFROM (SELECT %s::text[]) AS forgotten (columns) WHERE {_is_key(table)}"
    )


@functools.cache
def forget_told(table: Table) -> str:
    """Remove the rows of a history that some pushes have told, by the key whose last column is an array of these."""
    return f"DELETE FROM airudder.{table.name} WHERE {_is_key(table).removesuffix('%s')}ANY (%s::uuid[])"


@functools.cache
def clear_old_lists(table: Table) -> str:
    """Remove the lists of so many `rows` whose time is from `since` on and before `before`, the oldest first; how many
    rows and items they were, and the last time as text: there are years that Python does not know.

    A worker that is at such a row goes first.
    """
    return _clear_lists(
        table, f"{table.aged_by} >= %(since)s::timestamptz AND {table.aged_by} < %(before)s", table.aged_by
    )


@functools.cache
def clear_old_undated_lists(table: Table) -> str:
    """The same of rows that came before then, and have no time, or one in the future, which would keep them as long."""
    is_undated = f"({table.aged_by} IS NULL OR {table.aged_by} > now() + interval '1 hour')"
    return _clear_lists(table, f"{is_undated} AND received_at < %(before)s", None)


def _clear_lists(table: Table, are_old: str, aged_by: str | None) -> str:
    lengths = " + ".join(f"coalesce(jsonb_array_length({column}), 0)" for column in table.lists)
    names = ", ".join(f"'{column}'" for column in table.lists)
    is_key = " AND ".join(f"{table.name}.{name} = old.{name}" for name in table.key)
    return f"""
WITH old AS (
  SELECT {", ".join(table.key)}, {lengths} AS items FROM airudder.{table.name}
  WHERE num_nonnulls({", ".join(table.lists)}) > 0 AND {are_old}
  {f"ORDER BY {aged_by} " if aged_by else ""}LIMIT %(rows)s FOR UPDATE SKIP LOCKED
), cleared AS (
  UPDATE airudder.{table.name}
  SET {", ".join(f"{column} = NULL" for column in table.lists)},
    kept_from = nullif({table.name}.kept_from - ARRAY[{names}], '{{}}')
  FROM old WHERE {is_key}
  RETURNING old.items, {table.name}.{table.aged_by} AS aged_by
)
SELECT count(*), coalesce(sum(items), 0), max(aged_by)::text FROM cleared
"""


def _is_key(table: Table) -> str:
    return " AND ".join(f"{name} = %s" for name in table.key)


def _assignment(column: str, lead: str) -> str:
    return f"{column} = CASE WHEN {_is_newer(lead)} THEN excluded.{column} ELSE stored.{column} END"


def _kept_from(table: Table) -> str:
    """Nothing, in the usual case of a newer push that says as much; else the older push of each column."""
    is_plain = "stored.push_id <= excluded.push_id AND num_nonnulls(stored.kept_from, excluded.kept_from) = 0"
    says_all = " AND ".join(f"(excluded.{lead} IS NOT NULL OR stored.{lead} IS NULL)" for lead in table.registers)
    pairs = ",\n    ".join(f"'{lead}', {_older_push(lead)}" for lead in table.registers)
    return (
        f"CASE WHEN {is_plain}\n    AND {says_all} THEN NULL\n"
        f"  ELSE nullif(jsonb_strip_nulls(jsonb_build_object(\n    {pairs})), '{{}}') END"
    )


def _version(side: str, lead: str) -> str:
    return f"coalesce(({side}.kept_from ->> '{lead}')::uuid, {side}.push_id)"


def _is_newer(lead: str) -> str:
    is_newer = f"{_version('stored', lead)} <= {_version('excluded', lead)}"
    return f"excluded.{lead} IS NOT NULL AND (stored.{lead} IS NULL OR {is_newer})"


def _older_push(lead: str) -> str:
    newest = "greatest(stored.push_id, excluded.push_id)"
    return (
        f"CASE WHEN {_is_newer(lead)} THEN nullif({_version('excluded', lead)}, {newest})\n"
        f"      WHEN stored.{lead} IS NOT NULL THEN nullif({_version('stored', lead)}, {newest}) END"
    )
