"""Settings: environment variables in, one frozen record out. SettingError names the variable that is wrong."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import pwd
import re
import shlex
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest import tokens
from ingest.errors import SettingError
from ingest.functions import parse_functions
from ingest.networks import Network, parse_networks
from ingest.running import read_running
from ingest.service_links import set_by_somebody
from ingest.tokens import Token
from ingest.urls import checked_database_url, checked_redis_url

NAMES = ("DATABASE_URL", "REDIS_URL", "PORT", "HOST", "DASHBOARD_PORT", "WEB_CONCURRENCY", "WORKERS")
"""Our variables whose names do not begin with INGEST_ or RQ_DASHBOARD_"""

_MOST_DIGITS = 100
"""Python reads no number of thousands."""

_LISTS = ("INGEST_TOKENS", "INGEST_VERIFIERS", "INGEST_DECRYPTORS", "INGEST_ALLOW_IPS", "INGEST_TRUSTED_PROXIES")
"""Each item is read without the blanks around it, so the last one may end with its line."""

_QUOTES = ('"', "'", tokens.TYPOGRAPHIC_QUOTES)
"""Groups of marks; a value is quoted if it begins and ends with marks of one group"""

MAX_DAYS = 36_500
"""A century. The date that is too many days ago cannot be computed."""


@dataclass(frozen=True)
class Settings:
    """All settings. A URL is None when neither the environment nor a running `ingest up` has it."""

    configured_database_url: str | None
    configured_redis_url: str | None
    host: str
    port: int
    dashboard_port: int
    dashboard_login: bytes | None
    """SHA-256 of the Authorization header that would say name and password of an operator; None if there is none"""
    console_users_file: Path | None
    is_console_open: bool
    """Whether everybody on this machine is an operator of the console"""
    metrics_host: str
    metrics_port: int
    metrics_login: bytes | None
    """SHA-256 of the Authorization header that metrics ask for; None if they ask for none"""
    web_concurrency: int
    workers: int
    listed_tokens: tuple[Token, ...]
    tokens_file: Path | None
    verifiers: Mapping[str, str]
    """By source the dotted path of the function that says whether a push is genuine"""
    decryptors: Mapping[str, str]
    """By source the dotted path of the function that makes JSON of a push"""
    allow_ips: tuple[Network, ...]
    """The networks that pushes may come from; empty: any"""
    trusted_proxies: tuple[Network, ...]
    max_body: int
    max_concurrent: int
    """How many requests one web process has in hand at most"""
    max_bytes_in_hand: int
    """How many bytes their bodies have together at most. One of several sources may take half of them."""
    request_seconds: int
    """How long a request may take to arrive, from its first byte to its last"""
    rate_limit: int | None
    """Pushes per second, source and web process"""
    appendfsync: str
    """The value that Redis's setting of this name needs: `always`, or `everysec` if the operator asked for that"""
    retention_days: int | None
    """How long raw pushes are kept; None: for ever"""
    transcript_days: int | None
    """How long turns are kept after their call; None: for ever"""
    alert_url: str | None
    """Where `ingest watch` posts its notices; it may hold a secret"""
    alert_command: str | None
    operator: str
    """The name under which commands are recorded"""
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
    def web_url(self) -> str:
        """Where web is on this machine: a host that means every address is none to connect to."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - how to reach it
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of the environment, then those of the file as it is now. SettingError if it cannot be read."""
        of_file = tokens.read_file(self.tokens_file) if self.tokens_file else ()
        tokens.check_owners(f"INGEST_TOKENS_FILE={self.tokens_file} beside INGEST_TOKENS", of_file, self.listed_tokens)
        return self.listed_tokens + of_file

    @property
    def is_open(self) -> bool:
        """Whether anybody who reaches the endpoint may push."""
        return not (self.listed_tokens or self.tokens_file)

    def check_exposure(self) -> None:
        """Refuse to take pushes from beyond this machine without tokens: SettingError."""
        if self.is_open and not is_loopback(self.host):
            raise SettingError(
                f"HOST={self.host} is reachable from outside, and INGEST_TOKENS is not set: "
                "anybody could push. Set INGEST_TOKENS=source=secret or INGEST_TOKENS_FILE, or HOST=127.0.0.1"
            )
        if self.is_open and self.trusted_proxies and not self.allow_ips:
            raise SettingError(
                "INGEST_TRUSTED_PROXIES is set, and INGEST_TOKENS is not: anybody could push through a proxy. "
                "Set INGEST_TOKENS=source=secret or INGEST_TOKENS_FILE, or INGEST_ALLOW_IPS"
            )

    def check_metrics_exposure(self) -> None:
        """Refuse to show metrics beyond this machine without a token: SettingError."""
        if self.metrics_login is None and not is_loopback(self.metrics_host):
            raise SettingError(
                f"INGEST_METRICS_HOST={self.metrics_host} is reachable from outside, and INGEST_METRICS_TOKEN is not "
                "set: anybody could read the metrics. Set it, or INGEST_METRICS_HOST=127.0.0.1"
            )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment. Variables that it lacks are taken from a running `ingest up`, if there is one.

    Raises SettingError.
    """
    data_dir = Path(environ.get("INGEST_DATA_DIR") or ".data").absolute()
    environ = {**read_running(data_dir), **set_by_somebody(environ)}
    _check_ends(environ)
    max_body = _integer(environ, "INGEST_MAX_BODY", 1024 * 1024, at_least=1)
    return Settings(
        configured_database_url=_checked(checked_database_url, environ.get("DATABASE_URL")),
        configured_redis_url=_checked(checked_redis_url, environ.get("REDIS_URL")),
        host=environ.get("HOST") or "127.0.0.1",
        port=_integer(environ, "PORT", 8000, at_least=1, at_most=65535),
        dashboard_port=_integer(environ, "DASHBOARD_PORT", 9181, at_least=1, at_most=65535),
        dashboard_login=_dashboard_login(environ),
        console_users_file=_path_if_set(environ, "INGEST_CONSOLE_USERS_FILE"),
        is_console_open=_one_of(environ, "INGEST_CONSOLE_OPEN", "no", "yes") == "yes",
        metrics_host=environ.get("INGEST_METRICS_HOST") or "127.0.0.1",
        metrics_port=_integer(environ, "INGEST_METRICS_PORT", 9182, at_least=1, at_most=65535),
        metrics_login=_metrics_login(environ.get("INGEST_METRICS_TOKEN")),
        web_concurrency=_integer(environ, "WEB_CONCURRENCY", 1, at_least=1),
        workers=_integer(environ, "WORKERS", 2, at_least=1),
        listed_tokens=tokens.parse_list("INGEST_TOKENS", environ.get("INGEST_TOKENS", "")),
        tokens_file=_path_if_set(environ, "INGEST_TOKENS_FILE"),
        verifiers=parse_functions("INGEST_VERIFIERS", environ.get("INGEST_VERIFIERS", "")),
        decryptors=parse_functions("INGEST_DECRYPTORS", environ.get("INGEST_DECRYPTORS", "")),
        allow_ips=parse_networks("INGEST_ALLOW_IPS", environ.get("INGEST_ALLOW_IPS", "")),
        trusted_proxies=parse_networks("INGEST_TRUSTED_PROXIES", environ.get("INGEST_TRUSTED_PROXIES", "")),
        max_body=max_body,
        max_concurrent=_integer(environ, "INGEST_MAX_CONCURRENT", 4000, at_least=1),
        max_bytes_in_hand=_bytes_in_hand(environ, at_least=2 * max_body),
        request_seconds=_integer(environ, "INGEST_REQUEST_SECONDS", 15, at_least=1),
        rate_limit=_integer_if_set(environ, "INGEST_RATE_LIMIT"),
        appendfsync=_one_of(environ, "INGEST_APPENDFSYNC", "always", "everysec"),
        # At least one day: a push is compared with those of the day before it, to tell whether it is a redelivery.
        retention_days=_integer_if_set(environ, "INGEST_RETENTION_DAYS", at_most=MAX_DAYS),
        transcript_days=_integer_if_set(environ, "INGEST_TRANSCRIPT_DAYS", at_most=MAX_DAYS),
        alert_url=_web_url_if_set(environ, "INGEST_ALERT_URL"),
        alert_command=_command_if_set(environ, "INGEST_ALERT_COMMAND"),
        operator=environ.get("INGEST_OPERATOR") or _operator(),
        data_dir=data_dir,
    )


def _operator() -> str:
    """The user of the operating system, and the host. A container may have a user without a name."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _check_ends(environ: Mapping[str, str]) -> None:
    """Refuse what files of environment variables bring along at the ends of a value, and containers keep."""
    for name, value in environ.items():
        if not (name.startswith(("INGEST_", "RQ_DASHBOARD_", "AIRUDDER_")) or name in NAMES):
            continue
        if len(value) > 1 and any(value[0] in quotes and value[-1] in quotes for quotes in _QUOTES):
            raise SettingError(
                f"{name} has quotes around its value: files of environment variables, as containers read them, "
                "keep quotes as they are. Leave them out"
            )
        if value != value.strip() and name not in _LISTS:
            raise SettingError(
                f"{name} has a space or a line break at an end of its value, as of a file with Windows' line ends: "
                "leave it out"
            )


