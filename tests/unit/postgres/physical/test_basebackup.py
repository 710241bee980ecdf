"""Which files and folders are base backups."""

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from restorecheck.errors import ProviderError
from restorecheck.postgres.physical.source import Workshop
from restorecheck.postgres.physical.sources.basebackup import BaseBackups, names_of
from restorecheck.postgres.server.cluster import Places

LABEL = b"START WAL LOCATION: 0/9000028 (file 000000010000000000000009)\nSTART TIMELINE: 1\n"


def tar(path, *names):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(LABEL)
            archive.addfile(member, io.BytesIO(LABEL))


@pytest.fixture
def workshop(tmp_path):
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    places = Places(directory=tmp_path / "drill")
    return Workshop(places=places, account=None, installations=(), now=now)


def names(workshop, path):
    return {b.name for b in BaseBackups(path=str(path)).backups(workshop)}


def test_a_tar_of_everything_is_a_backup_and_other_tars_are_not(tmp_path, workshop):
    tar(tmp_path / "night.tar.gz", "backup_label", "base/1/1")
    tar(tmp_path / "by-hand.tgz", "./PG_VERSION")
    tar(tmp_path / "etc.tar.gz", "etc/passwd")
    (tmp_path / "night.tar.gz.sha256").write_text("0")
    (tmp_path / "drill").mkdir()

    assert names(workshop, tmp_path) == {"night.tar.gz", "by-hand.tgz"}
    assert names(workshop, tmp_path / "night.tar.gz") == {"night.tar.gz"}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00cut"])
def test_a_tar_that_cannot_be_read_is_not_passed_over(tmp_path, workshop, content):
    (tmp_path / "night.tar.gz").write_bytes(content)

    assert names(workshop, tmp_path) == {"night.tar.gz"}


def test_backups_of_the_same_name_are_told_apart(tmp_path, workshop):
    for day in ("1", "2"):
        (tmp_path / day / "data").mkdir(parents=True)
        (tmp_path / day / "data" / "PG_VERSION").write_text("17")

    assert names(workshop, f"{tmp_path}/*/data") == {"1/data", "2/data"}


def test_names_are_as_short_as_they_can_be():
    assert names_of([]) == {}
    assert names_of([Path("/a/x"), Path("/a/y")]) == {"x": Path("/a/x"), "y": Path("/a/y")}
    assert set(names_of([Path("/a/x"), Path("/b/x"), Path("/b/y")])) == {"a/x", "b/x", "b/y"}


def test_an_archive_without_segments_proves_nothing(tmp_path, workshop):
    (tmp_path / "wal").mkdir()
    source = BaseBackups(path=str(tmp_path), archive=str(tmp_path / "wal"))

    with pytest.raises(ProviderError, match="has no WAL segments"):
        source.newest_segment(workshop)
    assert BaseBackups(path=str(tmp_path)).newest_segment(workshop) == ""
