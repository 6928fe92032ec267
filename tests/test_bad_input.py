"""The corpus of bad input through real processes: web, a worker and Postgres, all of it at once."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from ingest import logs
from ingest.batch.clients import patient_client
from ingest.batch.queue import normalise_queue
from ingest.kinds.reading.identifiers import canonical_id
from tests.batches import nothing_in_flight
from tests.conftest import TABLES
from tests.corpus import cases
from tests.corpus.odd_values import INJECTIONS
from tests.corpus.said import loads
from tests.corpus.silence import Outcome, Row, fields_without_place, silently_lost
from tests.patience import PATIENT_WEB
from tests.ports import free_port
from tests.processes import INGEST, answers, running_into, wait_until

# The first test to ask has the whole corpus delivered.
pytestmark = pytest.mark.timeout(300)

PATH = "/airudder/custom-api"
SENDERS = 8

WEB_LINES = re.compile(
    r"INFO web: serving pushes at 127\.0\.0\.1 port \d+, POST /airudder/custom-api"
    r"|WARNING web\.refusals: refused and not kept: [a-zA-Z ]+( \(default\))? \d+; see `ingest status`"
)
WORKER_LINES = re.compile(
    r"INFO worker: batch [0-9a-f-]{36} is settled in \d+\.\d{3} s: \d+ (dead|normalised)(, \d+ (duplicate|normalised))*"
    # where all else is busy too
    r"|WARNING worker\.backlog: a backlog: \d+ batches, the oldest for \d+ s"
    r"|INFO worker\.backlog: the backlog is gone, after \d+ s"
)
"""All that the two may have to say in spite of the worst that they are sent"""

HOSTILE_REQUESTS: dict[str, bytes] = {
    "line end in the path": b"POST /airudder/custom-api/x%0d%0aERROR%20forged%20line HTTP/1.1\r\nHost: x",
    "terminal escape in the path": b"POST /airudder/custom-api/%1b%5b31mforged HTTP/1.1\r\nHost: x",
    "raw escape in the path": b"POST /airudder/custom-api/\x1b[31mforged HTTP/1.1\r\nHost: x",
    "not UTF-8 in the path": b"POST /airudder/custom-api/%ff%fe%00 HTTP/1.1\r\nHost: x",
    "raw bytes in the path": b"POST /airudder/custom-api/\xff\xfe HTTP/1.1\r\nHost: x",
    "unknown kind": b"POST /airudder/forged%0aERROR%20line HTTP/1.1\r\nHost: x",
    "path upwards": b"POST /airudder/../../etc/passwd HTTP/1.1\r\nHost: x",
    "line end in the query": b"POST /airudder/custom-api?a=%0d%0aERROR%20forged%20line HTTP/1.1\r\nHost: x",
    "line end in a header": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nX-Note: a\r\n ERROR forged line",
    "terminal escape in a header": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nUser-Agent: \x1b[31mforged",
    "SQL in a header": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nX-Source: '; DROP TABLE airudder.pushes; --",
    "odd credential": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\x1b[31mforged",
    "no such method": b"FORGED\x1b[31m /airudder/custom-api HTTP/1.1\r\nHost: x",
    "length that is no number": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nContent-Length: forged",
    "negative length": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nContent-Length: -1",
    "two lengths": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3",
    "enormous length": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 40,
    "length and chunks": (
        b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked"
    ),
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03forged",
    "nul in a header": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nX-Note: a\x00forged",
}


Answer = tuple[int, bytes]
"""Status and body"""


@dataclass(frozen=True)
class Delivered:
    """What became of the corpus."""

    answered: dict[str, Answer]
    """By case; none where the connection was closed on a sender that was still at its 10 MB"""
    hostile_statuses: dict[str, int]
    workers_before: set[Any]
    workers_after: set[Any]
    failed_jobs: list[str]
    web_lines: list[str]
    worker_lines: list[str]
    tables: dict[str, list[Row]]

    def outcomes(self) -> dict[bytes, Row]:
        """Each push's own row, by its body."""
        return {row["body"]: row for row in self.tables["pushes"]}


