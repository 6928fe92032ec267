"""This host and its settings, as `ingest doctor` sees them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from ingest.errors import SettingError
from ingest.settings import Settings, is_loopback
from ops.doctor.findings import Finding, change, good, note, notes
from ops.in_force import no_settings
from ops.users import read_file

MUCH, LITTLE = 0.2, 0.05
"""Of a disk, that is free"""


def check(current: Settings) -> Iterator[Finding]:
    """Check the settings of this shell and the disk; SettingError if the tokens cannot be read."""
    yield from notes(f"{name} is no setting: is it misspelt? (in this shell)" for name in no_settings())
    exposed = list(_refused(current.check_exposure))
    yield from exposed
    yield from _refused(current.check_metrics_exposure)
    yield good(f"HOST={current.host} PORT={current.port}")
    if not exposed:
        yield good(f"tokens: {_who_may_push(current)} (in this shell)")
    if not is_loopback(current.host):
        yield note(f"HOST={current.host} is reached without TLS, and the URL has the secret: put a proxy before it")
    elif current.allow_ips and not current.trusted_proxies:
        yield note("INGEST_ALLOW_IPS without INGEST_TRUSTED_PROXIES: behind a proxy every push seems to come from it")
    yield from _console(current)
    if current.data_dir.is_dir():
        # That of the embedded servers; of others their hosts tell.
        usage = shutil.disk_usage(current.data_dir)
        yield disk(str(current.data_dir), usage.free, usage.total)


def _refused(check: Callable[[], None]) -> Iterator[Finding]:
    try:
        check()
    except SettingError as error:
        yield change(str(error))


def _who_may_push(current: Settings) -> str:
    if sources := sorted({token.source for token in current.tokens}):
        return ", ".join(sources)
    return "none, open to INGEST_ALLOW_IPS" if current.allow_ips else "none, open on loopback only"


def _console(current: Settings) -> Iterator[Finding]:
    if current.is_console_open:
        yield note("INGEST_CONSOLE_OPEN=yes: whoever is on this machine may see everything, replay and discard")
    if current.console_users_file is None:
        return
    try:
        users = read_file(current.console_users_file)
    except SettingError as error:
        yield change(str(error))
        return
    yield good(f"users of the console: {', '.join(f'{one.name} ({one.role})' for one in users.values()) or 'none'}")
    if current.console_users_file.stat().st_mode & 0o077:
        yield note(f"{current.console_users_file} can be read by others, who may then guess passwords: chmod 600")


def disk(place: str, free: int, total: int) -> Finding:
    """Whether there is room on the disk of a folder, in bytes."""
    words = f"{free / total:.0%} of the disk of {place} is free ({free / 2**30:.0f} GiB)"
    if free < total * LITTLE:
        return change(f"{words}: make room, or set INGEST_RETENTION_DAYS")
    return good(words) if free > total * MUCH else note(words)
