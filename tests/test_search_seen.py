"""All that is known of one push: in each status, in flight, and of what nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from ingest import settings
from ingest.batch import keys
from ingest.batch.push_ids import id_of
from ingest.opening.openers import openers
from ops.repair.groups import dead_groups
from ops.search.seen import SeenPush, raw_body, see_push
from ops.trace.story import Event
from tests import made_up_seal
from tests.batches import enqueued
from tests.pushes import IDS, entry, push, signed
from tests.stored import make_dead, store_pending
from workers.database import Database
from workers.selection import Selection
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


def see(push_id: UUID, *, show_personal: bool = False) -> SeenPush:
    """A push that there is."""
    seen = see_push(settings.load(), push_id, show_personal=show_personal)
    assert seen
    return seen


def events(seen: SeenPush) -> list[Event]:
    """What its story tells."""
    return [step.event for step in seen.steps]


def test_normalised(database: Database) -> None:
    """Its story without the rows, which stand apart, as the warnings do."""
    one = signed(entry(push(callee={"callee_number": "+6281234567890", "due_date": "2021-02-30"})))
    settle(database, [one])

    seen = see(one.uuid)

    assert events(seen) == [Event.RECEIVED, Event.ANSWERED, Event.SETTLED]
    assert {step.details["table"] for step in seen.wrote} >= {"calls", "callees", "workflows"}
    assert [warning.path for warning in seen.warnings] == ["$.callee.due_date"]
    assert (seen.push.callee_number, seen.push.warning_count) == ("…90", 1)
    content = seen.content
    assert (content.size, content.signed, content.encrypted) == (len(one.body), True, False)
    assert content.body
    assert content.body.marked == {1}
    assert "2021-02-30" not in str(seen)


def test_shown_as_it_is(database: Database) -> None:
    """Numbers, case ids and the body, if they are asked for."""
    one = entry(push())
    settle(database, [one])

    seen = see(one.uuid, show_personal=True)

    assert seen.push.callee_number == "+6281234567890"
    assert "Budi" in str(seen.content.body)
    assert "+6281234567890" in str(seen.wrote)
    assert not [word for word in ("Budi", "81234567", "case-1", "robot 1") if word in str(see(one.uuid))]


def test_dead(database: Database, connection: Rows) -> None:
    """Why, where, and the group that it is in; or how it was discarded."""
    one = entry([])
    settle(database, [one])
    (group,) = dead_groups(connection, Selection(statuses=("dead",)))

    seen = see(one.uuid)

    assert (seen.push.status, seen.push.error, seen.error_path) == (
        "dead",
        "a JSON object is expected, not an array",
        "$",
    )
    assert seen.group == group.fingerprint
    assert Event.DIED in events(seen)
    connection.execute("UPDATE airudder.pushes SET status = 'discarded'")
    assert (see(one.uuid).group, see(one.uuid).push.status) == (None, "discarded")


def test_pending_and_erased(database: Database, connection: Rows) -> None:
    """One that waits in Postgres; one of which nothing is left."""
    pending = entry(push())
    store_pending(connection, pending)
    assert Event.PENDING in events(see(pending.uuid))
    connection.execute("UPDATE airudder.pushes SET status = 'erased', body = ''")

    seen = see(pending.uuid)

    assert Event.ERASED in events(seen)
    assert (seen.content.body, seen.content.problem) == (None, "nothing is left of it")


def test_in_flight(client: Any) -> None:
    """While it is in Redis alone; of the others in its batch nothing."""
    one, other = entry(push()), entry(push("c2", "+6281200000002"))
    enqueued(client, [one, other], str(UUID(bytes=IDS.draw()[0])))

    seen = see(one.uuid)

    assert seen.push.status == "in-flight"
    assert events(seen) == [Event.BATCH_OPENED, Event.RECEIVED, Event.ANSWERED, Event.BATCH_WAITS]
    assert [found.push_id for found in seen.deliveries] == [one.uuid]
    assert "00002" not in str(seen)
    assert "Budi" in str(see(one.uuid, show_personal=True).content.body)


def test_of_long_ago_is_looked_for_in_no_batch(client: Any) -> None:
    """However many are in flight: an id says when its push came."""
    batch = enqueued(client, [one := entry(push())], str(UUID(bytes=IDS.draw()[0])))
    client.zadd(keys.BATCHES, {batch: one.received_us / 1e6})

    def lists_read() -> int:
        read: int = client.info("commandstats").get("cmdstat_lrange", {"calls": 0})["calls"]
        return read

    before = lists_read()
    assert see_push(settings.load(), UUID(bytes=id_of(1_700_000_000_000_000, 1))) is None
    assert lists_read() == before
    assert see(one.uuid)


def test_deliveries(database: Database) -> None:
    """All of its call, and those of its bytes where it names none; of another source none."""
    first, second = entry(push()), entry(push(node_id="n2"))
    again = entry(first.body, later_us=60_000_000)
    settle(database, [first, second, again, entry(push(), source="other"), entry(push("c2"))])
    assert [one.push_id for one in see(first.uuid).deliveries] == [again.uuid, second.uuid, first.uuid]
    assert [one.status for one in see(first.uuid).deliveries] == ["duplicate", "normalised", "normalised"]

    nameless = entry({"workflow_id": "w1", "workflow_name": "x"})
    retry = entry(nameless.body, later_us=60_000_000)
    settle(database, [nameless, retry])
    assert [one.push_id for one in see(nameless.uuid).deliveries] == [retry.uuid, nameless.uuid]


@pytest.mark.parametrize(
    "push_id",
    [
        UUID("6f1c1e1e-3b8e-4b0e-9a52-6e0d5d2b7c11"),
        UUID(bytes=id_of(1, 1)),
        UUID(bytes=id_of(253_402_300_799_999_999, 1)),
        UUID("ffffffff-ffff-7fff-bfff-ffffffffffff"),
    ],
)
def test_unknown(push_id: UUID) -> None:
    """No push, and no error."""
    assert see_push(settings.load(), push_id) is None
    assert raw_body(settings.load(), push_id) is None


def test_raw_body(connection: Rows) -> None:
    """Byte for byte."""
    one = entry(b'{"a": "\xff')
    make_dead(connection, one)
    assert raw_body(settings.load(), one.uuid) == one.body


@pytest.fixture
def sealed_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The source `shop` encrypts its pushes."""
    (tmp_path / "key").write_bytes(b"key")
    monkeypatch.setenv(made_up_seal.KEY, str(tmp_path / "key"))
    monkeypatch.setenv("INGEST_DECRYPTORS", f"shop={made_up_seal.__name__}:decrypt")
    openers.cache_clear()
    yield
    openers.cache_clear()


def test_encrypted(database: Database, client: Any, sealed_source: None) -> None:
    """What is in it is shown, masked too; and why it cannot be opened, without a word of it."""
    mine, others = (entry(made_up_seal.sealed(push(), key), source="shop") for key in (b"key", b"other"))
    settle(database, [mine, others])

    content = see(mine.uuid).content
    assert (content.encrypted, content.size) == (True, len(mine.body))
    assert '"callee_number"' in str(content.body)
    assert "Budi" not in str(content.body)
    assert "Budi" in str(see(mine.uuid, show_personal=True).content.body)
    assert see(others.uuid, show_personal=True).content.body is None
    assert "decryptor of its source refused it" in str(see(others.uuid).content.problem)
    flying = entry(made_up_seal.sealed(push("c2", node_id="n2"), b"key"), source="shop")
    enqueued(client, [flying], str(UUID(bytes=IDS.draw()[0])))
    assert see(flying.uuid).push.call_id == "c2"
