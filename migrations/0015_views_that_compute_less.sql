-- Views of analysts that compute only what is asked for, and what reports ask of a person's calls in an index.

---- transaction

-- None is dropped: views that customers made on them stay.
CREATE OR REPLACE VIEW airudder_analytics.callees AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  concat(country, '…', substring(callee_number FROM '[0-9]{2}$')) AS masked_number, country, received_at
FROM airudder.callees;

CREATE OR REPLACE VIEW airudder_analytics.cases AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, borrowed_date, due_date,
  borrowed_amount, total_owing_amount, currency_unit, received_at
FROM airudder.cases;

CREATE OR REPLACE VIEW airudder_analytics.list_completions AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  workflow_id, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, node_count,
  received_at
FROM airudder.list_completions;

CREATE OR REPLACE VIEW airudder_analytics.calls AS
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

CREATE OR REPLACE VIEW airudder_analytics.completed_calls AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  task_id, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), case_id) AS case_pseudonym, workflow_id,
  nodetask_id, call_id, robot_id, status, started_at, ended_at, duration,
  CASE WHEN ring_type IN (SELECT known.ring_type FROM airudder.ring_types AS known) THEN ring_type END AS ring_type,
  CASE WHEN hangup_type IN (SELECT known.hangup_type FROM airudder.hangup_types AS known) THEN hangup_type END
    AS hangup_type,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, received_at
FROM airudder.completed_calls;

CREATE OR REPLACE VIEW airudder_analytics.sessions AS
SELECT source, session_id, workflow_id, nodetask_id, nodetask_name, task_id,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym, call_id,
  robot_id, channel, status, started_at, ended_at, duration, end_reason,
  CASE WHEN intention ~ '^([A-Za-z]|--)$' THEN intention END AS intention, talk_rounds, message_count,
  callee_message_count, received_at
FROM airudder.sessions;

CREATE OR REPLACE VIEW airudder_analytics.dialer_contacts AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  task_id,
  CASE WHEN upper(state) IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, nth_call,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), agent_name) AS agent_pseudonym, received_at
FROM airudder.dialer_contacts;

CREATE OR REPLACE VIEW airudder_analytics.dialer_calls AS
SELECT source, call_id, task_id,
  airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  CASE WHEN upper(state) IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), agent_name) AS agent_pseudonym,
  nth_call, received_at
FROM airudder.dialer_calls;

CREATE OR REPLACE VIEW airudder_analytics.dialer_agents AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), agent_name) AS agent_pseudonym,
  group_name, task_id, state, register_state, call_type, is_conceal_callee, threeway_state, day_counters, received_at
FROM airudder.dialer_agents;

---- transaction

CREATE VIEW airudder_analytics.called_callees AS
SELECT source, airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), callee_number) AS callee_pseudonym,
  calls, callee_turn_count, last_started_at
FROM (
  SELECT source, callee_number, count(*) AS calls, coalesce(sum(callee_turn_count), 0) AS callee_turn_count,
    max(started_at) AS last_started_at
  FROM airudder.calls WHERE callee_number IS NOT NULL GROUP BY callee_number, source) AS called;

COMMENT ON VIEW airudder_analytics.called_callees IS
  'Callees that were called: how often, in how many turns they spoke, and when the last call began.';

---- index

CREATE INDEX CONCURRENTLY calls_of_callee ON airudder.calls (callee_number, source, started_at DESC NULLS LAST)
  INCLUDE (callee_turn_count);

---- alone

DROP INDEX CONCURRENTLY IF EXISTS airudder.calls_callee_number;
