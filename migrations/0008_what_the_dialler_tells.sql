-- What the vendor's dialler tells: its tasks, contacts, calls and agents, and what its reasons of a hang-up mean.

---- transaction

CREATE TABLE airudder.dialer_tasks (
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

CREATE TABLE airudder.dialer_contacts (
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

CREATE TABLE airudder.dialer_calls (
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

CREATE TABLE airudder.dialer_agents (
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

CREATE TABLE airudder.dialer_hangup_reasons (
  reason  integer PRIMARY KEY,
  meaning text    NOT NULL
);

COMMENT ON TABLE airudder.dialer_hangup_reasons IS
  'A row explains one documented value of hangup_reason in dialer_contacts and dialer_calls.';

---- transaction

CREATE VIEW airudder_analytics.dialer_contacts AS
SELECT source, airudder.pseudonym(secret, callee_number) AS callee_pseudonym, task_id,
  CASE WHEN state IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, nth_call, airudder.pseudonym(secret, agent_name) AS agent_pseudonym, received_at
FROM airudder.dialer_contacts CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.dialer_contacts IS
  'Contacts of the dialler, without what the customer or the agent wrote of them.';

CREATE VIEW airudder_analytics.dialer_calls AS
SELECT source, call_id, task_id, airudder.pseudonym(secret, callee_number) AS callee_pseudonym,
  CASE WHEN state IN ('CALLING', 'RINGING', 'ANSWERED', 'HANGUP', 'TALKRESULT') THEN state END AS state,
  hangup_reason, airudder.pseudonym(secret, agent_name) AS agent_pseudonym, nth_call, received_at
FROM airudder.dialer_calls CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.dialer_calls IS 'Calls of the dialler; states that are not documented are null.';

CREATE VIEW airudder_analytics.dialer_agents AS
SELECT source, airudder.pseudonym(secret, agent_name) AS agent_pseudonym, group_name, task_id, state, register_state,
  call_type, is_conceal_callee, threeway_state, day_counters, received_at
FROM airudder.dialer_agents CROSS JOIN airudder.pseudonym_key;

COMMENT ON VIEW airudder_analytics.dialer_agents IS
  'Agents, by pseudonym. The numbers of day_counters are snapshots, and not to be summed.';

CREATE VIEW airudder_analytics.dialer_tasks AS
SELECT source, task_id, name, group_name, state, received_at FROM airudder.dialer_tasks;
CREATE VIEW airudder_analytics.dialer_hangup_reasons AS SELECT reason, meaning FROM airudder.dialer_hangup_reasons;
