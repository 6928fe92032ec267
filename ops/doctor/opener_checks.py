"""The checks of `ingest doctor` on the customer's own functions: whether this shell can import each."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.errors import SettingError
from ingest.functions import import_function
from ingest.opening.openers import DECRYPTORS, VERIFIERS
from ingest.settings import Settings
from ingest.web.access import OPEN_SOURCE
from ops.doctor.findings import Finding, change, good


def check(current: Settings) -> Iterator[Finding]:
    """Look at each verifier and decryptor."""
    sources = {token.source for token in current.tokens} or {OPEN_SOURCE}
    for variable, paths in ((VERIFIERS, current.verifiers), (DECRYPTORS, current.decryptors)):
        for source, path in paths.items():
            try:
                import_function(variable, source, path)
            except SettingError as error:
                yield change(str(error))
            else:
                yield good(f"{variable}: {source}={path} can be imported (in this shell)")
            if source not in sources:
                yield change(f"{variable}: no token is of a source {source}")
