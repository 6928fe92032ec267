"""Keyboard: a number or a time in the characters of a keyboard, whichever script or typesetting it came in.

Not for ids: two that look different are two, see `reading.identifiers`.
"""

from __future__ import annotations

import unicodedata

from ingest.kinds.reading.identifiers import visible


def on_keyboard(text: str) -> str:
    """What a person sees of a text, with digits of any script, dashes and full-width signs as a keyboard has them.
    Raised digits stay: they are footnotes."""
    return text if text.isascii() and text.isprintable() else "".join(map(_plain, visible(text)))


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Pd" or character == "\u2212":
        return "-"
    return unicodedata.normalize("NFKC", character) if category in ("Po", "Ps", "Pe", "Sm") else character
