"""Tables: every table that holds what pushes tell, in the order in which a transaction writes them.

All workers write in this order, and within a table by key, so that they wait for each other and never in a circle.
Workflows and nodes come last: every batch writes the same few rows of them, and holds up the others until it commits.
"""

from __future__ import annotations

from ingest.tables.rows import AttributesRow, CalleeRow, CallRow, CaseRow, NodeRow, WorkflowRow
from ingest.tables.table import Table

CALLS = Table("calls", CallRow, 2, computed={"transcript": ("turn_count", "callee_turn_count", "callee_word_count")})

TABLES = (
    Table("callees", CalleeRow, 2),
    Table("cases", CaseRow, 3),
    CALLS,
    Table("call_attributes", AttributesRow, 3),
    Table("workflows", WorkflowRow, 2),
    Table("nodes", NodeRow, 3),
)

TABLE_OF: dict[type[tuple[object, ...]], Table] = {table.row: table for table in TABLES}
"""The table of each class of row"""
