"""Acting: whoever posts a form has to be an operator, and the form has to be of this session."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ops.console.sessions import Session

CSRF = "csrf"
"""The field of each form"""


def session_of(request: Request) -> Session:
    """The session of a request: no page is shown without one."""
    session: Session = request.state.session
    return session


async def acting(request: Request) -> dict[str, str]:
    """The fields of a form that an operator has posted. HTTPException 403 for anybody else's."""
    fields = await posted(request)
    if not session_of(request).may_act:
        raise HTTPException(403, "You may look, and not act: that takes the role operator.")
    return fields


async def posted(request: Request) -> dict[str, str]:
    """The fields of a form that any user has posted: not to change something. HTTPException 403 if it is none of this
    session's, 422 if it is no form."""
    fields = await form_fields(request)
    if not hmac.compare_digest(fields.pop(CSRF, "").encode(), session_of(request).csrf.encode()):
        raise HTTPException(403, "This form is of a session that has ended. Go back, reload the page, and try again.")
    return fields


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form, whoever has posted it."""
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=100))
    except (UnicodeDecodeError, ValueError):
        raise HTTPException(422, "The form cannot be read.") from None


def who(request: Request) -> str:
    """Under which name an action is recorded."""
    return f"{session_of(request).user.name} (console)"


def is_unmasked(request: Request, page: str | None = None) -> bool:
    """Whether the user has asked to see what is masked on this page, or on the one with this path, and may."""
    return session_of(request).is_unmasked(page or request.url.path)
