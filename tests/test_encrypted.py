"""A source whose pushes are encrypted: from web to every command that reads a body, and replayed with the right key."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import msgspec
import pytest
from psycopg import Connection

from tests import made_up_seal
from tests.batches import enqueued, nothing_in_flight
from tests.made_up_seal import sealed, signature
from tests.processes import INGEST, ingest, running_into, running_web, wait_until
from tests.pushes import entry, push, signed
from tests.sources import ROOT
from tests.stored import outcomes, rows, store_pending

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

MODULE = made_up_seal.__name__
SECRET, OTHER_SECRET = b"the key itself", b"another key"
NUMBER, OTHER = "+6281234567890", "+6281111111111"
PATH = "/airudder/custom-api/s3cret"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file with the key, for a source whose pushes are signed and encrypted."""
    path = tmp_path / "key"
    path.write_bytes(SECRET)
    monkeypatch.setenv(made_up_seal.KEY, str(path))
    monkeypatch.setenv("INGEST_TOKENS", "lender-a=s3cret,lender-b=other")
    monkeypatch.setenv("INGEST_VERIFIERS", f"lender-a={MODULE}:verify")
    monkeypatch.setenv("INGEST_DECRYPTORS", f"lender-a={MODULE}:decrypt")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return path


def post(
    url: str, body: bytes, secret: bytes = SECRET, headers: Mapping[str, str] = MappingProxyType({}), path: str = PATH
) -> int:
    """Push a body, signed; the status of the answer."""
    sent = {**headers, "X-AIRudder-Sign": signature(body, secret)}
    return httpx.post(f"{url}{path}", content=body, headers=sent).status_code


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    """What worker and sweeper print."""
    return tmp_path / "printed"


@pytest.fixture
def standing(key: Path, printed: Path, client: Any) -> Iterator[str]:
    """Web, which cannot import the functions; a worker and a sweeper that can. Web's URL."""
    with ExitStack() as stack:
        url = stack.enter_context(running_web(PYTHONPATH=""))
        stack.enter_context(running_into(printed, INGEST, "worker", WORKERS="1"))
        stack.enter_context(running_into(printed.with_suffix(".sweeper"), INGEST, "sweeper"))
        yield url
        wait_until(lambda: nothing_in_flight(client), "everything is settled")


def test_from_web_to_every_command(standing: str, key: Path, client: Any, connection: Rows, printed: Path) -> None:
    """Acknowledged unread, normalised, shown, exported, erased; what another key has sealed is dead, and replayed once
    that key is there."""
    mine, others = sealed(push("c1", NUMBER), SECRET), sealed(push("c2", OTHER), SECRET)
    with_other_key = sealed({"call": {"call_id": "c1", "slots": "Mark5"}}, OTHER_SECRET)
    assert [post(standing, body) for body in (mine, others)] == [200, 200]
    assert post(standing, with_other_key, OTHER_SECRET) == 200
    wait_until(lambda: outcomes(connection) == {"normalised": 2, "dead": 1}, "all are settled")

    (dead,) = connection.execute("SELECT * FROM airudder.pushes WHERE status = 'dead'").fetchall()
    assert (dead["body"], dead["error_path"]) == (with_other_key, "$")
    assert dead["error"].startswith("the verifier of its source refused it: ValueError at verify:")
    # Nobody can say whose that push is.
    closed = ingest("export", "--callee-number", NUMBER)
    assert "1 pushes cannot be decrypted here" in closed.stderr
    assert OTHER not in closed.stdout

    key.write_bytes(OTHER_SECRET)
    replayed = ingest("dead", "replay", "--all")
    assert (replayed.returncode, replayed.stdout) == (0, "normalised: 1\n")
    assert [row["slots"] for row in rows(connection, "calls") if row["call_id"] == "c1"] == ["Mark5"]
    assert not any(word in printed.read_bytes() for word in (SECRET, OTHER_SECRET, NUMBER.encode(), b"Mark5"))

    assert (
        json.loads(ingest("dead", "show", str(dead["push_id"]), "--open", "--body").stdout)["call"]["slots"] == "Mark5"
    )
    assert "body, encrypted: --open shows what is in it" in ingest("dead", "show", str(dead["push_id"])).stdout
    raw = subprocess.run([INGEST, "dead", "show", str(dead["push_id"]), "--body"], check=True, capture_output=True)
    assert raw.stdout == with_other_key
    key.write_bytes(SECRET)
    refused = ingest("dead", "show", str(dead["push_id"]), "--open")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the decryptor of its source refused it: ValueError" in refused.stderr

    # By its call, which was read once, that push is theirs, though it cannot be read now.
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0
    assert outcomes(connection) == {"erased": 2, "normalised": 1}
    assert [row["callee_number"] for row in rows(connection, "callees")] == [OTHER]
    assert ingest("reconcile").returncode == 0


