"""Drills that are killed at a save of their state, or whose disk fills up, whatever their backup."""

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import World
from tests.chosen import chosen

DYING = [sys.executable, str(Path(__file__).with_name("dying.py"))]


def killed_anywhere(world: World, when: str, share: float = 0.15) -> None:
    """Killed before or after some saves; then a sweep leaves nothing. `world` is configured.

    A drill saves more often the longer it works, so one of the last numbers may not be reached.
    """
    whole = world.run("before", "-1", "drill", command=DYING)
    assert whole.returncode == 0, whole.stderr
    count = int(whole.stderr.rpartition("saves: ")[2])
    for number in chosen(range(count), share):
        died = world.run(when, str(number), "drill", command=DYING)
        ended = died.returncode == 0 and int(died.stderr.rpartition("saves: ")[2]) <= number
        assert died.returncode == -signal.SIGKILL or ended, (number, died.stderr)
        assert not ended or number > count // 2, (number, count)
        swept = world.run("sweep")

        assert swept.returncode == 0, (number, swept.stdout, swept.stderr)
        assert world.leftovers() == [], number


@contextmanager
def small_disk(world: World, megabytes: int) -> Any:
    """A work directory of this size."""
    options = f"size={megabytes}m,mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", world.work], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", world.work], check=True)


def told_of_the_disk(world: World, drill: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    """A full disk is never called a bad backup; it is named, and nothing is left on it."""
    _, report = drill()
    assert report["verdict"] in {"inconclusive", "verified"}, report["reason"]
    if report["verdict"] == "inconclusive":
        words = ("disk", "GB are free", "space")
        assert any(word in report["reason"] for word in words), report["reason"]
        assert "could not be asked" not in report["reason"]
        assert "could not be read" not in report["reason"]
        assert report["hint"], report["reason"]
    assert report["teardown"]["outcome"] == "complete"
    assert world.leftovers() == []
