"""Kinds that are known by name only: kept raw, found by whatever ids they carry, normalised once more is known."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from psycopg import Connection

from ingest.kinds import KINDS, kind_of
from ingest.kinds.kind import Ids
from ingest.kinds.normalise import ids_in, normalise
from tests import made_up_kind
from tests.kept import kept
from tests.processes import ingest, running_web
from tests.pushes import entry, ids_of
from workers.database import Database
from workers.settle import settle
from workers.sweeper.loop import Sweeper

Rows = Connection[dict[str, Any]]

BY_NAME = [name for name in KINDS if kind_of(name).struct is None]
OUR_OWN = {"pulled-notice"}
"""What our commands have asked for: no callback"""
NAME, NUMBER = "chatbot-user-message", "+6281234567801"


def named(content: Any, kind: str = NAME) -> Any:
    """What web makes of a push of such a kind."""
    return msgspec.structs.replace(entry(content), kind=kind)


def test_the_vendors_callbacks_are_known() -> None:
    """All that the vendor documents by name, and no name twice."""
    assert len(set(BY_NAME) - OUR_OWN) == 20
    assert {"call-ended", "waba-message-status", "inbound-call", "info-check-plan-ended"} <= set(BY_NAME)


@pytest.mark.parametrize(
    "content",
    [
        {"event": "x", "data": '{"call_id": "c1", "callee": "+6281234567801", "TaskID": "17"}'},
        {"data": ['[{"callId": "c1", "mobile": "6281234567801"}]'], "task_id": 17},
        {"call_id": "c1", "Mobile": 6281234567801.0, "TaskID": 17.0},
        {"call_id": "c1", "callee": NUMBER, "caller": "", "task_id": "17"},
        {"call_id": "c1", "callee": NUMBER, "from": None, "task_id": "17"},
    ],
)
def test_ids_in_any_form(content: dict[str, Any]) -> None:
    """In a text that is JSON, as a number that a program writes with a point, and beside a caller who is not said."""
    assert ids_in(NAME, named(content).body) == Ids(task_id="17", callee_number=NUMBER, call_id="c1")


@pytest.mark.parametrize(
    "caller",
    [
        "+6281111111111",
        "+6281111111111 (Budi)",
        "+6281111111111 / 82",
        6281111111111,
        ["+6281111111111"],
        {"number": 1},
    ],
)
def test_push_of_a_caller_is_nobodys_alone(caller: Any) -> None:
    """In whatever form the caller is said: erasing them looks into pushes of nobody for a mention of their number."""
    assert ids_in(NAME, named({"call_id": "c1", "callee": NUMBER, "caller": caller}).body) == Ids(call_id="c1")


@pytest.mark.parametrize("sent", [6.28123e12, 17.5, True, 10**400])
def test_number_that_is_no_id(sent: Any) -> None:
    """One that lost digits is several's, and the others are no ids at all."""
    body = b'{"task_id": 6.28123E+12}' if isinstance(sent, float) and sent > 100 else {"task_id": sent}
    assert ids_in(NAME, named(body).body).task_id is None


def test_every_name_is_acknowledged(environment: None, client: Any) -> None:
    """Web takes each by its name, and keeps it as it came."""
    with running_web() as url:
        for name in BY_NAME:
            assert httpx.post(f"{url}/airudder/{name}", json={"a": name}).status_code == 200

    assert {(one.kind, msgspec.json.decode(one.body)["a"]) for one in kept(client)} == {
        (name, name) for name in BY_NAME
    }