UNREAD: dict[str, tuple[bytes, dict[str, str], int]] = {
    "no JSON": (b"\xff\xfe no JSON", {}, 200),
    "JSON that is no object": (b"[]", {}, 200),
    "gzip": (gzip.compress(b"\xff no JSON"), {"Content-Encoding": "gzip"}, 200),
    "what begins as gzip": (b"\x1f\x8b and is none", {"Content-Encoding": "gzip"}, 200),
    "empty": (b"", {}, 400),
    "too large": (b"x" * 2000, {}, 413),
    "packed too large": (gzip.compress(b"x" * 2000), {"Content-Encoding": "gzip"}, 413),
}


@pytest.mark.parametrize(("body", "headers", "status"), UNREAD.values(), ids=UNREAD)
def test_web_judges_no_such_body(key: Path, client: Any, body: bytes, headers: dict[str, str], status: int) -> None:
    """It acknowledges whatever comes within its bounds; of another source, and of what nobody encrypts, it judges."""
    with running_web(PYTHONPATH="", INGEST_MAX_BODY="1000") as url:
        assert post(url, body, headers=headers) == status
        for path in ("/airudder/custom-api/other", "/airudder/pulled-call/s3cret"):
            assert post(url, body, headers=headers, path=path) in (400, 413, 422)


def test_everything_of_a_person_is_found(key: Path, client: Any, connection: Rows) -> None:
    """Pending, in Redis and in a taken batch: who is in it is read where nothing names them outside."""

    def of(content: Any, secret: bytes = SECRET) -> Any:
        body = sealed(content, secret)
        return signed(entry(body, "lender-a"), signature(body, secret))

    call_only = {"call": {"call_id": "c1", "slots": "Mark5"}}
    mention = {"workflow_id": "w1", "custom_attribute": {"spouse": NUMBER}}
    pending = [of(push("c1", NUMBER)), of(call_only), of(mention), of(push("c2", OTHER))]
    for one in pending:
        store_pending(connection, one)
    in_redis = [of(push("c3", NUMBER)), of(call_only), of(push("c4", OTHER)), of(push("c5", NUMBER), OTHER_SECRET)]
    enqueued(client, in_redis)

    result = ingest("export", "--callee-number", NUMBER)

    exported = json.loads(result.stdout)
    assert {row["push_id"] for row in exported["pushes"]} == {str(one.uuid) for one in pending[:3]}
    assert {row["push_id"] for row in exported["in_redis"]} == {str(one.uuid) for one in in_redis[:2]}
    first = min(exported["pushes"], key=lambda row: row["received_at"])
    assert json.loads(first["opened"]) == push("c1", NUMBER)
    assert base64.b64decode(first["body_base64"]) == pending[0].body
    assert "1 pushes cannot be decrypted here" in result.stderr

    erased = ingest("erase", "--callee-number", NUMBER)

    assert "1 pushes cannot be decrypted here" in erased.stderr
    assert erased.returncode == 1
    assert outcomes(connection) == {"pending": 1, "erased": 5}
    left = [msgspec.msgpack.decode(one)[4] for one in client.lrange("batch:b1", 0, -1)]
    assert left == [in_redis[2].body, in_redis[3].body]
    assert ingest("erase", "--callee-number", NUMBER, "--source", "lender-b").stderr.startswith("nothing found")
