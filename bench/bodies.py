"""Bodies: the vendor's sample push as a template, at the sizes that are measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parents[1] / "tests" / "samples" / "custom-api.json"
NUMBER = "@NUMBER@@"
"""Stands for nine digits of the callee's number"""
CALL_ID = "@CALL_ID@@@@@@@@@@@@@@@@@@@@@@@@"
"""Stands for the 32 characters of the call's id"""

SAMPLE_SIZE = "1.2 kB"
_TURN = {"time": "00:00:07", "robottext": "Apakah Bapak bisa membayar hari ini?", "text": "iya, besok saya bayar"}
_TURNS = {"10 kB": 85, "200 kB": 1860}


def templates(folder: Path) -> dict[str, Path]:
    """Write the templates into a folder; by size: the smallest push, the sample, long transcripts."""
    contents = {"200 B": _smallest(), SAMPLE_SIZE: _sample(), **{size: _long(turns) for size, turns in _TURNS.items()}}
    paths = {}
    for size, content in contents.items():
        paths[size] = folder / f"{size.replace(' ', '-')}.json"
        paths[size].write_text(json.dumps(content, separators=(",", ":")))
    return paths


def numbered(template: bytes, serial: int) -> bytes:
    """A push of its own, as `push.lua` makes them."""
    number = serial * 2999999 % 999999937
    return template.replace(NUMBER.encode(), b"%09d" % number).replace(
        CALL_ID.encode(), b"%09d%023d" % (number, serial)
    )


def _sample() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SAMPLE.read_text())
    content["callee"]["callee_number"] = f"+628{NUMBER}"
    content["call"]["call_id"] = CALL_ID
    return content


def _smallest() -> dict[str, Any]:
    sample = _sample()
    return {
        "workflow_id": sample["workflow_id"],
        "node_id": "1",
        "callee": {"callee_number": sample["callee"]["callee_number"]},
        "call": {"call_id": CALL_ID, "ring_type": "busy"},
    }


def _long(turns: int) -> dict[str, Any]:
    content = _sample()
    content["call"]["asr_result"] = [_TURN] * turns
    return content
