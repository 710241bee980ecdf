"""Which files a target's path names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from restorecheck.errors import AccessDeniedError, NotFoundError
from restorecheck.postgres.dumpfiles.find import candidates

NOBODY = 65534


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Root reads everything; for a moment this process is somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def touch(path, age):
    path.touch()
    os.utime(path, (1_000_000 - age, 1_000_000 - age))


def test_the_newest_comes_first(tmp_path):
    for name, age in (("a.dump", 50), ("b.dump", 10), ("c.dump", 90)):
        touch(tmp_path / name, age)

    found = candidates(str(tmp_path))

    assert [file.name for file in found.files] == ["b.dump", "a.dump", "c.dump"]


def test_what_lies_beside_dumps_is_ignored_in_a_folder_but_not_in_a_glob(tmp_path):
    for name in ("a.dump", "a.dump.sha256", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()

    in_folder = candidates(str(tmp_path))
    by_glob = candidates(str(tmp_path / "a*"))

    assert [file.name for file in in_folder.files] == ["a.dump"]
    assert {file.name for file in by_glob.files} == {"a.dump", "a.dump.sha256"}


def test_a_directory_format_dump_is_one_candidate(tmp_path):
    (tmp_path / "monday").mkdir()
    (tmp_path / "monday" / "toc.dat").touch()
    (tmp_path / "monday" / "1.dat").touch()

    assert [f.name for f in candidates(str(tmp_path)).files] == ["monday"]
    assert [f.name for f in candidates(str(tmp_path / "monday")).files] == ["monday"]


def test_what_is_not_there_is_not_found(tmp_path):
    for path in ("nowhere", "nowhere/*.dump", "file.dump"):
        with pytest.raises(NotFoundError):
            candidates(str(tmp_path / path))


def test_a_glob_that_matches_nothing_is_an_empty_answer(tmp_path):
    assert candidates(str(tmp_path / "*.dump")).files == ()


@pytest.mark.parametrize("below", ["", "/*.dump", "/a.dump"])
def test_a_folder_that_cannot_be_read_is_denied_and_not_empty(tmp_path, below):
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "a.dump").touch()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    closed.chmod(0)
    try:
        with ordinary_user(), pytest.raises(AccessDeniedError):
            candidates(str(closed) + below)
    finally:
        closed.chmod(0o755)
