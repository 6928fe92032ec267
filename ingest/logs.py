"""Logging of every process: one line an event, and of an exception that is not ours only its type and place."""

from __future__ import annotations

import copy
import logging
import sys
import threading
import types
from typing import Any

from ingest.errors import IngestError, describe

_ExcInfo = tuple[type[BaseException], BaseException, types.TracebackType | None] | tuple[None, None, None]


class _Formatter(logging.Formatter):
    """A traceback ends in the exception's text, which may hold a row or a payload, and libraries log them."""

    def format(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        record.msg, record.args = _described(record.msg), _described(record.args)
        return super().format(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's own name
        return describe(ei[1]) if ei[1] else ""


def configure(level: int) -> None:
    """Log to stderr from this level on; of RQ, whose workers tell the story of their lives, only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("rq").setLevel(logging.WARNING)
    sys.excepthook = _log_unhandled
    threading.excepthook = _log_unhandled_in_thread


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


def _log_unhandled_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value:
        logging.getLogger(__name__).critical("a thread ends: %s", describe(args.exc_value))


def _log_unhandled(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger(__name__).critical("this process ends: %s", describe(error))
