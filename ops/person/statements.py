"""The SQL statements by which `erase` and `export` find whom they are about and which raw pushes are theirs. Those for
the rows of tables are derived in `ops.person.rows`.

The parameters are those of `Person.parameters`: the `numbers` of a person, or one `case_id` with the `case_spellings`
that it may be stored by and the `case_numbers` that it is known with, the others being empty or null; the calls and
cases that are known to be theirs; and a `source`, or null for all. A row that names somebody else is never theirs; one
that names nobody, as a call whose newest push did not, is theirs if its call or case is. An erased push is nobody's.
"""
# ruff: noqa: S608 - the fragments are constants, too

from __future__ import annotations

from typing import LiteralString

from workers.settlements import FIRST_OUTCOME, logged

OF_SOURCE: LiteralString = "(%(source)s::text IS NULL OR source = %(source)s::text)"
_NAMES_NOBODY: LiteralString = "CASE WHEN %(case_id)s::text IS NULL THEN callee_number ELSE case_id END IS NULL"
THEIR_CALL: LiteralString = """(
  call_id = ANY (%(call_ids)s::text[])
    AND (call_id, source) IN (SELECT * FROM unnest(%(call_ids)s::text[], %(call_sources)s::text[])))"""
_THEIR_CASE: LiteralString = """(
  case_id <> '' AND case_id = ANY (%(case_ids)s::text[])
    AND (case_id, source) IN (SELECT * FROM unnest(%(case_ids)s::text[], %(case_sources)s::text[])))"""

NUMBERS_SPELT_SO: LiteralString = """
SELECT callee_number FROM airudder.callees WHERE callee_number = ANY (%(in_e164)s::text[])
UNION
SELECT callee_number FROM airudder.callees
WHERE country IS NULL AND regexp_replace(callee_number, '[^0-9]', '', 'g') = ANY (%(spellings)s::text[])
"""
"""One that could not be read as E.164 is stored as it was sent, spaces and all, and has no country."""

NUMBERS_OF_CASE: LiteralString = f"""
SELECT DISTINCT callee_number FROM airudder.cases
WHERE {OF_SOURCE} AND case_id <> '' AND case_id = ANY (%(case_spellings)s::text[])
"""

SOURCES_OF_CASE: LiteralString = (
    "SELECT DISTINCT source FROM airudder.cases WHERE case_id = ANY (%(case_spellings)s::text[])"
)

CASES_OF_NOBODY_ELSE: LiteralString = f"""
SELECT source, case_id FROM airudder.cases
WHERE {OF_SOURCE} AND callee_number = ANY (%(numbers)s::text[]) AND case_id <> '' AND NOT EXISTS (
  SELECT FROM airudder.cases AS other
  WHERE other.case_id = cases.case_id AND other.case_id <> '' AND other.source = cases.source
    AND other.callee_number <> ALL (%(numbers)s::text[]))
"""

THEIR_CALLS: LiteralString = f"""
{OF_SOURCE} AND (
  callee_number = ANY (%(numbers)s::text[]) OR (case_id <> '' AND case_id = ANY (%(case_spellings)s::text[]))
  OR ({_NAMES_NOBODY} AND {THEIR_CALL}) OR ({_NAMES_NOBODY} AND {_THEIR_CASE}))
"""
CALLS_OF_PERSON: LiteralString = f"SELECT source, call_id FROM airudder.calls WHERE {THEIR_CALLS}"

_PUSH_KEY: LiteralString = "SELECT push_id, received_at, source, call_id, body_digest FROM airudder.pushes"
_PUSH_AND_BODY: LiteralString = """
SELECT push_id, received_at, source, kind, body, signature, body_digest, case_id, call_id FROM airudder.pushes"""
_WITHOUT_NUMBER: LiteralString = "callee_number IS NULL AND status <> 'erased'"

PUSHES_OF_NUMBERS: LiteralString = f"{_PUSH_KEY} WHERE {OF_SOURCE} AND callee_number = ANY (%(numbers)s::text[])"

PUSHES_OF_CASE: LiteralString = f"""
{_PUSH_KEY} WHERE {OF_SOURCE} AND callee_number = ANY (%(case_numbers)s::text[])
  AND case_id = ANY (%(case_spellings)s::text[])
UNION ALL
{_PUSH_KEY} WHERE {OF_SOURCE} AND {_WITHOUT_NUMBER} AND case_id = ANY (%(case_spellings)s::text[])
"""
"""By the numbers of the case: an index by case id would cost every push, and this question is rare."""

PUSHES_WITHOUT_NUMBER: LiteralString = f"{_PUSH_AND_BODY} WHERE {OF_SOURCE} AND {_WITHOUT_NUMBER}"
"""Among them all that are pending or dead: nobody has read them yet, or could."""

