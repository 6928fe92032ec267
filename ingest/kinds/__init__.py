"""What AI Rudder sends, one kind of callback a module, and how its bytes become rows. Pure: no client, no clock."""

from __future__ import annotations

import functools
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ingest.errors import UnknownKindError

if TYPE_CHECKING:
    from ingest.kinds.kind import Kind

KINDS = {
    "custom-api": "ingest.kinds.custom_api",
    "chatbot-session-ended": "ingest.kinds.chatbot_session_ended",
    "qa-report": "ingest.kinds.qa_report",
    "list-completed": "ingest.kinds.list_completed",
    "workflow-status": "ingest.kinds.workflow_status",
    **dict.fromkeys(("call-completed", "info-check-call-completed"), "ingest.kinds.call_completed"),
    "dialer": "ingest.kinds.dialer",
    # Of these the vendor documents the names alone.
    **dict.fromkeys(
        (
            "call-ended",
            "waba-message-status",
            "collection-plan-ended",
            "collection-task-ended",
            "collection-call-ended",
            "telemarketing-plan-ended",
            "telemarketing-task-ended",
            "telemarketing-call-ended",
            "info-check-plan-ended",
            "info-check-task-ended",
            "info-check-call-ended",
            "chatbot-template-message-result",
            "chatbot-single-template-message-response",
            "chatbot-agent-transfer-request",
            "chatbot-message-status",
            "chatbot-user-message",
            "chatbot-agent-message-status",
            "chatbot-message-after-transfer",
            "chatbot-session-end",
            "inbound-call",
        ),
        "ingest.kinds.by_name",
    ),
    # These the vendor does not send: see PULLED.
    "pulled-call": "ingest.kinds.pulled_call",
    "pulled-notice": "ingest.kinds.by_name",
}
"""Each kind's name, which is the path segment behind `/airudder/`, and the module whose KIND declares it; several may
share one. Web asks for the names alone, so that it does without what reads a push."""

PULLED = frozenset({"pulled-call", "pulled-notice"})
"""Those that our commands have asked the vendor for: nobody has encrypted them"""


@functools.cache
def kind_of(name: str) -> Kind[Any]:
    """The declaration of a kind. Raises UnknownKindError if there is none of that name."""
    if name not in KINDS:
        raise UnknownKindError
    kind: Kind[Any] = import_module(KINDS[name]).KIND
    return replace(kind, name=name)
