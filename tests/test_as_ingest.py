"""The function `as_ingest` of docs/production.md, in a shell: a command has the settings, and nobody else sees them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.sources import ROOT

SETTINGS = """# as systemd reads it
INGEST_TOKENS_FILE=/etc/airudder-ingest/tokens
  DATABASE_URL=postgresql://db/airudder?application_name=a b&x='$(id)'

; INGEST_DATA_DIR=/nowhere
WORKERS=2"""
"""A value with blanks and what shells read, comments, and a last line without its end"""
RUNUSER = '#!/bin/sh\nshift 3\n"$@"\n'
"""It waits for its command, as the real one does."""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_settings_are_given_on(tmp_path: Path, shell: str) -> None:
    """Each line is a variable as it stands there, arguments stay as they are, and stdin is the command's own."""
    said = run(
        tmp_path, shell, SETTINGS, "echo typed | as_ingest sh -c 'env; cat'; as_ingest printf '<%s>' 'a  b' '*' ''"
    )

    assert "INGEST_TOKENS_FILE=/etc/airudder-ingest/tokens\n" in said
    assert "DATABASE_URL=postgresql://db/airudder?application_name=a b&x='$(id)'\n" in said
    assert "WORKERS=2\n" in said
    assert "INGEST_DATA_DIR" not in said
    assert said.endswith("typed\n<a  b><*><>")


def test_list_of_processes_shows_no_setting(tmp_path: Path) -> None:
    """Neither the command's arguments nor those of the process that waits for it have a value in them."""
    script = "as_ingest sh -c 'ps -ww -o args= -p $$,$PPID; echo $INGEST_TOKENS; true'"
    said = run(tmp_path, "sh", "INGEST_TOKENS=shop=s3cret\n", script)

    assert "runuser -u airudder" in said
    assert said.count("s3cret") == 1, "in the environment alone"


def run(folder: Path, shell: str, settings: str, script: str) -> str:
    """What a script prints that uses the function on a file with these settings."""
    file, runuser = folder / "up.env", folder / "runuser"
    file.write_text(settings)
    runuser.write_text(RUNUSER)
    runuser.chmod(0o700)
    (function,) = re.findall(r"^as_ingest\(\) \{\n.*?^\}\n", (ROOT / "docs" / "production.md").read_text(), re.M | re.S)
    command = [shell, "-c", function.replace("/etc/airudder-ingest/up.env", str(file)) + script]
    environ = {"PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
