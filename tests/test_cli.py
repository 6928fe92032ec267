"""The operators' commands, run as they run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg import Connection

from ingest.batch import keys
from ingest.batch.entry import Entry, encode_entry, hour_name
from ingest.process_ids import is_alive
from ingest.settings import load
from ingest.web.access import Access
from ingest.web.refusals import Refusal
from ops import queries
from ops.commands import token
from ops.commands.up import masked
from tests.processes import descendants, ingest, running, wait_until
from tests.pushes import entry, push
from tests.servers import redis_set_to
from tests.test_settings import locked_by
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def sweeper_process() -> Iterator[None]:
    """A sweeper that runs, as a replay rests on it."""
    with running("sweeper"):
        yield


def test_env_prints_urls(database_url: str, redis_url: str) -> None:
    """`env` gives both URLs in a form that a shell can evaluate."""
    printed = subprocess.run(
        ["sh", "-c", f'eval "$({Path(sys.executable).with_name("ingest")} env)"; echo "$DATABASE_URL|$REDIS_URL"'],
        check=True,
        capture_output=True,
        text=True,
    )
    assert printed.stdout.strip() == f"{database_url}|{redis_url}"


def test_env_names_missing_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without servers the error is one line that names the variable, and the exit code 1."""
    monkeypatch.delenv("DATABASE_URL")

    result = ingest("env")

    assert result.returncode == 1
    assert result.stderr.startswith("ingest: DATABASE_URL is not set")
    assert result.stderr.count("\n") == 1


def test_unknown_usage_is_two() -> None:
    """A command or option that does not exist is exit code 2."""
    assert ingest("nonsense").returncode == 2
    assert ingest("status", "--nonsense").returncode == 2
    assert ingest("send", "not-a-url").returncode == 2


def test_migrate_twice(connection: Rows) -> None:
    """`migrate` on a migrated database succeeds and keeps what is there."""
    connection.execute("INSERT INTO airudder.ring_types VALUES ('brand_new', 'Something new.')")

    assert ingest("migrate").returncode == 0

    found = connection.execute("DELETE FROM airudder.ring_types WHERE ring_type = 'brand_new' RETURNING meaning")
    assert found.fetchall() == [{"meaning": "Something new."}]


def test_status_counts_in_flight(client: Any, database: Database) -> None:
    """`status --json` counts batches and pushes in flight, what came within a day, dead letters and refusals, and says
    that nobody works."""
    settle(database, [entry(push("c1")), entry(push("c1")), entry(b"[]")])
    client.rpush(keys.batch("b1"), encode_entry(entry(push("c2"))), encode_entry(entry(push("c3"))))
    client.zadd(keys.BATCHES, {"b1": 1.0})
    client.hincrby(keys.REFUSED, keys.refused_field("wrong credential", None), 3)
    client.hincrby(keys.REFUSED, keys.refused_field("body too large", "shop"), 1)
    for hours, pushes in ((0, 3), (23, 2), (24, 1)):
        hour = hour_name(datetime.now(UTC) - timedelta(hours=hours))
        client.hset(keys.acknowledged(hour), "shop", pushes)

    result = ingest("status", "--json")

    status = json.loads(result.stdout)
    flight = status["redis"]["in_flight"]
    assert (flight["batches"], flight["pushes"], flight["workers"]) == (1, 2, 0)
    assert status["redis"]["refused"] == [
        {"reason": "body too large", "source": "shop", "requests": 1},
        {"reason": "wrong credential", "source": None, "requests": 3},
    ]
    assert status["postgres"]["dead"] == 1
    assert status["redis"]["acknowledged_last_24_hours"] == {"shop": 5}
    assert status["problems"][0] == "no worker is running"
    assert status["problems"][1] == "no sweeper is running"
    assert status["problems"][2].startswith("the oldest batch waits for")
    assert result.returncode == 1


