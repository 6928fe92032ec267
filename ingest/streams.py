"""Streams: stdout and stderr of a process that anybody may have started in any way, made fit to be printed to."""

from __future__ import annotations

import io
import os
import sys


def make_usable() -> None:
    """Discard what goes to a stream that is closed, and spell what its encoding does not have.

    Python's own stream is None where the shell has closed it (`2>&-`), and raises at a name that Latin-1 cannot write.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # It stays open as long as the process, and takes the closed descriptor's place: nothing else may get it.
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
