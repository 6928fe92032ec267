"""Marks: words that nobody could guess, and the search that finds them however they were written down."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import date, timedelta

_CONTEXT = 60
_OF_END = re.compile(r"(?:^|[._])end|End")


class Marks:
    """Gives each place in a push or request a mark of its own, and tells which of them are in a text.

    Words share a beginning that is this run's: no escaping changes letters and digits, and base64 or hexadecimal of a
    word is found by that beginning, so a word that was cut off is found too.
    """

    def __init__(self) -> None:
        self._beginning = f"q{secrets.token_hex(5)}"
        self._words: dict[str, str] = {}
        self._started = date(2050, 1, 1)
        self._others: dict[bytes, str] = {self._beginning.encode().hex().encode(): "a word in hexadecimal"}
        self._others |= dict.fromkeys(_base64_forms(self._beginning), "a word in base64")
        # Of all letter cases, as names of headers are changed.
        self._pattern = re.compile(re.escape(self._beginning.encode()) + rb"[0-9a-f]{0,4}", re.IGNORECASE)

    def word(self, place: str) -> str:
        """A new word for a place."""
        word = f"{self._beginning}{len(self._words):04x}"
        self._words[word] = place
        return word

    def number(self, place: str) -> str:
        """A telephone number in E.164."""
        return self.know(place, f"+62812{secrets.randbelow(10**9):09}")

    def amount(self, place: str) -> str:
        """An amount of trillions."""
        return self.know(place, f"{10**12 + secrets.randbelow(10**12)}.25")

    def integer(self, place: str) -> int:
        """A whole number that fits an integer column, beyond any count or time."""
        return int(self.know(place, str(2_000_000_000 + secrets.randbelow(140_000_000))))

    def day(self, place: str) -> str:
        """A date in the next century: later ones are taken for a program's maximum."""
        year, month, day = secrets.randbelow(100), 1 + secrets.randbelow(12), 1 + secrets.randbelow(28)
        return self.know(place, f"{2100 + year}-{month:02}-{day:02}")

    def moment(self, place: str) -> str:
        """A time in the third quarter of this century, on an odd day; an end is on the even one behind the last start,
        and less than a day from it."""
        if _OF_END.search(place):
            return f"{self.know(place, f'{self._started + timedelta(days=1)}')}T07:11:43Z"
        self._started = date(2050 + secrets.randbelow(25), 1 + secrets.randbelow(12), 1 + 2 * secrets.randbelow(14))
        return f"{self.know(place, f'{self._started}')}T08:11:43Z"

    def offset(self, place: str) -> str:
        """An offset into a call."""
        return self.know(place, f"{100 + secrets.randbelow(900)}:27:51.{secrets.randbelow(10**6):06}")

    def address(self, place: str, network: str) -> str:
        """An address of a /24, `203.0.113`, or of a /48, `2001:db8:7`."""
        if ":" in network:
            return self.know(place, ":".join([network, *(f"{0x1000 + secrets.randbelow(0xF000):x}" for _ in range(5))]))
        return self.know(place, f"{network}.{100 + secrets.randbelow(150)}")

    def know(self, place: str, text: str) -> str:
        """Look for this text too."""
        self._others[text.encode()] = place
        return text

    def found_in(self, content: bytes) -> dict[str, str]:
        """The marks in a text: each with its place and what stands around it here."""
        found: dict[str, str] = {}
        for match in self._pattern.finditer(content):
            word = match[0].decode().lower()
            found.setdefault(word, self._describe(self._words.get(word, "a word, cut off"), content, match.start()))
        for text, place in self._others.items():
            if (position := content.find(text)) >= 0:
                found[text.decode()] = self._describe(place, content, position)
        return found

    def _describe(self, place: str, content: bytes, position: int) -> str:
        around = content[max(0, position - _CONTEXT) : position + _CONTEXT]
        return f"{place}: …{around.decode(errors='replace')}…"


def _base64_forms(text: str) -> list[bytes]:
    """What a text is in base64, wherever among the groups of three bytes it begins; without its ends, which depend on
    its neighbours."""
    forms = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text.encode())
        forms.append(encoded[(8 * shift + 5) // 6 : 8 * (shift + len(text)) // 6])
    return forms