def test_status_survives_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` with both servers away says so in words, without a traceback."""
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:s3cret@127.0.0.1:1/none")

    result = ingest("status")

    assert result.returncode == 1
    assert result.stdout.count("PROBLEM") == 2
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize(("name", "url"), [("DATABASE_URL", "postgres//u:s3cret@h/db"), ("REDIS_URL", "h:s3cret")])
@pytest.mark.parametrize("command", ["status", "doctor", "find c1", "migrate"])
def test_bad_url_is_one_line(monkeypatch: pytest.MonkeyPatch, command: str, name: str, url: str) -> None:
    """A URL that cannot be read is named by its variable, without showing it and without a traceback."""
    monkeypatch.setenv(name, url)

    result = ingest(*command.split())

    assert result.returncode == 1
    assert f"{name} is not of the form" in result.stdout + result.stderr
    assert "s3cret" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:s3cret@s3cret@127.0.0.1:1/db", "write it as %40"),
        ("postgresql://u:s3cret/s3cret@127.0.0.1:1/db", "write it as %40"),
        ("postgresql://u:1/s3cret@127.0.0.1:1/db", "write it as %40"),
        ("postgresql://u:s3cret@/db?host=/nowhere/a%40b", "No such file"),
    ],
)
def test_torn_url_is_not_quoted(monkeypatch: pytest.MonkeyPatch, url: str, words: str) -> None:
    """A password that was taken for a host or port in part is not shown; a socket's folder may have an @ in it."""
    monkeypatch.setenv("DATABASE_URL", url)

    result = ingest("migrate")

    assert words in result.stderr
    assert "s3cret" not in result.stderr


def test_refused_connection_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why Postgres cannot be reached is said with host and port, in one line."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:s3cret@127.0.0.1:1/none")

    result = ingest("migrate")

    assert "127.0.0.1" in result.stderr
    assert "Connection refused" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("postgresql://user:sec@secret@db.test/airudder", "postgresql://user:***@db.test/airudder"),
        ("redis://127.0.0.1/0?password=secret&db=1", "redis://127.0.0.1/0?password=***&db=1"),
        ("host=db.test password=secret dbname=airudder", "host=db.test password=*** dbname=airudder"),
        ("host=db.test password = secret port = 1", "host=db.test password = *** port = 1"),
        (r"password='a\' secret' host=db.test", "password=*** host=db.test"),
        (r"password=a\ secret sslpassword= 'my secret'", "password=*** sslpassword= ***"),
        ("scram_client_key=secret oauth_client_secret=my", "scram_client_key=*** oauth_client_secret=***"),
        ("password=a&secret host=db.test", "password=*** host=db.test"),
        ("postgresql://db.test/x?sslpassword=my secret&port=1", "postgresql://db.test/x?sslpassword=***&port=1"),
        ("postgresql://airudder@/airudder?host=/run", "postgresql://airudder@/airudder?host=/run"),
    ],
)
def test_url_is_shown_without_password(url: str, shown: str) -> None:
    """What `up` prints of a URL."""
    assert masked(url) == shown


def test_status_sees_pending_wait(connection: Rows) -> None:
    """A push that is pending for longer than a minute is a problem: nobody feeds it."""
    old = entry(push(), later_us=-3_600_000_000)
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status) "
        "VALUES (%s, %s, 'default', 'custom-api', %s, 'pending')",
        (old.uuid, old.received_at, old.body),
    )

    result = ingest("status")

    assert result.returncode == 1
    assert "the oldest pending push waits for 36" in result.stdout


def test_replayed_push_waits_since_its_replay(connection: Rows) -> None:
    """An old dead letter that is replayed has waited since then, not since it came."""
    make_dead(connection, entry(push(), later_us=-3_600_000_000))
    connection.execute(queries.REPLAY_ALL_DEAD)

    status = json.loads(ingest("status", "--json").stdout)

    assert (status["postgres"]["pending"], status["postgres"]["dead"]) == (1, 0)
    assert status["postgres"]["oldest_pending_seconds"] < 60
    assert not [one for one in status["problems"] if "pending" in one]


def test_status_counts_no_killed_workers(client: Any) -> None:
    """Workers that were killed on this machine are not counted, though their hearts seem to beat still."""
    with running("worker", WORKERS="2") as pool:
        wait_until(lambda: client.scard("rq:workers") == 2, "both register")
        found = wait_until(lambda: descendants(pool.pid), "the pool has workers")
        os.kill(pool.pid, signal.SIGSTOP)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, found)), "they are gone")
        counted = json.loads(ingest("status", "--json").stdout)["redis"]["in_flight"]["workers"]
        registered = client.scard("rq:workers")
        os.kill(pool.pid, signal.SIGCONT)

    assert (counted, registered) == (0, 2)


def test_status_counts_living_workers(client: Any) -> None:
    """A worker that was killed is not counted for long, though it stays registered."""
    with running("worker", WORKERS="1"):
        (key,) = wait_until(lambda: client.smembers("rq:workers"), "a worker registers")
        wait_until(lambda: client.hget(key, "last_heartbeat"), "its heart beats")
        assert json.loads(ingest("status", "--json").stdout)["redis"]["in_flight"]["workers"] == 1
        client.hset(key, "last_heartbeat", "2026-01-01T00:00:00.000000Z")
        assert json.loads(ingest("status", "--json").stdout)["redis"]["in_flight"]["workers"] == 0


@pytest.mark.parametrize("identifier", ["c1", "case-1", "+6281234567890", "6281234567890"])
def test_find_by_every_id(database: Database, identifier: str) -> None:
    """`find` leads from a call id, a case id or a number, with its plus or without, to the call."""
    settle(database, [entry(push("c1"))])

    result = ingest("find", identifier)

    assert result.returncode == 0
    assert "c1" in result.stdout


@pytest.mark.parametrize(
    "typed",
    ["62 812-3456-7890", "0062 812 3456 7890", "'6281234567890", "6281234567890.0", "\u202a+6281234567890\u202c"],
)
def test_find_by_number_as_people_write_it(database: Database, typed: str) -> None:
    """Neither who sends a number nor who types it need know how it is stored."""
    settle(database, [entry(push("c1", number="+62 (0) 812 3456 7890")), entry(push("c2", number="0812-3456-7890"))])

    found = ingest("find", typed).stdout

    assert "c1" in found
    assert "c2" in found


def test_find_numbers_of_two_plans(database: Database) -> None:
    """Mexico's one and Brazil's nine are the same person without."""
    settle(database, [entry(push("c1", number="+5215512345678")), entry(push("c2", number="551187654321"))])

    for typed, call_id in (("52 55 1234 5678", "c1"), ("+52 1 5512345678", "c1"), ("+55 11 98765-4321", "c2")):
        assert call_id in ingest("find", typed).stdout


@pytest.mark.parametrize(
    ("stored", "typed"),
    [("+5215512345678", "+525512345678"), ("+551187654321", "+5511987654321"), ("+6208123456789", "+628123456789")],
)
def test_find_numbers_stored_before(database: Database, connection: Rows, stored: str, typed: str) -> None:
    """Rows from before two spellings in E.164 were one number are found by what it is now."""
    settle(database, [entry(push("c1"))])
    connection.execute("UPDATE airudder.calls SET callee_number = %s", [stored])

    assert "c1" in ingest("find", typed).stdout


def test_find_by_id_as_it_looks(database: Database) -> None:
    """An id is found by what a person sees of it."""
    body = push("\ufeffcall\u200b-7")
    body["callee"]["case_id"] = "cafe\u0301-7"
    settle(database, [entry(body)])

    for typed in ("call-7", "call-7\u200b", "caf\u00e9-7", "cafe\u0301-7"):
        assert "call-7" in ingest("find", typed).stdout


def test_find_by_id_as_it_was_stored_before(database: Database, connection: Rows) -> None:
    """Rows from before spellings of an id were one are found by the id as it is in them."""
    settle(database, [entry(push("c1"))])
    stored = "INV\u2010\u00a077\u200b1"
    connection.execute("UPDATE airudder.cases SET case_id = %s", [stored])
    connection.execute("UPDATE airudder.calls SET call_id = %s || 'c', case_id = %s", [stored, stored])

    assert "cases" in ingest("find", stored).stdout
    assert "deliveries" not in (found := ingest("find", f"{stored}c").stdout)
    assert "calls" in found


def test_find_by_push_id(database: Database) -> None:
    """`find` of a push id shows its outcome and warnings."""
    one = entry(push("c1", callee={"callee_number": "+6281234567890", "due_date": "2021-02-30"}))
    settle(database, [one])

    result = ingest("find", str(one.uuid))

    assert "normalised" in result.stdout
    assert "$.callee.due_date" in result.stdout


def test_find_vendors_ids(database: Database) -> None:
    """The vendor's ids have 32 hex digits and read like UUIDs: `find` is not misled."""
    for call_id in ("f" * 32, "0" * 32, "01a210da-7346-7156-bd66-6d4fb9944dcb".replace("-", "")):
        settle(database, [entry(push(call_id))])

        result = ingest("find", call_id)

        assert (result.returncode, result.stderr) == (0, "")
        assert f"  {call_id}" in result.stdout


@pytest.mark.parametrize("identifier", ["nobody", "f" * 32, "\udcff7"])
def test_find_nothing(identifier: str) -> None:
    """`find` of something unknown says so, with exit code 1."""
    result = ingest("find", identifier)

    assert result.returncode == 1
    assert "nothing found" in result.stderr


def test_list_says_of_how_many(database: Database) -> None:
    """`dead list` shows the newest, and says how many there are."""
    settle(database, [entry(b"[]"), entry(b"[1]"), entry(b"[2]")])

    assert "dead letters (2 of 3)" in ingest("dead", "list", "--limit", "2").stdout


def test_dead_list_and_show(database: Database) -> None:
    """`dead list` names dead letters with reason and path; `dead show` gives the body byte for byte."""
    one = entry(b'[1, "\xc3\xa9"]')
    settle(database, [one])

    listed = ingest("dead", "list")
    assert str(one.uuid) in listed.stdout
    assert "a JSON object is expected, not an array" in listed.stdout
    script = Path(sys.executable).with_name("ingest")
    shown = subprocess.run([script, "dead", "show", str(one.uuid), "--body"], check=True, capture_output=True)
    assert shown.stdout == one.body
    assert "error_path" in ingest("dead", "show", str(one.uuid)).stdout


def make_dead(connection: Rows, one: Entry) -> None:
    """What an older release, that could not read the push, left behind."""
    connection.execute(
        "INSERT INTO airudder.pushes (push_id, received_at, source, kind, body, status, error, error_path) "
        "VALUES (%s, %s, %s, %s, %s, 'dead', 'could not be normalised: KeyError', '$')",
        (one.uuid, one.received_at, one.source, one.kind, one.body),
    )


def test_replay_after_fix(connection: Rows, sweeper_process: None) -> None:
    """A dead letter that can be read now is normalised by a replay and leaves one row, not two."""
    one = entry(push("c1"))
    make_dead(connection, one)

    result = ingest("dead", "replay", str(one.uuid))

    assert (result.returncode, result.stdout) == (0, "normalised: 1\n")
    rows = connection.execute("SELECT push_id, status, error FROM airudder.pushes").fetchall()
    assert rows == [{"push_id": one.uuid, "status": "normalised", "error": None}]
    assert connection.execute("SELECT count(*) AS calls FROM airudder.calls").fetchone() == {"calls": 1}


def test_replay_of_all(connection: Rows, sweeper_process: None) -> None:
    """`replay --all` says how many came to what; exit code 1 as long as one is dead again."""
    make_dead(connection, entry(push("c1")))
    make_dead(connection, entry(b"[]"))

    result = ingest("dead", "replay", "--all")

    assert (result.returncode, result.stdout) == (1, "dead: 1, normalised: 1\n")


def test_replay_of_living(database: Database) -> None:
    """A push that is not dead is not replayed, and that is said."""
    one = entry(push("c1"))
    settle(database, [one])

    result = ingest("dead", "replay", str(one.uuid))

    assert result.returncode == 1
    assert "is not a dead letter" in result.stderr


def test_replay_needs_choice() -> None:
    """`replay` with neither ids nor --all is a usage error."""
    assert ingest("dead", "replay").returncode == 2


def test_doctor_is_content(client: Any) -> None:
    """Good settings and servers are exit code 0."""
    with redis_set_to(client, appendonly="yes", appendfsync="always"):
        result = ingest("doctor")

    assert result.returncode == 0, result.stdout
    assert "CHANGE" not in result.stdout


def test_everysec_may_be_asked_for(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`appendfsync everysec` is no problem where it was asked for, and what can be lost is said."""
    monkeypatch.setenv("INGEST_APPENDFSYNC", "everysec")
    with redis_set_to(client, appendonly="yes", appendfsync="everysec"):
        result = ingest("doctor")

    assert result.returncode == 0, result.stdout
    assert "up to two seconds of acknowledged pushes may be lost" in result.stdout


def test_doctor_names_unsafe_setting(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever could lose a push is named with the setting to change."""
    monkeypatch.setenv("HOST", "0.0.0.0")
    with redis_set_to(client, appendfsync="everysec"):
        result = ingest("doctor")

    assert result.returncode == 1
    assert "set `appendfsync always`" in result.stdout
    assert "Set INGEST_TOKENS=source=secret or INGEST_TOKENS_FILE, or HOST=127.0.0.1" in result.stdout


def test_status_shows_the_last_refusals(client: Any) -> None:
    """A wrong token of the last minutes is a problem, and what is known of it is shown; an old one is no problem."""
    now = datetime.now(UTC)
    for age, credential in ((timedelta(hours=1), "0ld0ld00"), (timedelta(seconds=5), "1a2b3c4d")):
        refusal = msgspec.json.encode(Refusal(now - age, "wrong credential", None, "203.0.113.0/24", credential))
        client.lpush(keys.LAST_REFUSALS, refusal)
        client.hset(keys.LAST_REFUSED, "wrong credential", refusal)

    words = ingest("status").stdout
    status = json.loads(ingest("status", "--json").stdout)

    assert "wrong credential from 203.0.113.0/24 with 1a2b3c4d" in words
    assert [one["credential"] for one in status["redis"]["last_refusals"]] == ["1a2b3c4d", "0ld0ld00"]
    assert [one for one in status["problems"] if "wrong credentials" in one]
    client.hset(keys.LAST_REFUSED, "wrong credential", client.lindex(keys.LAST_REFUSALS, 1))
    assert "wrong credentials" not in ingest("status").stdout


def test_token_is_made_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new token is shown once; the file keeps what admits it, and the list what it may be called."""
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(tmp_path / "tokens"))

    made = ingest("token", "new", "shop").stdout

    secret = made.split()[1]
    assert f"push path   /airudder/custom-api/{secret}" in made
    (token,) = load({"INGEST_TOKENS_FILE": str(tmp_path / "tokens")}).tokens
    assert Access((token,)).source_of(secret, []) == "shop"
    assert secret not in (tmp_path / "tokens").read_text()
    listed = ingest("token", "list").stdout
    assert f"shop    {token.fingerprint}" in listed
    assert secret not in listed


def test_token_without_file_says_what_to_set() -> None:
    """Where no file is set, the item for INGEST_TOKENS is shown."""
    made = ingest("token", "new", "shop").stdout

    item = made.splitlines()[-1]
    (token,) = load({"INGEST_TOKENS": item}).tokens
    assert Access((token,)).source_of(made.split()[1], []) == "shop"


def test_rotation_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
    """Of two tokens of one source the list tells which is used, and when they were made; the old one is revoked by its
    fingerprint, with nothing else in the file changed."""
    file = tmp_path / "tokens"
    file.write_text("# by hand\nshop=old\n")
    monkeypatch.setenv("INGEST_TOKENS_FILE", str(file))
    ingest("token", "new", "shop")
    old, new = load({"INGEST_TOKENS_FILE": str(file)}).tokens
    client.hset(keys.LAST_USED, old.fingerprint, datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC).timestamp())

    listed = ingest("token", "list").stdout.splitlines()

    today = datetime.now(UTC).date().isoformat()
    assert listed[1].split() == ["source", "fingerprint", "made", "last_used"]
    assert listed[2].split() == ["shop", old.fingerprint, "-", "2026-11-28", "01:02:03Z"]
    assert listed[3].split() == ["shop", new.fingerprint, today, "-"]
    revoked = ingest("token", "revoke", old.fingerprint.upper())
    assert (revoked.returncode, revoked.stderr) == (0, "")
    assert f"revoked     {old.fingerprint} of shop" in revoked.stdout
    assert "ingest token reload" in revoked.stdout
    assert file.read_text().startswith(f"# by hand\n# made {today}\nshop=sha256:")
    assert load({"INGEST_TOKENS_FILE": str(file)}).tokens == (new,)


def test_list_of_tokens_needs_no_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Redis the tokens are listed, and it is said what is not known."""
    monkeypatch.setenv("INGEST_TOKENS", "shop=s3cret")
    for url in ("redis://127.0.0.1:1/0", ""):
        monkeypatch.setenv("REDIS_URL", url)

        listed = ingest("token", "list")

        assert listed.returncode == 0
        assert "when they were last used is not known" in listed.stderr
        assert "shop" in listed.stdout


def test_revoking_what_is_not_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fingerprint that nobody has, and one in the environment, which no command changes, are exit code 1."""
    monkeypatch.setenv("INGEST_TOKENS", "shop=s3cret")
    (token,) = load({"INGEST_TOKENS": "shop=s3cret"}).tokens

    assert "no token has the fingerprint" in ingest("token", "revoke", "00000000").stderr
    listed = ingest("token", "revoke", token.fingerprint)
    assert (listed.returncode, listed.stdout) == (1, "")
    assert "take it out there, and restart web" in listed.stderr


def test_reload_without_up_says_how(client: Any) -> None:
    """Where no `ingest up` runs, the way to web's process is told."""
    result = ingest("token", "reload")

    assert result.returncode == 1
    assert "send SIGHUP to web's process" in result.stderr


def test_reload_of_anothers_up_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that may not be sent a signal is one sentence."""
    monkeypatch.setenv("INGEST_DATA_DIR", str(tmp_path))

    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    with locked_by(os.getpid(), tmp_path):
        monkeypatch.setattr(os, "kill", refuse)
        with pytest.raises(SystemExit) as ended:
            token.reload.main([], standalone_mode=False)

    assert ended.value.code == 1
    assert "is another user's: run this as that user, or as root" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["", "a b", "a=b", "a,b", "#a", "a/b", 'a"', "a\u200b"])
def test_token_source_is_one_word(source: str) -> None:
    """A source that could not be read back is refused."""
    assert ingest("token", "new", source).returncode == 2