def _needed(name: str, value: str | None, data_dir: Path) -> str:
    if value is None:
        raise SettingError(f"{name} is not set, and no `ingest up` is running with data in {data_dir}")
    return value


def _checked(check: Callable[[str], str], url: str | None) -> str | None:
    return None if url is None else check(url)


def _integer(environ: Mapping[str, str], name: str, default: int, *, at_least: int, at_most: int = 2**31 - 1) -> int:
    text = environ.get(name) or str(default)
    if not (len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit() and at_least <= int(text) <= at_most):
        raise SettingError(f"{name}={text} is not a whole number from {at_least} to {at_most}")
    return int(text)


def _bytes_in_hand(environ: Mapping[str, str], *, at_least: int) -> int:
    default = max(256 * 1024 * 1024, at_least)
    return _integer(environ, "INGEST_MAX_BYTES_IN_HAND", default, at_least=at_least, at_most=2**63 - 1)


def _integer_if_set(environ: Mapping[str, str], name: str, *, at_most: int = 2**31 - 1) -> int | None:
    return _integer(environ, name, 1, at_least=1, at_most=at_most) if environ.get(name) else None


def _web_url_if_set(environ: Mapping[str, str], name: str) -> str | None:
    url = environ.get(name)
    if url and not re.fullmatch(r"https?://[^\s/]\S*", url):
        raise SettingError(f"{name} is not of the form https://…")  # without the value, which may hold a secret
    return url


