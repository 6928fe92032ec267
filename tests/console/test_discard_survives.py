"""A discard of many whose console ends meanwhile: what was done stays, and the next console goes on with the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import httpx
import pytest
from psycopg import Connection

from ops.repair.discarding import is_at_work
from tests.console.conftest import csrf_of
from tests.processes import INGEST, running_server, wait_until
from tests.stored import outcomes

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

MANY = 20_000

_FILL: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, error_path)
SELECT gen_random_uuid(), now() - n * interval '1 ms', 'default', 'custom-api', convert_to('[' || n, 'UTF8'), 'dead',
  'not JSON (byte ' || n || ')', '$'
FROM generate_series(1, %s) AS n
"""
_DISCARDED: LiteralString = "SELECT coalesce(sum(pushes), 0)::integer AS pushes FROM airudder.actions"


@contextmanager
def running_console() -> Iterator[httpx.Client]:
    """A console in a process of its own, and somebody on this machine."""

    def answers(url: str) -> bool:
        try:
            return httpx.get(url).status_code == 200
        except httpx.TransportError:
            return False

    with (
        running_server([INGEST, "dashboard"], "DASHBOARD_PORT", answers, INGEST_CONSOLE_OPEN="yes") as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


def discarded(connection: Rows) -> int:
    """How many pushes the actions have counted."""
    (row,) = connection.execute(_DISCARDED)
    return int(row["pushes"])


def test_console_that_ends(connection: Rows, database_url: str) -> None:
    """The next one shows how far it was, and goes on when it is told to; each push is counted once."""
    connection.execute(_FILL, [MANY])
    with Connection.connect(database_url) as holder, running_console() as client:
        # The last portion, or all of them might be discarded before the console has ended.
        holder.execute("SELECT FROM airudder.pushes ORDER BY received_at DESC LIMIT 1 FOR UPDATE")
        (group,) = re.findall(r'href="(/dead/[0-9a-f]+)"', client.get("/dead").text)
        page = client.get(group).text
        (seen,) = re.findall(r'name="last_seen" value="([^"]+)"', page)
        form = {"csrf": csrf_of(page), "reason": "a test of ours", "last_seen": seen}
        address = client.post(f"{group}/discard", data=form).headers["location"]
        wait_until(lambda: discarded(connection), "the first portion is discarded")
    # A portion whose COMMIT was under way when the console ended may still be discarded after that.
    action_id = int(address.rsplit("/", 1)[1])
    wait_until(lambda: not is_at_work(connection, action_id), "Postgres ends the session of the console")
    before = discarded(connection)
    assert 0 < before < MANY
    assert outcomes(connection) == {"discarded": before, "dead": MANY - before}

    with running_console() as client:
        page = client.get(address).text
        assert "interrupted" in page
        client.post(f"{address}/resume", data={"csrf": csrf_of(page)})
        wait_until(lambda: "It ended" in client.get(address).text, "the discard ends")

    assert outcomes(connection) == {"discarded": MANY}
    assert discarded(connection) == MANY
