"""The search finds a mark wherever it stands and however it is written."""

from __future__ import annotations

import base64
import html
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from ingest.kinds import KINDS, kind_of
from tests.leaks import pushes
from tests.leaks.evidence import Evidence, bodies
from tests.leaks.marks import Marks
from tests.servers import redis_set_to

FORMS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in capitals": lambda word: word.upper().encode(),
    "in a path": lambda word: quote(f"/{word}é").encode(),
    "in JSON": lambda word: json.dumps(f"\0{word}\ud800").encode(),
    "in HTML": lambda word: html.escape(f"<{word}>").encode(),
    "cut off": lambda word: word[:-2].encode(),
    "in hexadecimal": lambda word: f"x{word}".encode().hex().encode(),
    "in base64": lambda word: base64.b64encode(f"{word}:secret".encode()),
    "in base64, second": lambda word: base64.b64encode(f"u{word}:secret".encode()),
    "in base64, third": lambda word: base64.b64encode(f"us{word}:secret".encode()),
    "quoted": lambda word: repr({"key": [word.encode()]}).encode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_is_found(form: Callable[[str], bytes]) -> None:
    """A mark is found by its place in every form; a mark of another run is not."""
    marks = Marks()

    found = marks.found_in(b"before " + form(marks.word("here")) + b" after")

    assert any(place.startswith(("here", "a word")) for place in found.values())
    assert marks.found_in(form(Marks().word("elsewhere"))) == {}


TYPED = {name: kind.struct for name in KINDS if (kind := kind_of(name)).struct}


@pytest.mark.parametrize("form", pushes.REPAIRABLE)
@pytest.mark.parametrize("kind", TYPED)
def test_every_field_is_marked(kind: str, form: type[pushes.Documented]) -> None:
    """Each field of the structs is in the marked push, and no text or number in it is without a mark."""
    marks = Marks()
    body = form(marks, kind).body()

    assert len(marks.found_in(body)) > len(msgspec.structs.fields(TYPED[kind]))
    document = json.loads(body)
    assert {field.encode_name for field in msgspec.structs.fields(TYPED[kind])} <= document.keys()
    unmarked = {str(text) for text in texts(document) if not marks.found_in(json.dumps(text).encode())}
    assert unmarked <= kind_of(kind).documented | {"x", "inf", "None"}


def texts(value: Any) -> Iterator[Any]:
    """All keys and plain values of a document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    else:
        yield value


@pytest.mark.parametrize("kind", TYPED)
def test_documented_push_is_as_documented(kind: str) -> None:
    """It decodes as the struct, so that a new type of field needs a mark of its own."""
    msgspec.json.decode(pushes.Documented(Marks(), kind).body(), type=TYPED[kind])


def test_every_place_of_redis_is_searched(client: Any) -> None:
    """Every type of key, what RQ has compressed, and what Redis has noted of commands; but for the lists of bodies."""
    marks = Marks()
    traceback = base64.b64encode(zlib.compress(marks.word("traceback").encode()))
    client.set("string", marks.word("string"))
    client.hset(
        "hash", mapping={marks.word("field"): marks.word("value"), "data": zlib.compress(marks.word("data").encode())}
    )
    client.rpush("list", marks.word("list"))
    client.sadd("set", marks.word("set"))
    client.zadd("zset", {marks.word("zset"): 1.0})
    client.xadd("stream", {"exc_string": traceback})
    client.set(marks.word("key"), "x")
    body = marks.word("body")
    client.rpush("batch:b1", body)
    with redis_set_to(client, slowlog_log_slower_than="0"):
        client.exists(marks.word("command"))

    evidence = Evidence()
    evidence.add_redis(client)

    expected = {"string", "field", "value", "data", "list", "set", "zset", "traceback", "key", "command"}
    found = evidence.leaks(marks)
    assert [place for place in expected if not any(f"shows {place}:" in line for line in found)] == []
    assert not any("shows body" in line for line in found)
    assert marks.found_in(bodies(client)).keys() == {body}
    client.slowlog_reset()
