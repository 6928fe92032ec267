"""Functions of the customer's own: how they are named, what they may answer, and what is shown of their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg import Connection
from rq.timeouts import JobTimeoutException, UnixSignalDeathPenalty

from ingest.batch.entry import Entry
from ingest.errors import RefusedError, SettingError
from ingest.kinds.normalise import normalise
from ingest.opening.openers import Openers, openers
from ingest.settings import load
from tests import made_up_seal
from tests.processes import ingest
from tests.pushes import entry, push, signed
from tests.sources import ROOT
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

MODULE = made_up_seal.__name__
SECRET, OTHER_SECRET = b"the key itself", b"another key"
SOURCE = "lender-a"


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both functions are those of one source, and their key is there."""
    (tmp_path / "key").write_bytes(SECRET)
    monkeypatch.setenv(made_up_seal.KEY, str(tmp_path / "key"))
    monkeypatch.setenv("INGEST_VERIFIERS", f"{SOURCE}={MODULE}:verify")
    monkeypatch.setenv("INGEST_DECRYPTORS", f"{SOURCE}={MODULE}:decrypt")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(autouse=True)
def own_functions(named: None) -> Any:
    """This process reads its environment again."""
    openers.cache_clear()
    yield
    openers.cache_clear()


def sealed_entry(content: Any, secret: bytes = SECRET) -> Entry:
    """A push of the source, encrypted and signed."""
    body = made_up_seal.sealed(content, secret)
    return signed(entry(body, SOURCE), made_up_seal.signature(body, secret))


def test_rows_are_those_of_the_plain_push(database: Database, connection: Rows) -> None:
    """What is stored raw is what came; every row is as if the JSON had come."""
    one = sealed_entry(push())
    plain = msgspec.structs.replace(one, body=msgspec.json.encode(push()))

    settle(database, [one])

    (stored,) = rows(connection, "pushes")
    assert (stored["body"], stored["status"], stored["call_id"]) == (one.body, "normalised", "c1")
    assert (stored["signature"], stored["warnings"]) == (one.signature, None)
    assert len(rows(connection, "call_turns")) == len(push()["call"]["asr_result"])
    assert normalise(one, plain.body).rows == normalise(plain).rows


def test_another_iv_is_another_push(database: Database, connection: Rows) -> None:
    """Of the same plain text: its bytes differ, so it is no redelivery; the same bytes are one."""
    one, again = sealed_entry(push()), sealed_entry(push())
    retry = msgspec.structs.replace(sealed_entry(push()), body=one.body, signature=one.signature)
    settle(database, [one, again, retry])

    assert sorted(row["status"] for row in rows(connection, "pushes")) == ["duplicate", "normalised", "normalised"]


BAD: dict[str, tuple[dict[str, str], bytes, str]] = {
    "wrong signature": ({}, OTHER_SECRET, "the verifier of its source refused it: ValueError at verify:"),
    "no signature": ({}, b"", "the verifier of its source refused it: KeyError at verify:"),
    "answers False": ({"verifier": "answers_false"}, SECRET, "the verifier of its source refused it"),
    "another key": (
        {"verifier": ""},
        OTHER_SECRET,
        "the decryptor of its source refused it: ValueError at decrypt:",
    ),
    "no bytes": ({"decryptor": "gives_text"}, SECRET, "the decryptor of its source gave str, not bytes"),
}


@pytest.mark.parametrize(("functions", "secret", "error"), BAD.values(), ids=BAD)
def test_what_is_not_opened_is_dead(
    database: Database,
    connection: Rows,
    monkeypatch: pytest.MonkeyPatch,
    functions: dict[str, str],
    secret: bytes,
    error: str,
) -> None:
    """With an error that shows neither key nor content; its batch-mates are normalised."""
    for role, name in functions.items():
        variable = f"INGEST_{role.upper()}S"
        monkeypatch.setenv(variable, f"{SOURCE}={MODULE}:{name}") if name else monkeypatch.delenv(variable)
    one = sealed_entry(push("Budi"), secret)
    one = one if secret else msgspec.structs.replace(one, signature=None)

    settle(database, [one, entry(push("c2"))])

    dead, other = sorted(rows(connection, "pushes"), key=lambda row: row["status"])
    assert (dead["status"], other["status"], dead["body"]) == ("dead", "normalised", one.body)
    assert dead["error"].startswith(error)
    assert not any(word in dead["error"] for word in ("Budi", "key", "sealed"))


def test_what_is_in_it_may_be_no_push(database: Database, connection: Rows) -> None:
    """Decrypted, it is judged as any other body is."""
    settle(database, [sealed_entry([1]), sealed_entry({"a": 1})])

    assert {row["error"] for row in rows(connection, "pushes")} == {
        "decrypted, and a JSON object is expected, not an array",
        "nothing recognised: no call, callee, case, task or workflow",
    }


def test_other_sources_and_pulled_calls_are_plain(database: Database, connection: Rows, monkeypatch: Any) -> None:
    """Nobody encrypts what our own commands have asked for; their signature is wanted all the same."""
    pulled = {"task_id": "t1", "call_key": "k", "call": {"Status": "finished"}}
    one = msgspec.structs.replace(entry(pulled, SOURCE), kind="pulled-call")
    settle(database, [entry(push(), "lender-b"), one])
    assert sorted(row["status"] for row in rows(connection, "pushes")) == ["dead", "normalised"]

    monkeypatch.delenv("INGEST_VERIFIERS")
    openers.cache_clear()
    settle(database, [msgspec.structs.replace(entry(pulled, SOURCE), kind="pulled-call")])
    assert sorted(row["status"] for row in rows(connection, "pushes")) == ["dead", "normalised", "normalised"]


