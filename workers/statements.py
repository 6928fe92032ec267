"""Every SQL statement of worker and sweeper, by name, but for the COPYs; the condition is in the name.

Rows go in as one array a column, in the order of the row classes in `workers.rows`, and come out of `unnest` as a
table; in binary (`%b`), as psycopg looks through each text for what to escape otherwise. `stored` is the row that is
there. Its version is (received_at, push_id): the same push may write again, as a batch may run twice and a replay must
be able to correct what a fault left behind.
"""

from __future__ import annotations

from typing import LiteralString

SET_UP_SESSION: LiteralString = """
SELECT set_config('idle_in_transaction_session_timeout', '30s', false),
  set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
  set_config('tcp_keepalives_count', '3', false), set_config('plan_cache_mode', 'force_custom_plan', false),
  set_config('enable_seqscan', 'off', false),
  set_config('search_path', 'pg_catalog, pg_temp', false)
"""
"""A worker that is frozen between two statements, or whose host is gone, would keep its rows locked, and a sweeper
whose host is gone its lock; who is frozen inside a statement is for END_FROZEN_WRITERS. A plan that was made when a
table, or the day's partition, was empty reads all of it when it is not. Thousands of keys are looked up by index:
Postgres would rather read a whole table, up to a hundred thousand rows, for them. Before Postgres 15 anybody may make
functions in `public`, and one of theirs would be ours."""

TELL_TIME: LiteralString = "SELECT now()"

FIND_CALLS: LiteralString = """
SELECT source, call_id FROM airudder.calls WHERE call_id = ANY (%b::text[])
"""

FIND_NORMALISED_DELIVERIES_OF_DIGESTS: LiteralString = """
SELECT source, kind, body_digest, push_id, received_at
FROM airudder.pushes
WHERE body_digest = ANY (%(digests)s) AND status = 'normalised'
  AND received_at BETWEEN %(since)s AND %(until)s
"""

FIND_SETTLED_PUSHES: LiteralString = """
SELECT push_id FROM airudder.pushes
WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status <> 'pending' AND through_redis
"""

UPSERT_PUSHES_IF_NOT_SETTLED: LiteralString = """
INSERT INTO airudder.pushes AS stored (
  received_at, push_id, source, kind, body, status, error, error_path, warnings,
  workflow_id, node_id, callee_number, case_id, call_id, custom_attribute, through_redis, attempts, normalised_at)
SELECT *, %s::boolean, 1, CASE WHEN status = 'normalised' THEN now() END
FROM unnest(
  %b::timestamptz[], %b::uuid[], %b::text[], %b::text[], %b::bytea[], %b::text[], %b::text[], %b::text[],
  %b::text[]::jsonb[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[]::jsonb[]
) AS row (
  received_at, push_id, source, kind, body, status, error, error_path, warnings,
  workflow_id, node_id, callee_number, case_id, call_id, custom_attribute)
ON CONFLICT (received_at, push_id) DO UPDATE SET
  status = excluded.status, error = excluded.error, error_path = excluded.error_path, warnings = excluded.warnings,
  workflow_id = excluded.workflow_id, node_id = excluded.node_id, callee_number = excluded.callee_number,
  case_id = excluded.case_id, call_id = excluded.call_id, custom_attribute = excluded.custom_attribute,
  normalised_at = excluded.normalised_at, through_redis = stored.through_redis OR excluded.through_redis
WHERE stored.status IN ('pending', 'dead')
"""

MARK_PUSHES_THROUGH_REDIS: LiteralString = """
UPDATE airudder.pushes SET through_redis = true
WHERE received_at = ANY (%b::timestamptz[]) AND push_id = ANY (%b::uuid[]) AND NOT through_redis
"""

