"""The same damaged dump, in a folder and in each kind of storage: the same verdict."""

import shutil

import pytest

from tests.acceptance.storages import KEEPERS
from tests.acceptance.test_storages import TODAY, configure, keeper  # noqa: F401  # a fixture

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DAMAGES = {
    "empty": lambda _whole: b"",
    "cut in the middle": lambda whole: whole[: len(whole) // 2],
    "without its end": lambda whole: whole[:-100],
    "a page of a proxy": lambda _whole: b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "zeros": lambda whole: bytes(len(whole)),
    "a wrong version": lambda whole: whole[:5] + b"\x09" + whole[6:],
}


REFUSED = {("restic", "empty")}
"""restic keeps no empty file that comes by stdin."""
CASES = [(name, damage) for name in KEEPERS for damage in DAMAGES if (name, damage) not in REFUSED]


@pytest.mark.parametrize(("keeper", "damage"), CASES, indirect=["keeper"])
def test_a_damaged_dump_has_the_verdict_that_it_has_in_a_folder(world, dumps, keeper, damage):  # noqa: F811
    bad = world.directory / "bad"
    bad.write_bytes(DAMAGES[damage](dumps["custom"].read_bytes()))
    folder = world.directory / "folder"
    folder.mkdir()
    shutil.copy(bad, folder / TODAY)
    configure(world, f"path: '{folder}'")
    code, there = world.drill()
    keeper.put(bad, TODAY)
    configure(world, keeper.keys)

    found, report = world.drill()

    assert (found, report["verdict"]) == (code, there["verdict"]), report["reason"]
    assert there["verdict"] != "verified"
