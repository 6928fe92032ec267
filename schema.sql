-- Tables of airudder-ingest, in the schema "airudder". Postgres 14 and later.
--
-- Applied by `ingest migrate`, or by `psql -f schema.sql`; applying it again changes nothing. Reads top to bottom:
-- what came (pushes), who sent it from where (workflows, nodes), who was called about what (callees, cases), what was
-- said (calls, turns), and what the vendor's words mean.
--
-- Every table but pushes holds the newest version of its row: received_at and push_id name the push that it is from,
-- and an upsert never overwrites a newer version with an older one. Children carry their parent's natural key and
-- there are no foreign keys: pushes come in any order, several workers write at once, and the tables can be
-- distributed. Keys begin with the id that people look up by, and source comes second. Times are UTC. Text that the vendor sends as "" is stored as null, but for case_id.

BEGIN;

-- Two processes that migrate at once would trip over each other's IF NOT EXISTS.
SELECT pg_advisory_xact_lock(hashtext('airudder-ingest schema'));

CREATE SCHEMA IF NOT EXISTS airudder;


-- What came ----------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.pushes (
  push_id          uuid        NOT NULL,
  received_at      timestamptz NOT NULL,
  source           text        NOT NULL,
  kind             text        NOT NULL,
  body             bytea       NOT NULL,
  body_digest      bytea       NOT NULL GENERATED ALWAYS AS (sha256(body)) STORED,
  status           text        NOT NULL,
  error            text,
  error_path       text,
  warnings         jsonb,
  attempts         integer     NOT NULL DEFAULT 0,
  through_redis    boolean     NOT NULL DEFAULT false,
  workflow_id      text,
  node_id          text,
  callee_number    text,
  case_id          text,
  call_id          text,
  custom_attribute jsonb,
  normalised_at    timestamptz,
  -- The partition key has to be part of it; a push id holds its received_at, so the id alone leads to the row.
  PRIMARY KEY (received_at, push_id),
  CONSTRAINT push_status_is_known CHECK (status IN ('pending', 'normalised', 'duplicate', 'dead')),
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
COMMENT ON COLUMN airudder.pushes.status IS
  'pending: stored, not yet normalised. normalised: its rows are written. duplicate: the same bytes were normalised '
  'within the day before. dead: nothing in it could be normalised; replay it after a fix.';
COMMENT ON COLUMN airudder.pushes.error IS 'Why a dead push is dead.';
COMMENT ON COLUMN airudder.pushes.error_path IS 'Where in the body the error is, as a JSON path.';
COMMENT ON COLUMN airudder.pushes.warnings IS 'Fields stored as null or changed: [{"path": …, "problem": …}].';
ALTER TABLE airudder.pushes ADD COLUMN IF NOT EXISTS through_redis boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN airudder.pushes.through_redis IS
  'It came in a batch, and Redis has counted it; false where web stored it here, as Redis was away.';
COMMENT ON COLUMN airudder.pushes.attempts IS 'How often the sweeper has begun it while it was pending, since it came or was replayed; 1 if a worker settled it.';

-- Rows for which no partition was made in time are kept here, and moved when it is made.
CREATE TABLE IF NOT EXISTS airudder.pushes_default PARTITION OF airudder.pushes DEFAULT;

CREATE INDEX IF NOT EXISTS pushes_pending ON airudder.pushes (received_at) WHERE status = 'pending';
CREATE INDEX IF NOT EXISTS pushes_dead ON airudder.pushes (received_at) WHERE status = 'dead';
-- Only what was normalised: a sender that repeats itself for hours must not make the look-up slower and slower.
CREATE INDEX IF NOT EXISTS pushes_body_digest ON airudder.pushes (body_digest) WHERE status = 'normalised';
CREATE INDEX IF NOT EXISTS pushes_call_id ON airudder.pushes (call_id) WHERE call_id IS NOT NULL;

-- Makes the partition of one UTC day; true if it was not there. Rows of that day in the default partition move over.
CREATE OR REPLACE FUNCTION airudder.ensure_pushes_partition(day date) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  partition text := 'pushes_' || to_char(day, 'YYYY_MM_DD');
  day_start timestamptz := day::timestamp AT TIME ZONE 'UTC';
  day_end timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
  stored_columns text;
BEGIN
  IF to_regclass(format('airudder.%I', partition)) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE airudder.%I (LIKE airudder.pushes INCLUDING ALL)', partition);
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
  RETURN true;
END
$$;

-- The first days, so that a sweeper which starts late does no harm; the sweeper makes the rest.
SELECT airudder.ensure_pushes_partition((now() AT TIME ZONE 'UTC')::date + ahead) FROM generate_series(0, 7) AS ahead;


-- Where it came from -------------------------------------------------------------------------------------------------

-- Every push updates its workflow and its node: room on the page keeps these updates out of the indexes.
CREATE TABLE IF NOT EXISTS airudder.workflows (
  source      text        NOT NULL,
  workflow_id text        NOT NULL,
  name        text,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  PRIMARY KEY (source, workflow_id),
  CONSTRAINT workflow_id_is_not_empty CHECK (workflow_id <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.workflows IS 'A row is one workflow of a source, by its newest name.';

CREATE TABLE IF NOT EXISTS airudder.nodes (
  source      text        NOT NULL,
  workflow_id text        NOT NULL,
  node_id     text        NOT NULL,
  name        text,
  received_at timestamptz NOT NULL,
  push_id     uuid        NOT NULL,
  PRIMARY KEY (source, workflow_id, node_id),
  CONSTRAINT node_id_is_not_empty CHECK (node_id <> '')
) WITH (fillfactor = 50);

COMMENT ON TABLE airudder.nodes IS 'A row is one custom-API node of a workflow, by its newest name.';


-- Who was called, about what -----------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.callees (
  source         text        NOT NULL,
  callee_number  text        NOT NULL,
  number_as_sent text        NOT NULL,
  country        text,
  name           text,
  gender         text,
  location       text,
  platform_name  text,
  received_at    timestamptz NOT NULL,
  push_id        uuid        NOT NULL,
  PRIMARY KEY (callee_number, source),
  CONSTRAINT callee_number_is_not_empty CHECK (callee_number <> '')
);

COMMENT ON TABLE airudder.callees IS 'A row is one person a source calls, by telephone number.';
COMMENT ON COLUMN airudder.callees.callee_number IS 'In E.164 (+6281234567890) if it can be read as such, else as sent.';
COMMENT ON COLUMN airudder.callees.country IS 'Of the number: ISO 3166-1 alpha-2; null if it cannot be told.';

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
  received_at        timestamptz NOT NULL,
  push_id            uuid        NOT NULL,
  PRIMARY KEY (callee_number, source, case_id),
  CONSTRAINT case_callee_number_is_not_empty CHECK (callee_number <> '')
);

COMMENT ON TABLE airudder.cases IS 'A row is what a person is called about: one case of the customer''s.';
COMMENT ON COLUMN airudder.cases.case_id IS 'The customer''s own id; "" where the customer gave none.';

CREATE INDEX IF NOT EXISTS cases_case_id ON airudder.cases (case_id) WHERE case_id <> '';

CREATE TABLE IF NOT EXISTS airudder.case_answers (
  source        text    NOT NULL,
  callee_number text    NOT NULL,
  case_id       text    NOT NULL,
  position      integer NOT NULL,
  question      text,
  content       text,
  PRIMARY KEY (callee_number, source, case_id, position),
  CONSTRAINT answer_position_is_not_negative CHECK (position >= 0)
);

COMMENT ON TABLE airudder.case_answers IS 'A row is one question and its content from callee.extra, of its case''s newest push.';
COMMENT ON COLUMN airudder.case_answers.position IS 'Place in callee.extra, from 0.';


-- What was said ------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS airudder.calls (
  source                 text        NOT NULL,
  call_id                text        NOT NULL,
  task_id                text,
  callee_number          text,
  case_id                text,
  workflow_id            text,
  started_at             timestamptz,
  ended_at               timestamptz,
  duration               interval    GENERATED ALWAYS AS (ended_at - started_at) STORED,
  attempt                integer,
  ring_type              text,
  hangup_type            text,
  intention              text,
  slots                  text,
  multi_label            jsonb,
  asr_ptp                text,
  received_at            timestamptz NOT NULL,
  push_id                uuid        NOT NULL,
  transcript_received_at timestamptz,
  transcript_push_id     uuid,
  PRIMARY KEY (call_id, source),
  CONSTRAINT call_id_is_not_empty CHECK (call_id <> ''),
  CONSTRAINT transcript_push_has_its_time CHECK ((transcript_push_id IS NULL) = (transcript_received_at IS NULL))
);

COMMENT ON TABLE airudder.calls IS 'A row is one call to a callee.';
COMMENT ON COLUMN airudder.calls.attempt IS 'Which attempt to reach the callee it was (the vendor''s call_times).';
COMMENT ON COLUMN airudder.calls.asr_ptp IS 'Promise to pay, as recognised.';
COMMENT ON COLUMN airudder.calls.transcript_push_id IS
  'The push that call_turns are from: the newest that had any. A later push without a transcript leaves it alone.';

CREATE INDEX IF NOT EXISTS calls_callee_number ON airudder.calls (callee_number, started_at);
CREATE INDEX IF NOT EXISTS calls_case_id ON airudder.calls (case_id) WHERE case_id <> '';
CREATE INDEX IF NOT EXISTS calls_started_at ON airudder.calls (started_at);

CREATE TABLE IF NOT EXISTS airudder.call_attributes (
  source           text        NOT NULL,
  call_id          text        NOT NULL,
  node_id          text        NOT NULL,
  custom_attribute jsonb       NOT NULL,
  received_at      timestamptz NOT NULL,
  push_id          uuid        NOT NULL,
  PRIMARY KEY (call_id, source, node_id)
);

COMMENT ON TABLE airudder.call_attributes IS 'A row is what one node adds to a call; it outlives the raw push.';
COMMENT ON COLUMN airudder.call_attributes.node_id IS '"" where the push named no node.';

CREATE TABLE IF NOT EXISTS airudder.call_turns (
  source      text     NOT NULL,
  call_id     text     NOT NULL,
  position    integer  NOT NULL,
  call_offset interval,
  robot_text  text,
  callee_text text,
  PRIMARY KEY (call_id, source, position),
  CONSTRAINT turn_position_is_not_negative CHECK (position >= 0)
);

COMMENT ON TABLE airudder.call_turns IS 'A row is one turn of a call: what the robot said, then what the callee said.';
COMMENT ON COLUMN airudder.call_turns.position IS 'Place in the transcript, from 0.';
COMMENT ON COLUMN airudder.call_turns.call_offset IS 'When the turn began, from the start of the call.';


-- What the vendor's words mean ---------------------------------------------------------------------------------------

-- Tables rather than CHECKs or enums: a value that is new tomorrow must not fail a push.
CREATE TABLE IF NOT EXISTS airudder.ring_types (
  ring_type text PRIMARY KEY,
  meaning   text NOT NULL
);

COMMENT ON TABLE airudder.ring_types IS 'A row explains one documented value of calls.ring_type.';

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

CREATE TABLE IF NOT EXISTS airudder.hangup_types (
  hangup_type text PRIMARY KEY,
  meaning     text NOT NULL
);

COMMENT ON TABLE airudder.hangup_types IS 'A row explains one documented value of calls.hangup_type.';

INSERT INTO airudder.hangup_types AS stored (hangup_type, meaning) VALUES
  ('ByCallee', 'The callee hung up.'),
  ('ByRobot', 'The robot hung up.'),
  ('Canceled', 'The call was cancelled.')
ON CONFLICT (hangup_type) DO UPDATE SET meaning = excluded.meaning WHERE stored.meaning <> excluded.meaning;

COMMIT;