UPSERT_WORKFLOWS_IF_NEWER: LiteralString = """
INSERT INTO airudder.workflows AS stored (source, workflow_id, name, received_at, push_id)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::uuid[])
ON CONFLICT (source, workflow_id) DO UPDATE SET
  name = excluded.name, received_at = excluded.received_at, push_id = excluded.push_id
WHERE (stored.received_at, stored.push_id) <= (excluded.received_at, excluded.push_id)
"""

UPSERT_NODES_IF_NEWER: LiteralString = """
INSERT INTO airudder.nodes AS stored (source, workflow_id, node_id, name, received_at, push_id)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::uuid[])
ON CONFLICT (source, workflow_id, node_id) DO UPDATE SET
  name = excluded.name, received_at = excluded.received_at, push_id = excluded.push_id
WHERE (stored.received_at, stored.push_id) <= (excluded.received_at, excluded.push_id)
"""

UPSERT_CALLEES_IF_NEWER: LiteralString = """
INSERT INTO airudder.callees AS stored (
  source, callee_number, number_as_sent, country, name, gender, location, platform_name, received_at, push_id)
SELECT * FROM unnest(
  %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
  %b::timestamptz[], %b::uuid[])
ON CONFLICT (source, callee_number) DO UPDATE SET
  number_as_sent = excluded.number_as_sent, country = excluded.country, name = excluded.name,
  gender = excluded.gender, location = excluded.location, platform_name = excluded.platform_name,
  received_at = excluded.received_at, push_id = excluded.push_id
WHERE (stored.received_at, stored.push_id) <= (excluded.received_at, excluded.push_id)
"""

UPSERT_CASES_IF_NEWER: LiteralString = """
INSERT INTO airudder.cases AS stored (
  source, callee_number, case_id, extra_a, extra_b, extra_c, variables, comments, borrowed_date, due_date,
  borrowed_amount, total_owing_amount, currency_unit, received_at, push_id)
SELECT * FROM unnest(
  %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[]::jsonb[], %b::text[], %b::date[],
  %b::date[], %b::numeric[], %b::numeric[], %b::text[], %b::timestamptz[], %b::uuid[])
ON CONFLICT (source, callee_number, case_id) DO UPDATE SET
  extra_a = excluded.extra_a, extra_b = excluded.extra_b, extra_c = excluded.extra_c,
  variables = excluded.variables, comments = excluded.comments, borrowed_date = excluded.borrowed_date,
  due_date = excluded.due_date, borrowed_amount = excluded.borrowed_amount,
  total_owing_amount = excluded.total_owing_amount, currency_unit = excluded.currency_unit,
  received_at = excluded.received_at, push_id = excluded.push_id
WHERE (stored.received_at, stored.push_id) <= (excluded.received_at, excluded.push_id)
RETURNING source, callee_number, case_id, xmax = 0 AS is_new
"""

DELETE_ANSWERS_BEYOND_THE_LAST: LiteralString = """
DELETE FROM airudder.case_answers AS answer
USING unnest(%b::text[], %b::text[], %b::text[], %b::integer[]) AS newest (source, callee_number, case_id, answers)
WHERE answer.source = newest.source AND answer.callee_number = newest.callee_number
  AND answer.case_id = newest.case_id AND answer.position >= newest.answers
"""

UPSERT_ANSWERS: LiteralString = """
INSERT INTO airudder.case_answers (source, callee_number, case_id, position, question, content)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::integer[], %b::text[], %b::text[])
ON CONFLICT (source, callee_number, case_id, position) DO UPDATE SET
  question = excluded.question, content = excluded.content
"""

