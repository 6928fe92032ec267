"""`ingest doctor`: settings and servers, checked one by one, with what to change."""

from __future__ import annotations

import sys

import click

from ingest import settings
from ops.doctor.everything import check_everything


@click.command()
def command() -> None:
    """Check settings and servers; exit code 1 if something has to be changed."""
    findings = check_everything(settings.load())
    for finding in findings:
        click.echo(finding)
    if not all(finding.is_good for finding in findings):
        sys.exit(1)
