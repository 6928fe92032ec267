"""The target: any body has an outcome, the same each time, that Postgres takes and that loses nothing silently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ingest.batch.entry import Entry
from ingest.kinds.normalise import normalise
from ingest.kinds.reading.clean import MAX_DEPTH
from ingest.tables.rows import Normalised
from tests.corpus.said import loads
from tests.corpus.silence import outcome_of, silently_lost

JSON_COLUMNS = ("warnings", "custom_attribute", "variables", "multi_label", "answers", "transcript")
MAX_INTEGER = 2**31 - 1
MAX_DIGITS = 131_072
"""Before the point, of Postgres's numeric"""
MAX_FRACTION = 16_383
MAX_KEY_BYTES = 2_704
"""Of an index entry: a third of a page"""


def check(body: bytes) -> Normalised:
    """Normalise a body, and fail if anything about its rows is not as it has to be."""
    entry = Entry(bytes(16), 1_764_000_000_000_000, "default", "custom-api", body)
    rows = normalise(entry)
    assert rows == normalise(entry), "the rows are not the same each time"
    assert rows.push.status in ("normalised", "dead")
    assert rows.push.body == body
    for row in _rows(rows):
        for name, value in row._asdict().items():
            assert is_storable(name, value), f"{type(row).__name__}.{name} cannot be stored"
    lost = silently_lost(body, outcome_of(rows))
    assert lost == [], f"lost without a warning: {lost}"
    return rows


def is_storable(column: str, value: Any) -> bool:
    """Whether Postgres takes the value for this column, by its documented limits."""
    if value is None or isinstance(value, datetime | date | timedelta | UUID | bytes):
        return True
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    if isinstance(value, Decimal):
        return _is_numeric(value)
    return _is_text(value) and (column not in JSON_COLUMNS or _is_json(value)) and _fits_key(column, value)


def _rows(one: Normalised) -> Iterator[Any]:
    yield one.push
    yield from one.rows


def _is_text(value: str) -> bool:
    value.encode()  # raises if there is a lone surrogate
    return "\0" not in value


def _is_json(text: str) -> bool:
    waiting = [(loads(text), 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list) and depth > MAX_DEPTH:
            return False
        if isinstance(value, dict):
            waiting += [(item, depth + 1) for item in (*value, *value.values())]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif (isinstance(value, str) and not _is_text(value)) or (
            isinstance(value, Decimal) and not _is_numeric(value)
        ):
            return False
    return True


def _is_numeric(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and value.adjusted() < MAX_DIGITS and exponent >= -MAX_FRACTION


def _fits_key(column: str, value: str) -> bool:
    is_key = column in ("workflow_id", "node_id", "case_id", "call_id", "callee_number")
    return not is_key or len(value.encode()) < MAX_KEY_BYTES // 2  # two of them make a key
