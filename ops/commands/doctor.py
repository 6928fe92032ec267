"""`ingest doctor`: settings and servers, checked one by one, with what to change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click

from ingest import settings
from ingest.errors import IngestError
from ingest.settings import Settings
from ops.doctor import host_checks, opener_checks, postgres_checks, redis_checks
from ops.doctor.findings import Finding


@click.command()
def command() -> None:
    """Check settings and servers; exit code 1 if something has to be changed."""
    current = settings.load()
    findings = [*_guarded(host_checks.check, current), *_guarded(opener_checks.check, current)]
    servers = [*_guarded(redis_checks.check, current), *_guarded(postgres_checks.check, current)]
    findings += servers
    if not any(finding.is_away for finding in servers):
        findings += _guarded(postgres_checks.check_installation, current)
    for finding in findings:
        click.echo(finding)
    if not all(finding.is_good for finding in findings):
        sys.exit(1)


def _guarded(check: Callable[[Settings], Iterator[Finding]], current: Settings) -> Iterator[Finding]:
    try:
        yield from check(current)
    except IngestError as error:
        yield Finding(False, str(error), is_away=True)
