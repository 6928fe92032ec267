"""`ingest replay`: pushes of any outcome normalised again, worked off by the sweeper, portion by portion."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row

import workers.settle
import workers.sweeper.replays
from ingest.batch import keys
from ingest.batch.entry import Entry
from ingest.kinds.normalise import normalise
from ops.repair import following
from ops.repair.groups import dead_groups
from ops.repair.replays import ReplayState, begin_replay, find_replay, join_replay
from tests.batches import refusing
from tests.clock import Clock
from tests.processes import INGEST, ingest, running, wait_until
from tests.pushes import entry, push
from tests.stored import make_dead, outcomes, statuses, store_pending
from workers.attempts import Attempt
from workers.database import Database
from workers.selection import Selection, read_selection
from workers.settle import settle
from workers.sweeper.loop import Sweeper
from workers.sweeper.replays import BUDGET_SECONDS

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

READ = Selection(statuses=("dead", "normalised"))


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay of a handful takes several portions."""
    monkeypatch.setattr(workers.sweeper.replays, "PORTION", 2)


@pytest.fixture
def sweeper_process() -> Iterator[None]:
    """A sweeper that runs, as a replay rests on it."""
    with running("sweeper"):
        yield


def begin(connection: Rows, selection: Selection) -> int:
    """A replay that nobody has worked at yet."""
    replay_id = begin_replay(connection, "a test", selection)
    assert replay_id
    return replay_id


def state(connection: Rows, replay_id: int) -> ReplayState:
    """How far it is."""
    replay = find_replay(connection, replay_id)
    assert replay
    return replay


def fingerprint_of(connection: Rows, word: str) -> str:
    """Of the group of dead letters in whose error a word stands."""
    (group,) = (one for one in dead_groups(connection, Selection(statuses=("dead",))) if word in one.error)
    return group.fingerprint


def settled_differently(monkeypatch: pytest.MonkeyPatch, later: bytes) -> None:
    """From now on what stands in these bytes is read otherwise."""

    def read(one: Entry) -> Any:
        told = normalise(Entry(one.push_id, one.received_us, one.source, one.kind, one.body.replace(b"Budi", later)))
        return told._replace(push=told.push._replace(body=one.body))

    monkeypatch.setattr(workers.settle, "normalise", read)


