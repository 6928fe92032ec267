"""`ingest pause`: workers take no batch any more, while web goes on acknowledging."""

from __future__ import annotations

import re
import sys
import time
from datetime import UTC, datetime, timedelta

import click
from redis import Redis

from ingest import settings
from ingest.batch.pause import Pause, find_pause, pause
from ops import in_flight
from ops.repair.actions import record_action
from ops.typed import Text

WAIT_SECONDS = 60.0
"""How long a batch that a worker has in hand may take: longer than any job lasts"""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_HAND_OVER_SECONDS = 1.0
"""From a worker's last look for a pause until its batch shows that the worker is at it; far less on a healthy host"""


class _Duration(click.ParamType[timedelta]):
    name = "duration"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", value)
        if not found:
            self.fail(f"{value} is not of the form 90s, 30m, 2h or 1d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command()
@click.option("--reason", required=True, type=Text(), help="Why, for whoever looks at `ingest status` meanwhile.")
@click.option("--for", "lasts", type=_Duration(), metavar="TIME", help="How long, such as 90s, 30m, 2h or 1d.")
def command(reason: str, lasts: timedelta | None) -> None:
    """Pause the workers until `ingest resume`, or for TIME. Pushes are acknowledged, and wait.

    Returns when no worker is at a batch any more; exit code 1 if one is after a minute.
    """
    now, current = datetime.now(UTC), settings.load()
    wanted = Pause(current.operator, now, reason, now + lasts if lasts else None)
    with in_flight.connect(current) as client:
        pause(client, wanted)
        record_action(current, "pause", {"seconds": lasts.total_seconds()} if lasts else {}, reason=reason)
        if not _wait_until_idle(client):
            click.echo("a worker is at its batch still: see `ingest status`", err=True)
            sys.exit(1)
        lasting = find_pause(client)
    click.echo(lasting.words if lasting else "the pause is over already")


def _wait_until_idle(client: Redis) -> bool:
    time.sleep(_HAND_OVER_SECONDS)
    deadline = time.monotonic() + WAIT_SECONDS
    while in_flight.leased(client):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
