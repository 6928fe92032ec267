"""`ingest drift`: what the vendor has changed in its pushes, as the sweeper's samples show it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import click
import msgspec

from ingest import settings
from ingest.kinds import KINDS
from ops import queries
from ops.drift import Change, DriftedField, DriftReport, find_drift
from ops.output import print_table
from ops.typed import Text

_TITLES = {
    Change.MISSING: "missing: came before, and comes no more",
    Change.RETYPED: "retyped: documented as another type",
    Change.UNKNOWN: "unknown: not documented, and not read",
}


@click.command()
@click.option("--source", type=Text(), help="Only pushes with this source's token.")
@click.option("--kind", type=click.Choice(list(KINDS)), metavar="KIND", help="Only pushes of this kind.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def command(source: str | None, kind: str | None, as_json: bool) -> None:
    """Show fields of pushes that are unknown, missing or of another type than documented.

    The sweeper samples the newest pushes once a minute; no value is kept.
    """
    with queries.connect(settings.load()) as connection:
        drift = find_drift(connection, source, kind)
    if as_json:
        click.echo(msgspec.json.encode(drift))
    else:
        _print(drift)


def _print(drift: DriftReport) -> None:
    print_table("samples", [msgspec.structs.asdict(one) for one in drift.looked_at])
    if not drift.looked_at:
        click.echo("no samples yet: the sweeper looks once a minute at what came since")
        return
    by_change = {change: [one for one in drift.findings if one.change == change] for change in Change}
    for change, title in _TITLES.items():
        print_table(title, _rows(by_change[change]))
    print_table("documented, and never came", list(_lists(by_change[Change.NEVER_CAME])))
    print_table("fields of kinds that are known by name", list(_lists(by_change[Change.BY_NAME])))
    if not any(by_change[change] for change in _TITLES):
        click.echo("nothing is missing, retyped or unknown")


def _rows(findings: Iterable[DriftedField]) -> list[dict[str, object]]:
    """A row each, without the columns that say nothing of any."""
    rows = [
        {
            "source": one.source,
            "kind": one.kind,
            "workflow_id": one.workflow_id,
            "path": one.path,
            "came_as": one.came_as,
            "documented": one.documented if one.change == Change.RETYPED else None,
            "samples": f"{one.samples} of {one.of}",
            "first_seen": one.first_seen,
            "last_seen": one.last_seen,
            "may_be": one.may_be,
        }
        for one in findings
    ]
    said = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    return [{name: row[name] for name in said} for row in rows]


def _lists(findings: Iterable[DriftedField]) -> Iterable[dict[str, object]]:
    """A row for each source, kind and workflow: many fields never come, as each customer's pushes are made to order."""
    for (source, kind, workflow_id), found in groupby(findings, lambda one: (one.source, one.kind, one.workflow_id)):
        ones = list(found)
        first_seen = max((one.first_seen for one in ones if one.first_seen), default=None)
        row = {"source": source, "kind": kind, "workflow_id": workflow_id, "newest_first_seen": first_seen}
        yield {**row, "fields": " ".join(one.path for one in ones)}
