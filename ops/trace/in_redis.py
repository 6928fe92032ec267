"""The steps of pushes and batches in Redis: what is acknowledged, and not settled yet."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from binascii import Error as NotBase64Error
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq.results import Result

from ingest.batch import keys
from ingest.batch.entry import Entry, read_entry
from ingest.batch.lease import host_and_pid
from ingest.batch.queue import BatchJob
from ingest.errors import NotOpenedError
from ingest.kinds.normalise import ids_in
from ingest.kinds.reading.identifiers import id_spellings
from ingest.kinds.reading.phone_numbers import canonical_number, digits_of
from ingest.kinds.reading.phone_spellings import spellings
from ingest.opening.openers import openers
from ops.identifiers import typed_numbers, typed_uuid
from ops.in_flight import encoded_in_flight
from ops.trace.lookup import MOST
from ops.trace.steps import answer_to
from ops.trace.story import Event, TraceStep

TRIES = 10
"""Failures of a job that RQ keeps"""
_LONGEST_ERROR = 64 * 1024
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


class Search:
    """Tells the entries of an id among those that are in flight. Most are passed over by their bytes, unread."""

    def __init__(self, identifier: str) -> None:
        self._push_id = typed_uuid(identifier)
        spelt, numbers = id_spellings(identifier), typed_numbers(identifier)
        self._wanted = {*spelt, *numbers}
        self._needles = [form.encode() for one in spelt for form in {one, json.dumps(one)[1:-1]} if form]
        self._needles += [self._push_id.bytes] if self._push_id else []
        self._may_be_encrypted = bool(openers().decryptors)
        # Without the zeros that stand for a country or its absence, or that Java leaves out at the end. None where the
        # id is no number.
        digits = {digits_of(one).strip("0") for one in numbers} if spellings(canonical_number(identifier)) else ()
        self._numbers = [one.encode() for one in digits if one]

    def entries(self, client: Redis) -> Iterator[tuple[str, Entry]]:
        """Those of the id, each with its batch, up to as many as a trace has."""
        seen: set[bytes] = set()
        for batch_id, encoded in encoded_in_flight(client):
            entry = self.read(batch_id, encoded)
            if entry and entry.push_id not in seen:
                seen.add(entry.push_id)
                yield batch_id, entry
                if len(seen) == MOST:
                    return

    def read(self, batch_id: str, encoded: bytes) -> Entry | None:
        """An entry that is stored so, if it is of the id."""
        is_of_batch = batch_id == str(self._push_id)
        if not (is_of_batch or self._may_be_encrypted or self._may_be(encoded)):
            return None
        entry = read_entry(encoded)
        return entry if entry and (is_of_batch or self._is(entry)) else None

    def _may_be(self, encoded: bytes) -> bool:
        if any(needle in encoded for needle in self._needles):
            return True
        # However a number is written; the digits around it may make it look like one that it is not.
        digits = encoded.translate(None, _NO_DIGITS) if self._numbers else b""
        return any(number in digits for number in self._numbers)

    def _is(self, entry: Entry) -> bool:
        if entry.uuid == self._push_id:
            return True
        try:
            body = openers().readable(entry)
        except NotOpenedError:
            return False
        return self._may_be(body) and bool(self._wanted & set(ids_in(entry.kind, body)))


def entry_steps(batch_id: str, entry: Entry) -> Iterator[TraceStep]:
    """The steps of a push that is in flight."""
    came = {"source": entry.source, "kind": entry.kind, "bytes": len(entry.body), "batch_id": batch_id}
    yield TraceStep(entry.received_at, Event.RECEIVED, entry.uuid, came | ({"signed": True} if entry.signature else {}))
    answer = {"status": answer_to(entry), "kept_in": "Redis"}
    yield TraceStep(entry.received_at, Event.ANSWERED, entry.uuid, answer)


def batch_steps_in_redis(client: Redis, batch_id: str) -> Iterator[TraceStep]:
    """Where a batch in flight is: since when, tried how often and with which errors, and who has it."""
    opened_at = client.zscore(keys.BATCHES, batch_id)
    if opened_at is None:
        return
    with client.pipeline(transaction=False) as pipeline:
        pipeline.llen(keys.batch(batch_id))
        pipeline.llen(keys.taken(batch_id))
        pipeline.hget(keys.progress(batch_id), "attempts")
        pipeline.get(keys.lease(batch_id))
        pipeline.hmget(BatchJob.key_for(batch_id), "status", "enqueued_at")
        pipeline.xrevrange(Result.get_key(batch_id), count=TRIES)  # type: ignore[no-untyped-call]
        is_open, taken, attempts, lease, job, tries = pipeline.execute()
    batch = {"batch_id": batch_id}
    yield TraceStep(_moment(float(opened_at)), Event.BATCH_OPENED, None, batch | {"pushes": is_open + taken})
    for stream_id, fields in tries:
        details = batch | {"worker": _text(fields.get(b"worker_name")), "error": _last_line(fields.get(b"exc_string"))}
        failed_at = _moment(int(stream_id.partition(b"-")[0]) / 1000)
        yield TraceStep(failed_at, Event.TRIED, None, {name: value for name, value in details.items() if value})
    status, enqueued_at = map(_text, job)
    if lease:
        by = host_and_pid(_text(lease))
        yield TraceStep(None, Event.BATCH_TAKEN, None, batch | {"by": by, "attempt": int(attempts or 0)})
    else:
        waits = {
            "job": status or "none: the sweeper makes one",
            "enqueued_at": enqueued_at,
            "attempts": _text(attempts),
        }
        yield TraceStep(None, Event.BATCH_WAITS, None, batch | {name: value for name, value in waits.items() if value})


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _text(value: Any) -> str:
    return bytes(value).decode(errors="replace") if value else ""


def _last_line(packed: bytes | None) -> str:
    """The error of a failed job, which quotes nothing of a push, without its traceback."""
    with suppress(zlib.error, NotBase64Error):
        lines = zlib.decompressobj().decompress(b64decode(packed or b""), _LONGEST_ERROR).decode(errors="replace")
        return next((line for line in reversed(lines.splitlines()) if line.strip()), "")
    return ""
