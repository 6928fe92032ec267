-- Settlements have a key, without which Postgres replicates no DELETE of theirs, and count what came through Redis.

---- transaction

-- A column with a key would write the whole log again while workers wait. So it is a new table, and the log moves.
ALTER TABLE airudder.settlements RENAME TO settlements_before;
DROP INDEX airudder.settlements_batch_id;

-- From Postgres 18 on NOT NULL has a name, which the new table is to have.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN
    SELECT conname FROM pg_constraint WHERE conrelid = 'airudder.settlements_before'::regclass AND contype = 'n'
  LOOP
    EXECUTE format('ALTER TABLE airudder.settlements_before RENAME CONSTRAINT %I TO %I', name, 'before_' || name);
  END LOOP;
END
$$;

CREATE TABLE airudder.settlements (
  settled_at    timestamptz      NOT NULL,
  settlement_id bigint           NOT NULL GENERATED ALWAYS AS IDENTITY,
  batch_id      uuid,
  worker        text             NOT NULL,
  attempt       integer          NOT NULL,
  source        text             NOT NULL,
  kind          text             NOT NULL,
  hour          timestamptz      NOT NULL,
  normalised    integer          NOT NULL,
  duplicate     integer          NOT NULL,
  dead          integer          NOT NULL,
  warned        integer          NOT NULL,
  through_redis integer,
  lag_counts    integer[]        NOT NULL,
  lag_seconds   double precision NOT NULL,
  PRIMARY KEY (settled_at, settlement_id)
);

COMMENT ON TABLE airudder.settlements IS
  'A row says what one transaction has settled of the pushes of a source and kind that came in one hour. Rows are only '
  'added, and removed after eight days.';
COMMENT ON COLUMN airudder.settlements.settled_at IS
  'When the transaction began; pushes.normalised_at of what it has normalised.';
COMMENT ON COLUMN airudder.settlements.batch_id IS 'The batch that they came in; null for pending pushes.';
COMMENT ON COLUMN airudder.settlements.worker IS 'Host and process id, "host:pid".';
COMMENT ON COLUMN airudder.settlements.attempt IS
  'Which attempt it was at the batch, or at the pending push; 0: outcomes were taken back, and nothing was normalised.';
COMMENT ON COLUMN airudder.settlements.hour IS 'The hour in which they came, UTC.';
COMMENT ON COLUMN airudder.settlements.normalised IS
  'How many more pushes are normalised than before. Where an outcome takes the place of another one, that one goes '
  'down: below 0 it went to duplicate, as an earlier delivery was settled later, or they were replayed or erased.';
COMMENT ON COLUMN airudder.settlements.dead IS
  'The same of dead ones: below 0 they could be normalised after all, or were replayed, discarded or erased.';
COMMENT ON COLUMN airudder.settlements.warned IS 'How many of those that are normalised have warnings.';
COMMENT ON COLUMN airudder.settlements.through_redis IS
  'How many of those that Redis counts as acknowledged got their first outcome, erased among them: added up, as many '
  'as Redis counts. Null where an older release settled them.';
COMMENT ON COLUMN airudder.settlements.lag_counts IS
  'How many pushes have waited how long, from when they came (or were replayed) to settled_at. Seconds below 0.05, '
  '0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200 and 86400, each from the one before it on, and more.';
COMMENT ON COLUMN airudder.settlements.lag_seconds IS 'The seconds that all of these have waited, added up.';

CREATE INDEX settlements_batch_id ON airudder.settlements (batch_id) WHERE batch_id IS NOT NULL;

DO $$
BEGIN
  IF to_regrole('airudder_worker') IS NOT NULL THEN
    GRANT SELECT, INSERT, DELETE ON airudder.settlements TO airudder_worker;
  END IF;
END
$$;

-- The newest at once: alarms and metrics look at these.
WITH moved AS (
  DELETE FROM airudder.settlements_before WHERE settled_at > now() - interval '20 minutes' RETURNING *
)
INSERT INTO airudder.settlements (
  settled_at, batch_id, worker, attempt, source, kind, hour, normalised, duplicate, dead, warned, lag_counts,
  lag_seconds)
SELECT settled_at, batch_id, worker, attempt, source, kind, hour, normalised, duplicate, dead, warned, lag_counts,
  lag_seconds
FROM moved ORDER BY settled_at;

---- alone

-- The others, some thousands a transaction, and the newest of them first.
DO $$
DECLARE
  until timestamptz := 'infinity';
  since timestamptz;
BEGIN
  LOOP
    SELECT min(settled_at) INTO since FROM (
      SELECT settled_at FROM airudder.settlements_before WHERE settled_at < until
      ORDER BY settled_at DESC LIMIT 10000) AS next;
    EXIT WHEN since IS NULL;
    WITH moved AS (
      DELETE FROM airudder.settlements_before WHERE settled_at >= since AND settled_at < until RETURNING *
    )
    INSERT INTO airudder.settlements (
      settled_at, batch_id, worker, attempt, source, kind, hour, normalised, duplicate, dead, warned, lag_counts,
      lag_seconds)
    SELECT settled_at, batch_id, worker, attempt, source, kind, hour, normalised, duplicate, dead, warned, lag_counts,
      lag_seconds
    FROM moved ORDER BY settled_at;
    COMMIT;
    until := since;
  END LOOP;
END
$$;

---- transaction

DROP TABLE airudder.settlements_before;
