"""Prints the SQL that the declarations come to: `python -m ingest.tables > ingest/tables/generated.sql`."""

from __future__ import annotations

from ingest.tables import TABLES, sql


def generated() -> str:
    """Every statement, with a line that says which it is."""
    statements = [
        f"-- {table.name}: {name}\n\n{statement};\n"
        for table in TABLES
        for name, statement in (
            ("upsert", sql.upsert(table)),
            ("lock", sql.lock(table)),
            ("forget_told", sql.forget_told(table))
            if table.is_history
            else ("forget_version", sql.forget_version(table)),
        )
    ]
    return "\n".join(["-- Generated: change ingest/tables/__init__.py or sql.py, and print it again.\n", *statements])


if __name__ == "__main__":
    print(generated(), end="")  # noqa: T201 - what it is for
