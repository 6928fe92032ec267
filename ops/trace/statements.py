"""The SQL statements by which a trace is found: each by an index, and bounded, however many pushes there are."""
# ruff: noqa: S608 - the fragments are constants, too

from __future__ import annotations

from typing import LiteralString

_PUSH: LiteralString = """
SELECT push_id, received_at, source, kind, status, error, error_path, warnings, attempts, through_redis, workflow_id,
  node_id, task_id, callee_number, case_id, call_id, normalised_at, replayed_at, body_digest,
  octet_length(body) AS bytes, signature IS NOT NULL AS is_signed
FROM airudder.pushes"""
_NEWEST_FIRST: LiteralString = "ORDER BY received_at DESC LIMIT %(most)s"

PUSH: LiteralString = f"{_PUSH} WHERE push_id = %(push_id)s AND received_at = %(received_at)s"

PUSHES: LiteralString = f"""
{_PUSH} JOIN unnest(%(times)s::timestamptz[], %(push_ids)s::uuid[]) AS wanted (received_at, push_id)
  USING (received_at, push_id)
"""

OF_CALL: LiteralString = f"{_PUSH} WHERE call_id = ANY (%(ids)s) {_NEWEST_FIRST}"

OF_NUMBER: LiteralString = f"{_PUSH} WHERE callee_number = ANY (%(numbers)s) {_NEWEST_FIRST}"

OF_CASE: LiteralString = f"""
SELECT * FROM (
  {_PUSH} WHERE case_id = ANY (%(ids)s) AND callee_number IN (
    SELECT callee_number FROM airudder.cases WHERE case_id = ANY (%(ids)s) AND case_id <> '' LIMIT %(most)s)
  UNION ALL
  {_PUSH} WHERE case_id = ANY (%(ids)s) AND callee_number IS NULL AND status <> 'erased'
) AS of_case {_NEWEST_FIRST}
"""
"""By the numbers that the case is known with, as no index has every push's case."""

OF_NEWEST: LiteralString = f"""
SELECT * FROM (
  {_PUSH} ORDER BY received_at DESC LIMIT %(newest)s
) AS newest WHERE workflow_id = ANY (%(ids)s) OR task_id = ANY (%(ids)s) {_NEWEST_FIRST}
"""
"""No index has every push's workflow or task."""

TOLD_OF_WORKFLOW: LiteralString = """
SELECT push_id, kept_from FROM airudder.workflows WHERE workflow_id = ANY (%(ids)s)
UNION ALL
(SELECT push_id, kept_from FROM airudder.nodes WHERE workflow_id = ANY (%(ids)s) LIMIT %(most)s)
UNION ALL
(SELECT push_id, kept_from FROM airudder.node_tasks WHERE workflow_id = ANY (%(ids)s) LIMIT %(most)s)
UNION ALL
(SELECT push_id, kept_from FROM airudder.workflow_statuses WHERE workflow_id = ANY (%(ids)s)
  ORDER BY told_by DESC LIMIT %(most)s)
"""

TOLD_OF_TASK: LiteralString = """
SELECT push_id, kept_from FROM airudder.qa_reports WHERE task_id = ANY (%(ids)s)
UNION ALL
(SELECT push_id, kept_from FROM airudder.node_tasks WHERE task_id = ANY (%(ids)s) LIMIT %(most)s)
"""

DIGESTS_OF_TASK: LiteralString = "SELECT body_digest FROM airudder.dialer_tasks WHERE task_id = ANY (%(ids)s)"

OF_DIGESTS: LiteralString = f"{_PUSH} WHERE body_digest = ANY (%(digests)s) AND status = 'normalised' {_NEWEST_FIRST}"

SAME_BYTES: LiteralString = f"""
SELECT * FROM (
  {_PUSH} WHERE call_id = %(call_id)s
  UNION ALL
  {_PUSH} WHERE %(call_id)s::text IS NULL AND callee_number = %(callee_number)s
  UNION ALL
  {_PUSH} WHERE %(call_id)s::text IS NULL AND %(callee_number)s::text IS NULL AND callee_number IS NULL
    AND status <> 'erased' AND case_id IS NOT DISTINCT FROM %(case_id)s
    AND received_at BETWEEN %(since)s AND %(until)s
) AS alike
WHERE body_digest = %(body_digest)s AND source = %(source)s AND kind = %(kind)s AND push_id <> %(push_id)s
{_NEWEST_FIRST}
"""
"""A redelivery has the ids of the first delivery, and so it is found by them."""

BODIES: LiteralString = """
SELECT push_id, received_at, source, kind, body, signature FROM airudder.pushes
JOIN unnest(%(times)s::timestamptz[], %(push_ids)s::uuid[]) AS wanted (received_at, push_id)
  USING (received_at, push_id)
"""

EVENTS: LiteralString = """
SELECT push_id, noted.at, event, error, error_path, operator, command, reason
FROM airudder.push_events AS noted LEFT JOIN airudder.actions USING (action_id)
WHERE push_id = ANY (%(push_ids)s) ORDER BY event_id
"""

SETTLEMENTS_AT: LiteralString = """
SELECT settled_at, batch_id, worker, attempt, source, kind, hour FROM airudder.settlements
WHERE settled_at = ANY (%(moments)s)
"""

SETTLEMENTS_OF_DUPLICATES: LiteralString = """
SELECT push_id, found.* FROM unnest(
  %(push_ids)s::uuid[], %(times)s::timestamptz[], %(sources)s::text[], %(kinds)s::text[]
) AS push (push_id, received_at, source, kind)
CROSS JOIN LATERAL (
  SELECT settled_at, batch_id, worker, attempt FROM airudder.settlements AS settled
  WHERE settled.settled_at BETWEEN push.received_at AND push.received_at + interval '1 minute' AND duplicate > 0
    AND settled.source = push.source AND settled.kind = push.kind
    AND settled.hour = date_trunc('hour', push.received_at, 'UTC')
  ORDER BY settled_at LIMIT 2) AS found
"""
"""Nothing in a redelivery's row says when it was settled. Where there are two it may have been either."""

SETTLEMENTS_OF_BATCH: LiteralString = """
SELECT settled_at, batch_id, worker, attempt, source, kind, normalised, duplicate, dead, warned
FROM airudder.settlements WHERE batch_id = %(batch_id)s ORDER BY settled_at LIMIT %(most)s
"""

OF_BATCH: LiteralString = f"""
SELECT * FROM (
  {_PUSH} WHERE received_at BETWEEN %(since)s AND %(until)s ORDER BY received_at LIMIT %(newest)s
) AS came WHERE normalised_at = ANY (%(moments)s) {_NEWEST_FIRST}
"""

DIED_IN_BATCH: LiteralString = """
SELECT push_id, received_at FROM airudder.push_events
WHERE received_at BETWEEN %(since)s AND %(until)s AND event = 'died' AND at = ANY (%(moments)s) LIMIT %(most)s
"""
