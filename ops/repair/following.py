"""A replay on a terminal: a bar until it ends, and what became of its pushes."""

from __future__ import annotations

import sys
import time

import click
from psycopg import Connection

from ops import queries
from ops.output import progress
from ops.repair.replays import ReplayState, begin_replay, find_replay
from workers.selection import Selection

POLL_SECONDS = 0.2
STILL_SECONDS = 30.0
"""A replay that has not gone on for so long waits for a sweeper, or for Postgres"""

_Connection = Connection[queries.Row]


def replay_selected(connection: _Connection, operator: str, selection: Selection, *, wait: bool = True) -> bool:
    """Begin a replay and show how far it is until it ends, then how; or say only that it begins.

    Return whether all is well: whether every push is normalised or a duplicate, if it is waited for. After Ctrl-C, or
    where it stands still, it goes on without us, and that is said.
    """
    replay_id = None
    try:
        replay_id = begin_replay(connection, operator, selection)
        if replay_id is None:
            click.echo("nothing to replay")
            return True
        if wait:
            return _follow(connection, replay_id)
    except KeyboardInterrupt:
        # Postgres may have committed its beginning, and the answer be on its way.
        words = f"replay {replay_id} goes on; `ingest replay stop {replay_id}` ends it"
        click.echo(words if replay_id else "if the replay has begun it goes on: see `ingest replay list`", err=True)
        return False
    replay = _find(connection, replay_id)
    click.echo(f"replay {replay_id} of {replay.total} pushes begins: `ingest replay list` says how far it is")
    return True


def _follow(connection: _Connection, replay_id: int) -> bool:
    replay = _watch(connection, replay_id)
    _tell(replay)
    return replay.settled == replay.fed == replay.normalised + replay.duplicate and replay.state == "ended"


def _watch(connection: _Connection, replay_id: int) -> ReplayState:
    replay = _find(connection, replay_id)
    shown = 0
    with progress(replay.total, f"replay {replay_id}") as advance:
        while not replay.ended_at and replay.seconds_still < STILL_SECONDS:
            time.sleep(POLL_SECONDS)
            replay = _find(connection, replay_id)
            advance(replay.settled - shown)
            shown = replay.settled
    return replay


def _find(connection: _Connection, replay_id: int) -> ReplayState:
    replay = find_replay(connection, replay_id)
    assert replay, "it was begun"
    return replay


def outcome_words(replay: ReplayState) -> str:
    """Its pushes so far, by outcome."""
    waiting = replay.total - replay.settled if replay.state == "running" else replay.in_hand
    counts = {name: getattr(replay, name) for name in ("dead", "duplicate", "erased", "normalised")}
    counts |= {"waiting": waiting, "passed over": replay.passed_over}
    return ", ".join(f"{name}: {pushes}" for name, pushes in counts.items() if pushes) or "-"


def _tell(replay: ReplayState) -> None:
    click.echo(outcome_words(replay))
    for error, pushes in sorted(replay.causes.items(), key=lambda cause: -cause[1]):
        click.echo(f"  dead of {error}: {pushes}")
    if replay.state == "stopped":
        click.echo(f"replay {replay.replay_id} was stopped", err=True)
    elif not replay.ended_at:
        click.echo(
            f"replay {replay.replay_id} stands still: a sweeper goes on with it, see `ingest status`; "
            f"`ingest replay list` says how far it is",
            err=True,
        )
    if replay.dead:
        click.echo("dead letters by cause: ingest dead", err=True)
        sys.stderr.flush()
