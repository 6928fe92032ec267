"""Every SQL statement by which `erase` and `export` find, and remove, what is held on a person.

The parameters are those of `Person.parameters`: the `numbers` of a person, or one `case_id` with the `case_spellings`
that it may be stored by and the `case_numbers` that it is known with, the others being empty or null; the calls and
cases that are known to be theirs; and a `source`, or null for all. A row that names somebody else is never theirs; one
that names nobody, as a call whose newest push did not, is theirs if its call or case is. An erased push is nobody's.
"""
# ruff: noqa: S608 - the fragments are constants, too

from __future__ import annotations

from typing import LiteralString

_OF_SOURCE: LiteralString = "(%(source)s::text IS NULL OR source = %(source)s::text)"
_NAMES_NOBODY: LiteralString = "CASE WHEN %(case_id)s::text IS NULL THEN callee_number ELSE case_id END IS NULL"
_THEIR_CALL: LiteralString = """(
  call_id = ANY (%(call_ids)s::text[])
    AND (call_id, source) IN (SELECT * FROM unnest(%(call_ids)s::text[], %(call_sources)s::text[])))"""
_THEIR_CASE: LiteralString = """(
  case_id <> '' AND case_id = ANY (%(case_ids)s::text[])
    AND (case_id, source) IN (SELECT * FROM unnest(%(case_ids)s::text[], %(case_sources)s::text[])))"""
_CALL_KEYS: LiteralString = "unnest(%(sources)s::text[], %(call_ids)s::text[]) AS theirs (source, call_id)"

NUMBERS_SPELT_SO: LiteralString = """
SELECT callee_number FROM airudder.callees WHERE callee_number = ANY (%(in_e164)s::text[])
UNION
SELECT callee_number FROM airudder.callees
WHERE country IS NULL AND regexp_replace(callee_number, '[^0-9]', '', 'g') = ANY (%(spellings)s::text[])
"""
"""One that could not be read as E.164 is stored as it was sent, spaces and all, and has no country."""

NUMBERS_OF_CASE: LiteralString = f"""
SELECT DISTINCT callee_number FROM airudder.cases
WHERE {_OF_SOURCE} AND case_id <> '' AND case_id = ANY (%(case_spellings)s::text[])
"""

SOURCES_OF_CASE: LiteralString = (
    "SELECT DISTINCT source FROM airudder.cases WHERE case_id = ANY (%(case_spellings)s::text[])"
)

CASES_OF_NOBODY_ELSE: LiteralString = f"""
SELECT source, case_id FROM airudder.cases
WHERE {_OF_SOURCE} AND callee_number = ANY (%(numbers)s::text[]) AND case_id <> '' AND NOT EXISTS (
  SELECT FROM airudder.cases AS other
  WHERE other.case_id = cases.case_id AND other.case_id <> '' AND other.source = cases.source
    AND other.callee_number <> ALL (%(numbers)s::text[]))
"""

_CALLS_OF_PERSON: LiteralString = f"""
FROM airudder.calls WHERE {_OF_SOURCE} AND (
  callee_number = ANY (%(numbers)s::text[]) OR (case_id <> '' AND case_id = ANY (%(case_spellings)s::text[]))
  OR ({_NAMES_NOBODY} AND {_THEIR_CALL}) OR ({_NAMES_NOBODY} AND {_THEIR_CASE}))
"""
CALLS_OF_PERSON: LiteralString = f"SELECT source, call_id {_CALLS_OF_PERSON}"

_PUSH_KEY: LiteralString = "SELECT push_id, received_at, source, call_id FROM airudder.pushes"
_PUSH_AND_BODY: LiteralString = "SELECT push_id, received_at, source, kind, body FROM airudder.pushes"
_WITHOUT_NUMBER: LiteralString = "callee_number IS NULL AND status <> 'erased'"

PUSHES_OF_NUMBERS: LiteralString = f"{_PUSH_KEY} WHERE {_OF_SOURCE} AND callee_number = ANY (%(numbers)s::text[])"

PUSHES_OF_CASE: LiteralString = f"""
{_PUSH_KEY} WHERE {_OF_SOURCE} AND callee_number = ANY (%(case_numbers)s::text[])
  AND case_id = ANY (%(case_spellings)s::text[])
UNION ALL
{_PUSH_KEY} WHERE {_OF_SOURCE} AND {_WITHOUT_NUMBER} AND case_id = ANY (%(case_spellings)s::text[])
"""
"""By the numbers of the case: an index by case id would cost every push, and this question is rare."""

PUSHES_WITHOUT_NUMBER: LiteralString = f"{_PUSH_AND_BODY} WHERE {_OF_SOURCE} AND {_WITHOUT_NUMBER}"
"""Among them all that are pending or dead: nobody has read them yet, or could."""

