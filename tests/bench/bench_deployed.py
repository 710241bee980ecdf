"""Part of `make bench`: times, calls and cost of a night of the AWS deployment, up to 5,000 targets.

The real planner, stepper and engine over a simulated AWS with its quotas (`tests/simulation/deployed_night.py`). Writes the
table of `docs/explanation/scale.md`.

Usage: python -m tests.bench.bench_deployed [TARGETS PARALLEL]
"""

import logging
import sys
from pathlib import Path

import structlog

from tests.simulation.deployed_night import Counted, DeployedNight

PAGE = Path(__file__).parents[2] / "docs/explanation/scale.md"
BEGIN, END = "<!-- written by tests/bench/bench_deployed.py -->\n", "<!-- end -->\n"
NIGHTS = ((40, 40), (500, 40), (1000, 40), (5000, 40), (5000, 400))
"""Targets, and how many run at once: the default quota of instances, and a raised one."""
HEAD = (
    "| targets | at once | list of the night | last report after | looks for each drill | longest history | RDS calls for each drill "
    "| cost of the night | for each target, without the instance |\n|---|---|---|---|---|---|---|---|---|\n"
)


def row(night: Counted) -> str:
    dollars = night.dollars()
    beside = sum(dollars.values()) - dollars["instances"]
    looks = night.counts["stepper"] / night.targets
    calls = sum(night.calls.values()) / night.targets
    return (
        f"| {night.targets:,} | {night.at_once} | {night.list_bytes / 1000:,.0f} KB | {night.hours:.1f} h | {looks:.0f} "
        f"| {night.events:,} events | {calls:.0f} | ${sum(dollars.values()):,.2f} | ${beside / night.targets:.4f} |\n"
    )


def measure(targets: int, parallel: int) -> Counted:
    night = DeployedNight(targets, parallel, instances=parallel, copies=max(20, parallel)).run()
    assert night.verified == targets, "every target has its report"
    assert night.at_once <= parallel
    return night


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    given = [int(word) for word in sys.argv[1:]]
    table = HEAD
    for targets, parallel in [(given[0], given[1])] if given else NIGHTS:
        line = row(measure(targets, parallel))
        print(line, end="", flush=True)
        table += line
    if not given:
        text = PAGE.read_text()
        before, _, rest = text.partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{table}{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
