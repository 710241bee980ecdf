"""Locks that the kernel lets go of, whatever becomes of who held them."""

import fcntl
import os
import threading

import pytest

from restorecheck.errors import BusyError, StoreError
from restorecheck.hosts.process import leases
from restorecheck.hosts.process.leases import Lease


@pytest.fixture
def path(tmp_path):
    return tmp_path / "locks" / "20260226-031500-a1b2c3.lock"


def test_a_lease_is_held_until_it_is_let_go_of(path):
    with Lease(path):
        assert leases.is_held(path)
    assert not leases.is_held(path)
    assert not path.exists()


def test_a_lock_has_no_name_any_more_when_it_is_let_go_of(path, monkeypatch):
    """Else another process may hold it by then, and lose its name to us."""
    there: list[bool] = []
    close = os.close

    with monkeypatch.context() as watched, Lease(path) as lease:

        def closing(descriptor):
            if descriptor == lease._descriptor:
                there.append(path.exists())
            close(descriptor)

        watched.setattr(os, "close", closing)
        lease.__exit__(None, None, None)

    assert there == [False]


def test_who_looks_at_a_lock_is_in_nobodys_way(path, monkeypatch):
    """Two who look at once do not take each other for its host."""
    path.parent.mkdir()
    path.touch()
    looks: list[object] = []
    flock = fcntl.flock

    def look_twice(descriptor, how):
        flock(descriptor, how)
        if not looks:
            looks.append("first")
            looks.append(leases.is_held(path))

    monkeypatch.setattr(fcntl, "flock", look_twice)

    assert leases.is_held(path) is False
    assert looks == ["first", False]


def test_a_lock_that_cannot_be_looked_at_is_somebody_elses(path):
    path.parent.mkdir()
    path.symlink_to("/etc/hostname")

    assert leases.is_held(path)


def test_a_lock_that_is_held_is_not_forgotten(path):
    with Lease(path):
        leases.forget(path)
        assert path.exists()
        assert leases.is_held(path)


def test_a_lock_that_nobody_holds_is_forgotten(path):
    path.parent.mkdir()
    path.touch()

    leases.forget(path)
    leases.forget(path)

    assert not path.exists()


def test_a_permanent_lock_stays_and_is_not_waited_for(path):
    with Lease(path, permanent=True), pytest.raises(BusyError), Lease(path, permanent=True):
        raise AssertionError("held twice")
    assert path.exists()
    with Lease(path, permanent=True):
        assert leases.is_held(path)


def test_a_lease_of_a_file_that_was_removed_meanwhile_is_of_the_new_one(path, monkeypatch):
    """`forget` of another process comes between the opening and the locking."""
    removed: list[object] = []
    flock = fcntl.flock

    def remove_first(descriptor, how):
        if not removed:
            removed.append(path)
            path.unlink()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)

    with Lease(path):
        assert leases.is_held(path)


def test_a_place_that_cannot_be_written_is_an_error_of_the_store(tmp_path):
    (tmp_path / "locks").touch()

    with pytest.raises(StoreError, match="could not lock"), Lease(tmp_path / "locks" / "a.lock"):
        raise AssertionError("locked")


def test_turns_are_taken_one_after_the_other(path):
    order = []
    began = threading.Event()

    def second():
        began.set()
        with leases.turn(path):
            order.append("second")

    with leases.turn(path):
        other = threading.Thread(target=second)
        other.start()
        began.wait(10)
        assert leases.is_held(path)
        order.append("first")
    other.join(10)

    assert order == ["first", "second"]


def test_the_programs_that_we_start_keep_no_lock_alive(path):
    lease = Lease(path)
    with lease:
        assert lease._descriptor is not None
        assert not os.get_inheritable(lease._descriptor)
