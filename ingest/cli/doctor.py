"""`ingest doctor`: settings and servers, checked one by one, with what to change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click
from psycopg import Connection
from redis.exceptions import ResponseError

from ingest import durability, settings
from ingest.cli import encryption, postgres, redis
from ingest.errors import IngestError
from ingest.jobs import OLDEST_REDIS
from ingest.settings import Settings

OLDEST_POSTGRES = 14


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    is_good: bool
    text: str
    is_note: bool = False
    """Nothing has to be changed, and there is a safer way"""

    def __str__(self) -> str:
        word = "note" if self.is_note else "ok" if self.is_good else "CHANGE"
        return f"{word:<8}{self.text}"


@click.command()
def command() -> None:
    """Check settings and servers; exit code 1 if something has to be changed."""
    current = settings.load()
    findings = [*_guarded(_settings, current), *_guarded(_redis, current), *_guarded(_postgres, current)]
    for finding in findings:
        click.echo(finding)
    if not all(finding.is_good for finding in findings):
        sys.exit(1)


def _guarded(check: Callable[[Settings], Iterator[Finding]], current: Settings) -> Iterator[Finding]:
    try:
        yield from check(current)
    except IngestError as error:
        yield Finding(False, str(error))


def _settings(current: Settings) -> Iterator[Finding]:
    current.check_exposure()
    sources = sorted({token.source for token in current.tokens})
    tokens = f"tokens: {', '.join(sources)}" if sources else "tokens: none, open on loopback only"
    tokens += " (in this shell)"
    yield Finding(True, f"HOST={current.host} PORT={current.port}")
    yield Finding(True, tokens)


def _redis(current: Settings) -> Iterator[Finding]:
    with redis.connect(current) as client:
        yield from _notes(encryption.of_redis(client))
        server: dict[str, Any] = client.info()
        version = server.get("valkey_version") or server["redis_version"]
        compatible = tuple(map(int, server["redis_version"].split("."))) >= OLDEST_REDIS
        yield Finding(compatible, f"Redis {version}" + ("" if compatible else ": 6.2 or newer is needed"))
        is_primary = server["role"] == "master"
        yield Finding(is_primary, "Redis is a primary" if is_primary else "REDIS_URL names a replica: name the primary")
        try:
            # One by one: Redis before 7 takes no more.
            config = {name: client.config_get(name).get(name) for name in durability.SETTINGS}
        except ResponseError:
            yield Finding(True, f"Redis forbids CONFIG: see to {', '.join(durability.SETTINGS)} where it is managed")
            return
        for name, words in durability.judge(config, current.appendfsync).items():
            yield Finding(words is None, f"Redis {words or f'{name} {config[name]}'}")
        if config.get("appendfsync") == current.appendfsync == "everysec":
            yield Finding(True, "INGEST_APPENDFSYNC=everysec: up to two seconds of acknowledged pushes may be lost")


def _postgres(current: Settings) -> Iterator[Finding]:
    with postgres.connect(current) as connection:
        yield from _notes(encryption.of_postgres(connection))
        version = _one(connection.execute(postgres.SERVER_VERSION).fetchone())["version"] // 10000
        compatible = version >= OLDEST_POSTGRES
        yield Finding(compatible, f"Postgres {version}" + ("" if compatible else ": 14 or newer is needed"))
        for row in connection.execute(postgres.DURABILITY):
            is_off = row["setting"] == "off"
            advice = ": committed pushes could be lost; switch it on" if is_off else ""
            yield Finding(not is_off, f"Postgres {row['name']} is {row['setting']}{advice}")
        exist = _one(connection.execute(postgres.TABLES_EXIST).fetchone())["exist"]
        yield Finding(exist, "the tables are there" if exist else "the tables are missing: run `ingest migrate`")
        if exist:
            yield from _notes(_rights(connection))
            made = _one(connection.execute(postgres.PARTITION_OF_TOMORROW).fetchone())["made"]
            yield Finding(
                made,
                "partitions are made ahead" if made else "tomorrow's partition is missing: is sweeper running?",
            )


def _rights(connection: Connection[postgres.Row]) -> Iterator[str]:
    login = _one(connection.execute(postgres.LOGIN).fetchone())
    if login["may_everything"]:
        yield f"DATABASE_URL's user {login['name']} may do everything: web and workers need less (README, Production)"
    if idle := [row["name"] for row in connection.execute(postgres.ROLES_WITHOUT_RIGHTS)]:
        yield f"without rights: {', '.join(idle)}; as an administrator CREATE ROLE … NOLOGIN, then run `ingest migrate`"


def _notes(texts: Iterator[str]) -> Iterator[Finding]:
    return (Finding(True, text, is_note=True) for text in texts)


def _one(row: postgres.Row | None) -> postgres.Row:
    assert row is not None, "the statement gives one row"
    return row
