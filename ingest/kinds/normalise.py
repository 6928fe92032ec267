"""Normalise: one push in, its rows out. Pure: no client, no clock, the same rows every time.

A text goes in as it came, or as None if it is empty: `or None`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from ingest.batch.entry import Entry
from ingest.errors import NotAnObjectError, NotJsonError
from ingest.kinds.custom_api.lists import answers_as_json, transcript_of
from ingest.kinds.custom_api.payload import STRUCTS, Call, Callee, CustomApiPush
from ingest.kinds.reading import values
from ingest.kinds.reading.clean import MAX_DEPTH, clean, may_need_cleaning
from ingest.kinds.reading.decode import decode
from ingest.kinds.reading.salvage import salvage
from ingest.kinds.reading.warn import Warnings
from ingest.tables.rows import (
    AttributesRow,
    CalleeRow,
    CallRow,
    CaseRow,
    Json,
    NodeRow,
    Normalised,
    PushRow,
    Row,
    WorkflowRow,
)

_encode = msgspec.json.Encoder(decimal_format="number").encode

NOTHING_RECOGNISED = "nothing recognised: no call, callee, case or workflow"
ENDS_BEFORE_START = "before the start: the call has no duration"


def normalise(entry: Entry) -> Normalised:
    """Give the rows of a push, or a dead push that says why and where."""
    warnings = Warnings()
    try:
        push = _read(entry, warnings)
    except (NotJsonError, NotAnObjectError) as error:
        return dead(entry, str(error))
    return _Normaliser(entry, push, warnings).rows()


def dead(entry: Entry, error: str, warnings: Warnings | None = None) -> Normalised:
    """A dead letter: the raw body, kept for a replay, and the reason."""
    row = (entry.received_at, entry.uuid, entry.source, entry.kind, entry.body)
    notes = warnings.as_json() if warnings else None
    return Normalised(PushRow(*row, status="dead", error=error, error_path="$", warnings=notes))


def _read(entry: Entry, warnings: Warnings) -> CustomApiPush:
    push = decode(entry.kind, entry.body)
    if may_need_cleaning(entry.body):
        push = push if isinstance(push, dict) else msgspec.to_builtins(push, builtin_types=(Decimal,))
    if isinstance(push, dict):
        return salvage(STRUCTS[entry.kind], clean(push, "$", warnings), "$", warnings)
    return push


class _Normaliser:
    """The ids of one push, read once, and the rows that share them."""

    def __init__(self, entry: Entry, push: CustomApiPush, warnings: Warnings) -> None:
        self.entry = entry
        self.push = push
        self.warnings = warnings
        self.source = entry.source
        self.version: tuple[datetime, UUID] = (entry.received_at, entry.uuid)
        callee, call = push.callee or Callee(), push.call or Call()
        self.workflow_id = values.identifier(push.workflow_id, "$.workflow_id", warnings)
        self.node_id = values.identifier(push.node_id, "$.node_id", warnings)
        self.number = values.callee_number(callee.callee_number, "$.callee.callee_number", warnings)
        self.case_id = values.identifier(callee.case_id, "$.callee.case_id", warnings)
        self.call_id = values.identifier(call.call_id, "$.call.call_id", warnings)
        self.custom_attribute = _json(push.custom_attribute, "$.custom_attribute", warnings)

    def rows(self) -> Normalised:
        if not (self.workflow_id or self.number or self.case_id or self.call_id):
            return dead(self.entry, NOTHING_RECOGNISED, self.warnings)
        self._warn_of_missing_ids()
        told = (
            self._workflow(),
            self._node(),
            self._callee(),
            self._case(),
            self._call(),
            self._attributes(),
        )
        rows: tuple[Row, ...] = tuple(row for row in told if row is not None)
        # Last, as the rows above may have warned.
        return Normalised(self._push(), rows)

    def _warn_of_missing_ids(self) -> None:
        if self.push.call and not self.call_id:
            self.warnings.add("$.call.call_id", "missing: the call is not stored")
        if self.push.callee and not self.number:
            self.warnings.add("$.callee.callee_number", "missing: the callee and the case are not stored")
        if self.push.workflow_name and not self.workflow_id:
            self.warnings.add("$.workflow_name", "not stored: there is no workflow_id")
        if self.push.node_name and not (self.workflow_id and self.node_id):
            self.warnings.add("$.node_name", "not stored: there is no workflow_id or no node_id")

    def _push(self) -> PushRow:
        return PushRow(
            *self.version,
            self.source,
            self.entry.kind,
            self.entry.body,
            status="normalised",
            warnings=self.warnings.as_json(),
            workflow_id=self.workflow_id,
            node_id=self.node_id,
            callee_number=self.number,
            case_id=self.case_id,
            call_id=self.call_id,
            custom_attribute=self.custom_attribute,
        )

    def _workflow(self) -> WorkflowRow | None:
        if not self.workflow_id:
            return None
        return WorkflowRow(self.source, self.workflow_id, self.push.workflow_name or None, *self.version)

    def _node(self) -> NodeRow | None:
        if not (self.workflow_id and self.node_id):
            return None
        name = self.push.node_name or None
        return NodeRow(self.source, self.workflow_id, self.node_id, name, *self.version)

    def _callee(self) -> CalleeRow | None:
        callee = self.push.callee
        if not (callee and self.number):
            return None
        return CalleeRow(
            self.source,
            self.number,
            callee.callee_number or self.number,
            values.country_of(self.number),
            callee.callee_name or None,
            callee.callee_gender or None,
            callee.location or None,
            callee.platform_name or None,
            *self.version,
        )

    def _case(self) -> CaseRow | None:
        callee, warnings = self.push.callee, self.warnings
        if not (callee and self.number):
            return None
        owing = values.amount(callee.total_owing_amount, "$.callee.total_owing_amount", warnings)
        return CaseRow(
            self.source,
            self.number,
            self.case_id or "",
            callee.extra_a or None,
            callee.extra_b or None,
            callee.extra_c or None,
            _json(callee.extend.variables, "$.callee.extend.variables", warnings) if callee.extend else None,
            callee.comments or None,
            values.day(callee.borrowed_date, "$.callee.borrowed_date", warnings),
            values.day(callee.due_date, "$.callee.due_date", warnings),
            values.amount(callee.borrowed_amount, "$.callee.borrowed_amount", warnings),
            owing,
            callee.currency_unit or None,
            answers_as_json(callee.extra, "$.callee.extra", warnings) if callee.extra else None,
            *self.version,
        )

    def _call(self) -> CallRow | None:
        call, warnings = self.push.call, self.warnings
        if not (call and self.call_id):
            return None
        started = values.moment(call.call_start_time, "$.call.call_start_time", warnings)
        ended = values.moment(call.call_end_time, "$.call.call_end_time", warnings)
        if started and ended and ended < started:
            warnings.add("$.call.call_end_time", ENDS_BEFORE_START)
        return CallRow(
            self.source,
            self.call_id,
            values.identifier(call.task_id, "$.call.task_id", warnings),
            self.number,
            self.case_id,
            self.workflow_id,
            started,
            ended,
            values.integer(call.call_times, "$.call.call_times", warnings),
            # The documentation leaves open whether null comes as JSON's null or as a word.
            None if call.ring_type == "null" else call.ring_type or None,
            call.hangup_type or None,
            _text_or_json(call.intention, "$.call.intention", warnings),
            call.slots or None,
            _json(call.multi_label, "$.call.multi_label", warnings),
            call.asr_ptp or None,
            *transcript_of(call.asr_result, "$.call.asr_result", warnings),
            *self.version,
        )

    def _attributes(self) -> AttributesRow | None:
        if not (self.call_id and self.custom_attribute):
            return None
        return AttributesRow(self.source, self.call_id, self.node_id or "", self.custom_attribute, *self.version)


def _json(value: Any, path: str, warnings: Warnings) -> Json | None:
    if not value and value is not False and value != 0:
        return None  # empty, as the vendor's "" is
    encoded = _encode(value)
    # Counting is cheap, and what has fewer brackets cannot be too deep.
    if encoded.count(b"{") + encoded.count(b"[") >= MAX_DEPTH - path.count("."):
        encoded = _encode(clean(value, path, warnings, path.count(".")))
    return Json(encoded.decode())


def _text_or_json(value: Any, path: str, warnings: Warnings) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    return _json(value, path, warnings)
