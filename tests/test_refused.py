"""Refusals and sources, as functions tell of them: what was refused and why, and who may push and does."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import Connection

from ingest import settings, tokens
from ingest.batch import keys
from ingest.web.refusals import FAULT_OF_OURS, WRONG_CREDENTIAL
from ops.refusals import refused, sources
from ops.refusals.reasons import REASONS
from tests.processes import running_web, wait_until
from tests.reasons import reasons_given, reasons_told
from workers.database import Database
from workers.sweeper.history.minutes import Minutes

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

NOWHERE = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}


def test_every_reason_is_explained() -> None:
    """In the words of a page, with the answer that the runbook has."""
    assert REASONS.keys() == reasons_given() >= {FAULT_OF_OURS, WRONG_CREDENTIAL}
    assert {reason: one.answer for reason, one in REASONS.items()} == reasons_told()


def test_refusals_are_told(client: Any, database: Database) -> None:
    """By reason and source, as real requests had them; the last ones with the network and the fingerprint."""
    chore = Minutes(client, database)
    chore.run_once()
    with running_web(INGEST_TOKENS="shop=s3cret") as url:
        for _ in range(3):
            httpx.post(f"{url}/airudder/custom-api/wrong", json={})
        httpx.post(f"{url}/airudder/custom-api/s3cret", content=b"")
        wait_until(lambda: client.llen(keys.LAST_REFUSALS) == 4, "all are written")
    chore.run_once()

    found = refused.look(settings.load(), "1h")

    assert [(one.reason, one.source, one.requests) for one in found.totals] == [
        ("wrong credential", None, 3),
        ("empty body", "shop", 1),
    ]
    assert all(timedelta(0) <= datetime.now(UTC) - one.last_at < timedelta(minutes=3) for one in found.totals)
    assert {name: sum(value or 0 for value in values) for name, values in found.by_reason.items()} == {
        "wrong credential": 3,
        "empty body": 1,
    }
    assert found.last
    assert (found.last[0].reason, found.last[0].source) == ("empty body", "shop")
    assert {one.network for one in found.last} == {"127.0.0.0/24"}
    assert {one.credential for one in found.last[1:]} == {tokens.fingerprint(tokens.digest_of(b"wrong"))}
    assert found.errors == []


def test_wrong_secrets_are_told(client: Any) -> None:
    """Those that were right once, of the last two hours; the most frequent first."""
    minute = int(time.time() // 60)
    for ago, secret, requests in ((1, "0badcafe", 2), (90, "0badcafe", 5), (3, "deadbeef", 4), (300, "deadbeef", 40)):
        client.hset(keys.wrong_secrets_in(minute - ago), secret, requests)

    found = refused.look(settings.load(), "1h").wrong_secrets

    assert [(one.credential, one.requests) for one in found] == [("0badcafe", 7), ("deadbeef", 4)]
    assert found[0].last_at == datetime.fromtimestamp((minute - 1) * 60, UTC)


def test_sources_are_told(client: Any, connection: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may push, with which secrets; who has pushed without any that is listed; whose silence is unusual."""
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(tmp_path / "tokens"))
    tokens.append_to_file(tmp_path / "tokens", tokens.item_of("shop", "one"), "2026-11-01")
    tokens.append_to_file(tmp_path / "tokens", tokens.item_of("shop", "two"), "2026-11-02")
    tokens.append_to_file(tmp_path / "tokens", tokens.item_of("quiet", "three"), "2026-11-03")
    used = tokens.fingerprint(tokens.digest_of(b"two"))
    client.hset(keys.LAST_USED, used, 1_700_000_000)
    client.hset(keys.LAST_PUSH, mapping={"shop": time.time() - 1300, "gone": time.time() - 100_000})
    for days in (14, 7):
        connection.execute(
            "INSERT INTO airudder.silences VALUES ('shop', date_trunc('hour', now() - %s * interval '1 day'), 800)",
            [days],
        )

    found = sources.look(settings.load())

    gone, quiet, shop = found.sources
    assert (gone.name, gone.tokens, gone.usual_seconds, gone.is_silence_unusual) == ("gone", [], None, False)
    assert (quiet.name, quiet.last_push_at, quiet.silent_seconds, quiet.is_silence_unusual) == (
        "quiet",
        None,
        None,
        False,
    )
    assert (shop.name, shop.usual_seconds, shop.is_silence_unusual) == ("shop", 800, True)
    assert [(one.made, one.last_used) for one in shop.tokens] == [
        ("2026-11-01", None),
        ("2026-11-02", datetime.fromtimestamp(1_700_000_000, UTC)),
    ]
    assert (found.is_open, found.errors) == (False, [])


@pytest.mark.parametrize("away", NOWHERE)
def test_server_that_is_away_hides_no_more_than_its_own(
    client: Any, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other one tells is there, with a word on what is missing."""
    client.hset(keys.LAST_PUSH, "shop", time.time())
    monkeypatch.setenv(away, NOWHERE[away])

    what, who = refused.look(settings.load(), "1h"), sources.look(settings.load())

    assert (len(what.errors), len(who.errors)) == (1, 1)
    assert (what.slots is None) == (away == "DATABASE_URL")
    assert [one.name for one in who.sources] == ([] if away == "REDIS_URL" else ["shop"])


def test_tokens_that_cannot_be_read(client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rest is told, as the process that shows it may lack web's file."""
    client.hset(keys.LAST_PUSH, "shop", time.time())
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(tmp_path / "none"))

    found = sources.look(settings.load())

    assert [one.name for one in found.sources] == ["shop"]
    assert "INGEST_TOKENS_FILE" in found.errors[0]
