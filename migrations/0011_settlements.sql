-- A log of what each transaction has settled, and the silences of each source.

---- transaction

CREATE TABLE airudder.settlements (
  settled_at  timestamptz      NOT NULL,
  batch_id    uuid,
  worker      text             NOT NULL,
  attempt     integer          NOT NULL,
  source      text             NOT NULL,
  kind        text             NOT NULL,
  hour        timestamptz      NOT NULL,
  normalised  integer          NOT NULL,
  duplicate   integer          NOT NULL,
  dead        integer          NOT NULL,
  warned      integer          NOT NULL,
  lag_counts  integer[]        NOT NULL,
  lag_seconds double precision NOT NULL
);

COMMENT ON TABLE airudder.settlements IS
  'A row says what one transaction has settled of the pushes of a source and kind that came in one hour. Rows are only '
  'added, and removed after eight days.';
COMMENT ON COLUMN airudder.settlements.settled_at IS
  'When the transaction began; pushes.normalised_at of what it has normalised.';
COMMENT ON COLUMN airudder.settlements.batch_id IS 'The batch that they came in; null for pending pushes.';
COMMENT ON COLUMN airudder.settlements.worker IS 'Host and process id, "host:pid".';
COMMENT ON COLUMN airudder.settlements.attempt IS 'Which attempt it was at the batch, or at the pending push.';
COMMENT ON COLUMN airudder.settlements.hour IS 'The hour in which they came, UTC.';
COMMENT ON COLUMN airudder.settlements.normalised IS
  'How many more pushes are normalised than before. Where an outcome takes the place of another one, that one goes '
  'down: below 0 it went to duplicate, as an earlier delivery was settled later.';
COMMENT ON COLUMN airudder.settlements.dead IS 'The same of dead ones: below 0 they could be normalised after all.';
COMMENT ON COLUMN airudder.settlements.warned IS 'How many of those that are normalised have warnings.';
COMMENT ON COLUMN airudder.settlements.lag_counts IS
  'How many pushes have waited how long, from when they came (or were replayed) to settled_at. Seconds below 0.05, '
  '0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200 and 86400, each from the one before it on, and more.';
COMMENT ON COLUMN airudder.settlements.lag_seconds IS 'The seconds that all of these have waited, added up.';

CREATE INDEX settlements_settled_at ON airudder.settlements (settled_at);
CREATE INDEX settlements_batch_id ON airudder.settlements (batch_id) WHERE batch_id IS NOT NULL;

CREATE TABLE airudder.silences (
  source  text             NOT NULL,
  hour    timestamptz      NOT NULL,
  seconds double precision NOT NULL,
  PRIMARY KEY (source, hour)
);

COMMENT ON TABLE airudder.silences IS
  'A row is one hour of a source, UTC: for how many seconds at most no push of it had come, at any moment of the hour. '
  'Rows are removed after eight weeks.';
