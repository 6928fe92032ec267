"""`ingest send`: simulate AI Rudder against a running endpoint."""

from __future__ import annotations

import asyncio
import math
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import click

from ingest.kinds import KINDS
from ops.simulator.pushes import Campaign
from ops.simulator.sender import Plan, Summary, own_url, send
from ops.typed import Rate, Share


class _WeightedKind(click.ParamType[tuple[str, float]]):
    name = "kind"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        name, _, text = str(value).partition("=")
        try:
            weight = float(text or 1)
        except ValueError:
            weight = 0.0
        if name not in KINDS or not 0 < weight < math.inf:
            self.fail(f"{value} is not a kind, or a kind and a weight, such as custom-api=3", param, ctx)
        return name, weight


@click.command()
@click.argument("url", required=False)
@click.option("--count", default=1000, show_default=True, type=click.IntRange(1), help="Pushes to send.")
@click.option("--rate", default=100.0, show_default=True, type=Rate(), help="A second; 0: no limit.")
@click.option("--concurrency", default=64, show_default=True, type=click.IntRange(1), help="Connections at most.")
@click.option("--seed", default=1, show_default=True, help="The same seed sends the same bytes.")
@click.option("--bad", default="0%", show_default=True, type=Share(), help="Share of pushes that end as dead letters.")
@click.option(
    "--kind", "kinds", multiple=True, type=_WeightedKind(), help="Of push; several, as dialer=3, tell the same stories."
)
@click.option("--retries", default="0%", show_default=True, type=Share(), help="Share of pushes that come twice.")
@click.option("--shuffle", default=1, show_default=True, type=click.IntRange(1), help="Any order among so many pushes.")
@click.option("--token", envvar="INGEST_TOKEN", help="Sent as a Bearer credential.  [env: INGEST_TOKEN]")
def command(url: str | None, rate: float, concurrency: int, token: str | None, **campaign: Any) -> None:
    """Send simulated pushes to URL, by default the endpoint on this machine; {kind} in it stands for a push's kind.

    Exit code 1 if one was not answered as it should have been.
    """
    if url and not url.startswith(("http://", "https://")):
        raise click.BadParameter("it is not of the form http://…", param_hint="URL")
    told = Campaign(**campaign)
    if url and "{kind}" not in url and len(told.kinds) > 1:
        raise click.BadParameter("several kinds need {kind} in it", param_hint="URL")
    plan = Plan(url or own_url(), rate, concurrency, token)
    summary = Summary()
    is_hidden = not sys.stderr.isatty()
    with (
        click.progressbar(length=told.length, label="sending", file=sys.stderr, hidden=is_hidden) as bar,
        suppress(KeyboardInterrupt),
    ):
        asyncio.run(send(plan, told.pushes(), summary, lambda: bar.update(1)))
    if summary.nobody_is_there:
        click.echo(f"ingest: nothing answers at {_place(plan.url)} ({', '.join(summary.errors)})", err=True)
    else:
        click.echo(_words(summary))
    if not summary.is_good:
        sys.exit(1)


def _place(url: str) -> str:
    # Without the path, in which there may be a token.
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _words(summary: Summary) -> str:
    milliseconds = {name: summary.latency(share) * 1000 for name, share in _SHARES.items()}
    lines = [
        f"sent         {summary.sent} in {summary.seconds:.1f} s, {summary.sent / summary.seconds:.0f}/s",
        f"as expected  {summary.as_expected}",
        *(f"UNEXPECTED   {number} answered {status}" for status, number in sorted(summary.unexpected.items())),
        *(f"FAILED       {number} {kind}" for kind, number in sorted(summary.errors.items())),
        "latency      " + "   ".join(f"{name} {value:.1f} ms" for name, value in milliseconds.items()),
    ]
    if summary.late:
        lines.append(f"late         {summary.late} left more than 0.1 s after they were due: latency includes the wait")
    return "\n".join(lines)


_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
