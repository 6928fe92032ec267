"""Logs of every process: one event a line, as JSON or, on a terminal, to be read.

A line holds nothing personal: of an exception that is not ours only its type and place, and of `extra` only FIELDS.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest import streams
from ingest.errors import IngestError, describe

LEVELS: Mapping[str, int] = {
    "": logging.INFO,
    "asyncio": logging.WARNING,
    "redis": logging.WARNING,
    "rq": logging.WARNING,  # its workers tell the story of their lives
    "uvicorn": logging.ERROR,  # it warns of requests that are not HTTP, and those are counted
    "werkzeug": logging.ERROR,  # it tells of each request, and a page asks every few seconds
}
"""From which level on what is said, by the logger's name or how that begins. It holds whatever a library sets."""

FIELDS = ("batch", "push", "reason", "source", "requests", "pushes", "outcomes", "attempt", "seconds")
"""All that `extra` may add to a line: ids and counts, so that lines can be found and added up."""

_LONGEST_MESSAGE = 2000
"""In characters. A line stays whole up to 4 KiB where several processes write to one pipe."""
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
"""How characters that move a terminal's cursor, or do worse, are spelt"""

_process = "ingest"
_about: ContextVar[Mapping[str, Any]] = ContextVar("about", default={})  # noqa: B039 - it is never changed

_log = logging.getLogger("process")


class LogLine(msgspec.Struct, omit_defaults=True):
    """One line. `time` is in UTC."""

    time: datetime
    level: str
    process: str
    """Its name: web, worker, sweeper or dashboard"""
    pid: int
    logger: str
    """Which part of it speaks, such as `web.refusals`"""
    message: str
    batch: str | None = None
    push: str | None = None
    reason: str | None = None
    """Of a refusal"""
    source: str | None = None
    requests: int | None = None
    pushes: int | None = None
    outcomes: dict[str, int] | None = None
    """How many pushes came to what"""
    attempt: int | None = None
    seconds: float | None = None
    error: str | None = None
    """Type and place of an exception"""

    def words(self) -> str:
        """The line as people read it, without its time and its process."""
        missing = [f"{name} {value}" for name in ("batch", "push") if (value := getattr(self, name)) is not None]
        missing = [one for one in missing if one.partition(" ")[2] not in self.message]
        tail = f" ({', '.join(missing)})" if missing else ""
        return f"{self.level} {self.logger}: {self.message}{f': {self.error}' if self.error else ''}{tail}"


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Add fields to each line that is logged in the block."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def configure(process: str) -> None:
    """Log to stderr as the process of this name: on a terminal to be read, else as JSON."""
    global _process  # noqa: PLW0603 - a process has one name
    _process = process
    streams.make_usable()  # a web process that was spawned has run nothing else yet
    handler = logging.StreamHandler()
    handler.setFormatter(_Readable() if sys.stderr.isatty() else _Json())
    handler.addFilter(_is_wanted)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a line that cannot be written would be shown with all that is in it
    sys.excepthook = _log_unhandled
    threading.excepthook = _log_unhandled_in_thread


def level_of(name: str) -> int:
    """From which level on a logger is heard."""
    while name and name not in LEVELS:
        name = name.rpartition(".")[0]
    return LEVELS[name]


def parse(line: str) -> LogLine | None:
    """A line of JSON as it was logged; None if it is something else."""
    try:
        return msgspec.json.decode(line, type=LogLine) if line.startswith("{") else None
    except msgspec.DecodeError:
        return None


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(_line(record)).decode()


class _Readable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        return f"{line.time:%Y-%m-%d %H:%M:%S%z} {line.words()}".translate(CONTROL)


def _line(record: logging.LogRecord) -> LogLine:
    given = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
    error = record.exc_info[1] if record.exc_info else None
    return LogLine(
        time=datetime.fromtimestamp(record.created, UTC),
        level=record.levelname,
        process=_process,
        pid=os.getpid(),
        logger=record.name,
        message=_message(record),
        error=_described(error),
        **{**_about.get(), **given},
    )


def _message(record: logging.LogRecord) -> str:
    """The message, without the texts of exceptions: such a text may hold a row or a payload, and libraries log them."""
    template, arguments = str(_described(record.msg)), _described(record.args)
    try:
        message = template % arguments if arguments else template
    except (TypeError, ValueError, KeyError):
        message = "a message that cannot be put together"
    return message[:_LONGEST_MESSAGE].encode("utf-8", "backslashreplace").decode()


def _described(value: Any) -> Any:
    """The same, with the type and place of each exception in it instead of its text, but for texts of our own."""
    if isinstance(value, IngestError):
        return str(value)
    if isinstance(value, BaseException):
        return describe(value)
    if isinstance(value, dict):
        return {name: _described(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_described, value)) if type(value) in (list, tuple) else value
    return value


def _is_wanted(record: logging.LogRecord) -> bool:
    return record.levelno >= level_of(record.name)


def _log_unhandled_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value:
        _log.critical("a thread ends: %s", describe(args.exc_value))


def _log_unhandled(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _log.critical("this process ends: %s", describe(error))
