"""Repositories of pgBackRest, made and read by the real program."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from restorecheck.postgres.server import processes
from tests.acceptance.interrupted import killed_anywhere, small_disk, told_of_the_disk
from tests.missing import ROOT, needs
from tests.production import Production, flip, majors, producing

NEWEST_MAJOR = 15
"""Of Debian 12's pgBackRest."""
MAJORS = majors()
PROGRAM = shutil.which("pgbackrest")
pytestmark = [
    needs(PROGRAM, "pgbackrest", "apt-get install pgbackrest"),
    needs(
        min(MAJORS, default=99) <= NEWEST_MAJOR, "PostgreSQL 15", "apt-get install postgresql-15"
    ),
]


@dataclass
class Repository:
    production: Production
    rows: int

    @property
    def place(self) -> Path:
        return self.production.directory / "repo"

    @property
    def config(self) -> Path:
        return self.production.directory / "pgbackrest.conf"

    def segments(self) -> list[Path]:
        return sorted(p for p in (self.place / "archive").rglob("0*") if p.is_file())


def pgbackrest(production, *arguments):
    assert PROGRAM
    process = processes.spawn(
        [PROGRAM, f"--config={production.directory}/pgbackrest.conf", "--stanza=shop", *arguments],
        directory=production.directory,
        account=production.account,
        stdout=-1,
        stderr=-1,
    )
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out.decode() + err.decode()


@pytest.fixture(scope="module")
def made():
    with producing(MAJORS[min(MAJORS)]) as production:
        here = production.directory
        for name in ("repo", "lock", "spool", "pglog"):
            (here / name).mkdir()
            if production.account:
                os.chown(here / name, production.account.uid, production.account.gid)
        (here / "pgbackrest.conf").write_text(
            f"[global]\nrepo1-path={here}/repo\nlock-path={here}/lock\nlog-path={here}/pglog\n"
            f"spool-path={here}/spool\nstart-fast=y\nlog-level-console=warn\ncompress-type=gz\n"
            f"[shop]\npg1-path={production.data}\npg1-socket-path={here}\npg1-user=postgres\n"
        )
        production.stop()
        push = f"{PROGRAM} --config={here}/pgbackrest.conf --stanza=shop archive-push %p"
        production.start(archive_command=push)
        pgbackrest(production, "stanza-create")
        production.order(100)
        pgbackrest(production, "backup", "--type=full")
        production.order(3000)
        pgbackrest(production, "backup", "--type=incr")
        for _ in range(4):
            production.order(1000)
            production.sql("select pg_switch_wal()")
        while production.archiving():
            production.sql("select pg_sleep(0.05)")
        production.stop()
        yield Repository(production, 7100)


@pytest.fixture
def repository(made, world):
    """A copy of the repository, to be damaged."""
    shutil.copytree(made.place, world.backups / "repo")
    for path in [world.backups / "repo", *(world.backups / "repo").rglob("*")]:
        owner = made.place.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
    config = world.directory / "pgbackrest.conf"
    config.write_text(made.config.read_text().replace(str(made.place), str(world.backups / "repo")))
    return Copy(world, made)


class Copy:
    def __init__(self, world, made):
        self.world, self.made = world, made
        self.place = world.backups / "repo"

    def segments(self):
        return sorted(
            p for p in (self.place / "archive").rglob("0*") if p.is_file() and "-" in p.name
        )

    def drill(self, keys=""):
        world = self.world
        world.config.write_text(
            "version: 1\n"
            "targets:\n"
            "  - name: shop\n"
            f"    physical: {{kind: pgbackrest, config: pgbackrest.conf, stanza: shop{keys}}}\n"
            f"    checks: [row_count: {{table: orders, equals: {self.made.rows}, database: shop}}]\n"
            f"postgres: {{work_dir: {world.work}, jobs: 2}}\n"
            "history: {path: history.sqlite}\n"
        )
        return world.drill()


