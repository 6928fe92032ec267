"""Report: the results of a run as JSON, as a table and as a picture, in `bench/results/`."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.experiments.acknowledge import BARE, OURS, PEERS
from bench.results import TARGETS, Results

FOLDER = Path(__file__).parent / "results"
_COLOURS = {BARE: "0.6", OURS: "tab:blue"}


def write(results: Results, machine: dict[str, str], name: str) -> None:
    """Write `name`.json, .md, .png and .svg."""
    whole = {"machine": machine, "figures": results.figures, "raw": results.raw}
    (FOLDER / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")
    (FOLDER / f"{name}.md").write_text(table(results, machine))
    _draw(results, name)


def table(results: Results, machine: dict[str, str]) -> str:
    """Every figure beside its target, and the machine."""
    lines = ["| figure | median | from … to | rounds | target |", "|---|---|---|---|---|"]
    for figure, values in results.figures.items():
        target = TARGETS.get(figure)
        verdict = "" if target is None else f"{target} {'met' if target.is_met(results.median(figure)) else 'MISSED'}"
        spread = f"{_number(min(values))} … {_number(max(values))}"
        lines.append(f"| {figure} | {_number(results.median(figure))} | {spread} | {len(values)} | {verdict} |")
    described = [f"- {name}: {words}" for name, words in machine.items()]
    return "\n".join([*lines, "", "Everything on one machine:", "", *described, ""])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _draw(results: Results, name: str) -> None:
    mpl.rcParams["svg.hashsalt"] = "bench"
    names = [BARE, OURS, *PEERS]
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained", sharey=True)
    panels = {"rate": "acknowledged pushes a second", "p99_ms": "p99 of the answer, ms (logarithmic)"}
    for axis, (key, title) in zip(axes, panels.items(), strict=True):
        rounds = [results.rates("side by side", one, key) for one in names]
        medians = [statistics.median(values) for values in rounds]
        reach = [
            [median - min(values) for median, values in zip(medians, rounds, strict=True)],
            [max(values) - median for median, values in zip(medians, rounds, strict=True)],
        ]
        axis.barh(names, medians, xerr=reach, color=[_COLOURS.get(one, "tab:orange") for one in names])
        axis.set_title(title)
        axis.set_xscale("log" if key == "p99_ms" else "linear")
        axis.invert_yaxis()
    axes[0].set_yticks(range(len(names)), names)
    figure.suptitle("One web process, 64 connections, the 1.2 kB push, no worker; bars are medians, lines the spread")
    for suffix in ("png", "svg"):
        figure.savefig(FOLDER / f"{name}.{suffix}", dpi=120, metadata={"Date": None} if suffix == "svg" else None)
    plt.close(figure)
