-- Each person's contacts over all channels, and sessions and quality reports by the push that told of them.

---- transaction

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

---- index

CREATE INDEX CONCURRENTLY qa_reports_push_id ON airudder.qa_reports (push_id);

---- index

CREATE INDEX CONCURRENTLY sessions_push_id ON airudder.sessions (push_id);
