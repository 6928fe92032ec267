"""`make bench`: run every experiment on one stand, and hold the figures against their targets."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import machine, report
from bench.bodies import templates
from bench.experiments import acknowledge, drain, kinds, memory, strangers, together
from bench.load import check_wrk
from bench.plan import FULL, QUICK
from bench.results import Results
from bench.stand import standing
from ingest import settings
from ops.local.server import make_data_dir

EXPERIMENTS = (
    acknowledge.side_by_side,
    acknowledge.payloads,
    acknowledge.postgres_away,
    acknowledge.two_processes,
    drain.beside_copy,
    drain.peers,
    kinds.drained,
    kinds.acknowledged,
    together.saturated,
    together.burst_on_base,
    together.idle,
    strangers.slow_strangers,
    memory.queued_push,
    memory.compression,
    acknowledge.long_queue,
    drain.full_tables,
)

BY_NAME_ALONE = (drain.eight_million_calls,)
"""Those that take too long for a run of all"""


def main() -> None:
    """Measure, write `bench/results/`, and exit with 1 if a target was missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, none with millions of pushes")
    names = [experiment.__name__ for experiment in (*EXPERIMENTS, *BY_NAME_ALONE)]
    parser.add_argument(
        "only", nargs="*", metavar="EXPERIMENT", help=f"these alone, and nothing is written: {', '.join(names)}"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.only) - set(names):
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    check_wrk()
    results, begun = Results(), time.monotonic()
    # Beside the data of `ingest up`, as a temporary folder may be in memory, where a sync costs nothing.
    data_dir = settings.load().data_dir
    make_data_dir(data_dir)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=data_dir) as folder, standing(Path(folder)) as stand:
        bodies = templates(Path(folder))
        described = machine.describe(stand)
        for experiment in (*EXPERIMENTS, *BY_NAME_ALONE):
            if experiment.__name__ in arguments.only or (not arguments.only and experiment in EXPERIMENTS):
                experiment(stand, bodies, QUICK if arguments.quick else FULL, results)
    print("\n" + report.table(results, described))
    if not arguments.only:
        report.write(results, described, "quick" if arguments.quick else "full")
    print(f"{time.monotonic() - begun:.0f} s")
    if missed := results.missed():
        sys.exit("bench: targets missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
