"""A folder that belongs to somebody hostile: read, and emptied, all the same."""

import os
from pathlib import Path

import pytest

from restorecheck.postgres import theirs


def test_links_pipes_devices_and_folders_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()

    for name in ("pipe", "link", "folder", "nothing"):
        with pytest.raises(OSError, match=r"regular file|symbolic links|No such file"):
            theirs.read_small(tmp_path / name)


def test_of_a_file_with_a_terabyte_the_first_lines_are_read(tmp_path):
    (tmp_path / "huge").write_bytes(b"123\n")
    os.truncate(tmp_path / "huge", 1 << 40)

    assert theirs.read_small(tmp_path / "huge").startswith("123\n")


def test_a_folder_is_emptied_however_deep_it_is_and_nothing_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mark").touch()
    (folder / "link").symlink_to(outside)
    _go_down(folder, 3000, outside)

    theirs.remove_all(folder, but="mark")

    assert [path.name for path in folder.iterdir()] == ["mark"]
    assert (outside / "kept").exists()


def test_a_folder_with_thousands_of_files_is_emptied_but_for_one(tmp_path):
    for number in range(theirs.AT_ONCE + theirs.FEW):
        (tmp_path / str(number)).touch()
    (tmp_path / "mark").touch()

    theirs.remove_all(tmp_path, but="mark")

    assert [path.name for path in tmp_path.iterdir()] == ["mark"]


def _go_down(folder: Path, levels: int, outside: Path) -> None:
    """By descriptors: no path has room for so many names."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("deeper", dir_fd=here)
        os.symlink(outside, "a link", dir_fd=here)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
