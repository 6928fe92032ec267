-- Each column keeps what the newest push says of it. Transcripts, and the answers of a case, become parts of rows.

---- transaction

ALTER TABLE airudder.callees ADD COLUMN kept_from jsonb;
COMMENT ON COLUMN airudder.callees.callee_number IS
  'In E.164 (+6281234567890); in digits alone where it was sent without its country.';
COMMENT ON COLUMN airudder.retention.removed IS
  'Rows, all in all; of a large day of pushes as many as Postgres''s statistics knew of.';

---- transaction

ALTER TABLE airudder.cases ADD COLUMN answers jsonb, ADD COLUMN kept_from jsonb;
ALTER TABLE airudder.case_answers RENAME TO case_answers_before;

CREATE VIEW airudder.case_answers AS
SELECT source, callee_number, case_id, (number - 1)::integer AS position, answer ->> 'question' AS question,
  answer ->> 'content' AS content
FROM airudder.cases CROSS JOIN jsonb_array_elements(answers) WITH ORDINALITY AS each (answer, number);

COMMENT ON COLUMN airudder.cases.answers IS
  'callee.extra: [{"question": …, "content": …}], without what is null; case_answers shows a row each.';
COMMENT ON VIEW airudder.case_answers IS 'A row is one question and its content from callee.extra.';
COMMENT ON COLUMN airudder.case_answers.position IS 'Place in callee.extra, from 0.';

---- transaction

-- For the new duration Postgres writes the whole table again, so all new columns are added by the same statement.
DROP VIEW airudder_analytics.calls, airudder_analytics.call_turns;

ALTER TABLE airudder.calls
  DROP COLUMN duration,
  ADD COLUMN duration interval GENERATED ALWAYS AS (
    CASE WHEN ended_at >= started_at THEN ended_at - started_at END) STORED,
  ADD COLUMN transcript jsonb,
  ADD COLUMN turn_count integer,
  ADD COLUMN callee_turn_count integer,
  ADD COLUMN callee_word_count integer,
  ADD COLUMN kept_from jsonb;
ALTER TABLE airudder.call_turns RENAME TO call_turns_before;

CREATE VIEW airudder.call_turns AS
SELECT source, call_id, (number - 1)::integer AS position, (turn ->> 'at')::interval AS call_offset,
  turn ->> 'robot' AS robot_text, turn ->> 'callee' AS callee_text
FROM airudder.calls CROSS JOIN jsonb_array_elements(transcript) WITH ORDINALITY AS each (turn, number);

COMMENT ON COLUMN airudder.calls.duration IS 'Null where the end is before the start.';
COMMENT ON COLUMN airudder.calls.transcript IS
  '[{"at": "00:00:09", "robot": …, "callee": …}], without what is null; call_turns shows a row a turn. Null also '
  'once it is removed by its age.';
COMMENT ON COLUMN airudder.calls.turn_count IS 'Turns of the transcript; stays when that is removed.';
COMMENT ON COLUMN airudder.calls.callee_turn_count IS 'Turns in which the callee said something.';
COMMENT ON COLUMN airudder.calls.callee_word_count IS 'Words that the callee said, divided by spaces.';
COMMENT ON VIEW airudder.call_turns IS 'A row is one turn of a call: what the robot said, then what the callee said.';
COMMENT ON COLUMN airudder.call_turns.position IS 'Place in the transcript, from 0.';
COMMENT ON COLUMN airudder.call_turns.call_offset IS 'When the turn began, from the start of the call.';

CREATE VIEW airudder_analytics.calls AS
SELECT source, call_id, task_id, airudder.pseudonym(secret, callee_number) AS callee_pseudonym,
  airudder.pseudonym(secret, case_id) AS case_pseudonym, workflow_id, started_at, ended_at, duration, attempt,
  (SELECT known.ring_type FROM airudder.ring_types AS known WHERE known.ring_type = calls.ring_type) AS ring_type,
  (SELECT known.hangup_type FROM airudder.hangup_types AS known WHERE known.hangup_type = calls.hangup_type)
    AS hangup_type,
  CASE WHEN intention ~ '^[A-Za-z]$' THEN intention END AS intention, asr_ptp IS NOT NULL AS has_asr_ptp, turn_count,
  callee_turn_count, callee_word_count, received_at
FROM airudder.calls CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.calls IS
  'Calls. Of the promise to pay only whether one was recognised: its text is the callee''s. Words that are not '
  'documented, and intentions of more than a letter, may be anything and are null.';

CREATE VIEW airudder_analytics.call_turns AS
SELECT source, call_id, position, call_offset, length(robot_text) AS robot_characters,
  length(callee_text) AS callee_characters
FROM airudder.call_turns;

COMMENT ON VIEW airudder_analytics.call_turns IS
  'Turns of calls: how much was said, and not what; null where nothing was.';

---- transaction

ALTER TABLE airudder.call_attributes ADD COLUMN kept_from jsonb;

---- transaction

ALTER TABLE airudder.workflows ADD COLUMN kept_from jsonb;
ALTER TABLE airudder.nodes ADD COLUMN kept_from jsonb;

---- alone

