"""The `restorecheck` command, in a process that kills itself (SIGKILL) at a chosen save.

Every effect of a drill lies between two saves: the intent before it, the result after it. Dying
before and after each save is dying around every effect of every step.

Usage: dying.py (before|after) NUMBER ARGUMENTS…   With NUMBER -1 nothing dies, and the number of
saves is printed to stderr at the end.
"""

import os
import signal
import sys
from collections.abc import Callable

from restorecheck.hosts.cli.arguments import main
from restorecheck.model import Drill
from restorecheck.sqlite import store


class DyingStore(store.SqliteStore):
    saves = 0

    def _update(self, drill: Drill) -> Drill:
        return self._count(lambda: super(DyingStore, self)._update(drill))

    def create(self, drill: Drill) -> Drill:
        return self._count(lambda: super(DyingStore, self).create(drill))

    def _count(self, act: Callable[[], Drill]) -> Drill:
        number, DyingStore.saves = DyingStore.saves, DyingStore.saves + 1
        if number == FATAL and WHEN == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = act()
        if number == FATAL and WHEN == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result


if __name__ == "__main__":
    WHEN, FATAL = sys.argv[1], int(sys.argv[2])
    # The composition root looks the store up when it is wired.
    store.SqliteStore = DyingStore  # type: ignore[misc]
    code = main(sys.argv[3:])
    print(f"saves: {DyingStore.saves}", file=sys.stderr)
    sys.exit(code)