UPSERT_CALLS_IF_NEWER: LiteralString = """
INSERT INTO airudder.calls AS stored (
  source, call_id, task_id, callee_number, case_id, workflow_id, started_at, ended_at, attempt, ring_type,
  hangup_type, intention, slots, multi_label, asr_ptp, received_at, push_id,
  transcript_received_at, transcript_push_id)
SELECT * FROM unnest(
  %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::timestamptz[],
  %b::integer[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[]::jsonb[], %b::text[], %b::timestamptz[],
  %b::uuid[], %b::timestamptz[], %b::uuid[])
ON CONFLICT (source, call_id) DO UPDATE SET
  task_id = excluded.task_id, callee_number = excluded.callee_number, case_id = excluded.case_id,
  workflow_id = excluded.workflow_id, started_at = excluded.started_at, ended_at = excluded.ended_at,
  attempt = excluded.attempt, ring_type = excluded.ring_type, hangup_type = excluded.hangup_type,
  intention = excluded.intention, slots = excluded.slots, multi_label = excluded.multi_label,
  asr_ptp = excluded.asr_ptp, received_at = excluded.received_at, push_id = excluded.push_id
WHERE (stored.received_at, stored.push_id) <= (excluded.received_at, excluded.push_id)
RETURNING source, call_id, xmax = 0 AS is_new
"""

CLAIM_TRANSCRIPTS_IF_NEWER: LiteralString = """
UPDATE airudder.calls AS stored SET transcript_received_at = newest.received_at, transcript_push_id = newest.push_id
FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::uuid[]) AS newest (source, call_id, received_at, push_id)
WHERE stored.source = newest.source AND stored.call_id = newest.call_id
  AND (stored.transcript_push_id IS NULL
    OR (stored.transcript_received_at, stored.transcript_push_id) <= (newest.received_at, newest.push_id))
RETURNING stored.source, stored.call_id
"""

DELETE_TURNS_BEYOND_THE_LAST: LiteralString = """
DELETE FROM airudder.call_turns AS turn
USING unnest(%b::text[], %b::text[], %b::integer[]) AS newest (source, call_id, turns)
WHERE turn.source = newest.source AND turn.call_id = newest.call_id AND turn.position >= newest.turns
"""

UPSERT_TURNS: LiteralString = """
INSERT INTO airudder.call_turns (source, call_id, position, call_offset, robot_text, callee_text)
SELECT * FROM unnest(%b::text[], %b::text[], %b::integer[], %b::interval[], %b::text[], %b::text[])
ON CONFLICT (source, call_id, position) DO UPDATE SET
  call_offset = excluded.call_offset, robot_text = excluded.robot_text, callee_text = excluded.callee_text
"""

UPSERT_ATTRIBUTES_IF_NEWER: LiteralString = """
INSERT INTO airudder.call_attributes AS stored (source, call_id, node_id, custom_attribute, received_at, push_id)
SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[]::jsonb[], %b::timestamptz[], %b::uuid[])
ON CONFLICT (source, call_id, node_id) DO UPDATE SET
  custom_attribute = excluded.custom_attribute, received_at = excluded.received_at, push_id = excluded.push_id
WHERE (stored.received_at, stored.push_id) <= (excluded.received_at, excluded.push_id)
"""

END_FROZEN_WRITERS: LiteralString = """
WITH frozen AS MATERIALIZED (
  SELECT pid FROM pg_stat_activity
  WHERE application_name = 'airudder-ingest' AND usename = current_user AND datname = current_database()
    AND wait_event IN ('ClientRead', 'ClientWrite') AND xact_start < now() - make_interval(secs => %s)
)
SELECT pid FROM frozen WHERE pg_terminate_backend(pid)
"""
"""Of our own login alone: another one's sessions are not ours to end, and to try is an error."""

LOCK_SWEEPER: LiteralString = """
SELECT pg_try_advisory_lock(hashtext('airudder-ingest sweeper')), set_config('idle_session_timeout', '10min', false)
"""
"""Who is frozen between two transactions would keep the lock for ever; no pass leaves Postgres alone for so long."""
UNLOCK_SWEEPER: LiteralString = "SELECT pg_advisory_unlock(hashtext('airudder-ingest sweeper'))"

