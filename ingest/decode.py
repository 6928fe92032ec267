"""Decode the bytes of a push: a typed struct where it fits, a plain object where it does not, or why neither."""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ingest.errors import NotAnObjectError, NotJsonError
from ingest.identifiers import has_lost_digits
from ingest.payloads import STRUCTS, CustomApiPush

_MAX_DIGITS = 1000
"""Of a number, and in front of its first digit; Postgres stores more, Python is slow to read more."""


def _exact(text: str) -> float | Decimal:
    """A float where it says what the text says, else a Decimal: an amount of 18 digits must not change in silence, and
    6.28e12 does not say all of its digits.

    ValueError if it is beyond what can be stored.
    """
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


_TYPED = {kind: msgspec.json.Decoder(struct, float_hook=_exact) for kind, struct in STRUCTS.items()}
_PLAIN = msgspec.json.Decoder(float_hook=_exact)
_STRINGS_IN_STRINGS = 2
"""A program that encodes what was encoded already does so once, and its like behind it once more."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode(kind: str, body: bytes) -> CustomApiPush | dict[str, Any]:
    """Give the typed push, or the plain object if a field is not of its documented type. Of a plain object's numbers
    those beyond what can be stored are infinite.

    Raises NotJsonError or NotAnObjectError, whose texts hold positions and type names, never a value.
    """
    if not body.isascii():
        body = _without_mark(body)
    try:
        return _TYPED[kind].decode(body)
    except (msgspec.DecodeError, RecursionError):
        # Also raised at the first field of another type, before the rest was read: not yet a verdict on the JSON.
        return _decode_plain(body)


def decode_within(value: Any, wanted: type) -> Any:
    """An object or array (`wanted` is dict or list) that came as a string of JSON, or as such a string in one; None if
    it is nothing of the kind. As `decode` gives a plain object: not cleaned.
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
    except (NotJsonError, ValueError):
        return None


def _without_mark(body: bytes) -> bytes:
    # msgspec does not look at the encoding of fields that it skips.
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise NotJsonError(f"not UTF-8 (byte {error.start})") from None
    return body.removeprefix(_BYTE_ORDER_MARK)


def _decode_plain(body: bytes) -> dict[str, Any]:
    try:
        value = _PLAIN.decode(body)
    except (msgspec.DecodeError, RecursionError):
        value = _decode_lenient(body.decode())
    if not isinstance(value, dict):
        raise NotAnObjectError(f"a JSON object is expected, not {_json_type(value)}")
    return value


def _decode_lenient(text: str) -> Any:
    # msgspec refuses lone surrogates and numbers beyond a double, which JSON's grammar allows.
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_int=_parse_integer, parse_float=_parse_fraction)
    except json.JSONDecodeError as error:
        # JSONDecodeError counts characters; the sender sees bytes.
        position = len(error.doc[: error.pos].encode())
        raise NotJsonError(f"not JSON: {error.msg} (byte {position})") from None
    except RecursionError:
        raise NotJsonError("not readable JSON: nested too deeply") from None


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


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        Decimal: "a number",
        str: "a string",
        list: "an array",
    }
    return names[type(value)]
