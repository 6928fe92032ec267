"""Opening: what came is made JSON again, before it is decoded, for sources whose pushes are signed or encrypted.

The functions are the customer's own, as the vendor documents no algorithm. They run where bodies are read: in workers,
in the sweeper, and in the commands that look for a person. Web only knows which sources have a decryptor.
"""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rq.timeouts import BaseTimeoutException, JobTimeoutException

from ingest import settings
from ingest.batch.entry import Entry
from ingest.errors import NotOpenedError, describe
from ingest.functions import Opener, import_function
from ingest.kinds import normalise as pure
from ingest.opening.encryption import SIGNATURE, is_encrypted
from ingest.settings import Settings
from ingest.tables.rows import Normalised

VERIFIERS, DECRYPTORS = "INGEST_VERIFIERS", "INGEST_DECRYPTORS"

_NO_VERDICT = (BaseTimeoutException, MemoryError, OSError)
"""These say nothing against a push: its job's time is over, or a file or a server with a key is away."""


@dataclass(frozen=True)
class Openers:
    """The functions by source."""

    verifiers: Mapping[str, Opener]
    decryptors: Mapping[str, Opener]

    @classmethod
    def of(cls, current: Settings) -> Openers:
        """Import what the settings name. Raises SettingError."""
        verifiers, decryptors = (
            {source: import_function(variable, source, path) for source, path in paths.items()}
            for variable, paths in ((VERIFIERS, current.verifiers), (DECRYPTORS, current.decryptors))
        )
        return cls(verifiers, decryptors)

    def is_encrypted(self, entry: Entry) -> bool:
        """Whether a push has to be decrypted before it can be read."""
        return is_encrypted(self.decryptors, entry.source, entry.kind)

    def open(self, entry: Entry) -> bytes:
        """The body of a push that is genuine, as JSON. NotOpenedError if its source's functions refuse it; whatever
        says nothing against a push is raised as it is."""
        if verify := self.verifiers.get(entry.source):
            _verify(verify, entry)
        return _decrypt(self.decryptors[entry.source], entry) if self.is_encrypted(entry) else entry.body

    def readable(self, entry: Entry) -> bytes:
        """The body of a push as JSON, whether it is genuine or not. NotOpenedError if it cannot be read now."""
        if not self.is_encrypted(entry):
            return entry.body
        try:
            return _decrypt(self.decryptors[entry.source], entry)
        except _NO_VERDICT as error:
            raise NotOpenedError(f"cannot be decrypted now: {describe(error)}") from None


def _verify(verify: Opener, entry: Entry) -> None:
    # A function that answers instead of raising means the same by False.
    if _called("verifier", verify, entry) is False:
        raise NotOpenedError("the verifier of its source refused it")


def _decrypt(decrypt: Opener, entry: Entry) -> bytes:
    opened = _called("decryptor", decrypt, entry)
    if not isinstance(opened, bytes):
        raise NotOpenedError(f"the decryptor of its source gave {type(opened).__name__}, not bytes")
    return opened


def _called(role: str, function: Opener, entry: Entry) -> Any:
    headers = {} if entry.signature is None else {SIGNATURE: entry.signature}
    begun, left = time.monotonic(), signal.getitimer(signal.ITIMER_REAL)[0]
    try:
        return function(headers, entry.body)
    except _NO_VERDICT:
        raise
    except Exception as error:
        # Without its text, which may hold the key or what was said.
        raise NotOpenedError(f"the {role} of its source refused it: {describe(error)}") from None
    finally:
        # RQ's alarm raises inside of the function, which may take that for any other error.
        if left and time.monotonic() - begun >= left:
            raise JobTimeoutException(f"the job's time was over in the {role} of its source") from None


@functools.cache
def openers() -> Openers:
    """This process's, as its environment names them. Raises SettingError."""
    return Openers.of(settings.load())


def normalise(entry: Entry) -> Normalised:
    """Open a push and give its rows, or a dead push that says why and where. Raises what says nothing against it."""
    try:
        opened = openers().open(entry)
    except NotOpenedError as error:
        return pure.dead(entry, str(error))
    return pure.normalise(entry, opened)
