"""Whether a cluster runs on this machine, and whose disk a folder is on; of a made-up /proc."""

import os
import pwd
import struct

import pytest

from restorecheck.postgres.physical import beside
from restorecheck.postgres.server import cluster

ME = pwd.getpwuid(os.geteuid()).pw_name
MOUNT = "36 25 0:31 / {at} rw,relatime shared:1 - {kind} somewhere rw\n"


def data_of(folder, name, identifier, state=beside.IN_PRODUCTION):
    data = folder / name / "data"
    (data / "global").mkdir(parents=True)
    (data / "global" / "pg_control").write_bytes(
        struct.pack("=QIII", identifier, 1300, 202209061, state)
    )
    return data


class Machine:
    def __init__(self, folder):
        self.folder, self.processes = folder, folder / "proc"
        self.processes.mkdir()
        self.number = 100

    def run(self, name, directory):
        self.number += 1
        process = self.processes / str(self.number)
        process.mkdir()
        (process / "comm").write_text(f"{name}\n")
        (process / "cwd").symlink_to(directory)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    made = Machine(tmp_path)
    (made.processes / "self").mkdir()
    monkeypatch.setattr(beside, "PROCESSES", made.processes)
    monkeypatch.setattr(beside, "MOUNTS", tmp_path / "mountinfo")
    (tmp_path / "mountinfo").write_text(MOUNT.format(at="/", kind="ext4"))
    return made


def test_a_running_cluster_is_known_by_its_identifier(machine):
    data = data_of(machine.folder, "main", 77)
    machine.run("postgres", data)
    machine.run("postgres", data)
    machine.run("bash", data_of(machine.folder, "shell", 78))

    assert beside.clusters() == (beside.RunningCluster("77", ME),)


def test_the_server_of_a_drill_is_not_the_cluster(machine):
    data = data_of(machine.folder, "drill", 77)
    (data.parent / cluster.MARK).write_text("{}")
    machine.run("postgres", data)
    machine.run("postgres", data_of(machine.folder, f"{cluster.PREFIX}20261130-1", 77))

    assert beside.clusters() == ()


def test_a_standby_is_not_the_cluster(machine):
    machine.run("postgres", data_of(machine.folder, "standby", 77, state=5))

    assert beside.clusters() == ()


def test_a_process_that_has_ended_is_none(machine):
    machine.run("postgres", machine.folder / "gone")
    (machine.processes / "999").mkdir()

    assert beside.clusters() == ()


def test_without_proc_nothing_is_known(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(beside, "PROCESSES", tmp_path / "no proc")

    assert beside.clusters() is None
    assert beside.repository(tmp_path, "77", encrypted=False) == ()


def test_a_folder_beside_its_cluster_can_be_deleted_there(machine, tmp_path):
    machine.run("postgres", data_of(machine.folder, "main", 77))

    (found,) = beside.repository(tmp_path, "77", encrypted=False)

    assert (found.name, found.beside_the_database, found.encrypted) == (str(tmp_path), True, False)
    assert found.writable_by == f"{ME} may write to it on the machine of the database"


def test_of_a_cluster_elsewhere_only_its_own_machine_could_tell_who_may_delete(machine, tmp_path):
    machine.run("postgres", data_of(machine.folder, "main", 78))

    (found,) = beside.repository(tmp_path, "77", encrypted=True)

    assert (found.beside_the_database, found.writable_by, found.encrypted) == (False, None, True)


def test_a_cluster_that_is_not_known_is_no_finding(machine, tmp_path):
    machine.run("postgres", data_of(machine.folder, "main", 77))

    assert beside.repository(tmp_path, "", encrypted=False) == ()


@pytest.mark.parametrize(
    ("kind", "elsewhere"),
    [("nfs4", True), ("fuse.s3fs", True), ("cifs", True), ("ext4", False), ("fuseblk", False)],
)
def test_a_disk_of_another_machine_is_told_by_its_file_system(machine, tmp_path, kind, elsewhere):
    there = tmp_path / "mounted here"
    (there / "base").mkdir(parents=True)
    at = str(there).replace(" ", "\\040")
    with (tmp_path / "mountinfo").open("a") as mounts:
        mounts.write(MOUNT.format(at=at, kind=kind))
    machine.run("postgres", data_of(machine.folder, "main", 77))

    (found,) = beside.repository(there / "base", "77", encrypted=False)

    assert found.beside_the_database is not elsewhere
    assert not beside.is_of_another_machine(tmp_path)


def test_whose_files_a_data_directory_has(tmp_path):
    assert beside.identifier_of(data_of(tmp_path, "main", 1 << 63)) == str(1 << 63)
    assert beside.identifier_of(tmp_path) == ""
    (tmp_path / "main" / "data" / "global" / "pg_control").write_bytes(b"cut")
    assert beside.identifier_of(tmp_path / "main" / "data") == ""