@pytest.fixture(scope="module")
def delivered(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """The corpus, posted to one web process and settled by one worker."""
    folder = tmp_path_factory.mktemp("bad_input")
    web_log, worker_log = folder / "web.log", folder / "worker.log"
    environ = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PORT": str(free_port()), "WORKERS": "1"}
    url = f"http://127.0.0.1:{environ['PORT']}"
    client = patient_client(redis_url)
    client.flushdb()
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        set_json_loads(loads, connection)
        connection.execute(f"TRUNCATE airudder.{TABLES}")
        with (
            running_into(worker_log, INGEST, "worker", **environ),
            running_into(web_log, *PATIENT_WEB, **environ),
        ):
            before = wait_until(lambda: set(client.smembers("rq:workers")), "a worker registers")
            wait_until(lambda: answers(url), "web answers")
            answered = asyncio.run(_post_all(url))
            hostile = {name: _status_of(url, head) for name, head in HOSTILE_REQUESTS.items()}
            wait_until(lambda: nothing_in_flight(client), "everything is settled")
            after = set(client.smembers("rq:workers"))
            failed = normalise_queue(client).failed_job_registry.get_job_ids()
        tables = {
            name.strip(): connection.execute(f"SELECT * FROM airudder.{name}").fetchall()
            for name in (*_names(TABLES), "case_answers", "call_turns")
        }
    client.flushdb()
    client.close()
    return Delivered(answered, hostile, before, after, failed, _lines(web_log), _lines(worker_log), tables)


def _names(tables: str) -> list[str]:
    return tables.replace("airudder.", "").split(", ")


def _lines(log: Path) -> list[str]:
    """What a log says, without the times; a line that is no JSON as it is."""
    lines = ((line, logs.parse(line)) for line in log.read_text().splitlines())
    return [logged.words() if logged else line for line, logged in lines]


async def _post_all(url: str) -> dict[str, Answer]:
    waiting = list(cases())
    answered: dict[str, Answer] = {}

    async def send(session: ClientSession) -> None:
        while waiting:
            case = waiting.pop()
            with suppress(ClientError) if case.status == 413 else nullcontext():
                async with session.post(url + PATH, data=io.BytesIO(case.body)) as response:
                    answered[case.name] = response.status, await response.read()

    async with ClientSession(timeout=ClientTimeout(total=60)) as session:
        await asyncio.gather(*(send(session) for _ in range(SENDERS)))
    return answered


def _status_of(url: str, head: bytes) -> int:
    """The status that a request of raw bytes is answered with."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as sender:
        is_whole = b"ontent-Length" in head or not head.startswith(b"POST")
        sender.sendall(head + (b"\r\n\r\n{}" if is_whole else b"\r\nContent-Length: 2\r\n\r\n{}"))
        return int(sender.makefile("rb").readline().split()[1])


def test_corpus_is_a_set() -> None:
    """Each case has a name and a body of its own."""
    assert [name for name, count in Counter(case.name for case in cases()).items() if count > 1] == []
    assert [name for name, count in Counter(case.body for case in cases()).items() if count > 1] == []


def test_every_field_has_its_place() -> None:
    """The oracle knows where each field of the structs is stored; one that is added has to be added there too."""
    assert fields_without_place() == []


def test_every_body_is_answered_as_documented(delivered: Delivered) -> None:
    """Objects are acknowledged, all else is refused by what it is, and nothing is a fault of ours."""
    assert {case.status for case in cases() if case.name not in delivered.answered} <= {413}
    wrong = {
        case.name: answer
        for case in cases()
        if (answer := delivered.answered.get(case.name))
        and not (answer == (200, b"{}") if case.status == 200 else is_error(answer, case.status))
    }
    assert wrong == {}


def is_error(answer: Answer, status: int) -> bool:
    """Whether it is a small JSON object that says why."""
    return answer[0] == status and list(json.loads(answer[1])) == ["error"] and len(answer[1]) < 200


def test_every_push_has_one_outcome(delivered: Delivered) -> None:
    """Each body that is kept is there once, byte for byte: refused ones as dead, and no other for a fault of ours."""
    expected = {case.body: case for case in cases() if case.is_kept}
    hostile = {row["push_id"] for row in delivered.tables["pushes"] if row["body"] == b"{}"}
    stored = [row for row in delivered.tables["pushes"] if row["push_id"] not in hostile]
    assert Counter(row["body"] for row in stored) == Counter(body for body in expected if body != b"{}")
    assert {row["status"] for row in stored} == {"normalised", "dead"}
    refused = {body for body, case in expected.items() if case.status != 200}
    assert {row["status"] for row in stored if row["body"] in refused} == {"dead"}
    errors = {row["error"] for row in stored if row["status"] == "dead" and row["body"] not in refused}
    assert errors == {"nothing recognised: no call, callee, case, task or workflow"}


def test_worker_outlives_the_corpus(delivered: Delivered) -> None:
    """The same worker settles all of it, batch by batch, without a failed job or a word beside their outcomes."""
    assert delivered.workers_after == delivered.workers_before
    assert delivered.failed_jobs == []
    assert [line for line in delivered.worker_lines if not WORKER_LINES.fullmatch(line)] == []


def outcome_of(push: Row, tables: dict[str, dict[Any, list[Row]]]) -> Outcome:
    """A push's rows, by the ids in its own row."""
    case_key = (push["callee_number"], push["case_id"] or "")

    def one(table: str, key: Any) -> Row | None:
        rows = tables[table].get(key, [])
        return rows[0] if rows else None

    case, call = one("cases", case_key), one("calls", push["call_id"])
    return Outcome(
        push=push,
        workflow=one("workflows", push["workflow_id"]),
        node=one("nodes", (push["workflow_id"], push["node_id"])),
        callee=one("callees", push["callee_number"]),
        case=case,
        answers=(case and case["answers"]) or [],
        call=call,
        attributes=one("call_attributes", (push["call_id"], push["node_id"] or "")),
        turns=(call and call["transcript"]) or [],
    )


KEYS: dict[str, Callable[[Row], Any]] = {
    "workflows": lambda row: row["workflow_id"],
    "nodes": lambda row: (row["workflow_id"], row["node_id"]),
    "callees": lambda row: row["callee_number"],
    "cases": lambda row: (row["callee_number"], row["case_id"]),
    "calls": lambda row: row["call_id"],
    "call_attributes": lambda row: (row["call_id"], row["node_id"]),
}


def by_key(tables: dict[str, list[Row]]) -> dict[str, dict[Any, list[Row]]]:
    """The rows of each table by the ids that lead there from a push."""
    found: dict[str, dict[Any, list[Row]]] = {table: {} for table in KEYS}
    for table, key in KEYS.items():
        for row in tables[table]:
            found[table].setdefault(key(row), []).append(row)
    return found


def test_nothing_is_cut_in_silence(delivered: Delivered) -> None:
    """Whatever was sent is in the tables as it was, or named in the push's warnings by its path."""
    tables, pushes = by_key(delivered.tables), delivered.outcomes()
    lost = {
        case.name: paths
        for case in cases()
        if case.is_kept and (paths := silently_lost(case.body, outcome_of(pushes[case.body], tables)))
    }
    assert lost == {}


def test_injected_text_is_stored_verbatim(delivered: Delivered) -> None:
    """SQL, formulas and HTML are text like any other, in every text column, and all tables are still there. Of an id
    what is seen is stored; and none of them is a telephone number."""
    columns = {
        "workflows": ["name"],
        "nodes": ["name"],
        "callees": ["name", "gender", "location", "platform_name"],
        "cases": ["case_id", "extra_a", "extra_b", "extra_c", "comments", "currency_unit"],
        "case_answers": ["question", "content"],
        "calls": ["call_id", "task_id", "ring_type", "hangup_type", "intention", "slots", "asr_ptp"],
        "call_turns": ["robot_text", "callee_text"],
    }
    missing = {
        f"{table}.{column}": absent
        for table, names in columns.items()
        for column in names
        if (absent := _stored(column) - {row[column] for row in delivered.tables[table]})
    }
    assert missing == {}


def _stored(column: str) -> set[str]:
    texts = INJECTIONS.values()
    return {canonical_id(text) for text in texts} if column.endswith("_id") else set(texts)


def test_hostile_requests_are_answered(delivered: Delivered) -> None:
    """Whatever stands in path, query and headers, it is answered without a fault of ours."""
    assert {name: status for name, status in delivered.hostile_statuses.items() if not 200 <= status < 500} == {}


def test_nothing_sent_is_logged(delivered: Delivered) -> None:
    """No line of a log, and no part of one, is the sender's."""
    assert [line for line in delivered.web_lines if not WEB_LINES.fullmatch(line)] == []
    assert sum("serving" in line for line in delivered.web_lines) == 1
