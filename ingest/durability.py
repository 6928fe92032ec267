"""What of a Redis's settings could lose a push that was acknowledged, each with the setting to change."""

from __future__ import annotations

from collections.abc import Mapping

SETTINGS = ("appendonly", "appendfsync", "maxmemory-policy")

_LOST = {
    "appendonly": "acknowledged pushes are lost when Redis ends",
    "appendfsync": "up to a second or more of acknowledged pushes is lost when its machine stops",
    "maxmemory-policy": "acknowledged pushes are thrown away when its memory is full",
}


def wanted(appendfsync: str) -> dict[str, str]:
    """The settings that keep every acknowledged push; `appendfsync` is what INGEST_APPENDFSYNC asks for."""
    return {"appendonly": "yes", "appendfsync": appendfsync, "maxmemory-policy": "noeviction"}


def judge(config: Mapping[str, str | None], appendfsync: str) -> dict[str, str | None]:
    """For each setting what is wrong with it and what to set, or None; `config` is what CONFIG GET answers."""
    return {name: _judge(name, value, config.get(name)) for name, value in wanted(appendfsync).items()}


def _judge(name: str, value: str, found: str | None) -> str | None:
    if found == value or (name, found) == ("appendfsync", "always"):
        return None
    return f"{name} is {found or 'unknown'}: {_LOST[name]}; set `{name} {value}`"
