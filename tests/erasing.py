"""What is left of a person, and what `ingest erase` prints of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg import Connection

from tests.persons import MARK, NUMBER, OTHER, SPELT
from tests.processes import ingest

Rows = Connection[dict[str, Any]]


def everything(connection: Rows, client: Any) -> str:
    """All rows of all tables, and all that Redis holds, as text."""
    tables = connection.execute(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'airudder'::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"
    ).fetchall()
    rows = [
        f"{table['name']}: {row['text']}"
        for table in tables
        for row in connection.execute(f"SELECT stored::text AS text FROM {table['name']} AS stored ORDER BY 1")
    ]
    bodies = connection.execute("SELECT encode(body, 'escape') AS text FROM airudder.pushes ORDER BY push_id")
    return "\n".join([*rows, *(row["text"] for row in bodies), *values(client)])


def values(client: Any) -> list[str]:
    """Every value in Redis."""
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return sorted(f"{key!r}: {read[client.type(key)](key)!r}" for key in client.scan_iter())


def assert_gone(connection: Rows, client: Any) -> None:
    """No mark and no spelling of the number is left anywhere."""
    left = everything(connection, client)
    assert [line for line in left.splitlines() if any(one in line for one in (MARK, *SPELT))] == []


def exported(number: str = OTHER) -> Any:
    """What is held on somebody."""
    return json.loads(ingest("export", "--callee-number", number).stdout or "null")


def counts(printed: str) -> dict[str, int]:
    """What `erase` has printed."""
    return {name: int(count) for name, count in (line.split() for line in printed.splitlines()[1:])}


@contextmanager
def erasing(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`ingest erase` of the person, while the block does something else; it has to succeed."""
    script = Path(sys.executable).with_name("ingest")
    with subprocess.Popen(
        [script, "erase", "--callee-number", NUMBER, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.wait(60) == 0
