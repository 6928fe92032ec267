"""Files that hold what proves who somebody is: made for their owner alone, and changed by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import SettingError


@contextmanager
def alone_at(variable: str, path: Path) -> Iterator[None]:
    """Hold the lock of the file's folder, as the file itself may be replaced. `variable` names the file: an OSError
    becomes a SettingError about it."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingError(f"{variable}={path} cannot be written: {error.strerror}") from None


def append_line(path: Path, line: str) -> None:
    """Add a line, or several, to the file, which is made if need be. OSError if that cannot be done."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "a+b") as file:
        file.seek(0)
        before = file.read()
        # A file that was edited by hand may lack its last line's end.
        gap = "" if before.endswith(b"\n") or not before else "\n"
        file.write(f"{gap}{line}\n".encode())
