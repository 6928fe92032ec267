"""All checks of `ingest doctor`, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ingest.errors import IngestError
from ingest.settings import Settings
from ops.doctor import host_checks, opener_checks, postgres_checks, redis_checks
from ops.doctor.findings import Finding


def check_everything(current: Settings) -> list[Finding]:
    """Check settings and servers. A server that is away is a finding; of each it is waited for some seconds at most."""
    findings = [*_guarded(host_checks.check, current), *_guarded(opener_checks.check, current)]
    servers = [*_guarded(redis_checks.check, current), *_guarded(postgres_checks.check, current)]
    findings += servers
    if not any(finding.is_away for finding in servers):
        findings += _guarded(postgres_checks.check_installation, current)
    return findings


def _guarded(check: Callable[[Settings], Iterator[Finding]], current: Settings) -> Iterator[Finding]:
    try:
        yield from check(current)
    except IngestError as error:
        yield Finding(False, str(error), is_away=True)
