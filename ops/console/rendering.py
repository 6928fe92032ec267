"""Rendering: a template and what a function has given, into a page. All text is a stranger's, and is escaped."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ops.console.acting import CSRF, is_unmasked, session_of
from ops.console.addresses import call_address, campaign_address

STATIC = Path(__file__).with_name("static")
NAVIGATION = (
    ("/", "Now"),
    ("/pushes", "Pushes"),
    ("/dead", "Dead letters"),
    ("/replays", "Replays"),
    ("/refusals", "Refusals"),
    ("/campaigns", "Campaigns"),
    ("/contacts", "Contacts"),
    ("/drift", "Drift"),
    ("/actions", "Actions"),
    ("/settings", "Settings"),
    ("/rq/", "Batches"),
)
_DAY = 86_400


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> Response:
    """A page, or a part of one."""
    session = session_of(request)
    text = _environment.get_template(template).render(
        **context,
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        session=session,
        csrf_field=Markup('<input type="hidden" name="{}" value="{}">').format(CSRF, session.csrf),
        unmasked=is_unmasked(request),
        navigation=NAVIGATION,
    )
    return HTMLResponse(text, status_code)


def render_plain(template: str, status_code: int = 200, **context: Any) -> Response:
    """A page for somebody who has not logged in."""
    return HTMLResponse(_environment.get_template(template).render(**context), status_code)


def when(at: datetime | None) -> str:
    """A time: UTC here, and the reader's zone once the page's script has run."""
    if at is None:
        return "-"
    utc = at.astimezone(UTC)
    text = f"{utc:%Y-%m-%d %H:%M:%S}Z"
    return Markup('<time datetime="{}" data-when>{}</time>').format(utc.isoformat(timespec="milliseconds"), text)


def number(value: float | None) -> str:
    """A number with its thousands apart, by commas as in what commands say."""
    return "-" if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """How long something takes, in words."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 10:
        return f"{value:.1f} s"
    for unit, size in (("s", 120), ("min", 120 * 60), ("h", 2 * _DAY)):
        if value < size:
            return f"{value / {'s': 1, 'min': 60, 'h': 3600}[unit]:.0f} {unit}"
    return f"{value / _DAY:.0f} days"


def short(identifier: object) -> str:
    """The end of an id, which is what differs from others: ids of pushes begin with their time."""
    text = str(identifier)
    return text if len(text) <= 13 else f"…{text[-12:]}"


def cut(text: object, most: int = 200) -> str:
    """The beginning of a long text, and how much is left out."""
    words = str(text)
    return words if len(words) <= most else f"{words[:most]}… ({len(words) - most:,} more)"


def static(name: str) -> str:
    """The address of one of our own files, which changes when the file does."""
    if name not in _digests:
        _digests[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?{_digests[name]}"


def query(**fields: Any) -> str:
    """The query of an address, of what is not empty."""
    kept = {name: value for name, value in fields.items() if value not in (None, "", False)}
    return f"?{urlencode(kept)}" if kept else ""


_digests: dict[str, str] = {}

_environment = Environment(
    loader=PackageLoader("ops.console"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"when": when, "number": number, "seconds": seconds, "short": short, "cut": cut}
_environment.globals |= {
    "static": static,
    "query": query,
    "call_address": call_address,
    "campaign_address": campaign_address,
}
# Now, and not when a page is asked for: an upgrade may put newer ones beside the older program that still runs.
for _name in _environment.list_templates(["html"]):
    _environment.get_template(_name)
