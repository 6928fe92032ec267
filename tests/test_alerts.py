"""The alarms and the dashboard: Prometheus understands them, each fires and ends, and names what there is."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.debian import needs
from tests.scraped import names_of_series
from tests.sources import ROOT, anchor_of

ALERTS = ROOT / "ops" / "alerts"
RULES, TESTS, GRAFANA = ALERTS / "rules.yml", ROOT / "tests" / "alerts" / "rules_test.yml", ALERTS / "grafana.json"


def promtool(*arguments: str | Path) -> str:
    """What promtool prints; fails as it does."""
    program = needs("promtool", "prometheus")
    done = subprocess.run([program, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alarms() -> list[str]:
    """Their names."""
    return re.findall(r"- alert: (\w+)", RULES.read_text())


def test_prometheus_understands_the_rules() -> None:
    """They are what Prometheus can load."""
    assert f"{len(alarms())} rules found" in promtool("check", "rules", RULES)


def test_each_alarm_fires_and_ends(tmp_path: Path) -> None:
    """On made-up series each alarm fires when it should, and not when it should not."""
    copy = tmp_path / "rules_test.yml"
    copy.write_text(TESTS.read_text().replace("RULES", str(RULES)))
    promtool("test", "rules", copy)


@pytest.mark.parametrize("name", alarms())
def test_each_alarm_is_tested_both_ways(name: str) -> None:
    """The rule tests have a case in which it fires, and one in which it does not."""
    cases = re.findall(rf"alertname: {name}\n((?: +\S.*\n)*?)(?= +- eval_time|\n|\Z)", TESTS.read_text())
    assert {"exp_labels" in case for case in cases} == {True, False}, cases


def test_each_alarm_has_its_page() -> None:
    """The runbook has the heading that an alarm names, and the page there is of this alarm alone."""
    text = RULES.read_text()
    pages = re.findall(r"- alert: (\w+).*?runbook: (\S+)#(\S+)", text, re.S)
    assert [name for name, _, _ in pages] == alarms()
    for name, path, anchor in pages:
        assert re.findall(r"\*(Ingest\w+)\*", page(ROOT / path, anchor)) == [name]


@pytest.mark.parametrize("name", alarms())
def test_each_page_shows_what_is_printed(name: str) -> None:
    """Who is on call sees what to type, and what it prints."""
    found = re.search(rf"- alert: {name}\n.*?runbook: (\S+)#(\S+)", RULES.read_text(), re.S)
    assert found
    blocks = re.findall(r"^```\n(.*?)^```", page(ROOT / found[1], found[2]), re.M | re.S)
    assert any(re.search(r"^\$ .+\n[^$\n]", block, re.M) for block in blocks)


def test_expressions_name_what_there_is() -> None:
    """No rule and no panel asks for a metric of ours that does not exist, and panels for nothing else."""
    dashboard = json.loads(GRAFANA.read_text())
    asked = " ".join(expressions(dashboard))
    assert asked
    assert set(re.findall(r"\bingest_\w+", RULES.read_text() + asked)) <= names_of_series()
    assert not re.findall(r"\bnode_\w+", asked)


def page(path: Path, anchor: str) -> str:
    """What stands under the heading with this anchor."""
    parts = re.split(r"^#{2,3} (.*)\n", path.read_text(), flags=re.M)
    (found,) = (text for heading, text in zip(parts[1::2], parts[2::2], strict=True) if anchor_of(heading) == anchor)
    return found


def expressions(part: Any) -> list[str]:
    """Every query in a dashboard."""
    if isinstance(part, dict):
        own = [part["expr"]] if "expr" in part else []
        return own + [one for value in part.values() for one in expressions(value)]
    return [one for value in part for one in expressions(value)] if isinstance(part, list) else []
