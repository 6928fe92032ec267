"""Pages of the console as tests read them."""

from __future__ import annotations

import re
from html import unescape


def text_of(page: str) -> str:
    """What somebody reads, without tags and with single spaces."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def links(page: str, beginning: str) -> list[str]:
    """The addresses on a page that begin so."""
    return [unescape(one) for one in re.findall(r'href="([^"]*)"', page) if unescape(one).startswith(beginning)]
