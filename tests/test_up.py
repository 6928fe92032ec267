"""What `ingest up` prints."""

from __future__ import annotations

import pytest

from ingest import settings
from ingest.web.readiness import CAN_STORE
from ops.local.banner import banner, masked

pytestmark = pytest.mark.usefixtures("environment")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("postgresql://user:sec@secret@db.test/airudder", "postgresql://user:***@db.test/airudder"),
        ("redis://127.0.0.1/0?password=secret&db=1", "redis://127.0.0.1/0?password=***&db=1"),
        ("host=db.test password=secret dbname=airudder", "host=db.test password=*** dbname=airudder"),
        ("host=db.test password = secret port = 1", "host=db.test password = *** port = 1"),
        (r"password='a\' secret' host=db.test", "password=*** host=db.test"),
        (r"password=a\ secret sslpassword= 'my secret'", "password=*** sslpassword= ***"),
        ("scram_client_key=secret oauth_client_secret=my", "scram_client_key=*** oauth_client_secret=***"),
        ("password=a&secret host=db.test", "password=*** host=db.test"),
        ("postgresql://db.test/x?sslpassword=my secret&port=1", "postgresql://db.test/x?sslpassword=***&port=1"),
        ("postgresql://airudder@/airudder?host=/run", "postgresql://airudder@/airudder?host=/run"),
    ],
)
def test_url_is_shown_without_password(url: str, shown: str) -> None:
    """What `up` prints of a URL."""
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("ready", "said"),
    [
        ({"redis": CAN_STORE, "pushes": "are stored"}, "airudder-ingest is ready"),
        ({"redis": "is full", "pushes": "wait"}, "airudder-ingest is ready, but Redis is full; pushes wait"),
        ({}, "airudder-ingest runs, but web does not say yet that it can store pushes: its own lines say why"),
    ],
)
def test_it_says_what_is_ready(ready: dict[str, str], said: str) -> None:
    """Of a web process that has not answered nobody knows how Redis is."""
    current = settings.load()
    urls = {"DATABASE_URL": current.database_url, "REDIS_URL": current.redis_url}

    assert banner(current, urls, ready).split("\n")[1] == said
