"""The raw pushes about a person, in Redis and in Postgres: looked up by index, or judged by their bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import click
from psycopg import Connection
from redis import Redis

from ingest.batch.entry import Entry, body_digest, read_entry, stored_entry
from ingest.errors import NotOpenedError
from ingest.kinds.kind import Ids
from ingest.kinds.normalise import ids_in
from ingest.kinds.reading.identifiers import id_spellings
from ingest.kinds.told_at import bits_of
from ingest.opening.openers import openers
from ops import queries
from ops.in_flight import encoded_in_flight
from ops.output import progress
from ops.person import statements
from ops.person.names import Person, SourcedId

_Connection = Connection[queries.Row]


@dataclass(frozen=True)
class InFlight:
    """A push in Redis: its batch, how it is stored there, and what it says."""

    batch_id: str
    encoded: bytes
    entry: Entry
    names: Ids
    body: bytes
    """As it can be read"""


@dataclass(frozen=True)
class Found:
    """The raw pushes about a person."""

    in_flight: list[InFlight]
    pushes: list[queries.Row]
    """Of those in Postgres push_id, received_at, source, call_id and body_digest"""
    closed: int
    """Pushes that name nobody and cannot be decrypted: they may be about them, too"""

    def keys(self) -> dict[str, list[Any]]:
        """Which push told of which call, as parallel `sources`, `call_ids`, `push_ids`, and `bits`, by which versions
        are known that are made of its bytes; and of all pushes `all_push_ids` and `all_digests`."""
        keys = [(one["source"], one["call_id"], one["push_id"], bytes(one["body_digest"])) for one in self.pushes]
        entries = [(one.entry, one.names.call_id) for one in self.in_flight]
        keys += [(entry.source, call_id, entry.uuid, body_digest(entry.body)) for entry, call_id in entries]
        of_calls = [key for key in keys if key[1]]
        columns = {
            name: [key[place] for key in of_calls] for place, name in enumerate(("sources", "call_ids", "push_ids"))
        }
        everything = {"all_push_ids": [key[2] for key in keys], "all_digests": [key[3] for key in keys]}
        return {**columns, "bits": [bits_of(key[3]) for key in of_calls], **everything}


def find(client: Redis, connection: _Connection, person: Person) -> Found:
    """Every raw push about them. On the way the person learns of numbers, cases and calls, by which rows are found."""
    # Redis first: what moves on while we read is seen twice, and not missed.
    closed: set[UUID] = set()
    candidates = list(_candidates(client, person, closed))
    _owned(candidates, person)
    with _snapshot(connection):
        _learn_keys(connection, person)
        search = _Search(connection, person, closed)
        search.read()
        while True:
            known = set(person.calls)
            in_flight = _owned(candidates, person)
            search.follow_calls()
            if person.calls == known:
                return Found(in_flight, list(search.found.values()), len(closed))


def note_closed(found: Found) -> None:
    """Say on stderr what could not be looked into."""
    if found.closed:
        words = f"{found.closed} pushes cannot be decrypted here, and may be about this person, too"
        click.echo(f"{words}: INGEST_DECRYPTORS and its key have to be those of the workers", err=True)


def _readable(entry: Entry, closed: set[UUID]) -> bytes:
    """The body as the worker decodes it, or else as it came: then its push is added to `closed`."""
    try:
        return openers().readable(entry)
    except NotOpenedError:
        closed.add(entry.uuid)
        return entry.body


def _candidates(client: Redis, person: Person, closed: set[UUID]) -> Iterator[InFlight]:
    seen = set()
    for batch_id, encoded in encoded_in_flight(client):
        entry = read_entry(encoded)
        if entry is None or person.source not in (None, entry.source):
            continue
        body = _readable(entry, closed)
        names = ids_in(entry.kind, body)
        if entry.push_id not in seen and person.may_own(entry.source, names):
            seen.add(entry.push_id)
            yield InFlight(batch_id, encoded, entry, names, body)


def _owned(candidates: list[InFlight], person: Person) -> list[InFlight]:
    owned = [one for one in candidates if person.owns(one.entry.source, one.names, one.body)]
    for one in owned:
        person.learn(one.entry.source, one.names.call_id)
    return owned


@contextmanager
def _snapshot(connection: _Connection) -> Iterator[None]:
    # A push that is settled between two statements would be in neither.
    with connection.transaction():
        connection.execute(queries.SNAPSHOT)
        yield


def _learn_keys(connection: _Connection, person: Person) -> None:
    if person.case_id is None:
        rows = connection.execute(statements.NUMBERS_SPELT_SO, person.parameters())
        person.numbers |= {row["callee_number"] for row in rows}
    else:
        rows = connection.execute(statements.NUMBERS_OF_CASE, person.parameters())
        person.case_numbers |= {row["callee_number"] for row in rows}
    cases = connection.execute(statements.CASES_OF_NOBODY_ELSE, person.parameters())
    person.cases |= {(row["source"], one) for row in cases for one in id_spellings(row["case_id"])}
    for row in connection.execute(statements.CALLS_OF_PERSON, person.parameters()).fetchall():
        person.learn(row["source"], row["call_id"])


class _Search:
    """One look through Postgres, in one snapshot: each push is read once at most."""

    def __init__(self, connection: _Connection, person: Person, closed: set[UUID]) -> None:
        self.found: dict[UUID, queries.Row] = {}
        """By push id, as in `Found`"""
        self._connection = connection
        self._person = person
        self._closed = closed
        self._others: defaultdict[SourcedId, list[queries.Row]] = defaultdict(list)
        """By call those that name nobody and are not known to be theirs: the call may turn out to be"""

    def read(self) -> None:
        """Find what names them, and judge by its bytes what names nobody."""
        person = self._person
        is_case = person.case_id is not None
        naming = statements.PUSHES_OF_CASE if is_case else statements.PUSHES_OF_NUMBERS
        for push in self._connection.execute(naming, person.parameters()):
            self._take(push)
        (counted,) = self._connection.execute(statements.COUNT_WITHOUT_NUMBER)
        with progress(counted["pushes"], "reading pushes that name nobody") as advance:
            nameless = statements.PUSHES_WITHOUT_CASE if is_case else statements.PUSHES_WITHOUT_NUMBER
            for push in self._streamed(nameless):
                self._judge(push)
                advance(1)

    def follow_calls(self) -> None:
        """Take what is of the calls that are known by now."""
        for call in self._person.calls & self._others.keys():
            for push in self._others.pop(call):
                self._take(push)
        if self._person.case_id is not None:
            # Somebody else's number may be in them: they were not read.
            for push in self._streamed(statements.PUSHES_OF_CALLS_WITHOUT_CASE):
                self._judge(push)

    def _streamed(self, statement: LiteralString) -> Iterator[queries.Row]:
        # In portions, as they may be many.
        with self._connection.cursor(name="streamed") as cursor:
            yield from cursor.execute(statement, self._person.parameters())

    def _judge(self, push: queries.Row) -> None:
        kind, body, signature = push.pop("kind"), push.pop("body"), push.pop("signature")
        entry = stored_entry(push["push_id"], push["received_at"], push["source"], kind, body, signature)
        body = _readable(entry, self._closed)
        known = Ids(case_id=push.pop("case_id"), call_id=push.pop("call_id"))
        names = known if entry.uuid in self._closed else ids_in(kind, body)
        push["call_id"] = names.call_id
        if self._person.owns(push["source"], names, body):
            self._take(push)
        elif names.call_id and self._person.may_own(push["source"], names):
            self._others[push["source"], names.call_id].append(push)

    def _take(self, push: queries.Row) -> None:
        self.found[push["push_id"]] = push
        self._closed.discard(push["push_id"])
        self._person.learn(push["source"], push["call_id"])
