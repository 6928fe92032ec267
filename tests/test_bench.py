"""What the bench is built on: its pushes, and the verdict on its figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.bodies import numbered, templates
from bench.experiments import kinds
from bench.results import TARGETS, Results
from ingest.batch.entry import Entry
from ingest.batch.push_ids import PushIds
from ingest.kinds import KINDS, kind_of
from ingest.kinds.normalise import normalise

SIZES = {"200 B": 200, "1.2 kB": 1200, "10 kB": 10_000, "200 kB": 200_000}


def test_templates_have_their_sizes(tmp_path: Path) -> None:
    """Each template is about as large as its name says."""
    paths = templates(tmp_path)

    assert {size: pytest.approx(SIZES[size], rel=0.11) for size in paths} == {
        size: path.stat().st_size for size, path in paths.items()
    }


@pytest.mark.parametrize("size", SIZES)
def test_numbered_pushes_normalise(size: str, tmp_path: Path) -> None:
    """Every numbered push is a call of its own to a callee of its own, and normalises without a warning."""
    template = templates(tmp_path)[size].read_bytes()
    ids = PushIds()

    found = [normalise(Entry(*ids.draw(), "default", "custom-api", numbered(template, serial))) for serial in (1, 2)]

    assert [one.push.status for one in found] == ["normalised"] * 2
    assert [one.push.warnings for one in found] == [None, None]
    assert len({one.push.call_id for one in found}) == len({one.push.callee_number for one in found}) == 2
    assert {len(one.push.body) for one in found} == {len(template)}


def test_each_kind_with_rows_is_measured() -> None:
    """One of each module, but for those that are known by name: a kind that is added is measured, too."""
    measured = {KINDS[kind] for kind in (kinds.REFERENCE, *kinds.OTHERS)}

    assert measured == {module for kind, module in KINDS.items() if kind_of(kind).struct}
    assert len(measured) == 1 + len(kinds.OTHERS)


def test_missed_targets_are_named() -> None:
    """A figure whose median is on the wrong side of its bound is missed; one without a target never is."""
    results = Results()
    for value in (0.95, 0.1, 0.91):
        results.figure("acknowledged ÷ bare", value)
    for value in (2.6, 2.4, 2.6):
        results.figure("p99 ÷ bare's p99", value)
    results.figure("two web processes ÷ one", 0.0)

    assert results.missed() == ["p99 ÷ bare's p99"]
    assert TARGETS["acknowledged ÷ bare"].is_met(0.90)
