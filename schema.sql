-- Tables of airudder-ingest, in the schema "airudder". Postgres 14 and later.
--
-- `ingest migrate`, or `psql -f schema.sql`, applies this file to a database without tables. The order is: what came
-- (pushes); where it came from (workflows, nodes); who was called about what (callees, cases); what was said (calls,
-- turns), written and found; what the dialler tells; what the vendor's words mean; what analysts see, in the schema
-- "airudder_analytics"; the roles of web, workers and analysts.
--
-- Tables of an older version are changed by the files of migrations/, as that may have to wait for a lock. The parts of
-- this file between `--- again` and `--- once` are applied by every `ingest migrate`: they make no session wait.
--
-- In every table but pushes a column has the value of the newest push that says something of it. Where a push says
-- nothing of a column (text sent as "" included), an older value stays. push_id is the newest push about the row, and
-- received_at the time when that came. kept_from names the older push that a column is from:
-- {"due_date": "<push id>"}. A list, such as a transcript, is part of its row.
--
-- There are no foreign keys: pushes come in any order, several workers write at once, and the tables can be
-- distributed. Keys begin with the id that people look up by, and source comes second. Times are UTC.

-- Without "public": where anybody may make functions in it, a name in this file could mean one of theirs.
SET search_path = pg_catalog, pg_temp;

BEGIN;

SELECT pg_advisory_xact_lock(hashtext('airudder-ingest schema'));

CREATE SCHEMA IF NOT EXISTS airudder;

-- First, and without IF NOT EXISTS: where this table exists, the file fails here, and migrations/ apply instead.
CREATE TABLE airudder.migrations (
  number        integer     PRIMARY KEY,
  name          text        NOT NULL,
  steps_applied integer     NOT NULL,
  applied_at    timestamptz
);

COMMENT ON TABLE airudder.migrations IS
  'A row is one file of migrations/ that was applied, or schema.sql, which includes all files up to its number.';
COMMENT ON COLUMN airudder.migrations.applied_at IS 'Null until all of its steps are applied.';

-- The newest file of migrations/.
INSERT INTO airudder.migrations (number, name, steps_applied, applied_at) VALUES (17, 'schema.sql', 0, now());


-- What came ----------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.pushes (
  push_id          uuid        NOT NULL,
  received_at      timestamptz NOT NULL,
  source           text        NOT NULL,
  kind             text        NOT NULL,
  body             bytea       NOT NULL,
  signature        text,
  body_digest      bytea       NOT NULL GENERATED ALWAYS AS (sha256(body)) STORED,
  -- The role of web has no right to set a status, so all that it stores is pending.
  status           text        NOT NULL DEFAULT 'pending',
  error            text,
  error_path       text,
  warnings         jsonb,
  attempts         integer     NOT NULL DEFAULT 0,
  recurrence       integer     NOT NULL DEFAULT 0,
  through_redis    boolean     NOT NULL DEFAULT false,
  workflow_id      text,
  node_id          text,
  task_id          text,
  callee_number    text,
  case_id          text,
  call_id          text,
  normalised_at    timestamptz,
  replayed_at      timestamptz,
  -- A key has to contain the partition key. A push id contains its received_at, so the id alone leads to the row.
  PRIMARY KEY (received_at, push_id),
  CONSTRAINT push_status_is_known
    CHECK (status IN ('pending', 'normalised', 'duplicate', 'dead', 'discarded', 'erased')),
  CONSTRAINT push_source_is_not_empty CHECK (source <> ''),
  CONSTRAINT push_kind_is_not_empty CHECK (kind <> ''),
  CONSTRAINT dead_push_says_why_and_where CHECK (status <> 'dead' OR (error IS NOT NULL AND error_path IS NOT NULL)),
  CONSTRAINT normalised_push_says_when CHECK ((status = 'normalised') = (normalised_at IS NOT NULL)),
  CONSTRAINT push_attempts_is_not_negative CHECK (attempts >= 0)
) PARTITION BY RANGE (received_at);

COMMENT ON TABLE airudder.pushes IS 'A row is one delivery of one push, byte for byte, and what became of it.';
COMMENT ON COLUMN airudder.pushes.push_id IS 'UUIDv7, drawn when the push came.';
COMMENT ON COLUMN airudder.pushes.source IS 'Whose token the push came with; "default" where there are none.';
COMMENT ON COLUMN airudder.pushes.body IS 'The raw body, as received.';
COMMENT ON COLUMN airudder.pushes.signature IS 'The header X-AIRudder-Sign, as it came.';
COMMENT ON COLUMN airudder.pushes.status IS
  'pending: stored, not yet normalised. normalised: its rows are written. duplicate: the same bytes were normalised '
  'within the day before. dead: nothing in it could be normalised; replay it after a fix. discarded: it was dead, and '
  'an operator gave it up. erased: it was about a person who was erased; nothing of its content is left.';
COMMENT ON COLUMN airudder.pushes.error IS 'Why a dead push is dead, or a discarded one was.';
COMMENT ON COLUMN airudder.pushes.error_path IS 'Where in the body the error is, as a JSON path.';
COMMENT ON COLUMN airudder.pushes.warnings IS 'Fields stored as null or changed: [{"path": …, "problem": …}].';
COMMENT ON COLUMN airudder.pushes.replayed_at IS 'When it was last replayed: since then it waits, if it is pending.';
COMMENT ON COLUMN airudder.pushes.through_redis IS
  'It came in a batch, and Redis has counted it; false where web stored it here, as Redis was away.';
COMMENT ON COLUMN airudder.pushes.recurrence IS
  'A number of its own, from 0, for each push of the same bytes that is news on one day. A state that comes back '
  'without a time, as a workflow that is running again, has the same bytes.';
COMMENT ON COLUMN airudder.pushes.attempts IS
  'How often the sweeper has begun it while it was pending, since it came or was replayed; 1 if a worker settled it.';

-- Keeps rows for whose day no partition was made in time. If they are few, they are moved when it is made.
CREATE TABLE IF NOT EXISTS airudder.pushes_default PARTITION OF airudder.pushes DEFAULT;

CREATE INDEX IF NOT EXISTS pushes_pending ON airudder.pushes (received_at) WHERE status = 'pending';
-- Dead letters are grouped by cause from this index alone.
CREATE INDEX IF NOT EXISTS pushes_dead_by_cause ON airudder.pushes (received_at, push_id)
  INCLUDE (source, kind, error_path, error) WHERE status = 'dead';
