"""The job of `bench.peers.literal`, in a module of its own: RQ's worker forks for each job and imports it there."""

from __future__ import annotations

import os

import psycopg


def store(body: str) -> None:
    """Store one push as it came, in a transaction of its own."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO bench_raw (content) VALUES (%s)", [body])
