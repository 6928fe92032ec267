"""Entries: the wire form of a push, which web and workers of two versions have to understand alike."""

from __future__ import annotations

import msgspec

from ingest.batch.entry import Entry, decode_entry, encode_entry
from ingest.batch.push_ids import PushIds


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
