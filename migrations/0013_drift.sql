-- What pushes are made of, as samples of them had it, and an index on the pushes that have warnings.

---- transaction

CREATE TABLE airudder.drift (
  source      text        NOT NULL,
  kind        text        NOT NULL,
  workflow_id text        NOT NULL,
  path        text        NOT NULL,
  came_as     text        NOT NULL,
  samples     bigint      NOT NULL,
  last_sample bigint      NOT NULL,
  first_seen  timestamptz NOT NULL,
  last_seen   timestamptz NOT NULL,
  PRIMARY KEY (source, kind, workflow_id, path, came_as)
);

COMMENT ON TABLE airudder.drift IS
  'A row is one field of the pushes of a source, kind and workflow, as samples of them had it. `ingest drift` holds '
  'these against what the vendor documents.';
COMMENT ON COLUMN airudder.drift.workflow_id IS
  '"" where pushes name none; "*" for those of workflows beyond the first 200 of a source and kind.';
COMMENT ON COLUMN airudder.drift.path IS
  'Where the field is. "$" is the push itself: its row counts the samples. A key that may be a person''s is "*".';
COMMENT ON COLUMN airudder.drift.came_as IS
  'The type that came: text, whole number, number, boolean, object, array; nothing for null and "".';
COMMENT ON COLUMN airudder.drift.samples IS 'In how many samples it came so.';
COMMENT ON COLUMN airudder.drift.last_sample IS
  'The number of the newest of them, counted from the first sample of the workflow.';
COMMENT ON COLUMN airudder.drift.first_seen IS 'When the first of them was received.';
COMMENT ON COLUMN airudder.drift.last_seen IS
  'When the newest of them was received. A row that no sample confirms for 90 days is removed.';

---- index

CREATE INDEX CONCURRENTLY pushes_warned ON airudder.pushes (received_at) WHERE warnings IS NOT NULL;
