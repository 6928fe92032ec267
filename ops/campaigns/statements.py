"""The SQL statements that campaigns are read with: each by an index, and of a period that is bounded before."""
# ruff: noqa: S608 - the fragments are constants, too

from __future__ import annotations

from typing import LiteralString

_IN_PERIOD: LiteralString = "WHERE started_at >= %(since)s AND started_at < %(until)s"

_OF_WORKFLOW: LiteralString = "source = %(source)s AND workflow_id IS NOT DISTINCT FROM %(workflow_id)s"

_QUARTER: LiteralString = "date_bin('15 minutes', started_at, '2000-01-01T00:00:00Z'::timestamptz)"

_SECONDS: LiteralString = "date_part('epoch', duration)::bigint"

_INTENTION: LiteralString = "CASE WHEN length(intention) > 2 THEN 'other' ELSE intention END"
"""No more than the letter, as anything else may tell of a person, or be new in every call"""

_FIGURES: LiteralString = """
  count(*) AS calls, count(*) FILTER (WHERE turn_count > 0) AS reached,
  count(*) FILTER (WHERE callee_turn_count > 0) AS conversations, min(started_at) AS first_at,
  max(started_at) AS last_at
"""

CALLS_OF_DAY: LiteralString = f"""
SELECT source, workflow_id, grouping(seconds) AS without_seconds, seconds, intention, sum(calls)::bigint AS calls,
  sum(reached)::bigint AS reached, sum(conversations)::bigint AS conversations, min(first_at) AS first_at,
  max(last_at) AS last_at
FROM (
  SELECT source, workflow_id, {_SECONDS} AS seconds, {_INTENTION} AS intention, {_FIGURES}
  FROM airudder.calls {_IN_PERIOD} GROUP BY 1, 2, 3, 4) AS of_day
GROUP BY GROUPING SETS ((source, workflow_id, seconds), (source, workflow_id, intention))
"""
"""A median is had from how many calls lasted how long, as sorting the calls would take longer than reading them. The
calls are grouped once before, as Postgres does that in parallel, and grouping sets not."""

CALLS_OF_WORKFLOW: LiteralString = f"""
SELECT grouping(seconds, intention, quarter, ring_type, hangup_type) AS without, seconds, intention, quarter, ring_type,
  hangup_type, sum(seconds) AS all_seconds, count(seconds) AS timed, {_FIGURES}
FROM (
  SELECT {_QUARTER} AS quarter, started_at, turn_count, callee_turn_count,
    {_SECONDS} AS seconds, {_INTENTION} AS intention,
    CASE WHEN ring_type IN (SELECT known.ring_type FROM airudder.ring_types AS known) THEN ring_type
      ELSE left(ring_type, 0) END AS ring_type,
    CASE WHEN hangup_type IN (SELECT known.hangup_type FROM airudder.hangup_types AS known) THEN hangup_type
      ELSE left(hangup_type, 0) END AS hangup_type
  FROM airudder.calls {_IN_PERIOD} AND {_OF_WORKFLOW}
) AS of_workflow
GROUP BY GROUPING SETS ((seconds), (intention), (quarter), (ring_type), (hangup_type))
"""
"""By quarters of an hour, as there are zones whose hours begin at a quarter of ours. A word that is not documented is
"": it may be anything."""

CALLS_OF_WEEK: LiteralString = f"""
SELECT {_QUARTER} AS quarter, count(*) AS calls,
  count(*) FILTER (WHERE turn_count > 0) AS reached
FROM airudder.calls {_IN_PERIOD} AND {_OF_WORKFLOW}
GROUP BY quarter
"""

COMPLETED_OF_DAY: LiteralString = f"""
SELECT source, workflow_id, nodetask_id, count(*) AS numbers,
  count(*) FILTER (WHERE lower(status) = 'finished') AS reached
FROM airudder.completed_calls {_IN_PERIOD}
GROUP BY source, workflow_id, nodetask_id
"""

SESSIONS_OF_DAY: LiteralString = f"""
SELECT source, workflow_id, count(*) AS sessions, count(*) FILTER (WHERE callee_message_count > 0) AS answered
FROM airudder.sessions {_IN_PERIOD}
GROUP BY source, workflow_id
"""

