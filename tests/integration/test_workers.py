"""Processes of the runner: what has no end is ended."""

import signal
import tempfile
import threading
from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest

from restorecheck.config import parse
from restorecheck.hosts.daemon import workers as daemon
from restorecheck.hosts.daemon.config_watch import ConfigSource
from restorecheck.hosts.daemon.workers import Workers
from tests.factories import NOW
from tests.places import SHORT

MINUTE = timedelta(minutes=1)


@pytest.fixture
def work():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as directory:
        yield directory


@pytest.fixture
def workers(tmp_path, work):
    """Over a dump that is decrypted without end."""
    return workers_in(tmp_path, work)


def workers_in(tmp_path, work):
    (tmp_path / "a.dump.age").write_bytes(b"age-encryption.org/v1\n")
    text = (
        "version: 1\n"
        f"postgres: {{work_dir: {work}}}\n"
        f"history: {{path: {tmp_path}/history.sqlite}}\n"
        "targets:\n"
        f"  - {{name: a, dump: {{path: {tmp_path}/a.dump.age, decrypt: [sleep, '3613']}}, deadline_minutes: 0.1}}\n"
    )
    file = tmp_path / "restorecheck.yaml"
    config = parse(text, file=str(file), directory=tmp_path, environment={})
    return Workers(lambda: ConfigSource(path=Path(file), text=text, config=config))


def test_a_worker_that_takes_longer_than_its_limit_is_ended(workers):
    assert workers.drill("a", NOW, timedelta(0)) == "the process was ended by signal 9"


def test_a_worker_is_ended_after_its_limit_and_not_before(workers, monkeypatch):
    limits = []

    class Watched(threading.Timer):
        def __init__(self, seconds, function):
            limits.append(seconds)
            super().__init__(0, function)

    monkeypatch.setattr(threading, "Timer", Watched)

    assert workers.drill("a", NOW, 90 * MINUTE) == "the process was ended by signal 9"
    assert limits == [90 * 60]


@pytest.mark.parametrize(
    ("tail", "complaint"),
    [
        ([], ""),
        (
            ["restorecheck: no server program", "restorecheck: install one", "noise"],
            "no server program",
        ),
        (["noise", "restorecheck: no server program"], "no server program"),
        (["Traceback", "ValueError: x"], "ValueError: x"),
    ],
)
def test_a_worker_complains_in_its_own_words_or_in_the_last_that_it_said(tail, complaint):
    assert daemon._complaint(deque(tail)) == complaint


def test_a_worker_that_did_its_work_has_no_complaint_and_one_that_could_not_says_why(
    workers, tmp_path
):
    assert workers.sweep() == ""
    deep = tmp_path / "so-long" / ("x" * 100)
    deep.mkdir(parents=True)
    assert workers_in(tmp_path, deep).sweep().startswith(f"postgres.work_dir: {deep} is too long")


def test_a_worker_that_does_not_end_when_it_is_told_to_is_ended_and_counted(workers):
    why: list[str] = []
    drill = threading.Thread(target=lambda: why.append(workers.drill("a", NOW, MINUTE)))
    drill.start()
    while not workers._running:
        assert drill.is_alive()
    (process,) = workers._running
    process.send_signal(signal.SIGSTOP)  # it cannot hear of it
    try:
        killed = workers.stop(timedelta(0))
        gone = process.poll() is not None
    finally:
        process.kill()
        drill.join()

    assert (killed, gone) == (1, True)
    assert why == ["the process was ended by signal 9"]
    assert workers.sweep() == "the runner is stopping"
