"""A folder that belongs to somebody hostile: read, and emptied, all the same."""

import ast
import os
from pathlib import Path

import pytest

from restorecheck.postgres import untrusted_files
from restorecheck.postgres.server import cluster
from tests.missing import ROOT, needs


def test_links_pipes_devices_and_folders_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()

    for name in ("pipe", "link", "folder", "nothing"):
        with pytest.raises(OSError, match=r"regular file|symbolic links|No such file"):
            untrusted_files.read_small(tmp_path, name)


def test_of_a_file_with_a_terabyte_the_first_lines_are_read(tmp_path):
    (tmp_path / "huge").write_bytes(b"123\n")
    os.truncate(tmp_path / "huge", 1 << 40)

    assert untrusted_files.read_small(tmp_path, "huge").startswith("123\n")


def test_a_folder_is_emptied_however_deep_it_is_and_nothing_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mark").touch()
    (folder / "link").symlink_to(outside)
    _go_down(folder, 3000, outside)

    untrusted_files.remove_all(folder, but="mark")

    assert [path.name for path in folder.iterdir()] == ["mark"]
    assert (outside / "kept").exists()


def test_a_folder_with_thousands_of_files_is_emptied_but_for_one(tmp_path):
    for number in range(untrusted_files.AT_ONCE + untrusted_files.FEW):
        (tmp_path / str(number)).touch()
    (tmp_path / "mark").touch()

    untrusted_files.remove_all(tmp_path, but="mark")

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


# --- nobody else opens what a dump can write ---------------------------------------------------

POSTGRES = Path(cluster.__file__).parents[1]
THEIRS = {"data", "sockets", "socket_path"}
"""Attributes of `Places` that lie where the server's user writes."""
OPENING = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "touch", "stat", "exists"),
    *("is_dir", "is_file", "iterdir", "glob", "rglob", "unlink", "symlink_to", "hardlink_to"),
    *("chmod", "rmdir", "resolve", "samefile", "rmtree", "copytree", "copyfile", "listdir", "walk"),
    *("scandir", "remove", "chown"),
}


def is_theirs(node):
    """`places.data`, and whatever is joined to it."""
    if isinstance(node, ast.BinOp):
        return is_theirs(node.left)
    return isinstance(node, ast.Attribute) and node.attr in THEIRS


def opens_what_is_theirs(tree):
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        name = call.func.id if isinstance(call.func, ast.Name) else name
        if isinstance(call.func, ast.Attribute) and is_theirs(call.func.value) and name in OPENING:
            yield call.lineno
        of_theirs = (
            isinstance(call.func, ast.Attribute)
            and ast.unparse(call.func.value) == "untrusted_files"
        )
        if name in OPENING and not of_theirs and any(is_theirs(argument) for argument in call.args):
            yield call.lineno


def test_no_other_module_opens_what_a_dump_can_write():
    found = {
        file.name: lines
        for file in POSTGRES.rglob("*.py")
        if (lines := list(opens_what_is_theirs(ast.parse(file.read_text()))))
    }

    assert found == {}


def test_such_an_opening_is_seen():
    wrong = "(places.data / 'PG_VERSION').read_text(); open(places.sockets / 'x'); shutil.rmtree(places.data)"

    assert len(list(opens_what_is_theirs(ast.parse(wrong)))) == 3


def test_a_file_below_a_folder_is_opened_by_no_link_on_its_way(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "1").write_bytes(b"page")
    (tmp_path / "link").symlink_to(tmp_path / "base")

    with untrusted_files.folder(tmp_path) as held:
        with untrusted_files.open_below(held, "base/1") as file:
            assert file.read() == b"page"
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            untrusted_files.open_below(held, "link/1")
        with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
            untrusted_files.unlink_below(held, "link/1")


@needs(os.geteuid() == 0, *ROOT)
def test_a_folder_is_given_away_and_what_its_links_lead_to_is_not(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "link").symlink_to(outside)

    untrusted_files.give_all(folder, 4711, 4712)

    assert (outside.stat().st_uid, outside.stat().st_gid) == (0, 0)
    for path in (folder, folder / "inner", folder / "inner" / "link"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (4711, 4712)
