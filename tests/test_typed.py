"""Conditions as they are typed: one that is empty or no text is refused, and leaves none out."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from ingest.batch import keys
from tests.processes import ingest
from tests.pushes import entry
from tests.stored import rows
from workers.database import Database
from workers.settle import settle

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

DISCARD = ("dead", "discard")
BYTE = "\udcff"
"""The byte FF among a command's arguments, as Python has it"""


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ((*DISCARD, "--group", "", "--source", "default", "--reason", "why"), "--group"),
        ((*DISCARD, "--source", "", "--kind", "custom-api", "--reason", "why"), "--source"),
        ((*DISCARD, "--source", f"default{BYTE}", "--kind", "custom-api", "--reason", "why"), "--source"),
        ((*DISCARD, "--all", "--reason", ""), "--reason"),
        ((*DISCARD, "--all", "--reason", " \t"), "--reason"),
        ((*DISCARD, "--all", "--reason", BYTE), "--reason"),
        (("replay", "--group", "", "--since", "2020-01-01"), "--group"),
        (("replay", "--source", "", "--since", "2020-01-01"), "--source"),
        (("replay", "--source", BYTE, "--since", "2020-01-01"), "--source"),
        (("erase", "--callee-number", "+6281234567890", "--source", ""), "--source"),
        (("pause", "--reason", ""), "--reason"),
    ],
)
def test_empty_condition_is_refused(
    client: Any, connection: Rows, database: Database, arguments: tuple[str, ...], option: str
) -> None:
    """A variable that a script has not set widens no choice: exit code 2, and everything is as it was."""
    settle(database, [entry(b"[]"), entry(b"[]", "lender-b")])
    before = everything(connection)

    refused = ingest(*arguments)

    why = "it is not UTF-8" if any(BYTE in one for one in arguments) else "it is empty"
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"Invalid value for '{option}': {why}" in refused.stderr
    assert everything(connection) == before
    assert not client.exists(keys.PAUSE)


def everything(connection: Rows) -> list[list[dict[str, Any]]]:
    """The pushes, and what is recorded of operators' doings."""
    return [rows(connection, name) for name in ("pushes", "push_events", "replays", "actions")]


@pytest.mark.parametrize("rate", ["nan", "inf", "-1", "1e400"])
def test_rate_is_a_number(rate: str) -> None:
    """Nothing is sent at a rate that is none."""
    refused = ingest("send", "--rate", rate, "http://127.0.0.1:1/airudder/custom-api")

    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--rate" in refused.stderr
