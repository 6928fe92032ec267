"""Entries: the wire form of a push, which web and workers of two versions have to understand alike."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
from psycopg import Connection

from ingest.batch.entry import Entry, decode_entry, encode_entry
from ingest.batch.push_ids import PushIds
from tests.kept import kept
from tests.processes import running_web
from tests.pushes import push
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]


class OldEntry(msgspec.Struct, array_like=True):
    """An entry before it had a signature."""

    push_id: bytes
    received_us: int
    source: str
    kind: str
    body: bytes


def test_entry_survives_redis() -> None:
    """An entry comes back from its wire form as it was, body byte for byte."""
    one = Entry(*PushIds().draw(), "lender-a", "custom-api", bytes(range(256)), "signature")

    assert decode_entry(encode_entry(one)) == one


def test_older_web_is_understood() -> None:
    """What an older web process appended has no signature."""
    one = Entry(*PushIds().draw(), "lender-a", "custom-api", b"{}")
    older = OldEntry(one.push_id, one.received_us, one.source, one.kind, one.body)

    assert decode_entry(msgspec.msgpack.encode(older)) == one


def test_older_worker_understands() -> None:
    """An older worker passes over what it does not know."""
    one = Entry(*PushIds().draw(), "lender-a", "custom-api", b"{}", "signature")

    older = msgspec.msgpack.decode(encode_entry(one), type=OldEntry)

    assert (older.push_id, older.body) == (one.push_id, one.body)


def test_signature_is_kept(environment: None, client: Any, database: Database, connection: Rows) -> None:
    """The header that the vendor may sign a push with stays beside the raw body, whichever way the push takes."""
    with running_web() as url:
        httpx.post(f"{url}/airudder/custom-api", json=push(), headers={"X-AIRudder-Sign": "k=1; s=c2lnbg=="})
        httpx.post(f"{url}/airudder/custom-api", json=push("c2"))
    first, second = sorted(kept(client), key=lambda one: one.push_id)

    settle(database, [first, second])

    assert (first.signature, second.signature) == ("k=1; s=c2lnbg==", None)
    stored = connection.execute("SELECT signature FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [row["signature"] for row in stored] == ["k=1; s=c2lnbg==", None]
