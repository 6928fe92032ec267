"""What AI Rudder sends, one kind of callback a module, and how its bytes become rows. Pure: no client, no clock."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ingest.errors import UnknownKindError

if TYPE_CHECKING:
    from ingest.kinds.kind import Kind

KINDS = {
    "custom-api": "ingest.kinds.custom_api",
}
"""Each kind's name, which is the path segment behind `/airudder/`, and the module whose KIND declares it. Web asks for
the names alone, so that it does without what reads a push."""


@functools.cache
def kind_of(name: str) -> Kind[Any]:
    """The declaration of a kind. Raises UnknownKindError if there is none of that name."""
    if name not in KINDS:
        raise UnknownKindError
    kind: Kind[Any] = import_module(KINDS[name]).KIND
    return kind
