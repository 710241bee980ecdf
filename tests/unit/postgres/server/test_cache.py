"""The folder of PostgreSQL's programs: whole entries, whatever dies while they are made."""

import errno
import os
import signal
import tarfile

import pytest

from restorecheck.errors import AccessDeniedError, CapacityError, ProviderError
from restorecheck.postgres.server.cache import (
    LOCK,
    UNFINISHED,
    building,
    is_ours,
    make_cache,
    open_for_reading,
    unpacked,
)


def entries(cache):
    return sorted(path.name for path in cache.iterdir() if path.name != LOCK)


def half_written_by_a_killed_process(cache):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with building(cache, "postgresql-17") as folder:
            (folder / "half").touch()
            os.write(writing, b"x")
            signal.pause()
    os.read(reading, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_what_a_killed_process_left_has_no_name_and_the_next_one_removes_it(tmp_path):
    half_written_by_a_killed_process(tmp_path)
    assert [name.startswith(UNFINISHED) for name in entries(tmp_path)] == [True]

    with building(tmp_path, "postgresql-17") as folder:
        (folder / "whole").touch()

    assert entries(tmp_path) == ["postgresql-17"]
    assert (tmp_path / "postgresql-17" / "whole").exists()


def test_what_a_living_process_makes_is_left_alone(tmp_path):
    with building(tmp_path, "first") as folder, building(tmp_path, "second"):
        assert folder.exists()

    assert entries(tmp_path) == ["first", "second"]


def test_of_two_that_make_the_same_the_first_one_counts(tmp_path):
    with building(tmp_path, "same") as slow:
        (slow / "slow").touch()
        with building(tmp_path, "same") as fast:
            (fast / "fast").touch()

    assert entries(tmp_path) == ["same"]
    assert (tmp_path / "same" / "fast").exists()


def test_an_entry_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), building(tmp_path, "failed"):
        1 / 0  # noqa: B018

    assert entries(tmp_path) == []


def test_the_user_of_a_drill_can_read_the_cache_whatever_the_umask_is(tmp_path):
    before = os.umask(0o077)
    try:
        with building(tmp_path / "cache", "programs") as folder:
            (folder / "bin").mkdir()
            (folder / "bin" / "postgres").touch(0o700)
            (folder / "share").touch()
    finally:
        os.umask(before)

    modes = [
        (tmp_path / "cache" / name).stat().st_mode & 0o777
        for name in (".", "programs", "programs/bin", "programs/bin/postgres", "programs/share")
    ]
    assert modes == [0o755, 0o755, 0o755, 0o755, 0o644]


def test_links_are_not_followed_when_permissions_are_set(tmp_path):
    outside = tmp_path / "outside"
    outside.touch(0o600)
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "link").symlink_to(outside)

    open_for_reading(tmp_path / "entry")

    assert outside.stat().st_mode & 0o777 == 0o600


def test_a_cache_that_others_can_write_to_is_not_used(tmp_path):
    tmp_path.chmod(0o777)

    assert not is_ours(tmp_path)
    assert not is_ours(tmp_path / "nothing")
    with pytest.raises(AccessDeniedError, match="can be written by others"):
        make_cache(tmp_path)


def test_a_cache_below_a_file_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(AccessDeniedError, match="cannot be made"):
        make_cache(tmp_path / "file" / "cache")


def test_a_full_disk_or_a_read_only_one_is_named(tmp_path):
    def fails_with(number):
        with building(tmp_path, "entry"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(AccessDeniedError, match="cannot be written: Read-only"):
        fails_with(errno.EROFS)
    with pytest.raises(CapacityError, match="No space left"):
        fails_with(errno.ENOSPC)


def test_an_archive_is_unpacked_once_and_a_cut_one_not_at_all(tmp_path):
    source = tmp_path / "postgresql-17.11.0"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "postgres").write_bytes(os.urandom(200_000))
    archive = tmp_path / "postgresql-17.11.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(source, source.name)
    whole = archive.read_bytes()
    archive.write_bytes(whole[:100_000])
    cache = tmp_path / "cache"

    with pytest.raises(ProviderError, match="could not unpack"):
        unpacked(archive, cache)
    assert entries(cache) == []

    archive.write_bytes(whole)
    first = unpacked(archive, cache)
    archive.unlink()
    assert unpacked(archive, cache) == first
    assert (first / "postgres").stat().st_size == 200_000


@pytest.mark.parametrize("filters", [True, False], ids=["", "as of Python 3.11.2"])
def test_what_is_unpacked_belongs_to_this_user_whoever_owns_it_in_the_archive(
    tmp_path, monkeypatch, filters
):
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        extract = tarfile.TarFile.extractall

        def extractall(tar, path):
            extract(tar, path)

        monkeypatch.setattr(tarfile.TarFile, "extractall", extractall)
    program = tmp_path / "postgres"
    program.write_text("program")
    archive = tmp_path / "postgresql-15.1.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        member = tar.gettarinfo(program, "postgresql-15.1/bin/postgres")
        member.uid, member.gid, member.uname, member.gname = 1234, 1234, "games", "games"
        with program.open("rb") as file:
            tar.addfile(member, file)

    found = unpacked(archive, tmp_path / "cache") / "postgres"

    assert (found.stat().st_uid, found.stat().st_gid) == (os.geteuid(), os.getegid())
    assert found.read_text() == "program"
