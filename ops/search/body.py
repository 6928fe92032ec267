"""A push's body as lines to be read: pretty, with its warnings at their places, cut where it is long. Pure.

It is given as it came, or masked: each value is its type and length then.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.errors import NotAnObjectError, NotJsonError, UnknownKindError
from ingest.kinds import kind_of
from ingest.kinds.reading.aliases import plain
from ingest.kinds.reading.decode import decode, typed_decoder
from ops.repair.masking import MOST_DEPTH, MOST_ITEMS, mask_body

MOST_LINES = 1_500
MOST_CHARACTERS = 80_000
"""Of all lines"""
MOST_OF_A_TEXT = 1_000
MOST_OF_A_KEY = 200
DEEPEST = 60
"""Levels that are shown; what lies deeper is counted"""

_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]")
_read = typed_decoder(dict[str, Any])

_Place = tuple[int, ...]
"""Where a value is: of each level the place among those of its parent"""


@dataclass(frozen=True)
class BodyLine:
    """One line. `style`: text, number, word (true, false, null), mask, bracket or raw. `more`: characters that are left
    out behind its text. `warnings`: the places, from 1, of those that are about it."""

    depth: int
    key: str | None
    text: str
    style: str
    more: int = 0
    warnings: tuple[int, ...] = ()
    comma: bool = False


@dataclass(frozen=True)
class ShownBody:
    """`lines_left_out`: how many more there are. `problem`: why it is no JSON object, in words."""

    lines: list[BodyLine]
    lines_left_out: int
    problem: str | None = None

    @property
    def marked(self) -> frozenset[int]:
        """The warnings whose values are shown."""
        return frozenset(number for line in self.lines for number in line.warnings)


class _Number(str):
    """A number as it is written: to the last digit."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """The fields of an object as they came, those of the same name too."""


def show_body(kind: str, body: bytes, paths: Sequence[str], *, masked: bool) -> ShownBody:
    """The lines of a body. `paths`: those of its warnings, by which the values are marked."""
    if masked:
        value: Any = mask_body(kind, body)
        try:
            marks = _marks(kind, decode(_read, body), paths, masked=True)
        except (NotJsonError, NotAnObjectError) as error:
            return ShownBody([BodyLine(0, None, value, "mask")], 0, str(error))
    else:
        try:
            value = json.loads(
                body.decode("utf-8-sig"), object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number
            )
        except (ValueError, RecursionError) as error:
            return _raw(body, "nested too deeply" if isinstance(error, RecursionError) else str(error))
        marks = _marks(kind, value, paths, masked=False)
    return _within_bounds(_lines(value, marks, "mask" if masked else "text"))


def _raw(body: bytes, problem: str) -> ShownBody:
    text = body[:MOST_CHARACTERS].decode(errors="replace")
    lines = text.splitlines() or [""]
    shown = [BodyLine(0, None, line[:MOST_OF_A_TEXT], "raw", max(0, len(line) - MOST_OF_A_TEXT)) for line in lines]
    return ShownBody(shown[:MOST_LINES], max(0, len(lines) - MOST_LINES), problem)


def _within_bounds(lines: Iterable[BodyLine]) -> ShownBody:
    shown: list[BodyLine] = []
    left, left_out = MOST_CHARACTERS, 0
    for line in lines:
        left -= len(line.text) + len(line.key or "") + 2 * line.depth
        if len(shown) < MOST_LINES and left > 0:
            shown.append(line)
        else:
            left_out += 1
    return ShownBody(shown, left_out)


def _lines(value: Any, marks: Mapping[_Place, list[int]], style: str) -> Iterator[BodyLine]:
    """Without recursion: a body may be nested as deeply as Python reads."""
    waiting: list[tuple[int, str | None, Any, _Place, bool] | BodyLine] = [(0, None, value, (), False)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BodyLine):
            yield one
            continue
        depth, key, inner, place, comma = one
        name = None if key is None else _readable(key[:MOST_OF_A_KEY]) + "…" * (len(key) > MOST_OF_A_KEY)
        warnings = tuple(marks.get(place, ()))
        fields = _children(inner)
        if not fields or depth >= DEEPEST:
            text, of_style, more = _leaf(inner, style)
            yield BodyLine(depth, name, text, of_style, more, warnings, comma)
            continue
        opening, closing = "[]" if _is_list(inner) else "{}"
        yield BodyLine(depth, name, opening, "bracket", 0, warnings)
        waiting.append(BodyLine(depth, None, closing, "bracket", comma=comma))
        for position in reversed(range(len(fields))):
            below, child = fields[position]
            waiting.append((depth + 1, below, child, (*place, position), position < len(fields) - 1))


def _leaf(value: Any, style: str) -> tuple[str, str, int]:
    """Text, style and how many characters are left out."""
    if isinstance(value, _Pairs | dict | list):
        closed = "[]" if _is_list(value) else "{}"
        return (closed if not value else f"{closed[0]} {len(value)} {closed[1]}"), "bracket", 0
    if isinstance(value, str) and not isinstance(value, _Number) and style == "text":
        return _readable(value[:MOST_OF_A_TEXT]), "text", max(0, len(value) - MOST_OF_A_TEXT)
    if isinstance(value, str):
        of_style = "number" if isinstance(value, _Number) else style
        return value[:MOST_OF_A_TEXT], of_style, max(0, len(value) - MOST_OF_A_TEXT)
    return json.dumps(value), "word", 0


def _readable(text: str) -> str:
    """A text as JSON, with escapes for what shows nothing, or turns the text around it."""
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if quoted.isprintable() else "".join(map(_escaped, quoted))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, _Pairs)


def _children(value: Any) -> list[tuple[str | None, Any]]:
    """Those of an object with their names, those of an array without."""
    if isinstance(value, _Pairs):
        return list(value)
    if isinstance(value, dict):
        return list(value.items())
    return [(None, item) for item in value] if isinstance(value, list) else []


def _marks(kind: str, value: Any, paths: Iterable[str], *, masked: bool) -> dict[_Place, list[int]]:
    """The warnings of each place, by their numbers."""
    marks: defaultdict[_Place, list[int]] = defaultdict(list)
    documented = _documented(kind)
    for number, path in enumerate(paths, 1):
        place = _place_of(path, value, documented, MOST_ITEMS if masked else None)
        marks[place[: MOST_DEPTH if masked else DEEPEST]].append(number)
    return marks


def _documented(kind: str) -> frozenset[str]:
    try:
        return frozenset(map(plain, kind_of(kind).documented))
    except UnknownKindError:
        return frozenset()


def _place_of(path: str, value: Any, documented: frozenset[str], most_items: int | None) -> _Place:
    """The deepest value on the way that the path leads. A path may be cut, or lead into a text that is JSON; and it
    does not say every name. `most_items`: how many of an array are shown."""
    place: list[int] = []
    for name, index in _STEP.findall(path):
        fields = _children(value)
        if index:
            found = [int(index)] if _is_list(value) and int(index) < len(fields) else []
        elif name == "*":
            found = [at for at, (key, _) in enumerate(fields) if key is not None and plain(key) not in documented]
        else:
            exact = [at for at, (key, _) in enumerate(fields) if key == name]
            found = exact[-1:] or [at for at, (key, _) in enumerate(fields) if key and plain(key) == plain(name)][:1]
        if len(found) != 1:
            break
        if index and most_items is not None and found[0] >= most_items:
            return (*place, most_items)
        place.append(found[0])
        value = fields[found[0]][1]
    return tuple(place)
