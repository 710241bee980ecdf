"""Names, headers and timelines of the write-ahead log."""

import struct

import pytest

from restorecheck.postgres.physical import wal
from restorecheck.postgres.physical.wal import Segment

MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    ("at", "size", "name"),
    [
        (0x0000_0000_0100_0028, 16 * MEGABYTE, "000000010000000000000001"),
        (0x0000_0001_0000_0000, 16 * MEGABYTE, "000000010000000100000000"),
        (0x0000_0001_0000_0000, MEGABYTE, "000000010000000100000000"),
        (0x0000_0000_0130_0000, MEGABYTE, "000000010000000000000013"),
        (0x16_B374_D848, 16 * MEGABYTE, "0000000100000016000000B3"),
    ],
)
def test_a_segment_is_named_as_the_server_names_it(at, size, name):
    segment = Segment.at(1, at, size)

    assert segment.name(size) == name
    assert Segment.of(name, size) == segment


def test_positions_are_read_and_written_as_the_server_does():
    assert wal.position("16/B374D848") == 0x16B374D848
    assert wal.position_text(0x16B374D848) == "16/B374D848"


def test_a_later_timeline_is_newer_wherever_it_begins():
    assert Segment(2, 5) > Segment(1, 9)
    names = ["000000010000000000000009", "000000020000000000000005", "00000003.history"]
    names += ["000000030000000000000005.partial", "000000020000000000000004.00000028.backup"]

    assert wal.newest(names) == "000000020000000000000005"
    assert wal.newest([]) == ""


def head(*, system=77, at=0x1300000, size=MEGABYTE):
    return struct.pack("<HHIQIxxxxQII", 0xD116, 2, 1, at, 0, system, size, 8192)


def test_a_file_is_held_against_its_name_and_its_cluster():
    name = "000000010000000000000013"

    assert wal.misfit(head(), name, MEGABYTE, "77") == ""
    assert "another cluster" in wal.misfit(head(system=78), name, MEGABYTE, "77")
    assert "begins at 0/1400000" in wal.misfit(head(at=0x1400000), name, MEGABYTE, "77")
    assert "truncated" in wal.misfit(head()[:39], name, MEGABYTE, "77")


def test_a_history_names_the_timeline_that_was_left_last():
    text = "1\t0/5000158\tno recovery target specified\n\n2\t0/A000000\tbefore 2026-01-01\n"

    assert wal.parent(text) == (2, 0xA000000)
    assert wal.parent("") is None


@pytest.mark.parametrize("name", ["../../etc/shadow", "00000001", "x", "", "0" * 24 + "\n0"])
def test_nothing_else_than_wal_is_asked_for(name):
    assert not wal.REQUESTED.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["0" * 24, "00000002.history", "0" * 24 + ".00000028.backup", "0" * 24 + ".partial"]
)
def test_wal_is_asked_for(name):
    assert wal.REQUESTED.fullmatch(name)


MB = 1 << 20


@pytest.mark.parametrize(
    ("name", "at", "size"),
    [
        ("000000010000000000000002", "0/2000028", 16 * MB),
        ("000000010000000000000020", "0/2000028", MB),
        ("00000003000000010000000A", "1/A0000028", 256 * MB),
        ("000000010000000000000003", "0/2000028", None),
    ],
)
def test_name_and_position_tell_the_size_of_segments(name, at, size):
    found = wal.size_of(name, wal.position(at))

    assert found == size


def test_missing_segments_are_named_on_the_timeline_that_they_would_have():
    names = [f"0000000100000000{n:08X}" for n in (1, 2, 4)] + ["000000020000000000000006"]

    assert wal.missing(names, 2 * MB, MB) == (
        "000000010000000000000003",
        "000000010000000000000005",
    )
    assert wal.missing(names, 7 * MB, MB) == ()
