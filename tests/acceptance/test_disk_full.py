"""A disk that fills up during the load says nothing about the backup."""

import contextlib
import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile

import pytest

from tests.acceptance.ready import COMMAND
from tests.failures import expect, expect_message
from tests.missing import need, needs

SMALL_DISK = ("a small disk that can be mounted", "run the tests as root, as .ci/run does")
ROOT = needs(os.geteuid() == 0, *SMALL_DISK)


@pytest.fixture
def small_disk(world):
    """A tmpfs of 60 MB as the work directory: enough for initdb, not for the load."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m,mode=0755", "tmpfs", world.work],
        check=False,
        capture_output=True,
    )
    need(mounted.returncode == 0, *SMALL_DISK)
    try:
        yield world
    finally:
        subprocess.run(["umount", world.work], check=True)


@ROOT
def test_a_disk_that_fills_up_during_the_load_is_inconclusive(small_disk, source):
    source.sql(
        "create table big as select repeat('x', 200) || i as t from generate_series(1, 400000) i"
    )
    try:
        source.dump(small_disk.backups / "library.dump", "--format=custom", "--compress=1")
    finally:
        source.sql("drop table big")

    code, report = small_disk.drill()

    expect("disk: full", code, report)
    assert "work_dir" in report["hint"]
    assert small_disk.leftovers() == []


@ROOT
def test_a_disk_that_is_full_from_the_start_is_inconclusive(small_disk, dumps):
    shutil.copy(dumps["custom"], small_disk.backups)
    (small_disk.work / "filler").write_bytes(b"x" * (55 << 20))

    code, report = small_disk.drill()
    (small_disk.work / "filler").unlink()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]


@ROOT
@pytest.mark.parametrize("pack", ["zip", "tar.gz"])
def test_what_is_packed_and_grows_without_end_is_not_unpacked_to_its_end(small_disk, dumps, pack):
    """A file of a few megabytes, of which unpacking makes gigabytes."""
    part = dumps["custom"].read_bytes()[:2000]
    packed = small_disk.backups / f"library.{pack}"
    if pack == "zip":
        with (
            zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file,
            file.open("x.dump", "w") as member,
        ):
            member.write(part)
            for _ in range(300):
                member.write(bytes(1 << 20))
    else:
        with tarfile.open(packed, "w:gz", compresslevel=1) as tar:
            for name, size in (("toc.dat", 2000), ("1.dat", 300 << 20)):
                info = tarfile.TarInfo(f"db/{name}")
                info.size = size
                tar.addfile(info, io.BytesIO(part if name == "toc.dat" else bytes(size)))

    code, report = small_disk.drill()

    assert (code, report["verdict"]) == (3, "inconclusive"), report["reason"]
    assert "was not unpacked: not enough space is left" in report["reason"]
    assert "work_dir" in report["hint"]
    assert small_disk.leftovers() == []


@ROOT
@pytest.mark.parametrize("room", [0, 100_000, 30_000_000])
def test_a_disk_that_fills_up_at_any_step_is_inconclusive(small_disk, dumps, room):
    """Unpacking, initdb, the start and the load need ever more room."""
    (small_disk.backups / "library.dump.gz").write_bytes(
        gzip.compress(dumps["custom"].read_bytes())
    )
    fill(small_disk.work)
    with (small_disk.work / "filler").open("r+b") as filler:
        filler.truncate(max(0, filler.seek(0, 2) - room))

    code, report = small_disk.drill()
    (small_disk.work / "filler").unlink()

    expect("disk: full", code, report)


@ROOT
def test_a_check_that_needs_more_room_than_there_is_proves_nothing(small_disk, dumps):
    shutil.copy(dumps["custom"], small_disk.backups)
    sorts = "select repeat('x', 400) || g from generate_series(1, 400000) g order by 1 desc"
    small_disk.configure(f'[{{query: {{name: sorts, sql: "{sorts}", expect: not_empty}}}}]')

    expect("disk: full in a check", *small_disk.drill())


def fill(directory):
    """Leave no byte free."""
    with contextlib.suppress(OSError), (directory / "filler").open("wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()


@pytest.fixture
def small_history(world):
    """A history on a tmpfs of 2 MB, and a drill that waits in a check."""
    place = world.directory / "state"
    place.mkdir()
    options = "size=2m,mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@ROOT
@pytest.mark.parametrize("room_comes_back", [True, False])
def test_no_room_for_the_history_loses_no_drill(world, dumps, small_history, room_comes_back):
    shutil.copy(dumps["custom"], world.backups)
    sleeper = '[{query: {name: sleeper, sql: "select 1 from pg_sleep(2)", expect: not_empty}}]'
    world.configure(sleeper)
    text = world.config.read_text().replace("path: history.sqlite", "path: state/history.sqlite")
    world.config.write_text(text)
    process = subprocess.Popen(
        [*COMMAND, "drill", "--json"],
        cwd=world.directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "at least one table has rows" in line:
            break
    fill(small_history)
    for line in process.stderr:
        if "database or disk is full; trying again" in line:
            break

    if room_comes_back:
        (small_history / "filler").unlink()
        out, _ = process.communicate(timeout=60)
        assert (process.returncode, json.loads(out)["verdict"]) == (0, "verified")
        return
    process.kill()
    process.communicate(timeout=60)
    swept = world.run("sweep")
    expect_message("history: full", swept.returncode, swept.stderr)
    (small_history / "filler").unlink()
    assert world.run("sweep").returncode == 0
    report = json.loads(world.run("report", "--format", "json").stdout)
    assert report["verdict"] == "inconclusive"
