"""JSON in the columns of rows."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

Json = NewType("Json", str)
"""JSON as text"""

KeptFrom = dict[str, UUID] | None
"""By column, the push that it is from, where that is not the row's newest; None where all are from that one"""
