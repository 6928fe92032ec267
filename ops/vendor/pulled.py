"""Pulled: what the vendor was asked for, as pushes of kinds of their own. They take the path of every push, through
web, so that whatever finds, exports or erases pushes reaches them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ingest.errors import VendorError
from ops.simulator.pushes import SimulatedPush
from ops.simulator.sender import Plan, Summary, send
from ops.vendor.client import Credentials
from ops.vendor.details import TheirCall

CALL, NOTICE = "pulled-call", "pulled-notice"
CONNECTIONS = 8


def call_push(task_id: str, call: TheirCall, credentials: Credentials) -> bytes:
    """The push of one call: the same bytes for the same call."""
    return msgspec.json.encode({"task_id": task_id, "call_key": _key(task_id, call, credentials), "call": call.raw})


def notice_push(request: Mapping[str, str], answer: bytes) -> bytes:
    """The push of an answer, as received, with the ids that were asked for. VendorError if it is not JSON."""
    try:
        msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise VendorError("the answer is not JSON, and cannot be kept as a push") from None
    return msgspec.json.encode({**request, "answer": msgspec.Raw(answer)})


def store(url: str, token: str | None, kind: str, bodies: Iterable[bytes]) -> Summary:
    """Post bodies to an endpoint, and tell how they were answered; {kind} in the URL stands for their kind."""
    summary = Summary()
    pushes = [SimulatedPush(body, 200, None, kind=kind) for body in bodies]
    asyncio.run(send(Plan(url, 0, CONNECTIONS, token), pushes, summary, _nothing))
    return summary


def failures(summary: Summary) -> str:
    """The failures in words, `2 answered 401, 1 ClientConnectorError`; empty if there were none."""
    found = [f"{number} answered {status}" for status, number in sorted(summary.unexpected.items())]
    return ", ".join(found + [f"{number} {error}" for error, number in sorted(summary.errors.items())])


def _key(task_id: str, call: TheirCall, credentials: Credentials) -> str:
    """A call's id within its task: of 128 bits, stable, and without the secret nobody can tell whose number it is."""
    about: list[Any] = [task_id, call.number or bytes(call.raw).hex(), call.second]
    return hmac.digest(credentials.app_secret.encode(), msgspec.json.encode(about), hashlib.sha256)[:16].hex()


def _nothing() -> None:
    """Nobody watches the progress."""
