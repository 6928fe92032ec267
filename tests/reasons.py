"""The reasons for which web refuses, as its modules name them and as the runbook tells them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.sources import ROOT

_PLACES = {"RequestRefusedError": 1, "_refuse": 1, "note": 0, "note_peer": 0, "_note": 0}
"""Which argument of a call is the reason"""


def reasons_given() -> set[str]:
    """Those in the source of web."""
    return {reason for path in (ROOT / "ingest" / "web").glob("*.py") for reason in _reasons(path)}


def reasons_told() -> dict[str, str]:
    """Those in the runbook, with the answer that each has there; one that is told twice is an error."""
    page = (ROOT / "docs" / "runbook.md").read_text()
    section = page.partition("\n## Refusals\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (\w+) \|", section, re.M)
    told = [(reason, answer) for names, answer in rows for reason in re.findall(r"`([^`]+)`", names)]
    assert len(told) == len(dict(told))
    return dict(told)


def _reasons(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            place = _PLACES.get(ast.unparse(node.func).rpartition(".")[2])
            for part in ast.walk(node.args[place]) if place is not None and len(node.args) > place else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value
