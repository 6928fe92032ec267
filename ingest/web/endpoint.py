"""The endpoint: admit, read within the bounds, judge, store, and only then answer.

It is a raw ASGI application that answers with prebuilt messages, and not a function of Starlette's. The less a request
costs, the larger a burst one process can take.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.errors import BrokenEncodingError, NotAnObjectError, NotJsonError, NowhereToStoreError
from ingest.kinds.reading.decode import judge
from ingest.opening.encryption import SIGNATURE, is_encrypted
from ingest.web import answers
from ingest.web.admission import Admission, Admitted
from ingest.web.answers import HttpAnswer
from ingest.web.body import BodyReader, SenderLeftError
from ingest.web.counts import Counts
from ingest.web.open_batch import OpenBatch
from ingest.web.refusals import Refusals, RequestRefusedError
from ingest.web.timed_protocol import LATE

_SIGNATURE = SIGNATURE.lower().encode()
"""As a request's headers are named"""


class Ledger(NamedTuple):
    """Where requests are counted: those whose push was kept, and those that were refused."""

    counts: Counts
    refusals: Refusals


class PushEndpoint:
    """`POST /airudder/{kind}` and `/airudder/{kind}/{token}`."""

    def __init__(
        self,
        admission: Admission,
        body: BodyReader,
        ids: PushIds,
        batch: OpenBatch,
        ledger: Ledger,
        decryptors: frozenset[str],
    ) -> None:
        """`decryptors`: the sources that have one, so that their bodies are not judged here."""
        self._admission = admission
        self._body = body
        self._ids = ids
        self._batch = batch
        self._counts, self._refusals = ledger
        self._decryptors = decryptors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        source = None
        try:
            admitted = self._admission.admit(scope)
            source = admitted.source
            try:
                answer = await self._keep(admitted, scope, receive)
            finally:
                admitted.leave()
        except RequestRefusedError as refused:
            answer = refused.answer
            if answer is answers.UNKNOWN_KIND:
                # `/airudder/<secret>` looks like a kind. As for any other mistyped path its source is looked for.
                self._refusals.note(refused.reason, *self._admission.traces_of_stray(scope))
            else:
                self._note(refused.reason, refused.source or source, scope)
        except SenderLeftError:
            self._note("request too slow" if scope.get(LATE) else "sender left", source, scope)
            return
        except asyncio.CancelledError:
            # The process ends and waits no longer. Here the cancelled task still sends its answer.
            self._note("shutting down", source, scope)
            answer = answers.SHUTTING_DOWN
        await send(answer.start)
        await send(answer.body)

    async def _keep(self, admitted: Admitted, scope: Scope, receive: Receive) -> HttpAnswer:
        begun = time.perf_counter()
        is_unread = is_encrypted(self._decryptors, admitted.source, admitted.kind)
        answer = answers.ACKNOWLEDGED
        try:
            body = await self._body.read(scope, receive, admitted)
            if not is_unread:
                judge(body)
        except NotJsonError as error:
            answer = answers.error(400, str(error))
        except NotAnObjectError as error:
            answer = answers.error(422, str(error))
        except BrokenEncodingError as error:
            body = error.body
            if not is_unread:
                answer = answers.error(400, str(error))
        push_id, received_us = self._ids.draw()
        entry = Entry(push_id, received_us, admitted.source, admitted.kind, body, _signature(scope))
        try:
            await self._batch.append(entry)
        except NowhereToStoreError:
            raise RequestRefusedError(answers.NOWHERE_TO_STORE, "nowhere to store") from None
        self._counts.note(admitted.source, admitted.kind, answer.status, time.perf_counter() - begun)
        return answers.of_push(answer, push_id)

    def _note(self, reason: str, source: str | None, scope: Scope) -> None:
        self._refusals.note(reason, source, *self._admission.traces(scope))


def _signature(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _SIGNATURE:
            signature: str = value.decode("latin-1")
            return signature
    return None
