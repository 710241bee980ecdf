"""A backup's folder is copied by several threads, as one would."""

import os
import threading
from pathlib import Path

import pytest

from restorecheck.errors import CapacityError
from restorecheck.postgres.physical import files
from restorecheck.postgres.physical.source import Workshop
from restorecheck.postgres.server.cluster import Places
from tests.factories import NOW

FILES = 40


@pytest.fixture
def backup(tmp_path):
    folder = tmp_path / "backup"
    for number in range(FILES):
        place = folder / "base" / str(number % 4)
        place.mkdir(parents=True, exist_ok=True)
        (place / str(number)).write_bytes(os.urandom(number * 100))
    (folder / "pg_tblspc").mkdir()
    (folder / "pg_tblspc" / "16500").symlink_to("/srv/space")
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal" / "segment").write_bytes(b"wal")
    (folder / "pg_wal").symlink_to(tmp_path / "wal")
    (tmp_path / "into").mkdir()
    return folder


class Failing(Workshop):
    """The disk is full after some files."""

    def progress(self, count):
        super().progress(count)
        if self.done > 10_000:
            raise CapacityError("full")


def workshop(tmp_path, jobs, kind=Workshop):
    return kind(places=Places(tmp_path), account=None, installations=(), now=NOW, jobs=jobs)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_every_file_is_copied_once_and_links_lead_nowhere(backup, tmp_path, jobs):
    tools, into = workshop(tmp_path, jobs), tmp_path / "into"

    assert files.copy_tree(backup, into, tools) == {"16500": Path("/srv/space")}

    assert contents(into) == {**contents(backup), Path("pg_wal/segment"): b"wal"}
    assert not any(path.is_symlink() for path in into.rglob("*"))
    assert len(contents(into)) == FILES + 1


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_the_first_error_ends_it(backup, tmp_path, jobs):
    with pytest.raises(CapacityError):
        files.copy_tree(backup, tmp_path / "into", workshop(tmp_path, jobs, Failing))

    assert len(contents(tmp_path / "into")) < FILES


def test_without_another_thread_one_copies(backup, tmp_path, monkeypatch):
    def none(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)

    files.copy_tree(backup, tmp_path / "into", workshop(tmp_path, 4))

    assert len(contents(tmp_path / "into")) == FILES + 1
