"""`ingest export`: everything that is held on a person, or on one case of theirs, as one JSON document."""

from __future__ import annotations

import base64
import sys
from typing import Any

import click
import msgspec
from psycopg import Connection

from ingest import settings
from ingest.batch.entry import Entry, stored_entry
from ingest.errors import NotOpenedError
from ingest.opening.openers import openers
from ops import in_flight, queries
from ops.person import rows, statements
from ops.person.names import Person, person_options, person_sought
from ops.person.pushes import Found, find, note_closed

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
    note_closed(found)
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
        "pushes": [{**push, **_bodies(_entry_of(push))} for push in pushes],
        "push_events": connection.execute(statements.EVENTS_OF_PUSHES, {"push_ids": list(stored)}).fetchall(),
        "in_redis": [
            {
                "push_id": one.entry.uuid,
                "received_at": one.entry.received_at,
                "source": one.entry.source,
                "kind": one.entry.kind,
                **_bodies(one.entry),
            }
            for one in found.in_flight
            if one.entry.uuid not in stored
        ],
    }


def _entry_of(push: queries.Row) -> Entry:
    return stored_entry(*(push[name] for name in ("push_id", "received_at", "source", "kind", "body", "signature")))


def _bodies(entry: Entry) -> dict[str, Any]:
    """A body as it came, and one that was encrypted as it was read, too."""
    if not openers().is_encrypted(entry):
        return _body(entry.body)
    try:
        opened = _body(openers().readable(entry))
    except NotOpenedError:
        opened = {"body": None}
    return {**_body(entry.body), **{name.replace("body", "opened"): text for name, text in opened.items()}}


def _body(body: bytes) -> dict[str, Any]:
    """A raw body as text; in base64 where it is no UTF-8."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(body).decode()}