@pytest.mark.usefixtures("small_portions")
def test_normalised_push_writes_its_rows_again(
    sweeper: Sweeper, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of the normaliser each row is as it reads now, by the same version; newer news stays."""
    settle(database, [entry(push(f"c{number}", number=f"+628120000000{number}")) for number in range(5)])
    newer = push("c4", number="+6281200000004")
    newer["callee"]["callee_name"] = "Siti"
    settle(database, [entry(newer)])
    before = connection.execute("SELECT callee_number, push_id FROM airudder.callees ORDER BY 1").fetchall()
    settled_differently(monkeypatch, b"Wati")

    replay_id = begin(connection, READ)
    sweeper.run_once()

    names = connection.execute("SELECT name FROM airudder.callees ORDER BY callee_number").fetchall()
    assert [row["name"] for row in names] == ["Wati"] * 4 + ["Siti"]
    assert connection.execute("SELECT callee_number, push_id FROM airudder.callees ORDER BY 1").fetchall() == before
    assert outcomes(connection) == {"normalised": 6}
    ended = state(connection, replay_id)
    assert (ended.state, ended.fed, ended.normalised, ended.in_hand) == ("ended", 6, 6, 0)


@pytest.mark.usefixtures("small_portions")
def test_retries_stay_duplicates(sweeper: Sweeper, database: Database, connection: Rows) -> None:
    """The replay of a first delivery is no news of its retry's, nor the other way round."""
    first, retry = entry(push()), entry(push())
    settle(database, [first])
    settle(database, [retry])

    begin(connection, READ)
    sweeper.run_once()

    assert statuses(connection) == ["normalised", "duplicate"]
    assert connection.execute("SELECT push_id FROM airudder.calls").fetchone() == {"push_id": first.uuid}


@pytest.mark.usefixtures("small_portions")
def test_retry_that_comes_meanwhile(sweeper: Sweeper, database: Database, connection: Rows) -> None:
    """While the first delivery is pending a retry of it comes, and is normalised: it ends as duplicate all the same."""
    first, retry = entry(push()), entry(push())
    settle(database, [first])
    begin(connection, READ)
    connection.execute("UPDATE airudder.pushes SET status = 'pending', normalised_at = NULL, replayed_at = now()")
    settle(database, [retry])
    assert statuses(connection) == ["pending", "normalised"]

    sweeper.run_once()

    assert statuses(connection) == ["normalised", "duplicate"]
    assert connection.execute("SELECT push_id FROM airudder.calls").fetchone() == {"push_id": first.uuid}


@pytest.mark.usefixtures("small_portions")
def test_history_keeps_the_old_error(sweeper: Sweeper, connection: Rows) -> None:
    """A replay takes the error out of the push, and leaves it in its history, with the action."""
    one = entry(push())
    make_dead(connection, one)

    replay_id = begin(connection, READ)
    sweeper.run_once()

    (event,) = connection.execute("SELECT * FROM airudder.push_events").fetchall()
    assert (event["push_id"], event["event"], event["action_id"]) == (one.uuid, "replayed", replay_id)
    assert event["error"] == "could not be normalised: KeyError"
    (action,) = connection.execute("SELECT * FROM airudder.actions").fetchall()
    assert (action["operator"], action["command"], action["pushes"]) == ("a test", "replay", 1)
    assert action["ended_at"]


@pytest.mark.usefixtures("small_portions")
def test_dead_again_are_counted_by_cause(
    sweeper: Sweeper, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once: what dies again is not fed again. However many causes there are, few are told apart."""
    monkeypatch.setattr(workers.sweeper.replays, "MOST_CAUSES", 1)
    settle(database, [entry(b"[]"), entry(b"[1]"), entry(b"{}"), entry(b"[2]")])
    make_dead(connection, entry(push()))

    replay_id = begin(connection, Selection(statuses=("dead",)))
    sweeper.run_once()

    ended = state(connection, replay_id)
    assert (ended.dead, ended.normalised, ended.total) == (4, 1, 5)
    assert ended.causes == {"a JSON object is expected, not an array": 3, "other errors": 1}


@pytest.mark.usefixtures("small_portions")
def test_settlements_add_up(sweeper: Sweeper, database: Database, connection: Rows) -> None:
    """What a replay or a discard takes an outcome from is counted no more, so the log still says what there is."""
    settle(database, [entry(push("c1")), entry(push("c2")), entry(b"[]"), entry(b"[1]"), entry(b"{}")])
    begin(connection, READ)
    sweeper.run_once()
    assert ingest("dead", "discard", "--group", fingerprint_of(connection, "not an array"), "--reason", "why").stdout

    (logged,) = connection.execute(
        "SELECT sum(normalised) AS normalised, sum(dead) AS dead, sum(duplicate) AS duplicate FROM airudder.settlements"
    ).fetchall()
    assert outcomes(connection) == {"normalised": 2, "dead": 1, "discarded": 2}
    assert logged == {"normalised": 2, "dead": 1, "duplicate": 0}


@pytest.mark.usefixtures("small_portions")
def test_replay_goes_on_after_a_crash(
    client: Any, database_url: str, database: Database, connection: Rows, clock: Clock
) -> None:
    """A sweeper that dies in the middle leaves a row from which the next one goes on: each push once."""
    for number in range(5):
        make_dead(connection, entry(push(f"c{number}")))
    replay_id = begin(connection, READ)
    with (
        refusing(connection, "calls", "true", state="08000"),
        closing(Database(database_url, patience_seconds=0)) as impatient,
    ):
        Sweeper(client, impatient, clock).run_once()
    begun = state(connection, replay_id)
    assert (begun.fed, begun.in_hand, begun.settled) == (2, 2, 0)

    Sweeper(client, database, clock).run_once()

    ended = state(connection, replay_id)
    assert (ended.state, ended.fed, ended.normalised) == ("ended", 5, 5)
    assert outcomes(connection) == {"normalised": 5}
    replayed = connection.execute("SELECT count(*) AS events FROM airudder.push_events WHERE event = 'replayed'")
    assert replayed.fetchone() == {"events": 5}


@pytest.mark.usefixtures("small_portions")
def test_live_pending_pushes_do_not_wait(
    client: Any, database: Database, connection: Rows, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However old what is replayed, live pending pushes are settled before it."""
    for number in range(5):
        make_dead(connection, entry(push(f"c{number}"), later_us=-3_600_000_000))
    begin(connection, READ)
    live = entry(push("live"))
    store_pending(connection, live)
    order: list[Entry] = []

    def noted(database: Database, entries: list[Entry], attempt: Attempt) -> None:
        order.extend(entries)
        settle(database, entries, attempt)

    monkeypatch.setattr("workers.sweeper.pending.settle", noted)

    Sweeper(client, database, clock).run_once()

    assert order[0] == live
    assert len(order) == 6


@pytest.mark.usefixtures("small_portions")
def test_replay_waits_for_live_batches(client: Any, sweeper: Sweeper, clock: Clock, connection: Rows) -> None:
    """While workers fall behind nothing is fed; a batch that is stuck for long is no reason to wait."""
    make_dead(connection, entry(push()))
    begin(connection, READ)
    seconds, _ = client.time()
    client.zadd(keys.BATCHES, {"late": seconds - 10})
    client.rpush(keys.batch("late"), b"")

    sweeper.run_once()
    assert statuses(connection) == ["dead"]

    client.zadd(keys.BATCHES, {"late": 1.0})
    clock.now += BUDGET_SECONDS
    sweeper.run_once()
    assert statuses(connection) == ["normalised"]


def test_rare_pushes_are_looked_for_in_stretches(
    sweeper: Sweeper, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others lie between, one statement looks at some; where it is by then is noted."""
    monkeypatch.setattr(workers.sweeper.replays, "STRETCH", 2)
    monkeypatch.setattr(workers.sweeper.replays, "BUDGET_SECONDS", 0.0)
    settle(database, [entry(push(f"c{number}"), "rare" if number == 3 else "default") for number in range(5)])
    replay_id = begin(connection, Selection(statuses=("normalised",), source="rare"))

    progress: list[tuple[int, int, bool]] = []
    while len(progress) < 5:
        sweeper.run_once()
        (row,) = connection.execute(
            "SELECT fed, is_fed, (SELECT count(*) FROM airudder.pushes WHERE received_at <= after_received_at) AS seen "
            "FROM airudder.replays"
        ).fetchall()
        progress.append((row["seen"], row["fed"], row["is_fed"]))

    assert progress == [(2, 0, False), (4, 1, False), (5, 1, True), (5, 1, True), (5, 1, True)]
    assert state(connection, replay_id).state == "ended"
    assert outcomes(connection) == {"normalised": 5}


@pytest.mark.usefixtures("small_portions")
def test_limit_takes_the_oldest(sweeper: Sweeper, connection: Rows) -> None:
    """A replay of some first, to see how it goes."""
    for number in range(5):
        make_dead(connection, entry(push(f"c{number}")))

    replay_id = begin(connection, Selection(statuses=("dead",), limit=3))
    sweeper.run_once()

    assert statuses(connection) == ["normalised"] * 3 + ["dead"] * 2
    assert state(connection, replay_id).state == "ended"


@pytest.mark.usefixtures("small_portions")
def test_stopped_replay_feeds_nothing_more(sweeper: Sweeper, clock: Clock, connection: Rows) -> None:
    """What was not fed by then stays as it is; that somebody stopped it is recorded."""
    for number in range(5):
        make_dead(connection, entry(push(f"c{number}")))
    replay_id = begin(connection, READ)

    result = ingest("replay", "stop", str(replay_id), INGEST_OPERATOR="budi")
    sweeper.run_once()

    assert (result.returncode, result.stdout) == (0, f"replay {replay_id} stops\n")
    assert outcomes(connection) == {"dead": 5}
    assert state(connection, replay_id).state == "stopped"
    assert "stopped" in ingest("replay", "list").stdout
    assert ingest("replay", "stop", str(replay_id)).returncode == 1
    stopped = connection.execute("SELECT operator FROM airudder.actions WHERE command = 'replay stop'").fetchall()
    assert stopped == [{"operator": "budi"}]


def test_command_says_how_it_ended(connection: Rows, sweeper_process: None) -> None:
    """Of what was chosen it tells the outcomes, and of the dead the causes; exit code 1 if there are any."""
    make_dead(connection, entry(push("c1")))
    make_dead(connection, entry(b"[]"))
    make_dead(connection, entry(push("c2"), source="lender-b"))

    result = ingest("replay", "--source", "default")

    assert result.returncode == 1
    assert result.stdout == "dead: 1, normalised: 1\n  dead of a JSON object is expected, not an array: 1\n"
    assert outcomes(connection) == {"normalised": 1, "dead": 2}
    assert ingest("replay", "--source", "lender-b").stdout == "normalised: 1\n"


def test_command_leaves_it_running_after_ctrl_c(connection: Rows, sweeper: Sweeper) -> None:
    """And says so; so does `--no-wait` from the start."""
    make_dead(connection, entry(push()))
    waiting = subprocess.Popen([INGEST, "replay", "--status", "dead"], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: connection.execute("SELECT FROM airudder.replays").fetchall(), "the replay has begun")
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate()

    assert waiting.returncode == 1
    assert "goes on" in said
    sweeper.run_once()
    assert outcomes(connection) == {"normalised": 1}


def test_interrupt_amid_the_beginning_is_told(
    connection: Rows, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it has begun is in Postgres alone, where the answer to its COMMIT is on its way."""

    def begin_and_be_interrupted(*asked: Any) -> None:
        begin_replay(*asked)
        raise KeyboardInterrupt

    make_dead(connection, entry(push()))
    monkeypatch.setattr(following, "begin_replay", begin_and_be_interrupted)

    assert not following.replay_selected(connection, "a test", Selection(statuses=("dead",)))
    assert "if the replay has begun it goes on" in capsys.readouterr().err
    assert len(connection.execute("SELECT FROM airudder.replays").fetchall()) == 1


def test_two_operators_ask_for_the_same(database_url: str, connection: Rows, sweeper: Sweeper) -> None:
    """Both get one replay; after it has ended, and for other pushes, there is a new one."""
    make_dead(connection, entry(push("c1")))
    chosen = Selection(statuses=("dead",), kind="custom-api", error="could not be normalised: KeyError")
    given: list[int | None] = []

    def ask() -> None:
        with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as own:
            given.append(join_replay(own, "a test", chosen, "mended"))

    operators = [threading.Thread(target=ask) for _ in range(4)]
    for one in operators:
        one.start()
    for one in operators:
        one.join()

    assert len(given) == 4
    assert len(set(given)) == 1
    other = join_replay(connection, "a test", Selection(statuses=("dead",), source="default"))
    assert other not in (None, given[0])
    sweeper.run_once()
    make_dead(connection, entry(push("c2")))
    assert join_replay(connection, "a test", chosen) not in (None, other, given[0])
    assert {row["reason"] for row in connection.execute("SELECT reason FROM airudder.actions")} == {"mended", None}


def test_pushes_have_to_be_chosen() -> None:
    """A replay of everything is nothing that one types by mistake."""
    assert ingest("replay").returncode == 2
    assert ingest("replay", "--status", "pending").returncode == 2
    assert ingest("replay", "--group", "00000000").returncode == 2


def test_selection_survives_json() -> None:
    """What the chore reads is what was typed."""
    chosen = Selection(statuses=("dead",), push_ids=(entry(b"").uuid,), kind="custom-api", limit=3)

    assert read_selection(json.loads(json.dumps(chosen.as_json()))) == chosen
