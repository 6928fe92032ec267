"""Silence: which parts of a push are not in its rows without a warning that says so.

An oracle that shares no code with normalising: Python's own JSON, and a table of where each field is stored.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ingest.kinds.custom_api.payload import CustomApiPush
from ingest.tables import TABLE_OF
from ingest.tables.rows import Normalised
from tests.corpus.documents import is_struct, item_of, without_none
from tests.corpus.said import is_nothing, is_printed_nothing, loads, number, seen

Row = dict[str, Any]
Same = Callable[[Any, Any], bool]

_COVERS_ALL_BELOW = {
    "missing: the call is not stored": "$.call",
    "missing: the callee and the case are not stored": "$.callee",
}
_UNSIGNED = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_FRACTION = re.compile(r"(?<=\d)[.,](\d+)", re.ASCII)
_ZONE = re.compile(
    r"(?<=[\d\sCT])([+-])(\d\d?)(?::?(\d\d))?(?:\s+[+-]\d{2,4})?(?=$|Z$|\s*[\[(]|\s+\d{4}$|\s+[A-Za-z]+)", re.ASCII
)
_OFFSET = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d{1,6})?)", re.ASCII)

_SHOWN_LEVELS = 110
"""More than are stored, and than a warning's path has"""


@dataclass(frozen=True)
class Outcome:
    """A push's rows by column; None or no row where there is none. JSON as Python's values, numbers as Decimal."""

    push: Row
    workflow: Row | None
    node: Row | None
    callee: Row | None
    case: Row | None
    answers: list[Row]
    call: Row | None
    attributes: Row | None
    turns: list[Row]


def outcome_of(one: Normalised) -> Outcome:
    """What normalising says of a push."""
    told = {TABLE_OF[type(row)].name: _columns(row) for row in one.rows}
    case, call = told.get("cases"), told.get("calls")
    return Outcome(
        push=_columns(one.push),
        workflow=told.get("workflows"),
        node=told.get("nodes"),
        callee=told.get("callees"),
        case=case,
        answers=(case and case["answers"]) or [],
        call=call,
        attributes=told.get("call_attributes"),
        turns=(call and call["transcript"]) or [],
    )


def silently_lost(body: bytes, outcome: Outcome) -> list[str]:
    """The paths of all that was sent, is not stored as it was, and is not warned of."""
    if outcome.push["status"] == "dead":
        return []  # its error says it of everything
    warnings = outcome.push["warnings"] or []
    if warnings and warnings[-1]["path"] == "$" and warnings[-1]["problem"].endswith(" more warnings"):
        return []  # of which fields it does not say: there were too many
    document = loads(body.decode("utf-8-sig"))
    return [path for path in _lost(CustomApiPush, document, "$", "", outcome) if not _is_warned_of(path, warnings)]


def fields_without_place() -> list[str]:
    """Fields of the structs of which the table below does not say where they are stored."""
    return [name for name in _leaves(CustomApiPush, "") if name not in _STORED]


