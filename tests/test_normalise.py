"""Normalising one push: its rows, field by field."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ingest.batch.entry import Entry
from ingest.kinds.normalise import NOTHING_RECOGNISED, normalise
from ingest.kinds.reading.clean import MAX_DEPTH
from ingest.kinds.reading.moments import NO_TIME
from ingest.kinds.reading.values import ENDS_BEFORE_START, ENDS_TOO_LATE, MAX_ITEMS
from ingest.tables import TABLE_OF
from ingest.tables.json_text import Json
from ingest.tables.rows import AttributesRow, CalleeRow, CallRow, CaseRow, NodeRow, Normalised, WorkflowRow
from tests.pushes import SAMPLE, entry, push, row_of

WORKFLOW, NODE = "f437fb6aa75042ee973ebb23e7d3b1b9", "04e19e53f694496f8774355e2096d9f1"
CALL, NUMBER = "d7b14e08214617f5d7066fc002e6b379", "+6212345678"


def problems(one: Normalised) -> dict[str, str]:
    """A push's warnings by path."""
    return {warning["path"]: warning["problem"] for warning in msgspec.json.decode(one.push.warnings or "[]")}


def test_sample_field_by_field() -> None:
    """The vendor's own example comes to exactly these rows."""
    one = entry(SAMPLE, source="lender-a")
    version = (one.received_at, one.uuid)
    rows = normalise(one)

    assert (rows.push.status, rows.push.warnings, rows.push.body) == ("normalised", None, SAMPLE)
    assert (rows.push.workflow_id, rows.push.node_id, rows.push.call_id) == (WORKFLOW, NODE, CALL)
    assert (rows.push.callee_number, rows.push.case_id) == (NUMBER, None)
    assert rows.push.task_id == "bd5d09be45f81fcff39ca616d38b7d79"
    assert row_of(rows, WorkflowRow) == WorkflowRow(*version, "lender-a", WORKFLOW, "huida_test_api_002")
    assert row_of(rows, NodeRow) == NodeRow(*version, "lender-a", WORKFLOW, NODE, "API1")
    assert row_of(rows, CalleeRow) == CalleeRow(
        *version, "lender-a", NUMBER, NUMBER, "ID", "WILL SMITH1", "male", "Silicon Valley", "WY"
    )
    assert tuple(row_of(rows, CaseRow)) == (
        *(*version, "lender-a", NUMBER, "", None, None, None, '{"test":"xxx","extra_a":"hello world"}', None),
        *(date(2019, 2, 1), date(2021, 3, 2), Decimal("20000.00"), Decimal("20310.23"), "USD"),
        '[{"question":"order_type","content":"codLogistics260"},{"question":"lang","content":"TG"}]',
        None,
    )
    assert tuple(row_of(rows, CallRow)) == (
        *(*version, "lender-a", CALL, "bd5d09be45f81fcff39ca616d38b7d79", NUMBER, None, WORKFLOW),
        *(datetime(2022, 12, 29, 9, 1, 52, tzinfo=UTC), datetime(2022, 12, 29, 9, 1, 59, tzinfo=UTC)),
        *(1, "normal", "ByCallee", None, None, None, None),
        '[{"at":"00:00:00","robot":"selamat sore","callee":"halo halo"},'
        '{"at":"00:00:09","robot":"Saya Daniel dari adakami","callee":"halo halo halo halo"}]',
        *(2, 2, 6, None),
    )
    assert row_of(rows, AttributesRow) == AttributesRow(*version, "lender-a", CALL, NODE, Json('{"a":"1","b":"2"}'))


def test_same_entry_same_rows() -> None:
    """Normalising is pure: the same entry gives the same rows."""
    one = entry(SAMPLE)
    assert normalise(one) == normalise(one)


PARTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "workflow alone": ({"workflow_id": "w"}, {"workflows"}),
    "workflow and node": ({"workflow_id": "w", "node_id": "n"}, {"workflows", "nodes"}),
    "node without workflow": ({"node_id": "n", "call": {"call_id": "c"}}, {"calls"}),
    "callee alone": ({"callee": {"callee_number": "+6281234567890"}}, {"callees", "cases"}),
    "call alone": ({"call": {"call_id": "c"}}, {"calls"}),
    "case without number": ({"callee": {"case_id": "k"}}, set()),
    "call without id": ({"workflow_id": "w", "call": {"asr_result": [{"text": "x"}]}}, {"workflows"}),
    "attributes without call": ({"workflow_id": "w", "custom_attribute": {"a": 1}}, {"workflows"}),
}