BEGIN_OLDEST_PENDING: LiteralString = """
UPDATE airudder.pushes AS stored SET attempts = stored.attempts + 1
FROM (
  SELECT received_at, push_id, sum(bytes) OVER (ORDER BY received_at, push_id) - bytes AS bytes_before
  FROM (
    SELECT received_at, push_id, octet_length(body) AS bytes FROM airudder.pushes
    WHERE status = 'pending' AND attempts BETWEEN %(at_least)s AND %(at_most)s AND push_id <> ALL (%(resting)s::uuid[])
    ORDER BY received_at, push_id LIMIT %(limit)s
  ) AS waiting
) AS oldest
WHERE stored.received_at = oldest.received_at AND stored.push_id = oldest.push_id AND bytes_before < %(bytes)s
RETURNING stored.push_id, stored.received_at, stored.source, stored.kind, stored.body, stored.attempts
"""

STORE_PENDING_FROM_REDIS: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, through_redis, attempts)
SELECT push_id, received_at, source, kind, body, 'pending', true, %s::integer
FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::bytea[])
  AS entry (push_id, received_at, source, kind, body)
ON CONFLICT (received_at, push_id) DO UPDATE SET through_redis = true
"""

RELEASE_PENDING: LiteralString = """
UPDATE airudder.pushes SET attempts = attempts - 1
WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status = 'pending' AND attempts > 0
"""

ENSURE_PARTITIONS_AHEAD: LiteralString = """
SELECT count(*) FILTER (WHERE airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date + ahead))
FROM generate_series(0, %(days)s) AS ahead
"""

FIND_PARTITIONS_BEFORE: LiteralString = """
SELECT to_date(right(relname, 10), 'YYYY_MM_DD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'airudder.pushes'::regclass AND relname ~ '^pushes_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
  AND relname < 'pushes_' || to_char(%(day)s::date, 'YYYY_MM_DD')
ORDER BY relname
"""

DROP_PARTITION_IF_SETTLED: LiteralString = "SELECT airudder.drop_pushes_partition(%(day)s)"

DELETE_DEFAULT_PUSHES_IF_SETTLED: LiteralString = "SELECT airudder.delete_default_pushes(%(before)s, %(at_most)s)"

BEGIN_OLD_TRANSCRIPTS: LiteralString = """
SELECT source, call_id, started_at::text FROM airudder.calls
WHERE transcript_push_id IS NOT NULL AND started_at >= %(since)s::timestamptz AND started_at < %(before)s
ORDER BY calls.started_at LIMIT %(calls)s FOR UPDATE SKIP LOCKED
"""
"""A worker that is at such a call goes first. The time is text: there are years that Python does not know."""

BEGIN_OLD_UNDATED_TRANSCRIPTS: LiteralString = """
SELECT source, call_id FROM airudder.calls
WHERE transcript_push_id IS NOT NULL AND started_at IS NULL AND received_at < %(before)s
LIMIT %(calls)s FOR UPDATE SKIP LOCKED
"""

FORGET_TRANSCRIPTS: LiteralString = """
UPDATE airudder.calls AS call SET transcript_push_id = NULL, transcript_received_at = NULL
FROM unnest(%(sources)s::text[], %(call_ids)s::text[]) AS old (source, call_id)
WHERE call.source = old.source AND call.call_id = old.call_id
"""

DELETE_TURNS: LiteralString = """
DELETE FROM airudder.call_turns AS turn
USING unnest(%(sources)s::text[], %(call_ids)s::text[]) AS old (source, call_id)
WHERE turn.source = old.source AND turn.call_id = old.call_id
"""

NOTE_RETENTION: LiteralString = """
INSERT INTO airudder.retention AS stored (what, cleared_before, removed, removed_at)
VALUES (%(what)s, %(cleared_before)s, %(removed)s, now())
ON CONFLICT (what) DO UPDATE SET
  cleared_before = greatest(stored.cleared_before, excluded.cleared_before),
  removed = stored.removed + excluded.removed, removed_at = excluded.removed_at
"""
