"""A dry run, printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from ops.output import print_table
from ops.repair.dry_run import MOST_CHANGES, DryRun
from ops.repair.dry_run_rows import ChangedRow, dry_run_rows


def print_dry_run(found: DryRun, total: int, show_personal: bool) -> None:
    """Print what a replay would do; of `total` pushes those that were looked at."""
    rows = dry_run_rows(found, show_personal=show_personal)
    print_table("outcomes of pushes", _cells(rows.outcomes))
    print_table("they would be dead of", _cells(rows.causes))
    print_table("what would change", _cells(rows.columns))
    print_table(f"the first {MOST_CHANGES} rows, column by column", _lines(rows.changes))
    print_table("rows that stay, though their push would tell of another", _cells(rows.left), rows.left_in_all)
    locked = f", {rows.locked} more were in workers' hands" if rows.locked else ""
    click.echo(f"nothing was changed; looked at {rows.pushes} of {total} pushes{locked}")


def _cells(rows: Sequence[NamedTuple]) -> list[dict[str, Any]]:
    return [row._asdict() for row in rows]


def _lines(changes: Sequence[ChangedRow]) -> list[dict[str, Any]]:
    return [{"table": row.table, "key": row.key, **column._asdict()} for row in changes for column in row.columns]
