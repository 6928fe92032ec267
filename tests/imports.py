"""The picture of the imports: `python -m tests.imports`, or `make imports`, prints which folder imports which.

A room is a folder in one of the floors, with all folders that are in it; what is in no folder is a room of its own.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter

from tests.sources import SOURCES, imports

FLOORS = ("ingest", "workers", "ops")
"""The top-level packages of the product"""

Arrow = tuple[str, str]
"""A room, and one that it imports from"""


def room_of(module: str) -> str:
    """The room of a module, as a path."""
    floor, _, rest = module.partition(".")
    package = f"{floor}.{rest.partition('.')[0]}"
    is_room = package in SOURCES and SOURCES[package].name == "__init__.py"
    return package.replace(".", "/") if is_room else floor


def rooms() -> Counter[str]:
    """How many modules each room has."""
    return Counter(room_of(module) for module in _product())


def arrows() -> Counter[Arrow]:
    """By two rooms, how many modules of the first import from the second."""
    found: Counter[Arrow] = Counter()
    for module in _product():
        imported = {room_of(name) for name in map(_module_of, imports(module)) if name}
        found.update((room_of(module), room) for room in imported - {room_of(module)})
    return found


def circle(among: Set[Arrow] | Mapping[Arrow, int]) -> list[str]:
    """Rooms that import each other in a circle, the first one again at the end; none if there is no circle."""
    graph: dict[str, set[str]] = {}
    for room, imported in among:
        graph.setdefault(room, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def picture() -> str:
    """Rooms, arrows, and whether there is a circle, as lines."""
    counted, drawn = rooms(), arrows()
    lines = []
    for room in sorted(counted):
        to = ", ".join(f"{other} ({count})" for (one, other), count in sorted(drawn.items()) if one == room)
        share = f"{counted[room]:3d} modules, {counted[room] / counted.total():3.0%}"
        lines.append(f"{room:14} {share} → {to or 'nothing'}")
    found = circle(drawn)
    return "\n".join([*lines, f"circle: {' → '.join(found)}" if found else "no circle"])


def _product() -> Iterator[str]:
    return (module for module in SOURCES if module.partition(".")[0] in FLOORS)


def _module_of(name: str) -> str | None:
    """The module of the product that an imported name is, or is in."""
    if name.partition(".")[0] not in FLOORS:
        return None
    return name if name in SOURCES else name.rpartition(".")[0]


if __name__ == "__main__":
    sys.stdout.write(f"{picture()}\n")
