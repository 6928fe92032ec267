"""`ingest env`, as a shell evaluates it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ingest

pytestmark = pytest.mark.usefixtures("environment")


def test_env_prints_urls(database_url: str, redis_url: str) -> None:
    """`env` gives both URLs in a form that a shell can evaluate."""
    printed = subprocess.run(
        ["sh", "-c", f'eval "$({Path(sys.executable).with_name("ingest")} env)"; echo "$DATABASE_URL|$REDIS_URL"'],
        check=True,
        capture_output=True,
        text=True,
    )
    assert printed.stdout.strip() == f"{database_url}|{redis_url}"


def test_env_names_missing_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without servers the error is one line that names the variable, and the exit code 1."""
    monkeypatch.delenv("DATABASE_URL")

    result = ingest("env")

    assert result.returncode == 1
    assert result.stderr.startswith("ingest: DATABASE_URL is not set")
    assert result.stderr.count("\n") == 1
