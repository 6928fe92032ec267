"""How the commands print rows: aligned, one a line, for a terminal or a pipe."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ingest.logs import CONTROL


def shown(text: str, keep: str = "") -> str:
    """A text that somebody sent, fit for a terminal. Characters that would move its cursor, change its title or begin a
    line are spelt, but for those to `keep`."""
    return text.translate(_spelt(keep))


@functools.cache
def _spelt(keep: str) -> dict[int, str]:
    return {code: spelt for code, spelt in CONTROL.items() if chr(code) not in keep}


def word(value: Any) -> str:
    """A value as people read it: UTC to the second, `-` for nothing."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, timedelta):
        return str(timedelta(seconds=round(value.total_seconds())))
    return shown(str(value))


def print_table(title: str, rows: Sequence[Mapping[str, Any]], total: int | None = None) -> None:
    """Print rows of the same columns under a title, which says of how many they are a part; nothing where none are."""
    if not rows:
        return
    columns = list(rows[0])
    cells = [columns, *([word(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    click.echo(f"{title} ({len(rows)}{f' of {total}' if total is not None else ''})")
    for line in cells:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo(f"  {padded.rstrip()}")


def print_record(title: str, row: Mapping[str, Any]) -> None:
    """Print one row, a line a column."""
    click.echo(title)
    width = max(map(len, row))
    for column, value in row.items():
        click.echo(f"  {column.ljust(width)}  {word(value)}")


@contextmanager
def progress(total: int, label: str) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the block works through so many of something; it is told how many more are done. Nothing
    is shown where stderr is no terminal."""
    is_hidden = not sys.stderr.isatty()
    with click.progressbar(length=total, label=label, file=sys.stderr, hidden=is_hidden) as bar:
        # Drawing costs more than reading: a hundred times are enough.
        bar.update_min_steps = max(1, total // 100)
        yield bar.update