PUSHES_WITHOUT_CASE: LiteralString = f"""
{_PUSH_AND_BODY} WHERE {OF_SOURCE} AND {_WITHOUT_NUMBER} AND case_id IS NULL
UNION ALL
{_PUSH_AND_BODY} WHERE {OF_SOURCE} AND callee_number = ANY (%(case_numbers)s::text[]) AND case_id IS NULL
"""
"""The same, and what else came about the case's callees."""

PUSHES_OF_CALLS_WITHOUT_CASE: LiteralString = f"""
{_PUSH_AND_BODY} WHERE {OF_SOURCE} AND status <> 'erased' AND case_id IS NULL AND {THEIR_CALL}
"""

COUNT_WITHOUT_NUMBER: LiteralString = f"""
SELECT count(*) AS pushes FROM airudder.pushes WHERE {_WITHOUT_NUMBER}
"""

# What is exported -----------------------------------------------------------------------------------------------------

PUSHES_IN_FULL: LiteralString = """
SELECT push_id, received_at, source, kind, status, signature, error, error_path, warnings, attempts, workflow_id,
  node_id, task_id, callee_number, case_id, call_id, normalised_at, body
FROM airudder.pushes
JOIN unnest(%(received_ats)s::timestamptz[], %(push_ids)s::uuid[]) AS theirs (received_at, push_id)
  USING (received_at, push_id)
WHERE status <> 'erased' ORDER BY received_at, push_id
"""

EVENTS_OF_PUSHES: LiteralString = """
SELECT push_id, at, event, error, error_path, action_id FROM airudder.push_events
WHERE push_id = ANY (%(push_ids)s) ORDER BY push_id, event_id
"""

# What is erased -------------------------------------------------------------------------------------------------------

_OPERATOR: LiteralString = "NULL::uuid, %(worker)s::text, 0"
"""As what takes outcomes back is logged."""

STORE_ERASED: LiteralString = logged(
    """
INSERT INTO airudder.pushes AS stored (push_id, received_at, source, kind, body, status, through_redis)
SELECT push_id, received_at, source, kind, '', 'erased', true
FROM unnest(%(push_ids)s::uuid[], %(received_ats)s::timestamptz[], %(sources)s::text[], %(kinds)s::text[])
  AS entry (push_id, received_at, source, kind)
ORDER BY received_at, push_id
ON CONFLICT (received_at, push_id) DO NOTHING
""",
    former="stored.status",
    is_first="true",
    attempt=_OPERATOR,
)
"""Before they leave Redis: a worker that has them in hand does not overwrite an outcome."""

ERASE_PUSHES: LiteralString = logged(
    """
UPDATE airudder.pushes AS stored SET
  status = 'erased', body = '', signature = NULL, error = NULL, error_path = NULL, warnings = NULL,
  callee_number = NULL, case_id = NULL, normalised_at = NULL
FROM (
  SELECT received_at, push_id, status, warnings IS NOT NULL AS is_warned FROM airudder.pushes
  WHERE (received_at, push_id) IN (SELECT * FROM unnest(%(received_ats)s::timestamptz[], %(push_ids)s::uuid[]))
    AND status <> 'erased'
  ORDER BY received_at, push_id FOR UPDATE
) AS theirs
WHERE stored.received_at = theirs.received_at AND stored.push_id = theirs.push_id
""",
    former="theirs.status",
    is_first=f"theirs.status = 'pending' AND {FIRST_OUTCOME}",
    is_warned="theirs.is_warned",
    told="push_id, received_at, former AS status",
    attempt=_OPERATOR,
)
"""Gives each push with the outcome that it had."""

FORGET_ERRORS: LiteralString = """
UPDATE airudder.push_events SET error = NULL, error_path = NULL
WHERE push_id = ANY (%(push_ids)s) AND error IS NOT NULL
"""
"""They quote nothing of a push; but of an erased one it is not to be said either what was wrong with it."""

NOTE_ERASED: LiteralString = """
INSERT INTO airudder.push_events (push_id, received_at, event, action_id)
SELECT push_id, received_at, 'erased', %(action_id)s
FROM unnest(%(push_ids)s::uuid[], %(received_ats)s::timestamptz[]) AS theirs (push_id, received_at)
"""

WAIT_NO_LONGER_THAN_A_MINUTE: LiteralString = "SET LOCAL lock_timeout = '60s'"

WAIT_FOR_SWEEPER: LiteralString = """
SELECT pg_advisory_xact_lock(hashtext('airudder-ingest sweeper'))
"""
"""It holds this lock while it has pending pushes in hand."""
