"""Labels: what sheets, forms, links and people put around a telephone number, and is no part of it."""

from __future__ import annotations

import re

_QUOTES = "'\"`\u00b4\u2018\u2019\u201c\u201d"
_FRONT = re.compile(
    rf"(?:[=\s{_QUOTES}\[<]|(?:p|tel|callto|sms|smsto|whatsapp|sips?):(?://)?"
    r"|(?:https?://)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=)"
    r"|(?:tel|telp|phone|mobile|mob|cell|hp|wa|no)(?:\.:?|:|(?=[\s+])))+",
    re.IGNORECASE,
)
"""`p:` is how forms for customers are exported."""
_BACK = re.compile(rf"[\s{_QUOTES}\].,;:>]+$")
_PLUS = re.compile("%2b", re.IGNORECASE)
"""As it stands in a link"""
_HOST = re.compile(r"@[\w.-]+(?::\d+)?(?:;.*)?$", re.ASCII)
_OF_LINK = re.compile("[?&].*")
"""What else a link asks for, as a text to begin with"""
_OF_WHATSAPP = re.compile(r"(?::\d{1,3})?@(?:s\.whatsapp\.net|c\.us|\d+(?:\.\d+){3})$", re.ASCII)
"""With the number of the device, which is no part of the person's; or an address of a line's, as of SIP"""
_CONTEXT = re.compile(r"(.*);phone-context=(\+\d{1,3})", re.ASCII | re.IGNORECASE)


def bare(text: str) -> str:
    """The text without its labels: quotes, the = of a formula, `Tel.`, the scheme and host of a link."""
    text = _PLUS.sub("+", text)
    front = _FRONT.match(text)
    scheme, rest = (front[0].lower(), text[front.end() :]) if front else ("", text)
    rest = _BACK.sub("", _OF_LINK.sub("", rest) if "/" in scheme else rest)
    rest = _HOST.sub("", rest) if "sip" in scheme else _OF_WHATSAPP.sub("", rest)
    match = _CONTEXT.fullmatch(rest)
    return match[2] + match[1].lstrip("0") if match else rest
