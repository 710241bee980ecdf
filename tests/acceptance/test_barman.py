"""Backups that Barman made, of its oldest and newest version that are at hand; only its files are read."""

import json
import os
import pwd
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from restorecheck.postgres.server import processes
from tests.acceptance.interrupted import killed_anywhere, small_disk, told_of_the_disk
from tests.missing import ROOT, left_out, needs
from tests.production import Production, flip, majors, producing

MAJORS = majors()
OLD, NEW = Path("/usr/bin/barman"), Path(".venv/barman/bin/barman").absolute()
"""Debian 12's 3.4, which knows no PostgreSQL 17; and that of PyPI."""
VERSIONS = {"debian": (OLD, min(MAJORS, default=0)), "pypi": (NEW, max(MAJORS, default=0))}
pytestmark = [
    needs(OLD.exists(), "barman", "apt-get install barman"),
    needs(NEW.exists(), "barman 3.19", "see .ci/run: pip install barman in .venv/barman"),
]


@dataclass
class Kept:
    """What Barman has of `production`: a full backup, on PyPI's an incremental one, and WAL behind both."""

    production: Production
    program: Path
    rows: int

    @property
    def home(self) -> Path:
        return self.production.directory / "barman"

    def run(self, *arguments: str) -> str:
        here = self.production.directory
        process = processes.spawn(
            [self.program, "--config", here / "barman.conf", *arguments],
            directory=here,
            account=None,  # the folder of a virtual environment may be closed to others
            stdout=-1,
            stderr=-1,
        )
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, out.decode() + err.decode()
        return out.decode()


def configure(kept: Kept) -> None:
    production, here = kept.production, kept.production.directory
    user = pwd.getpwuid(os.geteuid()).pw_name
    incoming = here / "barman" / "shop" / "incoming"
    incoming.mkdir(parents=True)
    incoming.chmod(0o777)  # before the first segment: a server waits a minute after three failures
    (here / "barman.conf").write_text(
        f"[barman]\nbarman_user = {user}\nbarman_home = {here}/barman\nbarman_lock_directory = {here}/barman\n"
        f"configuration_files_directory = {here}/barman.d\ncompression = gzip\nlog_file = {here}/barman/log\n"
        "[shop]\ndescription = shop\narchiver = on\narchiver_batch_size = 50\n"
        f"conninfo = host={here} user=postgres dbname=postgres\n"
        f"streaming_conninfo = host={here} user=postgres dbname=postgres\n"
        f"path_prefix = {production.installation.bin_dir}\nimmediate_checkpoint = true\nbackup_method = postgres\n"
    )
    production.stop()
    production.start(archive_command=f"cp %p {here}/barman/shop/incoming/%f")


@pytest.fixture(scope="module", params=VERSIONS)
def made(request):
    program, major = VERSIONS[request.param]
    with producing(MAJORS[major]) as production:
        kept = Kept(production, program, 0)
        configure(kept)
        with suppress(AssertionError):
            kept.run("check", "shop")  # makes the folders, and wants WAL
        tell(kept, incremental=request.param == "pypi")
        yield kept


def tell(kept: Kept, *, incremental: bool) -> None:
    production = kept.production
    place = production.directory / "space"
    place.mkdir()
    if production.account:
        os.chown(place, production.account.uid, production.account.gid)
    production.sql(f"create tablespace aside location '{place}'")
    production.sql("create table apart (id int primary key) tablespace aside")
    production.sql("insert into apart select i from generate_series(1, 500) i")
    kept.run("switch-wal", "--archive", "--force", "shop")
    production.order(100)
    kept.run("backup", "shop")
    production.order(1000)
    if incremental:
        kept.run("backup", "--incremental", "latest-full", "shop")
        production.order(1000)
    for _ in range(3):
        production.order(1000)
        production.sql("select pg_switch_wal()")
    while production.archiving():
        production.sql("select pg_sleep(0.05)")
    kept.run("archive-wal", "shop")
    production.stop()
    kept.rows = 5100 if incremental else 4100


class Copy:
    """Of what Barman keeps, to be damaged and drilled; elsewhere, so that its links lead nowhere."""

    def __init__(self, world, made):
        self.world, self.made = world, made
        self.home = world.backups / "barman"
        shutil.copytree(made.home, self.home, symlinks=True)
        shutil.rmtree(self.home / "shop" / "streaming", ignore_errors=True)

    def segments(self):
        """Those since the newest backup ended."""
        ends = max(self.infos().values(), key=lambda info: info["end_time"])["end_wal"]
        found = sorted(p for p in (self.home / "shop" / "wals").rglob("0*") if p.is_file())
        return [p for p in found if len(p.name) == 24 and p.name > ends]

    def infos(self):
        found = {}
        for path in self.home.rglob("*backup.info"):
            lines = dict(
                line.split("=", 1) for line in path.read_text().splitlines() if "=" in line
            )
            found[path] = lines
        return found

    def data(self):
        return sorted((self.home / "shop" / "base").glob("*/data"))

    def drill(self, *arguments, asks=True):
        """`asks`: with checks of the rows."""
        world = self.world
        checks = f"[row_count: {{table: orders, equals: {self.made.rows}}}, row_count: {{table: apart, equals: 500}}]"
        world.config.write_text(
            "version: 1\n"
            "targets:\n"
            "  - name: shop\n"
            f"    physical: {{kind: barman, home: backups/barman, server: shop}}\n"
            "    databases: [shop]\n"
            f"    checks: {checks if asks else []}\n"
            f"postgres: {{work_dir: {world.work}, jobs: 2}}\n"
            "history: {path: history.sqlite}\n"
        )
        return world.drill(*arguments)


