"""`ingest verify`: ask the vendor about a Custom API Data Push, show its answer, and keep it if that is wanted."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from ingest import settings
from ops.simulator.sender import own_url
from ops.vendor import pulled
from ops.vendor.client import BASE_URL, Credentials, Vendor, VendorAnswer, credentials_of


@click.command()
@click.argument("workflow_id")
@click.argument("node_id")
@click.argument("callee")
@click.option("--case-id", help="Of the callee's case.")
@click.option("--keep", is_flag=True, help="Store the answer as a push of the kind pulled-notice.")
@click.option("--to", metavar="URL", help="Where it is stored, by default the endpoint on this machine.")
@click.option("--token", envvar="INGEST_TOKEN", help="Of the source that it is stored for.  [env: INGEST_TOKEN]")
@click.option("--base-url", default=BASE_URL, show_default=True, help="Of AI Rudder's API.")
def command(keep: bool, to: str | None, token: str | None, base_url: str, **ids: str | None) -> None:
    """Ask AI Rudder what it has pushed of CALLEE from a node of a workflow, and print its answer as received.

    Its meaning is the vendor's to say. The exit code is 1 only if there is no answer, or its status is not 200.
    """
    settings.load()
    request = {name: value for name, value in ids.items() if value}
    answer = asyncio.run(_asked(credentials_of(), base_url, request))
    click.echo(answer.body)
    if keep:
        _keep(to or own_url(), token, pulled.notice_push(request, answer.body))
    if answer.status != 200:
        click.echo(f"ingest: AI Rudder answered {answer.status}", err=True)
        sys.exit(1)


async def _asked(credentials: Credentials, base_url: str, request: dict[str, Any]) -> VendorAnswer:
    async with Vendor(credentials, base_url) as vendor:
        return await vendor.notice(request)


def _keep(url: str, token: str | None, body: bytes) -> None:
    if problem := pulled.failures(pulled.store(url, token, pulled.NOTICE, [body])):
        click.echo(f"ingest: the answer is not kept: {problem}", err=True)
        sys.exit(1)
