"""Settings: environment variables in, one frozen record out; what is missing or wrong is named at start."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ingest.errors import SettingError
from ingest.process_ids import is_alive

RUNNING_FILE = "running.json"
"""Under the data folder while `ingest up` runs: its pid, and the variables by which to reach what it started."""


@dataclass(frozen=True)
class Token:
    """One secret that may push, and the source its pushes belong to; only the secret's SHA-256 is kept."""

    source: str
    digest: bytes


@dataclass(frozen=True)
class Settings:
    """What the environment says; a URL is None when neither the environment nor a running `ingest up` has it."""

    configured_database_url: str | None
    configured_redis_url: str | None
    host: str
    port: int
    dashboard_port: int
    web_concurrency: int
    workers: int
    tokens: tuple[Token, ...]
    max_body: int
    appendfsync: str
    """What Redis's setting of this name has to be: `always`, or `everysec` where somebody asked for it"""
    data_dir: Path

    @property
    def database_url(self) -> str:
        """The Postgres URL; SettingError if there is none."""
        return _needed("DATABASE_URL", self.configured_database_url, self.data_dir)

    @property
    def redis_url(self) -> str:
        """The Redis URL; SettingError if there is none."""
        return _needed("REDIS_URL", self.configured_redis_url, self.data_dir)

    @property
    def is_open(self) -> bool:
        """Whether anybody who reaches the endpoint may push."""
        return not self.tokens

    def check_exposure(self) -> None:
        """Refuse to listen beyond this machine without tokens: SettingError."""
        if self.is_open and not _is_loopback(self.host):
            raise SettingError(
                f"HOST={self.host} is reachable from outside, and INGEST_TOKENS is not set: "
                "anybody could push. Set INGEST_TOKENS=source=secret, or HOST=127.0.0.1"
            )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment, and what a running `ingest up` has written down of variables that it does not set."""
    data_dir = Path(environ.get("INGEST_DATA_DIR") or ".data").absolute()
    environ = {**_read_running(data_dir), **{name: value for name, value in environ.items() if value}}
    return Settings(
        configured_database_url=environ.get("DATABASE_URL"),
        configured_redis_url=_redis_url(environ.get("REDIS_URL")),
        host=environ.get("HOST") or "127.0.0.1",
        port=_integer(environ, "PORT", 8000, at_least=1, at_most=65535),
        dashboard_port=_integer(environ, "DASHBOARD_PORT", 9181, at_least=1, at_most=65535),
        web_concurrency=_integer(environ, "WEB_CONCURRENCY", 1, at_least=1),
        workers=_integer(environ, "WORKERS", 2, at_least=1),
        tokens=_tokens(environ.get("INGEST_TOKENS", "")),
        max_body=_integer(environ, "INGEST_MAX_BODY", 1024 * 1024, at_least=1),
        appendfsync=_one_of(environ, "INGEST_APPENDFSYNC", "always", "everysec"),
        data_dir=data_dir,
    )


def _needed(name: str, value: str | None, data_dir: Path) -> str:
    if value is None:
        raise SettingError(f"{name} is not set, and no `ingest up` is running with data in {data_dir}")
    return value


def _read_running(data_dir: Path) -> dict[str, str]:
    try:
        running = json.loads((data_dir / RUNNING_FILE).read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(running, dict):
        return {}
    # One that was killed could not take its file away.
    pid = running.pop("pid", None)
    return running if isinstance(pid, int) and is_alive(pid) else {}


def _redis_url(url: str | None) -> str | None:
    # redis-py's own complaint comes late, and as a traceback of every process.
    if url is not None:
        try:
            is_usable = urlsplit(url).scheme in ("redis", "rediss", "unix") and urlsplit(url).port != 0
        except ValueError:
            is_usable = False
        if not is_usable:
            raise SettingError("REDIS_URL is not of the form redis://host:port/0, rediss://… or unix://…")
    return url


def _integer(environ: Mapping[str, str], name: str, default: int, *, at_least: int, at_most: int = 2**31 - 1) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and at_least <= int(text) <= at_most):
        raise SettingError(f"{name}={text} is not a whole number from {at_least} to {at_most}")
    return int(text)


def _one_of(environ: Mapping[str, str], name: str, default: str, other: str) -> str:
    text = environ.get(name) or default
    if text not in (default, other):
        raise SettingError(f"{name}={text} is neither {default} nor {other}")
    return text


def _tokens(text: str) -> tuple[Token, ...]:
    # A bad item is named by its place, never by its text: the text may be a secret.
    tokens = []
    for place, item in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        source, separator, secret = item.partition("=")
        if not (separator and source.strip() and secret):
            raise SettingError(f"INGEST_TOKENS: item {place} is not of the form source=secret")
        if "/" in secret:
            raise SettingError(f"INGEST_TOKENS: the secret of item {place} has a / in it and cannot be part of a URL")
        tokens.append(Token(source.strip(), hashlib.sha256(secret.encode()).digest()))
    if text.strip() and not tokens:
        raise SettingError("INGEST_TOKENS is set and holds no source=secret")
    return tuple(tokens)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
