"""Every SQL statement of worker and sweeper, by name, but for the COPYs; the condition is in the name.

Those that write the tables of `ingest.tables` are derived there. Rows go in as one array a column, and come out of
`unnest` as a table; in binary (`%b`), as psycopg looks through each text for what to escape otherwise. `stored` is the
row that is there.

A statement locks each partition of `pushes` that its constants and parameters do not rule out, with its eight indexes.
So one that joins `pushes` with rows gives their times by `= ANY` as well: there is no room for the locks of all days.
"""
# ruff: noqa: S608 - the SQL is built of constants alone

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from workers.settlements import FIRST_OUTCOME, logged

TELL_TIME: LiteralString = "SELECT now()"

FIND_CALLS: LiteralString = """
SELECT source, call_id FROM airudder.calls WHERE call_id = ANY (%b::text[])
"""

FIND_NORMALISED_DELIVERIES: LiteralString = """
SELECT source, kind, body_digest, received_at, push_id, recurrence
FROM airudder.pushes
WHERE body_digest = ANY (%(digests)s) AND status = 'normalised'
  AND received_at BETWEEN %(since)s AND %(until)s
"""

FIND_SETTLED_PUSHES: LiteralString = """
SELECT push_id FROM airudder.pushes
WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status <> 'pending' AND through_redis
"""

_PUSHES_GIVEN: LiteralString = """unnest(
  %b::timestamptz[], %b::uuid[], %b::text[], %b::text[], %b::bytea[], %b::text[], %b::text[], %b::text[], %b::text[],
  %b::text[]::jsonb[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::integer[]
) AS given (
  received_at, push_id, source, kind, body, signature, status, error, error_path, warnings,
  workflow_id, node_id, task_id, callee_number, case_id, call_id, recurrence)
"""

UPSERT_PUSHES_IF_NOT_SETTLED: LiteralString = logged(
    f"""
INSERT INTO airudder.pushes AS stored (
  received_at, push_id, source, kind, body, signature, status, error, error_path, warnings,
  workflow_id, node_id, task_id, callee_number, case_id, call_id, recurrence, through_redis, attempts, normalised_at)
SELECT *, %b::boolean, 1, CASE WHEN status = 'normalised' THEN now() END
FROM {_PUSHES_GIVEN}
ON CONFLICT (received_at, push_id) DO UPDATE SET
  status = excluded.status, error = excluded.error, error_path = excluded.error_path, warnings = excluded.warnings,
  workflow_id = excluded.workflow_id, node_id = excluded.node_id, task_id = excluded.task_id,
  callee_number = excluded.callee_number, case_id = excluded.case_id, call_id = excluded.call_id,
  recurrence = excluded.recurrence, normalised_at = excluded.normalised_at,
  through_redis = stored.through_redis OR excluded.through_redis
WHERE stored.status = 'pending'
""",
    is_first=FIRST_OUTCOME,
)

UPDATE_PUSHES_IF_DEAD: LiteralString = logged(
    f"""
UPDATE airudder.pushes AS stored SET
  status = given.status, error = NULL, error_path = NULL, warnings = given.warnings,
  workflow_id = given.workflow_id, node_id = given.node_id, task_id = given.task_id,
  callee_number = given.callee_number, case_id = given.case_id, call_id = given.call_id,
  recurrence = given.recurrence, normalised_at = CASE WHEN given.status = 'normalised' THEN now() END
FROM {_PUSHES_GIVEN}
WHERE stored.received_at = given.received_at AND stored.push_id = given.push_id
  AND stored.received_at = ANY (%b::timestamptz[]) AND stored.status = 'dead' AND given.status <> 'dead'
""",
    former="'dead'",
)
"""A push that could not be normalised before, such as by an older release, and is now."""

NOTE_DEATHS: LiteralString = """
INSERT INTO airudder.push_events (push_id, received_at, event, error, error_path)
SELECT push_id, received_at, 'died', error, error_path
FROM unnest(%b::timestamptz[], %b::uuid[], %b::text[], %b::text[]) AS one (received_at, push_id, error, error_path)
"""
"""Of pushes that are new."""

