"""What a kill leaves at moments that are too short to hit: made by hand, and taken away."""

import ctypes
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from restorecheck.errors import ProviderError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.process import leases
from restorecheck.hosts.process.leases import Lease
from restorecheck.postgres.server import cluster, processes, shared_memory
from restorecheck.postgres.server.account import choose_account
from restorecheck.postgres.server.cluster import Mark, Places
from restorecheck.postgres.server.processes import Fence
from tests import pg
from tests.missing import LINUX, needs
from tests.places import SHORT


@pytest.fixture
def places():
    directory = Path(tempfile.mkdtemp(prefix="rc", dir=SHORT))
    directory.chmod(0o755)
    yield Places(directory / "restorecheck-20260101-000000-abcdef")
    shutil.rmtree(directory)


ID = "20260101-000000-abcdef"


def mark():
    return Mark(drill_id=ID, made_at=SystemClock().now(), lock="")


def test_a_directory_whose_mark_was_being_written_is_removed(places):
    cluster.make_directory(places, mark(), None)
    places.mark.rename(places.unfinished_mark)
    places.data.rmdir()
    places.sockets.rmdir()  # which are made after it

    assert cluster.remove(places, ID) == ""
    assert not places.directory.exists()


def test_a_directory_with_more_than_an_unfinished_mark_is_somebody_s(places):
    cluster.make_directory(places, mark(), None)
    places.mark.rename(places.unfinished_mark)
    (places.directory / "precious").touch()

    assert "does not have the mark" in cluster.remove(places, ID)
    assert (places.directory / "precious").exists()


def makers():
    return {int(line.split()[4]) for line in shared_memory.SEGMENTS.read_text().splitlines()[1:]}


def segments():
    return {int(line.split()[1]) for line in shared_memory.SEGMENTS.read_text().splitlines()[1:]}


@needs(shared_memory.SEGMENTS.exists(), *LINUX)
def test_a_server_that_was_killed_leaves_no_shared_memory(places):
    account, installation = choose_account(None), pg.installations()[0]
    cluster.make_directory(places, mark(), account)
    cluster.initdb(places, installation, account)
    server = cluster.start(places, installation, account, jobs=1, outlive_us=False)
    server.kill()
    server.wait()

    assert cluster.stop(places, server)

    assert server.inner is not None
    assert server.inner.pid not in makers()


@needs(shared_memory.SEGMENTS.exists(), *LINUX)
def test_a_server_without_an_ipc_namespace_that_was_killed_leaves_no_shared_memory(
    places, monkeypatch
):
    monkeypatch.setattr(processes, "_reach", without_walls(processes._reach))
    account, installation = choose_account(None), pg.installations()[0]
    cluster.make_directory(places, mark(), account)
    cluster.initdb(places, installation, account)
    server = cluster.start(places, installation, account, jobs=1, outlive_us=False)
    named = (places.data / "postmaster.pid").read_text().split("\n")[6].split()
    own = int(named[1])
    assert own in segments()
    server.kill()
    server.wait()
    cluster._STARTED.clear()  # as in another process

    assert cluster.stop(places)

    assert own not in segments()


@needs(shared_memory.SEGMENTS.exists(), *LINUX)
def test_a_server_of_initdb_s_own_that_was_killed_leaves_no_shared_memory(places, monkeypatch):
    """Nobody but initdb knows its process, and whoever killed both let nobody tidy up."""
    monkeypatch.setattr(processes, "_reach", without_walls(processes._reach))
    account, installation = choose_account(None), pg.installations()[0]
    cluster.make_directory(places, mark(), account)
    failed: list[ProviderError] = []

    def make():
        try:
            cluster.initdb(places, installation, account)
        except ProviderError as exc:
            failed.append(exc)

    making = threading.Thread(target=make)
    making.start()
    own: dict[int, int] = {}
    while making.is_alive() and not own:
        own = {
            segment: maker
            for segment, maker in segments_over(places.data).items()
            if held(segment, maker)
        }
    assert own
    for maker in own.values():
        bootstrap = psutil.Process(maker)
        for process in (*bootstrap.parents(), bootstrap):
            with suppress(psutil.ZombieProcess):  # a shell between them may have ended
                if str(places.data) in " ".join(process.cmdline()):
                    process.kill()
    making.join()
    assert failed
    assert own.keys() <= segments(), "nobody has tidied up"

    assert cluster.stop(places)

    assert not own.keys() & segments()


