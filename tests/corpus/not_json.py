"""Bodies that are no JSON, or JSON that is no object: each is refused, and all but an empty one are kept."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator

from tests.corpus.documents import SAMPLE

DEPTH = 20_000
"""Levels that no supported Python reads"""

_SAMPLE = SAMPLE.read_bytes()
_TEXT = '{"workflow_id": "é回"}'

_ENCODINGS: dict[str, bytes] = {
    "UTF-16 with mark": _TEXT.encode("utf-16"),
    "UTF-16 little endian": _TEXT.encode("utf-16-le"),
    "UTF-16 big endian": '{"workflow_id": "w"}'.encode("utf-16-be"),
    "UTF-32": _TEXT.encode("utf-32"),
    "Latin-1": '{"workflow_id": "é"}'.encode("latin-1"),
    "GBK": '{"workflow_id": "回访"}'.encode("gbk"),
    "lone continuation": b'{"workflow_id": "\x80"}',
    "start without continuation": b'{"workflow_id": "\xe5\x9b"}',
    "overlong slash": b'{"workflow_id": "\xc0\xaf"}',
    "overlong nul": b'{"workflow_id": "\xc0\x80"}',
    "overlong in three": b'{"workflow_id": "\xe0\x80\xaf"}',
    "surrogate in UTF-8": b'{"workflow_id": "\xed\xa0\x80"}',
    "pair of surrogates in UTF-8": b'{"workflow_id": "\xed\xa0\xbd\xed\xb9\x8f"}',
    "beyond Unicode": b'{"workflow_id": "\xf4\x90\x80\x80"}',
    "five bytes": b'{"workflow_id": "\xf8\x88\x80\x80\x80"}',
    "all ones": b'{"workflow_id": "\xff\xfe"}',
    "not UTF-8 in a key": b'{"\xff": 1, "workflow_id": "w"}',
    "not UTF-8 where skipped": b'{"unknown": {"deep": ["\xff"]}, "workflow_id": "w"}',
    "not UTF-8 behind the end": b'{"workflow_id": "w"}\xff',
    "mark alone": b"\xef\xbb\xbf",
    "two marks": b'\xef\xbb\xbf\xef\xbb\xbf{"workflow_id": "w"}',
    "mark inside": b'{\xef\xbb\xbf"workflow_id": "w"}',
    "half a mark": b'\xef\xbb{"workflow_id": "w"}',
    "gzip without its end": gzip.compress(_TEXT.encode(), mtime=0)[:-9],
    "deflated": zlib.compress(_TEXT.encode()),
    "nothing but nul": bytes(64),
    "all bytes": bytes(range(256)),
}

_SYNTAX: dict[str, bytes] = {
    "space alone": b" ",
    "line ends alone": b"\r\n\r\n",
    "brace alone": b"{",
    "quote alone": b'"',
    "closed too often": b'{"workflow_id": "w"}}',
    "two objects": b'{"workflow_id": "a"}{"workflow_id": "b"}',
    "object a line": b'{"workflow_id": "a"}\n{"workflow_id": "b"}\n',
    "comma at the end": b'{"workflow_id": "w",}',
    "no comma": b'{"workflow_id": "w" "node_id": "n"}',
    "no colon": b'{"workflow_id" "w"}',
    "no value": b'{"workflow_id": }',
    "key without quotes": b'{workflow_id: "w"}',
    "single quotes": b"{'workflow_id': 'w'}",
    "comment": b'{"workflow_id": "w" /* why */}',
    "number as a key": b'{1: "w"}',
    "array closed as an object": b'{"custom_attribute": {"a": [1}}',
    "NaN": b'{"custom_attribute": {"a": NaN}}',
    "NaN in a documented field": b'{"workflow_id": "w", "call": {"call_times": NaN}}',
    "Infinity": b'{"custom_attribute": {"a": Infinity}}',
    "minus Infinity": b'{"custom_attribute": {"a": -Infinity}}',
    "NaN where skipped": b'{"workflow_id": "w", "unknown": [NaN]}',
    "Python's None": b'{"workflow_id": None}',
    "capital null": b'{"workflow_id": NULL}',
    "undefined": b'{"workflow_id": undefined}',
    "leading zero": b'{"call": {"call_times": 01}}',
    "leading plus": b'{"call": {"call_times": +1}}',
    "leading point": b'{"custom_attribute": {"a": .5}}',
    "point at the end": b'{"custom_attribute": {"a": 1.}}',
    "exponent without digits": b'{"custom_attribute": {"a": 1e}}',
    "hexadecimal": b'{"custom_attribute": {"a": 0x10}}',
    "digits in groups": b'{"custom_attribute": {"a": 1_000}}',
    "comma for a point": b'{"custom_attribute": {"a": 1.234,56}}',
    "nul in text": b'{"workflow_id": "a\x00b"}',
    "nul in text where skipped": b'{"unknown": "a\x00b", "workflow_id": "w"}',
    "line end in text": b'{"workflow_id": "a\nb"}',
    "escape character in text": b'{"workflow_id": "\x1b[31m"}',
    "nul behind the end": b'{"workflow_id": "w"}\x00',
    "unknown escape": b'{"workflow_id": "\\x41"}',
    "half an escape": b'{"workflow_id": "\\u00"}',
    "escape of no digits": b'{"workflow_id": "\\uzzzz"}',
    "escape at the end": b'{"workflow_id": "\\',
    "space of another script": '{"workflow_id":\u00a0"w"}'.encode(),
    "form data": b"workflow_id=w&node_id=n",
    "form data with JSON in it": b"data=%7B%22workflow_id%22%3A%22w%22%7D",
    "XML": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><push>&y;</push>',
    "HTML": b"<html><body>502 Bad Gateway</body></html>",
    "YAML": b"workflow_id: w\nnode_id: !!python/object/apply:os.system ['true']\n",
    "MessagePack": b"\x81\xabworkflow_id\xa1w",
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="push"\r\n\r\n{}\r\n--x--\r\n',
    "request in a request": b"POST /airudder/custom-api HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "prefix against hijacking": b")]}',\n{}",
}

_DEEP: dict[str, bytes] = {
    "arrays never closed": b"[" * DEPTH,
    "objects never closed": b'{"a":' * DEPTH,
    "arrays": b"[" * DEPTH + b"]" * DEPTH,
    "objects": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "in the variables": b'{"callee": {"extend": {"variables": ' + b'{"a":' * DEPTH + b"1" + b"}" * DEPTH + b"}}}",
    "where skipped": b'{"workflow_id": "w", "unknown": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "in a documented text": b'{"workflow_id": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
}

_OTHER_JSON: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "minus zero": b"-0",
    "number": b"17",
    "fraction": b"1.5",
    "beyond a double": b"1e400",
    "minus beyond a double": b"-1e400",
    "beyond 64 bits": b"9223372036854775808",
    "5000 digits": b"9" * 5000,
    "minus 5000 digits": b"-" + b"9" * 5000,
    "text": b'"push"',
    "empty text": b'""',
    "lone surrogate": b'"\\ud800"',
    "push as text": json.dumps(_TEXT).encode(),
    "array": b"[]",
    "array in arrays": b"[[[]]]",
    "array of a push": b"[" + _SAMPLE + b"]",
    "array with what msgspec refuses": b'[1e400, "\\udfff"]',
    "array behind a mark": b"\xef\xbb\xbf[]",
    "array within spaces": b" \t\r\n[] \t\r\n",
}


def bodies() -> Iterator[tuple[str, bytes, int]]:
    """Name, body, and the status it is answered with."""
    yield "empty", b"", 400
    for name, body in _ENCODINGS.items():
        yield f"encoding: {name}", body, 400
    for name, body in _SYNTAX.items():
        yield f"syntax: {name}", body, 400
    for name, body in _DEEP.items():
        yield f"deep: {name}", body, 400
    for name, body in _OTHER_JSON.items():
        yield f"no object: {name}", body, 422
    for length in range(2, len(_SAMPLE.rstrip()), 29):
        yield f"truncated to {length}", _SAMPLE[:length], 400
