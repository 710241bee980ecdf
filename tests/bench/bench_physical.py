"""Part of `make bench`: the drill of a physical backup, beside the tools' own restore and PostgreSQL's own recovery.

For each kind, interleaved in one run: by hand (the tool's restore with as many processes, and pg_verifybackup where a
folder is copied; then a server with the tool's restore_command until it accepts writes), and a drill with the checks
of the pages. Beside the checks of the drill stands `pg_dump -Fc -Z0` of the recovered server.

Usage: python -m tests.bench.bench_physical [ROWS]
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restorecheck.postgres.physical import neutral
from restorecheck.postgres.server.cluster import Places
from tests.acceptance import pgbackrest
from tests.bench.bench_tables import AS_INSTALLED, JOBS, ROUNDS
from tests.bench.measured import Row, note
from tests.places import SHORT
from tests.production import Production, majors, producing

ROWS = 2_000_000
FILL = """
create table events (id bigint primary key, at timestamptz not null, kind text not null, body text not null);
insert into events select g, timestamptz '2026-01-01' + g * interval '1 second', 'kind ' || g % 17,
  md5(g::text) || ' ' || md5((g * 7)::text) from generate_series({first}, {last}) g;
create index on events (kind, at);
"""
MORE = "update events set body = body || 'x' where id % 5 = 0"
"""The WAL that is replayed."""
STEPS = {
    "restore": (("restore files",), "the tool's own restore"),
    "recover": (("recover",), "a bare server"),
    "check": (("check",), "pg_dump -Fc -Z0"),
}
"""What is compared → steps of the drill, and what stands beside them."""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    keys: str
    """Of `physical:`."""
    restore: Callable[[Production, Path], None]
    """The tool's restore into a folder."""
    command: str
    """Its restore_command."""


def as_account(production: Production, *argv: str | Path) -> None:
    user = ["setpriv", f"--reuid={production.account.uid}", f"--regid={production.account.gid}",
            "--clear-groups"] if production.account else []  # fmt: skip
    subprocess.run([*user, *argv], check=True, capture_output=True, cwd=production.directory)


def copied(production: Production, into: Path) -> None:
    as_account(production, "cp", "-a", "--reflink=auto", production.backups / "full", into)
    as_account(
        production, production.installation.program("pg_verifybackup"), "--no-parse-wal", into
    )


def restored(production: Production, into: Path) -> None:
    config = f"--config={production.directory}/pgbackrest.conf"
    as_account(
        production, str(pgbackrest.PROGRAM), config, "--stanza=shop",
        f"--pg1-path={into}", "restore",
    )  # fmt: skip


def kinds(production: Production) -> Iterator[Kind]:
    here = production.directory
    yield Kind(
        "base backup",
        f"{{kind: basebackup, path: {here}/backups, archive: {here}/archive}}",
        copied,
        f"cp {here}/archive/%f %p",
    )
    if (here / "repo").exists():
        yield Kind(
            "pgBackRest",
            f"{{kind: pgbackrest, config: {here}/pgbackrest.conf, stanza: shop}}",
            restored,
            f"{pgbackrest.PROGRAM} --config={here}/pgbackrest.conf --stanza=shop --pg1-path={{data}} archive-get %f %p",
        )


def fill(production: Production, rows: int) -> None:
    """Backups of half of the rows; WAL of the other half and of updates."""
    here = production.directory
    archive = f"cp %p {production.archive}/%f"
    if pgbackrest.newest_major() >= production.installation.major:
        pgbackrest.folders(production, "repo", "lock", "pglog", "spool")
        lines = (f"repo1-path={here}/repo", "compress-type=lz4", f"process-max={JOBS}")
        config = here / "pgbackrest.conf"
        config.write_text(pgbackrest.configuration(production, *lines))
        push = f"{pgbackrest.PROGRAM} --config={config} --stanza=shop archive-push %p"
        archive = f"{archive} && {push}"
    production.stop()
    production.start(archive_command=archive, max_wal_size="4GB", shared_buffers="128MB")
    if (here / "repo").exists():
        pgbackrest.pgbackrest(production, here / "pgbackrest.conf", "stanza-create")
    production.sql(FILL.format(first=1, last=rows))
    production.backup("full")
    if (here / "repo").exists():
        pgbackrest.pgbackrest(production, here / "pgbackrest.conf", "backup", "--type=full")
    production.sql(MORE)
    production.sql("select pg_switch_wal()")
    while production.archiving():
        production.sql("select pg_sleep(0.1)")
    production.stop()