def test_server_that_is_away_says_nothing(database: Database, connection: Rows, monkeypatch: Any) -> None:
    """A push whose key cannot be fetched is not dead: it waits, and the others are settled."""
    monkeypatch.delenv("INGEST_VERIFIERS")
    monkeypatch.setenv("INGEST_DECRYPTORS", f"{SOURCE}={MODULE}:needs_a_server")
    one = sealed_entry(push())

    with pytest.raises(RefusedError, match="ConnectionRefusedError") as caught:
        settle(database, [one, entry(push("c2"))])

    assert caught.value.push_ids == [one.uuid]
    assert [row["status"] for row in rows(connection, "pushes")] == ["normalised"]


def test_end_of_a_jobs_time_says_nothing() -> None:
    """The alarm of RQ may ring inside of a function."""

    def too_long(_headers: Any, _body: bytes) -> bytes:
        raise JobTimeoutException

    with pytest.raises(JobTimeoutException):
        Openers({}, {SOURCE: too_long}).open(entry(b"", SOURCE))


@pytest.mark.parametrize(
    ("variable", "name"),
    [("INGEST_DECRYPTORS", "hangs"), ("INGEST_VERIFIERS", "hangs"), ("INGEST_VERIFIERS", "hangs_and_answers_false")],
)
def test_end_of_a_jobs_time_is_noticed_behind_any_error(
    database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    """A function makes what it likes of the alarm: no push is dead for it."""
    monkeypatch.delenv("INGEST_VERIFIERS")
    monkeypatch.setenv(variable, f"{SOURCE}={MODULE}:{name}")

    with pytest.raises(JobTimeoutException), UnixSignalDeathPenalty(1, JobTimeoutException):  # type: ignore[no-untyped-call]
        settle(database, [sealed_entry(push())])

    assert rows(connection, "pushes") == []


@pytest.mark.parametrize(
    "text", ["a", "a=b", "a=b.c", "=b:c", "a=:c", "a=b:", "a=b c:d", "a=b:c.d", "a=1b:c", "a/b=c:d", "a=b:c;d=e:f"]
)
@pytest.mark.parametrize("variable", ["INGEST_VERIFIERS", "INGEST_DECRYPTORS"])
def test_form_is_checked(variable: str, text: str) -> None:
    """The item is named by its place, and its text is not shown."""
    with pytest.raises(SettingError, match=f"{variable}: item 2 is not of the form") as caught:
        load({variable: f"x=y:z, {text}"})
    assert text not in str(caught.value).removesuffix("source=package.module:function") or text == "a"


def test_source_has_one_function() -> None:
    """The same twice is no matter."""
    assert load({"INGEST_DECRYPTORS": "a=b:c,,a=b:c"}).decryptors == {"a": "b:c"}
    with pytest.raises(SettingError, match="item 2 has the source of another item"):
        load({"INGEST_DECRYPTORS": "a=b:c,a=b:d"})


IMPOSSIBLE = {
    "no module": ("nowhere.at_all:decrypt", "ModuleNotFoundError nowhere"),
    "no function": (f"{MODULE}:nothing", "is no plain function"),
    "no function but a text": (f"{MODULE}:KEY", "is no plain function"),
    "a coroutine": (f"{MODULE}:later", "is no plain function"),
    "a broken module": ("tests.test_that_is_not_there:x", "ModuleNotFoundError"),
}


@pytest.mark.parametrize(("path", "why"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_function_is_refused(path: str, why: str) -> None:
    """By variable, source and reason."""
    with pytest.raises(SettingError, match=f"INGEST_DECRYPTORS: {SOURCE}={path} .*{why}"):
        Openers.of(load({"INGEST_DECRYPTORS": f"{SOURCE}={path}"}))


@pytest.mark.parametrize("process", ["worker", "sweeper"])
def test_processes_that_read_refuse_to_start(environment: None, tmp_path: Path, process: str) -> None:
    """Rather than to bury what comes; web starts without the function."""
    bad = {"INGEST_DECRYPTORS": f"{SOURCE}=nowhere:decrypt"}
    result = ingest(process, **bad)
    assert (result.returncode, result.stdout) == (1, "")
    assert "INGEST_DECRYPTORS: lender-a=nowhere:decrypt cannot be imported: ModuleNotFoundError" in result.stderr


def test_doctor_names_them(environment: None) -> None:
    """What can be imported, what cannot, and what no token leads to."""
    tokens = {"INGEST_TOKENS": f"{SOURCE}=s3cret"}
    good = ingest("doctor", **tokens).stdout
    assert f"ok      INGEST_VERIFIERS: {SOURCE}={MODULE}:verify can be imported (in this shell)" in good
    assert "CHANGE  INGEST_" not in good

    bad = ingest("doctor", **tokens, INGEST_DECRYPTORS="lender-b=nowhere:x")
    assert bad.returncode == 1
    assert "CHANGE  INGEST_DECRYPTORS: lender-b=nowhere:x cannot be imported" in bad.stdout
    assert "CHANGE  INGEST_DECRYPTORS: no token is of a source lender-b" in bad.stdout