NOTE_DEATHS_IF_NOT_NOTED: LiteralString = """
INSERT INTO airudder.push_events (push_id, received_at, event, error, error_path)
SELECT push_id, received_at, 'died', error, error_path
FROM unnest(%b::timestamptz[], %b::uuid[]) AS one (received_at, push_id)
JOIN airudder.pushes AS stored USING (received_at, push_id)
WHERE stored.received_at = ANY (%b::timestamptz[]) AND status = 'dead' AND NOT EXISTS (
  SELECT FROM (
    SELECT event, error FROM airudder.push_events AS noted
    WHERE noted.push_id = stored.push_id ORDER BY event_id DESC LIMIT 1) AS last
  WHERE last.event = 'died' AND last.error = stored.error)
"""
"""After the rows of `pushes`, which are locked then: a batch that runs twice, even at once, notes each death once."""

MARK_PUSHES_THROUGH_REDIS: LiteralString = logged(
    """
UPDATE airudder.pushes AS stored SET through_redis = true
WHERE received_at = ANY (%b::timestamptz[]) AND push_id = ANY (%b::uuid[]) AND NOT through_redis
""",
    former="stored.status",
    is_first="stored.status <> 'pending' OR stored.replayed_at IS NOT NULL",
)
"""Those that have an outcome got it before anybody knew that Redis had counted them."""

MARK_AS_DUPLICATES: LiteralString = logged(
    """
UPDATE airudder.pushes AS stored SET status = 'duplicate', normalised_at = NULL
WHERE received_at = ANY (%b::timestamptz[]) AND push_id = ANY (%b::uuid[]) AND status = 'normalised'
""",
    former="'normalised'",
)

MAKE_DUPLICATES_PENDING: LiteralString = logged(
    """
UPDATE airudder.pushes AS stored SET status = 'pending', attempts = 0, replayed_at = now()
WHERE received_at > %b::timestamptz AND received_at <= %b::timestamptz AND body_digest = %b::bytea
  AND source = %b::text AND kind = %b::text AND status = 'duplicate'
""",
    former="'duplicate'",
)
"""They had an outcome before, as what is replayed had."""

_PUSHES_BETWEEN: LiteralString = """
SELECT push_id, received_at, source, kind, body, signature FROM airudder.pushes
WHERE received_at BETWEEN %(since)s AND %(until)s AND status = 'normalised' AND source = %(source)s{ids}
ORDER BY received_at DESC, push_id DESC LIMIT %(most)s
"""


def find_pushes_between(ids: Iterable[str]) -> str:
    """The pushes that name what these ids, columns of `pushes`, say. The newest first: their reader stops when all is
    told."""
    return _PUSHES_BETWEEN.format(ids="".join(f" AND {name} = %({name})s" for name in ids))


ARE_DUPLICATES: LiteralString = """
SELECT EXISTS (SELECT FROM airudder.pushes
  WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status = 'duplicate')
"""

LOCK_DIGESTS: LiteralString = """
SELECT pg_advisory_xact_lock(hashtext('airudder-ingest delivery'), first_byte) FROM unnest(%(bytes)s::integer[])
  AS digest (first_byte)
"""
"""One after another, in the order in which they come."""

ACT_AS_OUR_LOGIN: LiteralString = "SET LOCAL ROLE NONE"
"""A session belongs to its login. A role that the login acts as may neither see what the login's sessions do nor end
them."""

END_FROZEN_WRITERS: LiteralString = """
WITH frozen AS MATERIALIZED (
  SELECT pid FROM pg_stat_activity
  WHERE application_name = 'airudder-ingest' AND usename = session_user AND datname = current_database()
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
    SELECT received_at, push_id, octet_length(body) + coalesce(octet_length(signature), 0) AS bytes
    FROM airudder.pushes
    WHERE status = 'pending' AND (replayed_at IS NOT NULL) = %(replayed)s
      AND received_at >= %(since)s AND received_at < %(until)s
      AND attempts BETWEEN %(at_least)s AND %(at_most)s AND push_id <> ALL (%(resting)s::uuid[])
    ORDER BY received_at, push_id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
  ) AS waiting
) AS oldest
WHERE stored.received_at = oldest.received_at AND stored.push_id = oldest.push_id AND bytes_before < %(bytes)s
  AND stored.received_at >= %(since)s AND stored.received_at < %(until)s
RETURNING stored.push_id, stored.received_at, stored.source, stored.kind, stored.body, stored.signature,
  stored.attempts
"""
"""A row that somebody has locked, as a frozen worker, holds up none behind it."""

IS_ANY_PENDING: LiteralString = """
SELECT EXISTS (SELECT FROM airudder.pushes
  WHERE status = 'pending' AND (replayed_at IS NOT NULL) = %(replayed)s
    AND received_at >= %(since)s AND received_at < %(until)s AND push_id <> ALL (%(resting)s::uuid[]))
"""
"""But for those that rest. One that somebody has locked is among them."""

