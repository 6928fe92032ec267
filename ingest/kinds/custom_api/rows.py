"""What a Custom API Data Push tells: its ids, and a row a thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingest.kinds.custom_api.lists import answers_as_json, transcript_of
from ingest.kinds.custom_api.payload import Call, Callee, CustomApiPush
from ingest.kinds.kind import Ids, Origin
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.free_json import json_of, text_or_json
from ingest.kinds.reading.warn import Warnings
from ingest.tables.rows import AttributesRow, CalleeRow, CallRow, CaseRow, NodeRow, Row, WorkflowRow


def ids(push: CustomApiPush, warnings: Warnings) -> Ids:
    """What a push is about."""
    callee, call = push.callee or Callee(), push.call or Call()
    return Ids(
        values.identifier(push.workflow_id, "$.workflow_id", warnings),
        values.identifier(push.node_id, "$.node_id", warnings),
        values.identifier(call.task_id, "$.call.task_id", warnings),
        values.callee_number(callee.callee_number, "$.callee.callee_number", warnings),
        values.identifier(callee.case_id, "$.callee.case_id", warnings),
        values.identifier(call.call_id, "$.call.call_id", warnings),
    )


def says_when(push: CustomApiPush, about: Ids) -> bool:
    """Whether it is of one call, by its id or its times. What a node says of a callee alone may be so again."""
    if about.call_id:
        return True
    call, unheard = push.call or Call(), Warnings(frozenset())
    return any(values.moment(sent, "$", unheard) for sent in (call.call_start_time, call.call_end_time))


def rows(push: CustomApiPush, origin: Origin) -> Iterator[Row | None]:
    """What a push tells of each thing."""
    attributes = json_of(push.custom_attribute, "$.custom_attribute", origin.warnings)
    _warn_of_missing_ids(push, origin, attributes)
    source, version, about = origin.source, origin.version, origin.ids
    if about.workflow_id:
        yield WorkflowRow(*version, source, about.workflow_id, texts.free_text(push.workflow_name))
        if about.node_id:
            yield NodeRow(*version, source, about.workflow_id, about.node_id, texts.free_text(push.node_name))
    if push.callee and about.callee_number:
        yield _callee(push.callee, about.callee_number, origin)
        yield _case(push.callee, about.callee_number, origin)
    if about.call_id:
        yield _call(push.call or Call(), about.call_id, origin)
        if attributes:
            yield AttributesRow(*version, source, about.call_id, about.node_id or "", attributes)


def _warn_of_missing_ids(push: CustomApiPush, origin: Origin, attributes: Any) -> None:
    about, warnings = origin.ids, origin.warnings
    if push.call and not about.call_id:
        warnings.add("$.call.call_id", "missing: the call is not stored")
    if push.callee and not about.callee_number:
        warnings.add("$.callee.callee_number", "missing: the callee and the case are not stored")
    if push.workflow_name and not about.workflow_id:
        warnings.add("$.workflow_name", "not stored: there is no workflow_id")
    if push.node_name and not (about.workflow_id and about.node_id):
        warnings.add("$.node_name", "not stored: there is no workflow_id or no node_id")
    if attributes and not about.call_id:
        warnings.add("$.custom_attribute", "not stored: there is no call_id")


def _callee(callee: Callee, number: str, origin: Origin) -> CalleeRow:
    return CalleeRow(
        *origin.version,
        origin.source,
        number,
        callee.callee_number or number,
        values.country_of(number),
        texts.free_text(callee.callee_name),
        texts.free_text(callee.callee_gender),
        texts.free_text(callee.location),
        texts.free_text(callee.platform_name),
    )


def _case(callee: Callee, number: str, origin: Origin) -> CaseRow:
    warnings = origin.warnings
    owing = values.amount(callee.total_owing_amount, "$.callee.total_owing_amount", warnings)
    return CaseRow(
        *origin.version,
        origin.source,
        number,
        origin.ids.case_id or "",
        texts.free_text(callee.extra_a),
        texts.free_text(callee.extra_b),
        texts.free_text(callee.extra_c),
        json_of(callee.extend.variables, "$.callee.extend.variables", warnings) if callee.extend else None,
        texts.free_text(callee.comments),
        values.day(callee.borrowed_date, "$.callee.borrowed_date", warnings),
        values.day(callee.due_date, "$.callee.due_date", warnings),
        values.amount(callee.borrowed_amount, "$.callee.borrowed_amount", warnings),
        owing,
        texts.free_text(callee.currency_unit),
        answers_as_json(callee.extra, "$.callee.extra", warnings),
    )


def _call(call: Call, call_id: str, origin: Origin) -> CallRow:
    about, warnings = origin.ids, origin.warnings
    start, end = (call.call_start_time, "$.call.call_start_time"), (call.call_end_time, "$.call.call_end_time")
    started, ended = values.period(start, end, warnings)
    said = transcript_of(call.asr_result, "$.call.asr_result", warnings)
    return CallRow(
        *origin.version,
        origin.source,
        call_id,
        about.task_id,
        about.callee_number,
        about.case_id,
        about.workflow_id,
        started,
        ended,
        values.integer(call.call_times, "$.call.call_times", warnings),
        texts.word(call.ring_type),
        texts.word(call.hangup_type),
        texts.word(text_or_json(call.intention, "$.call.intention", warnings)),
        texts.free_text(call.slots),
        json_of(call.multi_label, "$.call.multi_label", warnings),
        texts.promise(call.asr_ptp, "$.call.asr_ptp", warnings),
        said.transcript,
        said.turn_count,
        said.callee_turn_count,
        said.callee_word_count,
    )
