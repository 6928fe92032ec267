"""A look at the servers when a worker or sweeper starts: its log names what no setting of ours can make right."""

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

_log = logging.getLogger("servers")


def look_at_servers(client: Redis, database_url: str) -> None:
    """Log what is wrong with the servers; SettingError if REDIS_URL names a cluster or Sentinel.

    A server that is away is logged too, and waited for later, when there is work.
    """
    try:
        if why := redis_probe.unusable(client.info("server") | client.info("cluster")):
            raise SettingError(why)
        with connect(database_url) as one, connect(database_url) as other:
            # A pooler that works by the transaction gives both sessions the same server process.
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
