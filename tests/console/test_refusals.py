"""The page Refusals: by reason and minute, who it was, and which sources may push and do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from ingest import tokens
from ingest.batch import keys
from ingest.web.refusals import Refusal
from tests.console.conftest import Console, Tab
from workers.database import Database
from workers.sweeper.history.minutes import Minutes

STRANGE = '<img/onerror="alert(1)">'
SECRET = tokens.fingerprint(tokens.digest_of(b"two"))


@pytest.fixture
def refused(client: Any, database: Database) -> None:
    """Refusals for two reasons, one of a source whose name is a stranger's text."""
    chore = Minutes(client, database)
    chore.run_once()
    client.hincrby(keys.REFUSED, keys.refused_field("wrong credential", None), 7)
    client.hincrby(keys.REFUSED, keys.refused_field("over the rate limit", STRANGE), 3)
    now = datetime.now(UTC)
    last = [
        Refusal(now, "wrong credential", None, "192.0.2.0/24", SECRET),
        Refusal(now, STRANGE, STRANGE, STRANGE, STRANGE),
    ]
    client.lpush(keys.LAST_REFUSALS, *map(msgspec.json.encode, last))
    client.hset(keys.wrong_secrets_in(int(time.time() // 60)), "0badcafe", 4)
    client.hset(keys.LAST_PUSH, mapping={STRANGE: time.time() - 50})
    chore.run_once()


@pytest.mark.usefixtures("refused")
def test_page_tells_what_to_do(console: Console) -> None:
    """Of each reason how often, what it means and what is next; of each request where it came from."""
    page = console.viewer.get("/refusals").text

    assert "Compare the fingerprint with those below" in page
    assert '<td class="num">7</td>' in page
    assert "Raise INGEST_RATE_LIMIT" in page
    assert "192.0.2.0/24" in page
    assert SECRET in page
    assert "0badcafe" in page
    assert 'id="chart-refusals"' in page


@pytest.mark.usefixtures("refused")
def test_page_shows_strangers_text_as_text(console: Console) -> None:
    """Sources, networks and reasons of whatever has written them."""
    for path in ("/refusals", "/refusals/facts?span=24h", "/now/charts"):
        page = console.operator.get(path).text
        assert STRANGE not in page
        assert "<img" not in page


def test_empty_page_says_what_to_do(console: Console) -> None:
    """Nobody was refused, and nobody may push or everybody may."""
    page = console.viewer.get("/refusals?span=7d").text

    assert "Nothing was refused in this time." in page
    assert "The console knows no token" in page
    assert "No source has pushed" in page


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that cannot reach Redis."""

    def away(url: str) -> Any:
        raise RedisConnectionError("refused")

    monkeypatch.setattr("ops.in_flight.operators_client", away)


@pytest.mark.usefixtures("redis_away")
def test_redis_away_leaves_the_rest(console: Console) -> None:
    """The page says that a part is missing, and takes what it does not know for no news."""
    answer = console.viewer.get("/refusals")

    assert answer.status_code == 200
    assert "Part of this page is missing" in answer.text
    assert "Nobody can tell while Redis is away." in answer.text
    assert "Which sources have pushed, nobody can tell" in answer.text
    assert "No source has pushed" not in answer.text


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that the console knows."""
    monkeypatch.setenv("INGEST_TOKENS", "lender-a=" + "s" * 40)


@pytest.mark.usefixtures("redis_away")
def test_redis_away_calls_no_secret_unused(token: None, console: Console) -> None:
    """Somebody would revoke it."""
    page = console.viewer.get("/refusals").text

    assert "last use not known now" in page
    assert "never used" not in page
    assert "no push yet" not in page


@pytest.mark.usefixtures("refused")
def test_page_in_a_browser(tab: Tab) -> None:
    """The chart is drawn, and nothing of a stranger runs."""
    page = tab.go("/refusals")
    page.wait_for_selector("[data-chart=chart-refusals] canvas")
