"""`make bench`: questions to a long history, against the same SQL asked by hand.

5,000 nights of 50 targets, with real reports and ten numbers a night: about 1.8 GB of SQLite.
The size beside a page over all targets is that of its index.
"""

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from restorecheck import codec
from restorecheck.engine import _compose
from restorecheck.history import Link, sha256_of
from restorecheck.hosts.clock import SystemClock
from restorecheck.sql.moments import stamp
from restorecheck.sqlite.store import SqliteStore
from tests.bench.measured import Row, note
from tests.factories import BACKUP, finished, result

NIGHTS = int(os.environ.get("BENCH_NIGHTS", "5000"))
TARGETS = 50
MEASURES = 10
LARGE_NIGHTS = 100
"""The newest, with reports as they are of a database of many tables: pages are made of these."""
CHECKS = 25
TABLES = 100
TOOK = timedelta(minutes=10)
RUNS = 9


def fill(path: Path) -> None:
    """As `SqliteStore.finish` would, but in one transaction."""
    SqliteStore(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma synchronous = off")
    db.execute("begin")
    newest = SystemClock().now().replace(microsecond=0) - timedelta(hours=6)
    state = codec.encode(finished().evolve(scheduled_for=newest))
    previous, sequence = "", 0
    for night in range(NIGHTS):
        at = newest - timedelta(days=NIGHTS - 1 - night)
        text = report_of(at, large=night >= NIGHTS - LARGE_NIGHTS)
        for number in range(TARGETS):
            sequence += 1
            target, drill_id = f"target-{number:02}", f"d-{sequence}"
            report = filled_in(text, target, drill_id, sequence, previous)
            begun, ended = stamp(at), stamp(at + TOOK)
            digest = sha256_of(report)
            db.execute(
                "insert into drills values (?, ?, 9, ?, 1, 0, ?, ?)",
                (drill_id, target, begun, state, begun),
            )
            db.execute(
                "insert into reports values (?, ?, ?, 'verified', ?, ?, ?, 0, 1, ?, ?, null, ?, 'newest')",
                (sequence, drill_id, target, begun, ended, begun, previous, digest, report),
            )
            db.executemany(
                "insert into measurements values (?, ?, ?, 'courses', 'rows', ?)",
                [(sequence, target, f"check {n}", float(night)) for n in range(MEASURES)],
            )
            previous = digest
    db.execute("commit")
    db.close()


def report_of(at: datetime, *, large: bool) -> str:
    """Of one night, with places for what differs between targets."""
    drill = finished()
    late = at - drill.started_at
    tables = {f"public.table_{number}": 1_000 * number for number in range(TABLES)}
    checks = [result("every table can be counted", kind="tables_countable", measured=tables)]
    checks += [*drill.results, *(result(f"check {number}") for number in range(CHECKS - 2))]
    moved = drill.evolve(
        started_at=at,
        finished_at=at + TOOK,
        scheduled_for=at,
        backup=replace(BACKUP, taken_at=at - timedelta(hours=3)),
        records=tuple(
            replace(
                record,
                started_at=record.started_at + late,
                finished_at=(record.finished_at or record.started_at) + late,
            )
            for record in drill.records
        ),
        results=tuple(checks) if large else drill.results,
    )
    return _compose(moved, Link(sequence=1, previous_sha256="0" * 64))


def filled_in(text: str, target: str, drill_id: str, sequence: int, previous: str) -> str:
    places = {
        "0" * 64: previous,
        '"drill_id":"d-1"': f'"drill_id":"{drill_id}"',
        '"target":"courses"': f'"target":"{target}"',
        '"sequence":1,': f'"sequence":{sequence},',
    }
    for place, value in places.items():
        assert place in text
        text = text.replace(place, value)
    return text


def median(act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="rcbench") as name:
        directory = Path(name)
        path = directory / "history.sqlite"
        began = time.perf_counter()
        fill(path)
        made = time.perf_counter() - began
        size = path.stat().st_size / 1e9
        print(f"{NIGHTS} nights x {TARGETS} targets: {size:.2f} GB, made in {made:.0f} s")
        lines = [
            'version: 1\ndefaults: {schedule: "15 3 * * *", timezone: Europe/Berlin}\ntargets:'
        ]
        lines += [f"  - {{name: target-{n:02}, dump: {{path: b}}}}" for n in range(TARGETS)]
        lines.append(f"history: {{path: {path}}}\n")
        config = directory / "restorecheck.yaml"
        config.write_text("\n".join(lines))

        def ask(*words: str) -> None:
            command = [sys.executable, "-m", "restorecheck", *words, "-c", str(config)]
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)

        bare = median(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
        for words in (["status"], ["history", "target-07"], ["report", "target-07"]):
            seconds = median(lambda words=words: ask(*words))  # type: ignore[misc]
            print(
                f"restorecheck {' '.join(words):<20} {seconds * 1e3:6.0f} ms  {seconds / bare:5.1f} x python -c pass"
            )
        site = directory / "site"
        for form, output in (("html", site), ("openmetrics", directory / "restorecheck.prom")):
            began = time.perf_counter()
            ask("report", "--all", "--format", form, "-o", str(output))
            seconds = time.perf_counter() - began
            size = (site / "index.html" if form == "html" else output).stat().st_size
            print(f"report --all --format {form:<16} {seconds:6.1f} s   {size / 1e3:5.0f} kB")
        store = SqliteStore(path)
        began = time.perf_counter()
        count = sum(1 for _ in store.stored())
        reading = time.perf_counter() - began
        store.close()
        began = time.perf_counter()
        ask("history", "verify")
        verify = time.perf_counter() - began
        print(
            f"history verify, {count} reports    {verify:6.1f} s   {verify / reading:5.1f} x reading them"
        )
        note(
            Row(
                part="history",
                what=f"history verify, {count:,} reports",
                beside="reading them",
                seconds=verify,
                wall=verify / reading,
            )
        )


if __name__ == "__main__":
    main()
