-- Analysts see an intention of two dashes, and a dialler's state in whatever case it came. Completed calls are found by
-- their start.

---- transaction

CREATE OR REPLACE VIEW airudder_analytics.calls AS
SELECT source, call_id, task_id, airudder.pseudonym(secret, callee_number) AS callee_pseudonym,
  airudder.pseudonym(secret, case_id) AS case_pseudonym, workflow_id, started_at, ended_at, duration, attempt,
  (SELECT known.ring_type FROM airudder.ring_types AS known WHERE known.ring_type = calls.ring_type) AS ring_type,
  (SELECT known.hangup_type FROM airudder.hangup_types AS known WHERE known.hangup_type = calls.hangup_type)
    AS hangup_type,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, asr_ptp IS NOT NULL AS has_asr_ptp,
  turn_count, callee_turn_count, callee_word_count, received_at
FROM airudder.calls CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.calls IS
  'Calls. Of the promise to pay only whether one was recognised: its text is the callee''s. Words that are not '
  'documented, and intentions that are neither a letter nor --, may be anything and are null.';

CREATE OR REPLACE VIEW airudder_analytics.completed_calls AS
SELECT source, airudder.pseudonym(secret, callee_number) AS callee_pseudonym, task_id,
  airudder.pseudonym(secret, case_id) AS case_pseudonym, workflow_id, nodetask_id, call_id, robot_id, status,
  started_at, ended_at, duration,
  (SELECT known.ring_type FROM airudder.ring_types AS known WHERE known.ring_type = completed_calls.ring_type)
    AS ring_type,
  (SELECT known.hangup_type FROM airudder.hangup_types AS known
    WHERE known.hangup_type = completed_calls.hangup_type) AS hangup_type,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, received_at
FROM airudder.completed_calls CROSS JOIN airudder.pseudonym_key;

CREATE OR REPLACE VIEW airudder_analytics.sessions AS
SELECT source, session_id, workflow_id, nodetask_id, nodetask_name, task_id,
  airudder.pseudonym(secret, callee_number) AS callee_pseudonym, call_id, robot_id, channel, status, started_at,
  ended_at, duration, end_reason, CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, talk_rounds,
  message_count, callee_message_count, received_at
FROM airudder.sessions CROSS JOIN airudder.pseudonym_key;

CREATE OR REPLACE VIEW airudder_analytics.dialer_contacts AS
SELECT source, airudder.pseudonym(secret, callee_number) AS callee_pseudonym, task_id,
  CASE WHEN upper(state) IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, nth_call, airudder.pseudonym(secret, agent_name) AS agent_pseudonym, received_at
FROM airudder.dialer_contacts CROSS JOIN airudder.pseudonym_key;

CREATE OR REPLACE VIEW airudder_analytics.dialer_calls AS
SELECT source, call_id, task_id, airudder.pseudonym(secret, callee_number) AS callee_pseudonym,
  CASE WHEN upper(state) IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, airudder.pseudonym(secret, agent_name) AS agent_pseudonym, nth_call, received_at
FROM airudder.dialer_calls CROSS JOIN airudder.pseudonym_key;

---- index

CREATE INDEX CONCURRENTLY completed_calls_started_at ON airudder.completed_calls (started_at);
