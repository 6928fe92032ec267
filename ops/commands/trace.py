"""`ingest trace`: the whole story of a push, or of what pushes are about, in the order of time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from ingest import settings
from ingest.kinds.reading.identifiers import storable
from ops.output import print_table
from ops.trace.story import Event, Trace, TraceStep
from ops.trace.trace import trace

FEW = 5
"""Pushes whose rows are shown beside their other steps"""


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--show-personal", is_flag=True, help="Show telephone numbers and case ids as they are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def command(identifier: str, show_personal: bool, as_json: bool) -> None:
    """Tell the story of ID: of a push, call, case, telephone number, workflow, task, batch or job.

    Exit code 1 if nothing is found.
    """
    found = trace(settings.load(), storable(identifier), show_personal=show_personal)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _print(found)
    if not found.steps:
        click.echo("nothing found: no push, call, case, number, workflow, task or batch has this id", err=True)
        sys.exit(1)


def _print(found: Trace) -> None:
    if found.steps:
        click.echo(f"found as {', '.join(found.found_as)}; pushes: {found.pushes}")
    is_short = found.pushes <= FEW
    steps = [step for step in found.steps if is_short or step.event != Event.WROTE]
    print_table("steps", [_row(step, several=found.pushes != 1) for step in steps])
    if len(steps) < len(found.steps):
        click.echo("not shown: the rows that so many pushes wrote: trace one of them, or use --json")
    for what in found.left_out:
        click.echo(f"not shown: {what}")


def _row(step: TraceStep, *, several: bool) -> dict[str, Any]:
    at = f"{step.at:%Y-%m-%d %H:%M:%S}.{step.at.microsecond // 1000:03}Z" if step.at else None
    push = {"push_id": step.push_id} if several else {}
    return {"at": at, **push, "event": step.event, "details": _words(step.details)}


def _words(details: Mapping[str, Any]) -> str:
    return "  ".join(f"{name} {_word(value)}" for name, value in details.items())


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_word(one)}" for name, one in value.items())
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
