"""What processes log of an exception."""

from __future__ import annotations

import logging

import pytest

from ingest import logs


@pytest.fixture(autouse=True)
def keep_logging() -> object:
    """Logging as it was, afterwards."""
    root, rq = logging.getLogger(), logging.getLogger("rq")
    before = root.handlers[:], root.level, rq.level
    yield
    root.handlers[:], root.level, rq.level = before


def test_exception_is_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that logs an exception with its traceback logs one line, without the exception's text."""
    logs.configure(logging.WARNING)
    try:
        int("Budi +6281234567890")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    line, place, *rest = capsys.readouterr().err.splitlines()
    assert line == "ERROR uvicorn.error: Exception in ASGI application"
    assert place.startswith("ValueError at test_exception_is_type_and_place:")
    assert rest == []
