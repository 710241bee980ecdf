"""WAL in folders, as people keep it."""

import bz2
import gzip
import lzma
import struct

import lz4.frame
import pytest
import zstandard

from restorecheck.errors import NotFoundError
from restorecheck.postgres.physical import archive_folder
from restorecheck.postgres.physical.source import ArchiveAnswer

NAME = "000000010000000000000007"
SIZE = 1 << 20
WAL = struct.pack("<HHIQIIQI", 0xD110, 2, 1, 7 * SIZE, 0, 0, 77, SIZE).ljust(SIZE, b"x")
COMPRESSED = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".lz4": lz4.frame.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize("folder", ["", NAME[:16]])
def test_a_segment_is_found_under_the_names_that_archives_give_it(tmp_path, suffix, folder):
    place = tmp_path / "wal" / folder
    place.mkdir(parents=True)
    (place / f"{NAME}{suffix}").write_bytes(COMPRESSED[suffix](WAL))

    got = archive_folder.fetch(str(tmp_path / "wal"), NAME, tmp_path / "to")

    assert (got.answer, got.partial) == (ArchiveAnswer.FETCHED, False)
    assert (tmp_path / "to").read_bytes() == WAL
    assert archive_folder.newest_segment(str(tmp_path / "wal")) == NAME


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".lz4", ".bz2", ".xz"])
def test_a_truncated_segment_is_damaged(tmp_path, suffix):
    packed = COMPRESSED[suffix](WAL)
    (tmp_path / f"{NAME}{suffix}").write_bytes(packed[: len(packed) // 2])

    got = archive_folder.fetch(str(tmp_path), NAME, tmp_path / "to")

    assert got.answer is ArchiveAnswer.DAMAGED or (tmp_path / "to").stat().st_size < SIZE


@pytest.mark.parametrize("suffix", ["", ".gz", ".lz4"])
def test_a_segment_that_is_being_received_is_given_with_zeros_behind_it(tmp_path, suffix):
    packed = COMPRESSED[suffix](WAL)
    (tmp_path / f"{NAME}{suffix}.partial").write_bytes(packed[: len(packed) * 9 // 10])

    got = archive_folder.fetch(str(tmp_path), NAME, tmp_path / "to")

    found = (tmp_path / "to").read_bytes()
    assert (got.answer, got.partial) == (ArchiveAnswer.FETCHED, True)
    assert len(found) == SIZE
    assert WAL.startswith(found.rstrip(b"\0"))
    assert found.rstrip(b"\0")
    assert archive_folder.newest_segment(str(tmp_path)) == ""


@pytest.mark.parametrize("content", [b"", bytes(SIZE)])
def test_a_segment_that_has_not_begun_is_not_there(tmp_path, content):
    (tmp_path / f"{NAME}.partial").write_bytes(content)

    got = archive_folder.fetch(str(tmp_path), NAME, tmp_path / "to")

    assert got.answer is ArchiveAnswer.ABSENT


def test_a_history_file_has_no_beginning(tmp_path):
    (tmp_path / "00000002.history.partial").write_text("1")

    got = archive_folder.fetch(str(tmp_path), "00000002.history", tmp_path / "to")

    assert got.answer is ArchiveAnswer.ABSENT


def test_segments_that_are_not_found_do_not_count_as_the_newest(tmp_path):
    for folder in ("2026-11-29", "old"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / NAME).write_bytes(WAL)

    assert archive_folder.newest_segment(str(tmp_path)) == ""


def test_an_archive_that_is_not_there_does_not_answer(tmp_path):
    gone = str(tmp_path / "gone")

    assert archive_folder.fetch(gone, NAME, tmp_path / "to").answer is ArchiveAnswer.UNKNOWN
    with pytest.raises(NotFoundError):
        archive_folder.newest_segment(gone)


@pytest.mark.parametrize("end", [".gpg", ".snappy"])
def test_a_segment_that_nobody_but_its_owner_reads_is_not_a_missing_one(tmp_path, end):
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / f"{NAME}{end}").write_bytes(b"closed")

    got = archive_folder.fetch(str(archive), NAME, tmp_path / "to")

    assert got.answer is ArchiveAnswer.UNKNOWN
    assert f"{NAME}{end}" in got.said
    assert archive_folder.newest_segment(str(archive)) == NAME
