-- The task of a push, and the signature that came with it. Its custom attribute is in its body and in call_attributes.
-- A kind of push may be silent about any column that is no key. Every view of the analysts' says when a row was told.

---- transaction

ALTER TABLE airudder.pushes ADD COLUMN task_id text, ADD COLUMN signature text, DROP COLUMN custom_attribute;

COMMENT ON COLUMN airudder.pushes.signature IS 'The header X-AIRudder-Sign, as it came.';

---- transaction

ALTER TABLE airudder.callees ALTER COLUMN number_as_sent DROP NOT NULL;

---- transaction

ALTER TABLE airudder.call_attributes ALTER COLUMN custom_attribute DROP NOT NULL;

---- transaction

CREATE OR REPLACE VIEW airudder_analytics.workflows AS
SELECT source, workflow_id, name, received_at FROM airudder.workflows;

CREATE OR REPLACE VIEW airudder_analytics.nodes AS
SELECT source, workflow_id, node_id, name, received_at FROM airudder.nodes;
