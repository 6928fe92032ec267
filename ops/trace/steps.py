"""The steps of pushes in Postgres: what came, what was answered, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ingest.batch.entry import Entry, stored_entry
from ingest.batch.push_ids import received_at_of
from ingest.errors import NotAnObjectError, NotJsonError
from ingest.kinds.reading.decode import judge
from ingest.opening.openers import openers
from ops.queries import Row
from ops.trace.known import Known, settler_in
from ops.trace.story import Event, TraceStep, masked
from ops.trace.written import Written
from workers.redeliveries import REDELIVERY_WINDOW


class PushSteps:
    """The steps of some pushes, the rows of which `statements` has selected."""

    def __init__(self, known: Known, *, show_personal: bool) -> None:
        self._known = known
        self._show_personal = show_personal

    def all(self) -> Iterator[TraceStep]:
        """Every step of each."""
        first: dict[tuple[Any, ...], Row] = {}
        for push in self._known.pushes:
            same = (push["source"], push["kind"], bytes(push["body_digest"]))
            # The same bytes that are normalised again are news, as a workflow's status that comes back.
            before = None if push["status"] in ("erased", "normalised") else first.get(same)
            if before is None or push["received_at"] - before["received_at"] > REDELIVERY_WINDOW:
                before, first[same] = None, push
            yield from self._arrival(push, before)
            yield from self._outcome(push, before)
            yield from self._noted(push)

    def _arrival(self, push: Row, before: Row | None) -> Iterator[TraceStep]:
        at, push_id = push["received_at"], push["push_id"]
        ids = {name: push[name] for name in ("workflow_id", "node_id", "task_id", "call_id")}
        persons = {name: push[name] and self._shown(push[name]) for name in ("callee_number", "case_id")}
        came = {name: push[name] for name in ("source", "kind", "bytes")}
        came |= {"signed": True} if push["is_signed"] else {}
        same = {"same_bytes_as": before["push_id"]} if before else {}
        details = {name: value for name, value in {**came, **same, **ids, **persons}.items() if value is not None}
        yield TraceStep(at, Event.REDELIVERED if before else Event.RECEIVED, push_id, details)
        kept_in = "Redis" if push["through_redis"] else "Postgres, as Redis did not confirm"
        body = self._known.bodies.get(push_id)
        status = answer_to(stored_entry(**{**body, "body": bytes(body["body"])})) if body else None
        yield TraceStep(at, Event.ANSWERED, push_id, {"status": status, "kept_in": kept_in})

    def _outcome(self, push: Row, before: Row | None) -> Iterator[TraceStep]:
        push_id, at = push["push_id"], push["normalised_at"]
        if push["status"] == "normalised":
            since = push["replayed_at"] or push["received_at"]
            seconds = {"seconds": round((at - since).total_seconds(), 3)}
            normalised = {"outcome": "normalised", **seconds, **self._known.settler(push, at)}
            yield TraceStep(at, Event.SETTLED, push_id, normalised)
            for one in self._known.written[push_id]:
                yield TraceStep(at, Event.WROTE, push_id, self._row(one))
        elif push["status"] == "duplicate":
            of = {"of": before["push_id"]} if before else {}
            settled = self._known.duplicates.get(push_id, {})
            at = settled.get("settled_at")
            yield TraceStep(at, Event.SETTLED, push_id, {"outcome": "duplicate", **of, **settler_in(settled)})
        elif push["status"] == "pending":
            since = push["replayed_at"] or push["received_at"]
            yield TraceStep(since, Event.PENDING, push_id, {"attempts": push["attempts"]})
        for warning in push["warnings"] or ():
            yield TraceStep(at or self._known.died_at(push_id), Event.WARNED, push_id, warning)

    def _noted(self, push: Row) -> Iterator[TraceStep]:
        """The steps beside the usual way; of older pushes nobody has noted when they were."""
        push_id, events = push["push_id"], self._known.events[push["push_id"]]
        for event in events:
            if event["event"] in tuple(Event):
                names = ("error", "error_path", "operator", "command", "reason")
                details = {name: event[name] for name in names if event[name] is not None}
                if event["event"] == Event.DIED:
                    details |= self._known.settler(push, event["at"])
                yield TraceStep(event["at"], Event(event["event"]), push_id, details)
        known = {event["event"] for event in events}
        if push["status"] == "dead" and Event.DIED not in known:
            yield TraceStep(None, Event.DIED, push_id, {"error": push["error"], "error_path": push["error_path"]})
        if push["status"] == "erased" and Event.ERASED not in known:
            yield TraceStep(None, Event.ERASED, push_id, {})
        if push["replayed_at"] and Event.REPLAYED not in known:
            yield TraceStep(push["replayed_at"], Event.REPLAYED, push_id, {})

    def _row(self, one: Written) -> dict[str, Any]:
        key = {
            name: value if one.table.personal[name].tells_nobody(name) else self._shown(value)
            for name, value in one.key.items()
            if value and name != "source"
        }
        state: dict[str, Any] = {"columns": one.columns} if one.columns else {}
        if one.newer:
            state["newer"] = {str(push_id): columns for push_id, columns in one.newer.items()}
        if not one.is_there:
            state["gone"] = True
        return {"table": one.table.name, "key": key, **state}

    def _shown(self, value: str) -> str:
        return value if self._show_personal else masked(value)


def batch_steps(settlements: Iterable[Row]) -> Iterator[TraceStep]:
    """The steps of a batch that is settled: when it was opened, and what each transaction came to."""
    opened = None
    for row in settlements:
        if opened is None:
            opened = received_at_of(row["batch_id"])
            yield TraceStep(opened, Event.BATCH_OPENED, None, {"batch_id": row["batch_id"]})
        names = ("source", "kind", "normalised", "duplicate", "dead", "warned", "worker", "attempt", "batch_id")
        yield TraceStep(row["settled_at"], Event.SETTLED, None, {name: row[name] for name in names if row[name]})


def answer_to(entry: Entry) -> int:
    """The status with which the endpoint answers a push that it keeps; it acknowledges unread what is encrypted."""
    if openers().is_encrypted(entry):
        return 200
    try:
        judge(entry.body)
    except NotJsonError:
        return 400
    except NotAnObjectError:
        return 422
    return 200