LATEST_BEYOND: LiteralString = """
SELECT max(started_at) AS started_at FROM (
  (SELECT started_at FROM airudder.calls WHERE started_at >= %(since)s AND started_at < %(until)s
    ORDER BY started_at DESC OFFSET %(most)s LIMIT 1)
  UNION ALL
  (SELECT started_at FROM airudder.completed_calls WHERE started_at >= %(since)s AND started_at < %(until)s
    ORDER BY started_at DESC OFFSET %(most)s LIMIT 1)
  UNION ALL
  (SELECT started_at FROM airudder.sessions WHERE started_at >= %(since)s AND started_at < %(until)s
    ORDER BY started_at DESC OFFSET %(most)s LIMIT 1)
) AS beyond
"""
"""From the indexes alone"""

CALLS_WITHOUT_START: LiteralString = """
SELECT count(*) AS calls FROM (SELECT FROM airudder.calls WHERE started_at IS NULL LIMIT %(most)s) AS without_start
"""

LAST_START: LiteralString = """
SELECT max(started_at) AS started_at FROM (
  (SELECT started_at FROM airudder.calls WHERE started_at < %(until)s ORDER BY started_at DESC LIMIT 1)
  UNION ALL
  (SELECT started_at FROM airudder.completed_calls WHERE started_at < %(until)s ORDER BY started_at DESC LIMIT 1)
  UNION ALL
  (SELECT started_at FROM airudder.sessions WHERE started_at < %(until)s ORDER BY started_at DESC LIMIT 1)
) AS last
"""

WORKFLOW_NAMES: LiteralString = """
SELECT source, workflow_id, name, status FROM airudder.workflows
JOIN unnest(%(sources)s::text[], %(workflow_ids)s::text[]) AS wanted (source, workflow_id) USING (source, workflow_id)
"""

NODE_NAMES: LiteralString = """
SELECT node_id, coalesce(max(node_name), max(task_name)) AS name, max(node_type) AS node_type
FROM (
  SELECT node_id, name AS node_name, NULL AS task_name, NULL AS node_type FROM airudder.nodes
  WHERE source = %(source)s AND workflow_id = %(workflow_id)s AND node_id = ANY (%(node_ids)s)
  UNION ALL
  SELECT nodetask_id, NULL, name, node_type FROM airudder.node_tasks
  WHERE source = %(source)s AND workflow_id = %(workflow_id)s AND nodetask_id = ANY (%(node_ids)s)
) AS named
GROUP BY node_id
"""

RING_TYPES: LiteralString = "SELECT ring_type AS word, meaning FROM airudder.ring_types"

HANGUP_TYPES: LiteralString = "SELECT hangup_type AS word, meaning FROM airudder.hangup_types"

_LOOKED: LiteralString = """
SELECT source, call_id, workflow_id, callee_number, case_id, started_at, duration, attempt, ring_type, hangup_type,
  intention, turn_count, callee_turn_count
FROM airudder.calls
WHERE started_at >= %(since)s AND started_at < %(until)s
  AND (started_at, source, call_id) < (%(before_at)s, %(before_source)s, %(before_call_id)s)
ORDER BY started_at DESC, source DESC, call_id DESC LIMIT %(looked)s
"""

PAGE_OF_CALLS: LiteralString = f"""
SELECT * FROM ({_LOOKED}) AS looked
WHERE {_OF_WORKFLOW} AND (%(intention)s::text IS NULL OR intention = %(intention)s) AND CASE %(outcome)s::text
  WHEN 'conversation' THEN callee_turn_count > 0 WHEN 'reached' THEN turn_count > 0
  WHEN 'not reached' THEN coalesce(turn_count, 0) = 0 ELSE true END
ORDER BY started_at DESC, source DESC, call_id DESC LIMIT %(most)s
"""

LAST_LOOKED: LiteralString = f"""
SELECT started_at, source, call_id FROM ({_LOOKED}) AS looked
ORDER BY started_at DESC, source DESC, call_id DESC OFFSET %(looked)s - 1
"""

