"""Judge the bytes of a push, and decode them: web needs a verdict alone, workers the values.

What `judge` refuses `decode` refuses in the same words: what was answered as no push is never normalised.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from types import UnionType
from typing import Any, TypeVar

import msgspec

from ingest.errors import NotAnObjectError, NotJsonError
from ingest.kinds.reading.identifiers import has_lost_digits

MAX_LEVELS = 900
"""Of objects and arrays in each other. Fewer than any supported Python reads, wherever it is in a process: web does not
count them, and refuses none that is less deep."""
_MAX_DIGITS = 1000
"""Of a number, and in front of its first digit; Postgres stores more, Python is slow to read more."""
_PRECISE = 16
"""Characters, one of which is a point: a double tells numbers of 15 digits apart."""
_MAX_EXPLAINED = 64 * 1024
"""Bytes of a body that is read once more to say what is wrong in Python's words: Python takes ten times as long."""


def _exact(text: str) -> float | Decimal:
    """A float where it says what the text says, else a Decimal: an amount of 18 digits must not change in silence, and
    6.28e12 does not say all of its digits.

    ValueError if it is beyond what can be stored.
    """
    if len(text) <= _PRECISE and "e" not in text and "E" not in text:
        return float(text)
    if len(text) > _MAX_DIGITS or not math.isfinite(value := float(text)):
        raise ValueError("beyond a double, or too long")
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError("an exponent beyond any number's") from None
    if exact == Decimal(repr(value)) and not has_lost_digits(exact):
        return value
    if exact.adjusted() < -_MAX_DIGITS:
        raise ValueError("too small")
    return exact


class _AnyObject(msgspec.Struct):
    """A JSON object of which nothing is read: each field is skipped, and looked at only for being JSON."""


class LenientObject(dict[str, Any]):
    """A plain object that msgspec refuses, and Python has read. Its texts may hold lone surrogates, and numbers beyond
    what can be stored are infinite."""


_Object = TypeVar("_Object")

_PLAIN = msgspec.json.Decoder(float_hook=_exact)
_STRINGS_IN_STRINGS = 2
"""A program that encodes what was encoded already does so once, and its like behind it once more."""
_OBJECT = msgspec.json.Decoder(_AnyObject)
_VALUE = msgspec.json.Decoder(msgspec.Raw)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_LEVELS = {**dict.fromkeys(b"[{", 1), **dict.fromkeys(b"]}", -1)}
_NO_BRACKETS = bytes(set(range(256)) - set(_LEVELS))
_TYPES = {b"n": "null", b"t": "a boolean", b"f": "a boolean", b'"': "a string", b"[": "an array"}


def judge(body: bytes) -> None:
    """Return if a body is a JSON object, without making anything of it: a fraction of what decoding costs.

    Raises NotJsonError or NotAnObjectError, whose texts hold positions and type names, never a value.
    """
    if not body.isascii():
        body = _without_mark(body)
    try:
        _OBJECT.decode(body)
    except (msgspec.DecodeError, RecursionError):
        _judge_again(body)


def typed_decoder(wanted: type[_Object]) -> msgspec.json.Decoder[_Object]:
    """What reads such a struct, or any object, with numbers to the last digit."""
    return msgspec.json.Decoder(wanted, float_hook=_exact)


def decode(decoder: msgspec.json.Decoder[_Object], body: bytes) -> _Object | dict[str, Any]:
    """Give the typed push, or the plain object if a field is not of its documented type. Where more than NUL cannot be
    stored it is a LenientObject.

    Raises what `judge` does, and NotJsonError for an object that is nested too deeply.
    """
    text = body if body.isascii() else _without_mark(body)
    if len(text) >= 2 * MAX_LEVELS and _is_too_deep(text):
        raise NotJsonError("not readable JSON: nested too deeply")
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # Also raised at the first field of another type, before the rest was read: not yet a verdict on the JSON.
        judge(body)
        return _decode_plain(text)


def _judge_again(body: bytes) -> None:
    try:
        # msgspec refuses lone surrogates, which JSON's grammar allows: a verdict needs other digits there, no more.
        _VALUE.decode(body.replace(rb"\ud", rb"\u0").replace(rb"\uD", rb"\u0"))
    except RecursionError:
        raise NotJsonError("not readable JSON: nested too deeply") from None
    except msgspec.DecodeError as error:
        raise NotJsonError(_explain(body, error)) from None
    first = body.lstrip()[:1]
    if first != b"{":
        raise NotAnObjectError(f"a JSON object is expected, not {_TYPES.get(first, 'a number')}")


def _explain(body: bytes, found: msgspec.DecodeError) -> str:
    if len(body) <= _MAX_EXPLAINED:
        try:
            json.loads(body.decode(), parse_constant=_refuse_constant, parse_int=float)
        except json.JSONDecodeError as error:
            # JSONDecodeError counts characters; the sender sees bytes.
            return f"not JSON: {error.msg} (byte {len(error.doc[: error.pos].encode())})"
        except NotJsonError as error:
            return str(error)
        except RecursionError:
            pass
    return f"not JSON: {str(found).removeprefix('JSON is malformed: ')}"


def decode_within(value: Any, wanted: type | UnionType) -> Any:
    """An object or array (`wanted` is dict, list or both) that came as a string of JSON, or as such a string in one;
    None if it is nothing of the kind. As `decode` gives a plain object: not cleaned.
    """
    for _ in range(_STRINGS_IN_STRINGS):
        if isinstance(value, str) and value.lstrip("\ufeff \t\r\n")[:1] in ("{", "[", '"'):
            value = _decode_text(value)
    return value if isinstance(value, wanted) else None


def _decode_text(text: str) -> Any:
    text = text.lstrip("\ufeff")
    try:
        return _PLAIN.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _decode_lenient(text)
    except (NotJsonError, ValueError, RecursionError):
        return None


def _without_mark(body: bytes) -> bytes:
    # msgspec does not look at the encoding of fields that it skips.
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 (byte {error.start})") from None
    return body.removeprefix(_BYTE_ORDER_MARK)


def _is_too_deep(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") < MAX_LEVELS:
        return False
    brackets = _TEXT.sub(b"", body).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0) >= MAX_LEVELS


def _decode_plain(body: bytes) -> dict[str, Any]:
    try:
        value = _PLAIN.decode(body)
    except msgspec.DecodeError:
        value = LenientObject(_decode_lenient(body.decode()))
    assert isinstance(value, dict), "judged to be an object"
    return value


def _decode_lenient(text: str) -> Any:
    # msgspec refuses lone surrogates and numbers beyond a double, which JSON's grammar allows.
    return json.loads(text, parse_constant=_refuse_constant, parse_int=_parse_integer, parse_float=_parse_fraction)


def _refuse_constant(name: str) -> Any:
    raise NotJsonError(f"not JSON: {name} is not a JSON number")


def _parse_integer(digits: str) -> int | float:
    # Python refuses to read more than 4300 digits, to spare the processor.
    return int(digits) if len(digits) <= _MAX_DIGITS else _infinity(digits)


def _parse_fraction(text: str) -> float | Decimal:
    try:
        return _exact(text)
    except ValueError:
        return _infinity(text)


def _infinity(text: str) -> float:
    return -math.inf if text[0] == "-" else math.inf
