"""What `make bench` has measured: each part notes its rows, and this program writes the page of all of them.

BENCH_FILE names the file of the rows, one JSON object a line; without it nothing is kept.

Usage: python -m tests.bench.measured ROWS > docs/explanation/speed.md
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

HEAD = """# How fast it is

Written by `make bench`: the time of restorecheck as a ratio to the time of others for the same work, measured in turns on one machine.
A ratio below 1 means that restorecheck is faster. The ratio of the processors counts the time of all processors, of the server too; it is
steadier on a busy machine. Where the load average is above the number of processors, other work ran beside, and the ratios on the wall say little.

- **floor**: the programs of PostgreSQL with the settings of a drill's server: initdb, start, load, stop, remove. A drill also runs its checks.
- **naive**: the same with the settings of a new server and one job.
- **many tables** are loaded in memory (`/dev/shm`) where there is room: ext4 passes over the inodes of files that were just deleted, so
  each run on a disk slows down the next one. A second or two of each drill do not depend on the database.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    part: str
    what: str
    beside: str
    seconds: float
    """Of restorecheck, on the wall."""
    wall: float
    """Its ratio to `beside`."""
    processors: float | None = None
    """The same ratio for the time of the processors."""
    machine: str = ""
    load: float = 0.0
    """Load average of the machine; far above its number of processors, `wall` says little."""


def note(row: Row) -> None:
    """Keep the row, if a file is named."""
    place = os.environ.get("BENCH_FILE")
    if not place:
        return
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
    with Path(place).open("a", encoding="utf-8") as file:
        measured = replace(row, machine=machine, load=os.getloadavg()[1])
        file.write(json.dumps(asdict(measured)) + "\n")


def processors() -> float:
    """Seconds of the processors until now: of this process and all below it, also of those that have ended."""
    total = 0.0
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def both(runs: Mapping[str, Callable[[], object]], times: int) -> dict[str, tuple[float, float]]:
    """The medians of the seconds on the wall and of the processors; in turns, so that what else the
    machine does hits all alike.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(times):
        for name, act in runs.items():
            began, before = time.perf_counter(), processors()
            act()
            found[name].append((time.perf_counter() - began, processors() - before))
    return {
        name: (statistics.median(w for w, _ in pairs), statistics.median(c for _, c in pairs))
        for name, pairs in found.items()
    }


def page(rows: Iterable[Row]) -> str:
    """The page, in Markdown; of rows that were measured twice the last one counts."""
    last = {(row.part, row.what, row.beside): row for row in rows}
    lines = [
        "| part | what | beside | seconds | wall | processors |",
        "|---|---|---|---:|---:|---:|",
        *(
            f"| {row.part} | {row.what} | {row.beside} | {row.seconds:,.2f} | {row.wall:.2f} |"
            f" {'' if row.processors is None else f'{row.processors:.2f}'} |"
            for row in last.values()
        ),
    ]
    machines = sorted({row.machine for row in last.values()})
    loads = sorted(row.load for row in last.values())
    between = f"load average {loads[0]:.1f} to {loads[-1]:.1f}" if loads else "nothing"
    return "\n".join([HEAD, *lines, "", f"Measured with {'; '.join(machines)}, {between}.", ""])


def read(place: Path) -> list[Row]:
    return [Row(**json.loads(line)) for line in place.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    sys.stdout.write(page(read(Path(sys.argv[1]))))
