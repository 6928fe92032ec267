"""Fields of the dialler's pushes that come in several forms, or without those that usually stand beside them."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.kinds.normalise import normalise
from ingest.tables.dialer_rows import DialerAgentRow, DialerCallRow, DialerContactRow, DialerTaskRow
from ingest.tables.rows import CallRow
from tests.dialler import agent, contact, dialler_entry, said
from tests.pushes import row_of


@pytest.mark.parametrize("name", ["rina ", "rina\u200b", "\ufeffrina", " rina"])
def test_agent_has_one_name(name: str) -> None:
    """In each table: it is what a report joins them by."""
    called = normalise(dialler_entry(contact("ANSWERED", agentName=name)))
    working = normalise(dialler_entry(agent("ANSWERED") | {"body": {"agentName": name, "State": "ANSWERED"}}))

    assert row_of(called, DialerContactRow).agent_name == "rina"
    assert row_of(called, DialerCallRow).agent_name == "rina"
    assert row_of(working, DialerAgentRow).agent_name == "rina"


@pytest.mark.parametrize("state", ["HANGUP ", " hangup", "Hangup\n"])
def test_space_around_a_state_is_no_matter(state: str) -> None:
    """The call has its end, and the table a word that reports know."""
    one = normalise(dialler_entry(contact(state)))

    assert row_of(one, CallRow).ended_at
    assert row_of(one, DialerCallRow).state == state.strip()


def test_group_without_a_name_is_stored() -> None:
    """A contact's push may name the task by its id alone."""
    row = row_of(normalise(dialler_entry(contact("CALLING", groupName="north"))), DialerTaskRow)

    assert (row.task_id, row.name, row.group_name, row.state) == ("t1", None, "north", None)


@pytest.mark.parametrize(("named", "tasks"), [({}, []), ({"taskName": "overdue"}, [("overdue", None)])])
def test_agents_group_is_not_the_tasks(named: dict[str, Any], tasks: list[Any]) -> None:
    """An agent is in a group as well."""
    body = {"taskId": "t1", "agentName": "rina", "groupName": "south", **named}
    one = normalise(dialler_entry(said("AgentStatus", **body)))

    assert [(row.name, row.group_name) for row in one.rows if isinstance(row, DialerTaskRow)] == tasks
    assert row_of(one, DialerAgentRow).group_name == "south"
