"""The findings of `ingest doctor`: one line each, and whether something has to be changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest import clocks
from ingest.clocks import ClockReading


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    is_good: bool
    text: str
    is_note: bool = False
    """Nothing has to be changed, and there is a safer way"""
    is_away: bool = False
    """Nothing could be checked: the server is away, or does not let us in"""

    def __str__(self) -> str:
        word = "note" if self.is_note else "ok" if self.is_good else "CHANGE"
        return f"{word:<8}{self.text}"


def good(text: str) -> Finding:
    """A finding after which nothing is to be done."""
    return Finding(True, text)


def change(text: str) -> Finding:
    """A finding after which something has to be changed; the text says what."""
    return Finding(False, text)


def note(text: str) -> Finding:
    """A finding after which nothing has to be changed, though there is a safer way."""
    return Finding(True, text, is_note=True)


def notes(texts: Iterable[str]) -> Iterator[Finding]:
    """One note a text."""
    return map(note, texts)


def clock(server: str, reading: ClockReading) -> Finding:
    """This host's clock against a server's."""
    off = abs(reading.ahead)
    if off < clocks.NOTE_SECONDS:
        return good(f"this host's clock agrees with {server}'s")
    words = (
        f"this host's clock is {off:.1f} s {'behind' if reading.ahead > 0 else 'ahead of'} {server}'s: "
        "which of two hosts' pushes is newer is told by their clocks; have all of them follow one (NTP)"
    )
    return change(words) if off >= clocks.CHANGE_SECONDS else note(words)
