"""Lists: what a push has many of, as one JSON value of the row that they belong to, with what reports ask of them."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ingest.kinds.custom_api.payload import Answer, Turn
from ingest.kinds.reading import texts, values
from ingest.kinds.reading.nothing import shows_nothing
from ingest.kinds.reading.warn import Warnings
from ingest.tables.json_text import Json


class StoredTurn(msgspec.Struct, omit_defaults=True, gc=False):
    """One turn in `calls.transcript`; what is null is left out."""

    at: str | None = None
    """Offset into the call, `HH:MM:SS`"""
    robot: str | None = None
    callee: str | None = None


class StoredAnswer(msgspec.Struct, omit_defaults=True, gc=False):
    """One question and its content in `cases.answers`; what is null is left out."""

    question: str | None = None
    content: str | None = None


class Transcript(NamedTuple):
    """The columns of `calls` that one transcript fills."""

    transcript: Json | None = None
    turn_count: int | None = None
    callee_turn_count: int | None = None
    callee_word_count: int | None = None


NO_TRANSCRIPT = Transcript()

_OF_FIRST_HOUR = frozenset(f"00:{minute:02}:{second:02}" for minute in range(60) for second in range(60))
"""Offsets as nearly all turns have them: nothing is to be read there."""

_encode = msgspec.json.Encoder().encode


def transcript_of(turns: list[Turn] | None, path: str, warnings: Warnings) -> Transcript:
    """A transcript and its counts; nothing where the push has no turns, or none in which anybody speaks."""
    if not turns:
        return NO_TRANSCRIPT
    stored = [
        StoredTurn(
            turn.time if turn.time in _OF_FIRST_HOUR else _offset(turn.time, f"{path}[{position}].time", warnings),
            turn.robottext or None,
            turn.text or None,
        )
        for position, turn in enumerate(values.bounded(turns, path, warnings))
    ]
    said = [text for turn in stored if (text := turn.callee) and ("!" <= text < "\x7f" or not shows_nothing(text))]
    if not said and not any(_said(turn.robot) for turn in stored):
        return NO_TRANSCRIPT
    words = sum(len(text.split()) for text in said)
    return Transcript(Json(_encode(stored).decode()), len(stored), len(said), words)


def _said(text: str | None) -> str | None:
    return None if not text or shows_nothing(text) else text


def _offset(sent: str | None, path: str, warnings: Warnings) -> str | None:
    return None if values.offset(sent, path, warnings) is None or sent is None else sent.strip()


def answers_as_json(answers: list[Answer] | None, path: str, warnings: Warnings) -> Json | None:
    """The questions and contents of a case; None where the push has none, or a form that nobody has filled in yet."""
    if not answers:
        return None
    stored = [StoredAnswer(_said(one.question), _said(one.content)) for one in values.bounded(answers, path, warnings)]
    is_filled_in = texts.free_text(stored[0].content) or any(texts.free_text(one.content) for one in stored)
    return Json(_encode(stored).decode()) if is_filled_in else None
