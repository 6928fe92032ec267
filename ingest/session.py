"""Settings of every session of ours, which overrule those of server, database, role, URL and PG… variables.

Pure data and SQL: web, workers and commands each connect in their own way, and all of them begin with `set_up`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CONNECTION: Mapping[str, Any] = {
    "autocommit": True,
    "client_encoding": "UTF8",
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Options of the connection, which overrule the URL. Neither side waits for ever if the other's host is gone."""

_FIRST = {"statement_timeout": "0", "transaction_timeout": "0"}
"""Set first, as each takes effect before the next statement: this one could end the others."""

_COMMON = {
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "exit_on_error": "off",
    "quote_all_identifiers": "off",
    # Without `public`: before Postgres 15 anybody can make functions there, which ours could be confused with.
    "search_path": "pg_catalog, pg_temp",
    # psycopg reads one form of each of these.
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # How our statements and arrays are read.
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # Our transactions rest on these.
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "row_security": "on",
    "client_min_messages": "warning",
    # It costs our short statements more than it saves.
    "jit": "off",
    # Only prepared statements keep a plan. One that was made while a table was empty would read the whole table.
    "plan_cache_mode": "auto",
    # Keys are looked up by index: else each look would read all pushes.
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "enable_bitmapscan": "on",
    "enable_nestloop": "on",
    "enable_partition_pruning": "on",
    # With another value a GIN index gives some of the rows that are meant, and erase would leave the others.
    "gin_fuzzy_search_limit": "0",
}

OLDEST = 14
"""The first version of Postgres that has all that our statements are made of"""

_SINCE = {"plan_cache_mode": 120000, "idle_session_timeout": 140000, "transaction_timeout": 170000}
"""Settings that older servers do not know, with the first `server_version_num` that does"""

_NO_LOSS = (
    "SELECT pg_catalog.set_config('synchronous_commit', 'on', false) "
    "WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off'"
)
"""With `off` a push would be answered 200, or its batch discarded, before its commit is on disk. Any other value is the
operator's choice."""

WEB = {"application_name": "airudder-ingest web", "idle_in_transaction_session_timeout": "30s"}
"""Web's transactions are single statements, and the checks of `/readyz`."""

COMMANDS = {"application_name": "airudder-ingest command", "idle_in_transaction_session_timeout": "5min"}
"""A command that stands still in a transaction, as after Ctrl-Z, loses its locks after that time."""

WORKERS = {
    "application_name": "airudder-ingest",  # by which END_FROZEN_WRITERS knows them
    # A worker that is frozen between two statements would keep its rows locked, and so would one whose host is gone.
    # END_FROZEN_WRITERS ends those that are frozen inside a statement.
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Keys are looked up by index, also thousands at once, for which Postgres would rather read a whole table.
    "enable_seqscan": "off",
}

SWEEPER = {**WORKERS, "lock_timeout": "5s"}
"""One chore that waits for a lock, as of somebody's open transaction, holds up the others no longer. The one that ends
frozen workers is among those."""


def set_up(settings: Mapping[str, str], server_version: int) -> bytes:
    """The SQL of one round trip that makes a fresh session ours; `settings` is WEB, COMMANDS, WORKERS or
    SWEEPER, and `server_version` what libpq says (180006). To be sent outside of a transaction."""
    values = {**_FIRST, **_COMMON, **settings}
    known = [name for name in values if server_version >= _SINCE.get(name, 0)]
    statements = [f"SET {name} = {_quoted(name, values[name])}" for name in known]
    return "; ".join([*statements, _NO_LOSS]).encode()


def _quoted(name: str, value: str) -> str:
    # Each folder of the path and each part of a date's style is a value of its own.
    return value if name in ("search_path", "DateStyle") else f"'{value}'"


def unfit(parameter: Callable[[str], str | None], server_version: int) -> str | None:
    """Why nothing can be normalised into this database, as far as no setting of ours can help; None if it can.

    `parameter` gives what the server has reported about itself at the connection, or None behind some poolers.
    `server_version` is what libpq says.
    """
    if (version := server_version // 10000) < OLDEST:
        return f"the server is Postgres {version}: {OLDEST} or newer is needed"
    if (encoding := parameter("server_encoding")) not in (None, "UTF8"):
        return (
            f"the database's encoding is {encoding}, which cannot hold every name: "
            "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    if parameter("in_hot_standby") == "on":
        return "the server is a standby, which takes no writes: name the primary in DATABASE_URL"
    return None


POOLED = (
    "there is a pooler before the server that is not in session mode (PgBouncer: pool_mode), and settings and locks of "
    "a session come to nothing in it: connect directly, or set session mode"
)

BACKEND: bytes = b"SELECT pg_catalog.pg_backend_pid()"


def share_backends(one: Callable[[], int], other: Callable[[], int]) -> bool:
    """Whether a pooler gives each transaction any of the server's processes.

    `one` and `other` ask two open connections for their process, by BACKEND.
    """
    asked = [(one(), other()) for _ in range(3)]
    return len(set(asked)) > 1 or any(first == second for first, second in asked)
