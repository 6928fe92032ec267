"""Evidence: everything that somebody can read, by the place where it stands."""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
from redis import Redis
from redis.exceptions import ResponseError

from ops.console.pages import PAGES
from tests.leaks.marks import Marks

BODIES = (b"batch:", b"taken:")
"""Keys whose lists are there to hold pushes"""
_LOGS_OF_COMMANDS = (
    "SLOWLOG GET 1000",
    "COMMANDLOG GET -1 slow",
    "COMMANDLOG GET -1 large-request",
    "COMMANDLOG GET -1 large-reply",
    "ACL LOG",
    "CLIENT LIST",
    "LATENCY LATEST",
    "INFO everything",
)
_REGISTRIES = ("queued", "failed", "started", "deferred", "finished", "canceled", "scheduled")
_PAGES = [one.path.removeprefix("/") for one in PAGES if "{" not in one.path and "GET" in (one.methods or ())]
"""Of the console, each that needs no id"""
_PAGES_OF_RQ = (
    "",
    "0/view/queues",
    "0/view/workers",
    "0/view/jobs",
    "0/data/queues.json",
    "0/data/workers.json",
    *(f"0/view/jobs/normalise/{registry}/8/asc/1" for registry in _REGISTRIES),
    *(f"0/data/jobs/normalise/{registry}/8/asc/1.json" for registry in _REGISTRIES),
)
_COLUMNS = "SELECT push_id::text, status, error, error_path, warnings::text FROM airudder.pushes"
_SESSIONS = "SELECT application_name, query FROM pg_stat_activity"


CONSOLE = "console"
_OF_PUSHES = re.compile(r"\.(workflow_id|workflow_name|node_id|task_id|call_id|callid|call_key)$")
"""The console shows by which ids pushes are found, and what the customer calls a workflow. None of these tells who a
person is."""


class Evidence:
    """Collects texts by place."""

    def __init__(self) -> None:
        self._texts: dict[str, list[bytes]] = defaultdict(list)

    def add(self, place: str, content: bytes) -> None:
        """A text that was seen at a place."""
        self._texts[place].append(content)

    def at(self, place: str) -> bytes:
        """All that was seen at a place."""
        return b"\n".join(self._texts[place])

    def leaks(self, marks: Marks) -> list[str]:
        """A line for each mark that was found at a place."""
        return [
            f"{place} shows {mark}"
            for place in sorted(self._texts)
            for mark in marks.found_in(self.at(place)).values()
            if not (place == CONSOLE and _OF_PUSHES.search(mark.partition(":")[0]))
        ]

    def add_redis(self, client: Redis) -> None:
        """All keys and values but bodies, and what Redis notes of its clients and their commands."""
        for key in client.scan_iter(count=1000):
            self.add("Redis: names of keys", key)
            if not key.startswith(BODIES):
                for value in _values(client, key):
                    self.add("Redis: values", b"%s %s" % (key, value))
        for command in _LOGS_OF_COMMANDS:
            self.add(f"Redis: {command}", _answer(client, command))

    def add_dashboard(self, url: str, job_ids: Iterable[str]) -> None:
        """Every page of the console, and of rq-dashboard in it, each job's among them; an error's page counts too."""
        jobs = [page for job_id in job_ids for page in (f"0/view/job/{job_id}", f"0/data/job/{job_id}.json")]
        with httpx.Client(timeout=60) as session:
            for page in _PAGES:
                self.add(CONSOLE, session.get(f"{url}/{page}").content)
            for page in (*_PAGES_OF_RQ, *jobs):
                self.add("dashboard", session.get(f"{url}/rq/{page}").content)

    def add_tables(self, connection: Any) -> None:
        """What the tables say of a push beside its content, and what Postgres shows of sessions."""
        for row in connection.execute(_COLUMNS):
            self.add("pushes.error and warnings", repr(row).encode())
        for row in connection.execute(_SESSIONS):
            self.add("pg_stat_activity", repr(row).encode())

    def add_process_list(self) -> None:
        """The arguments of every process of this machine."""
        listed = subprocess.run(["ps", "-wweo", "args="], check=True, capture_output=True)
        self.add("process list", listed.stdout)


def bodies(client: Redis) -> bytes:
    """What is in the lists that are there to hold pushes."""
    keys = (key for key in client.scan_iter(count=1000) if key.startswith(BODIES))
    return b"\n".join(value for key in keys for value in _values(client, key))


def _values(client: Any, key: bytes) -> Iterator[bytes]:
    """All that a key holds, and what of it is compressed also as it was."""
    kind = client.type(key)
    if kind == b"string":
        parts = [client.get(key)]
    elif kind == b"hash":
        parts = [part for pair in client.hgetall(key).items() for part in pair]
    elif kind == b"list":
        parts = client.lrange(key, 0, -1)
    elif kind == b"set":
        parts = list(client.smembers(key))
    elif kind == b"zset":
        parts = client.zrange(key, 0, -1)
    elif kind == b"stream":
        parts = [part for _, fields in client.xrange(key) for pair in fields.items() for part in pair]
    else:
        assert kind == b"none", f"{key!r} is a {kind!r}, of which this search knows nothing"
        parts = []  # gone meanwhile
    for part in filter(None, parts):
        yield part
        yield from decompressed(part)


def decompressed(value: bytes) -> Iterator[bytes]:
    """What RQ has compressed, if it is that: jobs with zlib, tracebacks also in base64."""
    for compressed in (value, _from_base64(value)):
        try:
            yield zlib.decompress(compressed)
        except zlib.error:
            continue


def _from_base64(value: bytes) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""


def _answer(client: Any, command: str) -> bytes:
    try:
        return repr(client.execute_command(*command.split())).encode()
    except ResponseError as error:
        return str(error).encode()  # Redis knows no COMMANDLOG
