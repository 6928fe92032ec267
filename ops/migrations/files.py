"""The files of migrations/ and the part of schema.sql that may be applied again, read as steps.

A file is named `NNNN_what_it_does.sql`. Each of its steps begins with a line that says how it is applied:

    ---- transaction    in one transaction, together with the note that it was
    ---- index          CREATE INDEX CONCURRENTLY of one index, on a partitioned table partition by partition
    ---- alone          one statement outside of a transaction: DROP INDEX CONCURRENTLY, or DO with COMMITs in it

The last two may be begun again after they were interrupted, so a statement `alone` must do no harm twice. Changes of a
table or a view belong into a file. Functions, lookups and rights are changed in schema.sql alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import NamedTuple

from ingest.resources import locate

_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+")
_STEP = re.compile(r"^---- (\w+)\n", re.MULTILINE)
_AGAIN = re.compile(r"^--- again\n(.*?)(?=^--- once$|\Z)", re.MULTILINE | re.DOTALL)


class How(StrEnum):
    """How a step is applied."""

    TRANSACTION = auto()
    INDEX = auto()
    ALONE = auto()


class Step(NamedTuple):
    """Some SQL and how it is applied."""

    how: How
    statements: str


@dataclass(frozen=True)
class Migration:
    """One file; its name is without the suffix."""

    number: int
    name: str
    steps: list[Step]


def read_migrations() -> list[Migration]:
    """All files, in the order of their numbers."""
    return [_read(path.stem, path.read_text()) for path in sorted(locate("migrations").glob("*.sql"))]


def read_repeatable_steps() -> list[Step]:
    """The parts of schema.sql that may be applied again: no session that reads or writes the tables waits for them."""
    return [Step(How.ALONE, text) for text in _AGAIN.findall(locate("schema.sql").read_text())]


def _read(name: str, text: str) -> Migration:
    numbered = _NAME.fullmatch(name)
    assert numbered, f"migrations/{name}.sql is not named NNNN_what_it_does.sql"
    _, *parts = _STEP.split(text)
    steps = [Step(How(how), statements) for how, statements in zip(parts[::2], parts[1::2], strict=True)]
    return Migration(int(numbered[1]), name, steps)
