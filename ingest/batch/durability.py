"""Settings of Redis with which an acknowledged push could be lost, and what to set instead."""

from __future__ import annotations

from collections.abc import Mapping

_LOST = {
    "appendonly": "acknowledged pushes are lost when Redis ends",
    "appendfsync": "up to two seconds of acknowledged pushes are lost when its machine stops",
    "no-appendfsync-on-rewrite": "acknowledged pushes are lost when its machine stops during a rewrite",
    "maxmemory-policy": "acknowledged pushes are thrown away when its memory is full",
}
SETTINGS = tuple(_LOST)


def judge(config: Mapping[str, str | None], appendfsync: str) -> dict[str, str | None]:
    """For each setting, what is wrong and what to set, or None.

    `config` is what CONFIG GET answers; `appendfsync`, what INGEST_APPENDFSYNC asks for.
    """
    wanted = {
        "appendonly": "yes",
        "appendfsync": appendfsync,
        "no-appendfsync-on-rewrite": "no",
        "maxmemory-policy": "noeviction",
    }
    return {name: _judge(name, wanted[name], config.get(name)) for name in SETTINGS}


def _judge(name: str, value: str, found: str | None) -> str | None:
    if found == value or (name, found) == ("appendfsync", "always"):
        return None
    return f"{name} is {found or 'unknown'}: {_LOST[name]}; set `{name} {value}`"
