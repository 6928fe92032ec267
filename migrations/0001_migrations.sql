-- The table that says which files of migrations/ are applied.

---- transaction

CREATE TABLE airudder.migrations (
  number        integer     PRIMARY KEY,
  name          text        NOT NULL,
  steps_applied integer     NOT NULL,
  applied_at    timestamptz
);

COMMENT ON TABLE airudder.migrations IS
  'A row is one file of migrations/ that was applied, or schema.sql, which includes all files up to its number.';
COMMENT ON COLUMN airudder.migrations.applied_at IS 'Null until all of its steps are applied.';