PUSHES_WITHOUT_CASE: LiteralString = f"""
{_PUSH_AND_BODY} WHERE {_OF_SOURCE} AND {_WITHOUT_NUMBER} AND case_id IS NULL
UNION ALL
{_PUSH_AND_BODY} WHERE {_OF_SOURCE} AND callee_number = ANY (%(case_numbers)s::text[]) AND case_id IS NULL
"""
"""The same, and what else came about the case's callees."""

PUSHES_OF_CALLS_WITHOUT_CASE: LiteralString = f"""
{_PUSH_AND_BODY} WHERE {_OF_SOURCE} AND status <> 'erased' AND case_id IS NULL AND {_THEIR_CALL}
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

_CASES_OF_PERSON: LiteralString = f"""
{_OF_SOURCE} AND (callee_number = ANY (%(numbers)s::text[])
  OR (callee_number = ANY (%(case_numbers)s::text[]) AND case_id = ANY (%(case_spellings)s::text[])))
"""
"""Of a case only the rows of those numbers by which its pushes are looked for: what a worker adds meanwhile has to be
there in the next pass, or its pushes would not be found."""

CASES_OF_PERSON: LiteralString = f"SELECT * FROM airudder.cases WHERE {_CASES_OF_PERSON}"

CALLEES_OF_PERSON: LiteralString = f"""
SELECT * FROM airudder.callees
WHERE {_OF_SOURCE} AND (callee_number = ANY (%(numbers)s::text[])
  OR (callee_number = ANY (%(case_numbers)s::text[]) AND EXISTS (
    SELECT FROM airudder.cases
    WHERE cases.callee_number = callees.callee_number AND cases.source = callees.source
      AND cases.case_id = ANY (%(case_spellings)s::text[]))))
ORDER BY source, callee_number
"""

CALLS_IN_FULL_OF_PERSON: LiteralString = f"SELECT * {_CALLS_OF_PERSON} ORDER BY started_at"

ATTRIBUTES_OF_CALLS: LiteralString = f"""
SELECT attributes.* FROM airudder.call_attributes AS attributes JOIN {_CALL_KEYS} USING (source, call_id)
ORDER BY received_at
"""

# What is erased, in the order in which workers write ------------------------------------------------------------------

STORE_ERASED: LiteralString = """
INSERT INTO airudder.pushes AS stored (push_id, received_at, source, kind, body, status, through_redis)
SELECT push_id, received_at, source, kind, '', 'erased', true
FROM unnest(%(push_ids)s::uuid[], %(times)s::timestamptz[], %(sources)s::text[], %(kinds)s::text[])
  AS entry (push_id, received_at, source, kind)
ORDER BY received_at, push_id
ON CONFLICT (received_at, push_id) DO UPDATE SET
  status = 'erased', body = '', signature = NULL, error = NULL, error_path = NULL, warnings = NULL,
  callee_number = NULL, case_id = NULL, normalised_at = NULL, through_redis = true
"""
"""Before they leave Redis: a worker that has them in hand does not overwrite an outcome."""

ERASE_PUSHES: LiteralString = """
UPDATE airudder.pushes AS push SET
  status = 'erased', body = '', signature = NULL, error = NULL, error_path = NULL, warnings = NULL,
  callee_number = NULL, case_id = NULL, normalised_at = NULL
FROM (
  SELECT received_at, push_id, status FROM airudder.pushes
  WHERE (received_at, push_id) IN (SELECT * FROM unnest(%(received_ats)s::timestamptz[], %(push_ids)s::uuid[]))
    AND status <> 'erased'
  ORDER BY received_at, push_id FOR UPDATE
) AS theirs
WHERE push.received_at = theirs.received_at AND push.push_id = theirs.push_id
RETURNING theirs.status
"""

LOCK_CALLEES_OF_PERSON: LiteralString = f"{CALLEES_OF_PERSON} FOR UPDATE"
"""A worker writes a callee before their cases: one that is at another case of theirs is waited for."""

DELETE_CASES: LiteralString = f"""
DELETE FROM airudder.cases WHERE {_CASES_OF_PERSON}
RETURNING coalesce(jsonb_array_length(answers), 0) AS answers
"""

DELETE_CALLEES_WITHOUT_CASES: LiteralString = """
DELETE FROM airudder.callees AS callee
USING unnest(%(sources)s::text[], %(callee_numbers)s::text[]) AS theirs (source, callee_number)
WHERE callee.source = theirs.source AND callee.callee_number = theirs.callee_number AND NOT EXISTS (
  SELECT FROM airudder.cases
  WHERE cases.source = theirs.source AND cases.callee_number = theirs.callee_number)