@pytest.mark.parametrize(("document", "expected"), PARTS.values(), ids=PARTS.keys())
def test_parts_make_rows(document: dict[str, Any], expected: set[str]) -> None:
    """A push gives the rows that its ids allow, and no other."""
    rows = normalise(entry(document))

    assert {TABLE_OF[type(row)].name for row in rows.rows} == expected
    assert rows.push.status == "normalised"


def test_missing_ids_are_warned_of() -> None:
    """An object that cannot be stored for want of its id is warned of."""
    names = {"workflow_name": "collections", "node_name": "API1", "custom_attribute": {"a": 1}}
    one = normalise(entry({**names, "callee": {"callee_name": "Budi", "case_id": "k"}, "call": {"ring_type": "busy"}}))

    assert problems(one) == {
        "$.workflow_name": "not stored: there is no workflow_id",
        "$.node_name": "not stored: there is no workflow_id or no node_id",
        "$.call.call_id": "missing: the call is not stored",
        "$.callee.callee_number": "missing: the callee and the case are not stored",
        "$.custom_attribute": "not stored: there is no call_id",
    }


DEAD: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "not JSON: Expecting property name enclosed in double quotes (byte 1)"),
    "not UTF-8": (b'"\xff"', "not UTF-8 (byte 1)"),
    "no object": (b"[]", "a JSON object is expected, not an array"),
    "empty object": (b"{}", NOTHING_RECOGNISED),
    "unknown object": (b'{"hello": 1}', NOTHING_RECOGNISED),
    "empty ids": (b'{"workflow_id": " ", "callee": {}, "call": {"call_id": ""}}', NOTHING_RECOGNISED),
    "endless ids": (b'{"workflow_id": "' + b"x" * 3000 + b'"}', NOTHING_RECOGNISED),
}


@pytest.mark.parametrize(("body", "error"), DEAD.values(), ids=DEAD.keys())
def test_nothing_recognised_is_dead(body: bytes, error: str) -> None:
    """A push of which nothing can be normalised is a dead letter: its raw body, why and where."""
    rows = normalise(entry(body))

    assert (rows.push.status, rows.push.error, rows.push.error_path) == ("dead", error, "$")
    assert rows.push.body == body
    assert rows.rows == ()


def test_empty_text_is_null() -> None:
    """The vendor's "" is null in every column, but for the case id in a key."""
    document = json.loads(re.sub(rb'"(?:[^"]*)"(?=[,\s\]}])', b'""', SAMPLE))
    document["callee"]["callee_number"], document["call"]["call_id"] = NUMBER, CALL
    rows = normalise(entry(document))

    assert row_of(rows, CaseRow).case_id == ""
    texts = [*rows.push, *row_of(rows, CalleeRow), *row_of(rows, CaseRow)[5:], *row_of(rows, CallRow)]
    assert "" not in texts
    assert problems(rows) == {}


@pytest.mark.parametrize(
    ("sent", "stored"), [("busy", "busy"), ("null", None), (None, None), ("", None), ("brand_new", "brand_new")]
)
def test_ring_type_is_open(sent: str | None, stored: str | None) -> None:
    """Any ring type is stored as sent; "null", the word, is null."""
    rows = normalise(entry({"call": {"call_id": "c", "ring_type": sent}}))

    assert row_of(rows, CallRow).ring_type == stored


@pytest.mark.parametrize(
    ("sent", "stored"), [("E", "E"), ("", None), (None, None), (7, "7"), ({"a": [1]}, '{"a":[1]}'), (False, "false")]
)
def test_intention_is_text(sent: Any, stored: str | None) -> None:
    """The untyped intention is stored as text, JSON where it is not text."""
    rows = normalise(entry({"call": {"call_id": "c", "intention": sent}}))

    assert row_of(rows, CallRow).intention == stored


