"""Receivers of notices: a webhook and a command. Each has its time, and says why it has not taken one."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from ingest.errors import AlertError, SettingError
from ingest.settings import Settings
from ops.watch.notices import Notice

WEBHOOK_SECONDS = 10.0
COMMAND_SECONDS = 30.0


class Receiver(ABC):
    """Takes notices, one at a time."""

    name: ClassVar[str]

    @abstractmethod
    def send(self, notice: Notice) -> None:
        """Return when it has the notice. Raises AlertError, without the URL or the command: they may hold a secret."""


class Webhook(Receiver):
    """Gets a notice as JSON by POST. The field `text` is what chat services show."""

    name = "INGEST_ALERT_URL"

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, notice: Notice) -> None:
        """Post it; an answer other than 2xx means that it is not taken."""
        asyncio.run(self._post(msgspec.json.encode(notice)))

    async def _post(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            # One limit for all: a server that answers a byte at a time takes no longer.
            async with (
                ClientSession(timeout=ClientTimeout(total=WEBHOOK_SECONDS)) as session,
                session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (ClientError, OSError, TimeoutError, ValueError) as error:
            raise AlertError(f"{self.name} does not answer: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise AlertError(f"{self.name} answers {status}")


class Command(Receiver):
    """Runs with a notice as JSON on its standard input."""

    name = "INGEST_ALERT_COMMAND"

    def __init__(self, command: str) -> None:
        self._words = shlex.split(command)

    def send(self, notice: Notice) -> None:
        """Run it; an exit code other than 0 means that it is not taken."""
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise AlertError(f"{self.name} cannot be run: {error.strerror}") from None
        try:
            process.communicate(msgspec.json.encode(notice), timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise AlertError(f"{self.name} did not end in {COMMAND_SECONDS:.0f} s") from None
        finally:
            # With all that it has started; what has ended is no matter.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode:
            raise AlertError(f"{self.name} ended with exit code {process.returncode}")


def receivers(current: Settings) -> list[Receiver]:
    """Those that are set; SettingError if none is."""
    found: list[Receiver] = []
    if current.alert_url:
        found.append(Webhook(current.alert_url))
    if current.alert_command:
        found.append(Command(current.alert_command))
    if not found:
        raise SettingError("INGEST_ALERT_URL and INGEST_ALERT_COMMAND are not set: nobody would be told")
    return found
