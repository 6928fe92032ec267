"""Running as root: Postgres refuses that, so a system user owns its data and runs its programs."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from ingest.errors import ServerStartError

SYSTEM_USER = "embedded_postgres"
_OTHERS_SECONDS = 3.0


def is_root() -> bool:
    """Whether we run as root, which Postgres refuses."""
    return os.geteuid() == 0


def own_by_system_user(home: Path) -> str:
    """Make sure that the system user exists and owns the folder; return its name. Raises ServerStartError."""
    _make_system_user()
    shutil.chown(home, SYSTEM_USER, SYSTEM_USER)
    return SYSTEM_USER


def can_run(user: str, program: Path) -> bool:
    """Whether the user can get to a program and run it."""
    return run_as(user, ["sh", "-c", '"$0" --version', program]).returncode == 0


def can_pass(user: str, folder: Path) -> bool:
    """Whether the user can get to a folder and into it."""
    return run_as(user, ["test", "-x", folder]).returncode == 0


def is_ours(folder: Path) -> bool:
    """Whether a path is a folder, not a link, that belongs to us or, if we are root, to the system user."""
    status = folder.lstat()
    owners = {os.geteuid()}
    if is_root():
        with suppress(KeyError):
            owners.add(pwd.getpwnam(SYSTEM_USER).pw_uid)
    return stat.S_ISDIR(status.st_mode) and status.st_uid in owners


def _make_system_user() -> None:
    if _is_there():
        return
    options = ["--system", "--user-group", "--shell", "/usr/sbin/nologin"]
    is_made = shutil.which("useradd") is not None and not run_as(None, ["useradd", *options, SYSTEM_USER]).returncode
    # It also fails where another process of ours is just making the user.
    deadline = time.monotonic() + _OTHERS_SECONDS
    while not (is_made or _is_there()):
        if time.monotonic() > deadline:
            raise ServerStartError(
                f"Postgres refuses to run as root, and the system user {SYSTEM_USER} could not be made: "
                "run as a plain user, or set DATABASE_URL"
            )
        time.sleep(0.1)


def _is_there() -> bool:
    try:
        return bool(pwd.getpwnam(SYSTEM_USER) and grp.getgrnam(SYSTEM_USER))
    except KeyError:
        return False


def run_as(user: str | None, command: list[str | Path], folder: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    """Run a program to its end in a folder, as a user or, with None, as ourselves. `stdout` has both of its streams."""
    return subprocess.run(  # noqa: S603 - the wheel's own programs
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
