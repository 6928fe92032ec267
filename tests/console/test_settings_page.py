"""Settings in the console: as they are in force, and no secret; versions; and the checks of `ingest doctor`."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.console.conftest import Console
from tests.logins import Logins


def test_settings_in_force(console: Console, logins: Logins) -> None:
    """Each with what it is for, and whether it is the default; of a URL its place."""
    page = console.viewer.get("/settings").text

    assert "INGEST_MAX_BODY" in page
    assert "1048576" in page
    assert f"dbname={conninfo_to_dict(logins.console)['dbname']}" in page
    assert str(conninfo_to_dict(logins.console)["password"]) not in page
    assert "Python" in page
    assert "Postgres" in page
    assert "set <small" in page


def test_checks(console: Console) -> None:
    """They run when somebody asks."""
    assert "Postgres takes pushes" not in console.viewer.get("/settings").text

    page = console.viewer.get("/settings?checks=yes").text

    assert "Nothing has to be changed." in page
    assert "Postgres takes pushes" in page
    assert "Redis is a primary" in page


@pytest.fixture
def verifier_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that names a source which has no token."""
    monkeypatch.setenv("INGEST_VERIFIERS", "nobody=tests.made_up_seal:verify")


def test_change_stands_first(verifier_of_nobody: None, console: Console) -> None:
    """Above all that is well."""
    page = console.viewer.get("/settings?checks=yes").text

    assert "Something has to be changed." in page
    assert page.index("no token is of a source nobody") < page.index("Postgres takes pushes")