@functools.cache
def _fields(struct: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    return [(field.encode_name, without_none(field.type)) for field in msgspec.structs.fields(struct)]


@functools.cache
def _documented_names() -> frozenset[str]:
    return frozenset(part.removesuffix("[]") for name in _STORED for part in name.split("."))


def _columns(row: Any) -> Any:
    if row is None:
        return None
    columns = row._asdict()
    for name in ("warnings", "custom_attribute", "variables", "multi_label", "answers", "transcript"):
        if columns.get(name) is not None:
            columns[name] = loads(columns[name])
    return columns


def _leaves(struct: type[msgspec.Struct], above: str) -> Iterator[str]:
    for key, field_type in _fields(struct):
        name = f"{above}{key}"
        if is_struct(field_type):
            yield from _leaves(field_type, f"{name}.")
        elif is_struct(item_of(field_type)):
            yield from _leaves(item_of(field_type), f"{name}[].")
        else:
            yield name


def _lost(struct: type[msgspec.Struct], sent: Any, path: str, name: str, outcome: Outcome) -> Iterator[str]:
    """`path` as a warning has it, `name` as the table below has it."""
    sent = _encoded_once(sent, dict)
    if not isinstance(sent, dict):
        if not is_nothing(sent):
            yield path
        return
    for key, field_type in _fields(struct):
        value, where, called = sent.get(key), f"{path}.{key}", f"{name}{key}"
        if is_nothing(value):
            continue
        if is_struct(field_type):
            yield from _lost(field_type, value, where, f"{called}.", outcome)
        elif is_struct(item_of(field_type)):
            yield from _lost_items(item_of(field_type), value, where, f"{called}[].", outcome)
        else:
            yield from _lost_leaf(value, where, called, outcome)


def _lost_items(struct: type[msgspec.Struct], sent: Any, path: str, name: str, outcome: Outcome) -> Iterator[str]:
    sent = _encoded_once(sent, list)
    if not isinstance(sent, list):
        yield path
        return
    stored = outcome.turns if name.startswith("call.") else outcome.answers
    # Where no item says anything there is no list.
    rows = stored or [{} for _ in sent]
    if len(rows) != len(sent):
        yield path
    for index, item in enumerate(sent[: len(rows)]):
        if not stored and is_nothing(
            _words_of(item, ("robottext", "text") if name.startswith("call.") else ("Content",))
        ):
            continue  # a turn without a word, or a question without an answer
        one_row = Outcome(**{**vars(outcome), "turns": [rows[index]], "answers": [rows[index]]})
        yield from _lost(struct, item, f"{path}[{index}]", name, one_row)


def _words_of(item: Any, names: tuple[str, ...]) -> Any:
    """What a turn or an answer is there for."""
    if not isinstance(item, dict):
        return item
    words = [item.get(name) for name in names]
    return [None if is_printed_nothing(word) else word for word in words]


def _lost_leaf(sent: Any, path: str, name: str, outcome: Outcome) -> Iterator[str]:
    table, column, is_same = _STORED[name]
    row = getattr(outcome, table)
    row = row[0] if isinstance(row, list) else row
    stored = row.get(column) if row else None
    if is_same is _same_json and is_nothing(sent := _encoded_once(sent, dict)):
        return
    if is_same is _same_text_or_json and not isinstance(sent, str) and (stored is None or isinstance(stored, str)):
        yield from _differences(sent, loads(stored) if stored else None, path)
    elif is_same is _same_json and isinstance(sent, dict) and (stored is None or isinstance(stored, dict)):
        yield from _differences(sent, stored, path)
    elif not is_same(sent, stored):
        yield path


def _differences(sent: Any, stored: Any, path: str) -> Iterator[str]:
    if stored is None and is_nothing(sent):
        return
    if stored is None and path.count(".") + path.count("[") < _SHOWN_LEVELS:
        # Of a value of which nothing can be stored the warnings name the parts.
        stored = {} if isinstance(sent, dict) else [None] * len(sent) if isinstance(sent, list) else None
    if isinstance(sent, dict) and isinstance(stored, dict):
        for key, value in sent.items():
            # A key that nobody documents is not named in a warning.
            yield from _differences(value, stored.get(key), f"{path}.{key if key in _documented_names() else '*'}")
    elif isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        for index, (one, other) in enumerate(zip(sent, stored, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif not _same_json(sent, stored):
        yield path


def _encoded_once(sent: Any, wanted: type) -> Any:
    """What a string of JSON, or one within another, stands for."""
    value = sent
    for _ in range(2):
        try:
            value = loads(value.lstrip("\ufeff")) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            return sent
    return value if isinstance(value, wanted) else sent


def _is_warned_of(path: str, warnings: list[Row]) -> bool:
    return any(_covers(one["path"], one["problem"], path) for one in warnings)


def _covers(warned: str, problem: str, path: str) -> bool:
    if warned == "$":
        return False  # of unknown keys
    if warned.endswith("…"):
        return path.startswith(warned[:-1])
    above = _COVERS_ALL_BELOW.get(problem, warned)
    return path == above or path.startswith((f"{above}.", f"{above}["))


def _same_text(sent: Any, stored: Any) -> bool:
    if isinstance(sent, Decimal):
        return isinstance(stored, str) and number(stored) == sent
    return bool(sent == stored)


def _same_id(sent: Any, stored: Any) -> bool:
    return seen(sent) == seen(stored or "") if isinstance(sent, str) else _same_text(sent, stored)


def _same_free_text(sent: Any, stored: Any) -> bool:
    return (stored is None and is_printed_nothing(sent)) or _same_text(sent, stored)


def _same_word(sent: Any, stored: Any) -> bool:
    return (stored is None and is_printed_nothing(sent)) or _same_id(sent, stored)


def _same_text_or_json(sent: Any, stored: Any) -> bool:
    return _same_word(sent, stored) if isinstance(sent, str) else bool(sent == stored)


def _same_json(sent: Any, stored: Any) -> bool:
    return type(sent) is type(stored) and bool(sent == stored)


def _same_integer(sent: Any, stored: Any) -> bool:
    return isinstance(sent, str | Decimal) and isinstance(stored, int) and number(str(sent).strip()) == stored


def _same_amount(sent: Any, stored: Any) -> bool:
    return isinstance(sent, str | Decimal) and isinstance(stored, Decimal) and number(str(sent).strip()) == stored


def _same_day(sent: Any, stored: Any) -> bool:
    if not (isinstance(sent, str) and isinstance(stored, date)):
        return False
    day, *time = re.split("[T ]", sent.strip(), maxsplit=1)
    return stored.isoformat() == day and not re.search("[1-9+]", "".join(time))


def _same_moment(sent: Any, stored: Any) -> bool:
    """Whether the stored time, written as the text is written, has the text's digits."""
    if not (isinstance(sent, str | Decimal) and isinstance(stored, datetime)):
        return False
    text = format(sent, "f") if isinstance(sent, Decimal) else sent.strip()
    text = "".join(str(unicodedata.decimal(one, one)) for one in text).replace("\u2212", "-")
    since = (stored - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if _UNSIGNED.fullmatch(text) and Decimal(text) * 1_000_000 in [since * 1000**power for power in range(4)]:
        return True
    zone = _ZONE.search(text)
    offset = timedelta(hours=int(zone[2]), minutes=int(zone[3] or 0)) if zone else timedelta()
    wall = stored - offset if zone and zone[1] == "-" else stored + offset
    text = re.sub(r"\(.*\)|\[.*\]|m=[+-].*", "", _ZONE.sub("", text))
    fraction = _FRACTION.search(text)
    digits = re.sub("[^0-9]", "", _FRACTION.sub("", text))
    is_exact = (fraction[1] if fraction else "").rstrip("0") == f"{wall.microsecond:06}".rstrip("0")
    half = re.search(r"\d\s*([ap]m)\b", text, re.IGNORECASE)
    is_in_half = half is None or half[1].lower() == ("am" if wall.hour < 12 else "pm")
    return is_exact and is_in_half and digits in _written(wall, ("%I", "%-I") if half else ("%H",))


def _written(wall: datetime, hours: tuple[str, ...]) -> set[str]:
    """The digits of a time of day in each form; midnight as the end of the day before, too, and as a leap second."""
    forms = ("%M%S", "%M") if wall.second == 0 else ("%M%S",)
    times = {(wall, f"{wall:{hour}{form}}") for hour in hours for form in forms}
    if f"{wall:%H%M%S}" == "000000":
        times.add((wall - timedelta(days=1), "235960"))
    if f"{wall:%H%M%S%f}".strip("0") == "":
        times |= {(wall - timedelta(days=1), time) for time in ("240000", "2400")}
    return {
        form
        for day, time in times
        for form in (
            *(f"{day:%Y%m%d}{time}", f"{day:%G%V%u}{time}", f"{day:%d%Y}{time}", f"{day.day}{day:%Y}{time}"),
            *(f"{day:%d}{time}{day:%Y}", f"{day.day}{time}{day:%Y}"),
        )
    }


def _same_offset(sent: Any, stored: Any) -> bool:
    return isinstance(sent, str) and _OFFSET.fullmatch(sent.strip()) is not None and sent.strip() == stored


_STORED: dict[str, tuple[str, str, Same]] = {
    "workflow_id": ("push", "workflow_id", _same_id),
    "workflow_name": ("workflow", "name", _same_free_text),
    "node_id": ("push", "node_id", _same_id),
    "node_name": ("node", "name", _same_free_text),
    "callee.case_id": ("push", "case_id", _same_id),
    "callee.callee_name": ("callee", "name", _same_free_text),
    "callee.callee_gender": ("callee", "gender", _same_free_text),
    "callee.location": ("callee", "location", _same_free_text),
    "callee.callee_number": ("callee", "number_as_sent", _same_text),
    "callee.platform_name": ("callee", "platform_name", _same_free_text),
    "callee.extra_a": ("case", "extra_a", _same_free_text),
    "callee.extra_b": ("case", "extra_b", _same_free_text),
    "callee.extra_c": ("case", "extra_c", _same_free_text),
    "callee.extra[].Content": ("answers", "content", _same_text),
    "callee.extra[].Question": ("answers", "question", _same_text),
    "callee.extend.variables": ("case", "variables", _same_json),
    "callee.comments": ("case", "comments", _same_free_text),
    "callee.borrowed_date": ("case", "borrowed_date", _same_day),
    "callee.due_date": ("case", "due_date", _same_day),
    "callee.borrowed_amount": ("case", "borrowed_amount", _same_amount),
    "callee.total_owing_amount": ("case", "total_owing_amount", _same_amount),
    "callee.currency_unit": ("case", "currency_unit", _same_free_text),
    "custom_attribute": ("attributes", "custom_attribute", _same_json),
    "call.task_id": ("call", "task_id", _same_id),
    "call.call_id": ("push", "call_id", _same_id),
    "call.call_start_time": ("call", "started_at", _same_moment),
    "call.call_end_time": ("call", "ended_at", _same_moment),
    "call.call_times": ("call", "attempt", _same_integer),
    "call.ring_type": ("call", "ring_type", _same_word),
    "call.hangup_type": ("call", "hangup_type", _same_word),
    "call.intention": ("call", "intention", _same_text_or_json),
    "call.slots": ("call", "slots", _same_free_text),
    "call.multi_label": ("call", "multi_label", _same_json),
    "call.asr_ptp": ("call", "asr_ptp", _same_word),
    "call.asr_result[].time": ("turns", "at", _same_offset),
    "call.asr_result[].robottext": ("turns", "robot", _same_text),
    "call.asr_result[].text": ("turns", "callee", _same_text),
}
"""Where each field is stored, and how its text and the column's value are held against each other"""
