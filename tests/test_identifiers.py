"""Which spellings are one id."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.kinds.normalise import ids_in, normalise
from ingest.kinds.reading.identifiers import canonical_id
from ingest.tables.rows import CaseRow
from tests.pushes import entry, row_of

CAFE = "caf\u00e9-1"

ONE: dict[str, tuple[str, str]] = {
    "space around it": ("\u00a0 case-1\t\r\n", "case-1"),
    "zero-width space": ("case\u200b-1", "case-1"),
    "zero-width joiners": ("case\u200c-\u200d1\u2060", "case-1"),
    "byte order mark": ("\ufeffcase-1", "case-1"),
    "soft hyphen": ("ca\u00adse-1", "case-1"),
    "marks of direction": ("\u202acase-1\u202c\u200e\u2066\u2069", "case-1"),
    "variation selector": ("case-1\ufe0f", "case-1"),
    "tags": ("case-1\U000e0031", "case-1"),
    "Hangul filler": ("case-1\u3164", "case-1"),
    "control characters": ("\x00case\x1b-\x7f1\x9b", "case-1"),
    "lone surrogate": ("case\ud800-1", "case-1"),
    "no-break space": ("case\u00a01", "case 1"),
    "wide space": ("case\u30001", "case 1"),
    "tab": ("case\t1", "case 1"),
    "no-break hyphen": ("case\u20111", "case-1"),
    "accent of its own": (unicodedata.normalize("NFD", CAFE), CAFE),
    "accent behind something invisible": ("cafe\u034f\u0301-1", CAFE),
    "Vietnamese, decomposed": (unicodedata.normalize("NFD", "hồ-sơ"), unicodedata.normalize("NFC", "hồ-sơ")),
    "Angstrom": ("\u212b", "\u00c5"),
    "nothing to see": ("\u200b \ufeff", ""),
}


@pytest.mark.parametrize(("text", "canonical"), ONE.values(), ids=ONE.keys())
def test_what_looks_the_same_is_one_id(text: str, canonical: str) -> None:
    """What nobody sees, or could tell apart, makes no other id."""
    assert canonical_id(text) == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("case-1", "CASE-1"),
        ("case-1", "case1"),
        ("case-1", "case 1"),
        ("case-1", "case_1"),
        ("case-1", "case\u20131"),
        ("1", "01"),
        ("1", "1.0"),
        ("1", "\uff11"),
        ("x2", "x\u00b2"),
        ("fi", "\ufb01"),
        ("cafe-1", CAFE),
        ("A", "\u0391"),
        ("a b", "a  b"),
        ("12e5", "1200000"),
    ],
)
def test_what_looks_different_is_another_id(one: str, other: str) -> None:
    """Two cases never become one."""
    assert canonical_id(one) == one
    assert canonical_id(other) != one


@given(st.text(max_size=40))
def test_canonical_id_is_one(text: str) -> None:
    """An id that is read again is the same, can be stored, and shows no less."""
    canonical = canonical_id(text)

    assert canonical_id(canonical) == canonical
    assert canonical.encode().decode() == canonical.strip()


NAMED: dict[str, tuple[str, str | None]] = {
    "text": ('" 17 "', "17"),
    "number": ("17", "17"),
    "whole float": ("17.0", "17"),
    "fraction": ("1.5", "1.5"),
    "many digits": ("12345678901234567890", "12345678901234567890"),
    "many digits and a fraction": ("12345678901234567.5", "12345678901234567.5"),
    "digits lost": ("1.23457E+15", None),
    "digits lost in a text": ('"1.23457E+15"', None),
    "a comma and digits lost": ('"1,23457E+15"', None),
    "digits lost in Java's text": ('"1.23456789012345E16"', None),
    "all digits in Java's text": ('"1.234567890123456E15"', "1.234567890123456E15"),
    "no point and no plus": ('"12e5"', "12e5"),
    "beyond a double": ("1e400", None),
    "boolean": ("true", None),
    "null": ("null", None),
    "object": ('{"id": 1}', None),
    "empty": ('" \\u200b"', None),
    "too long": (f'"{"x" * 256}"', None),
}


@pytest.mark.parametrize(("value", "named"), NAMED.values(), ids=NAMED.keys())
def test_id_that_a_value_names(value: str, named: str | None) -> None:
    """A number is the text that it is written as; one that lost digits would be somebody else's too, and is none. What
    a raw push is looked up by is what its rows have."""
    body = f'{{"callee": {{"callee_number": "+6281234567890", "case_id": {value}}}}}'.encode()

    assert ids_in("custom-api", body).case_id == named
    assert row_of(normalise(entry(body)), CaseRow).case_id == (named or "")
