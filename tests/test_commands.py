"""What all commands have in common: usage, and servers that cannot be reached."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.processes import ingest

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def test_unknown_usage_is_two() -> None:
    """A command or option that does not exist is exit code 2."""
    assert ingest("nonsense").returncode == 2
    assert ingest("status", "--nonsense").returncode == 2
    assert ingest("send", "not-a-url").returncode == 2


def test_migrate_twice(connection: Rows) -> None:
    """`migrate` on a migrated database succeeds and keeps what is there."""
    connection.execute("INSERT INTO airudder.ring_types VALUES ('brand_new', 'Something new.')")

    assert ingest("migrate").returncode == 0

    found = connection.execute("DELETE FROM airudder.ring_types WHERE ring_type = 'brand_new' RETURNING meaning")
    assert found.fetchall() == [{"meaning": "Something new."}]


@pytest.mark.parametrize(("name", "url"), [("DATABASE_URL", "postgres//u:s3cret@h/db"), ("REDIS_URL", "h:s3cret")])
@pytest.mark.parametrize("command", ["status", "doctor", "find c1", "migrate"])
def test_bad_url_is_one_line(monkeypatch: pytest.MonkeyPatch, command: str, name: str, url: str) -> None:
    """A URL that cannot be read is named by its variable, without showing it and without a traceback."""
    monkeypatch.setenv(name, url)

    result = ingest(*command.split())

    assert result.returncode == 1
    assert f"{name} is not of the form" in result.stdout + result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:s3cret@s3cret@127.0.0.1:1/db", "write it as %40"),
        ("postgresql://u:s3cret/s3cret@127.0.0.1:1/db", "write it as %40"),
        ("postgresql://u:1/s3cret@127.0.0.1:1/db", "write it as %40"),
        ("postgresql://u:s3cret@/db?host=/nowhere/a%40b", "No such file"),
    ],
)
def test_torn_url_is_not_quoted(monkeypatch: pytest.MonkeyPatch, url: str, words: str) -> None:
    """A password that was taken for a host or port in part is not shown; a socket's folder may have an @ in it."""
    monkeypatch.setenv("DATABASE_URL", url)

    result = ingest("migrate")

    assert words in result.stderr
    assert "s3cret" not in result.stderr


def test_refused_connection_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why Postgres cannot be reached is said with host and port, in one line."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:s3cret@127.0.0.1:1/none")

    result = ingest("migrate")

    assert "127.0.0.1" in result.stderr
    assert "Connection refused" in result.stderr
    assert result.stderr.count("\n") == 1