"""

LOCK_CALLS_OF_PERSON: LiteralString = f"""
SELECT source, call_id, coalesce(jsonb_array_length(transcript), 0) AS turns {_CALLS_OF_PERSON}
ORDER BY source, call_id FOR UPDATE
"""

ERASE_CALLS: LiteralString = f"""
UPDATE airudder.calls AS call SET
  callee_number = NULL, case_id = NULL, slots = NULL, multi_label = NULL, asr_ptp = NULL,
  transcript = NULL,
  intention = CASE WHEN intention ~ '^[A-Za-z]$' THEN intention END,
  ring_type = (SELECT known.ring_type FROM airudder.ring_types AS known WHERE known.ring_type = call.ring_type),
  hangup_type = (SELECT known.hangup_type FROM airudder.hangup_types AS known
    WHERE known.hangup_type = call.hangup_type)
FROM {_CALL_KEYS}
WHERE call.source = theirs.source AND call.call_id = theirs.call_id AND (
  num_nonnulls(callee_number, case_id, slots, multi_label, asr_ptp, transcript) > 0
  OR intention !~ '^[A-Za-z]$'
  OR (ring_type IS NOT NULL AND ring_type NOT IN (SELECT known.ring_type FROM airudder.ring_types AS known))
  OR (hangup_type IS NOT NULL AND hangup_type NOT IN (SELECT known.hangup_type FROM airudder.hangup_types AS known)))
"""
"""What stays is the call's statistics. Words that the vendor does not document may hold anything."""

DELETE_ATTRIBUTES: LiteralString = f"""
DELETE FROM airudder.call_attributes AS attributes USING {_CALL_KEYS}
WHERE attributes.source = theirs.source AND attributes.call_id = theirs.call_id
"""

_OF_PUSHES: LiteralString = """
unnest(%(sources)s::text[], %(call_ids)s::text[], %(push_ids)s::uuid[]) AS said (source, call_id, push_id)
"""

_TOLD_BY_THEM: LiteralString = "coalesce((kept_from ->> '{}')::uuid, call.push_id) = ANY (said.push_ids)"
_CALLS_OF_PUSHES: LiteralString = f"""
(SELECT source, call_id, array_agg(push_id) AS push_ids FROM {_OF_PUSHES} GROUP BY 1, 2) AS said
"""

LOCK_TRANSCRIPTS_OF_PUSHES: LiteralString = f"""
SELECT jsonb_array_length(transcript) AS turns
FROM airudder.calls AS call JOIN {_CALLS_OF_PUSHES} USING (source, call_id)
WHERE transcript IS NOT NULL AND {_TOLD_BY_THEM.format("transcript")}
ORDER BY source, call_id FOR UPDATE OF call
"""

FORGET_WORDS_OF_PUSHES: LiteralString = f"""
UPDATE airudder.calls AS call SET
  callee_number = CASE WHEN NOT {_TOLD_BY_THEM.format("callee_number")} THEN callee_number END,
  case_id = CASE WHEN NOT {_TOLD_BY_THEM.format("case_id")} THEN case_id END,
  ring_type = CASE WHEN NOT {_TOLD_BY_THEM.format("ring_type")} THEN ring_type END,
  hangup_type = CASE WHEN NOT {_TOLD_BY_THEM.format("hangup_type")} THEN hangup_type END,
  intention = CASE WHEN NOT {_TOLD_BY_THEM.format("intention")} THEN intention END,
  slots = CASE WHEN NOT {_TOLD_BY_THEM.format("slots")} THEN slots END,
  multi_label = CASE WHEN NOT {_TOLD_BY_THEM.format("multi_label")} THEN multi_label END,
  asr_ptp = CASE WHEN NOT {_TOLD_BY_THEM.format("asr_ptp")} THEN asr_ptp END,
  transcript = CASE WHEN NOT {_TOLD_BY_THEM.format("transcript")} THEN transcript END
FROM {_CALLS_OF_PUSHES}
WHERE call.source = said.source AND call.call_id = said.call_id
  AND CASE WHEN %(case_id)s::text IS NULL THEN call.callee_number <> ALL (%(numbers)s::text[])
    ELSE call.case_id <> ALL (%(case_spellings)s::text[]) END
"""
"""Of a call that somebody else's later push says is theirs: each column that the person's own push has told. A call of
their own has just been erased, names nobody, and keeps its statistics."""

DELETE_ATTRIBUTES_OF_PUSHES: LiteralString = f"""
DELETE FROM airudder.call_attributes AS attributes USING {_OF_PUSHES}
WHERE attributes.source = said.source AND attributes.call_id = said.call_id AND attributes.push_id = said.push_id
"""

WAIT_NO_LONGER_THAN_A_MINUTE: LiteralString = "SET LOCAL lock_timeout = '60s'"

WAIT_FOR_SWEEPER: LiteralString = """
SELECT pg_advisory_xact_lock(hashtext('airudder-ingest sweeper'))
"""
"""It holds this lock while it has pending pushes in hand."""