-- Ten thousand calls a transaction. Where a worker has written a transcript meanwhile, that one stays.
DO $$
DECLARE
  after_call text := '';
  after_source text := '';
  last_call text;
  last_source text;
BEGIN
  PERFORM set_config('IntervalStyle', 'postgres', false);
  LOOP
    SELECT call_id, source INTO last_call, last_source FROM (
      SELECT call_id, source FROM airudder.calls WHERE (call_id, source) > (after_call, after_source)
      ORDER BY call_id, source LIMIT 10000) AS portion
    ORDER BY call_id DESC, source DESC LIMIT 1;
    EXIT WHEN last_call IS NULL;
    UPDATE airudder.calls AS call SET
      transcript = turns.transcript, turn_count = turns.turn_count, callee_turn_count = turns.callee_turn_count,
      callee_word_count = turns.callee_word_count,
      kept_from = CASE WHEN transcript_push_id <> push_id
        THEN jsonb_build_object('transcript', transcript_push_id) || coalesce(kept_from, '{}') ELSE kept_from END
    FROM (
      SELECT turn.source, turn.call_id, count(*) AS turn_count, count(callee_text) AS callee_turn_count,
        coalesce(sum(array_length(regexp_split_to_array(btrim(callee_text), '\s+'), 1)), 0) AS callee_word_count,
        jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
          'at', make_interval(secs => extract(epoch FROM call_offset)::float)::text, 'robot', robot_text,
          'callee', callee_text)) ORDER BY position) AS transcript
      FROM airudder.call_turns_before AS turn
      WHERE (turn.call_id, turn.source) > (after_call, after_source)
        AND (turn.call_id, turn.source) <= (last_call, last_source)
      GROUP BY 1, 2) AS turns
    WHERE call.source = turns.source AND call.call_id = turns.call_id AND call.transcript IS NULL
      AND call.transcript_push_id IS NOT NULL;
    COMMIT;
    after_call := last_call;
    after_source := last_source;
  END LOOP;
END
$$;

---- alone

DO $$
DECLARE
  after_case text[] := ARRAY['', '', ''];
  last_case text[];
BEGIN
  LOOP
    SELECT ARRAY[callee_number, source, case_id] INTO last_case FROM (
      SELECT callee_number, source, case_id FROM airudder.cases
      WHERE (callee_number, source, case_id) > (after_case[1], after_case[2], after_case[3])
      ORDER BY callee_number, source, case_id LIMIT 10000) AS portion
    ORDER BY callee_number DESC, source DESC, case_id DESC LIMIT 1;
    EXIT WHEN last_case IS NULL;
    UPDATE airudder.cases SET answers = told.answers
    FROM (
      SELECT source, callee_number, case_id, jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'question', question, 'content', content)) ORDER BY position) AS answers
      FROM airudder.case_answers_before AS answer
      WHERE (callee_number, source, case_id) > (after_case[1], after_case[2], after_case[3])
        AND (callee_number, source, case_id) <= (last_case[1], last_case[2], last_case[3])
      GROUP BY 1, 2, 3) AS told
    WHERE cases.source = told.source AND cases.callee_number = told.callee_number AND cases.case_id = told.case_id
      AND cases.answers IS NULL;
    COMMIT;
    after_case := last_case;
  END LOOP;
END
$$;

---- transaction

ALTER TABLE airudder.calls DROP COLUMN transcript_received_at, DROP COLUMN transcript_push_id;
DROP TABLE airudder.call_turns_before, airudder.case_answers_before;

---- alone

-- Of deliveries of the same bytes in one day only one may be normalised. Two workers at once may have left two.
DO $$
DECLARE
  partition text;
  one_a_day text;
BEGIN
  FOR partition IN
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'airudder.pushes'::regclass ORDER BY relname
  LOOP
    CONTINUE WHEN to_regclass(format('airudder.%I', partition)) IS NULL
      OR to_regclass(format('airudder.%I', partition || '_delivery')) IS NOT NULL;
    -- The default partition has rows of many days, so its index contains the day.
    one_a_day := 'body_digest, source, kind' || CASE WHEN partition = 'pushes_default'
      THEN ', ((received_at AT TIME ZONE ''UTC'')::date)' ELSE '' END;
    EXECUTE format('LOCK TABLE airudder.%I IN SHARE ROW EXCLUSIVE MODE', partition);
    EXECUTE format(
      'UPDATE airudder.%I AS push SET status = ''duplicate'', normalised_at = NULL FROM ('
      '  SELECT received_at, push_id, row_number() OVER ('
      '    PARTITION BY %s ORDER BY received_at, push_id) AS delivery'
      '  FROM airudder.%I WHERE status = ''normalised'') AS same '
      'WHERE push.received_at = same.received_at AND push.push_id = same.push_id AND delivery > 1',
      partition, one_a_day, partition);
    EXECUTE format(
      'CREATE UNIQUE INDEX %I ON airudder.%I (%s) WHERE status = ''normalised''',
      partition || '_delivery', partition, one_a_day);
    COMMIT;
  END LOOP;
END
$$;

---- transaction

DROP INDEX airudder.pushes_body_digest;
