-- The same bytes may be news several times a day where they say no time: a workflow runs, is paused and runs again.
-- Quality reports age by their arrival.

---- transaction

ALTER TABLE airudder.pushes ADD COLUMN recurrence integer NOT NULL DEFAULT 0;

COMMENT ON COLUMN airudder.pushes.recurrence IS
  'A number of its own, from 0, for each push of the same bytes that is news on one day. A state that comes back '
  'without a time, as a workflow that is running again, has the same bytes.';

---- alone

-- An index that knows recurrences in place of the one that does not, newest days first; of old days too, as their
-- pushes may be replayed. The new one is committed first: a drop that waits for its lock in vain does not cost it.
DO $$
DECLARE
  partition text;
  one_a_day text;
BEGIN
  FOR partition IN
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'airudder.pushes'::regclass ORDER BY relname DESC
  LOOP
    CONTINUE WHEN to_regclass(format('airudder.%I', partition)) IS NULL;
    IF to_regclass(format('airudder.%I', partition || '_news')) IS NULL THEN
      one_a_day := 'body_digest, source, kind, recurrence' || CASE WHEN partition = 'pushes_default'
        THEN ', ((received_at AT TIME ZONE ''UTC'')::date)' ELSE '' END;
      EXECUTE format(
        'CREATE UNIQUE INDEX %I ON airudder.%I (%s) WHERE status = ''normalised''',
        partition || '_news', partition, one_a_day);
      COMMIT;
    END IF;
    EXECUTE format('DROP INDEX IF EXISTS airudder.%I', partition || '_delivery');
    COMMIT;
  END LOOP;
END
$$;

---- index

CREATE INDEX CONCURRENTLY qa_reports_received_at ON airudder.qa_reports (received_at) WHERE details IS NOT NULL;

---- index

CREATE INDEX CONCURRENTLY sessions_kept_from ON airudder.sessions USING gin (jsonb_path_query_array(kept_from, '$.*'))
  WHERE kept_from IS NOT NULL;
