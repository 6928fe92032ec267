"""A dry run as rows for people: outcomes, columns, and the first rows before and after. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ingest.tables.table import Table
from ops.repair.dry_run import MOST_CHANGES, DryRun, RowChange
from ops.repair.masking import mask_column

NO_ROW = "(no row)"


class OutcomeRow(NamedTuple):
    """How many pushes would have another outcome, or the same one again."""

    before: str
    after: str
    pushes: int


class CauseRow(NamedTuple):
    """How many would be dead, and of what."""

    error: str
    pushes: int


class ColumnRow(NamedTuple):
    """In how many rows of a table a column would change."""

    table: str
    column: str
    rows: int


class ChangedColumn(NamedTuple):
    """One column of a row that would change, as Postgres's text. `before` is NO_ROW where there is no row yet."""

    column: str
    before: str | None
    after: str | None


class ChangedRow(NamedTuple):
    """A row that would change."""

    table: str
    key: str
    columns: list[ChangedColumn]


class LeftRow(NamedTuple):
    """A row that stays, though its push would tell of another."""

    table: str
    key: str


class DryRunRows(msgspec.Struct, frozen=True):
    """The effect that a replay would have. `changes` and `left`: the first of them; `left_in_all`: how many there
    are. `locked`: pushes that could not be looked at, as workers were at their rows."""

    pushes: int
    locked: int
    outcomes: list[OutcomeRow]
    causes: list[CauseRow]
    columns: list[ColumnRow]
    changes: list[ChangedRow]
    left: list[LeftRow]
    left_in_all: int


def dry_run_rows(found: DryRun, *, show_personal: bool) -> DryRunRows:
    """The rows of a dry run; unless personal values are shown, of each that may be one its type and length."""
    left = [LeftRow(row.table.name, _key(row.table, row.key, show_personal)) for row in found.left[:MOST_CHANGES]]
    return DryRunRows(
        pushes=found.pushes,
        locked=found.locked,
        outcomes=[OutcomeRow(*statuses, pushes) for statuses, pushes in found.outcomes.items()],
        causes=[CauseRow(*cause) for cause in found.causes.most_common()],
        columns=[ColumnRow(*column, rows) for column, rows in sorted(found.columns.items())],
        changes=[_changed(change, show_personal) for change in found.changes],
        left=left,
        left_in_all=len(found.left),
    )


def _shown(table: Table, column: str, text: str | None, show_personal: bool) -> str | None:
    return text if show_personal else mask_column(table, column, text)


def _key(table: Table, key: dict[str, str | None], show_personal: bool) -> str:
    return " ".join(f"{column}={_shown(table, column, text, show_personal)}" for column, text in key.items())


def _changed(change: RowChange, show_personal: bool) -> ChangedRow:
    table, before = change.table, change.before
    columns = [
        ChangedColumn(
            column,
            _shown(table, column, before[column], show_personal) if before else NO_ROW,
            _shown(table, column, text, show_personal),
        )
        for column, text in change.after.items()
    ]
    return ChangedRow(table.name, _key(table, change.key, show_personal), columns)
