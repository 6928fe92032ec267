"""Handles: a number or a case's id as it may stand in an address, so that no history, log or chat has it in clear.

A handle can be sent to a colleague: every console of this database makes and reads the same ones.
"""

from __future__ import annotations

import base64
import hashlib
from typing import LiteralString

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request

from ingest.settings import Settings
from ops import queries
from ops.console.asking import ask

PSEUDONYM_KEY: LiteralString = "SELECT secret FROM airudder.pseudonym_key"


async def hide(request: Request, text: str) -> str:
    """The handle of a text."""
    return (await _cipher(request)).encrypt(text.encode()).decode()


async def unhide(request: Request, handle: str) -> str | None:
    """The text of a handle; None if it is none of this database's."""
    try:
        return (await _cipher(request)).decrypt(handle.encode()).decode()
    except InvalidToken:
        return None


async def _cipher(request: Request) -> Fernet:
    state = request.app.state
    if not hasattr(state, "cipher"):
        state.cipher = Fernet(await ask(request, _key))
    cipher: Fernet = state.cipher
    return cipher


def _key(current: Settings) -> bytes:
    with queries.connect(current) as connection:
        secret: bytes = queries.one(connection, PSEUDONYM_KEY)["secret"]
    return base64.urlsafe_b64encode(hashlib.sha256(b"handles of the console\0" + secret).digest())
