"""What processes log, and of an exception no more than its type and place."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ingest import logs
from ingest.errors import SettingError
from tests.processes import running_web
from tests.pushes import push

pytestmark = pytest.mark.usefixtures("keep_logging")


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines so far."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def printed_by(code: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of a process that logs, and its lines."""
    whole = f"from ingest import logs; logs.configure('web'); {code}"
    ended = subprocess.run([sys.executable, "-c", whole], check=False, capture_output=True, text=True)
    return ended.returncode, [json.loads(line) for line in ended.stderr.splitlines()]


def test_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody reads along a line is an object: when, how bad, who speaks, and what it is about."""
    logs.configure("worker")
    with logs.about(batch="b1"):
        told = {"push": "p1", "outcomes": {"dead": 1}, "callee_number": "+6281234567890"}
        logging.getLogger("settle").warning("push %s\nis dead", "p1", extra=told)

    (line,) = logged(capsys)
    assert datetime.fromisoformat(line.pop("time")) - datetime.now(UTC) < timedelta(minutes=1)
    assert line == {
        "level": "WARNING",
        "process": "worker",
        "pid": os.getpid(),
        "logger": "settle",
        "message": "push p1\nis dead",
        "batch": "b1",
        "push": "p1",
        "outcomes": {"dead": 1},
    }


def test_line_of_a_batch_ends_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What is logged after a batch is not about it."""
    logs.configure("worker")
    with logs.about(batch="b1"):
        pass
    logging.getLogger("worker").info("idle")

    (line,) = logged(capsys)
    assert "batch" not in line


def test_line_on_a_terminal_is_read() -> None:
    """There a line begins with date and zone, names what it is about, and nobody can forge one."""
    code = (
        "import logging; from ingest import logs; logs.configure('worker'); "
        "logging.getLogger('settle').warning('Postgres is away\\n\x1b[31m', extra={'batch': 'b1'})"
    )
    main, terminal = pty.openpty()
    subprocess.run([sys.executable, "-c", code], check=True, stderr=terminal)
    os.close(terminal)

    line = os.read(main, 1000).decode()
    os.close(main)
    written, _, rest = line.partition(" WARNING ")
    assert datetime.strptime(written, "%Y-%m-%d %H:%M:%S%z") - datetime.now(UTC) < timedelta(minutes=1)
    assert rest == "settle: Postgres is away\\x0a\\x1b[31m (batch b1)\r\n"


def test_levels_are_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that sets its own level is heard as our table says."""
    logs.configure("worker")
    for name in ("rq.worker", "uvicorn.error", "sweeper.pending"):
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).info("that is how I live")
        logging.getLogger(name).setLevel(logging.NOTSET)

    assert [line["logger"] for line in logged(capsys)] == ["sweeper.pending"]


def test_line_that_cannot_be_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    """A library's mistake in a message shows nothing of what it was about."""
    logs.configure("worker")
    logging.getLogger("psycopg").warning("failed: %d", "Budi")

    (line,) = logged(capsys)
    assert line["message"] == "a message that cannot be put together"


def test_exception_is_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    """A library that logs an exception with its traceback logs one line, without the exception's text."""
    logs.configure("web")
    try:
        int("Budi +6281234567890")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")

    (line,) = logged(capsys)
    assert (line["level"], line["message"]) == ("ERROR", "Exception in ASGI application")
    assert line["error"].startswith("ValueError at test_exception_is_type_and_place:")
    assert "Budi" not in str(line)


def test_exception_in_message_is_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    """So it is where a library makes it a part of its message."""
    logs.configure("web")
    logging.getLogger("psycopg").warning("error ignored in %s: %s", "rollback", ValueError("Budi"))

    (line,) = logged(capsys)
    assert line["message"] == "error ignored in rollback: ValueError"


def test_exception_of_ours_is_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What we foresaw says what to change, and holds nothing personal."""
    logs.configure("web")
    logging.getLogger("web").error("cannot start: %s", SettingError("PORT=x is not a whole number"))

    (line,) = logged(capsys)
    assert line["message"] == "cannot start: PORT=x is not a whole number"


def test_process_ends_without_text() -> None:
    """What nobody has caught ends a process with one line, and not with what Python prints."""
    code, (line,) = printed_by("int('Budi')")

    assert code == 1
    assert (line["level"], line["message"]) == ("CRITICAL", "this process ends: ValueError at <module>:1")


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
    logs.configure("web")
    logging.getLogger("psycopg").warning(message, *arguments)

    said = capsys.readouterr().err
    assert "ValueError" in said
    assert "Budi" not in said


def test_thread_ends_without_text() -> None:
    """What nobody has caught in a thread is said in one line, too."""
    _, (line,) = printed_by("import threading; threading.Thread(target=int, args=['Budi']).start()")

    assert line["message"].startswith("a thread ends: ValueError at run:")


def test_every_process_logs_in_our_form(capfd: pytest.CaptureFixture[str]) -> None:
    """Of an exception only type and place, in the processes that uvicorn spawns as well."""
    away = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    with running_web(**away, WEB_CONCURRENCY="2") as url:
        assert httpx.post(f"{url}/airudder/custom-api", json=push()).status_code == 503

    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert {"web.batches", "web.fallback"} <= {line["logger"] for line in lines if line["level"] == "ERROR"}
    assert any("Redis did not confirm a write (ConnectionError at " in line["message"] for line in lines)