def _command_if_set(environ: Mapping[str, str], name: str) -> str | None:
    command = environ.get(name)
    try:
        if command is not None and not shlex.split(command)[0]:
            raise SettingError(f"{name} names no program")
    except ValueError:
        raise SettingError(f"{name} has a quote that does not end") from None
    return command


def _one_of(environ: Mapping[str, str], name: str, default: str, other: str) -> str:
    text = environ.get(name) or default
    if text not in (default, other):
        raise SettingError(f"{name}={text} is neither {default} nor {other}")
    return text


def _path_if_set(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]).absolute() if name in environ else None


def _dashboard_login(environ: Mapping[str, str]) -> bytes | None:
    username, password = (environ.get(f"RQ_DASHBOARD_{name}", "") for name in ("USERNAME", "PASSWORD"))
    if bool(username) != bool(password):
        raise SettingError("of RQ_DASHBOARD_USERNAME and RQ_DASHBOARD_PASSWORD one is not set: set both, or none")
    return login_digest(username, password) if username else None


def login_digest(username: str, password: str) -> bytes:
    """SHA-256 of the Authorization header that would say this name and password: `dashboard_login` is compared with
    it."""
    return _digest(f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}")


def _metrics_login(token: str | None) -> bytes | None:
    return _digest(f"Bearer {token}") if token else None


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode()).digest()


def is_loopback(host: str) -> bool:
    """Whether a host name or address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
