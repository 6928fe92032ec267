"""Logging of every process: one line an event, and of an exception only its type and place."""

from __future__ import annotations

import logging
import types

from ingest.errors import describe

_ExcInfo = tuple[type[BaseException], BaseException, types.TracebackType | None] | tuple[None, None, None]


class _Formatter(logging.Formatter):
    """A traceback ends in the exception's text, which may hold a row or a payload, and libraries log them."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's own name
        return describe(ei[1]) if ei[1] else ""


def configure(level: int) -> None:
    """Log to stderr from this level on; of RQ, whose workers tell the story of their lives, only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("rq").setLevel(logging.WARNING)
