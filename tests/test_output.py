"""What commands print of pushes: characters that move a terminal's cursor, or begin a line, are spelt."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ops.output import print_record, print_table, shown, word
from tests.processes import ingest
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle
from workers.sweeper.drift.chore import FieldSamples

CLEAR, TITLE, FORGED = "\x1b[2J", "\x1b]0;all is well\x07", "\r\nFORGED  nobody is needed\x85"
ODD = f"a{CLEAR}{TITLE}{FORGED}\x9b1Az"
SPELT = r"a\x1b[2J\x1b]0;all is well\x07\x0d\x0aFORGED  nobody is needed\x85\x9b1Az"
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but for the tab and the line's end, of C1 as well"""


def test_word_is_spelt() -> None:
    """As a text, and within whatever else is printed as one; what is to be kept is kept."""
    assert (word(ODD), word("é 印\t.")) == (SPELT, r"é 印\x09.")
    assert word([ODD]).isprintable()
    assert shown("a\tb\nc\r", keep="\t\n") == "a\tb\nc\\x0d"


def test_tables_and_records_are_spelt(capsys: pytest.CaptureFixture[str]) -> None:
    """A row is a line, and its columns are as wide as what is printed."""
    print_table("rows", [{"name": ODD, "next": 1}, {"name": "b", "next": 2}])
    print_record("record", {"name": ODD, "next": 1})

    table = ["rows (2)", f"  {'name'.ljust(len(SPELT))}  next", f"  {SPELT}  1", f"  {'b'.ljust(len(SPELT))}  2"]
    assert capsys.readouterr().out.split("\n") == [*table, "record", f"  name  {SPELT}", "  next  1", ""]


@pytest.mark.usefixtures("environment")
def test_commands_spell_what_pushes_bring(client: Any, database: Database) -> None:
    """Wherever a name or a type of the sender's is printed, it is in its cell, and does nothing to the terminal."""
    odd = push("c1", workflow_id=ODD, workflow_name=ODD, node_id=ODD, node_name=ODD)
    odd["call"]["ring_type"] = odd["call"]["hangup_type"] = ODD
    odd["callee"]["callee_name"] = odd["callee"]["case_id"] = odd["callee"]["due_date"] = ODD
    odd["callee"][ODD] = odd["custom_attribute"][ODD] = odd["call"][ODD] = {ODD: [ODD]}
    read, dead = entry(odd), entry(ODD.encode())
    settle(database, [read, dead])
    FieldSamples(client, database).run_once()

    for command in ("find c1", "find +6281234567890", "drift", "trace c1", "status", "dead", "dead list"):
        assert_harmless(ingest(*command.split()).stdout, command)
    for one in (read, dead):
        record, heading, body = ingest("dead", "show", str(one.uuid)).stdout.partition("\nbody\n")
        assert_harmless(record, "dead show")
        assert heading
        assert not RAW.search(body)
    assert SPELT in ingest("find", "c1").stdout
    assert SPELT in ingest("drift").stdout
    assert r"a\x1b[2J\x1b]0;all is well\x07\x0d" in body, "of a body lines stay lines"


def assert_harmless(printed: str, command: str) -> None:
    """There is nothing but text, and no line is the sender's."""
    assert not RAW.search(printed), command
    assert not re.search(r"^\s*FORGED", printed, re.M), command
