"""A dry run, printed: outcomes, columns, and the first rows before and after."""

from __future__ import annotations

import click

from ingest.tables.table import Table
from ops.output import print_table
from ops.repair.dry_run import MOST_CHANGES, DryRun, RowChange
from ops.repair.masking import mask_column


def print_dry_run(found: DryRun, total: int, show_personal: bool) -> None:
    """Print what a replay would do; of `total` pushes those that were looked at."""
    outcomes = [{"before": old, "after": new, "pushes": count} for (old, new), count in found.outcomes.items()]
    print_table("outcomes of pushes", outcomes)
    causes = [{"error": error, "pushes": count} for error, count in found.causes.most_common()]
    print_table("they would be dead of", causes)
    columns = [
        {"table": table, "column": column, "rows": count} for (table, column), count in sorted(found.columns.items())
    ]
    print_table("what would change", columns)
    lines = [line for change in found.changes for line in _lines(change, show_personal)]
    print_table(f"the first {MOST_CHANGES} rows, column by column", lines)
    left = [{"table": row.table.name, "key": _key(row.table, row.key, show_personal)} for row in found.left]
    print_table("rows that stay, though their push would tell of another", left[:MOST_CHANGES], len(left))
    locked = f", {found.locked} more were in workers' hands" if found.locked else ""
    click.echo(f"nothing was changed; looked at {found.pushes} of {total} pushes{locked}")


def _shown(table: Table, column: str, text: str | None, show_personal: bool) -> str | None:
    return text if show_personal else mask_column(table, column, text)


def _key(table: Table, key: dict[str, str | None], show_personal: bool) -> str:
    return " ".join(f"{column}={_shown(table, column, text, show_personal)}" for column, text in key.items())


def _lines(change: RowChange, show_personal: bool) -> list[dict[str, str | None]]:
    key = _key(change.table, change.key, show_personal)
    before = change.before
    return [
        {
            "table": change.table.name,
            "key": key,
            "column": column,
            "before": _shown(change.table, column, before[column], show_personal) if before else "(no row)",
            "after": _shown(change.table, column, text, show_personal),
        }
        for column, text in change.after.items()
    ]
