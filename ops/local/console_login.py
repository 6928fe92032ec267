"""The console's login beside `ingest up`: where no user is set, a password of this installation, made once."""

from __future__ import annotations

import secrets
from pathlib import Path

from ingest.settings import Settings
from ops.local.server import write_private

NAME = "operator"
FILE = "console-password"


def console_login(current: Settings) -> dict[str, str]:
    """The variables that let an operator in; none where the settings say who may come."""
    if not _is_needed(current):
        return {}
    file = _file(current)
    if not file.exists():
        write_private(file, f"{secrets.token_urlsafe(12)}\n")
    return {"RQ_DASHBOARD_USERNAME": NAME, "RQ_DASHBOARD_PASSWORD": file.read_text().strip()}


def login_words(current: Settings) -> str:
    """How to log in, for whoever reads what `ingest up` prints; without the password, as a service manager keeps it."""
    return f"  (log in as {NAME}; password: cat {_file(current)})" if _is_needed(current) else ""


def _is_needed(current: Settings) -> bool:
    return not (current.dashboard_login or current.console_users_file or current.is_console_open)


def _file(current: Settings) -> Path:
    return current.data_dir / FILE
