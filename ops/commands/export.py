"""`ingest export`: everything that is held on a person, or on one case of theirs, as one JSON document."""

from __future__ import annotations

import base64
import sys
from typing import Any

import click
import msgspec
from psycopg import Connection

from ingest import settings
from ops import in_flight, queries
from ops.person import rows, statements
from ops.person.names import Person, person_options, person_sought
from ops.person.pushes import Found, find

_Connection = Connection[queries.Row]


@click.command()
@person_options
def command(**whom: str | None) -> None:
    """Print everything held on a person by --callee-number, or on one case by --case-id, as JSON.

    Exit code 1 if nothing was found.
    """
    sought = person_sought(**whom)
    current = settings.load()
    with in_flight.connect(current) as client, queries.connect(current) as connection:
        found = find(client, connection, sought)
        document = _document(connection, sought, found)
    if not any(document.values()):
        click.echo("nothing found: nothing that is stored is about this person", err=True)
        sys.exit(1)
    click.echo(msgspec.json.format(msgspec.json.encode(document)))


def _document(connection: _Connection, sought: Person, found: Found) -> dict[str, list[queries.Row]]:
    keys = queries.columns(found.pushes, "received_at", "push_id")
    pushes = connection.execute(statements.PUSHES_IN_FULL, keys).fetchall()
    stored = {push["push_id"] for push in pushes}
    return {
        **rows.rows_of(connection, sought, found.keys()),
        "pushes": [{**push, **_body(push["body"])} for push in pushes],
        "in_redis": [
            {
                "push_id": one.entry.uuid,
                "received_at": one.entry.received_at,
                "source": one.entry.source,
                "kind": one.entry.kind,
                **_body(one.entry.body),
            }
            for one in found.in_flight
            if one.entry.uuid not in stored
        ],
    }


def _body(body: bytes) -> dict[str, Any]:
    """A raw body as text; in base64 where it is no UTF-8."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(body).decode()}