def test_the_newest_backup_is_restored_by_pgbackrest_and_recovered(repository):
    code, report = repository.drill()

    assert (code, report["verdict"]) == (0, "verified"), json.dumps(report, indent=1)
    assert "pgBackRest compared every restored file" in "\n".join(report["notes"])
    assert report["backup"]["identifier"].endswith("I")
    assert any("files fetched" in seen["text"] for seen in report["evidence"])


def found_by_doctor(repository):
    done = repository.world.run("doctor", "--format", "json")
    return {f["rule"]: f for f in json.loads(done.stdout)["findings"]}


def test_doctor_looks_at_the_repository_and_at_what_was_verified(repository):
    repository.drill()
    config = repository.world.directory / "pgbackrest.conf"

    found = found_by_doctor(repository)

    assert [found[f"RC{n}"]["outcome"] for n in (136, 137, 138, 139)] == ["ok"] * 4
    assert "on the machine of the database" in found["RC140"]["found"]
    assert found["RC141"]["outcome"] == "problem"
    assert "the same user owns it" in found["RC142"]["found"]
    hole(repository)
    config.write_text(config.read_text().replace("[shop]", "repo1-retention-full=1\n[shop]"))

    found = found_by_doctor(repository)

    assert found["RC137"]["outcome"] == "problem"
    assert "expires with the next full backup" in found["RC139"]["found"]


def needed(repository):
    """Segments since the newest backup ended."""
    return repository.segments()[-2:]


def hole(repository):
    needed(repository)[0].unlink()


def flipped_segment(repository):
    flip(needed(repository)[0], 5000, 100)


def lost_file(repository):
    files = (repository.place / "backup").rglob("pg_data/base/**/*.gz")
    max(files, key=lambda path: path.stat().st_size).unlink()


def flipped_file(repository):
    files = (repository.place / "backup").rglob("pg_data/base/**/*.gz")
    flip(max(files, key=lambda path: path.stat().st_size), 3000, 100)


def lost_catalogue(repository):
    for name in ("backup.info", "backup.info.copy"):
        (repository.place / "backup" / "shop" / name).unlink()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (hole, "the archive has WAL up to"),
        (flipped_segment, "the WAL archive is damaged"),
        (lost_file, "pgbackrest restore"),
        (flipped_file, "pgbackrest restore"),
        (lost_catalogue, "has no backups of stanza shop"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_repository_fails(repository, damage, words):
    damage(repository)

    code, report = repository.drill()

    assert (code, report["verdict"]) == (1, "failed"), json.dumps(report, indent=1)
    assert words in report["reason"]


def test_a_repository_that_cannot_be_read_is_inconclusive(repository):
    (repository.world.directory / "pgbackrest.conf").write_text("[global]\nnonsense\n")

    code, report = repository.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), json.dumps(report, indent=1)


def test_what_pgbackrest_verify_says_of_another_backup_is_a_warning(repository):
    """The newest backup does not need this segment: it ended later."""
    flip(repository.segments()[0], 500, 16)

    code, report = repository.drill(keys=", verify: true")

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    (said,) = [c for c in report["checks"] if c["name"] == "pgbackrest verify finds no error"]
    assert (said["outcome"], said["severity"]) == ("failed", "warning"), said
    # Of bytes that can still be decompressed, or not.
    assert any(words in said["detail"] for words in ("checksum invalid: 1", "other: 1"))


def test_pgbackrest_verify_finds_nothing_in_a_whole_repository(repository):
    _, report = repository.drill(keys=", verify: true")

    (said,) = [c for c in report["checks"] if c["name"] == "pgbackrest verify finds no error"]
    assert said["outcome"] == "passed", said


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_drill_that_is_killed_anywhere_leaves_nothing_after_the_sweep(repository, when):
    repository.drill()

    killed_anywhere(repository.world, when)


@needs(os.geteuid() == 0, *ROOT)
@pytest.mark.parametrize("megabytes", [20, 36, 45, 60, 90])
def test_a_full_disk_is_never_called_a_bad_backup(repository, megabytes):
    with small_disk(repository.world, megabytes):
        told_of_the_disk(repository.world, repository.drill)
