"""Base backups as people take them: from standbys, in every format and compression, with archives of several timelines."""

import bz2
import gzip
import json
import os
import shutil
import signal
import threading
from dataclasses import replace

import lz4.frame
import pytest
import zstandard

from restorecheck.postgres.server import processes
from tests.acceptance.physical import Yard
from tests.chosen import chosen
from tests.missing import left_out
from tests.production import age, flip, majors, producing

MAJORS = majors()
CHAINS = 17
NIGHTS = {
    "standby": [],
    "none": ["--wal-method=none"],
    "gzip": ["--format=tar", "--compress=server-gzip", "--wal-method=fetch"],
    "lz4": ["--format=tar", "--compress=client-lz4"],
    "zstd": ["--format=tar", "--compress=client-zstd", "--wal-method=none"],
}
"""Name of a backup → options of pg_basebackup."""
CHAIN = {"second": "gzip", "third": "second"}
TAR = "alone.tar"
ROWS = {"end of the first timeline": 1900, "end": 2000}


@pytest.fixture(scope="module", params=chosen(sorted(MAJORS), 0.5))
def production(request):
    """Its standby is promoted at the end, and goes on in the same archive on a second timeline."""
    with producing(MAJORS[request.param]) as made:
        standby = replace(made, directory=made.directory / "standby", server=None)
        own(made, "standby", "spaces", "received")
        try:
            tell(made, standby)
        finally:
            standby.stop()
        yield made


def own(made, *names):
    for name in names:
        (made.directory / name).mkdir()
        if made.account:
            os.chown(made.directory / name, made.account.uid, made.account.gid)


def spawned(made, program, *arguments, **streams):
    argv = [made.installation.program(program), f"--host={made.directory}", "--username=postgres"]
    return processes.spawn(
        [*argv, *arguments], directory=made.directory, account=made.account, **streams
    )


def tell(made, standby):
    made.order(100)
    with (made.backups / TAR).open("wb") as out:
        everything = ["--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast"]
        assert spawned(made, "pg_basebackup", *everything, stdout=out).wait(60) == 0
    made.sql(f"create tablespace aside location '{made.directory}/spaces'")
    made.sql("create table apart (id int primary key) tablespace aside")
    made.sql("insert into apart select i from generate_series(1, 500) i")
    followed = ["--write-recovery-conf", moved(made, made.directory, "standby/space")]
    assert (
        spawned(
            made, "pg_basebackup", f"--pgdata={standby.data}", "--checkpoint=fast", *followed
        ).wait(60)
        == 0
    )
    (standby.directory / "archive").symlink_to(made.archive)
    standby.start(hot_standby="on", archive_command=f"cp %p {made.archive}/%f")
    received = [f"--directory={made.directory}/received", "--synchronous", "--status-interval=1"]
    receiver = spawned(made, "pg_receivewal", *received)
    for number, (name, options) in enumerate(NIGHTS.items()):
        made.order(100)
        source = standby if name == "standby" else made
        if source is standby:
            made.sql("checkpoint")
            caught_up(made, standby)
            standby.sql("checkpoint")
        place = "standby/space" if source is standby else "spaces"
        here = moved(made, made.backups, f"{name}-space", place)
        here_too = [] if "--format=tar" in options else [here]
        source.backup(f"{made.backups}/{name}", *built_in(made, options), *here_too)
        age(made.backups / name, 3600 - 60 * number)
    for name, below in CHAIN.items() if made.installation.major >= CHAINS else ():
        made.order(100)
        manifest = made.backups / below / "backup_manifest"
        made.backup(name, f"--incremental={manifest}", "--format=tar")
    (count,) = made.sql("select count(*) from orders")[0]
    made.order(ROWS["end of the first timeline"] - count)
    caught_up(made, standby)
    receiver.send_signal(signal.SIGINT)
    receiver.wait(20)
    made.stop()
    standby.sql("select pg_promote()")
    standby.order(ROWS["end"] - ROWS["end of the first timeline"])
    standby.switch()


def moved(made, folder, to, place="spaces"):
    return f"--tablespace-mapping={made.directory}/{place}={folder}/{to}"


def built_in(made, options):
    """The programs of a wheel know gzip only."""
    if made.installation.bin_dir.is_relative_to("/usr"):
        return options
    return [option.replace("lz4", "gzip").replace("zstd", "gzip") for option in options]


def caught_up(made, standby):
    """The standby, and where it runs pg_receivewal."""
    ((lsn,),) = made.sql("select pg_current_wal_flush_lsn()")
    sent = f"select coalesce(bool_and(flush_lsn >= '{lsn}'), true) from pg_stat_replication"
    for _ in range(400):
        replayed = standby.sql(f"select pg_last_wal_replay_lsn() >= '{lsn}'", "template1")[0][0]
        if replayed and made.sql(sent)[0][0]:
            return
        threading.Event().wait(0.025)
    raise AssertionError("the standby does not follow")


@pytest.fixture
def yard(world, production):
    return Shelf(world, production)


