"""Reading: what stands in addresses and forms, which anybody may have written."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request

LONGEST_NAME = 200
LONGEST_REASON = 500
LARGEST_KEY = 2**63 - 1
"""Of Postgres's"""


def read_name(text: str) -> str:
    """A name, as of a source. ValueError says in words what is wrong."""
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError("no name")
    return text


def read_reason(fields: Mapping[str, str]) -> str | None:
    """The reason in a form, on one line; None if there is none. HTTPException 422 if it is too long."""
    text = "".join(one if one.isprintable() else " " for one in fields.get("reason", "")).strip()
    if len(text) > LONGEST_REASON:
        raise HTTPException(422, f"A reason has {LONGEST_REASON} characters at most. Go back, and make it shorter.")
    return text or None


def needed_reason(fields: Mapping[str, str]) -> str:
    """The same. HTTPException 422 if there is none."""
    reason = read_reason(fields)
    if reason is None:
        raise HTTPException(422, "Say why: a reason is needed for this. Go back, and write one.")
    return reason


def number_in_path(request: Request) -> int:
    """The path's. HTTPException 404 if there can be no such thing."""
    number: int = request.path_params["number"]
    if number > LARGEST_KEY:
        raise HTTPException(404)
    return number


def number_in_query(request: Request, name: str) -> int | None:
    """The query's; None if there is none that can be one."""
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_KEY))):
        return None
    return min(int(text), LARGEST_KEY)
