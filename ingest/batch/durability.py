"""Settings of Redis with which an acknowledged push could be lost, and what to set instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LOST = {
    "appendonly": "acknowledged pushes are lost when Redis ends",
    "appendfsync": "up to two seconds of acknowledged pushes are lost when its machine stops",
    "no-appendfsync-on-rewrite": "acknowledged pushes are lost when its machine stops during a rewrite",
    "maxmemory-policy": "acknowledged pushes are thrown away when its memory is full",
}
SETTINGS = tuple(_LOST)
SECTIONS = ("persistence", "memory")
"""Of INFO, which tell some of these settings also where CONFIG is forbidden"""


def told(info: Mapping[str, Any]) -> dict[str, str]:
    """Those of the settings that INFO tells."""
    config = {}
    if "aof_enabled" in info:
        config["appendonly"] = "yes" if info["aof_enabled"] else "no"
    if "maxmemory_policy" in info:
        config["maxmemory-policy"] = info["maxmemory_policy"]
    return config


def judge(config: Mapping[str, str], appendfsync: str) -> dict[str, str | None]:
    """For each setting that is known, what is wrong and what to set, or None.

    `config` is what CONFIG GET or INFO tells; `appendfsync`, what INGEST_APPENDFSYNC asks for.
    """
    wanted = {
        "appendonly": "yes",
        "appendfsync": appendfsync,
        "no-appendfsync-on-rewrite": "no",
        "maxmemory-policy": "noeviction",
    }
    return {name: _judge(name, wanted[name], config[name]) for name in SETTINGS if name in config}


def _judge(name: str, value: str, found: str) -> str | None:
    if found == value or (name, found) == ("appendfsync", "always"):
        return None
    return f"{name} is {found}: {_LOST[name]}; set `{name} {value}`"