-- Of deliveries of the same bytes in one day only one is normalised, also if workers settle two at the same time; where
-- the bytes say no time and may be news again, one for each recurrence. Each partition has an index of its own: the key
-- of an index over all partitions would have to contain received_at.
CREATE UNIQUE INDEX IF NOT EXISTS pushes_default_news
ON airudder.pushes_default (body_digest, source, kind, recurrence, ((received_at AT TIME ZONE 'UTC')::date))
WHERE status = 'normalised';
CREATE INDEX IF NOT EXISTS pushes_call_id ON airudder.pushes (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS pushes_callee_number ON airudder.pushes (callee_number) WHERE callee_number IS NOT NULL;
-- Pushes that name no number: whom they are about is found by their calls, cases or bytes.
CREATE INDEX IF NOT EXISTS pushes_without_number ON airudder.pushes (case_id, received_at)
  WHERE callee_number IS NULL AND status <> 'erased';
-- What became null or was changed lately. A push without a warning costs nothing here.
CREATE INDEX IF NOT EXISTS pushes_warned ON airudder.pushes (received_at) WHERE warnings IS NOT NULL;

--- again

-- Makes the partition of one UTC day. True: it was made. False: it is there, or the default partition has more than a
-- few rows of the day, which stay, as moving many under a lock would hold up every session. Null: the default partition
-- is too large to be read under a lock, and has to be closed to the day first.
-- It runs with its owner's rights, as the next functions do: workers may call it, and own no table.
CREATE OR REPLACE FUNCTION airudder.ensure_pushes_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  few CONSTANT integer := 500;
  readable_bytes CONSTANT bigint := 32 * 1024 * 1024;
  partition text := 'pushes_' || to_char(day, 'YYYY_MM_DD');
  exclusion text := 'pushes_default_excludes_' || to_char(day, 'YYYY_MM_DD');
  day_start timestamptz := day::timestamp AT TIME ZONE 'UTC';
  day_end timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
  is_closed boolean := EXISTS (
    SELECT FROM pg_constraint
    WHERE conrelid = 'airudder.pushes_default'::regclass AND conname = exclusion AND convalidated);
  stored_columns text;
BEGIN
  IF to_regclass(format('airudder.%I', partition)) IS NOT NULL THEN
    -- A partition that was made during a migration may lack the index, and have the one of before that knows no
    -- recurrence. IF NOT EXISTS would lock the partition to look.
    IF to_regclass(format('airudder.%I', partition || '_news')) IS NULL THEN
      EXECUTE format(
        'CREATE UNIQUE INDEX %I ON airudder.%I (body_digest, source, kind, recurrence) WHERE status = ''normalised''',
        partition || '_news', partition);
      EXECUTE format('DROP INDEX IF EXISTS airudder.%I', partition || '_delivery');
    END IF;
    RETURN false;
  END IF;
  FOR look IN 1..2 LOOP
    IF (SELECT count(*) > few FROM (
          SELECT FROM airudder.pushes_default WHERE received_at >= day_start AND received_at < day_end
          LIMIT few + 1) AS of_the_day) THEN
      RETURN false;
    END IF;
    IF NOT is_closed AND pg_relation_size('airudder.pushes_default') > readable_bytes THEN
      RETURN NULL;
    END IF;
    -- Lock, then look again, as rows may have come. The partitioned table first, as statements on pushes lock it first.
    LOCK TABLE ONLY airudder.pushes IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE airudder.pushes_default IN ACCESS EXCLUSIVE MODE;
  END LOOP;
  EXECUTE format('CREATE TABLE airudder.%I (LIKE airudder.pushes INCLUDING ALL)', partition);
  EXECUTE format(
    'CREATE UNIQUE INDEX %I ON airudder.%I (body_digest, source, kind, recurrence) WHERE status = ''normalised''',
    partition || '_news', partition);
  SELECT string_agg(quote_ident(attname), ', ') INTO stored_columns
  FROM pg_attribute
  WHERE attrelid = 'airudder.pushes'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  EXECUTE format(
    'WITH moved AS (DELETE FROM airudder.pushes_default WHERE received_at >= $1 AND received_at < $2 RETURNING *) '
    'INSERT INTO airudder.%I (%s) SELECT %s FROM moved', partition, stored_columns, stored_columns)
  USING day_start, day_end;
  EXECUTE format(
    'ALTER TABLE airudder.pushes ATTACH PARTITION airudder.%I FOR VALUES FROM (%L) TO (%L)',
    partition, day_start, day_end);
  EXECUTE format('ALTER TABLE airudder.pushes_default DROP CONSTRAINT IF EXISTS %I', exclusion);
  RETURN true;
END
$$;

-- Keeps new rows of a day out of the default partition, so that its rows can be read without a lock. Until the day's
-- partition is made such rows are refused, and their pushes wait. False, and nothing is done, where the default
-- partition has rows of the day already.
CREATE OR REPLACE FUNCTION airudder.close_pushes_default(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  exclusion text := 'pushes_default_excludes_' || to_char(day, 'YYYY_MM_DD');
  day_start timestamptz := day::timestamp AT TIME ZONE 'UTC';
  day_end timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
  IF EXISTS (SELECT FROM airudder.pushes_default WHERE received_at >= day_start AND received_at < day_end) THEN
    RETURN false;
  END IF;
  IF NOT EXISTS (
      SELECT FROM pg_constraint WHERE conrelid = 'airudder.pushes_default'::regclass AND conname = exclusion) THEN
    EXECUTE format(
      'ALTER TABLE airudder.pushes_default ADD CONSTRAINT %I CHECK (received_at < %L OR received_at >= %L) NOT VALID',
      exclusion, day_start, day_end);
  END IF;
  RETURN true;
END
$$;

-- Looks through the default partition for rows of a day that it is closed to. Others read and write it meanwhile.
CREATE OR REPLACE FUNCTION airudder.check_pushes_default(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format(
    'ALTER TABLE airudder.pushes_default VALIDATE CONSTRAINT %I',
    'pushes_default_excludes_' || to_char(day, 'YYYY_MM_DD'));
END
$$;

-- Lets the default partition take rows of the day again.
CREATE OR REPLACE FUNCTION airudder.open_pushes_default(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format(
    'ALTER TABLE airudder.pushes_default DROP CONSTRAINT IF EXISTS %I',
    'pushes_default_excludes_' || to_char(day, 'YYYY_MM_DD'));
END
$$;

REVOKE ALL ON FUNCTION airudder.ensure_pushes_partition(date), airudder.close_pushes_default(date),
  airudder.check_pushes_default(date), airudder.open_pushes_default(date) FROM PUBLIC;

-- Drops the partition of one UTC day with all its pushes, and returns how many there were. For a large one that number
-- is from Postgres's statistics, as counting under the lock would hold up every session. Null, and nothing is done,
-- where there is no partition, a push in it is pending, or redeliveries may still be compared with its pushes.
CREATE OR REPLACE FUNCTION airudder.drop_pushes_partition(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  countable_bytes CONSTANT bigint := 8 * 1024 * 1024;
  partition regclass := to_regclass(format('airudder.%I', 'pushes_' || to_char(day, 'YYYY_MM_DD')));
  pushes bigint;
  is_pending boolean;
BEGIN
  IF partition IS NULL OR day >= (now() AT TIME ZONE 'UTC')::date - 1 THEN
    RETURN NULL;
  END IF;
  FOR look IN 1..2 LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE status = ''pending'')', partition) INTO is_pending;
    IF is_pending THEN
      RETURN NULL;
    END IF;
    -- Lock, then look again, as a dead letter may be replayed meanwhile. Only the lock on the partitioned table is
    -- waited for: a session that has a partition locked has that one too, unless it is a vacuum. Dropping a partition
    -- needs a lock on the default one as well.
    LOCK TABLE ONLY airudder.pushes IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE %s, airudder.pushes_default IN ACCESS EXCLUSIVE MODE NOWAIT', partition);
  END LOOP;
  IF pg_relation_size(partition) <= countable_bytes THEN
    EXECUTE format('SELECT count(*) FROM %s', partition) INTO pushes;
  ELSE
    SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid), 0) INTO pushes FROM pg_class WHERE oid = partition;
  END IF;
  EXECUTE format('DROP TABLE %s', partition);
  RETURN pushes;
END
$$;

-- Deletes pushes of days that never had a partition, but for pending ones; returns how many.
CREATE OR REPLACE FUNCTION airudder.delete_default_pushes(before timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH deleted AS (
    DELETE FROM airudder.pushes_default WHERE (received_at, push_id) IN (
      SELECT received_at, push_id FROM airudder.pushes_default
      WHERE received_at < least(before, now() - interval '1 day') AND status <> 'pending'
      LIMIT at_most FOR UPDATE SKIP LOCKED)
    RETURNING 1
  )
  SELECT count(*) FROM deleted
$$;

-- The owner of the tables says who may delete.
REVOKE ALL ON FUNCTION airudder.drop_pushes_partition(date) FROM PUBLIC;
REVOKE ALL ON FUNCTION airudder.delete_default_pushes(timestamptz, integer) FROM PUBLIC;

--- once

CREATE TABLE IF NOT EXISTS airudder.retention (
  what           text        PRIMARY KEY,
  cleared_before timestamptz NOT NULL,
  removed        bigint      NOT NULL,
  removed_at     timestamptz NOT NULL
);

COMMENT ON TABLE airudder.retention IS
  'A row says what the sweeper has removed by age: pushes (INGEST_RETENTION_DAYS) or turns (INGEST_TRANSCRIPT_DAYS).';
COMMENT ON COLUMN airudder.retention.cleared_before IS 'What came, or for turns was said, before then may be gone.';
COMMENT ON COLUMN airudder.retention.removed IS
  'Rows, all in all; of a large day of pushes as many as Postgres''s statistics knew of.';
COMMENT ON COLUMN airudder.retention.removed_at IS 'The last time that there were any.';

CREATE TABLE airudder.settlements (
  settled_at    timestamptz      NOT NULL,
  settlement_id bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
  batch_id      uuid,
  worker        text             NOT NULL,
  attempt       integer          NOT NULL,
  source        text             NOT NULL,
  kind          text             NOT NULL,
  hour          timestamptz      NOT NULL,
  normalised    integer          NOT NULL,
  duplicate     integer          NOT NULL,
  dead          integer          NOT NULL,
  warned        integer          NOT NULL,
  through_redis integer,
  lag_counts    integer[]        NOT NULL,
  lag_seconds   double precision NOT NULL,
  PRIMARY KEY (settled_at, settlement_id)
);

COMMENT ON TABLE airudder.settlements IS
  'A row says what one transaction has settled of the pushes of a source and kind that came in one hour. Rows are only '
  'added, and removed after eight days.';
COMMENT ON COLUMN airudder.settlements.settled_at IS
  'When the transaction began; pushes.normalised_at of what it has normalised.';
COMMENT ON COLUMN airudder.settlements.batch_id IS 'The batch that they came in; null for pending pushes.';
COMMENT ON COLUMN airudder.settlements.worker IS 'Host and process id, "host:pid".';
COMMENT ON COLUMN airudder.settlements.attempt IS
  'Which attempt it was at the batch, or at the pending push; 0: outcomes were taken back, and nothing was normalised.';
COMMENT ON COLUMN airudder.settlements.hour IS 'The hour in which they came, UTC.';
COMMENT ON COLUMN airudder.settlements.normalised IS
  'How many more pushes are normalised than before. Where an outcome takes the place of another one, that one goes '
  'down: below 0 it went to duplicate, as an earlier delivery was settled later, or they were replayed or erased.';
COMMENT ON COLUMN airudder.settlements.dead IS
  'The same of dead ones: below 0 they could be normalised after all, or were replayed, discarded or erased.';
COMMENT ON COLUMN airudder.settlements.warned IS 'How many of those that are normalised have warnings.';
COMMENT ON COLUMN airudder.settlements.through_redis IS
  'How many of those that Redis counts as acknowledged got their first outcome, erased among them: added up, as many '
  'as Redis counts. Null where an older release settled them.';
COMMENT ON COLUMN airudder.settlements.lag_counts IS
  'How many pushes have waited how long, from when they came (or were replayed) to settled_at. Seconds below 0.05, '
  '0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200 and 86400, each from the one before it on, and more.';
COMMENT ON COLUMN airudder.settlements.lag_seconds IS 'The seconds that all of these have waited, added up.';

CREATE INDEX settlements_batch_id ON airudder.settlements (batch_id) WHERE batch_id IS NOT NULL;

CREATE TABLE airudder.silences (
  source  text             NOT NULL,
  hour    timestamptz      NOT NULL,
  seconds double precision NOT NULL,
  PRIMARY KEY (source, hour)
);

COMMENT ON TABLE airudder.silences IS
  'A row is one hour of a source, UTC: for how many seconds at most no push of it had come, at any moment of the hour. '
  'Rows are removed after eight weeks.';

CREATE TABLE airudder.history (
  begun_at    timestamptz      PRIMARY KEY,
  minutes     integer          NOT NULL DEFAULT 1,
  seconds     double precision NOT NULL DEFAULT 0,
  kept        jsonb            NOT NULL DEFAULT '{}',
  refused     jsonb            NOT NULL DEFAULT '{}',
  keep_counts bigint[]         NOT NULL DEFAULT '{}',
  settled     jsonb            NOT NULL DEFAULT '{}',
  lag_counts  bigint[]         NOT NULL DEFAULT '{}',
  counters    jsonb,
  counted_at  timestamptz
);

COMMENT ON TABLE airudder.history IS
  'A row is one minute of the last two days, or one hour before: what web has counted in it, and what was settled. '
  'Rows are removed after 32 days.';
COMMENT ON COLUMN airudder.history.minutes IS 'How long it is, 1 or 60.';
COMMENT ON COLUMN airudder.history.seconds IS
  'Of how many seconds it has what web counted. Where no sweeper worked for a while the next row has all of that time.';
COMMENT ON COLUMN airudder.history.kept IS
  'How many pushes were kept, by source, kind and HTTP status, with tabs between.';
COMMENT ON COLUMN airudder.history.refused IS
  'How many requests were refused, by reason, or by reason and source with a tab between.';
COMMENT ON COLUMN airudder.history.keep_counts IS
  'How many pushes took how long to keep. Seconds up to 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, '
  '0.5, 1 and 2.5, each above the one before it, and more.';
COMMENT ON COLUMN airudder.history.settled IS
  'How many pushes became normalised, duplicate and dead, by source and kind with a tab between. Outcomes that others '
  'have replaced are not taken back.';
COMMENT ON COLUMN airudder.history.lag_counts IS 'As settlements has them.';
COMMENT ON COLUMN airudder.history.counters IS
  'Of the newest row that has them: what web''s counters showed at counted_at, from which the next row goes on.';

-- What operators do, and what befell a push beside the usual.
CREATE TABLE airudder.actions (
  action_id bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  at        timestamptz NOT NULL DEFAULT now(),
  operator  text        NOT NULL,
  command   text        NOT NULL,
  filter    jsonb       NOT NULL DEFAULT '{}',
  pushes    bigint,
  reason    text,
  ended_at  timestamptz
);

COMMENT ON TABLE airudder.actions IS 'A row is one thing that an operator changed by a command.';
COMMENT ON COLUMN airudder.actions.operator IS 'INGEST_OPERATOR, or the user of the operating system and its host.';
COMMENT ON COLUMN airudder.actions.filter IS 'What it was done to; of a person who was erased nothing.';
COMMENT ON COLUMN airudder.actions.pushes IS 'How many it has changed so far; null where it is about none.';
COMMENT ON COLUMN airudder.actions.ended_at IS 'Null while it is under way, and for ever where it was interrupted.';

CREATE TABLE airudder.push_events (
  event_id    bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  push_id     uuid        NOT NULL,
  received_at timestamptz NOT NULL,
  at          timestamptz NOT NULL DEFAULT now(),
  event       text        NOT NULL,
  error       text,
  error_path  text,
  action_id   bigint,
  PRIMARY KEY (push_id, event_id),
  CONSTRAINT push_event_is_known CHECK (event IN ('died', 'replayed', 'discarded', 'erased'))
);

CREATE INDEX push_events_received_at ON airudder.push_events (received_at);

COMMENT ON TABLE airudder.push_events IS
  'A row is one uncommon event in the life of a push: it died, was replayed, discarded or erased. Rows are only added, '
  'and go with the day of their push.';
COMMENT ON COLUMN airudder.push_events.received_at IS 'When the push came, as pushes has it.';
COMMENT ON COLUMN airudder.push_events.error IS 'Why the push was dead at that time, and error_path where.';
COMMENT ON COLUMN airudder.push_events.action_id IS 'The operator''s action, where it was one.';

CREATE TABLE airudder.replays (
  replay_id         bigint      PRIMARY KEY,
  total             bigint      NOT NULL,
  fed               bigint      NOT NULL DEFAULT 0,
  normalised        bigint      NOT NULL DEFAULT 0,
  duplicate         bigint      NOT NULL DEFAULT 0,
  dead              bigint      NOT NULL DEFAULT 0,
  erased            bigint      NOT NULL DEFAULT 0,
  causes            jsonb       NOT NULL DEFAULT '{}',
  after_received_at timestamptz,
  after_push_id     uuid,
  in_hand           uuid[]      NOT NULL DEFAULT '{}',
  is_fed            boolean     NOT NULL DEFAULT false,
  moved_at          timestamptz NOT NULL DEFAULT now(),
  stopped_at        timestamptz,
  ended_at          timestamptz
);

COMMENT ON TABLE airudder.replays IS
  'A row is one replay that the sweeper works off, in portions; which pushes it is of stands in its action.';
COMMENT ON COLUMN airudder.replays.replay_id IS 'Its action''s id.';
COMMENT ON COLUMN airudder.replays.total IS 'How many pushes it was of when it began.';
COMMENT ON COLUMN airudder.replays.fed IS 'How many have become pending so far. What became of them is counted beside.';
COMMENT ON COLUMN airudder.replays.causes IS 'How many are dead again, by error.';
COMMENT ON COLUMN airudder.replays.after_received_at IS
  'With after_push_id: the last push that was looked at. The next portion begins behind it.';
COMMENT ON COLUMN airudder.replays.in_hand IS 'Those that were fed and are not counted yet.';
COMMENT ON COLUMN airudder.replays.is_fed IS 'Whether no push is left to be fed.';
COMMENT ON COLUMN airudder.replays.moved_at IS 'When it last went on.';
COMMENT ON COLUMN airudder.replays.stopped_at IS 'When an operator stopped it: nothing more is fed from then on.';

-- No value of a push is here, and no key but those that look like a field's name.
CREATE TABLE airudder.drift (
  source      text        NOT NULL,
  kind        text        NOT NULL,
  workflow_id text        NOT NULL,
  path        text        NOT NULL,
  came_as     text        NOT NULL,
  samples     bigint      NOT NULL,
  last_sample bigint      NOT NULL,
  first_seen  timestamptz NOT NULL,
  last_seen   timestamptz NOT NULL,
  PRIMARY KEY (source, kind, workflow_id, path, came_as)
);

COMMENT ON TABLE airudder.drift IS
  'A row is one field of the pushes of a source, kind and workflow, as samples of them had it. `ingest drift` holds '
  'these against what the vendor documents.';
COMMENT ON COLUMN airudder.drift.workflow_id IS
  '"" where pushes name none; "*" for those of workflows beyond the first 200 of a source and kind.';
COMMENT ON COLUMN airudder.drift.path IS
  'Where the field is. "$" is the push itself: its row counts the samples. A key that may be a person''s is "*".';
COMMENT ON COLUMN airudder.drift.came_as IS
  'The type that came: text, whole number, number, boolean, object, array; nothing for null and "".';
COMMENT ON COLUMN airudder.drift.samples IS 'In how many samples it came so.';
COMMENT ON COLUMN airudder.drift.last_sample IS
  'The number of the newest of them, counted from the first sample of the workflow.';
COMMENT ON COLUMN airudder.drift.first_seen IS 'When the first of them was received.';
COMMENT ON COLUMN airudder.drift.last_seen IS
  'When the newest of them was received. A row that no sample confirms for 90 days is removed.';

-- The partitions of the first week, in case the sweeper starts late. It makes all others.
SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date + ahead) FROM generate_series(0, 7) AS ahead;


-- Where it came from -------------------------------------------------------------------------------------------------

-- Every push updates its workflow and its node. With free room on its page an update need not touch the indexes.
CREATE TABLE IF NOT EXISTS airudder.workflows (
  source      text        NOT NULL,
  workflow_id text        NOT NULL,
  name        text,
  status      text,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  kept_from   jsonb,
  PRIMARY KEY (source, workflow_id),
  CONSTRAINT workflow_id_is_not_empty CHECK (workflow_id <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.workflows IS 'A row is one workflow of a source, by its newest name.';
COMMENT ON COLUMN airudder.workflows.status IS 'In the vendor''s words, which are not documented.';

CREATE TABLE airudder.workflow_statuses (
  source      text        NOT NULL,
  workflow_id text        NOT NULL,
  told_by     uuid        NOT NULL,
  status      text,
  node_tasks  jsonb,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  kept_from   jsonb,
  PRIMARY KEY (workflow_id, source, told_by),
  CONSTRAINT workflow_status_workflow_id_is_not_empty CHECK (workflow_id <> '')
);

COMMENT ON TABLE airudder.workflow_statuses IS
  'A row is one change of a workflow''s status, as one push told of it; rows are only added.';
COMMENT ON COLUMN airudder.workflow_statuses.told_by IS
  'The push. Its id begins with when it came, so the rows of a workflow are in the order of their coming.';
COMMENT ON COLUMN airudder.workflow_statuses.node_tasks IS
  'actions: [{"nodetask_id": …, "name": …, "node_type": …, "task_id": …, "task_status": …}], without what is null; '
  'node_task_statuses shows a row each.';

CREATE VIEW airudder.node_task_statuses AS
SELECT source, workflow_id, told_by, (number - 1)::integer AS position, task ->> 'nodetask_id' AS nodetask_id,
  task ->> 'name' AS name, task ->> 'node_type' AS node_type, task ->> 'task_id' AS task_id,
  task ->> 'task_status' AS task_status, received_at
FROM airudder.workflow_statuses CROSS JOIN jsonb_array_elements(node_tasks) WITH ORDINALITY AS each (task, number);

COMMENT ON VIEW airudder.node_task_statuses IS
  'A row is the status of one node task of a workflow, as one push told of it.';
COMMENT ON COLUMN airudder.node_task_statuses.position IS 'Place in actions, from 0.';

CREATE TABLE IF NOT EXISTS airudder.nodes (
  source      text        NOT NULL,
  workflow_id text        NOT NULL,
  node_id     text        NOT NULL,
  name        text,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  kept_from   jsonb,
  PRIMARY KEY (source, workflow_id, node_id),
  CONSTRAINT node_id_is_not_empty CHECK (node_id <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.nodes IS 'A row is one custom-API node of a workflow, by its newest name.';

CREATE TABLE airudder.node_tasks (
  source      text        NOT NULL,
  workflow_id text        NOT NULL,
  nodetask_id text        NOT NULL,
  name        text,
  node_type   text,
  task_id     text,
  task_status text,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  kept_from   jsonb,
  PRIMARY KEY (source, workflow_id, nodetask_id),
  CONSTRAINT nodetask_id_is_not_empty CHECK (nodetask_id <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.node_tasks IS 'A row is one node''s task in a workflow, by its newest status.';
COMMENT ON COLUMN airudder.node_tasks.task_status IS 'In the vendor''s words, which are not documented.';


-- Who was called, about what -----------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.callees (
  source         text        NOT NULL,
  callee_number  text        NOT NULL,
  number_as_sent text,
  country        text,
  name           text,
  gender         text,
  location       text,
  platform_name  text,
  received_at    timestamptz NOT NULL,
  push_id        uuid        NOT NULL,
  kept_from      jsonb,
  PRIMARY KEY (callee_number, source),
  CONSTRAINT callee_number_is_not_empty CHECK (callee_number <> '')
);

COMMENT ON TABLE airudder.callees IS 'A row is one person a source calls, by telephone number.';
COMMENT ON COLUMN airudder.callees.callee_number IS
  'In E.164 (+6281234567890); in digits alone where it was sent without its country.';
COMMENT ON COLUMN airudder.callees.country IS 'Of the number: ISO 3166-1 alpha-2; null if it cannot be told.';

-- A number that could not be read as E.164 has no country. `ingest erase` looks it up by its digits.
CREATE INDEX IF NOT EXISTS callees_without_country
  ON airudder.callees (regexp_replace(callee_number, '[^0-9]', '', 'g')) WHERE country IS NULL;

CREATE TABLE IF NOT EXISTS airudder.cases (
  source             text        NOT NULL,
  callee_number      text        NOT NULL,
  case_id            text        NOT NULL,
  extra_a            text,
  extra_b            text,
  extra_c            text,
  variables          jsonb,
  comments           text,
  borrowed_date      date,
  due_date           date,
  borrowed_amount    numeric,
  total_owing_amount numeric,
  currency_unit      text,
  answers            jsonb,
  received_at        timestamptz NOT NULL,
  push_id            uuid        NOT NULL,
  kept_from          jsonb,
  PRIMARY KEY (callee_number, source, case_id),
  CONSTRAINT case_callee_number_is_not_empty CHECK (callee_number <> '')
);

COMMENT ON TABLE airudder.cases IS 'A row is what a person is called about: one case of the customer''s.';
COMMENT ON COLUMN airudder.cases.case_id IS 'The customer''s own id; "" where the customer gave none.';

CREATE INDEX IF NOT EXISTS cases_case_id ON airudder.cases (case_id) WHERE case_id <> '';

COMMENT ON COLUMN airudder.cases.answers IS
  'callee.extra: [{"question": …, "content": …}], without what is null; case_answers shows a row each.';

CREATE VIEW airudder.case_answers AS
SELECT source, callee_number, case_id, (number - 1)::integer AS position, answer ->> 'question' AS question,
  answer ->> 'content' AS content
FROM airudder.cases CROSS JOIN jsonb_array_elements(answers) WITH ORDINALITY AS each (answer, number);

COMMENT ON VIEW airudder.case_answers IS 'A row is one question and its content from callee.extra.';
COMMENT ON COLUMN airudder.case_answers.position IS 'Place in callee.extra, from 0.';

CREATE TABLE airudder.list_completions (
  source        text        NOT NULL,
  callee_number text        NOT NULL,
  workflow_id   text        NOT NULL,
  case_id       text        NOT NULL,
  nodes         jsonb,
  node_count    integer,
  received_at   timestamptz NOT NULL,
  push_id       uuid        NOT NULL,
  kept_from     jsonb,
  PRIMARY KEY (callee_number, source, workflow_id, case_id),
  CONSTRAINT list_completion_callee_number_is_not_empty CHECK (callee_number <> '')
);

COMMENT ON TABLE airudder.list_completions IS
  'A row is a person with whom a workflow has come to its end, with the nodes that they have passed.';
COMMENT ON COLUMN airudder.list_completions.workflow_id IS '"" where the push named no workflow.';
COMMENT ON COLUMN airudder.list_completions.case_id IS 'The customer''s own id; "" where the push named no case.';
COMMENT ON COLUMN airudder.list_completions.nodes IS
  'rows: [{"nodetask_id": …, "name": …, "node_type": …, "task_id": …}], without what is null; list_completion_nodes '
  'shows a row each.';

CREATE VIEW airudder.list_completion_nodes AS
SELECT source, callee_number, workflow_id, case_id, (number - 1)::integer AS position,
  node ->> 'nodetask_id' AS nodetask_id, node ->> 'name' AS name, node ->> 'node_type' AS node_type,
  node ->> 'task_id' AS task_id
FROM airudder.list_completions CROSS JOIN jsonb_array_elements(nodes) WITH ORDINALITY AS each (node, number);

COMMENT ON VIEW airudder.list_completion_nodes IS 'A row is one node that a person has passed in a workflow.';
COMMENT ON COLUMN airudder.list_completion_nodes.position IS 'Place in rows, from 0.';


-- What was said ------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.calls (
  source            text        NOT NULL,
  call_id           text        NOT NULL,
  task_id           text,
  callee_number     text,
  case_id           text,
  workflow_id       text,
  started_at        timestamptz,
  ended_at          timestamptz,
  duration          interval    GENERATED ALWAYS AS (
    CASE WHEN ended_at >= started_at THEN ended_at - started_at END) STORED,
  attempt           integer,
  ring_type         text,
  hangup_type       text,
  intention         text,
  slots             text,
  multi_label       jsonb,
  asr_ptp           text,
  transcript        jsonb,
  turn_count        integer,
  callee_turn_count integer,
  callee_word_count integer,
  received_at       timestamptz NOT NULL,
  push_id           uuid        NOT NULL,
  kept_from         jsonb,
  PRIMARY KEY (call_id, source),
  CONSTRAINT call_id_is_not_empty CHECK (call_id <> '')
);

COMMENT ON TABLE airudder.calls IS 'A row is one call to a callee.';
COMMENT ON COLUMN airudder.calls.attempt IS 'Which attempt to reach the callee it was (the vendor''s call_times).';
COMMENT ON COLUMN airudder.calls.asr_ptp IS 'Promise to pay, as recognised.';
COMMENT ON COLUMN airudder.calls.duration IS 'Null where the end is before the start.';
COMMENT ON COLUMN airudder.calls.transcript IS
  '[{"at": "00:00:09", "robot": …, "callee": …}], without what is null; call_turns shows a row a turn. Null also '
  'once it is removed by its age.';
COMMENT ON COLUMN airudder.calls.turn_count IS 'Turns of the transcript; stays when that is removed.';
COMMENT ON COLUMN airudder.calls.callee_turn_count IS 'Turns in which the callee said something.';
COMMENT ON COLUMN airudder.calls.callee_word_count IS 'Words that the callee said, divided by spaces.';

-- With what reports ask of a person's calls, so that they need not read the calls.
CREATE INDEX IF NOT EXISTS calls_of_callee ON airudder.calls (callee_number, source, started_at DESC NULLS LAST)
  INCLUDE (callee_turn_count);
CREATE INDEX IF NOT EXISTS calls_case_id ON airudder.calls (case_id) WHERE case_id <> '';
CREATE INDEX IF NOT EXISTS calls_started_at ON airudder.calls (started_at);

CREATE TABLE airudder.completed_calls (
  source        text        NOT NULL,
  callee_number text        NOT NULL,
  task_id       text        NOT NULL,
  started       text        NOT NULL,
  case_id       text,
  workflow_id   text,
  nodetask_id   text,
  call_id       text,
  robot_id      text,
  status        text,
  started_at    timestamptz,
  ended_at      timestamptz,
  duration      interval    GENERATED ALWAYS AS (
    CASE WHEN ended_at >= started_at THEN ended_at - started_at END) STORED,
  ring_type     text,
  hangup_type   text,
  intention     text,
  multi_label   jsonb,
  comments      text,
  received_at   timestamptz NOT NULL,
  push_id       uuid        NOT NULL,
  kept_from     jsonb,
  PRIMARY KEY (callee_number, source, task_id, started),
  CONSTRAINT completed_call_callee_number_is_not_empty CHECK (callee_number <> '')
);

CREATE INDEX completed_calls_started_at ON airudder.completed_calls (started_at);

COMMENT ON TABLE airudder.completed_calls IS
  'A row is one number of a task that AI Rudder is done with: it was reached, or its redials are exhausted.';
COMMENT ON COLUMN airudder.completed_calls.task_id IS '"" where the push named no task.';
COMMENT ON COLUMN airudder.completed_calls.started IS
  'started_at as text, in UTC; "" where there is none, as a key has no null.';
COMMENT ON COLUMN airudder.completed_calls.call_id IS
  'Null unless the push named one, which is not documented; the call is in calls, too, then.';
COMMENT ON COLUMN airudder.completed_calls.status IS
  'In the vendor''s words, such as finished; the times of a call that is pending or cancelled mean nothing.';
COMMENT ON COLUMN airudder.completed_calls.comments IS 'What the customer gave AI Rudder with the number.';

CREATE TABLE IF NOT EXISTS airudder.call_attributes (
  source           text        NOT NULL,
  call_id          text        NOT NULL,
  node_id          text        NOT NULL,
  custom_attribute jsonb,
  received_at      timestamptz NOT NULL,
  push_id          uuid        NOT NULL,
  kept_from        jsonb,
  PRIMARY KEY (call_id, source, node_id)
);

COMMENT ON TABLE airudder.call_attributes IS 'A row is what one node adds to a call; it outlives the raw push.';
COMMENT ON COLUMN airudder.call_attributes.node_id IS '"" where the push named no node.';

CREATE VIEW airudder.call_turns AS
SELECT source, call_id, (number - 1)::integer AS position, (turn ->> 'at')::interval AS call_offset,
  turn ->> 'robot' AS robot_text, turn ->> 'callee' AS callee_text
FROM airudder.calls CROSS JOIN jsonb_array_elements(transcript) WITH ORDINALITY AS each (turn, number);

COMMENT ON VIEW airudder.call_turns IS 'A row is one turn of a call: what the robot said, then what the callee said.';
COMMENT ON COLUMN airudder.call_turns.position IS 'Place in the transcript, from 0.';
COMMENT ON COLUMN airudder.call_turns.call_offset IS 'When the turn began, from the start of the call.';


-- What was written and found ----------------------------------------------------------------------------------------

CREATE TABLE airudder.sessions (
  source               text        NOT NULL,
  session_id           text        NOT NULL,
  workflow_id          text,
  nodetask_id          text,
  nodetask_name        text,
  task_id              text,
  callee_number        text,
  call_id              text,
  robot_id             text,
  channel              text,
  channel_id           text,
  status               text,
  started_at           timestamptz,
  ended_at             timestamptz,
  duration             interval    GENERATED ALWAYS AS (
    CASE WHEN ended_at >= started_at THEN ended_at - started_at END) STORED,
  end_reason           text,
  intention            text,
  talk_rounds          integer,
  slots                jsonb,
  labels               jsonb,
  variables            jsonb,
  messages             jsonb,
  message_count        integer,
  callee_message_count integer,
  received_at          timestamptz NOT NULL,
  push_id              uuid        NOT NULL,
  kept_from            jsonb,
  PRIMARY KEY (session_id, source),
  CONSTRAINT session_id_is_not_empty CHECK (session_id <> '')
);

COMMENT ON TABLE airudder.sessions IS
  'A row is one chatbot session with a callee, known by the vendor''s wfdetail_uuid.';
COMMENT ON COLUMN airudder.sessions.task_id IS 'The vendor''s waba_task_id.';
COMMENT ON COLUMN airudder.sessions.messages IS
  '[{"id": …, "sender": "user", "at": …, "status": …, "content": {…}, "reply": {…}}], in the order in which they came; '
  'session_messages shows a row each.';
COMMENT ON COLUMN airudder.sessions.callee_message_count IS 'Messages of the callee.';

CREATE INDEX sessions_callee_number ON airudder.sessions (callee_number, started_at);
CREATE INDEX sessions_call_id ON airudder.sessions (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX sessions_started_at ON airudder.sessions (started_at);
-- By the older pushes that a session is from as well: they may be about another person than the newest one.
CREATE INDEX sessions_kept_from ON airudder.sessions USING gin (jsonb_path_query_array(kept_from, '$.*'))
  WHERE kept_from IS NOT NULL;
CREATE INDEX sessions_push_id ON airudder.sessions (push_id);

CREATE VIEW airudder.session_messages AS
SELECT source, session_id, (number - 1)::integer AS position, message ->> 'id' AS message_id,
  message ->> 'sender' AS sender, (message ->> 'at')::timestamptz AS sent_at, message ->> 'status' AS status,
  message -> 'content' AS content, message -> 'reply' AS reply
FROM airudder.sessions CROSS JOIN jsonb_array_elements(messages) WITH ORDINALITY AS each (message, number);

COMMENT ON VIEW airudder.session_messages IS 'A row is one message of a session.';
COMMENT ON COLUMN airudder.session_messages.position IS
  'Place among the messages as they came, from 0; sent_at may go back.';

CREATE TABLE airudder.qa_reports (
  source       text        NOT NULL,
  task_id      text        NOT NULL,
  details      jsonb,
  detail_count integer,
  received_at  timestamptz NOT NULL,
  push_id      uuid        NOT NULL,
  kept_from    jsonb,
  PRIMARY KEY (task_id, source),
  CONSTRAINT qa_report_task_id_is_not_empty CHECK (task_id <> '')
);

-- Whose they are only the pushes that told of them can tell.
CREATE INDEX qa_reports_push_id ON airudder.qa_reports (push_id);
CREATE INDEX qa_reports_received_at ON airudder.qa_reports (received_at) WHERE details IS NOT NULL;

COMMENT ON TABLE airudder.qa_reports IS 'A row is the vendor''s quality report on one task.';

CREATE VIEW airudder.qa_report_details AS
SELECT source, task_id, (number - 1)::integer AS position, detail -> 'AsrResults' AS sentences,
  detail -> 'CheckPoint' AS check_points, detail -> 'Scores' AS scores
FROM airudder.qa_reports CROSS JOIN jsonb_array_elements(details) WITH ORDINALITY AS each (detail, number);

COMMENT ON VIEW airudder.qa_report_details IS 'A row is what was found in one call of the task.';


-- What the dialler tells ----------------------------------------------------------------------------------------------

-- Its rows are newest by the vendor's own time, which is in their versions.
CREATE TABLE IF NOT EXISTS airudder.dialer_tasks (
  source      text        NOT NULL,
  task_id     text        NOT NULL,
  name        text,
  group_name  text,
  state       text,
  body_digest bytea,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  kept_from   jsonb,
  PRIMARY KEY (task_id, source),
  CONSTRAINT dialer_task_id_is_not_empty CHECK (task_id <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.dialer_tasks IS 'A row is one task of the dialler, by its newest name and state.';
COMMENT ON COLUMN airudder.dialer_tasks.received_at IS
  'When the vendor says that it was so, and microseconds in the order of a call''s states; else when the push came.';
COMMENT ON COLUMN airudder.dialer_tasks.push_id IS
  'A push''s id where the vendor says no time; else made of that time and of the body''s digest.';
COMMENT ON COLUMN airudder.dialer_tasks.body_digest IS
  'pushes.body_digest of the deliveries of the newest push that told of the row.';

CREATE TABLE IF NOT EXISTS airudder.dialer_contacts (
  source            text        NOT NULL,
  callee_number     text        NOT NULL,
  task_id           text        NOT NULL,
  contact_name      text,
  address           text,
  info1             text,
  info2             text,
  info3             text,
  remark            text,
  main_number       text,
  phone_tag         text,
  private_data      text,
  customer_info     jsonb,
  customize_results jsonb,
  state             text,
  hangup_reason     integer,
  talk_remarks      text,
  nth_call          integer,
  record_link       text,
  agent_name        text,
  body_digest       bytea,
  received_at       timestamptz NOT NULL,
  push_id           uuid        NOT NULL,
  kept_from         jsonb,
  PRIMARY KEY (callee_number, source, task_id),
  CONSTRAINT dialer_contact_number_is_not_empty CHECK (callee_number <> '')
);

COMMENT ON TABLE airudder.dialer_contacts IS
  'A row is one contact of a task of the dialler, as it was told last, over all calls to it.';
COMMENT ON COLUMN airudder.dialer_contacts.task_id IS '"" where the push named no task.';
COMMENT ON COLUMN airudder.dialer_contacts.customer_info IS
  'The customer''s own keys; the values are free text, with other people''s numbers in it.';
COMMENT ON COLUMN airudder.dialer_contacts.customize_results IS
  '[{"title": …, "group": …, "value": …}], without what is null; dialer_results shows a row each.';
COMMENT ON COLUMN airudder.dialer_contacts.hangup_reason IS 'See dialer_hangup_reasons; 0 is one of them.';
COMMENT ON COLUMN airudder.dialer_contacts.nth_call IS 'Which call to the contact it was.';
COMMENT ON COLUMN airudder.dialer_contacts.agent_name IS 'The customer''s employee who spoke.';

CREATE VIEW airudder.dialer_results AS
SELECT source, callee_number, task_id, (number - 1)::integer AS position, result ->> 'title' AS title,
  result ->> 'group' AS group_name, result ->> 'value' AS value
FROM airudder.dialer_contacts
CROSS JOIN jsonb_array_elements(customize_results) WITH ORDINALITY AS each (result, number);

COMMENT ON VIEW airudder.dialer_results IS 'A row is one result of a talk with a contact: the customer''s own fields.';
COMMENT ON COLUMN airudder.dialer_results.position IS 'Place in customizeResults, from 0.';

CREATE TABLE IF NOT EXISTS airudder.dialer_calls (
  source        text        NOT NULL,
  call_id       text        NOT NULL,
  task_id       text,
  callee_number text,
  state         text,
  hangup_reason integer,
  agent_name    text,
  nth_call      integer,
  talk_remarks  text,
  record_link   text,
  body_digest   bytea,
  received_at   timestamptz NOT NULL,
  push_id       uuid        NOT NULL,
  kept_from     jsonb,
  PRIMARY KEY (call_id, source),
  CONSTRAINT dialer_call_id_is_not_empty CHECK (call_id <> '')
);

COMMENT ON TABLE airudder.dialer_calls IS
  'A row is what the dialler tells of one call; its start and end are in calls, under the same id.';
COMMENT ON COLUMN airudder.dialer_calls.hangup_reason IS 'See dialer_hangup_reasons; 0 is one of them.';
COMMENT ON COLUMN airudder.dialer_calls.nth_call IS 'Which call to the contact it was.';
COMMENT ON COLUMN airudder.dialer_calls.agent_name IS 'The customer''s employee who spoke.';

CREATE TABLE IF NOT EXISTS airudder.dialer_agents (
  source              text        NOT NULL,
  agent_name          text        NOT NULL,
  group_name          text,
  task_id             text,
  state               text,
  register_state      text,
  call_type           text,
  talk_result_label   text,
  display_talk_result text,
  is_conceal_callee   text,
  threeway_state      text,
  day_counters        jsonb,
  body_digest         bytea,
  received_at         timestamptz NOT NULL,
  push_id             uuid        NOT NULL,
  kept_from           jsonb,
  PRIMARY KEY (agent_name, source),
  CONSTRAINT dialer_agent_name_is_not_empty CHECK (agent_name <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.dialer_agents IS 'A row is one agent of the customer''s, as they were told of last.';
COMMENT ON COLUMN airudder.dialer_agents.day_counters IS
  'The agent''s day until then, by the vendor''s names: a snapshot, whose numbers are not to be summed.';

COMMENT ON COLUMN airudder.dialer_contacts.received_at IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_contacts.push_id IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_contacts.body_digest IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_calls.received_at IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_calls.push_id IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_calls.body_digest IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_agents.received_at IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_agents.push_id IS 'As in dialer_tasks.';
COMMENT ON COLUMN airudder.dialer_agents.body_digest IS 'As in dialer_tasks.';


-- Each person's contacts ------------------------------------------------------------------------------------------

CREATE VIEW airudder.contacts AS
SELECT source, callee_number, coalesce(started_at, received_at) AS at, 'call' AS channel, call_id AS contact_id,
  workflow_id, task_id, intention AS outcome, received_at
FROM airudder.calls WHERE callee_number IS NOT NULL
UNION ALL
SELECT source, callee_number, coalesce(started_at, received_at), coalesce(channel, 'chat'), session_id, workflow_id,
  task_id, intention, received_at
FROM airudder.sessions WHERE callee_number IS NOT NULL
UNION ALL
SELECT source, callee_number, coalesce(started_at, received_at), 'completed call', call_id, workflow_id,
  nullif(task_id, ''), status, received_at
FROM airudder.completed_calls
UNION ALL
SELECT source, callee_number, received_at, 'dialler', NULL, NULL, nullif(task_id, ''), state, received_at
FROM airudder.dialer_contacts
UNION ALL
SELECT source, callee_number, received_at, 'list completed', NULL, nullif(workflow_id, ''), NULL, NULL, received_at
FROM airudder.list_completions;

COMMENT ON VIEW airudder.contacts IS
  'A row is one contact with a person, over whatever channel: order it by "at". One call may be told of by several.';
COMMENT ON COLUMN airudder.contacts.at IS 'When it began; where that is not known, when the newest push told of it.';
COMMENT ON COLUMN airudder.contacts.outcome IS 'Its intention, or the vendor''s status or state of it.';


-- What the vendor's words mean ---------------------------------------------------------------------------------------

-- Tables rather than CHECKs or enums: a value that is new tomorrow must not fail a push.
CREATE TABLE IF NOT EXISTS airudder.ring_types (
  ring_type text PRIMARY KEY,
  meaning   text NOT NULL
);

COMMENT ON TABLE airudder.ring_types IS 'A row explains one documented value of calls.ring_type.';

--- again
INSERT INTO airudder.ring_types AS stored (ring_type, meaning) VALUES
  ('busy', 'The line was busy.'),
  ('cantuse', 'The number cannot be used.'),
  ('holdline', 'The call was put on hold.'),
  ('switchoff', 'The telephone was switched off.'),
  ('outofarea', 'The telephone was out of the service area.'),
  ('unregister', 'The number is not registered.'),
  ('wrongnum', 'The number is wrong.'),
  ('notmatch', 'What was heard while ringing matched no known announcement.'),
  ('normal', 'It rang normally; this does not say that anybody answered.')
ON CONFLICT (ring_type) DO UPDATE SET meaning = excluded.meaning WHERE stored.meaning <> excluded.meaning;
--- once

CREATE TABLE IF NOT EXISTS airudder.hangup_types (
  hangup_type text PRIMARY KEY,
  meaning     text NOT NULL
);

COMMENT ON TABLE airudder.hangup_types IS 'A row explains one documented value of calls.hangup_type.';

--- again
INSERT INTO airudder.hangup_types AS stored (hangup_type, meaning) VALUES
  ('ByCallee', 'The callee hung up.'),
  ('ByRobot', 'The robot hung up.'),
  ('Canceled', 'The call was cancelled.')
ON CONFLICT (hangup_type) DO UPDATE SET meaning = excluded.meaning WHERE stored.meaning <> excluded.meaning;
--- once

CREATE TABLE IF NOT EXISTS airudder.dialer_hangup_reasons (
  reason  integer PRIMARY KEY,
  meaning text    NOT NULL
);

COMMENT ON TABLE airudder.dialer_hangup_reasons IS
  'A row explains one documented value of hangup_reason in dialer_contacts and dialer_calls.';

--- again
INSERT INTO airudder.dialer_hangup_reasons AS stored (reason, meaning) VALUES
  (0, 'Unknown.'),
  (1, 'The contact answered, and there was no agent.'),
  (2, 'Normal; in use it means that the contact did not pick up.'),
  (3, 'The line was busy.'),
  (4, 'The number is not in use.'),
  (5, 'The call was put on hold.'),
  (6, 'The telephone was switched off.'),
  (7, 'The telephone was out of the service area.'),
  (8, 'The number is invalid.'),
  (9, 'The number is wrong.'),
  (12, 'They talked.'),
  (13, 'The agent rejected the call.'),
  (14, 'The user hung up.'),
  (15, 'Fusing, as the vendor calls it.'),
  (16, 'A machine answered (AMD).'),
  (17, 'The agent''s network failed.'),
  (18, 'The limit of attempts was reached.'),
  (19, 'The contact hung up shortly after the call was answered.'),
  (20, 'The number is on a do-not-call list.')
ON CONFLICT (reason) DO UPDATE SET meaning = excluded.meaning WHERE stored.meaning <> excluded.meaning;
--- once


-- What analysts see --------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.pseudonym_key (
  is_only boolean PRIMARY KEY DEFAULT true,
  secret  bytea   NOT NULL,
  CONSTRAINT there_is_one_key CHECK (is_only)
);

COMMENT ON TABLE airudder.pseudonym_key IS
  'A row is the secret that pseudonyms are made with; another one changes every pseudonym.';

INSERT INTO airudder.pseudonym_key (secret)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
ON CONFLICT (is_only) DO NOTHING;

--- again

-- The same identifier gives the same pseudonym, so joins and counts work. Without the secret nobody can undo or guess
-- it. The body is parsed now, not when it is called: a caller's search_path could bring in functions that see the
-- secret.
CREATE OR REPLACE FUNCTION airudder.pseudonym(secret bytea, identifier text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN identifier = '' THEN ''
  ELSE left(encode(sha256(secret || convert_to(identifier, 'UTF8')), 'hex'), 20) END;

-- An id of this database. If two databases share a Redis, the workers of one would take the pushes of the other.
CREATE OR REPLACE FUNCTION airudder.installation() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT left(encode(sha256(secret || convert_to(current_database(), 'UTF8')), 'hex'), 16) FROM airudder.pseudonym_key
$$;

REVOKE ALL ON FUNCTION airudder.installation() FROM PUBLIC;

--- once

-- Numbers and case ids are pseudonyms here. Names, places, transcripts and other free text are left out.
CREATE SCHEMA IF NOT EXISTS airudder_analytics;

CREATE VIEW airudder_analytics.callees AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  concat(country, '…', substring(callee_number FROM '[0-9]{2}$')) AS masked_number, country, received_at
FROM airudder.callees;

COMMENT ON VIEW airudder_analytics.callees IS
  'Callees without their names; of the number its country and last two digits.';

CREATE VIEW airudder_analytics.cases AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, borrowed_date, due_date,
  borrowed_amount, total_owing_amount, currency_unit, received_at
FROM airudder.cases;

COMMENT ON VIEW airudder_analytics.cases IS
  'Cases: dates and amounts. A customer''s case id may tell who it is, so it is a pseudonym.';

CREATE VIEW airudder_analytics.list_completions AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  workflow_id, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, node_count,
  received_at
FROM airudder.list_completions;

COMMENT ON VIEW airudder_analytics.list_completions IS 'Persons with whom a workflow has come to its end.';

CREATE VIEW airudder_analytics.calls AS
SELECT source, call_id, task_id,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, workflow_id, started_at,
  ended_at, duration, attempt,
  CASE WHEN ring_type IN (SELECT known.ring_type FROM airudder.ring_types AS known) THEN ring_type END AS ring_type,
  CASE WHEN hangup_type IN (SELECT known.hangup_type FROM airudder.hangup_types AS known) THEN hangup_type END
    AS hangup_type,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, asr_ptp IS NOT NULL AS has_asr_ptp,
  turn_count, callee_turn_count, callee_word_count, received_at
FROM airudder.calls;

COMMENT ON VIEW airudder_analytics.calls IS
  'Calls. Of the promise to pay only whether one was recognised: its text is the callee''s. Words that are not '
  'documented, and intentions that are neither a letter nor --, may be anything and are null.';

CREATE VIEW airudder_analytics.called_callees AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  calls, callee_turn_count, last_started_at
FROM (
  SELECT source, callee_number, count(*) AS calls, coalesce(sum(callee_turn_count), 0) AS callee_turn_count,
    max(started_at) AS last_started_at
  FROM airudder.calls WHERE callee_number IS NOT NULL GROUP BY callee_number, source) AS called;

COMMENT ON VIEW airudder_analytics.called_callees IS
  'Callees that were called: how often, in how many turns they spoke, and when the last call began.';

CREATE VIEW airudder_analytics.completed_calls AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  task_id, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, workflow_id,
  nodetask_id, call_id, robot_id, status, started_at, ended_at, duration,
  CASE WHEN ring_type IN (SELECT known.ring_type FROM airudder.ring_types AS known) THEN ring_type END AS ring_type,
  CASE WHEN hangup_type IN (SELECT known.hangup_type FROM airudder.hangup_types AS known) THEN hangup_type END
    AS hangup_type,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, received_at
FROM airudder.completed_calls;

COMMENT ON VIEW airudder_analytics.completed_calls IS
  'Numbers that AI Rudder is done with; words that are not documented are null, as in calls.';

CREATE VIEW airudder_analytics.call_turns AS
SELECT source, call_id, position, call_offset, length(robot_text) AS robot_characters,
  length(callee_text) AS callee_characters
FROM airudder.call_turns;

COMMENT ON VIEW airudder_analytics.call_turns IS
  'Turns of calls: how much was said, and not what; null where nothing was.';

CREATE VIEW airudder_analytics.sessions AS
SELECT source, session_id, workflow_id, nodetask_id, nodetask_name, task_id,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym, call_id,
  robot_id, channel, status, started_at, ended_at, duration, end_reason,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, talk_rounds, message_count,
  callee_message_count, received_at
FROM airudder.sessions;

CREATE VIEW airudder_analytics.qa_reports AS SELECT source, task_id, detail_count, received_at FROM airudder.qa_reports;

CREATE VIEW airudder_analytics.dialer_contacts AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  task_id,
  CASE WHEN upper(state) IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, nth_call,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), agent_name) AS agent_pseudonym, received_at
FROM airudder.dialer_contacts;

COMMENT ON VIEW airudder_analytics.dialer_contacts IS
  'Contacts of the dialler, without what the customer or the agent wrote of them.';

CREATE VIEW airudder_analytics.dialer_calls AS
SELECT source, call_id, task_id,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  CASE WHEN upper(state) IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), agent_name) AS agent_pseudonym,
  nth_call, received_at
FROM airudder.dialer_calls;

COMMENT ON VIEW airudder_analytics.dialer_calls IS 'Calls of the dialler; states that are not documented are null.';

CREATE VIEW airudder_analytics.dialer_agents AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), agent_name) AS agent_pseudonym,
  group_name, task_id, state, register_state, call_type, is_conceal_callee, threeway_state, day_counters, received_at
FROM airudder.dialer_agents;

COMMENT ON VIEW airudder_analytics.dialer_agents IS
  'Agents, by pseudonym. The numbers of day_counters are snapshots, and not to be summed.';

CREATE VIEW airudder_analytics.dialer_tasks AS
SELECT source, task_id, name, group_name, state, received_at FROM airudder.dialer_tasks;
CREATE VIEW airudder_analytics.dialer_hangup_reasons AS SELECT reason, meaning FROM airudder.dialer_hangup_reasons;

CREATE VIEW airudder_analytics.workflows AS
SELECT source, workflow_id, name, status, received_at FROM airudder.workflows;

CREATE VIEW airudder_analytics.workflow_statuses AS
SELECT source, workflow_id, status, received_at FROM airudder.workflow_statuses;

CREATE VIEW airudder_analytics.nodes AS SELECT source, workflow_id, node_id, name, received_at FROM airudder.nodes;

CREATE VIEW airudder_analytics.node_tasks AS
SELECT source, workflow_id, nodetask_id, name, node_type, task_id, task_status, received_at FROM airudder.node_tasks;

CREATE VIEW airudder_analytics.ring_types AS SELECT ring_type, meaning FROM airudder.ring_types;
CREATE VIEW airudder_analytics.hangup_types AS SELECT hangup_type, meaning FROM airudder.hangup_types;

COMMIT;


-- Who may do what ----------------------------------------------------------------------------------------------------

--- again

-- Roles belong to the whole cluster, and a managed Postgres may not let us make them. All else works without them.
BEGIN;

DO $$
DECLARE
  missing text;
BEGIN
  FOREACH missing IN ARRAY ARRAY['airudder_web', 'airudder_worker', 'airudder_console', 'airudder_analyst'] LOOP
    CONTINUE WHEN to_regrole(missing) IS NOT NULL;
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN
        NULL; -- the migration of another database has just made it
      WHEN insufficient_privilege THEN
        RAISE WARNING 'the role % is missing, and % may not make it: let an administrator run `CREATE ROLE % NOLOGIN`, '
          'and migrate again',
          missing, current_user, missing;
    END;
  END LOOP;
END
$$;

COMMIT;

BEGIN;

SELECT pg_advisory_xact_lock(hashtext('airudder-ingest schema'));

-- No role has rights on a partition: rights on pushes are enough to read and write through it.
DO $$
DECLARE
  writer text;
BEGIN
  IF to_regrole('airudder_web') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA airudder TO airudder_web;
    -- ON CONFLICT reads the key.
    GRANT SELECT (received_at, push_id), INSERT (received_at, push_id, source, kind, body, signature) ON airudder.pushes
      TO airudder_web;
  END IF;
  -- The console's dry run of a replay writes as workers do, and takes it back.
  FOREACH writer IN ARRAY ARRAY['airudder_worker', 'airudder_console'] LOOP
    CONTINUE WHEN to_regrole(writer) IS NULL;
    EXECUTE format('GRANT USAGE ON SCHEMA airudder TO %I', writer);
    -- Every column but those that came with the push, which nobody changes.
    EXECUTE format(
      'GRANT SELECT, INSERT, UPDATE (status, error, error_path, warnings, attempts, recurrence, through_redis, '
      'workflow_id, node_id, task_id, callee_number, case_id, call_id, normalised_at, replayed_at) '
      'ON airudder.pushes TO %I', writer);
    EXECUTE format(
      'GRANT SELECT, INSERT, UPDATE ON airudder.workflows, airudder.nodes, airudder.callees, airudder.cases, '
      'airudder.list_completions, airudder.completed_calls, airudder.calls, airudder.call_attributes, '
      'airudder.sessions, airudder.qa_reports, airudder.node_tasks, airudder.dialer_tasks, airudder.dialer_contacts, '
      'airudder.dialer_calls, airudder.dialer_agents, airudder.replays TO %I', writer);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE (pushes, ended_at) ON airudder.actions TO %I', writer);
    EXECUTE format('GRANT SELECT, INSERT ON airudder.push_events, airudder.settlements TO %I', writer);
    -- A history's rows that a retry told are removed once its first delivery is settled.
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON airudder.workflow_statuses TO %I', writer);
    EXECUTE format(
      'GRANT SELECT ON airudder.retention, airudder.silences, airudder.history, airudder.drift, airudder.case_answers, '
      'airudder.list_completion_nodes, airudder.call_turns, airudder.session_messages, airudder.qa_report_details, '
      'airudder.node_task_statuses, airudder.dialer_results, airudder.contacts, airudder.ring_types, '
      'airudder.hangup_types, airudder.dialer_hangup_reasons, airudder.migrations TO %I', writer);
    EXECUTE format('GRANT EXECUTE ON FUNCTION airudder.installation() TO %I', writer);
  END LOOP;
  IF to_regrole('airudder_worker') IS NOT NULL THEN
    GRANT INSERT, UPDATE ON airudder.retention TO airudder_worker;
    -- Events and settlements go with the day of their push.
    GRANT DELETE ON airudder.push_events, airudder.settlements TO airudder_worker;
    GRANT INSERT, UPDATE, DELETE ON airudder.silences, airudder.history, airudder.drift TO airudder_worker;
    GRANT EXECUTE ON FUNCTION airudder.ensure_pushes_partition(date), airudder.close_pushes_default(date),
      airudder.check_pushes_default(date), airudder.open_pushes_default(date), airudder.drop_pushes_partition(date),
      airudder.delete_default_pushes(timestamptz, integer) TO airudder_worker;
  END IF;
  IF to_regrole('airudder_console') IS NOT NULL THEN
    -- What hides numbers in the addresses of its pages.
    GRANT SELECT ON airudder.pseudonym_key TO airudder_console;
  END IF;
  IF to_regrole('airudder_analyst') IS NOT NULL THEN
    GRANT USAGE ON SCHEMA airudder_analytics TO airudder_analyst;
    GRANT SELECT ON ALL TABLES IN SCHEMA airudder_analytics TO airudder_analyst;
  END IF;
END
$$;

COMMIT;
