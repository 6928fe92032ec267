"""`ingest redis-cli`: commands to the Redis of this environment, where the machine has no redis-cli."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from typing import Any

import click
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from ingest import settings
from ingest.batch.clients import brisk_client
from ingest.errors import RedisAwayError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Send one command to REDIS_URL, as in `ingest redis-cli ZCARD batches`, or each line of stdin, and print replies.

    Prints as redis-cli does into a pipe: an element a line. Exit code 1 if Redis answers with an error.
    """
    # Never twice, as a command whose reply is lost may have been obeyed.
    client = brisk_client(settings.load().redis_url)
    client.response_callbacks.clear()  # as Redis has said it
    lines = [arguments] if arguments else _typed()
    try:
        are_well = [_run(client, line) for line in lines]
    except (RedisError, OSError) as error:
        raise RedisAwayError(f"Redis at REDIS_URL does not answer as it should: {error}") from None
    finally:
        client.close()
    if not all(are_well):
        sys.exit(1)


def _typed() -> Iterator[tuple[str, ...]]:
    """The commands on stdin, a line each, with a prompt for whoever types them."""
    while True:
        if sys.stdin.isatty():
            click.echo("redis> ", nl=False)
        if not (line := sys.stdin.readline()):
            return
        try:
            words = tuple(shlex.split(line))
        except ValueError as error:
            click.echo(f"(error) {error}", err=True)
        else:
            if words:
                yield words


def _run(client: Redis, words: tuple[str, ...]) -> bool:
    """Whether Redis did as it was told."""
    try:
        reply = client.execute_command(*words)  # type: ignore[no-untyped-call]
    except ResponseError as error:
        click.echo(f"(error) {error}", err=True)
        return False
    for line in _flat(reply):
        click.echo(line)
    return True


def _flat(reply: Any) -> Iterator[bytes]:
    """A reply's elements, the innermost ones, in their order; nothing is an empty line."""
    if isinstance(reply, dict):
        reply = [part for pair in reply.items() for part in pair]
    if isinstance(reply, list | tuple | set):
        for one in reply:
            yield from _flat(one)
    elif isinstance(reply, bytes):
        yield reply
    else:
        yield b"" if reply is None else str(reply).encode()
