"""The SQL statements of a search. Each reads a bounded stretch of pushes, in the order of an index, and gives a page.

Conditions that no index has are tried on the pushes of the stretch. Where it ends is asked for by a statement of its
own, and only if it gave no full page.
"""

# ruff: noqa: S608 - the fragments are constants, and values are parameters

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, LiteralString

from ops.search.filters import Filter, Place
from workers.selection import ALIKE

FINGERPRINT: LiteralString = f"""left(encode(sha256(convert_to(kind, 'UTF8') || '\\x00'::bytea ||
  convert_to({ALIKE.format(error="error")}, 'UTF8') || '\\x00'::bytea || convert_to(error_path, 'UTF8')), 'hex'), 8)"""
"""As `ops.repair.groups` names the group of a dead letter; null where there is no error"""

_FOUND: LiteralString = """push_id, received_at, source, kind, status, error, error_path, workflow_id, node_id, task_id,
  callee_number, case_id, call_id, normalised_at, warnings"""

_SHOWN: LiteralString = """push_id, received_at, source, kind, status, error, workflow_id, task_id, callee_number,
  case_id, call_id, coalesce(jsonb_array_length(warnings), 0) AS warning_count"""

_PAGE: LiteralString = """
SELECT {shown}
FROM (
  SELECT {found} FROM airudder.pushes WHERE {reach}
  ORDER BY received_at {order}, push_id {order} LIMIT %(stretch)s
) AS looked_at
WHERE {conditions} ORDER BY received_at {order}, push_id {order} LIMIT %(most)s
"""

_END: LiteralString = """
SELECT push_id FROM airudder.pushes WHERE {reach}
ORDER BY received_at {order}, push_id {order} OFFSET %(stretch)s - 1 LIMIT 1
"""

_OLDER: LiteralString = """received_at <= %(place_received_at)s
  AND (received_at, push_id) < (%(place_received_at)s, %(place_push_id)s)"""
_NEWER: LiteralString = """received_at >= %(place_received_at)s
  AND (received_at, push_id) > (%(place_received_at)s, %(place_push_id)s)"""

_HAS_WARNING_AT: LiteralString = r"""EXISTS (
  SELECT FROM jsonb_array_elements(warnings) AS each (warning)
  WHERE regexp_replace(warning ->> 'path', '\[[0-9]+\]', '[]', 'g') = %(path)s)"""

_REACH_OF_STATUS: dict[str, LiteralString] = {
    "dead": "status = 'dead'",
    "pending": "status = 'pending'",
}
"""Those that have an index. As text, for the planner to see which one."""

_CONDITIONS: dict[str, LiteralString] = {
    "source": "source = %(source)s",
    "kind": "kind = %(kind)s",
    "status": "status = %(status)s",
    "workflow": "workflow_id = ANY (%(workflows)s)",
    "error": "strpos(lower(error), lower(%(error)s)) > 0",
    "group": f"{FINGERPRINT} = %(group)s",
    "path": _HAS_WARNING_AT,
}
_REACH: dict[str, LiteralString] = {"since": "received_at >= %(since)s", "until": "received_at < %(until)s"}

CALL_IS_THERE: LiteralString = "SELECT FROM airudder.pushes WHERE call_id = ANY (%(ids)s) LIMIT 1"

NUMBER_IS_THERE: LiteralString = "SELECT FROM airudder.pushes WHERE callee_number = ANY (%(numbers)s) LIMIT 1"

NUMBERS_OF_CASE: LiteralString = """
SELECT DISTINCT callee_number FROM airudder.cases WHERE case_id = ANY (%(ids)s) AND case_id <> '' LIMIT %(most)s
"""

CASE_WITHOUT_NUMBER_IS_THERE: LiteralString = """
SELECT FROM airudder.pushes WHERE case_id = ANY (%(ids)s) AND callee_number IS NULL AND status <> 'erased' LIMIT 1
"""

PUSH_IN_FULL: LiteralString = f"""
SELECT {_SHOWN}, error_path, {FINGERPRINT} AS fingerprint, warnings, body, signature
FROM airudder.pushes WHERE push_id = %(push_id)s AND received_at = %(received_at)s
"""

DELIVERIES: LiteralString = f"""
SELECT DISTINCT ON (received_at, push_id) {_SHOWN} FROM (
  SELECT {_FOUND} FROM airudder.pushes WHERE call_id = %(call_id)s AND source = %(source)s
  UNION ALL
  SELECT {_FOUND} FROM airudder.pushes
  JOIN unnest(%(times)s::timestamptz[], %(push_ids)s::uuid[]) AS same_bytes (received_at, push_id)
    USING (received_at, push_id)
) AS deliveries ORDER BY received_at DESC, push_id DESC LIMIT %(most)s
"""
"""Of a call, and of the same bytes"""


@dataclass(frozen=True)
class Meant:
    """Which pushes an id stands for. `reach`: by an index; `condition`: tried on each; `parameters` of both."""

    found_as: tuple[str, ...] = ()
    reach: LiteralString | None = None
    condition: LiteralString | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


OF_PUSH: LiteralString = "received_at = %(push_received_at)s AND push_id = %(push_id)s"
OF_BATCH: LiteralString = "received_at BETWEEN %(opened_at)s AND %(settled_at)s"
SETTLED_IN_BATCH: LiteralString = "(normalised_at = ANY (%(moments)s) OR push_id = ANY (%(died)s))"
OF_CALL: LiteralString = "call_id = ANY (%(ids)s)"
OF_NUMBER: LiteralString = "callee_number = ANY (%(numbers)s)"
OF_CASE: LiteralString = "(callee_number = ANY (%(case_numbers)s) AND case_id = ANY (%(ids)s))"
OF_CASE_WITHOUT_NUMBER: LiteralString = "(callee_number IS NULL AND status <> 'erased' AND case_id = ANY (%(ids)s))"
OF_WORKFLOW_OR_TASK: LiteralString = "(workflow_id = ANY (%(ids)s) OR task_id = ANY (%(ids)s))"


def page_of(meant: Meant, wanted: Filter, place: Place | None) -> str:
    """The pushes of one page, and one more if there is one; towards newer ones the oldest first."""
    conditions = [sql for name, sql in _CONDITIONS.items() if _is_condition(wanted, name)]
    conditions += [meant.condition] if meant.condition else []
    return _PAGE.format(
        shown=_SHOWN,
        found=_FOUND,
        reach=_reach(meant, wanted, place),
        conditions=" AND ".join(conditions) or "true",
        order=_order(place),
    )


def end_of(meant: Meant, wanted: Filter, place: Place | None) -> str:
    """The last push of the stretch that such a page looks at; none where nothing lies behind the stretch."""
    return _END.format(reach=_reach(meant, wanted, place), order=_order(place))


def _is_condition(wanted: Filter, name: str) -> bool:
    return bool(getattr(wanted, name)) and not (name == "status" and wanted.status in _REACH_OF_STATUS)


def _reach(meant: Meant, wanted: Filter, place: Place | None) -> str:
    reach: list[str] = [meant.reach] if meant.reach else []
    reach += [sql for name, sql in _REACH.items() if getattr(wanted, name)]
    reach += [_REACH_OF_STATUS[wanted.outcome]] if wanted.outcome in _REACH_OF_STATUS else []
    reach += ["warnings IS NOT NULL"] if wanted.warned or wanted.path else []
    if place:
        reach.append(_NEWER if place.newer else _OLDER)
    return " AND ".join(reach) or "true"


def _order(place: Place | None) -> str:
    return "ASC" if place and place.newer else "DESC"
