"""A push's body as lines to be read: pretty, with its warnings at their places, cut where it is long. Pure.

It is given as it came, or masked: each value is its type and length then.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    shown = _within_bounds(_lines(value, marks, "mask" if masked else "text"))
    return ShownBody(shown, _count(value) - len(shown))


def _raw(body: bytes, problem: str) -> ShownBody:
    text = body[:MOST_CHARACTERS].decode(errors="replace")
    lines = text.splitlines() or [""]
    shown = [BodyLine(0, None, line[:MOST_OF_A_TEXT], "raw", max(0, len(line) - MOST_OF_A_TEXT)) for line in lines]
    return ShownBody(shown[:MOST_LINES], max(0, len(lines) - MOST_LINES), problem)


def _within_bounds(lines: Iterable[BodyLine]) -> list[BodyLine]:
    """The first ones: those behind are not even made."""
    shown: list[BodyLine] = []
    left = MOST_CHARACTERS
    for line in lines:
        left -= len(line.text) + len(line.key or "") + 2 * line.depth
        if len(shown) == MOST_LINES or left <= 0:
            break
        shown.append(line)
    return shown


def _count(value: Any) -> int:
    """How many lines a value has, without making them."""
    lines, waiting = 1, [(value, 0)]
    while waiting:
        inner, depth = waiting.pop()
        below = [one for _, one in _children(inner)] if depth < DEEPEST else []
        # That of the value itself is counted: here are those inside, and the one that closes it.
        lines += len(below) + 1 if below else 0
        waiting += [(one, depth + 1) for one in below if one and isinstance(one, list | dict)]
    return lines


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
        for position in reversed(range(min(len(fields), MOST_LINES))):
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
    names = _Names(kind)
    for number, path in enumerate(paths, 1):
        place = _place_of(path, value, names, MOST_ITEMS if masked else None)
        marks[place[: MOST_DEPTH if masked else DEEPEST]].append(number)
    return marks


class _Fields(NamedTuple):
    """The fields of one object, by their places."""

    values: list[Any]
    named: dict[str, int]
    """Of several of the same name the last"""
    alike: dict[str, int]
    """By the plain name, of several the first"""
    undocumented: list[int]


class _Names:
    """Finds fields by name; what an object has is read once, however many paths lead into it."""

    def __init__(self, kind: str) -> None:
        try:
            self._documented = frozenset(map(plain, kind_of(kind).documented))
        except UnknownKindError:
            self._documented = frozenset()
        self._known: dict[int, _Fields] = {}

    def find(self, value: Any, name: str) -> list[tuple[int, Any]]:
        """The fields that a name of a path may stand for, each with its place."""
        if not isinstance(value, _Pairs | dict):
            return []
        fields = self._known.get(id(value)) or self._known.setdefault(id(value), self._read(value))
        if name == "*":
            places = fields.undocumented
        else:
            place = fields.named.get(name, fields.alike.get(plain(name)))
            places = [] if place is None else [place]
        return [(place, fields.values[place]) for place in places]

    def _read(self, value: Any) -> _Fields:
        fields = _Fields([], {}, {}, [])
        for place, (key, below) in enumerate(_children(value)):
            name, short = key or "", plain(key or "")
            fields.values.append(below)
            fields.named[name] = place
            if name:
                fields.alike.setdefault(short, place)
            if short not in self._documented:
                fields.undocumented.append(place)
        return fields


def _place_of(path: str, value: Any, names: _Names, most_items: int | None) -> _Place:
    """The deepest value on the way that the path leads. A path may be cut, or lead into a text that is JSON; and it
    does not say every name. `most_items`: how many of an array are shown."""
    place: list[int] = []
    for name, index in _STEP.findall(path):
        if index:
            at = int(index)
            found = [(at, value[at])] if _is_list(value) and at < len(value) else []
        else:
            found = names.find(value, name)
        if len(found) != 1:
            break
        at, below = found[0]
        if index and most_items is not None and at >= most_items:
            return (*place, most_items)
        place.append(at)
        value = below
    return tuple(place)
