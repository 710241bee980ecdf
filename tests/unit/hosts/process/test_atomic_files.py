"""Files that are written completely or not at all, and what is no file to be replaced."""

import os
import stat
import threading

import pytest

from restorecheck.errors import ConfigError
from restorecheck.hosts.process.atomic_files import writing
from tests.missing import ROOT, needs


def put(path, **how):
    with writing(str(path), **how) as stream:
        stream.write("new")


def begin(path):
    with writing(str(path)) as stream:
        stream.write("new")
        raise KeyboardInterrupt


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_an_interrupted_file_stays_as_it_was(tmp_path):
    file = tmp_path / "report"
    file.write_text("old")

    with pytest.raises(KeyboardInterrupt):
        begin(file)

    assert file.read_text() == "old"
    assert [*tmp_path.iterdir()] == [file]


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    put(pipe)
    reader.join()

    assert read == ["new"]
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


def test_a_link_to_a_device_is_written_through_and_stays(tmp_path):
    link = tmp_path / "null"
    link.symlink_to("/dev/null")

    put(link)

    assert link.is_symlink()
    assert stat.S_ISCHR(link.stat().st_mode)


def test_a_report_is_its_owners_and_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "other").write_text("old")
    (tmp_path / "report").symlink_to(tmp_path / "other")

    put(tmp_path / "report")

    assert (tmp_path / "other").read_text() == "old"
    assert mode_of(tmp_path / "report") == 0o600


def test_a_configuration_keeps_its_permissions_and_the_link_to_it(tmp_path):
    file, link = tmp_path / "kept.yaml", tmp_path / "restorecheck.yaml"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)

    put(link, keeps=True)

    assert file.read_text() == "new"
    assert mode_of(file) == 0o640
    assert link.is_symlink()


@needs(os.geteuid() == 0, *ROOT)
def test_a_configuration_stays_that_of_the_service(tmp_path):
    file = tmp_path / "restorecheck.yaml"
    file.write_text("old")
    os.chown(file, 65534, 65534)

    put(file, keeps=True)

    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_a_new_configuration_is_its_owners(tmp_path):
    put(tmp_path / "new.yaml", keeps=True)

    assert mode_of(tmp_path / "new.yaml") == 0o600


@pytest.mark.parametrize("place", ["missing/report", "."])
def test_what_cannot_be_written_is_said(tmp_path, place):
    with pytest.raises(ConfigError, match="could not write"):
        put(tmp_path / place)
