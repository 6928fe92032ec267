"""A walk through the console: from the first page to each that a link leads to, some of each kind."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple

import httpx

from ops.console.pages import PAGES

MOST_OF_A_KIND = 12
"""Pages under addresses of one form, such as those of pushes"""


class Seen(NamedTuple):
    """A page that was seen. `form`: its address with names for ids."""

    address: str
    form: str
    text: str


class Links(HTMLParser):
    """The addresses that a page's links and scripts lead to, and each of its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one tag."""
        self.tags[tag] += 1
        for name, value in attrs:
            self.attributes[name] += 1
            if value and (name == "hx-get" or (tag == "a" and name == "href")):
                self.links.append(value)


def form_of(address: str) -> str:
    """The route that an address belongs to."""
    path = address.partition("?")[0]
    return next((one.path for one in PAGES if re.match(one.path_regex, path) and "GET" in (one.methods or ())), path)


def walk(client: httpx.Client, begin: str = "/") -> Iterator[Seen]:
    """Each page that can be reached, as this client sees it."""
    waiting, known, of_form = deque([begin]), {begin}, Counter[str]()
    while waiting:
        address = waiting.popleft()
        form = form_of(address)
        of_form[form] += 1
        if of_form[form] > MOST_OF_A_KIND:
            continue
        answer = client.get(address)
        if answer.is_redirect:
            waiting.append(answer.headers["location"])
            continue
        # A push that waits may name a call of which nothing is written yet.
        assert answer.status_code == 200 or (form.startswith("/calls/") and answer.status_code == 404), address
        yield Seen(address, form, answer.text)
        for link in Links(answer.text).links:
            address = link.partition("#")[0]
            if address.startswith("/") and not address.startswith(("/rq/", "//")) and address not in known:
                known.add(address)
                waiting.append(address)
