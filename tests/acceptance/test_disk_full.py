"""A disk that fills up during the load says nothing about the backup."""

import os
import shutil
import subprocess

import pytest


@pytest.fixture
def small_disk(world):
    """A tmpfs of 60 MB as the work directory: enough for initdb, not for the load."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m,mode=0755", "tmpfs", world.work],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk; .ci/run is root")
    try:
        yield world
    finally:
        subprocess.run(["umount", world.work], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk; .ci/run is root")
def test_a_disk_that_fills_up_during_the_load_is_inconclusive(small_disk, source):
    source.sql(
        "create table big as select repeat('x', 200) || i as t from generate_series(1, 400000) i"
    )
    try:
        source.dump(small_disk.backups / "library.dump", "--format=custom", "--compress=1")
    finally:
        source.sql("drop table big")

    code, report = small_disk.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "work_dir" in report["hint"]
    assert small_disk.leftovers() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk; .ci/run is root")
def test_a_disk_that_is_full_from_the_start_is_inconclusive(small_disk, dumps):
    shutil.copy(dumps["custom"], small_disk.backups)
    (small_disk.work / "filler").write_bytes(b"x" * (55 << 20))

    code, report = small_disk.drill()
    (small_disk.work / "filler").unlink()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
