"""Promises to pay: a program's zero is none, and what callees say is stored as it came."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.kinds.normalise import normalise
from ingest.kinds.reading.texts import NO_PROMISE
from ingest.tables.rows import CallRow
from tests.of_kind import warnings_of
from tests.pushes import entry, push, row_of


def promised(asr_ptp: Any) -> tuple[str | None, dict[str, str]]:
    """What is stored of a promise, and what is warned of."""
    body = push()
    body["call"]["asr_ptp"] = asr_ptp
    one = entry(body)
    return row_of(normalise(one), CallRow).asr_ptp, warnings_of(one)


@pytest.mark.parametrize(
    "sent", ["0001-01-01T00:00:00Z", "0001-01-01", "1970-01-01T00:00:00Z", "9999-12-31", "0", 0, "-", "N/A", " 000 "]
)
def test_zero_is_no_promise(sent: Any) -> None:
    """It is warned of, as who promised something is counted."""
    assert promised(sent) == (None, {"$.call.asr_ptp": NO_PROMISE})


@pytest.mark.parametrize("sent", ["", None, " ", "null", "[]", "{}", [], {}])
def test_nothing_is_no_promise(sent: Any) -> None:
    """The vendor says so in any type."""
    assert promised(sent)[0] is None


@pytest.mark.parametrize(
    "sent", ["2026-12-01", "2026-12-01 at noon", "tomorrow", "--", "2026-12-01T00:00:00Z", "500000"]
)
def test_promise_is_stored(sent: str) -> None:
    """A date, a time, an amount or words."""
    assert promised(sent) == (sent, {})
