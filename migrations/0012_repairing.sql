-- What operators do, what befell pushes beside the usual, replays that the sweeper works off, and discarded pushes.

---- transaction

CREATE TABLE airudder.actions (
  action_id bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  at        timestamptz NOT NULL DEFAULT now(),
  operator  text        NOT NULL,
  command   text        NOT NULL,
  filter    jsonb       NOT NULL DEFAULT '{}',
  pushes    bigint,
  reason    text,
  ended_at  timestamptz
);

COMMENT ON TABLE airudder.actions IS 'A row is one thing that an operator changed by a command.';
COMMENT ON COLUMN airudder.actions.operator IS 'INGEST_OPERATOR, or the user of the operating system and its host.';
COMMENT ON COLUMN airudder.actions.filter IS 'What it was done to; of a person who was erased nothing.';
COMMENT ON COLUMN airudder.actions.pushes IS 'How many it has changed so far; null where it is about none.';
COMMENT ON COLUMN airudder.actions.ended_at IS 'Null while it is under way, and for ever where it was interrupted.';

CREATE TABLE airudder.push_events (
  event_id    bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
  push_id     uuid        NOT NULL,
  received_at timestamptz NOT NULL,
  at          timestamptz NOT NULL DEFAULT now(),
  event       text        NOT NULL,
  error       text,
  error_path  text,
  action_id   bigint,
  PRIMARY KEY (push_id, event_id),
  CONSTRAINT push_event_is_known CHECK (event IN ('died', 'replayed', 'discarded', 'erased'))
);

CREATE INDEX push_events_received_at ON airudder.push_events (received_at);

COMMENT ON TABLE airudder.push_events IS
  'A row is one uncommon event in the life of a push: it died, was replayed, discarded or erased. Rows are only added, '
  'and go with the day of their push.';
COMMENT ON COLUMN airudder.push_events.received_at IS 'When the push came, as pushes has it.';
COMMENT ON COLUMN airudder.push_events.error IS 'Why the push was dead at that time, and error_path where.';
COMMENT ON COLUMN airudder.push_events.action_id IS 'The operator''s action, where it was one.';

CREATE TABLE airudder.replays (
  replay_id         bigint      PRIMARY KEY,
  total             bigint      NOT NULL,
  fed               bigint      NOT NULL DEFAULT 0,
  normalised        bigint      NOT NULL DEFAULT 0,
  duplicate         bigint      NOT NULL DEFAULT 0,
  dead              bigint      NOT NULL DEFAULT 0,
  erased            bigint      NOT NULL DEFAULT 0,
  causes            jsonb       NOT NULL DEFAULT '{}',
  after_received_at timestamptz,
  after_push_id     uuid,
  in_hand           uuid[]      NOT NULL DEFAULT '{}',
  is_fed            boolean     NOT NULL DEFAULT false,
  moved_at          timestamptz NOT NULL DEFAULT now(),
  stopped_at        timestamptz,
  ended_at          timestamptz
);

COMMENT ON TABLE airudder.replays IS
  'A row is one replay that the sweeper works off, in portions; which pushes it is of stands in its action.';
COMMENT ON COLUMN airudder.replays.replay_id IS 'Its action''s id.';
COMMENT ON COLUMN airudder.replays.total IS 'How many pushes it was of when it began.';
COMMENT ON COLUMN airudder.replays.fed IS 'How many have become pending so far. What became of them is counted beside.';
COMMENT ON COLUMN airudder.replays.causes IS 'How many are dead again, by error.';
COMMENT ON COLUMN airudder.replays.after_received_at IS
  'With after_push_id: the last push that was looked at. The next portion begins behind it.';
COMMENT ON COLUMN airudder.replays.in_hand IS 'Those that were fed and are not counted yet.';
COMMENT ON COLUMN airudder.replays.is_fed IS 'Whether no push is left to be fed.';
COMMENT ON COLUMN airudder.replays.moved_at IS 'When it last went on.';
COMMENT ON COLUMN airudder.replays.stopped_at IS 'When an operator stopped it: nothing more is fed from then on.';

---- transaction

ALTER TABLE airudder.pushes DROP CONSTRAINT push_status_is_known;
ALTER TABLE airudder.pushes ADD CONSTRAINT push_status_is_known
  CHECK (status IN ('pending', 'normalised', 'duplicate', 'dead', 'discarded', 'erased')) NOT VALID;
COMMENT ON COLUMN airudder.pushes.status IS
  'pending: stored, not yet normalised. normalised: its rows are written. duplicate: the same bytes were normalised '
  'within the day before. dead: nothing in it could be normalised; replay it after a fix. discarded: it was dead, and '
  'an operator gave it up. erased: it was about a person who was erased; nothing of its content is left.';
COMMENT ON COLUMN airudder.pushes.error IS 'Why a dead push is dead, or a discarded one was.';
COMMENT ON COLUMN airudder.pushes.replayed_at IS 'When it was last replayed: since then it waits, if it is pending.';

---- alone

ALTER TABLE airudder.pushes VALIDATE CONSTRAINT push_status_is_known;

---- index

CREATE INDEX CONCURRENTLY pushes_dead_by_cause ON airudder.pushes (received_at, push_id)
  INCLUDE (source, kind, error_path, error) WHERE status = 'dead';

---- transaction

DROP INDEX airudder.pushes_dead;
