"""Warnings: what could not be taken over as it was, by its path in the body; never the value itself."""

from __future__ import annotations

import msgspec

MAX_WARNINGS = 100
"""Of one push; a body of a million mistakes would otherwise cost the worker gigabytes. The rest is counted."""
MAX_PATH_LENGTH = 200
"""Characters; the customer's keys are part of a path, and may be of any length."""


class FieldWarning(msgspec.Struct, frozen=True):
    """One field that is stored as null, or changed."""

    path: str
    problem: str


class Warnings:
    """Collects a push's warnings."""

    def __init__(self) -> None:
        self._warnings: list[FieldWarning] = []
        self._uncollected = 0

    def add(self, path: str, problem: str) -> None:
        """Note a problem at a JSON path."""
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(FieldWarning(path, problem))
        else:
            self._uncollected += 1

    def as_json(self) -> str | None:
        """A JSON array for `pushes.warnings`; None if there is nothing to warn of."""
        if not self._warnings:
            return None
        more = [FieldWarning("$", f"and {self._uncollected} more warnings")] if self._uncollected else []
        return msgspec.json.encode([*self._warnings, *more]).decode()


def below(path: str, step: str) -> str:
    """The path of a child; one that has become too long ends in `…`."""
    if len(path) > MAX_PATH_LENGTH:
        return path
    longer = path + step
    return longer if len(longer) <= MAX_PATH_LENGTH else f"{longer[:MAX_PATH_LENGTH]}…"
