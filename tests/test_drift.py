"""`ingest drift`: what the vendor has changed, from samples that the sweeper takes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import pytest
from psycopg import Connection

import workers.sweeper.drift.fields
import workers.sweeper.drift.sampling
from ingest.batch import keys
from ingest.batch.entry import Entry
from ingest.opening.openers import Openers
from ops.drift import Change, DriftedField, find_drift
from ops.simulator.pushes import generate
from tests import made_up_seal
from tests.clock import Clock
from tests.of_kind import entry_of
from tests.processes import ingest
from tests.pushes import entry, push
from tests.stored import make_dead
from workers.database import Database
from workers.settle import settle
from workers.sweeper.drift.chore import BUSY_SECONDS, FieldSamples
from workers.sweeper.drift.sampling import OTHERS
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]
Look = Callable[[list[Entry]], None]


@pytest.fixture
def looking(client: Any, database: Database) -> Look:
    """Settles pushes, and looks at them."""
    samples = FieldSamples(client, database)

    def settle_and_look(entries: list[Entry]) -> None:
        settle(database, entries)
        assert samples.run_once() == 0

    return settle_and_look


@pytest.fixture
def look(looking: Look, monkeypatch: pytest.MonkeyPatch) -> Look:
    """The same, and each name is noted from the first push on."""
    monkeypatch.setattr(workers.sweeper.drift.fields, "SURE", 1)
    return looking


def renamed(number: int = 0) -> Entry:
    """A push with other names in place of three documented ones."""
    body = push(f"c{number}")
    call = body["call"]
    call["start_time"], call["callEndTime"] = call.pop("call_start_time"), call.pop("call_end_time")
    call["transcript"] = call.pop("asr_result")
    return entry(body)


def found(connection: Rows, change: Change, **only: str) -> dict[str, DriftedField]:
    """What differs in one way, by path."""
    return {one.path: one for one in find_drift(connection, **only).findings if one.change == change}


IN_TRANSACTION: LiteralString = """
SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'
"""
RENAMED = {"$.call.call_start_time", "$.call.call_end_time", "$.call.asr_result"}
TO = {"$.call.start_time", "$.call.callEndTime", "$.call.transcript"}


def test_renamed_fields_from_the_first_push(look: Look, connection: Rows) -> None:
    """Such a push is normalised without a warning, its times and turns null; here it is seen."""
    look([renamed()])

    unknown, never = found(connection, Change.UNKNOWN), found(connection, Change.NEVER_CAME)
    assert set(unknown) == TO
    assert never.keys() >= RENAMED
    assert never["$.call.call_end_time"].may_be == "$.call.callEndTime"
    assert unknown["$.call.start_time"].may_be == "$.call.call_start_time"
    assert (unknown["$.call.transcript"].samples, unknown["$.call.transcript"].came_as) == (1, "array")
    assert found(connection, Change.MISSING) == found(connection, Change.RETYPED) == {}


def test_renamed_fields_from_a_day_on(look: Look, connection: Rows) -> None:
    """What every push had is missing once some come without it, and when it was last there is told."""
    for number in range(2):
        look([entry(push(f"c{number}-{one}")) for one in range(5)])
    assert found(connection, Change.UNKNOWN) == found(connection, Change.MISSING) == {}

    look([renamed(number) for number in range(4)])

    missing = found(connection, Change.MISSING)
    assert set(missing) == RENAMED
    assert (missing["$.call.asr_result"].samples, missing["$.call.asr_result"].of) == (10, 14)
    newest = connection.execute(
        "SELECT max(received_at) AS at FROM airudder.pushes WHERE call_id LIKE '%-4'"
    ).fetchone()
    assert newest
    assert missing["$.call.asr_result"].last_seen == newest["at"]
    assert set(found(connection, Change.UNKNOWN)) == TO

    look([entry(push("c9"))])

    assert found(connection, Change.MISSING) == {}


@pytest.mark.parametrize("kind", ["custom-api", "call-ended"])
def test_names_of_persons_are_not_kept(looking: Look, connection: Rows, kind: str) -> None:
    """Keys may be people's names: one that nobody documents is noted when several pushes have it, and below fields of
    which nothing is documented none ever is."""
    for name in ("Siti", "SitiAminah", "budi_santoso", "Wati", "dewi"):
        looking([entry_of(kind, push() | {name: "yes", "tenor": 3, "answers": {name: 1}, "more": [{name: 1}]})])

    paths = {row["path"] for row in connection.execute("SELECT path FROM airudder.drift")}
    assert not [path for path in paths for name in ("siti", "budi", "wati", "dewi") if name in path.lower()]
    assert {"$.*", "$.tenor", "$.answers", "$.more"} <= paths
    assert kind == "custom-api" or {"$.answers.*", "$.more[].*"} <= paths


def test_rare_fields_are_not_missing(look: Look, connection: Rows) -> None:
    """What only some pushes have may be absent for a while by chance."""
    for number in range(8):
        body = push(f"c{number}")
        if number % 4:
            del body["call"]["hangup_type"]
        look([entry(body)])

    assert found(connection, Change.MISSING) == {}


def test_newest_change_stands_first(look: Look, connection: Rows) -> None:
    """Of each kind of change that asks for somebody."""
    for number, name in enumerate(("branch", "grade", "tenor")):
        look([entry(push(f"c{number}") | {name: 1})])

    unknown = [one.path for one in find_drift(connection).findings if one.change == Change.UNKNOWN]
    assert unknown == ["$.tenor", "$.grade", "$.branch"]


def test_retyped_fields(look: Look, connection: Rows) -> None:
    """Whether or not the value can be read all the same."""
    body = push("c1", callee=["Budi"])
    body["call"] |= {"call_times": "1", "slots": {"Budi": 1}, "asr_result": ["text"]}

    look([entry(body)])

    retyped = found(connection, Change.RETYPED)
    assert {path: (one.documented, one.came_as) for path, one in retyped.items()} == {
        "$.callee": ("object", "array"),
        "$.call.call_times": ("whole number", "text"),
        "$.call.slots": ("text", "object"),
        "$.call.asr_result[]": ("object", "text"),
    }


def test_each_push_is_a_sample_once(look: Look, connection: Rows, client: Any, database: Database) -> None:
    """Another look, by another sweeper too, finds what came since the last one alone."""
    look([renamed(1), renamed(2)])
    look([])
    assert found(connection, Change.UNKNOWN)["$.call.transcript"].samples == 2

    look([renamed(3)])

    (samples,) = find_drift(connection).looked_at
    assert samples.samples == found(connection, Change.UNKNOWN)["$.call.transcript"].samples == 3
    assert samples.first_seen < samples.last_seen


def test_workflows_and_sources_are_told_apart(look: Look, connection: Rows) -> None:
    """A change of one workflow's node is not another's."""
    other = msgspec.structs.replace(renamed(), source="other")
    look([entry(push(workflow_id="w2", workflow_name="other")), renamed(), other])

    unknown = [one for one in find_drift(connection).findings if one.change == Change.UNKNOWN]
    assert {(one.source, one.workflow_id, one.workflow_name) for one in unknown} == {
        ("default", "w1", "collections"),
        ("other", "w1", "collections"),
    }
    assert {one.source for one in find_drift(connection, source="other").findings} == {"other"}
    assert find_drift(connection, kind="dialer").looked_at == []


def test_workflows_and_fields_are_bounded(look: Look, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond some, workflows are one, and fields are left out: ids and keys may be anything."""
    monkeypatch.setattr(workers.sweeper.drift.sampling, "WORKFLOWS", 2)
    monkeypatch.setattr(workers.sweeper.drift.fields, "UNKNOWN_PATHS", 3)
    for turn in "abc":
        added = [{f"{turn}{one}": 1, f"x{turn}{one}": 1} for one in "abc"]
        look([entry(push() | {"workflow_id": f"w{min(one)}"} | one) for one in added])

    drift = find_drift(connection)
    assert {one.workflow_id for one in drift.looked_at} == {"wab", "wac", OTHERS}
    assert {one.workflow_id: one.samples for one in drift.looked_at}[OTHERS] == 7
    unknown = [one for one in drift.findings if one.change == Change.UNKNOWN and one.workflow_id == OTHERS]
    assert len(unknown) == 3


