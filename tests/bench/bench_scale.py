"""Part of `make bench`: what a night costs as targets grow, from 1 to 1,000.

The real runner, engine and history over a played AWS with its quotas (`tests/simulation/scale.py`);
each number of targets in a process of its own. Writes the chart of `docs/explanation/scale.md`.

Usage: python -m tests.bench.bench_scale [TARGETS…]
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pygal
import structlog

from tests.bench.drawing import LOOK, save
from tests.simulation.scale import one_night

ROOT = Path(__file__).parents[2]
COUNTS = (1, 10, 100, 500, 1000)
PARALLEL = 40


def measure(targets: int) -> dict[str, Any]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as name:
        night = one_night(targets, Path(name), parallel=PARALLEL)
    assert night.verified == targets, "every target has its report"
    assert night.most["instance"] <= PARALLEL
    return {
        "targets": targets,
        "hours": night.hours,
        "longest wait": max(night.waited),
        "overtaken": night.overtaken,
        "calls": night.calls_per_drill,
        "megabytes": night.megabytes,
        "milliseconds": 1000 * night.seconds / targets,
    }


def draw(nights: list[dict[str, Any]]) -> None:
    chart = pygal.XY(
        title="A night of many targets (40 instances, 20 copies at once)",
        x_title="targets",
        y_title="relative to the largest night",
        logarithmic=False,
        xrange=(0, max(night["targets"] for night in nights)),
        **LOOK,
    )
    for key, unit in (
        ("hours", "hours until the last report"),
        ("calls", "AWS calls a drill"),
        ("megabytes", "memory of the runner"),
    ):
        most = max(night[key] for night in nights)
        points = [(night["targets"], round(night[key] / most, 3)) for night in nights]
        chart.add(f"{unit} (1 = {most:.0f}{' MB' if key == 'megabytes' else ''})", points)
    save(chart, "scale")


def main() -> None:
    counts = [int(word) for word in sys.argv[1:]] or list(COUNTS)
    nights = []
    for count in counts:
        code = (
            "import json; from tests.bench.bench_scale import measure; "
            f"print(json.dumps(measure({count})))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        night = json.loads(done.stdout.splitlines()[-1])
        nights.append(night)
        print(
            f"{count:5} targets in one night  {night['hours']:5.1f} h until the last report, the last "
            f"begins after {night['longest wait']:4.1f} h; {night['calls']:5.1f} AWS calls a drill; "
            f"{night['megabytes']:4.0f} MB, {night['milliseconds']:4.0f} ms a drill of this machine; "
            f"overtaken by {night['overtaken']} at most",
            flush=True,
        )
    if not sys.argv[1:]:
        draw(nights)


if __name__ == "__main__":
    main()
