"""Arrays that upserts send: Postgres reads from them what went in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from ingest.tables import TABLES
from ingest.tables.sql import sent_as
from workers.arrays import array_of

WEST = timezone(timedelta(hours=-5))
VALUES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "bytea": [b"", b"\x00\xff"],
    "date": [date(1970, 1, 2), date(2000, 1, 1), date(2199, 12, 31)],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "jsonb": ['{"a": "é"}', "[]"],
    "numeric": [Decimal("20.0"), Decimal("20.00"), Decimal("-0.000000000000000001"), Decimal(f"1{'0' * 40}")],
    "text": ["", "Budi", "é\U0001f600", "x" * 100_000],
    "timestamptz": [
        datetime(2026, 11, 28, 9, 1, 2, 3, UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(2026, 11, 28, 4, tzinfo=WEST),
    ],
    "uuid": [UUID(int=0), UUID("01931e5f-3f00-7abc-8def-0123456789ab")],
}
CASES = [
    (name, column)
    for name, (one, *others) in VALUES.items()
    for column in ([one], [None], [one, one, one], [None, None], [None, one, *others], [one, *others], [one, None, one])
]


def test_all_types() -> None:
    """Each column's type has values here."""
    assert VALUES.keys() >= {type_name for table in TABLES for type_name in table.types.values()}


@pytest.mark.parametrize(("type_name", "column"), CASES)
def test_values(connection: Connection[dict[str, Any]], type_name: str, column: list[Any]) -> None:
    """Alone, nulls alone, the same ones, different ones, and among nulls; a number keeps its digits."""
    statement = f"SELECT %b::{sent_as(type_name)}[] AS values"
    row = connection.execute(statement.encode(), [array_of(column, type_name)]).fetchone()
    assert row
    sent = [str(value) if isinstance(value, Decimal) else value for value in column]
    assert row["values"] == sent


def test_equal_numbers_keep_their_digits() -> None:
    """Although they are equal."""
    numbers = [Decimal("20.0"), Decimal("20.00")]
    assert array_of(numbers, "numeric") == array_of(["20.0", "20.00"], "text")
