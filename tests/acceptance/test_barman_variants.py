"""What Barman keeps in other ways: copied by rsync, in tars, encrypted, marked to be kept, and in a bucket by barman-cloud."""

import json
import shutil
import subprocess
from contextlib import suppress

import pytest

from tests.acceptance.test_barman import MAJORS, NEW, OLD, Copy, Kept, configure, hole, tell
from tests.missing import left_out, needs
from tests.production import flip, producing

pytestmark = [
    needs(OLD.exists(), "barman", "apt-get install barman"),
    needs(NEW.exists(), "barman 3.19", "see .ci/run: pip install barman in .venv/barman"),
    needs(shutil.which("rsync") is not None, "rsync", "apt-get install rsync"),
]
RSYNC = "backup_method = rsync\nssh_command = {ssh} postgres@localhost\nreuse_backup = link\nparallel_jobs = 2\n"
TAR = "backup_compression = gzip\nbackup_compression_format = tar\n"
GPG = (
    "encryption = gpg\nencryption_key_id = shop@example.org\nencryption_passphrase_command = echo\n"
)
VARIANTS = {
    "rsync of 3.4, WAL by bzip2": (OLD, RSYNC + "compression = bzip2\n"),
    "rsync of 3.19, WAL plain": (NEW, RSYNC + "compression = none\n"),
    "tar of 3.4, WAL by gzip": (OLD, TAR),
    "tar of 3.19, WAL by xz": (NEW, TAR + "compression = xz\n"),
    "tar of 3.19, encrypted": (NEW, TAR + GPG),
}
SSH = """#!/bin/sh
# The command itself, on this machine: options and host are left out.
while [ $# -gt 0 ]; do
  case "$1" in -o|-p|-l) shift 2;; -*|*@*) shift;; *) break;; esac
done
exec sh -c "$*"
"""


def with_a_key(production):
    """Barman 3.19, with a gpg key without passphrase in a folder of its own."""
    home = production.directory / "gnupg"
    home.mkdir(mode=0o700)
    subprocess.run(
        ["gpg", "--homedir", home, "--batch", "--passphrase", "", "--quick-gen-key", "shop@example.org"],
        check=True, capture_output=True,
    )  # fmt: skip
    program = production.directory / "barman-with-a-key"
    program.write_text(f'#!/bin/sh\nGNUPGHOME={home} exec {NEW} "$@"\n')
    program.chmod(0o755)
    return program


def adjust(kept, lines):
    """The configuration, with these lines in place of others for the same keys."""
    production = kept.production
    ssh = production.directory / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    conf = production.directory / "barman.conf"
    mine = {line.partition(" =")[0] for line in lines.splitlines()}
    others = [ln for ln in conf.read_text().splitlines() if ln.partition(" =")[0] not in mine]
    conf.write_text("\n".join(others) + "\n" + lines.format(ssh=ssh))


@pytest.fixture(scope="module", params=VARIANTS)
def made(request):
    program, lines = VARIANTS[request.param]
    with producing(MAJORS[min(MAJORS) if program == OLD else max(MAJORS)]) as production:
        kept = Kept(production, program, 0)
        configure(kept)
        adjust(kept, lines)
        if "gpg" in lines:
            if shutil.which("gpg") is None:
                left_out("gpg is not installed")
            kept.program = with_a_key(production)
        with suppress(AssertionError):
            kept.run("check", "shop")  # makes the folders, and wants WAL
        tell(kept, incremental=False)
        yield kept


@pytest.fixture
def kept(made, world):
    return Copy(world, made)


def is_encrypted(kept):
    return any(kept.home.rglob("*.gpg"))


def test_it_is_restored_and_recovered_to_the_end_of_its_wal(kept):
    code, report = kept.drill()

    expected = (3, "inconclusive") if is_encrypted(kept) else (0, "verified")
    assert (code, report["verdict"]) == expected, json.dumps(report, indent=1)
    if is_encrypted(kept):
        assert ".tar.gz.gpg of the backup" in report["reason"]
    else:
        assert ("every file matches" in "\n".join(report["notes"])) is any(
            kept.home.rglob("base.tar*")
        )


def largest_file(kept):
    """Of a data directory or of tars, other bytes in its middle."""
    files = [p for p in (kept.data()[0]).rglob("*") if p.is_file() and "pg_wal" not in p.parts]
    largest = max(files, key=lambda path: path.stat().st_size)
    flip(largest, largest.stat().st_size // 2, 2000)


@pytest.mark.parametrize("damage", [hole, largest_file], ids=lambda value: value.__name__)
def test_damage_fails(kept, damage):
    if is_encrypted(kept):
        left_out("what restorecheck cannot read is inconclusive, damaged or not")
    damage(kept)

    code, report = kept.drill()

    assert (code, report["verdict"]) == (1, "failed"), json.dumps(report, indent=1)


def test_a_backup_that_is_marked_to_be_kept_is_a_backup(kept):
    if is_encrypted(kept):
        left_out("it is inconclusive, kept or not")
    (base,) = (kept.home / "shop" / "base").iterdir()
    (base / "annotations").mkdir()
    (base / "annotations" / "keep").write_text("full")

    code, report = kept.drill()

    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
