"""What processes log of an exception."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from ingest import logs
from ingest.errors import SettingError


@pytest.fixture(autouse=True)
def keep_logging() -> object:
    """Logging as it was, afterwards."""
    root, rq = logging.getLogger(), logging.getLogger("rq")
    before = root.handlers[:], root.level, rq.level, sys.excepthook, threading.excepthook
    yield
    root.handlers[:], root.level, rq.level, sys.excepthook, threading.excepthook = before


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


def test_exception_in_message_is_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    """So it is where a library makes it a part of its message."""
    logs.configure(logging.WARNING)
    logging.getLogger("psycopg").warning("error ignored in %s: %s", "rollback", ValueError("Budi"))

    assert capsys.readouterr().err == "WARNING psycopg: error ignored in rollback: ValueError\n"


def test_exception_of_ours_is_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What we foresaw says what to change, and holds nothing personal."""
    logs.configure(logging.WARNING)
    logging.getLogger("ingest.web.serve").error("cannot start: %s", SettingError("PORT=x is not a whole number"))

    assert capsys.readouterr().err == "ERROR ingest.web.serve: cannot start: PORT=x is not a whole number\n"


def test_process_ends_without_text() -> None:
    """What nobody has caught ends a process with one line, and not with what Python prints."""
    code = "from ingest import logs; logs.configure(30); int('Budi')"

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert ended.returncode == 1
    assert ended.stderr == "CRITICAL ingest.logs: this process ends: ValueError at <module>:1\n"


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (ValueError("Budi"), ()),
        ("failed: %(error)s", ({"error": ValueError("Budi")},)),
        ("failed: %s", ([ValueError("Budi")],)),
    ],
    ids=["message", "mapping", "list"],
)
def test_exception_within_is_type_and_place(
    capsys: pytest.CaptureFixture[str], message: object, arguments: tuple[object, ...]
) -> None:
    """Wherever in a record it is."""
    logs.configure(logging.WARNING)
    logging.getLogger("psycopg").warning(message, *arguments)

    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "Budi" not in said


def test_thread_ends_without_text() -> None:
    """What nobody has caught in a thread is said in one line, too."""
    code = (
        "import threading; from ingest import logs; logs.configure(30); "
        "threading.Thread(target=int, args=['Budi']).start()"
    )

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert ended.stderr.startswith("CRITICAL ingest.logs: a thread ends: ValueError at run:")
    assert "Budi" not in ended.stderr
