"""`ingest token`: make the secrets that may push, list and revoke them, and have web read them again."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

import click

from ingest import settings, tokens
from ingest.errors import IngestError
from ingest.running import running_pid
from ingest.settings import Settings
from ingest.tokens import Token
from ops import in_flight
from ops.output import print_table
from ops.repair.actions import record_action

_RELOAD = "`ingest token reload` beside `ingest up`, or SIGHUP to web's process, makes web read the file again"


@click.group()
def command() -> None:
    """Make, list and revoke the tokens of sources: who may push."""


@command.command()
@click.argument("source")
def new(source: str) -> None:
    """Make a token for SOURCE and show it this once; its SHA-256 goes into INGEST_TOKENS_FILE.

    A source may have several: make the new one, change the workflow's URL, then revoke the old one.
    """
    if not tokens.is_source(source):
        raise click.UsageError("SOURCE is one word without , = # / \\ and quotes")
    secret = tokens.make_secret()
    item = tokens.item_of(source, secret)
    current = settings.load()
    file = current.tokens_file
    if file:
        tokens.append_to_file(file, item, datetime.now(UTC).date().isoformat())
    click.echo(f"secret      {secret}")
    click.echo(f"push path   /airudder/custom-api/{secret}")
    if file:
        click.echo(f"It is not shown again. Its SHA-256 is in {file}. {_RELOAD}.")
        _record(current, "token new", *tokens.parse_list("INGEST_TOKENS", item))
    else:
        click.echo(
            f"It is not shown again. INGEST_TOKENS_FILE is not set: add to INGEST_TOKENS, and restart web:\n{item}"
        )


@command.command("list")
def list_tokens() -> None:
    """List the tokens of this environment: the source, a fingerprint of the secret, when it was made and last used.

    A refusal that `ingest status` shows names the fingerprint of the secret that it came with.
    """
    current = settings.load()
    used = _last_used(current)
    print_table("tokens", [_row(token, used) for token in current.tokens])
    if not current.tokens:
        click.echo("no tokens: anybody who reaches web may push")


@command.command()
@click.argument("fingerprint")
def revoke(fingerprint: str) -> None:
    """Take the token with this FINGERPRINT out of INGEST_TOKENS_FILE; web admits it until it reads the file again.

    Exit code 1 if no line of the file has it.
    """
    current, wanted = settings.load(), fingerprint.lower()
    removed = tokens.remove_from_file(current.tokens_file, wanted) if current.tokens_file else []
    is_listed = any(token.fingerprint == wanted for token in current.listed_tokens)
    for source in sorted({token.source for token in removed}):
        click.echo(f"revoked     {wanted} of {source}")
    for token in removed:
        _record(current, "token revoke", token)
    if is_listed:
        click.echo(f"{wanted} is in INGEST_TOKENS: take it out there, and restart web", err=True)
    elif not removed:
        click.echo(f"no token has the fingerprint {wanted}: see `ingest token list`", err=True)
    if removed:
        click.echo(f"web admits it still: {_RELOAD}")
    if is_listed or not removed:
        sys.exit(1)


@command.command()
def reload() -> None:
    """Have the web of a running `ingest up` read INGEST_TOKENS_FILE again.

    Exit code 1 if none runs with this data folder, or if the file cannot be used.
    """
    current = settings.load()
    _ = current.tokens  # what is wrong with them is better said here than in web's log
    pid = running_pid(current.data_dir)
    if pid is None:
        click.echo(
            f"no `ingest up` is running with data in {current.data_dir}: send SIGHUP to web's process, `kill -HUP` and "
            "its number; with WEB_CONCURRENCY at 2 or more to the first of them, their parent",
            err=True,
        )
        sys.exit(1)
    try:
        os.kill(pid, signal.SIGHUP)
    except PermissionError:
        click.echo(f"`ingest up` (process {pid}) is another user's: run this as that user, or as root", err=True)
        sys.exit(1)
    click.echo(f"`ingest up` (process {pid}) passes it on: web's own line says what came of it")


def _record(current: Settings, command_words: str, token: Token) -> None:
    record_action(current, command_words, {"source": token.source, "fingerprint": token.fingerprint})


def _last_used(current: Settings) -> dict[str, datetime]:
    """By fingerprint; none, and a word, where Redis cannot be asked."""
    try:
        with in_flight.connect(current) as client:
            return in_flight.last_used(client)
    except IngestError as error:
        click.echo(f"when they were last used is not known: {error}", err=True)
        return {}


def _row(token: Token, used: dict[str, datetime]) -> dict[str, Any]:
    return {
        "source": token.source,
        "fingerprint": token.fingerprint,
        "made": token.made,
        "last_used": used.get(token.fingerprint),
    }
