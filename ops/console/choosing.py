"""Choosing: which dead letters a reader means, as the address of a page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from ops import queries
from ops.console.asking import shared
from ops.console.reading import read_name
from ops.days import read_moment
from ops.repair.groups import DeadGroup, dead_groups
from workers.selection import Selection

SHARED_SECONDS = 5.0
"""How long one reading of the index of all dead letters is good for"""


@dataclass(frozen=True)
class DeadChoice:
    """The conditions. `typed`: each field as it stands in the address; `wrong`: what is wrong with it, by field."""

    typed: Mapping[str, str]
    values: Mapping[str, Any]
    wrong: Mapping[str, str]

    @property
    def selection(self) -> Selection:
        """The dead letters for which all conditions hold."""
        return Selection(statuses=("dead",), **self.values)

    def of_group(self, group: DeadGroup) -> Selection:
        """Those of one group among them."""
        return Selection(statuses=("dead",), **{**self.values, "kind": group.kind, "error": group.error})


def read_choice(query: Mapping[str, str]) -> DeadChoice:
    """Read the query of an address; a condition that cannot be read is none, and is told in words."""
    typed = {name: query[name].strip() for name in _READERS if query.get(name, "").strip()}
    values, wrong = {}, {}
    for name, text in typed.items():
        try:
            values[name] = _READERS[name](text)
        except ValueError as error:
            wrong[name] = str(error)
    return DeadChoice(typed, values, wrong)


async def groups_of(request: Request, choice: DeadChoice) -> list[DeadGroup]:
    """The groups of the dead letters that are meant, the largest first, as they were a moment ago."""
    return await shared(request, SHARED_SECONDS, queries.answered, dead_groups, choice.selection)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "source": read_name,
    "kind": read_name,
    "since": read_moment,
    "until": read_moment,
}