def test_samples_are_few(look: Look, connection: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look reads a handful of each workflow, the newest, and no more bytes than a batch may have."""
    look([entry(push(f"c{number}")) for number in range(20)])
    assert [one.samples for one in find_drift(connection).looked_at] == [workers.sweeper.drift.sampling.SAMPLES]

    monkeypatch.setattr(workers.sweeper.drift.sampling, "SAMPLED_BYTES", 10)
    look([renamed(), entry(push(number="+6281234567891", more=1))])

    assert set(found(connection, Change.UNKNOWN)) == {"$.more"}


def test_rare_pushes_are_sampled(
    look: Look, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between many of another source the only one of a day is found by the transaction that settled it."""
    monkeypatch.setattr(workers.sweeper.drift.sampling, "LOOKED_AT", 5)
    for source in ("rare", "other"):
        settle(database, [entry(push("c1")), msgspec.structs.replace(renamed(), source=source)])
        look([entry(push(f"c{source}{number}")) for number in range(10)])

    assert {one.source for one in find_drift(connection).looked_at} == {"default", "rare", "other"}


def test_sweeper_takes_samples(sweeper: Sweeper, clock: Clock, database: Database, connection: Rows) -> None:
    """Once a minute, and not in each pass."""
    for number, (seconds, samples) in enumerate(((0, 1), (0, 1), (FieldSamples.every, 3))):
        settle(database, [renamed(number)])
        clock.now += seconds
        sweeper.run_once()
        assert [one.samples for one in find_drift(connection).looked_at] == [samples]


def test_workers_come_first(look: Look, connection: Rows, client: Any) -> None:
    """While batches wait nothing is sampled."""
    client.zadd(keys.BATCHES, {"b1": time.time() - BUSY_SECONDS - 1})
    look([renamed()])
    assert find_drift(connection).looked_at == []

    client.zadd(keys.BATCHES, {"b1": time.time()})
    look([])

    assert find_drift(connection).looked_at


def test_unreadable_pushes_are_no_samples(look: Look, connection: Rows) -> None:
    """What is dead for another reason than its fields may end whoever reads it; what names nothing is a sample."""
    make_dead(connection, renamed())
    look([entry(b"[]"), entry(b"{"), entry({"CALL": {"CallID": "c1"}})])

    (samples,) = find_drift(connection).looked_at
    assert (samples.workflow_id, samples.samples) == ("", 1)
    assert set(found(connection, Change.UNKNOWN)) == {"$.CALL"}


def test_encrypted_pushes(
    look: Look, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their fields are those of what they are decrypted to; without the key they are no samples."""
    (tmp_path / "key").write_bytes(b"key")
    monkeypatch.setenv(made_up_seal.KEY, str(tmp_path / "key"))
    openers = Openers({}, {"default": made_up_seal.decrypt})
    for module in ("ingest.opening.openers", "workers.opened"):
        monkeypatch.setattr(f"{module}.openers", lambda: openers)
    look([entry(made_up_seal.sealed(push(more=1), b"key"))])
    assert set(found(connection, Change.UNKNOWN)) == {"$.more"}

    settle(database, [entry(made_up_seal.sealed(push("c2", other=1), b"key"))])
    (tmp_path / "key").write_bytes(b"another")
    look([])

    assert [one.samples for one in find_drift(connection).looked_at] == [1]


def test_decryptor_that_hangs(
    looking: Look, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it for long, no transaction stays open meanwhile, and other sources have their samples."""
    settle(database, [msgspec.structs.replace(entry(push("c1")), source="hangs"), entry(push("c2"))])
    seen: list[list[dict[str, Any]]] = []

    def hang(_headers: Mapping[str, str], _body: bytes) -> bytes:
        seen.append(connection.execute(IN_TRANSACTION).fetchall())
        threading.Event().wait()
        return b""

    monkeypatch.setattr("workers.opened.openers", lambda: Openers({}, {"hangs": hang}))
    monkeypatch.setattr("workers.opened.SECONDS", 3)

    looking([])
    looking([])

    assert seen == [[]]
    assert {one.source for one in find_drift(connection).looked_at} == {"default"}


def test_kinds_known_by_name(look: Look, connection: Rows) -> None:
    """Of these every field is told, with its first appearance."""
    look([entry_of("call-ended", {"TaskID": "t1", "data": {"Mobile": "+6281234567890"}})])

    assert set(found(connection, Change.BY_NAME)) == {"$.TaskID", "$.data", "$.data.*"}


def test_what_nobody_sees_any_more_goes(look: Look, connection: Rows) -> None:
    """Ninety days after its last sample."""
    look([renamed()])
    connection.execute(
        "UPDATE airudder.drift SET last_seen = now() - interval '91 days' WHERE path LIKE '%transcript%'"
    )
    connection.execute("UPDATE airudder.drift SET last_seen = now() - interval '89 days' WHERE path LIKE '%EndTime%'")

    look([])

    assert set(found(connection, Change.UNKNOWN)) == {"$.call.start_time", "$.call.callEndTime"}


@pytest.mark.usefixtures("environment")
def test_drift_is_printed(look: Look, connection: Rows) -> None:
    """By how urgent it is, and no value with it; `--json` says the same."""
    assert "no samples yet" in ingest("drift").stdout
    simulated = next(generate(seed=1, count=1, kinds={"dialer": 1}))
    look([renamed(), entry_of("dialer", simulated.body), entry_of("call-ended", {"TaskID": "t1"})])

    result = ingest("drift")

    assert (result.returncode, result.stderr) == (0, "")
    assert "$.call.callEndTime" in result.stdout
    assert "known by name" in result.stdout
    assert "c0" not in result.stdout
    assert "2026-11-24" not in result.stdout
    assert "call-ended" not in ingest("drift", "--kind", "custom-api", "--source", "default").stdout
    drift = json.loads(ingest("drift", "--json").stdout)
    assert {one["path"] for one in drift["findings"] if one["change"] == "unknown"} == TO
    assert {one["kind"] for one in drift["looked_at"]} == {"custom-api", "dialer", "call-ended"}


@pytest.mark.usefixtures("environment")
def test_nothing_differs(look: Look) -> None:
    """Pushes as documented are said to be so."""
    look([entry(push())])

    assert "nothing is missing, retyped or unknown" in ingest("drift").stdout
