"""What a worker or sweeper looks at once, at its start: what no setting of ours can make right is named in its log."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from psycopg import Connection
from redis import Redis
from redis.exceptions import RedisError

from ingest import session
from ingest.batch import installation, redis_probe
from ingest.errors import SettingError, describe
from workers.database import UnfitServerError, connect

_log = logging.getLogger(__name__)


def look_at_servers(client: Redis, database_url: str) -> None:
    """Log what is wrong with the servers; SettingError where nothing could ever be done. One that is away is for later:
    who works waits for it."""
    try:
        if client.info("cluster").get("cluster_enabled"):
            raise SettingError(f"REDIS_URL names a cluster: {redis_probe.ONE_PRIMARY}")
        with connect(database_url) as one, connect(database_url) as other:
            # A pooler gives the process away at the end of each transaction.
            one.autocommit = other.autocommit = True
            if session.share_backends(lambda: _backend(one), lambda: _backend(other)):
                _log.error("DATABASE_URL: %s", session.POOLED)
            row = one.execute(installation.TELL_INSTALLATION).fetchone()
            if row and not installation.claim(client, row[0]):
                _log.error("%s", installation.MIXED)
    except UnfitServerError as error:
        _log.error("DATABASE_URL: %s", error)
    except (RedisError, OSError, psycopg.Error) as error:
        _log.warning("the servers are not looked at: %s", describe(error))


def _backend(connection: Connection[Any]) -> int:
    row = connection.execute(session.BACKEND).fetchone()
    assert row, "the statement gives one row"
    return int(row[0])
