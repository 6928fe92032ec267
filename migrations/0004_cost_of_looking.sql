-- A column for when a dead letter was replayed, and an index on the digits of numbers that could not be read.

---- transaction

ALTER TABLE airudder.pushes ADD COLUMN replayed_at timestamptz;

COMMENT ON COLUMN airudder.pushes.replayed_at IS
  'When it was last replayed as a dead letter: since then it waits, if it is pending.';

---- index

CREATE INDEX CONCURRENTLY callees_without_country ON airudder.callees (regexp_replace(callee_number, '[^0-9]', '', 'g'))
  WHERE country IS NULL;
