"""Database users for tests, one for each role that schema.sql makes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo


@dataclass(frozen=True)
class Logins:
    """The URL of one database for a member of each role."""

    web: str
    worker: str
    console: str
    analyst: str


@contextmanager
def make_logins(database_url: str) -> Iterator[Logins]:
    """Make a user in each role; they are gone at the end."""
    password = secrets.token_hex(8)
    users = {field.name: f"test_{field.name}_{secrets.token_hex(4)}" for field in fields(Logins)}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for role, user in users.items():
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(user), sql.Literal(password), sql.Identifier(f"airudder_{role}")
                )
            )
    where = conninfo_to_dict(database_url)
    yield Logins(
        **{role: make_conninfo("", **{**where, "user": user, "password": password}) for role, user in users.items()}
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        for user in users.values():
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(user)))


@contextmanager
def acting_as(connection: Connection[Any], url: str, role: str) -> Iterator[str]:
    """Have new sessions of a URL's user act as a role until the block ends, as a login that a vault makes for an hour
    does; gives the user."""
    user = str(conninfo_to_dict(url)["user"])
    name = sql.Identifier(user)
    connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(name, sql.Identifier(role)))
    try:
        yield user
    finally:
        connection.execute(sql.SQL("ALTER ROLE {} RESET role").format(name))
