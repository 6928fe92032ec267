"""Choosing: which dead letters a reader means, as the address of a page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.console.reading import read_name
from ops.days import read_moment
from ops.repair.causes import DeadCause
from workers.selection import Selection


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

    def of_group(self, cause: DeadCause) -> Selection:
        """Those of one group among them."""
        return Selection(statuses=("dead",), **{**self.values, "kind": cause.kind, "error": cause.error})


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


_READERS: Mapping[str, Callable[[str], Any]] = {
    "source": read_name,
    "kind": read_name,
    "since": read_moment,
    "until": read_moment,
}
