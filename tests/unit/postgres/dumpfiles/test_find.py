"""Which files a target's path names."""

import gzip
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from restorecheck.errors import AccessDeniedError, NotFoundError
from restorecheck.postgres.dumpfiles.find import candidates

NOBODY = 65534
BESIDE = (
    "a.dump.sha256", "a.dump.md5", "a.md5", "a.dump.gz.md5", "a.dump.metadata", "a.dump.done", "a.dump.ok",
    "a.dump.fin", "a.info", "a.manifest", "a.lock", "a.stat", "a.log", "last_success", "latest-run",
    "SHA256SUMS", "md5sums.txt", "backup.key", "_SUCCESS", "notes.txt", ".hidden", "a.dump.part", "b.dump.tmp",
)  # fmt: skip


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


def test_what_lies_beside_dumps_is_ignored_in_a_folder_and_under_a_glob(tmp_path):
    for name in BESIDE:
        (tmp_path / name).write_text("x")
    (tmp_path / "a.dump").touch()
    (tmp_path / "folder").mkdir()

    for path in (tmp_path, tmp_path / "*"):
        assert [file.name for file in candidates(str(path)).files] == ["a.dump"]


@pytest.mark.parametrize("name", BESIDE)
def test_a_dump_is_a_candidate_whatever_its_name_says(tmp_path, name):
    (tmp_path / name).write_bytes(b"PGDMP\x01\x0e\x00")

    found = [file.name for file in candidates(str(tmp_path)).files]

    unfinished = name.endswith((".part", ".tmp"))
    assert found == ([] if unfinished or name.startswith(".") else [name])


@pytest.mark.parametrize(
    "name",
    ["a.dump.gz", "latest-db.dump", "last_night.sql", "a.dump.20260102", "a.sql.1", "a.backup_2",
     "SUCCESS.dump", "list.sql.zst.gpg"],
)  # fmt: skip
def test_what_has_the_name_of_a_dump_is_a_candidate_whatever_it_holds(tmp_path, name):
    (tmp_path / name).write_text("x")
    (tmp_path / "a.dump").touch()

    assert name in [file.name for file in candidates(str(tmp_path)).files]


def test_a_link_and_the_file_that_it_leads_to_are_one_candidate_under_the_files_name(tmp_path):
    touch(tmp_path / "db-20260101.dump", 10)
    (tmp_path / "latest.dump").symlink_to("db-20260101.dump")
    (tmp_path / "current.dump").hardlink_to(tmp_path / "db-20260101.dump")
    (tmp_path / "old-latest.dump").symlink_to("gone")

    found = candidates(str(tmp_path)).files
    named = candidates(str(tmp_path / "latest.dump")).files

    assert [file.name for file in found] == ["db-20260101.dump"]
    assert [file.name for file in named] == ["db-20260101.dump"]


def test_a_signature_is_no_dump_and_an_encrypted_dump_of_the_same_name_is_one(tmp_path):
    (tmp_path / "a.dump").write_bytes(b"PGDMP")
    (tmp_path / "a.dump.asc").write_text("-----BEGIN PGP SIGNATURE-----\n")
    (tmp_path / "b.dump.asc").write_text("-----BEGIN PGP MESSAGE-----\n")

    found = candidates(str(tmp_path)).files

    assert {file.name for file in found} == {"a.dump", "b.dump.asc"}


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "latest.dump").symlink_to("gone")

    with pytest.raises(NotFoundError, match="is a symbolic link to gone, which does not exist"):
        candidates(str(tmp_path / "latest.dump"))


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        (("x.aa", "x.ab", "x.ac"), ["x.aa"]),
        (("x-part00", "x-part01"), ["x-part00"]),
        (("x.001", "x.002"), ["x.001"]),
        (("x.dumpaa", "x.dumpab"), ["x.dumpaa"]),
        (("x.aa.gz", "x.ab.gz"), ["x.aa.gz"]),
        (("x.aa", "x.ac"), ["x.aa"]),  # and what is missing is told when it is read
        (("x.ba", "x.bb"), ["x.ba", "x.bb"]),
    ],
)
def test_a_file_in_pieces_is_one_candidate(tmp_path, pieces, found):
    text = gzip.compress(b"PGDMP") if pieces[0].endswith(".gz") else b"PGDMP"
    for number, name in enumerate(pieces):
        rest = gzip.compress(b"rest") if name.endswith(".gz") else b"rest"
        (tmp_path / name).write_bytes(rest if number else text)

    assert sorted(file.name for file in candidates(str(tmp_path)).files) == found


@pytest.mark.parametrize(
    "second", [b"--\n-- PostgreSQL database dump\n--\n", b"", b"<html>", b"%PDF"]
)
def test_dumps_that_are_numbered_by_day_are_no_pieces(tmp_path, second):
    for name in ("db-00", "db-01"):
        content = second if name == "db-01" else b"--\n-- PostgreSQL database dump\n--\n"
        (tmp_path / name).write_bytes(content)

    assert len(candidates(str(tmp_path)).files) == 2


def test_a_folder_that_holds_another_kind_of_backup_is_named_where_there_is_no_dump(tmp_path):
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "backup_label").touch()

    assert [file.name for file in candidates(str(tmp_path)).files] == ["2026"]
    (tmp_path / "a.dump").touch()
    assert [file.name for file in candidates(str(tmp_path)).files] == ["a.dump"]


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


def test_files_of_one_name_in_several_folders_are_all_found(tmp_path):
    for day in ("2026-02-24", "2026-02-25"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "shop.sql").write_text("--\n")

    found = candidates(f"{tmp_path}/*/shop.sql").files

    assert {file.parent.name for file in found} == {"2026-02-24", "2026-02-25"}


def test_of_numbered_parts_the_first_stands_for_all(tmp_path):
    packed = gzip.compress(random.Random(1).randbytes(900))
    for number in range(3):
        piece = packed[number * 300 : (number + 1) * 300 if number < 2 else None]
        (tmp_path / f"x.sql.gz.{number:03}.part").write_bytes(piece)

    assert [file.name for file in candidates(str(tmp_path)).files] == ["x.sql.gz.000.part"]


@pytest.mark.parametrize("name", ["x.sql.part", "x.sql.gz.000.part", "db-01.part"])
def test_a_part_alone_is_being_written(tmp_path, name):
    (tmp_path / name).write_bytes(b"-- PostgreSQL database dump")
    (tmp_path / "db-02.part").write_bytes(b"-- PostgreSQL database dump")

    assert candidates(str(tmp_path)).files == ()