class Shelf(Yard):
    def __init__(self, world, production):
        self.world, self.production = world, production

    @property
    def major(self):
        return self.production.installation.major

    def fill(self, *names):
        made = self.production
        for name in names:
            found = made.backups / name
            to = self.world.backups / name
            shutil.copy2(found, to) if found.is_file() else shutil.copytree(
                found, to, symlinks=True
            )
        shutil.copytree(made.archive, self.archive)

    def drill_to(self, rows, *, archive="archive: archive", more=""):
        apart = "{row_count: {table: apart, equals: 500, database: shop}}"
        count = f"{{row_count: {{table: orders, equals: {rows}, database: shop}}}}"
        self.configure(
            physical=f"{{kind: basebackup, path: backups{', ' if archive else ''}{archive}{more}}}",
            checks=f"[{count}, {apart}]" if rows else "[]",
        )
        return self.world.drill()


def verified(answer):
    code, report = answer
    assert (code, report["verdict"]) == (0, "verified"), report["reason"] + json.dumps(
        report["notes"]
    )
    return "\n".join(report["notes"])


@pytest.mark.parametrize("night", NIGHTS)
def test_a_backup_is_recovered_over_the_switch_of_a_timeline(yard, night):
    yard.fill(night)

    notes = verified(yard.drill_to(ROWS["end"]))

    assert "on timeline 2" in notes
    assert "every file matches the backup's manifest" in notes
    assert ("was taken from a standby" in notes) is (night == "standby")


def test_a_backup_in_one_tar_is_recovered(yard):
    yard.fill(TAR)

    assert "every file matches" in verified(yard.drill_to(0, archive=""))


def test_a_chain_of_tars_is_combined_with_its_tablespaces(yard):
    if yard.major < CHAINS:
        left_out("PostgreSQL 17 is the first with incremental backups")
    yard.fill("gzip", *CHAIN)

    assert "combined of 3 backups: gzip, second, third" in verified(yard.drill_to(ROWS["end"]))


def test_a_chain_without_its_middle_fails(yard):
    if yard.major < CHAINS:
        left_out("PostgreSQL 17 is the first with incremental backups")
    yard.fill("gzip", "third")

    code, report = yard.drill_to(ROWS["end"])

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "third builds on a backup that starts at" in report["reason"]


def test_an_archive_may_be_compressed_in_several_ways(yard):
    yard.fill("none")
    ways = {
        ".gz": gzip.compress,
        ".zst": zstandard.compress,
        ".lz4": lz4.frame.compress,
        ".bz2": bz2.compress,
    }
    segments = sorted(p for p in yard.archive.iterdir() if len(p.name) == 24)
    for number, path in enumerate(segments):
        suffix = list(ways)[number % len(ways)]
        path.with_name(path.name + suffix).write_bytes(ways[suffix](path.read_bytes()))
        path.unlink()

    verified(yard.drill_to(ROWS["end"]))


def test_what_pg_receivewal_wrote_is_an_archive_with_its_last_segment_open(yard):
    yard.fill("none")
    shutil.rmtree(yard.archive)
    shutil.copytree(yard.production.directory / "received", yard.archive)
    assert [p for p in yard.archive.iterdir() if p.name.endswith(".partial")]

    notes = verified(yard.drill_to(ROWS["end of the first timeline"]))

    assert "is not complete in the archive yet" in notes


def test_a_timeline_whose_history_is_lost_is_a_hole(yard):
    yard.fill("none")
    (yard.archive / "00000002.history").unlink()

    code, report = yard.drill_to(0)

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "the archive has WAL up to 00000002" in report["reason"]


def test_a_hole_before_the_switch_of_a_timeline_is_found(yard):
    yard.fill("none")
    before = sorted(
        p for p in yard.archive.iterdir() if p.name.startswith("00000001") and len(p.name) == 24
    )
    before[-2].unlink()

    code, report = yard.drill_to(0)

    assert (code, report["verdict"]) == (1, "failed"), report


@pytest.mark.parametrize("night", ["none", "zstd"])
def test_a_backup_without_wal_and_archive_cannot_be_judged(yard, night):
    yard.fill(night)

    code, report = yard.drill_to(0, archive="")

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "no archive is configured" in report["reason"]


@pytest.mark.parametrize("night", ["gzip", "lz4", "standby"])
def test_a_backup_with_its_own_wal_needs_no_archive(yard, night):
    yard.fill(night)

    verified(yard.drill_to(0, archive=""))


@pytest.mark.parametrize("night", ["gzip", "lz4", "zstd"])
def test_a_tar_of_a_tablespace_that_is_damaged_fails(yard, night):
    yard.fill(night)
    tar = next(p for p in (yard.world.backups / night).iterdir() if p.name[0].isdigit())
    flip(tar, tar.stat().st_size // 2, 8)
    age(yard.world.backups)

    code, report = yard.drill_to(0)

    assert (code, report["verdict"]) == (1, "failed"), report
