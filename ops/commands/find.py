"""`ingest find`: everything that is known of one call, case, telephone number or push."""

from __future__ import annotations

import sys
from typing import Any

import click
from psycopg import Connection

from ingest import settings
from ingest.kinds.reading.identifiers import id_spellings, storable
from ops import queries
from ops.identifiers import push_key, typed_numbers, typed_uuid
from ops.output import print_record, print_table


@click.command()
@click.argument("identifier", metavar="ID")
def command(identifier: str) -> None:
    """Find ID: a call id, a case id, a telephone number or a push id.

    Exit code 1 if nothing is found.
    """
    identifier = storable(identifier)
    with queries.connect(settings.load()) as connection:
        found = _find_push(connection, identifier) or _find_tables(connection, identifier)
    if not found:
        click.echo("nothing found: not a call id, case id, telephone number or push id that is stored", err=True)
        sys.exit(1)


def _find_push(connection: Connection[queries.Row], identifier: str) -> bool:
    push_id = typed_uuid(identifier)
    if push_id is None:
        return False
    push = connection.execute(queries.PUSH_BY_ID, push_key(push_id)).fetchone()
    if push:
        del push["signature"]
        push["body"] = f"{len(push['body'])} bytes"
        warnings = push.pop("warnings") or []
        print_record("push", push)
        print_table("warnings", warnings)
    return push is not None


def _find_tables(connection: Connection[queries.Row], identifier: str) -> bool:
    parameters: dict[str, Any] = {"ids": sorted(id_spellings(identifier)), "numbers": typed_numbers(identifier)}
    sections = [
        ("calls", queries.CALLS_BY_ID),
        ("deliveries", queries.PUSHES_BY_CALL_ID),
        ("cases", queries.CASES_BY_ID),
        ("calls of the case", queries.CALLS_BY_CASE_ID),
        ("callees", queries.CALLEES_BY_NUMBER),
        ("cases of the callee", queries.CASES_BY_NUMBER),
        ("calls to the callee", queries.CALLS_BY_NUMBER),
        ("newest deliveries about the callee", queries.PUSHES_BY_NUMBER),
    ]
    found = False
    for title, statement in sections:
        rows = connection.execute(statement, parameters).fetchall()
        print_table(title, rows)
        found = found or bool(rows)
    return found
