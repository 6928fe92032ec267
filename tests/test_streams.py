"""Streams: whoever starts a command, in whatever locale and with whatever closed, it does its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.processes import INGEST, answers, ingest, running_server
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle

pytestmark = pytest.mark.usefixtures("environment")

HINDI = "राहुल"
NUMBER = "+6281234567801"


def with_closed(descriptors: str, *arguments: str) -> list[str]:
    """A command line that runs `ingest …` with some of its streams closed by the shell."""
    return ["sh", "-c", f'exec "$0" "$@" {descriptors}', INGEST, *arguments]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_names_beyond_the_terminals_encoding_are_spelt(database: Database, encoding: str) -> None:
    """A name that it does not have, and our own …, are spelt; nothing ends in a traceback."""
    settle(database, [entry(push(HINDI))])
    spelt = HINDI.encode("ascii", "backslashreplace").decode()

    found = ingest("find", HINDI, PYTHONIOENCODING=encoding)
    listed = ingest("token", "list", PYTHONIOENCODING=encoding, INGEST_TOKENS=f"{HINDI}=0123456789abcdef0123")

    assert (found.returncode, listed.returncode, found.stderr) == (0, 0, "")
    assert spelt in found.stdout
    assert spelt in listed.stdout


def test_json_is_utf8_on_any_terminal(database: Database) -> None:
    """As JSON is: a program that reads it knows no spelling of ours."""
    settle(database, [entry(push(HINDI))])

    traced = subprocess.run(
        [INGEST, "trace", HINDI, "--json"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=True,
        capture_output=True,
    )

    assert HINDI in str(json.loads(traced.stdout.decode()))


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_command_works_with_closed_streams(database: Database, connection: Any, closed: str) -> None:
    """What nobody hears is discarded, and the work is done all the same."""
    settle(database, [entry(push("c1", NUMBER))])

    erased = subprocess.run(with_closed(closed, "erase", "--callee-number", NUMBER), check=False)

    assert erased.returncode == 0
    assert connection.execute("SELECT FROM airudder.callees").fetchall() == []


PRINTS = "import os; from ingest import streams; streams.make_usable(); print(chr(0x930)); os._exit(os.dup(0))"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_stream_is_taken_for_good(closed: str) -> None:
    """Whatever its encoding would be, nothing that is printed raises; and no later file gets its descriptor, into which
    C libraries print."""
    posix = {**os.environ, "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", PRINTS]

    assert subprocess.run(command, env=posix, check=False, stdout=subprocess.DEVNULL).returncode >= 3


@pytest.mark.parametrize("processes", ["1", "2"])
def test_web_serves_with_closed_stderr(processes: str) -> None:
    """Also where its processes were spawned, which have run nothing else before."""
    command = with_closed("2>&-", "web")
    with running_server(command, "PORT", answers, WEB_CONCURRENCY=processes) as url:
        assert answers(url)