IDS: dict[str, tuple[Any, Ids]] = {
    "nothing known": ({"hello": 1}, Ids()),
    "at the top": ({"task_id": "t", "call_id": "c"}, Ids(task_id="t", call_id="c")),
    "other spellings": ({"TaskID": "t", "callId": 17, "WORKFLOW_ID": "w"}, Ids("w", task_id="t", call_id="17")),
    "in an object": ({"data": {"body": {"Mobile": "62 812-3456-7801"}}}, Ids(callee_number=NUMBER)),
    "in an array": ({"rows": [[{"case_id": "k"}]]}, Ids(case_id="k")),
    "the nearest one": ({"a": {"call_id": "far"}, "call_id": "near"}, Ids(call_id="near")),
    "the likelier name": ({"phone_number": "62 812 3456 7801", "callee_number": NUMBER}, Ids(callee_number=NUMBER)),
    "neither text nor number": ({"call_id": {"x": 1}, "task_id": None, "case_id": True}, Ids()),
    "no number": ({"callee": "6.28123E+12"}, Ids()),
    "several people": ({"list": [{"mobile": NUMBER}, {"mobile": "+6281234567802"}]}, Ids()),
    "several people in a list": ({"mobile": [NUMBER, "+6281234567802"]}, Ids()),
    "one person in a list": ({"mobile": [NUMBER, None, "", "62 812-3456-7801"]}, Ids(callee_number=NUMBER)),
    "another whose number cannot be read": (
        {"calls": [{"mobile": NUMBER}, {"mobile": "+6281234567802 (Budi)"}]},
        Ids(),
    ),
    "another whose number lost digits": ({"callee": NUMBER, "list": [{"mobile": "6.28123E+12"}]}, Ids()),
    "a number beside what is none": ({"callee": NUMBER, "mobile": 0, "callee_number": True}, Ids(callee_number=NUMBER)),
    "a number beside its mask": ({"callee": NUMBER, "mobile": "0812****7801"}, Ids(callee_number=NUMBER)),
    "a callee who is an object": (
        {"callee": '{"name": "Budi", "mobile": "+6281234567801"}'},
        Ids(callee_number=NUMBER),
    ),
    "who called whom": ({"caller": "+6281234567802", "callee": NUMBER}, Ids()),
    "a number behind a word": ({"callee": "unknown", "phone_number": NUMBER}, Ids(callee_number=NUMBER)),
    "with what cannot be stored": ({"call_id": "c\0\ud800"}, Ids(call_id="c")),
}


@pytest.mark.parametrize(("content", "expected"), IDS.values(), ids=IDS.keys())
def test_ids_are_found_at_any_depth(content: Any, expected: Ids) -> None:
    """By the names that the documented kinds use; what is indexed is what erase and export look for."""
    one = named(content)

    stored = normalise(one).push

    assert ids_in(NAME, one.body) == expected
    assert (stored.status, ids_of(stored)) == ("normalised", expected)


def test_raw_push_is_found_and_erased(environment: None, client: Any, database: Database, connection: Rows) -> None:
    """An operator finds it by call, and a person's are exported and erased."""
    settle(database, [named({"data": {"callee": NUMBER, "call_id": "c1"}}), named({"data": {"call_id": "c2"}})])

    assert NAME in ingest("find", "c1").stdout
    assert NUMBER in ingest("export", "--callee-number", NUMBER).stdout
    assert ingest("erase", "--callee-number", NUMBER).returncode == 0
    left = connection.execute("SELECT status, body FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["status"], row["body"] != b"") for row in left] == [("erased", False), ("normalised", True)]


def test_replay_normalises_what_was_kept(
    environment: None, client: Any, database: Database, connection: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a kind has a struct, `ingest replay` brings all that was kept to its tables."""
    bodies = [{"flow_id": "w1", "call_id": f"c{number}", "tries": number} for number in range(5)]
    settle(database, [named(body) for body in bodies])
    assert connection.execute("SELECT FROM airudder.calls").fetchall() == []
    monkeypatch.setitem(KINDS, NAME, made_up_kind.__name__)
    kind_of.cache_clear()

    replayed = ingest("replay", "--kind", NAME, "--no-wait")
    Sweeper(client, database).run_once()

    assert "5 pushes" in replayed.stdout
    calls = connection.execute("SELECT call_id, attempt FROM airudder.calls ORDER BY call_id").fetchall()
    assert [(row["call_id"], row["attempt"]) for row in calls] == [(f"c{number}", number) for number in range(5)]
    kind_of.cache_clear()
