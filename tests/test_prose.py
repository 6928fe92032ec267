"""The prose of the house: sentences that a stranger reads once."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.sources import SOURCES, tree

MAX_WORDS = 25
STILL_READ_TWICE = re.compile(
    r"bench|ingest\.(kinds|tables|batch\.entry)|ops\.(person|simulator)|workers\.(copy|late|settle|statements|write)\b"
)
"""Modules that are still to be rewritten"""
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")
_HEADLESS = re.compile(r"(Who|What|Whose|Whoever|Whatever)\b[^?]*$")
"""A sentence that is no question and begins so makes its reader look for the noun."""


def docstrings(module: str) -> Iterator[str]:
    """Every string that stands by itself."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def comments(module: str) -> Iterator[str]:
    """Every comment; lines of comments below each other are one."""
    text: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(SOURCES[module].read_text()).readline):
        if token.type == tokenize.COMMENT:
            is_own_line = token.line.lstrip().startswith("#")
            if not (is_own_line and token.start[0] == last + 1):
                yield " ".join(text)
                text = []
            text.append(token.string.lstrip("# "))
            last = token.start[0] if is_own_line else 0
    yield " ".join(text)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, without what is set off as a table."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.strip("\n").splitlines()
        if not all(re.match(r"\s*----", line) for line in lines):
            yield from _END.split(" ".join(paragraph.split()))


@pytest.mark.parametrize("module", [name for name in SOURCES if not STILL_READ_TWICE.match(name)])
def test_sentences_are_read_once(module: str) -> None:
    """No sentence is long, and none begins with a Who or What that stands for nobody."""
    texts = [*docstrings(module), *comments(module)]
    found = [sentence for text in texts for sentence in sentences(text)]
    assert [one for one in found if len(one.split()) > MAX_WORDS or _HEADLESS.match(one)] == []
