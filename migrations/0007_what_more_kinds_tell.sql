-- What the kinds workflow-status, list-completed and call-completed tell of.

---- transaction

ALTER TABLE airudder.workflows ADD COLUMN status text;

COMMENT ON COLUMN airudder.workflows.status IS 'In the vendor''s words, which are not documented.';

DROP VIEW airudder_analytics.workflows;

CREATE VIEW airudder_analytics.workflows AS
SELECT source, workflow_id, name, status, received_at FROM airudder.workflows;

---- transaction

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

CREATE VIEW airudder_analytics.workflow_statuses AS
SELECT source, workflow_id, status, received_at FROM airudder.workflow_statuses;

---- transaction

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

CREATE VIEW airudder_analytics.node_tasks AS
SELECT source, workflow_id, nodetask_id, name, node_type, task_id, task_status, received_at FROM airudder.node_tasks;

---- transaction

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

CREATE VIEW airudder_analytics.list_completions AS
SELECT source, airudder.pseudonym(secret, callee_number) AS callee_pseudonym, workflow_id,
  airudder.pseudonym(secret, case_id) AS case_pseudonym, node_count, received_at
FROM airudder.list_completions CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.list_completions IS 'Persons with whom a workflow has come to its end.';

---- transaction

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

CREATE VIEW airudder_analytics.completed_calls AS
SELECT source, airudder.pseudonym(secret, callee_number) AS callee_pseudonym, task_id,
  airudder.pseudonym(secret, case_id) AS case_pseudonym, workflow_id, nodetask_id, call_id, robot_id, status,
  started_at, ended_at, duration,
  (SELECT known.ring_type FROM airudder.ring_types AS known WHERE known.ring_type = completed_calls.ring_type)
    AS ring_type,
  (SELECT known.hangup_type FROM airudder.hangup_types AS known
    WHERE known.hangup_type = completed_calls.hangup_type) AS hangup_type,
  CASE WHEN intention ~ '^[A-Za-z]$' THEN intention END AS intention, received_at
FROM airudder.completed_calls CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.completed_calls IS
  'Numbers that AI Rudder is done with; words that are not documented are null, as in calls.';
