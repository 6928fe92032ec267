"""What `ingest up` prints."""

from __future__ import annotations

import pytest

from ops.local.banner import masked

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
