"""Streams: stdout and stderr of a process that anybody may have started in any way, made fit to be printed to."""

from __future__ import annotations

import io
import os
import sys

_LAST = 2
"""The descriptor of stderr"""


def make_usable() -> None:
    """Discard what goes to a stream that is closed, and spell what its encoding does not have.

    Python's own stream is None where the shell has closed it (`2>&-`), and raises at a name that Latin-1 cannot write.
    """
    # A file or socket that was opened later would take a closed stream's place, and get what C libraries print there.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST:
        pass
    os.close(descriptor)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
