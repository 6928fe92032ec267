"""Addresses of pages about one thing. Ids are a customer's: one may have slashes, dots or marks in it, or be empty."""

from __future__ import annotations

import base64
import binascii
import re

_PLAIN = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._:-]+")
_CODED = "~"


def in_path(identifier: str | None) -> str:
    """An id as one segment of a path: as it is where no browser or proxy changes it, else `~` and base64. None and the
    empty id are `~`."""
    if identifier and _PLAIN.fullmatch(identifier):
        return identifier
    return _CODED + base64.urlsafe_b64encode((identifier or "").encode()).decode().rstrip("=")


def from_path(segment: str) -> str:
    """The id of a segment; an id that stands there as it is, too. No column holds a NUL."""
    if segment.startswith(_CODED):
        try:
            coded = segment.removeprefix(_CODED)
            decoded = base64.b64decode(coded + "=" * (-len(coded) % 4), altchars=b"-_", validate=True)
            return decoded.decode().replace("\0", "")
        except (binascii.Error, ValueError):
            pass
    return segment.replace("\0", "")


def call_address(source: str, call_id: str) -> str:
    """The page of a call."""
    return f"/calls/{in_path(source)}/{in_path(call_id)}"


def campaign_address(source: str, workflow_id: str | None) -> str:
    """The page of a workflow's day, without its query; of the calls without a workflow where that is None."""
    return f"/campaigns/{in_path(source)}/{in_path(workflow_id)}"
