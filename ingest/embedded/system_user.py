"""Root's own troubles: Postgres refuses to run as root, so a system user has to own its data and reach its programs."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from ingest.errors import ServerStartError

SYSTEM_USER = "embedded_postgres"


def is_root() -> bool:
    """Whether we are root, whom Postgres refuses to run as."""
    return os.geteuid() == 0


def own_by_system_user(home: Path, programs: Path) -> str:
    """Make sure that the system user is there, owns the folder, and can reach it and the programs."""
    _make_system_user()
    shutil.chown(home, SYSTEM_USER, SYSTEM_USER)
    for folder in (*home.parents, *programs.parents):
        _allow_others(folder, stat.S_IXOTH)
    for path in programs.parent.rglob("*"):
        # A strict umask at the installation would keep the programs to root.
        _allow_others(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
    return SYSTEM_USER


def _make_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        options = ["--system", "--user-group", "--shell", "/usr/sbin/nologin"]
        if shutil.which("useradd") is None or run_as(None, ["useradd", *options, SYSTEM_USER]).returncode:
            raise ServerStartError(
                f"Postgres refuses to run as root, and the system user {SYSTEM_USER} could not be made: "
                "run as a plain user, or set DATABASE_URL"
            ) from None


def _allow_others(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)


def run_as(user: str | None, command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end as a user, or as ourselves; its output, both streams, is in `stdout`."""
    return subprocess.run(  # noqa: S603 - the wheel's own programs
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
