"""The endpoint: read within the limit, authenticate, decode, store, and only then answer.

A raw ASGI application rather than a Starlette endpoint function: it answers with prebuilt messages, as the cost of
a request decides how large a burst one process survives.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from ingest import answers
from ingest.access import Access
from ingest.answers import Answer
from ingest.decode import decode
from ingest.entry import Entry
from ingest.errors import NotAnObjectError, NotJsonError, NowhereToStoreError
from ingest.open_batch import OpenBatch
from ingest.payloads import STRUCTS
from ingest.push_ids import PushIds
from ingest.refusals import Refusals


class _RefusedError(Exception):
    """The request is answered without keeping it; counted by its reason."""

    def __init__(self, answer: Answer, reason: str) -> None:
        self.answer = answer
        self.reason = reason


class _SenderLeftError(Exception):
    """The sender closed the connection before its body was complete: nobody waits for an answer."""


class PushEndpoint:
    """`POST /airudder/{kind}` and `/airudder/{kind}/{token}`."""

    def __init__(self, access: Access, ids: PushIds, batch: OpenBatch, refusals: Refusals, max_body: int) -> None:
        self._access = access
        self._ids = ids
        self._batch = batch
        self._refusals = refusals
        self._max_body = max_body
        self._too_large = answers.too_large(max_body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(scope, receive)
        except _RefusedError as refused:
            self._refusals.count(refused.reason)
            answer = refused.answer
        except _SenderLeftError:
            self._refusals.count("sender left")
            return
        await send(answer.start)
        await send(answer.body)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        kind, source = self._admit(scope)
        body = await self._read(scope, receive)
        try:
            decode(kind, body)
            answer = answers.ACKNOWLEDGED
        except NotJsonError as error:
            answer = answers.error(400, str(error))
        except NotAnObjectError as error:
            answer = answers.error(422, str(error))
        push_id, received_us = self._ids.draw()
        try:
            await self._batch.append(Entry(push_id, received_us, source, kind, body))
        except NowhereToStoreError:
            raise _RefusedError(answers.NOWHERE_TO_STORE, "nowhere to store") from None
        return answer

    def _admit(self, scope: Scope) -> tuple[str, str]:
        if scope["method"] != "POST":
            raise _RefusedError(answers.WRONG_METHOD, "wrong method")
        kind = scope["path_params"]["kind"]
        if kind not in STRUCTS:
            raise _RefusedError(answers.UNKNOWN_KIND, "unknown kind")
        source = self._access.source_of(scope["path_params"].get("token"), scope["headers"])
        if source is None:
            raise _RefusedError(answers.WRONG_CREDENTIAL, "wrong credential")
        return kind, source

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body:
                raise _RefusedError(self._too_large, "body too large")
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise _RefusedError(answers.UNKNOWN_ENCODING, "unknown content encoding")
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body") or message["type"] != "http.request":
            body = await self._read_rest(message["type"], body, receive)
        if len(body) > self._max_body:
            raise _RefusedError(self._too_large, "body too large")
        if not body:
            raise _RefusedError(answers.EMPTY_BODY, "empty body")
        return body

    async def _read_rest(self, message_type: str, first: bytes, receive: Receive) -> bytes:
        chunks, size, more = [first], len(first), True
        while more:
            if message_type == "http.disconnect":
                raise _SenderLeftError
            if size > self._max_body:
                raise _RefusedError(self._too_large, "body too large")
            message = await receive()
            message_type, more = message["type"], message.get("more_body", False)
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if message_type == "http.disconnect":
                raise _SenderLeftError
        return b"".join(chunks)
