"""The database that the batches in Redis are for: workers of two that share a Redis would take each other's pushes."""

from __future__ import annotations

from typing import Any, LiteralString

from ingest.batch import keys

TELL_INSTALLATION: LiteralString = "SELECT airudder.installation() AS installation"

MIXED = (
    "Redis at REDIS_URL holds batches for another database than DATABASE_URL's, and workers of both take them: "
    "give each environment a Redis, or a database of it (redis://…/1), of its own. "
    "If the database has moved and is the only one: redis-cli DEL installation"
)


def is_anothers(client: Any, installation: str) -> bool:
    """Whether this Redis is used with another database than the one that has this id."""
    found: bytes | None = client.get(keys.INSTALLATION)
    return found is not None and found.decode() != installation


def claim(client: Any, installation: str) -> bool:
    """Note that the batches are for this database, if nothing is noted yet; false if they are for another one."""
    client.set(keys.INSTALLATION, installation, nx=True)
    return not is_anothers(client, installation)
