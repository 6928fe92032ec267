"""A person whom the dialler told of: exported and erased, in nested objects too; what analysts see of them."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.batches import enqueued
from tests.dialler import NUMBER, OTHER, agent, contact, dialler_entry, said
from tests.erasing import assert_gone, counts, everything, exported
from tests.persons import MARK
from tests.processes import ingest
from tests.pushes import entry, push
from tests.stored import outcomes, rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

TEXTS = ("contactName", "address", "info1", "info2", "info3", "remark", "phoneTag", "privateData", "recLink")


def marked(state: str = "TALKRESULT", seconds: float = 0, **body: Any) -> dict[str, Any]:
    """A push about the person, with a mark wherever somebody could write anything."""
    texts = {name: f"{name} {MARK}" for name in (*TEXTS, "talkremarks")}
    free = {"customerInfo": {f"key {MARK}": {"nested": [MARK, NUMBER]}}, "mainNumber": NUMBER}
    results = {"customizeResults": {f"title {MARK}": MARK}}
    return contact(state, seconds, **{**texts, **free, **results, "agentName": "rina", "hangupReason": 0, **body})


def test_person_is_nowhere_afterwards(client: Any, database: Database, connection: Rows) -> None:
    """Contacts, calls and raw pushes go, those too that mention the number in customerInfo alone and name nobody."""
    nameless = said("ContactStatus", callid="c9", customerInfo={"a": [{"b": f"call 0812 3456 7890 {MARK}"}]})
    unknown_state = marked(MARK, callid="c2", taskId="t2")
    settle(database, [dialler_entry(one) for one in (marked(), unknown_state, nameless, agent("RINGING", callid="c1"))])
    settle(database, [dialler_entry(contact("HANGUP", callid="other", phoneNumber=OTHER))])
    enqueued(client, [dialler_entry(marked("HANGUP", 1))])

    printed = ingest("erase", "--callee-number", NUMBER)

    assert printed.returncode == 0
    assert_gone(connection, client)
    counted = counts(printed.stdout)
    assert (counted["dialer_contacts"], counted["dialer_results"], counted["dialer_calls"]) == (2, 2, 3)
    assert [row["callee_number"] for row in rows(connection, "dialer_contacts")] == [OTHER]
    assert [row["agent_name"] for row in rows(connection, "dialer_agents")] == ["rina"]


def test_statistics_of_calls_stay(client: Any, database: Database, connection: Rows) -> None:
    """When, how and by whom they were called, without them."""
    settle(database, [dialler_entry(marked("HANGUP"))])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    (call,) = rows(connection, "dialer_calls")
    stays = {"call_id": "c1", "task_id": "t1", "state": "HANGUP", "hangup_reason": 0, "agent_name": "rina"}
    assert {name: call[name] for name in stays} == stays
    assert [call[name] for name in ("callee_number", "talk_remarks", "record_link", "body_digest")] == [None] * 4


def test_everything_is_exported(client: Any, database: Database, connection: Rows) -> None:
    """The contact, what the dialler says of each call, and the raw pushes."""
    settle(database, [dialler_entry(marked())])

    held = exported(NUMBER)

    (told,) = held["dialer_contacts"]
    assert (told["contact_name"], told["customer_info"]) == (
        f"contactName {MARK}",
        {f"key {MARK}": {"nested": [MARK, NUMBER]}},
    )
    (call,) = held["calls"]
    assert [one["record_link"] for one in call["dialer_calls"]] == [f"recLink {MARK}"]
    assert len(held["pushes"]) == len(held["callees"]) == 1


def test_mention_in_another_contact_is_theirs(client: Any, database: Database, connection: Rows) -> None:
    """A push that names somebody else is that person's, and goes with them, whomever its customerInfo mentions."""
    settle(database, [dialler_entry(contact("HANGUP", phoneNumber=OTHER, customerInfo={"spouse": NUMBER}))])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 1
    assert ingest("erase", "--callee-number", OTHER).returncode == 0

    assert NUMBER not in everything(connection, client)


@pytest.mark.parametrize("seconds", [-10, 10])
def test_words_of_a_call_that_changed_hands_go(
    client: Any, database: Database, connection: Rows, seconds: float
) -> None:
    """A call that a later push says is somebody else's, whichever of the two the vendor told last."""
    texts = {"talkremarks": None, "recLink": None}
    settle(database, [dialler_entry(marked("TALKRESULT", seconds))])
    settle(database, [dialler_entry(contact("HANGUP", 0, phoneNumber=OTHER, agentName="sari", **texts))])

    assert ingest("erase", "--callee-number", NUMBER).returncode == 0

    assert_gone(connection, client)
    (call,) = rows(connection, "dialer_calls")
    assert (call["call_id"], call["callee_number"]) == ("c1", OTHER if seconds < 0 else None)
    assert outcomes(connection) == {"normalised": 1, "erased": 1}


def test_case_alone(client: Any, database: Database, connection: Rows) -> None:
    """A contact is of no case: it stays, and so does the callee, while a case of theirs is erased."""
    settle(database, [entry(push("of the case", NUMBER)), dialler_entry(marked(callid="c2"))])

    assert ingest("erase", "--case-id", "case-1").returncode == 0

    assert len(rows(connection, "dialer_contacts")) == len(rows(connection, "callees")) == 1
    assert rows(connection, "cases") == []
    assert [row["callee_number"] for row in rows(connection, "dialer_calls")] == [NUMBER]


def test_analysts_see_nobody(database: Database, connection: Rows) -> None:
    """No word, number or name: contacts and agents are pseudonyms, the same in each view."""
    settle(database, [dialler_entry(one) for one in (marked(MARK), agent("RINGING", talkResultLabel=MARK))])

    names = ("dialer_contacts", "dialer_calls", "dialer_agents", "dialer_tasks")
    seen = {
        name: connection.execute(f"SELECT * FROM airudder_analytics.{name}".encode()).fetchone() or {} for name in names
    }

    assert not any(word in str(seen) for word in (MARK, NUMBER, "rina"))
    assert len({seen[name]["agent_pseudonym"] for name in names[:3]}) == 1
    assert len({seen[name]["callee_pseudonym"] for name in names[:2]}) == 1
    assert seen["dialer_calls"]["hangup_reason"] == 0