@pytest.mark.parametrize(
    ("start", "end", "warned_of"),
    [
        ("2026-11-24T09:01:52Z", "0001-01-01T00:00:00Z", {"$.call.call_end_time": NO_TIME}),
        ("1970-01-01T00:00:00Z", "2026-11-24T09:01:52Z", {"$.call.call_start_time": NO_TIME}),
        ("2026-11-24T09:01:52Z", "2026-11-24T09:01:51Z", {"$.call.call_end_time": ENDS_BEFORE_START}),
        ("2026-11-24T09:01:52Z", "2027-11-24T09:01:52Z", {"$.call.call_end_time": ENDS_TOO_LATE}),
        ("2026-11-24T09:01:52Z", "2099-12-31T23:59:59Z", {"$.call.call_end_time": NO_TIME}),
        ("2000-01-01T00:00:00-05:00", "2026-11-24T09:01:52Z", {"$.call.call_start_time": NO_TIME}),
        ("2026-11-24T16:01:52+07:00", "2026-11-24T09:01:52Z", {}),
        (1763975000, 1763975001000, {}),
        ("", None, {}),
    ],
)
def test_times_that_cannot_be_are_warned_of(start: Any, end: Any, warned_of: dict[str, str]) -> None:
    """No time is null, nor is an end that no call has; one before the start stays, and tells nothing of how long the
    call was."""
    rows = normalise(entry({"call": {"call_id": "c", "call_start_time": start, "call_end_time": end}}))

    call = row_of(rows, CallRow)
    assert problems(rows) == warned_of
    assert (call.started_at is None) == (not start or "$.call.call_start_time" in warned_of)
    assert (call.ended_at is None) == (not end or warned_of.get("$.call.call_end_time") in (NO_TIME, ENDS_TOO_LATE))


def test_push_in_strings_is_what_is_in_them() -> None:
    """The vendor's sample, every object and array of it encoded as a string, comes to the same rows."""
    document = json.loads(SAMPLE)
    for inner, names in ((document["call"], ("asr_result", "multi_label")), (document["callee"], ("extra", "extend"))):
        inner.update({name: json.dumps(inner[name]) for name in names})
    document |= {name: json.dumps(document[name]) for name in ("callee", "call")}
    document["custom_attribute"] = json.dumps(json.dumps(document["custom_attribute"]))
    one = entry(document)

    rows = normalise(one)

    plain = normalise(Entry(one.push_id, one.received_us, one.source, one.kind, SAMPLE))
    assert rows.push._replace(body=b"") == plain.push._replace(body=b"")
    assert rows.rows == plain.rows


@pytest.mark.parametrize("number", ["6.28123E+12", "unknown", "+6281234567801 / +6281234567802", "0", True])
def test_call_of_nobody_is_stored(number: Any) -> None:
    """An unusable number names nobody, is warned of by its path, and takes nothing else with it."""
    body = push()
    body["callee"]["callee_number"] = number
    rows = normalise(entry(body))

    call = row_of(rows, CallRow)
    assert not [row for row in rows.rows if isinstance(row, CalleeRow | CaseRow)]
    assert (call.callee_number, rows.push.callee_number, rows.push.status) == (None, None, "normalised")
    assert (call.case_id, call.turn_count) == ("case-1", 2)
    assert set(problems(rows)) == {"$.callee.callee_number"}


@pytest.mark.parametrize("number", [b"6.28123e12", b"6.28123E+12", b"62812300e5"])
def test_number_that_lost_digits_names_nobody(number: bytes) -> None:
    """As JSON's number too; one that has all its digits does name somebody, however it is written."""
    body = b'{"workflow_id": "w", "callee": {"callee_number": %s}}'

    assert [type(row) for row in normalise(entry(body % number)).rows] == [WorkflowRow]
    for whole in (b"6281234567801", b"6281234567801.0", b"6.281234567801e12", b"6281230000000"):
        rows = normalise(entry(body % whole))
        callee = row_of(rows, CalleeRow)
        assert callee.callee_number == f"+{callee.number_as_sent}"
        assert problems(rows) == {}


def test_ids_are_what_is_seen() -> None:
    """Every id is stored without what nobody sees."""
    call = {"call_id": "\ufeffc\u200b1", "task_id": "t\u00ad1\n"}
    callee = {"case_id": "cafe\u0301", "callee_number": NUMBER}
    rows = normalise(entry({"workflow_id": "w\u20601", "node_id": " n1\u200e", "call": call, "callee": callee}))

    stored = row_of(rows, CallRow)
    assert (rows.push.workflow_id, rows.push.node_id, rows.push.call_id) == ("w1", "n1", "c1")
    assert (stored.call_id, stored.task_id, stored.case_id) == ("c1", "t1", "caf\u00e9")
    assert problems(rows) == {}