@needs(shared_memory.SEGMENTS.exists(), *LINUX)
def test_shared_memory_of_another_directory_stays(places):
    """Under the number that ours would have, with another directory's name in it."""
    libc = ctypes.CDLL(None)
    places.data.mkdir(parents=True)
    other = struct.pack("=iixxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxQQ", 679834894, 1, 1, 2)
    number = segment(places.data.stat().st_ino, other)
    try:
        shared_memory.free((), None, places.data)
        assert number in segments()
    finally:
        libc.shmctl(number, 0, None)


def segment(key, contents):
    """One that nobody uses."""
    libc = ctypes.CDLL(None)
    libc.shmat.restype = ctypes.c_void_p
    number = int(libc.shmget(ctypes.c_int(key & 0x7FFFFFFF), 4096, 0o600 | 0o1000))
    assert number >= 0
    place = libc.shmat(number, None, 0)
    ctypes.memmove(place, contents, len(contents))
    libc.shmdt(ctypes.c_void_p(place))
    return number


def segments_over(data):
    """Number → its maker, of segments that are made to their end and name the directory."""
    lines = (line.split() for line in shared_memory.SEGMENTS.read_text().splitlines()[1:])
    libc = ctypes.CDLL(None)
    return {
        int(number): int(maker)
        for key, number, _mode, _size, maker, *_ in lines
        if shared_memory._is_over(libc, int(key), int(number), data)
    }


def held(segment, maker):
    """Whether a bootstrap stands still, and has not removed its segment before: it would end by itself when its initdb is gone."""
    with suppress(psutil.NoSuchProcess):
        bootstrap = psutil.Process(maker)
        bootstrap.suspend()
        while bootstrap.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}:
            pass
        if segment in segments():
            return True
        bootstrap.resume()
    return False


def without_walls(reach):
    """As in a container that may unshare nothing."""
    return lambda words, within: reach(words, within) | {"walls": False}


def test_a_worker_of_a_loading_program_that_stands_still_is_ended(places):
    """It was forked by what dies with us, and is not told to die itself."""
    account = choose_account(None)
    cluster.make_directory(places, mark(), account)
    script = "trap '' TERM; sleep 600 & echo $!; wait"
    parent = processes.spawn(
        ["/bin/sh", "-c", script],
        directory=places.directory,
        account=account,
        stdout=subprocess.PIPE,
        within=Fence(record=cluster.recorded(places)),
    )
    assert parent.stdout is not None
    assert parent.inner is not None
    parent.stdout.readline()
    (worker,) = psutil.Process(parent.inner.pid).children()
    worker.send_signal(signal.SIGSTOP)
    parent.send_signal(signal.SIGSTOP)
    parent.stdout.close()

    assert cluster.stop(places)
    parent.wait()

    psutil.wait_procs([worker], timeout=10)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert cluster.remove(places, ID) == ""


def test_the_lock_file_of_a_drill_that_never_began_is_forgotten(tmp_path):
    path = tmp_path / f"{ID}.lock"
    with Lease(path):
        leases.forget(path)
        assert path.exists(), "it is held"
    path.touch()

    leases.forget(path)

    assert not path.exists()


def test_a_lock_is_held_as_long_as_it_is_and_by_nobody_who_only_looks(tmp_path):
    path = tmp_path / f"{ID}.lock"
    assert not leases.is_held(path), "it is not there"
    with Lease(path):
        assert leases.is_held(path)
    path.touch()
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # as `is_held` of another process does
        assert not leases.is_held(path)
    finally:
        os.close(descriptor)


def test_a_lock_that_cannot_be_looked_at_is_held(tmp_path):
    (tmp_path / "real").touch()
    path = tmp_path / f"{ID}.lock"
    path.symlink_to(tmp_path / "real")

    assert leases.is_held(path)


def test_who_locks_a_file_that_is_being_forgotten_holds_the_one_with_the_name(
    tmp_path, monkeypatch
):
    path = tmp_path / f"{ID}.lock"
    opened: list[int] = []
    lock = fcntl.flock

    def forgotten_in_between(descriptor, operation):
        if not opened:
            opened.append(os.fstat(descriptor).st_ino)
            leases.forget(path)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", forgotten_in_between)
    with Lease(path):
        monkeypatch.undo()
        assert path.stat().st_ino != opened[0] or leases.is_held(path)
        assert leases.is_held(path)


def test_what_is_no_file_is_no_lease_and_is_not_opened(tmp_path):
    """The name of a lock may come from a mark that restored code has written."""
    os.mkfifo(tmp_path / "pipe")

    assert not leases.is_held(tmp_path / "pipe")
    assert not leases.is_held(Path("/dev/null"))