@pytest.fixture
def kept(made, world):
    return Copy(world, made)


def test_the_newest_backup_is_read_from_barmans_files_and_recovered(kept):
    code, report = kept.drill()

    assert (code, report["verdict"]) == (0, "verified"), json.dumps(report, indent=1)
    notes = "\n".join(report["notes"])
    assert "every file matches the backup's manifest" in notes
    assert ("combined of 2 backups" in notes) is (len(kept.data()) == 2)
    assert report["backup"]["identifier"].startswith("Barman shop: 20")


def hole(kept):
    kept.segments()[0].unlink()


def flipped_segment(kept):
    flip(kept.segments()[0], 5000, 100)


def no_gzip_anymore(kept):
    flip(kept.segments()[0], 0, 4)


def lost_file(kept):
    files = [p for p in (kept.data()[0] / "base").rglob("*") if p.name.isdigit() and p.is_file()]
    max(files, key=lambda path: path.stat().st_size).unlink()


def lost_tablespace(kept):
    for folder in (kept.home / "shop" / "base").glob("*/[0-9]*"):
        shutil.rmtree(folder)


def lost_data(kept):
    shutil.rmtree(kept.data()[0])


def failed_last_night(kept):
    for path, info in kept.infos().items():
        path.write_text(path.read_text().replace(f"status={info['status']}", "status=FAILED"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (hole, "the archive has WAL up to"),
        (flipped_segment, "the WAL archive is damaged"),
        (lost_file, "differs from its manifest"),
        (lost_tablespace, "tablespace"),
        (lost_data, "is missing"),
        (failed_last_night, "failed, according to Barman"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_fails(kept, damage, words):
    damage(kept)

    code, report = kept.drill()

    assert (code, report["verdict"]) == (1, "failed"), json.dumps(report, indent=1)
    assert words in report["reason"]


def test_an_incremental_backup_whose_full_one_is_gone_fails(kept):
    if len(kept.data()) < 2:
        left_out("Debian's Barman makes no incremental backups")
    for path, info in kept.infos().items():
        if info["parent_backup_id"] == "None":
            path.unlink()
            shutil.rmtree(
                kept.home / "shop" / "base" / path.name.removesuffix("-backup.info"),
                ignore_errors=True,
            )

    code, report = kept.drill()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "which is missing" in report["reason"]


def test_a_segment_that_barman_encrypted_is_inconclusive(kept):
    kept.segments()[0].write_bytes(b"\x85\x02\x0c\x03" + os.urandom(90_001))

    code, report = kept.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "encrypted" in report["reason"]


def test_a_server_that_barman_does_not_know_is_told_with_those_that_it_knows(kept):
    (kept.home / "shop").rename(kept.home / "bakery")

    code, report = kept.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report
    assert "does not exist" in report["reason"]
    assert "physical.server" in report["hint"]
    assert "has bakery" in report["hint"]


def test_a_server_whose_backups_are_gone_fails(kept):
    shutil.rmtree(kept.home / "shop" / "base")

    code, report = kept.drill()

    assert (code, report["verdict"]) == (1, "failed"), report
    assert "base does not exist" in report["reason"]


def found_by_doctor(world):
    done = world.run("doctor", "--format", "json")
    return {f["rule"]: f for f in json.loads(done.stdout)["findings"]}


@needs(os.geteuid() == 0, *ROOT)
def test_doctor_tells_whether_the_backups_are_beside_their_cluster(kept):
    _, report = kept.drill("--keep")
    production = kept.made.production

    found = found_by_doctor(kept.world)  # the server that is kept has the same identifier

    assert [found[f"RC{n}"]["outcome"] for n in (131, 132, 136, 137, 140)] == ["ok"] * 5
    assert found["RC141"]["outcome"] == "problem"
    assert "RC142" not in found
    assert kept.world.run("sweep", report["drill_id"]).returncode == 0
    production.start(archive_mode="off")
    found = found_by_doctor(kept.world)
    production.stop()
    assert "on the machine of the database" in found["RC140"]["found"]
    assert "may write to it on the machine of the database" in found["RC142"]["found"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_drill_that_is_killed_anywhere_leaves_nothing_after_the_sweep(kept, when):
    kept.drill()

    killed_anywhere(kept.world, when)


@needs(os.geteuid() == 0, *ROOT)
@pytest.mark.parametrize("megabytes", [20, 45, 60, 90, 140])
def test_a_full_disk_is_never_called_a_bad_backup(kept, megabytes):
    with small_disk(kept.world, megabytes):
        told_of_the_disk(kept.world, kept.drill)
