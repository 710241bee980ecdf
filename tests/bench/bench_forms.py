"""Part of `make bench`: what a drill costs in each form of a dump, beside the pipe of a shell.

For each form, interleaved in one run: the floor (initdb, start with the settings of a drill, createdb,
`cat`, `gunzip -c` or `zstd -dc` into psql, or pg_restore with its jobs, stop, remove), the naive way
(the same with the settings of a new server and one job), and a drill without configured checks. Of the
drill two times are shown: until the dump is loaded (find, start, load), and with the checks and the end.
Beside them stands the time of the processors, of the servers too: its ratio is steady on a busy machine.

Usage: python -m tests.bench.bench_forms [ROWS]
"""

import gzip
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import zstandard

from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.binaries import Installation
from tests.bench.bench_tables import (
    ACCOUNT,
    AS_INSTALLED,
    JOBS,
    ROUNDS,
    installed,
    run,
    server,
    spent,
)
from tests.bench.measured import Row, note

ROWS = 2_000_000
TEXT = """
create table events (id bigint primary key, at timestamptz not null, kind text not null, body text not null);
insert into events select g, timestamptz '2026-01-01' + g * interval '1 second', 'kind ' || g % 17,
  md5(g::text) || ' ' || md5((g * 7)::text) || E'\\nand more' from generate_series(1, {rows}) g;
create table marks (id bigint primary key references events, value numeric(12, 3));
insert into marks select g, g * 1.5 from generate_series(1, {rows} / 2) g;
create index on events (kind, at);
"""
FORMS = {
    "plain": ("x.sql", ["cat"]),
    "plain.gz": ("x.sql.gz", ["gunzip", "-c"]),
    "plain.zst": ("x.sql.zst", ["zstd", "-dc"]),
    "custom": ("x.dump", []),
    "directory": ("x.dir", []),
}


def dump(installation: Installation, rows: int, folder: Path) -> None:
    with server(installation, tuned=True) as places:
        with cluster.superuser_connection(places) as connection:
            connection.execute(TEXT.format(rows=rows).encode())
        for name, options in {
            "x.sql": [],
            "x.dump": ["-Fc"],
            "x.dir": ["-Fd", f"-j{JOBS}"],
        }.items():
            inside = places.sockets / name
            run(places, installation, "pg_dump", *options, f"--file={inside}", "postgres")
            shutil.move(inside, folder / name)
    text = (folder / "x.sql").read_bytes()
    (folder / "x.sql.gz").write_bytes(gzip.compress(text, 6))
    (folder / "x.sql.zst").write_bytes(zstandard.ZstdCompressor().compress(text))
    print(f"{len(text) / 1e6:,.0f} MB of plain SQL")


def restore(installation: Installation, file: Path, command: list[str], *, tuned: bool) -> float:
    """Seconds until the dump is loaded."""
    began = time.perf_counter()
    with server(installation, tuned=tuned) as places:
        run(places, installation, "createdb", "--template=template0", "forms")
        if command:
            feed = subprocess.Popen([*command, str(file)], stdout=subprocess.PIPE)
            assert feed.stdout is not None, "a pipe"
            client = [f"--host={places.sockets}", f"--username={cluster.SUPERUSER}"]
            loading = processes.spawn(
                [installation.program("psql"), *client, "-X", "-q", "-o/dev/null", "-dforms"],
                directory=places.directory,
                account=ACCOUNT,
                stdin=feed.stdout,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            assert loading.wait() == feed.wait() == 0
        else:
            jobs = [f"--jobs={JOBS}"] if tuned else []
            run(places, installation, "pg_restore", "--dbname=forms", *jobs, str(file))
        return time.perf_counter() - began


def drill(folder: Path) -> tuple[float, float]:
    """Seconds until the dump is loaded, and in all."""
    argv = [sys.executable, "-m", "restorecheck", "drill", "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        argv, cwd=folder, env=AS_INSTALLED, capture_output=True, text=True, check=False
    )
    whole = time.perf_counter() - began
    report = json.loads(done.stdout)
    assert report["verdict"] == "verified", report["reason"]
    (check,) = (step for step in report["steps"] if step["name"] == "check")
    checked, ended = (
        datetime.fromisoformat(moment) for moment in (check["started_at"], report["finished_at"])
    )
    return whole - (ended - checked).total_seconds(), whole


def keep(act: Callable[[], tuple[float, ...]], found: list[tuple[float, ...]]) -> None:
    found.append(act())


def compare(installation: Installation, form: str, folder: Path) -> None:
    name, command = FORMS[form]
    if command and shutil.which(command[0]) is None:
        print(f"{form:10} {command[0]} is not installed")
        return
    (folder / "restorecheck.yaml").write_text(
        f"version: 1\nhistory: {{path: {folder}/{form}.sqlite}}\n"
        f"postgres: {{work_dir: {folder}/work, bin_dir: {installation.bin_dir}}}\n"
        f"targets: [{{name: forms, dump: {{path: {name}, max_age_hours: 24}}}}]\n"
    )
    ways: dict[str, Callable[[], tuple[float, ...]]] = {
        "floor": lambda: (restore(installation, folder / name, command, tuned=True),),
        "naive": lambda: (restore(installation, folder / name, command, tuned=False),),
        "drill": lambda: drill(folder),
    }
    found: dict[str, list[tuple[float, ...]]] = {way: [] for way in ways}
    work: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, act in ways.items():
            work[way].append(spent(partial(keep, act, found[way]))[1])
    cpu = {way: statistics.median(seconds) for way, seconds in work.items()}
    floor, naive = (statistics.median(t[0] for t in found[way]) for way in ("floor", "naive"))
    loaded, whole = (statistics.median(t[place] for t in found["drill"]) for place in (0, 1))
    print(
        f"{form:10} floor {floor:6.1f} s   loaded {loaded / floor:4.2f} x floor, {loaded / naive:4.2f} x naive"
        f"   with checks {whole / floor:4.2f} x floor;"
        f" processors {cpu['drill']:6.1f} s, {cpu['drill'] / cpu['floor']:4.2f} x floor,"
        f" {cpu['drill'] / cpu['naive']:4.2f} x naive",
        flush=True,
    )
    for beside, base in (("floor", floor), ("naive", naive)):
        for what, seconds in (("load", loaded), ("drill with its checks", whole)):
            row = Row(
                part="forms of a dump",
                what=f"{form}: {what}",
                beside=beside,
                seconds=seconds,
                wall=seconds / base,
                processors=cpu["drill"] / cpu[beside] if seconds is whole else None,
            )
            note(row)


def main() -> None:
    installation = installed()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(f"forms of a dump, PostgreSQL {installation.version}, {JOBS} processors")
    with tempfile.TemporaryDirectory(prefix="rcbench", dir="/tmp") as name:
        folder = Path(name)
        (folder / "work").mkdir(mode=0o755)
        folder.chmod(0o755)
        dump(installation, rows, folder)
        for form in FORMS:
            compare(installation, form, folder)


if __name__ == "__main__":
    main()
