"""Settings in force: each variable of docs/configuration.md, its value in this process, and what it is for.

A value is shown only of a variable that is named here as one that holds no secret.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from psycopg.conninfo import conninfo_to_dict

from ingest.resources import locate
from ingest.running import read_running
from ingest.service_links import may_be_link, set_by_somebody
from ingest.settings import Settings

HIDDEN = "set, and not shown"

_ROW = re.compile(r"\| ([A-Z_]+(?:, [A-Z_]+)*) \| (.*?) \| (.*) \|")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_PLACE = ("host", "hostaddr", "port", "dbname", "user", "sslmode", "target_session_attrs")
"""Of a Postgres URL; another parameter may be a secret."""


class SettingInForce(msgspec.Struct, frozen=True):
    """One variable. `value`: as text, HIDDEN for a secret that is set; `default`: as docs name it; `section`: under
    which heading they do. `is_default`: whether nobody has set it."""

    section: str
    name: str
    value: str
    is_default: bool
    default: str
    meaning: str


class _Documented(NamedTuple):
    section: str
    name: str
    default: str
    meaning: str


def in_force(current: Settings, environ: Mapping[str, str] = os.environ) -> list[SettingInForce]:
    """Every variable that is documented, in the order of docs/configuration.md; `environ`: what `current` was made
    of."""
    running = read_running(current.data_dir)
    is_set = {**running, **set_by_somebody(environ)}.keys()
    return [
        SettingInForce(
            section=one.section,
            name=one.name,
            value=_value(one, current, one.name in is_set),
            is_default=one.name not in is_set,
            default=one.default,
            meaning=one.meaning,
        )
        for one in _documented()
    ]


def no_settings(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The names that begin with INGEST_, as ours do, and that no page documents: one may be misspelt.

    Without those that Kubernetes adds for a service whose name begins so.
    """
    known = {one.name for one in _documented()}
    ours = {name for name in set_by_somebody(environ) if name.startswith("INGEST_")}
    return sorted(name for name in ours - known if not may_be_link(name))


def _value(one: _Documented, current: Settings, is_set: bool) -> str:
    if show := _SHOWN.get(one.name):
        value = show(current)
        return _text(value) if value not in (None, (), {}) else one.default
    return HIDDEN if is_set else one.default


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={path}" for key, path in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


@functools.cache
def _documented() -> tuple[_Documented, ...]:
    return tuple(_rows(locate("docs/configuration.md").read_text(encoding="utf-8").splitlines()))


def _rows(lines: Iterable[str]) -> Iterator[_Documented]:
    """The rows of all tables, one for each variable that stands in them."""
    section = ""
    for line in lines:
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif found := _ROW.fullmatch(line):
            names, default, meaning = found[1].split(", "), _plain(found[2]), _plain(found[3])
            defaults = default.split(", ") if len(names) > 1 and ", " in default else [default] * len(names)
            yield from (_Documented(section, name, one, meaning) for name, one in zip(names, defaults, strict=True))


def _plain(cell: str) -> str:
    """A cell without the marks of Markdown."""
    return _LINK.sub(r"\1", cell).replace("`", "")


def _database(current: Settings) -> str | None:
    """Where Postgres is, without the password."""
    if current.configured_database_url is None:
        return None
    parts = conninfo_to_dict(current.configured_database_url)
    return " ".join(f"{name}={parts[name]}" for name in _PLACE if parts.get(name))


def _redis(current: Settings) -> str | None:
    """Where Redis is, without the user and the query, which may hold the password."""
    if current.configured_redis_url is None:
        return None
    parts = urlsplit(current.configured_redis_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _attribute(name: str) -> Callable[[Settings], Any]:
    return lambda current: getattr(current, name.removeprefix("INGEST_").lower())


_AS_THEY_ARE = (
    "INGEST_DATA_DIR", "INGEST_APPENDFSYNC", "HOST", "PORT", "WEB_CONCURRENCY", "WORKERS", "DASHBOARD_PORT",
    "INGEST_METRICS_HOST", "INGEST_METRICS_PORT", "INGEST_TOKENS_FILE", "INGEST_ALLOW_IPS", "INGEST_TRUSTED_PROXIES",
    "INGEST_VERIFIERS", "INGEST_DECRYPTORS", "INGEST_MAX_BODY", "INGEST_REQUEST_SECONDS", "INGEST_MAX_CONCURRENT",
    "INGEST_MAX_BYTES_IN_HAND", "INGEST_RATE_LIMIT", "INGEST_RETENTION_DAYS", "INGEST_TRANSCRIPT_DAYS",
    "INGEST_OPERATOR", "INGEST_CONSOLE_USERS_FILE",
)  # fmt: skip

_SHOWN: Mapping[str, Callable[[Settings], Any]] = {
    **{name: _attribute(name) for name in _AS_THEY_ARE},
    "DATABASE_URL": _database,
    "REDIS_URL": _redis,
    "INGEST_CONSOLE_OPEN": lambda current: "yes" if current.is_console_open else "no",
}
"""The value of each variable that holds no secret, by its name"""
