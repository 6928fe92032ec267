-- Sessions of chatbots, and quality reports.

---- transaction

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

COMMENT ON TABLE airudder.qa_reports IS 'A row is the vendor''s quality report on one task.';

CREATE VIEW airudder.qa_report_details AS
SELECT source, task_id, (number - 1)::integer AS position, detail -> 'AsrResults' AS sentences,
  detail -> 'CheckPoint' AS check_points, detail -> 'Scores' AS scores
FROM airudder.qa_reports CROSS JOIN jsonb_array_elements(details) WITH ORDINALITY AS each (detail, number);

COMMENT ON VIEW airudder.qa_report_details IS 'A row is what was found in one call of the task.';

CREATE VIEW airudder_analytics.sessions AS
SELECT source, session_id, workflow_id, nodetask_id, nodetask_name, task_id,
  airudder.pseudonym(secret, callee_number) AS callee_pseudonym, call_id, robot_id, channel, status, started_at,
  ended_at, duration, end_reason, CASE WHEN intention ~ '^[A-Za-z]$' THEN intention END AS intention, talk_rounds,
  message_count, callee_message_count, received_at
FROM airudder.sessions CROSS JOIN airudder.pseudonym_key;

CREATE VIEW airudder_analytics.qa_reports AS SELECT source, task_id, detail_count, received_at FROM airudder.qa_reports;
