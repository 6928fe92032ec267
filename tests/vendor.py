"""AI Rudder's API as a local server, from what is known of it: tokens, a task's detail, the question about a push."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.commands import main

KEY, SECRET = "app-key-7f3a", "app-secret-91c2e4"
AUTH, DETAIL, NOTICE = "/service/cloud/auth", "/service/cloud/detail", "/service/cloud/workflow/apinoticeinfo"


class Canned(NamedTuple):
    """An answer that is given once, whatever is asked."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    seconds: float = 0.0
    """How long it takes"""


@dataclass
class FakeVendor:
    """What the server knows, and what it was asked."""

    url: str = ""
    tasks: dict[str, Any] = field(default_factory=dict)
    """By task id, what stands under `data`"""
    notice: bytes = b'{"data":{"pushed": 1.50},"status":"OK","code":200}'
    tokens: list[str] = field(default_factory=list)
    """Given out, the last one alone being valid"""
    canned: dict[str, list[Canned]] = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Paths, each with the query or the body"""

    def answer(self, path: str, content: dict[str, Any], authorization: str) -> Canned:
        """Answer a request."""
        self.asked.append((path, content))
        if self.canned[path]:
            return self.canned[path].pop(0)
        if path == AUTH:
            return self._token(content)
        if not self.tokens or authorization != f"Token {self.tokens[-1]}":
            return Canned(401, b'{"status":"error","code":401}')
        if path == DETAIL:
            return _json({"data": self.tasks.get(content["TaskID"]), "status": "OK", "code": 200})
        return Canned(body=self.notice) if path == NOTICE else Canned(404)

    def _token(self, content: dict[str, Any]) -> Canned:
        if content != {"APPKey": KEY, "APPSecret": SECRET}:
            return _json({"data": None, "status": "wrong key", "code": 400})
        self.tokens.append(f"token-{len(self.tokens)}-5d8e")
        return _json({"data": {"token": self.tokens[-1]}, "status": "OK", "code": 200})

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]


def _json(content: Any) -> Canned:
    return Canned(body=json.dumps(content).encode())


def detail(*calls: Any, status: str = "finished", **more: Any) -> dict[str, Any]:
    """What the vendor has of a task."""
    return {"TaskID": "t1", "Status": status, "detail": list(calls), **more}


def call(number: Any, start: str, **changes: Any) -> dict[str, Any]:
    """A call as the vendor has it, of ten seconds; `start` as `2026-11-24T09:01:52Z`."""
    return {
        "Mobile": number,
        "Comments": "customer-key",
        "Status": "finished",
        "CallStartTime": start,
        "CallEndTime": start[:-3] + "59Z",
        "RingType": "normal",
        "Intention": "B",
        "HangupType": "ByCallee",
        "RobotID": "r1",
        "Multi_intention": {"promise": "yes"},
        **changes,
    }


@contextmanager
def serving(vendor: FakeVendor) -> Iterator[FakeVendor]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """A question in the query."""
            self._answer({name: items[0] for name, items in parse_qs(urlsplit(self.path).query).items()})

        def do_POST(self) -> None:
            """A question in the body."""
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, content: dict[str, Any]) -> None:
            answer = vendor.answer(urlsplit(self.path).path, content, self.headers.get("Authorization", ""))
            time.sleep(answer.seconds)
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not wait for its answer is no fault of the server's."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        vendor.url = f"http://127.0.0.1:{server.server_port}"
        yield vendor
        server.shutdown()


@dataclass
class Terminal:
    """Runs commands in this process; what they print is searched for credentials."""

    vendor: FakeVendor
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run `ingest …` against the server: exit code, stdout, stderr."""
        self.monkeypatch.setattr("sys.argv", ["ingest", *arguments, "--base-url", self.vendor.url])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = self.capsys.readouterr()
        code = end.value.code
        assert isinstance(code, int)
        assert not [one for one in (KEY, SECRET, *self.vendor.tokens) if one in out + err]
        return code, out, err


@contextmanager
def at_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    """A terminal whose environment has the vendor's credentials; nobody waits between two tries."""
    monkeypatch.setattr("ops.vendor.client.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("ops.vendor.client.FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("ops.vendor.client.LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setenv("AIRUDDER_APP_KEY", KEY)
    monkeypatch.setenv("AIRUDDER_APP_SECRET", SECRET)
    with serving(FakeVendor()) as vendor:
        yield Terminal(vendor, monkeypatch, capsys)
