"""Warnings: what could not be taken over as it was, by its path in the body; never the value itself."""

from __future__ import annotations

import msgspec

from ingest.tables.json_text import Json

MAX_WARNINGS = 100
"""Of one push; a body of a million mistakes would otherwise cost the worker gigabytes. The rest is counted."""
MAX_PATH_LENGTH = 200
"""Characters; a path may have a hundred steps."""


class FieldWarning(msgspec.Struct, frozen=True):
    """One field that is stored as null, or changed."""

    path: str
    problem: str


class Warnings:
    """Collects a push's warnings. `documented`: the keys that a path may quote, those of the vendor's documentation."""

    def __init__(self, documented: frozenset[str]) -> None:
        self._documented = documented
        self._warnings: list[FieldWarning] = []
        self._uncollected = 0

    def add(self, path: str, problem: str) -> None:
        """Note a problem at a JSON path."""
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(FieldWarning(path, problem))
        else:
            self._uncollected += 1

    def below_key(self, path: str, key: str) -> str:
        """The path of a key's value. A key that nobody documents may be a telephone number or a name, and is `*`."""
        return below(path, f".{key}" if key in self._documented else ".*")

    def as_json(self) -> Json | None:
        """A JSON array for `pushes.warnings`; None if there is nothing to warn of."""
        if not self._warnings:
            return None
        more = [FieldWarning("$", f"and {self._uncollected} more warnings")] if self._uncollected else []
        return Json(msgspec.json.encode([*self._warnings, *more]).decode())


def below(path: str, step: str) -> str:
    """The path of a child; one that has become too long ends in `…`."""
    if len(path) > MAX_PATH_LENGTH:
        return path
    longer = path + step
    return longer if len(longer) <= MAX_PATH_LENGTH else f"{longer[:MAX_PATH_LENGTH]}…"
