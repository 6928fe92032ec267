"""A source whose key cannot be had, and a kind that only a newer release knows: other pushes do not wait for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from psycopg import Connection

import workers.settle
import workers.sweeper.pending
from ingest.batch import keys
from ingest.batch.entry import Entry
from ingest.errors import NotNowError, RefusedError
from ingest.opening.openers import openers
from tests import made_up_seal
from tests.batches import enqueued, refusing
from tests.clock import Clock
from tests.pushes import entry, push
from tests.stored import outcomes, statuses, store_pending
from workers.attempts import ATTEMPTS_TOGETHER
from workers.database import Database
from workers.jobs import normalise_batch
from workers.keys_away import IN_A_ROW, SPARED_SECONDS, KeysAway
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

SOURCE = "lender-a"

careful = pytest.mark.parametrize("attempts", [0, ATTEMPTS_TOGETHER], ids=["together", "push by push"])


@pytest.fixture(autouse=True)
def sealed(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[None]:
    """The pushes of one source need a server that is away."""
    monkeypatch.setattr(workers.settle, "keys_away", KeysAway(clock))
    monkeypatch.setenv("INGEST_DECRYPTORS", f"{SOURCE}={made_up_seal.__name__}:needs_a_server")
    openers.cache_clear()
    yield
    openers.cache_clear()


def many(count: int = 4, source: str = SOURCE, kind: str = "custom-api") -> list[Entry]:
    """Pushes that came one after another."""
    made = [entry(push(f"{source} {number}"), source) for number in range(count)]
    return [msgspec.structs.replace(one, kind=kind) for one in made]


@careful
@pytest.mark.parametrize("waiting", [many(), many(source="newer", kind="of a newer release")], ids=["key", "kind"])
def test_others_of_the_batch_are_settled(
    client: Any,
    database: Database,
    connection: Rows,
    monkeypatch: pytest.MonkeyPatch,
    waiting: list[Entry],
    attempts: int,
) -> None:
    """However many stand before them; it is not Postgres that refuses whatever comes."""
    monkeypatch.setattr(workers.settle, "TRIALS", 3)
    enqueued(client, [*waiting, *many(source="lender-b")])
    client.hset(keys.progress("b1"), "attempts", attempts)

    with pytest.raises(NotNowError, match="pushes that wait: 4,") as caught:
        normalise_batch(client, database, "b1")

    assert caught.value.push_ids == [one.uuid for one in waiting]
    assert outcomes(connection) == {"normalised": 4}
    assert client.hget(keys.progress("b1"), "attempts") == str(attempts).encode()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[bytes]:
    """The bodies that the decryptor was asked for, each of which takes the five seconds of a time-out."""
    bodies: list[bytes] = []

    def fail_slowly(_headers: Mapping[str, str], body: bytes) -> bytes:
        bodies.append(body)
        clock.now += 5
        raise TimeoutError

    monkeypatch.setattr(made_up_seal, "needs_a_server", fail_slowly)
    return bodies


@careful
def test_few_wait_for_a_time_out(
    client: Any, database: Database, connection: Rows, clock: Clock, asked: list[bytes], attempts: int
) -> None:
    """Of a source whose functions fail slowly the others are spared the try, so that other sources have their turn; in
    the next batch all of them are, until a while has gone by."""
    for batch_id, tries in (("b1", IN_A_ROW if attempts else IN_A_ROW + 1), ("b2", 0)):
        asked.clear()
        enqueued(client, [*many(), *many(source="lender-b")], batch_id)
        client.hset(keys.progress(batch_id), "attempts", attempts)
        with pytest.raises(NotNowError, match="pushes that wait: 4,"):
            normalise_batch(client, database, batch_id)
        assert len(asked) == tries

    assert outcomes(connection) == {"normalised": 4, "duplicate": 4}
    clock.now += SPARED_SECONDS
    with pytest.raises(NotNowError, match="pushes that wait: 4,"):
        normalise_batch(client, database, "b2")
    assert asked


def test_slow_push_alone_holds_up_none_of_its_source(
    database: Database, connection: Rows, clock: Clock, asked: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One push may want a key that nobody answers for: it waits alone."""
    entries, fail_slowly = many(), made_up_seal.needs_a_server

    def has_keys(headers: Mapping[str, str], body: bytes) -> bytes:
        return fail_slowly(headers, body) if body == entries[0].body else body

    monkeypatch.setattr(made_up_seal, "needs_a_server", has_keys)
    for _ in range(3):
        with pytest.raises(NotNowError, match="pushes that wait: 1,"):
            workers.settle.settle(database, entries)

    assert outcomes(connection) == {"normalised": 3}


def test_refusals_by_postgres_count_beside_them(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Postgres refuses whatever comes as well, not every push is tried."""
    monkeypatch.setattr(workers.settle, "TRIALS", 3)
    with refusing(connection, "callees", "true", "42804"), pytest.raises(RefusedError, match="that wait: 7,") as caught:
        workers.settle.settle(database, [*many(), *many(9, "lender-b")])

    assert not isinstance(caught.value, NotNowError)


def test_one_that_postgres_refuses_stops_no_pending_push_behind_them(
    sweeper: Sweeper, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Amid pushes that wait for a key it is no sign that Postgres refuses whatever comes."""
    monkeypatch.setattr(workers.sweeper.pending, "LIMIT", 4)
    waiting, refused = many(3), [entry(push(f"z{number}"), source="lender-b") for number in range(3)]
    for one in (*waiting, *refused):
        store_pending(connection, one)

    with refusing(connection, "calls", "NEW.call_id = 'z0'"):
        sweeper.run_once()

    assert statuses(connection) == ["pending"] * 4 + ["normalised"] * 2


def test_pending_pushes_behind_them_are_settled(
    sweeper: Sweeper, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all that are taken together wait for a key."""
    monkeypatch.setattr(workers.sweeper.pending, "LIMIT", 4)
    for one in (*many(), *many(2, "lender-b")):
        store_pending(connection, one)

    sweeper.run_once()

    assert statuses(connection) == ["pending"] * 4 + ["normalised"] * 2
