"""`ingest replay`: normalise pushes again, after a change of how their kind is read."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ingest import settings
from ingest.kinds import KINDS
from ops import queries

PORTION = 1000
"""Pushes that one transaction takes"""


@click.command()
@click.option("--kind", required=True, type=click.Choice(list(KINDS)), help="Which pushes.")
@click.option("--since", type=click.DateTime(), default="1970-01-01", help="Only what came from then on, UTC.")
def command(kind: str, since: datetime) -> None:
    """Normalise all pushes of a kind again: what is kept raw comes to its tables once the kind is known.

    They become pending, and the sweeper settles them, the oldest first, while live pushes go their way.
    """
    bounds = {"kind": kind, "since": since.replace(tzinfo=UTC), "begun": datetime.now(UTC), "portion": PORTION}
    total, found = 0, PORTION
    with queries.connect(settings.load()) as connection:
        while found == PORTION:
            # Each portion goes on where the last one ended, as those before it are settled and would be read again.
            rows = connection.execute(queries.REPLAY_OF_KIND, bounds).fetchall()
            bounds["since"] = max((row["received_at"] for row in rows), default=bounds["since"])
            found = len(rows)
            total += found
    click.echo(f"{total} pushes are pending; `ingest status` says how many still are")
