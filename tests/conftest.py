"""Real servers for the tests: the embedded ones, or those that TEST_DATABASE_URL and TEST_REDIS_URL name."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from redis import Redis

import workers.settle
from ingest import logs, tables
from ingest.batch.clients import patient_client
from ingest.resources import locate
from ops.local.embedded_postgres import short_socket_dir
from tests.clock import DAY_SECONDS, HOUR_SECONDS, Clock, pass_the_edge
from tests.logins import Logins, make_logins
from tests.patience import POSTGRES, REDIS, SECONDS, make_httpx_wait
from tests.persons import hold_everywhere
from tests.servers import Servers, embedded_servers
from workers.database import Database
from workers.sweeper.loop import Sweeper

# No machine is too slow for a property; `--hypothesis-profile long` looks for minutes instead of seconds.
settings.register_profile("house", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("house"), max_examples=20_000)
settings.load_profile("house")

OURS = ("DATABASE_URL", "REDIS_URL", "PORT", "HOST", "DASHBOARD_PORT", "WEB_CONCURRENCY", "WORKERS")
OTHER_TABLES = ("retention", "settlements", "silences", "history", "push_events", "actions", "replays", "drift")
TABLES = ", airudder.".join(["pushes", *(table.name for table in tables.TABLES), *OTHER_TABLES])


OWN_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep this run's files apart: each run of pytest closes the folder that a user's runs share, and root's Postgres,
    which is another user, could not start in it any more."""
    _heed_signals()
    make_httpx_wait()
    if not (hasattr(config, "workerinput") or config.option.basetemp):
        config.stash[OWN_FOLDER] = Path(tempfile.mkdtemp(prefix="airudder-tests-"))
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(config.stash[OWN_FOLDER])


def _heed_signals() -> None:
    """A shell lets what it starts in the background ignore some signals. Each process that a test starts would inherit
    that, and not end when it is told to."""
    for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Leave the files of a run that failed."""
    if exitstatus and OWN_FOLDER in session.config.stash:
        del session.config.stash[OWN_FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what nobody will look at."""
    if OWN_FOLDER in config.stash:
        own = config.stash[OWN_FOLDER]
        for folder in [*map(short_socket_dir, own.rglob("postgres")), own]:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the caller's settings, nor what an `ingest up` beside the tests has written down."""
    for name in (*OURS, *(name for name in os.environ if name.startswith(("INGEST_", "RQ_DASHBOARD_")))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INGEST_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(autouse=True)
def within_a_day() -> None:
    """Partitions, retention and counts go by days in UTC: no midnight comes in the midst of a test."""
    pass_the_edge(DAY_SECONDS)


@pytest.fixture
def within_an_hour() -> None:
    """The same for a test that counts by hours."""
    pass_the_edge(HOUR_SECONDS)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine too, web's parts wait for the store in which the test will look."""
    for limit in (*REDIS, *POSTGRES):
        monkeypatch.setattr(limit, SECONDS)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Postgres and Redis for the whole run."""
    given_database, given_redis = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if given_database and given_redis:
        yield Servers(given_database, given_redis)
        return
    with embedded_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


def pytest_xdist_auto_num_workers() -> int:
    """Side by side, as most tests wait for processes; one after another where they share a Redis that was given."""
    return 1 if os.environ.get("TEST_REDIS_URL") else 4


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> Iterator[str]:
    """A database of our own with schema.sql applied; dropped at the end."""
    name = f"ingest_test_{secrets.token_hex(4)}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        url = make_conninfo("", **{**conninfo_to_dict(servers.database_url), "dbname": name})
        with psycopg.connect(url, autocommit=True) as fresh:
            fresh.execute(locate("schema.sql").read_bytes())
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def logins(database_url: str) -> Iterator[Logins]:
    """The database's URL for each role, as docs/production.md makes them."""
    with make_logins(database_url) as logins:
        yield logins


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection[dict[str, Any]]]:
    """A connection to empty tables; every statement commits."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute(f"TRUNCATE airudder.{TABLES}")
        yield connection


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> Iterator[str]:
    """A Redis that is ours to flush: a given one has to be empty at the start."""
    client = Redis.from_url(servers.redis_url)
    assert client.dbsize() == 0, "TEST_REDIS_URL names a database with data in it: name an empty one, redis://…/15"
    yield servers.redis_url
    client.flushdb()
    client.close()


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    """A client on an empty Redis."""
    client = patient_client(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def database(logins: Logins, connection: Connection[dict[str, Any]]) -> Iterator[Database]:
    """The worker's connection, with the rights of its role and no more, on empty tables."""
    database = Database(logins.worker, patience_seconds=5)
    yield database
    database.close()


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch, database_url: str, redis_url: str, client: Redis, connection: object
) -> None:
    """Settings that name the tests' servers, both empty, for this process and for those it starts."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)


@pytest.fixture(params=[1, workers.settle.COPY_FROM], ids=["by copy", "by upserts"])
def copy_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches so small are upserted by themselves; what a copy leaves must be the same."""
    monkeypatch.setattr(workers.settle, "COPY_FROM", request.param)


@pytest.fixture
def keep_logging() -> Iterator[None]:
    """Logging as it was, afterwards."""
    loggers = [logging.getLogger(name) for name in logs.LEVELS]
    levels = [one.level for one in loggers]
    root = logging.getLogger()
    before = root.handlers[:], sys.excepthook, threading.excepthook, logging.raiseExceptions
    yield
    logging.captureWarnings(False)
    root.handlers[:], sys.excepthook, threading.excepthook, logging.raiseExceptions = before
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)


@pytest.fixture
def clock() -> Clock:
    """Time as the sweeper sees it."""
    return Clock()


@pytest.fixture
def sweeper(client: Any, database: Database, clock: Clock) -> Sweeper:
    """A sweeper that has just started."""
    return Sweeper(client, database, clock)


@pytest.fixture
def person(client: Any, database: Database, connection: Connection[dict[str, Any]]) -> None:
    """A person of whom everything there is is held, beside somebody else in every place; nobody works."""
    hold_everywhere(client, database, connection)