STORE_PENDING_FROM_REDIS: LiteralString = """
INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, signature, status, through_redis, attempts)
SELECT push_id, received_at, source, kind, body, signature, 'pending', true, %s::integer
FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::bytea[], %s::text[])
  AS entry (push_id, received_at, source, kind, body, signature)
ON CONFLICT (received_at, push_id) DO UPDATE SET through_redis = true
"""

RELEASE_PENDING: LiteralString = """
WITH free AS (
  SELECT received_at, push_id FROM airudder.pushes
  WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status = 'pending' AND attempts > 0
  ORDER BY received_at, push_id FOR NO KEY UPDATE SKIP LOCKED
), released AS (
  UPDATE airudder.pushes AS stored SET attempts = attempts - 1 FROM free
  WHERE stored.received_at = free.received_at AND stored.push_id = free.push_id
    AND stored.received_at = ANY (%(times)s)
  RETURNING stored.push_id
)
SELECT push_id FROM airudder.pushes
WHERE received_at = ANY (%(times)s) AND push_id = ANY (%(push_ids)s) AND status = 'pending' AND attempts > 0
  AND push_id NOT IN (SELECT push_id FROM released)
"""
"""Those that come back are locked, and are released later."""

WAIT_FOR_LOCKS_BRIEFLY: LiteralString = "SET LOCAL lock_timeout = '200ms'"
"""Whoever comes behind waits as long as we do."""

ENSURE_PARTITION: LiteralString = "SELECT airudder.ensure_pushes_partition(%(day)s)"

CLOSE_DEFAULT_TO: LiteralString = "SELECT airudder.close_pushes_default(%(day)s)"

CHECK_DEFAULT_FOR: LiteralString = "SELECT airudder.check_pushes_default(%(day)s)"

OPEN_DEFAULT_TO: LiteralString = "SELECT airudder.open_pushes_default(%(day)s)"

FIND_PARTITIONS_BEFORE: LiteralString = """
SELECT to_date(right(relname, 10), 'YYYY_MM_DD') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
WHERE inhparent = 'airudder.pushes'::regclass AND relname ~ '^pushes_[0-9]{4}_[0-9]{2}_[0-9]{2}$'
  AND relname < 'pushes_' || to_char(%(day)s::date, 'YYYY_MM_DD')
ORDER BY relname
"""

DROP_PARTITION_IF_SETTLED: LiteralString = "SELECT airudder.drop_pushes_partition(%(day)s)"

DELETE_DEFAULT_PUSHES_IF_SETTLED: LiteralString = "SELECT airudder.delete_default_pushes(%(before)s, %(at_most)s)"

DELETE_EVENTS_BEFORE: LiteralString = """
DELETE FROM airudder.push_events WHERE (push_id, event_id) IN (
  SELECT push_id, event_id FROM airudder.push_events AS noted
  WHERE received_at < %(before)s AND NOT EXISTS (
    SELECT FROM airudder.pushes AS kept
    WHERE kept.received_at = noted.received_at AND kept.push_id = noted.push_id AND kept.received_at < %(before)s)
  ORDER BY received_at LIMIT %(at_most)s)
"""
"""Those of pushes that are kept, as of a day of which some are pending, stay with them."""

NOTE_RETENTION: LiteralString = """
INSERT INTO airudder.retention AS stored (what, cleared_before, removed, removed_at)
VALUES (%(what)s, %(cleared_before)s, %(removed)s, now())
ON CONFLICT (what) DO UPDATE SET
  cleared_before = greatest(stored.cleared_before, excluded.cleared_before),
  removed = stored.removed + excluded.removed, removed_at = excluded.removed_at
"""

DELETE_OLD_SETTLEMENTS: LiteralString = """
DELETE FROM airudder.settlements WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM airudder.settlements WHERE settled_at < %(before)s ORDER BY settled_at LIMIT %(rows)s))
"""

NOTE_SILENCES: LiteralString = """
INSERT INTO airudder.silences AS stored (source, hour, seconds)
SELECT * FROM unnest(%b::text[], %b::timestamptz[], %b::float[]) AS row (source, hour, seconds) ORDER BY source, hour
ON CONFLICT (source, hour) DO UPDATE SET seconds = greatest(stored.seconds, excluded.seconds)
"""

DELETE_OLD_SILENCES: LiteralString = "DELETE FROM airudder.silences WHERE hour < %(before)s"