def test_unstorable_text_is_cleaned() -> None:
    """NUL and lone surrogates are removed from what is stored, with a warning; the raw body keeps them."""
    body = b'{"call": {"call_id": "c\\u0000", "slots": "a\\ud800b", "multi_label": {"k\\u0000": 1e400, "l": 1}}}'
    rows = normalise(entry(body))

    assert (row_of(rows, CallRow).call_id, row_of(rows, CallRow).slots, row_of(rows, CallRow).multi_label) == (
        "c",
        "ab",
        '{"k":null,"l":1}',
    )
    assert rows.push.body == body
    assert len(problems(rows)) == 4


def test_emoji_is_no_surrogate() -> None:
    """An escaped emoji, two surrogates in JSON, is stored whole and not warned of."""
    rows = normalise(entry(b'{"call": {"call_id": "c", "slots": "\\ud83d\\ude4f"}}'))

    assert (row_of(rows, CallRow).slots, problems(rows)) == ("🙏", {})


@pytest.mark.parametrize("rest", [b"", b', "node_id": 7', b', "node_id": "\\u0000"'], ids=["typed", "plain", "cleaned"])
@pytest.mark.parametrize("number", ["123456789012345678901234567890", "12345678901234567.89", "1.5"])
def test_numbers_are_kept(number: str, rest: bytes) -> None:
    """A number beyond 64 bits, or of more digits than a double has, stays what it was."""
    attribute = f'{{"a":{number}}}'
    rows = normalise(entry(b'{"call": {"call_id": "c"}, "custom_attribute": ' + attribute.encode() + rest + b"}"))

    assert rows.push.status == "normalised"
    assert row_of(rows, AttributesRow).custom_attribute == attribute


def test_amount_sent_as_number_is_exact() -> None:
    """An amount of more digits than a double has does not change by being sent as a number."""
    rows = normalise(entry(b'{"callee": {"callee_number": "+62812345678", "borrowed_amount": 12345678901234567.89}}'))

    assert row_of(rows, CaseRow).borrowed_amount == Decimal("12345678901234567.89")


@pytest.mark.parametrize("mistyped", [{}, {"node_id": 17}], ids=["as documented", "to be salvaged"])
def test_what_is_too_much_is_cut_off(mistyped: dict[str, Any]) -> None:
    """Endless turns, answers or depth are cut off with a warning, and the rest of the push is stored."""
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 5):
        deep = {"x": deep, "level": 0}
    body = push(custom_attribute=deep, **mistyped)
    body["call"]["asr_result"] = [{"text": "x"}] * (MAX_ITEMS + 1)
    body["callee"]["extra"] = [{"Content": "c"}] * (MAX_ITEMS + 1)

    rows = normalise(entry(body))

    assert row_of(rows, CallRow).turn_count == MAX_ITEMS
    assert len(json.loads(row_of(rows, CaseRow).answers or "[]")) == MAX_ITEMS
    assert str(row_of(rows, AttributesRow).custom_attribute).count("{") == MAX_DEPTH - 1
    paths = {path.rstrip(".*…") for path in problems(rows)}
    assert paths == {"$.custom_attribute", "$.call.asr_result", "$.callee.extra"}


def test_warnings_hold_no_value() -> None:
    """A warning tells a path and a problem, never what was there."""
    rows = normalise(entry(push(callee={"callee_number": "+6281234567890", "due_date": "Budi", "extra": ["Budi"]})))

    assert set(problems(rows)) == {"$.callee.due_date", "$.callee.extra[0]"}
    assert "Budi" not in (rows.push.warnings or "")


def test_warnings_hold_no_key_of_the_customer() -> None:
    """What a customer calls a variable may be a telephone number: such a key is `*` in a path."""
    rows = normalise(entry(push(custom_attribute={"+6281234567890": ["Budi\0"], "call_id": "\ud800"})))

    assert set(problems(rows)) == {"$.custom_attribute.*[0]", "$.custom_attribute.call_id"}
