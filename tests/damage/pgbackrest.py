"""Damage of a pgBackRest repository: what `pgbackrest verify` says of it, and what a drill does."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restorecheck.postgres.server import processes
from tests.acceptance.conftest import World
from tests.damage.physical import noticed
from tests.places import SHORT
from tests.production import Production, flip, majors, producing

PROGRAM = shutil.which("pgbackrest") or "pgbackrest"


@dataclass
class Repository:
    production: Production
    place: Path
    config: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = processes.spawn(
            [PROGRAM, f"--config={self.config}", "--stanza=shop", *arguments],
            directory=self.production.directory,
            account=self.production.account,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(
            arguments, process.returncode, out.decode(), err.decode()
        )

    def segments(self) -> list[Path]:
        found = (p for p in (self.place / "archive").rglob("0*-*") if p.is_file())
        return sorted(p for p in found if not p.name.endswith((".backup.gz", ".history")))

    def largest(self) -> Path:
        """Of the files of the full backup."""
        (full,) = (p for p in (self.place / "backup" / "shop").iterdir() if p.name.endswith("F"))
        return max(full.rglob("*.gz"), key=lambda path: path.stat().st_size)


@contextmanager
def repository() -> Iterator[Repository]:
    """With a full and an incremental backup, and WAL behind them."""
    with producing(majors()[min(majors())]) as production:
        here = production.directory
        for name in ("repo", "lock", "spool", "pglog"):
            (here / name).mkdir()
            if production.account:
                os.chown(here / name, production.account.uid, production.account.gid)
        config = here / "pgbackrest.conf"
        config.write_text(
            f"[global]\nrepo1-path={here}/repo\nlock-path={here}/lock\nlog-path={here}/pglog\n"
            f"spool-path={here}/spool\nstart-fast=y\nlog-level-console=warn\ncompress-type=gz\n"
            f"[shop]\npg1-path={production.data}\npg1-socket-path={here}\npg1-user=postgres\n"
        )
        production.stop()
        push = f"{PROGRAM} --config={config} --stanza=shop archive-push %p"
        production.start(archive_command=push)
        made = Repository(production, here / "repo", config)
        for arguments in (["stanza-create"], ["backup", "--type=full"], ["backup", "--type=incr"]):
            done = made.run(*arguments)
            assert done.returncode == 0, done.stderr
            production.order(2000)
        for _ in range(4):
            production.order(1000)
            production.sql("select pg_switch_wal()")
        while production.archiving():
            production.sql("select pg_sleep(0.05)")
        production.stop()
        yield made


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def gone(made: Repository, pattern: str) -> None:
    for path in made.place.rglob(pattern):
        path.unlink()


def manifest_flipped(made: Repository) -> None:
    for path in made.place.rglob("backup.manifest"):
        flip(path, 300, 8)


DAMAGES: dict[str, Callable[[Repository], object]] = {
    "a byte of the largest file": lambda r: flip(r.largest(), 2000, 8),
    "no largest file": lambda r: r.largest().unlink(),
    "half of the largest file": lambda r: half(r.largest()),
    "a segment is missing": lambda r: r.segments()[-3].unlink(),
    "bytes of a segment": lambda r: flip(r.segments()[-3], 500, 16),
    "half of a segment": lambda r: half(r.segments()[-3]),
    "the newest segment is missing": lambda r: r.segments()[-1].unlink(),
    "no backup.info": lambda r: gone(r, "backup.info*"),
    "no archive.info": lambda r: gone(r, "archive.info*"),
    "no backup.manifest": lambda r: gone(r, "backup.manifest*"),
    "bytes of backup.manifest, its copy is whole": manifest_flipped,
}


def line(made: Repository, name: str) -> str:
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as folder:
        world = World(Path(folder))
        Path(folder).chmod(0o755)
        for each in (world.backups, world.work):
            each.mkdir(mode=0o755)
        place = world.backups / "repo"
        shutil.copytree(made.place, place)
        owner = made.place.stat()
        for path in [place, *place.rglob("*")]:
            os.chown(path, owner.st_uid, owner.st_gid)
        config = world.directory / "pgbackrest.conf"
        config.write_text(made.config.read_text().replace(str(made.place), str(place)))
        copy = Repository(made.production, place, config)
        DAMAGES[name](copy)
        verified = copy.run("verify", "--output=text")
        says = "error" if "error" in verified.stdout + verified.stderr else "\N{EN DASH}"
        world.config.write_text(
            "version: 1\ntargets:\n  - name: shop\n"
            f"    physical: {{kind: pgbackrest, config: {config}, stanza: shop}}\n"
            f"postgres: {{work_dir: {world.work}}}\nhistory: {{path: history.sqlite}}\n"
        )
        found = noticed(world.drill()[1]) or "\N{EN DASH}"
        return f"| {name} | {says} (exit code {verified.returncode}) | {found} |"


def lines_of_pgbackrest() -> list[str]:
    lines = []
    with repository() as made:
        for name in DAMAGES:
            lines.append(line(made, name))
            print(lines[-1], file=sys.stderr)
    return lines
