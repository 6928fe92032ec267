"""Discards that go on behind a request: a thread works one off, and the request has its answer once it has begun.

A process that ends leaves a discard part way. It stands in its action, and anybody may have it gone on with.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime

import msgspec
from psycopg import Connection

from ingest.errors import IngestError, describe
from ingest.settings import Settings
from ops import queries
from ops.repair.actions import OperatorAction, begin_action, end_action, find_action
from ops.repair.discarding import COMMAND, at_work, begin_discard, is_at_work, work_off
from ops.repair.replays import count_selected
from workers.selection import Selection, read_selection

_Connection = Connection[queries.Row]
_Begin = Callable[[_Connection], tuple[int, Selection] | None]

_log = logging.getLogger("discards")


class DiscardState(msgspec.Struct, frozen=True):
    """How far a discard is. `left`: how many of what is meant are still dead. `is_at_work`: whether somebody is at it;
    if not, and it has not ended, it stands part way."""

    action: OperatorAction
    left: int
    is_at_work: bool

    @property
    def state(self) -> str:
        """In a word."""
        if self.action.ended_at:
            return "ended"
        return "running" if self.is_at_work else "interrupted"


def find_discard(connection: _Connection, action_id: int) -> DiscardState | None:
    """One discard; None if no action of this id is one."""
    # Asked first: one that ends meanwhile is not to look interrupted.
    works = is_at_work(connection, action_id)
    action = _find(connection, action_id)
    if action is None:
        return None
    left = 0 if action.ended_at else count_selected(connection, _meant(action))
    return DiscardState(action, left, works)


def start_discard(current: Settings, operator: str, selection: Selection, reason: str) -> int:
    """Begin to discard the dead letters that are meant, and came before now; return the action's id."""
    until = selection.until or datetime.now(UTC)
    selection = msgspec.structs.replace(selection, until=until)

    def begin(connection: _Connection) -> tuple[int, Selection]:
        return begin_discard(connection, operator, selection, reason), selection

    action_id = _start(current, begin)
    assert action_id, "nobody else knows of it"
    return action_id


def resume_discard(current: Settings, operator: str, action_id: int) -> bool:
    """Go on with a discard that was interrupted; false if it has ended, or somebody is at it."""

    def begin(connection: _Connection) -> tuple[int, Selection] | None:
        action = _find(connection, action_id)
        return (action_id, _meant(action)) if action and not action.ended_at else None

    return _start(current, begin, resumed_by=operator) is not None


def _find(connection: _Connection, action_id: int) -> OperatorAction | None:
    action = find_action(connection, action_id)
    return action if action and action.command == COMMAND else None


def _meant(action: OperatorAction) -> Selection:
    """Without what came since: nobody has seen it when the discard began."""
    selection = read_selection(action.filter)
    return msgspec.structs.replace(selection, until=selection.until or action.at)


def _start(current: Settings, begin: _Begin, resumed_by: str | None = None) -> int | None:
    """Begin a discard in a thread that then works it off; None if there is none to begin, or somebody is at it."""
    begun: Future[int | None] = Future()
    threading.Thread(target=_run, args=(current, begin, resumed_by, begun), name="discard", daemon=True).start()
    return begun.result()


def _run(current: Settings, begin: _Begin, resumed_by: str | None, begun: Future[int | None]) -> None:
    try:
        with queries.connect(current) as connection:
            _work(connection, begin, resumed_by, begun)
    except Exception as error:  # of any kind: the request waits for a word
        if not begun.done():
            begun.set_exception(error)
            return
        words = str(error) if isinstance(error, IngestError) else describe(error)
        _log.error("discard %s stands part way: %s", begun.result(), words)


def _work(connection: _Connection, begin: _Begin, resumed_by: str | None, begun: Future[int | None]) -> None:
    found = begin(connection)
    if found is None:
        begun.set_result(None)
        return
    action_id, selection = found
    with at_work(connection, action_id) as is_ours:
        if is_ours and resumed_by:
            note = begin_action(connection, resumed_by, f"{COMMAND} resume", {"action_id": action_id}, pushes=None)
            end_action(connection, note)
        begun.set_result(action_id if is_ours else None)
        if is_ours:
            work_off(connection, action_id, selection)
