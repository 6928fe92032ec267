"""Refusals while Redis is away; what they show is in test_admission."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ingest.batch import keys
from ingest.batch.clients import aside_client
from ingest.web.refusals import MOST_WRONG_SECRETS, Refusals, WrongSecrets
from tests.kept import last_refusals


def test_redis_away_forgets_none(redis_url: str, client: Any) -> None:
    """What could not be written is written later, and of too many the newest are kept."""

    async def scenario() -> None:
        away, there = aside_client("redis://127.0.0.1:1/0"), aside_client(redis_url)
        refusals = Refusals(away)
        for number in range(keys.LAST_REFUSALS_KEPT):
            refusals.note("wrong method", f"early-{number}")
        await refusals.flush()
        for number in range(10):
            refusals.note("wrong method", f"late-{number}")
        await refusals.flush()
        refusals._client = there
        await refusals.flush()
        await away.aclose()
        await there.aclose()

    asyncio.run(scenario())

    last = [one.source for one in last_refusals(client)]
    assert last[:10] == [f"late-{number}" for number in reversed(range(10))]
    assert len(last) == keys.LAST_REFUSALS_KEPT


def test_use_of_secrets_waits_for_redis(redis_url: str, client: Any) -> None:
    """When a secret came is written by its fingerprint, later if Redis is away; the list of refusals is left alone."""

    async def scenario() -> None:
        away, there = aside_client("redis://127.0.0.1:1/0"), aside_client(redis_url)
        used = ["11111111"]
        refusals = Refusals(away, lambda: [used.pop()] if used else [])
        await refusals.flush()
        used.append("22222222")
        refusals._client = there
        await refusals.flush()
        await away.aclose()
        await there.aclose()

    before = time.time()
    asyncio.run(scenario())

    kept = client.hgetall(keys.LAST_USED)
    assert sorted(kept) == [b"11111111", b"22222222"]
    assert all(before <= float(at) <= time.time() for at in kept.values())
    assert not client.exists(keys.LAST_REFUSALS)


def test_wrong_secrets_in_mind_are_bounded() -> None:
    """However many come while Redis is away, what came before them is still counted."""
    wrong = WrongSecrets()
    wrong.note("old")
    for round_of in range(3):
        taken = wrong.take()
        for number in range(MOST_WRONG_SECRETS):
            wrong.note(f"{round_of} {number}")
        wrong.note("old")
        wrong.put_back(taken)

    taken = wrong.take()
    assert len(taken) == MOST_WRONG_SECRETS
    assert taken["old"] >= 1
