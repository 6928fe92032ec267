"""The simulated vendor: the same bytes for a seed, everything the documentation knows, honest figures."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ingest.kinds import kind_of
from ingest.kinds.normalise import normalise
from ingest.kinds.reading.decode import decode
from ingest.tables.rows import CallRow
from ops.simulator import words
from ops.simulator.pushes import SimulatedPush, generate, shuffled
from ops.simulator.sender import Plan, Summary, send
from tests.ports import free_port
from tests.pushes import entry, row_of


@pytest.fixture(scope="module")
def pushes() -> list[SimulatedPush]:
    """Enough of them to hold everything."""
    return list(generate(seed=1, count=4000, bad_share=0.05))


def test_same_seed_same_bytes(pushes: list[SimulatedPush]) -> None:
    """A seed decides every byte, and a longer run begins like a shorter one."""
    assert list(generate(seed=1, count=1000, bad_share=0.05)) == pushes[:1000]


def test_other_seed_other_calls(pushes: list[SimulatedPush]) -> None:
    """Two seeds share no call."""
    others = {push.call_id for push in generate(seed=2, count=1000)}

    assert not others & {push.call_id for push in pushes}


def test_no_push_is_repeated(pushes: list[SimulatedPush]) -> None:
    """No two bodies are the same: a redelivery is something else."""
    assert len({push.body for push in pushes}) == len(pushes)


def test_bad_share_is_kept(pushes: list[SimulatedPush]) -> None:
    """About the wanted share is bad, of every kind: refused with 400, refused with 422, acknowledged."""
    bad = Counter(push.expected_status for push in pushes if push.is_bad)

    assert 0.03 < bad.total() / len(pushes) < 0.07
    assert set(bad) == {400, 422, 200}


def test_bad_share_is_each_kinds() -> None:
    """Of several kinds each has the wanted share of bad pushes, however rare it is beside the others."""
    pushes = Counter((one.kind, one.is_bad) for one in generate(1, 8000, 0.1, {"custom-api": 10, "dialer": 2}))
    for kind in ("custom-api", "dialer"):
        assert 0.07 < pushes[kind, True] / (pushes[kind, True] + pushes[kind, False]) < 0.13


def test_expectations_are_true(pushes: list[SimulatedPush]) -> None:
    """The normaliser makes of each push what it claims: this call with so many turns, or a dead letter."""
    for push in pushes:
        one = normalise(entry(push.body))
        assert (one.push.status == "dead") == push.is_bad
        assert one.push.call_id == push.call_id
        assert push.is_bad or (row_of(one, CallRow).turn_count or 0) == push.turns


def test_everything_documented_occurs(pushes: list[SimulatedPush]) -> None:
    """Every ring type and hang-up type, transcripts of 0 to 40 turns, redials, second nodes and three languages."""
    good = [push for push in pushes if not push.is_bad]
    sent = [decode(kind_of("custom-api").decoder, push.body) for push in good]
    documents: list[dict[str, Any]] = [json.loads(push.body) for push in good]
    calls = [document["call"] for document in documents]

    assert {call["ring_type"] for call in calls} >= set(words.RING_TYPES)
    assert {call["hangup_type"] for call in calls} == set(words.HANGUP_TYPES)
    assert {0, 40} <= {push.turns for push in good} <= set(range(41))
    assert max(int(call["call_times"]) for call in calls) > 2
    assert max(Counter(push.call_id for push in good).values()) > 1
    assert {document["workflow_name"] for document in documents} == {workflow.name for workflow in words.WORKFLOWS}
    assert any(isinstance(one, dict) for one in sent), "some are not as documented"
    assert any(b"\\u" in push.body for push in good)
    assert any(not push.body.isascii() for push in good)


class Receiver(BaseHTTPRequestHandler):
    """Answers 200, but 500 to what asks for it; keeps what it is sent."""

    protocol_version = "HTTP/1.1"
    received: list[tuple[bytes, dict[str, str]]]

    def do_POST(self) -> None:
        """Take one push."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((body, dict(self.headers)))
        self.send_response(500 if b"please fail" in body else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[bytes, dict[str, str]]]]]:
    """A server's URL, and what it has received."""
    received: list[tuple[bytes, dict[str, str]]] = []
    handler = type("Handler", (Receiver,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", received
        server.shutdown()


def sending(plan: Plan, pushes: list[SimulatedPush]) -> Summary:
    """Send and give the summary."""
    summary = Summary()
    asyncio.run(send(plan, pushes, summary, lambda: None))
    return summary


def test_sender_delivers_all(receiver: Any, pushes: list[SimulatedPush]) -> None:
    """Every push is sent once, as the vendor sends it, with the credential it was given."""
    url, received = receiver
    good = [push for push in pushes if push.expected_status == 200][:200]

    summary = sending(Plan(url, rate=0, concurrency=8, token="s3cret"), good)

    assert (summary.sent, summary.as_expected, summary.is_good) == (200, 200, True)
    assert sorted(body for body, _ in received) == sorted(push.body for push in good)
    headers = received[0][1]
    assert headers["User-Agent"] == "Airudder"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer s3cret"


def test_unexpected_answers_are_counted(receiver: Any) -> None:
    """An answer that a push did not call for is counted by its status."""
    pushes = [SimulatedPush(b"please fail", 200, "c1"), SimulatedPush(b"{}", 200, "c2"), SimulatedPush(b"x", 400, None)]

    summary = sending(Plan(receiver[0], rate=0, concurrency=1), pushes)

    assert (summary.as_expected, dict(summary.unexpected)) == (1, {500: 1, 200: 1})
    assert not summary.is_good


def test_rate_is_kept(receiver: Any, pushes: list[SimulatedPush]) -> None:
    """Pushes leave no faster than they are due."""
    summary = sending(Plan(receiver[0], rate=200, concurrency=8), pushes[:50])

    assert summary.seconds >= 49 / 200


def test_stall_is_charged(receiver: Any, pushes: list[SimulatedPush]) -> None:
    """What waits for a connection counts from when it was due: a stalled receiver cannot hide in the sender."""
    summary = sending(Plan(receiver[0], rate=1_000_000, concurrency=1), pushes[:60])

    assert summary.latency(0.99) > summary.seconds * 0.5


def test_nobody_there_ends_early(pushes: list[SimulatedPush]) -> None:
    """Where nothing listens the sender gives up after a few tries."""
    summary = sending(Plan(f"http://127.0.0.1:{free_port()}/", rate=0, concurrency=4), pushes)

    assert summary.nobody_is_there
    assert summary.sent < 50


def test_kinds_tell_the_same_stories() -> None:
    """Of several kinds the most frequent one tells of every call, and another one of some of these."""
    pushes = list(generate(seed=1, count=400, kinds={"custom-api": 4, "chatbot-session-ended": 1}))

    calls = {kind: {push.call_id for push in pushes if push.kind == kind} for kind in {push.kind for push in pushes}}

    assert calls["chatbot-session-ended"] < calls["custom-api"]
    assert 0.1 < len(calls["chatbot-session-ended"]) / len(calls["custom-api"]) < 0.4


def test_pushes_arrive_shuffled_and_again(pushes: list[SimulatedPush]) -> None:
    """Nothing is lost, about the wanted share comes twice, and the order is another one; the same for the same seed."""
    arrived = list(shuffled(pushes, seed=1, retries=0.05, among=20))

    assert set(arrived) == set(pushes)
    assert 0.03 < len(arrived) / len(pushes) - 1 < 0.07
    assert arrived[: len(pushes)] != pushes
    assert list(shuffled(pushes, seed=1, retries=0.05, among=20)) == arrived
    assert list(shuffled(pushes, seed=1, retries=0, among=1)) == pushes
