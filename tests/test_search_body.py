"""A push's body as lines to be read, with its warnings at their places."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import ops.search.body
from ingest.kinds.normalise import normalise
from ops.search.body import MOST_CHARACTERS, MOST_LINES, MOST_OF_A_TEXT, BodyLine, ShownBody, show_body
from tests.corpus.odd_objects import bodies
from tests.pushes import entry, push


def shown(content: Any, *paths: str, masked: bool = False, kind: str = "custom-api") -> ShownBody:
    """The lines of a body."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return show_body(kind, body, paths, masked=masked)


def text_of(body: ShownBody) -> str:
    """What a person copies from the page."""
    return "\n".join(
        "  " * line.depth + (f"{line.key}: " if line.key is not None else "") + line.text + "," * line.comma
        for line in body.lines
    )


def marked(body: ShownBody) -> dict[int, str]:
    """By warning the line that it is about."""
    return {number: f"{line.key}: {line.text}" for line in body.lines for number in line.warnings}


def test_is_the_same_json() -> None:
    """Pretty, and every value as it came: to the last digit, with fields of the same name."""
    body = (
        b'{"a": [1.10, 12345678901234567890, 1e400], "b": {}, "c": [], "a": {"d": null}, "e": true, "f": "x\\"\\u0000"}'
    )

    found = text_of(shown(body))

    assert json.loads(found, object_pairs_hook=list) == json.loads(body, object_pairs_hook=list)
    assert "1.10," in found
    assert "1e400" in found
    assert '  "b": {},' in found.splitlines()


def test_warnings_are_at_their_values() -> None:
    """Each at the value that it is about, or at the deepest one that is there."""
    body = push(custom_attribute={"Budi": {"x": 1}})
    paths = ["$.callee.due_date", "$.call.asr_result[1].time", "$.custom_attribute.*.*", "$.call.absent", "$", "$.cal…"]

    found = marked(shown(body, *paths))

    assert found == {
        1: '"due_date": "2026-12-01"',
        2: '"time": "00:00:01"',
        3: '"x": 1',
        4: '"call": {',
        5: "None: {",
        6: "None: {",
    }


def test_warnings_of_other_spellings() -> None:
    """A kind whose fields may be spelt otherwise warns of its own names."""
    body = {"TaskID": "t", "CallStartTime": "never"}
    assert marked(shown(body, "$.call_start_time", kind="call-completed")) == {1: '"CallStartTime": "never"'}


def test_warning_of_one_of_several_names() -> None:
    """Where a path does not say which of several fields, the object is marked that has them."""
    assert marked(shown({"custom_attribute": {"Budi": 1, "Wati": 2}}, "$.custom_attribute.*")) == {
        1: '"custom_attribute": {'
    }


def test_real_warnings_are_marked() -> None:
    """Every warning of the normaliser is at a value."""
    one = push()
    one["callee"] |= {"due_date": "2021-02-30", "total_owing_amount": "a lot"}
    one["call"]["asr_result"][1]["time"] = "late"
    notes = json.loads(normalise(entry(one)).push.warnings or "")

    for masked in (False, True):
        found = shown(one, *(note["path"] for note in notes), masked=masked)
        assert found.marked == {1, 2, 3}
        keys = {line.key for line in found.lines if line.warnings}
        assert {str(key).strip('"') for key in keys} == {"due_date", "total_owing_amount", "time"}


def test_masked_says_nothing() -> None:
    """Neither values nor names that nobody documents; the warnings are at their places all the same."""
    body = push(turns=9, custom_attribute={"Budi": {"+6281234567890": 1}})

    found = shown(body, "$.call.asr_result[2].text", "$.call.asr_result[7].text", "$.custom_attribute.*.*", masked=True)

    text = text_of(found)
    assert not [word for word in ("Budi", "6281", "robot 1", "case-1", "2026") if word in text]
    assert marked(found) == {1: '"text": text of 8', 2: "None: and 6 more", 3: '"*": number'}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("body", [b"[1]", b"\xff{", b"", b'{"a":', b"NaN", b'{"a": ' * 950 + b"1" + b"}" * 950])
def test_what_is_no_object(body: bytes, masked: bool) -> None:
    """It is shown as far as it can be, and masked not at all."""
    found = shown(body, "$", masked=masked)

    assert found.lines
    if masked:
        assert found.problem
        assert len(found.lines) == 1
        assert found.lines[0].text.startswith(f"{len(body)} bytes: ")


@pytest.mark.parametrize("masked", [False, True])
def test_odd_bodies_are_shown(masked: bool) -> None:
    """Whatever has come: in bounds, and fit for a page."""
    for name, body in bodies():
        found = shown(body, "$.custom_attribute.a[3]", masked=masked)
        assert found.lines, name
        assert len(found.lines) <= MOST_LINES
        assert sum(len(line.text) + len(line.key or "") for line in found.lines) <= MOST_CHARACTERS + MOST_OF_A_TEXT
        text_of(found).encode()


def test_long_texts_are_cut() -> None:
    """And it is said how much is left out: of a value, and of the lines."""
    found = shown({"a": "é" * 5000, "b": list(range(10_000))})

    assert found.lines[1] == BodyLine(1, '"a"', f'"{"é" * MOST_OF_A_TEXT}"', "text", 4000, comma=True)
    assert len(found.lines) + found.lines_left_out == 10_005


@pytest.mark.parametrize("masked", [False, True])
def test_wide_bodies_cost_little(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are read once for all warnings, and lines that are not shown are counted, not made."""
    made: Counter[str] = Counter()
    for name in ("plain", "_leaf"):
        monkeypatch.setattr(f"ops.search.body.{name}", counted(made, getattr(ops.search.body, name)))
    body = {"call": {f"k{place}": [] for place in range(9_000)}, "b": [1, [2, {}]]}

    found = shown(body, *(f"$.call.x{place}" for place in range(100)), masked=masked)

    assert len(found.lines) + found.lines_left_out == 9_000 + 4 + 7
    assert made["plain"] < 2 * 9_000
    assert made["_leaf"] <= MOST_LINES


def counted(made: Counter[str], function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose calls are counted."""

    def call(*args: Any) -> Any:
        made[function.__name__] += 1
        return function(*args)

    return call


def test_nothing_turns_the_page_around() -> None:
    """What shows nothing, or turns the text around it, is escaped."""
    found = text_of(shown(b'{"\\u202e<b>": "\\ud800 \\u2028 \\u0007 \xf0\x9f\x99\x8f"}'))
    assert found.splitlines()[1] == '  "\\u202e<b>": "\\ud800 \\u2028 \\u0007 🙏"'
