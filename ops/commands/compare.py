"""`ingest compare`: how many calls of a task the vendor has, how many are here, and which are missing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

import click
import msgspec

from ingest import settings
from ops import queries
from ops.days import Period, day_in, zone_named
from ops.output import print_table
from ops.repair.actions import record_action
from ops.simulator.sender import own_url
from ops.typed import Share
from ops.vendor import pulled, tasks
from ops.vendor.client import BASE_URL, Credentials, Vendor, credentials_of
from ops.vendor.comparison import Compared

SHOWN = 100
"""Missing calls that are printed; `--json` has all."""


class _Zone(click.ParamType[tzinfo]):
    name = "zone"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tzinfo:
        if (zone := zone_named(str(value))) is None:
            self.fail(f"{value} is no time zone that this machine knows, such as Asia/Jakarta", param, ctx)
        return zone


@dataclass(frozen=True)
class _Repair:
    """Where missing calls are stored."""

    to: str | None
    token: str | None

    def store(self, found: Sequence[Compared], credentials: Credentials) -> str:
        """Store what may be stored; what went wrong, if anything did."""
        bodies = [pulled.call_push(task.task_id, call, credentials) for task in found for call in task.repairable]
        skipped = sum(len(task.missing) - len(task.repairable) for task in found)
        if skipped:
            click.echo(f"not pulled: {skipped}, as each may be the call of somebody who was erased", err=True)
        summary = pulled.store(self.to or own_url(), self.token, pulled.CALL, bodies)
        click.echo(f"pulled and stored: {summary.as_expected} of {len(bodies)}", err=True)
        tasks = {"task_ids": [task.task_id for task in found if task.repairable]}
        record_action(settings.load(), "compare --repair", tasks, pushes=summary.as_expected)
        return pulled.failures(summary)


@click.command()
@click.argument("task_ids", nargs=-1, metavar="[TASK_ID]...")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="All tasks with calls here that began on that day.")
@click.option("--zone", default="UTC", show_default=True, type=_Zone(), help="Of the day and the hours: Asia/Jakarta.")
@click.option("--threshold", default="0%", show_default=True, type=Share(), help="Share that may be missing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
@click.option("--repair", is_flag=True, help="Store the missing calls as pushes of the kind pulled-call.")
@click.option("--to", metavar="URL", help="Where they are stored, by default the endpoint on this machine.")
@click.option("--token", envvar="INGEST_TOKEN", help="Of the source that they are stored for.  [env: INGEST_TOKEN]")
@click.option("--base-url", default=BASE_URL, show_default=True, help="Of AI Rudder's API.")
def command(task_ids: tuple[str, ...], day: datetime | None, as_json: bool, repair: bool, **how: Any) -> None:
    """Hold AI Rudder's list of the calls of each TASK_ID, or of all tasks of a --day, against the calls here.

    Exit code 1 if more of a task's calls are missing than its total times the threshold, rounded up, repaired or not.
    """
    if bool(task_ids) == bool(day):
        raise click.UsageError("name tasks, or a --day")
    period = _period(day, how["zone"]) if day else None
    credentials = credentials_of()
    vendor = Vendor(credentials, how["base_url"])
    found = asyncio.run(_compared(vendor, task_ids, period, Decimal(str(how["threshold"]))))
    (_print_json if as_json else _print)(found, how["zone"])
    problem = _Repair(how["to"], how["token"]).store(found, credentials) if repair else ""
    if problem:
        click.echo(f"ingest: not all is stored: {problem}", err=True)
    if problem or not all(task.is_good for task in found):
        sys.exit(1)


def _period(day: datetime, zone: tzinfo) -> Period:
    try:
        return day_in(zone, day.date())
    except OverflowError:
        raise click.UsageError(f"the day {day:%Y-%m-%d} is too far away") from None


async def _compared(
    vendor: Vendor, task_ids: Sequence[str], period: Period | None, threshold: Decimal
) -> list[Compared]:
    with queries.connect(settings.load()) as connection:
        wanted = tasks.tasks_of(connection, period) if period else list(dict.fromkeys(task_ids))
        async with vendor:
            return await tasks.compare(vendor, connection, wanted, period, threshold)


def _print_json(found: Sequence[Compared], zone: tzinfo) -> None:
    rows = [{**task.summary(), "hours": task.hours(zone), "calls": _missing(task)} for task in found]
    click.echo(msgspec.json.encode(rows))


def _print(found: Sequence[Compared], zone: tzinfo) -> None:
    if not found:
        click.echo("no call here began on that day: name the tasks")
    summaries = [task.summary() for task in found]
    print_table("tasks", [{**row, "not_compared": _words(row["not_compared"])} for row in summaries])
    hours = [{"task_id": task.task_id, **hour} for task in found for hour in task.hours(zone)]
    print_table(f"by hour of call start, {zone}", hours)
    missing = [{"task_id": task.task_id, **call} for task in found for call in _missing(task)]
    print_table("missing", missing[:SHOWN], len(missing))


def _missing(task: Compared) -> list[dict[str, Any]]:
    return [{"callee_number": call.number, "started_at": call.started_at} for call in task.missing]


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))
