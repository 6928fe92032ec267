-- The task of a push, and the signature that came with it. Its custom attribute is in its body and in call_attributes.

---- transaction

ALTER TABLE airudder.pushes ADD COLUMN task_id text, ADD COLUMN signature text, DROP COLUMN custom_attribute;

COMMENT ON COLUMN airudder.pushes.signature IS 'The header X-AIRudder-Sign, as it came.';
