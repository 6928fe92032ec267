"""Asking: a page waits no longer for servers than a reader does, and what has failed is no answer for others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ingest import settings
from ingest.errors import NoAnswerError, PostgresAwayError
from ops import connections
from ops.console import asking
from ops.console.asking import Asker


@pytest.fixture
def asker(environment: None) -> Asker:
    """One that asks nobody else."""
    return Asker(settings.load())


def test_failure_is_not_kept(asker: Asker) -> None:
    """Whoever asks after a server has come back hears it at once, however long an answer would be kept."""
    answers = iter([PostgresAwayError("away"), "there"])

    def look() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask_thrice() -> object:
        with pytest.raises(PostgresAwayError):
            await asker.shared("key", 300, look)
        assert await asker.shared("key", 300, look) == "there"
        return await asker.shared("key", 300, look)

    assert asyncio.run(ask_thrice()) == "there"


def test_hanging_questions_hold_nobody(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that hang are told so, and so are those behind them; once these end, others have their answers."""
    monkeypatch.setattr(asking, "LONGEST", 0.2)
    monkeypatch.setattr(asking, "LONGEST_WAIT", 0.1)
    thawed = threading.Event()

    async def ask_all() -> tuple[list[str], str]:
        hanging = [asker.ask(thawed.wait) for _ in range(connections.CONSOLE)]
        told = await asyncio.gather(*hanging, asker.ask(str), return_exceptions=True)
        thawed.set()
        while asker._limit.locked():
            await asyncio.sleep(0)
        return [str(one) for one in told if isinstance(one, NoAnswerError)], await asker.ask(lambda: "there")

    told, answer = asyncio.run(ask_all())
    assert told == [asking.UNANSWERED] * connections.CONSOLE + [asking.BUSY]
    assert answer == "there"
