"""`ingest token`: make the secrets that may push, and list those that there are."""

from __future__ import annotations

import re

import click

from ingest import settings, tokens
from ingest.cli.output import print_table

_SOURCE = re.compile(r"[^\s,=#/]+")


@click.group()
def command() -> None:
    """Make and list the tokens of sources: who may push."""


@command.command()
@click.argument("source")
def new(source: str) -> None:
    """Make a token for SOURCE and show it this once; its SHA-256 goes into INGEST_TOKENS_FILE.

    A source may have several: make the new one, change the workflow's URL, then take the old line out of the file.
    """
    if not _SOURCE.fullmatch(source):
        raise click.UsageError("SOURCE is one word without , = # or /")
    secret = tokens.make_secret()
    item = tokens.item_of(source, secret)
    file = settings.load().tokens_file
    if file:
        tokens.append_to_file(file, item)
    click.echo(f"secret      {secret}")
    click.echo(f"push path   /airudder/custom-api/{secret}")
    if file:
        click.echo(f"It is not shown again. Its SHA-256 is in {file}; web reads that file on SIGHUP.")
    else:
        click.echo(
            f"It is not shown again. INGEST_TOKENS_FILE is not set: add to INGEST_TOKENS, and restart web:\n{item}"
        )


@command.command("list")
def list_tokens() -> None:
    """List the tokens of this environment: the source, and a fingerprint of the secret.

    A refusal that `ingest status` shows names the fingerprint of the secret that it came with.
    """
    rows = [{"source": one.source, "fingerprint": one.fingerprint} for one in settings.load().tokens]
    print_table("tokens", rows)
    if not rows:
        click.echo("no tokens: anybody who reaches web may push")
