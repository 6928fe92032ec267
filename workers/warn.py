"""Warnings: what could not be taken over as it was, by its path in the body; never the value itself."""

from __future__ import annotations

import msgspec


class FieldWarning(msgspec.Struct, frozen=True):
    """One field that is stored as null, or changed."""

    path: str
    problem: str


class Warnings:
    """Collects a push's warnings."""

    def __init__(self) -> None:
        self._warnings: list[FieldWarning] = []

    def add(self, path: str, problem: str) -> None:
        """Note a problem at a JSON path."""
        self._warnings.append(FieldWarning(path, problem))

    def as_json(self) -> str | None:
        """A JSON array for `pushes.warnings`; None if there is nothing to warn of."""
        return msgspec.json.encode(self._warnings).decode() if self._warnings else None
