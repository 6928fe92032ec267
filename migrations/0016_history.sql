-- What web has counted and what was settled, by the minute and later by the hour.

---- transaction

CREATE TABLE airudder.history (
  begun_at    timestamptz      PRIMARY KEY,
  minutes     integer          NOT NULL DEFAULT 1,
  seconds     double precision NOT NULL DEFAULT 0,
  kept        jsonb            NOT NULL DEFAULT '{}',
  refused     jsonb            NOT NULL DEFAULT '{}',
  keep_counts bigint[]         NOT NULL DEFAULT '{}',
  settled     jsonb            NOT NULL DEFAULT '{}',
  lag_counts  bigint[]         NOT NULL DEFAULT '{}',
  counters    jsonb,
  counted_at  timestamptz
);

COMMENT ON TABLE airudder.history IS
  'A row is one minute of the last two days, or one hour before: what web has counted in it, and what was settled. '
  'Rows are removed after 32 days.';
COMMENT ON COLUMN airudder.history.minutes IS 'How long it is, 1 or 60.';
COMMENT ON COLUMN airudder.history.seconds IS
  'Of how many seconds it has what web counted. Where no sweeper worked for a while the next row has all of that time.';
COMMENT ON COLUMN airudder.history.kept IS
  'How many pushes were kept, by source, kind and HTTP status, with tabs between.';
COMMENT ON COLUMN airudder.history.refused IS
  'How many requests were refused, by reason, or by reason and source with a tab between.';
COMMENT ON COLUMN airudder.history.keep_counts IS
  'How many pushes took how long to keep. Seconds up to 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, '
  '0.5, 1 and 2.5, each above the one before it, and more.';
COMMENT ON COLUMN airudder.history.settled IS
  'How many pushes became normalised, duplicate and dead, by source and kind with a tab between. Outcomes that others '
  'have replaced are not taken back.';
COMMENT ON COLUMN airudder.history.lag_counts IS 'As settlements has them.';
COMMENT ON COLUMN airudder.history.counters IS
  'Of the newest row that has them: what web''s counters showed at counted_at, from which the next row goes on.';