NODES_OF_CALLS: LiteralString = f"""
WITH followed AS (
  SELECT source, call_id, callee_number, case_id FROM airudder.calls {_IN_PERIOD} AND {_OF_WORKFLOW}
  ORDER BY started_at DESC LIMIT %(some)s
), passed AS (
  SELECT node_id, call_id, coalesce(callee_number || ' ' || coalesce(case_id, ''), call_id) AS about, min(at) AS at
  FROM followed CROSS JOIN LATERAL (
    SELECT node_id, received_at AS at FROM airudder.pushes
    WHERE call_id = followed.call_id AND source = followed.source AND status = 'normalised' AND node_id IS NOT NULL
      AND workflow_id = %(workflow_id)s AND received_at >= %(since)s AND received_at < %(told_until)s
    UNION ALL
    SELECT node_id, received_at FROM airudder.call_attributes
    WHERE call_id = followed.call_id AND source = followed.source AND node_id <> ''
  ) AS told
  GROUP BY 1, 2, 3
), placed AS (
  SELECT *, dense_rank() OVER (PARTITION BY about ORDER BY at) AS place FROM passed
)
SELECT node_id, count(DISTINCT call_id) AS calls, count(DISTINCT about) AS cases, avg(place)::float AS place,
  (SELECT count(*) FROM followed) AS of_calls
FROM placed GROUP BY node_id
"""
"""A node's push may come when raw pushes of the day are removed already, or bring no attributes: both tell of it."""

NODES_OF_LISTS: LiteralString = f"""
WITH followed AS (
  SELECT source, callee_number FROM airudder.calls {_IN_PERIOD} AND {_OF_WORKFLOW} AND callee_number IS NOT NULL
  ORDER BY started_at DESC LIMIT %(some)s
), done AS (
  SELECT nodes FROM (SELECT DISTINCT source, callee_number FROM followed) AS called CROSS JOIN LATERAL (
    SELECT nodes FROM airudder.list_completions
    WHERE callee_number = called.callee_number AND source = called.source AND workflow_id = %(workflow_id)s) AS theirs
)
SELECT node ->> 'nodetask_id' AS node_id, count(*) AS listed, avg(place)::float AS place,
  (SELECT count(*) FROM done) AS of_listed
FROM done CROSS JOIN jsonb_array_elements(nodes) WITH ORDINALITY AS each (node, place)
WHERE node ->> 'nodetask_id' IS NOT NULL
GROUP BY 1
"""

CALL: LiteralString = """
SELECT source, call_id, task_id, callee_number, case_id, workflow_id, workflows.name AS workflow_name, started_at,
  ended_at, duration, attempt, calls.ring_type, ring_types.meaning AS ring_meaning, calls.hangup_type,
  hangup_types.meaning AS hangup_meaning, intention, slots, multi_label, asr_ptp, transcript, turn_count,
  callee_turn_count, callee_word_count, calls.received_at, calls.push_id
FROM airudder.calls LEFT JOIN airudder.workflows USING (source, workflow_id)
LEFT JOIN airudder.ring_types USING (ring_type) LEFT JOIN airudder.hangup_types USING (hangup_type)
WHERE call_id = %(call_id)s AND source = %(source)s
"""

ATTRIBUTES_OF_CALL: LiteralString = """
SELECT node_id, (
    SELECT name FROM airudder.nodes
    WHERE source = %(source)s AND workflow_id = %(workflow_id)s AND nodes.node_id = added.node_id) AS node_name,
  custom_attribute, received_at, push_id
FROM airudder.call_attributes AS added WHERE call_id = %(call_id)s AND source = %(source)s
ORDER BY received_at LIMIT %(most)s
"""

PUSHES_OF_CALL: LiteralString = """
SELECT push_id, received_at, kind, status, node_id, jsonb_array_length(warnings) AS warnings
FROM airudder.pushes WHERE call_id = %(call_id)s AND source = %(source)s ORDER BY received_at DESC LIMIT %(most)s
"""

DIALER_CALL: LiteralString = """
SELECT state, hangup_reason, meaning AS hangup_meaning, agent_name, nth_call, talk_remarks
FROM airudder.dialer_calls LEFT JOIN airudder.dialer_hangup_reasons ON reason = hangup_reason
WHERE call_id = %(call_id)s AND source = %(source)s
"""

PERSON: LiteralString = """
SELECT source, callee_number, country, name FROM airudder.callees
WHERE callee_number = ANY (%(numbers)s) ORDER BY source, callee_number LIMIT %(most)s
"""

CONTACTS: LiteralString = """
SELECT looked.source, at, channel, contact_id, workflow_id, workflows.name AS workflow_name, task_id, outcome,
  count(*) OVER () AS contacts
FROM (SELECT * FROM airudder.contacts WHERE callee_number = ANY (%(numbers)s) LIMIT %(looked)s) AS looked
LEFT JOIN airudder.workflows USING (source, workflow_id)
ORDER BY at DESC, looked.received_at DESC, channel, looked.source, contact_id LIMIT %(most)s OFFSET %(start)s
"""