@contextmanager
def recovered(production: Production, place: Path, command: str) -> Iterator[Production]:
    """A bare server of the files in `place`/data, which accepts writes; with as much memory as that of a drill."""
    copy = Production(place, production.installation, production.account)
    for name, text in (
        ("postgresql.auto.conf", f"restore_command = '{command.format(data=copy.data)}'\n"),
        ("recovery.signal", ""),
    ):
        (copy.data / name).write_text(text)
        if production.account:
            os.chown(copy.data / name, production.account.uid, production.account.gid)
    drills = neutral.recovery_settings(Places(place), {}, production.installation.major)
    buffers = drills["shared_buffers"]
    copy.start(archive_mode="off", shared_buffers=buffers, max_wal_size="4GB")
    try:
        while copy.sql("select pg_is_in_recovery()", "template1")[0][0]:
            copy.sql("select pg_sleep(0.02)", "template1")
        yield copy
    finally:
        copy.stop()


def by_hand(production: Production, kind: Kind) -> dict[str, float]:
    """Seconds of the restore, of the recovery, and of a dump to nowhere."""
    place = Path(tempfile.mkdtemp(prefix="rcb", dir=SHORT))
    try:
        if production.account:
            os.chown(place, production.account.uid, production.account.gid)
        began = time.perf_counter()
        kind.restore(production, place / "data")
        restored = time.perf_counter()
        with recovered(production, place, kind.command) as copy:
            ended = time.perf_counter()
            copy.run("pg_dump", f"--host={place}", "--username=postgres", "--format=custom", "--compress=0",
                     "--file=/dev/null", "--no-sync", "shop")  # fmt: skip
            dumped = time.perf_counter()
        return {
            "restore": restored - began,
            "recover": ended - restored,
            "check": dumped - ended,
        }
    finally:
        shutil.rmtree(place)


def drill(folder: Path) -> dict[str, float]:
    """Seconds of each step."""
    argv = [sys.executable, "-m", "restorecheck", "drill", "--json"]
    done = subprocess.run(
        argv, cwd=folder, env=AS_INSTALLED, capture_output=True, text=True, check=False
    )
    report = json.loads(done.stdout)
    assert report["verdict"] == "verified", report["reason"]
    return {step["name"]: step["seconds"] for step in report["steps"]}


def compare(production: Production, kind: Kind, folder: Path) -> None:
    (folder / "restorecheck.yaml").write_text(
        f"version: 1\nhistory: {{path: {folder}/history.sqlite}}\n"
        f"postgres: {{work_dir: {folder}/work, jobs: {JOBS}}}\n"
        f"targets: [{{name: shop, physical: {kind.keys}}}]\n"
    )
    found: dict[str, list[dict[str, float]]] = {"hand": [], "drill": []}
    for _ in range(ROUNDS):
        found["hand"].append(by_hand(production, kind))
        found["drill"].append(drill(folder))
    print(f"{kind.name}: steps {found['drill'][0]}")
    for step, (names, beside) in STEPS.items():
        ours = statistics.median(sum(each[name] for name in names) for each in found["drill"])
        floor = statistics.median(each[step] for each in found["hand"])
        print(f"{kind.name:12} {step:8} {ours:6.2f} s   {ours / floor:5.2f} x {beside}", flush=True)
        note(
            Row(
                part="physical backups",
                what=f"{kind.name}: {step}",
                beside=beside,
                seconds=ours,
                wall=ours / floor,
            )
        )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    found = majors()
    major = pgbackrest.newest_major() or max(found)
    with producing(found[major], "--wal-segsize=16") as production:
        fill(production, rows)
        size = sum(p.stat().st_size for p in production.data.rglob("*") if p.is_file())
        wal = sum(p.stat().st_size for p in production.archive.iterdir())
        print(
            f"physical backups, PostgreSQL {major}, {size / 1e6:,.0f} MB, {wal / 1e6:,.0f} MB of WAL"
        )
        with tempfile.TemporaryDirectory(prefix="rcbench", dir=SHORT) as name:
            folder = Path(name)
            (folder / "work").mkdir(mode=0o755)
            folder.chmod(0o755)
            for kind in kinds(production):
                compare(production, kind, folder)


if __name__ == "__main__":
    main()
