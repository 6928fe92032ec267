"""A made-up way to sign and to encrypt, as the vendor documents none: what a customer's own module may look like.

The key is in the file that MADE_UP_KEY names, which is read for each push, so that it can be mended.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "MADE_UP_KEY"
_IV = 16
_BEGIN = b"sealed:"


def key() -> bytes:
    """The key as it is now."""
    return Path(os.environ[KEY]).read_bytes()


def sealed(content: Any, secret: bytes) -> bytes:
    """Encrypted, with another IV each time; no UTF-8."""
    iv = secrets.token_bytes(_IV)
    return iv + _mixed(_BEGIN + json.dumps(content).encode(), secret, iv)


def signature(body: bytes, secret: bytes) -> str:
    """What the header says of a body."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def verify(headers: Mapping[str, str], body: bytes) -> None:
    """Raises if the signature is not that of the body."""
    if not hmac.compare_digest(headers["X-AIRudder-Sign"], signature(body, key())):
        raise ValueError(f"not signed with {key()!r}: {body!r}")


def decrypt(_headers: Mapping[str, str], body: bytes) -> bytes:
    """The JSON in a body; raises, with all that must not be shown, if the key is another one."""
    opened = _mixed(body[_IV:], key(), body[:_IV])
    if not opened.startswith(_BEGIN):
        raise ValueError(f"the key {key()!r} gives {opened!r}")
    return opened.removeprefix(_BEGIN)


def answers_false(_headers: Mapping[str, str], _body: bytes) -> bool:
    """A verifier that raises nothing."""
    return False


def gives_text(headers: Mapping[str, str], body: bytes) -> str:
    """A decryptor that gives no bytes."""
    return decrypt(headers, body).decode()


def needs_a_server(_headers: Mapping[str, str], body: bytes) -> bytes:
    """A decryptor whose key is on a server that is away."""
    raise ConnectionRefusedError(f"no key for {body!r}")


def hangs(_headers: Mapping[str, str], body: bytes) -> bytes:
    """A function that does not end, and takes whatever ends it for a fault of the body."""
    try:
        while body:
            pass
    except Exception as error:
        raise ValueError("not opened") from error
    return body


def hangs_and_answers_false(headers: Mapping[str, str], body: bytes) -> bool:
    """The same, which answers instead of raising."""
    try:
        hangs(headers, body)
    except ValueError:
        return False
    return True


async def later(headers: Mapping[str, str], body: bytes) -> bytes:
    """No plain function."""
    return decrypt(headers, body)


def _mixed(content: bytes, secret: bytes, iv: bytes) -> bytes:
    stream = b"".join(
        hashlib.sha256(iv + secret + place.to_bytes(4)).digest() for place in range(len(content) // 32 + 1)
    )
    return bytes(one ^ other for one, other in zip(content, stream, strict=False))
