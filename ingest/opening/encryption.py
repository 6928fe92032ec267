"""The header of a signature, and which pushes are encrypted: all that web has to know of opening."""

from __future__ import annotations

from collections.abc import Container

from ingest.kinds import PULLED

SIGNATURE = "X-AIRudder-Sign"
"""The header that the vendor may sign a push with"""


def is_encrypted(decryptors: Container[str], source: str, kind: str) -> bool:
    """Whether a push has to be decrypted before it can be read: not what our own commands have asked the vendor for."""
    return source in decryptors and kind not in PULLED
