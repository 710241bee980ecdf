"""One cluster that was promoted twice from the same moment, its backups of three kinds, and archives with the WAL of both timelines."""

import gzip
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.acceptance import pgbackrest
from tests.acceptance.conftest import World
from tests.acceptance.test_barman import NEW, Kept, configure
from tests.production import Production, age, majors, producing

BEFORE, OLD, NEWER = 1100, 300, 1500
"""Rows at the fork, and how many more the first and the second timeline have at their ends."""
SEGMENTS = 3
"""Finished on each timeline behind the fork."""


@dataclass
class Forked:
    production: Production
    kept: Kept
    fork: int
    """Number of the segment in which the timelines part."""
    rows: dict[int, int]
    """Of `orders` at the end of each timeline."""

    def name(self, timeline: int, behind: int) -> str:
        """Of the segment so many behind that of the fork."""
        return f"{timeline:08X}{0:08X}{self.fork + behind:08X}"


@contextmanager
def forked() -> Iterator[Forked]:
    with producing(majors()[pgbackrest.newest_major()]) as production:
        here = production.directory
        pgbackrest.folders(production, "repo", "lock", "spool", "pglog", "other")
        for name, data in (("main", production.data), ("other", here / "other" / "data")):
            text = pgbackrest.configuration(
                production, f"repo1-path={here}/repo", "compress-type=gz"
            )
            (here / f"{name}.conf").write_text(text.replace(f"={production.data}\n", f"={data}\n"))
        kept = Kept(production, NEW, 0)
        configure(kept)
        production.stop()
        production.start(archive_command=pushing(production, "main"))
        pgbackrest.pgbackrest(production, here / "main.conf", "stanza-create")
        with suppress(AssertionError):
            kept.run("check", "shop")
        kept.run("switch-wal", "--archive", "--force", "shop")
        production.order(100)
        production.backup("full")
        pgbackrest.pgbackrest(production, here / "main.conf", "backup", "--type=full")
        kept.run("backup", "shop")
        production.order(BEFORE - 100)
        yield part(production, kept)


def pushing(production: Production, config: str) -> str:
    """The archive_command: into a folder, to Barman, and by pgBackRest."""
    here = production.directory
    push = f"{pgbackrest.PROGRAM} --config={here}/{config}.conf --stanza=shop archive-push %p"
    return f"cp %p {here}/archive/%f && cp %p {here}/barman/shop/incoming/%f && {push}"


def part(production: Production, kept: Kept) -> Forked:
    """A copy of the stopped cluster is promoted; the cluster goes on, too. Both archive."""
    here = production.directory
    production.stop()
    control = production.run("pg_controldata", "-D", production.data)
    name = control.partition("REDO WAL file:")[2].split()[0]
    other = replace(production, directory=here / "other", server=None)
    shutil.copytree(production.data, other.data)
    (other.data / "recovery.signal").touch()
    for path in [other.data, *other.data.rglob("*")]:
        if production.account:
            os.chown(path, production.account.uid, production.account.gid)
    go_on(production, "main", OLD)
    go_on(other, "other", NEWER, restore_command="false")
    kept.run("archive-wal", "shop")
    for backup in production.backups.iterdir():
        age(backup)
    rows = {1: BEFORE + OLD, 2: BEFORE + NEWER}
    return Forked(production, kept, int(name[16:], 16), rows)


def go_on(cluster: Production, config: str, rows: int, **settings: str) -> None:
    home = cluster.directory if config == "main" else cluster.directory.parent
    pushed = pushing(replace(cluster, directory=home), config)
    cluster.start(archive_command=pushed, **settings)
    try:
        while cluster.sql("select pg_is_in_recovery()") == [(True,)]:
            cluster.sql("select pg_sleep(0.05)")
        for _ in range(SEGMENTS):
            cluster.order(rows // SEGMENTS)
            cluster.sql("select pg_switch_wal()")
        pgbackrest.archived(cluster)
    finally:
        cluster.stop()


class Shelf:
    """Copies of the backups and the archive of one kind, to be damaged and drilled."""

    def __init__(self, world: World, made: Forked) -> None:
        self.world, self.made = world, made
        for source, name in self.copied().items():
            shutil.copytree(source, world.backups / name, symlinks=True)
            owner = source.stat()
            for path in [world.backups / name, *(world.backups / name).rglob("*")]:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def copied(self) -> dict[Path, str]:
        """Folders of the story → their names here."""
        raise NotImplementedError

    def keys(self) -> str:
        """Of `physical:`."""
        raise NotImplementedError

    @property
    def archive(self) -> Path:
        raise NotImplementedError

    def find(self, timeline: int, behind: int) -> Path:
        """A segment in the archive: whatever stands behind its name."""
        name = self.made.name(timeline, behind)
        (found,) = [
            p for p in self.archive.rglob(f"{name}*") if p.is_file() and ".partial" not in p.name
        ]
        return found

    def put(self, content: tuple[int, int], name: tuple[int, int]) -> None:
        """The content of one segment under the name of another."""
        there = self.find(*name)
        there.write_bytes(self.find(*content).read_bytes())

    def of_another_cluster(self, timeline: int) -> None:
        """Every segment behind the fork has another system identifier."""
        for behind in range(SEGMENTS):
            there = self.find(timeline, behind)
            content = there.read_bytes()
            packed = content.startswith(b"\x1f\x8b")
            plain = bytearray(gzip.decompress(content) if packed else content)
            plain[24] ^= 0xFF
            there.write_bytes(gzip.compress(plain) if packed else plain)

    def drop_timeline(self, timeline: int) -> None:
        for path in sorted(self.archive.rglob(f"{timeline:08X}*")):
            if path.is_file():
                path.unlink()

    def drill(self, rows: int | None = None) -> tuple[int, dict[str, Any]]:
        world = self.world
        check = f"[row_count: {{table: orders, equals: {rows}, database: shop}}]" if rows else "[]"
        world.config.write_text(
            "version: 1\ntargets:\n  - name: shop\n"
            f"    physical: {self.keys()}\n    checks: {check}\n"
            f"postgres: {{work_dir: {world.work}, jobs: 2}}\nhistory: {{path: history.sqlite}}\n"
        )
        return world.drill()


class OfBaseBackup(Shelf):
    def copied(self) -> dict[Path, str]:
        production = self.made.production
        return {production.backups / "full": "full", production.archive: "archive"}

    def keys(self) -> str:
        return "{kind: basebackup, path: backups/full, archive: backups/archive}"

    @property
    def archive(self) -> Path:
        return self.world.backups / "archive"


class OfBarman(Shelf):
    def copied(self) -> dict[Path, str]:
        return {self.made.kept.home: "barman"}

    def keys(self) -> str:
        return "{kind: barman, home: backups/barman, server: shop}"

    @property
    def archive(self) -> Path:
        return self.world.backups / "barman" / "shop" / "wals"


class OfPgBackRest(Shelf):
    def copied(self) -> dict[Path, str]:
        return {self.made.production.directory / "repo": "repo"}

    def keys(self) -> str:
        here = self.made.production.directory
        text = (here / "main.conf").read_text()
        config = self.world.directory / "pgbackrest.conf"
        config.write_text(text.replace(f"={here}/repo\n", f"={self.world.backups}/repo\n"))
        return "{kind: pgbackrest, config: pgbackrest.conf, stanza: shop}"

    @property
    def archive(self) -> Path:
        return self.world.backups / "repo" / "archive" / "shop"


KINDS = {"basebackup": OfBaseBackup, "barman": OfBarman, "pgbackrest": OfPgBackRest}
