"""What analysts see, as the tables' declarations come to it: schema.sql's views are held to that."""

from __future__ import annotations

from ingest.tables.table import KEPT_FROM, Table


def analysts_view(table: Table) -> str | None:
    """What analysts have a view of; None where it would show nothing but a key."""
    behind_key = table.columns[table.end_of_key : KEPT_FROM]
    if not any(table.personal[name].shown for name in behind_key):
        return None
    columns = [name for name in table.columns if name in table.personal]
    shown = [(column, expression, name) for column in columns for expression, name in table.personal[column].shown]
    expressions = [
        f"{expression.format(column=f'{table.name}.{column}')} AS {name}" for column, expression, name in shown
    ]
    return f"SELECT source, {', '.join(expressions)}, received_at FROM airudder.{table.name}"
