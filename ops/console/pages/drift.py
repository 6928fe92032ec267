"""The page Drift: what the vendor has changed in its pushes, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.kinds import KINDS
from ops import queries
from ops.console.asking import shared
from ops.console.choosing import read_choice
from ops.console.rendering import render
from ops.drift import ASKS, Change, DriftedField, DriftReport, find_drift

SHARED_SECONDS = 20.0
"""The sweeper looks once a minute"""
NEW = timedelta(days=1)
MOST = 40
"""Rows of a table"""


class Advice(msgspec.Struct, frozen=True):
    """About one change: what it means, and what to do."""

    means: str
    to_do: str


ADVICE = {
    Change.MISSING: Advice(
        "Came before, and so many samples lack it that this is no chance. Its column stays as it was, or null.",
        "Ask AI Rudder. Where another name is given, the field may be called so now.",
    ),
    Change.RETYPED: Advice(
        "Came as another type than is documented. What can be read is; the rest is null, with a warning.",
        "Ask AI Rudder.",
    ),
    Change.UNKNOWN: Advice(
        "Nobody documents it and no table has it. It is in the raw push.",
        "Nothing, unless a field is missing or never came: this may be its new name.",
    ),
    Change.NEVER_CAME: Advice(
        "Documented, and in no sample, as most customers' pushes are made to order.",
        "Nothing, unless an unknown field was meant to be it.",
    ),
    Change.BY_NAME: Advice("Fields of kinds that the vendor does not describe.", "Nothing."),
}


class FieldList(msgspec.Struct, frozen=True):
    """Fields that differ in the same way, of one source, kind and workflow."""

    source: str
    kind: str
    workflow: str
    fields: list[str]


async def show(request: Request) -> Response:
    """The page."""
    choice = read_choice(request.query_params)
    source, kind = (choice.values.get(name) for name in ("source", "kind"))
    drift = await shared(request, SHARED_SECONDS, queries.answered, find_drift, source, kind)
    tables = {change: [one for one in drift.findings if one.change == change] for change in ASKS}
    return render(
        request,
        "drift.html",
        drift=drift,
        tables=tables,
        lists={change: lists(drift, change) for change in (Change.NEVER_CAME, Change.BY_NAME)},
        advice=ADVICE,
        is_new=is_new,
        most=MOST,
        choice=choice,
        kinds=list(KINDS),
    )


def lists(drift: DriftReport, change: Change) -> list[FieldList]:
    """The fields of a change that asks for nobody: there are many."""
    found = (one for one in drift.findings if one.change == change)
    groups = groupby(found, lambda one: (one.source, one.kind, one.workflow_name or one.workflow_id))
    return [FieldList(*names, [one.path for one in ones]) for names, ones in groups]


def is_new(one: DriftedField) -> bool:
    """Whether it differs since yesterday or today."""
    return one.since is not None and one.since > datetime.now(UTC) - NEW


ROUTES = [Route("/drift", show)]
