"""The `restorecheck` command with less patience, and a clock that may jump.

Usage: hurried.py SAVE SECONDS ARGUMENTS…   From its SAVE-th save on, the clock is off by SECONDS.
"""

import sys
from datetime import datetime, timedelta

from restorecheck.hosts import clock
from restorecheck.hosts.cli.arguments import main
from restorecheck.hosts.drill import performer, wiring
from restorecheck.hosts.process import histories
from restorecheck.hosts.sources import source
from restorecheck.model import Drill
from restorecheck.postgres.dump import scratch_server
from restorecheck.sqlite import database, store


class JumpingStore(store.SqliteStore):
    saves = 0

    def _update(self, drill: Drill) -> Drill:
        JumpingStore.saves += 1
        return super()._update(drill)


class JumpingClock(clock.SystemClock):
    def now(self) -> datetime:
        return super().now() + (BY if JumpingStore.saves >= FROM else timedelta(0))


if __name__ == "__main__":
    FROM, BY = int(sys.argv[1]), timedelta(seconds=float(sys.argv[2]))
    source.TEARDOWN_LIMIT = timedelta(seconds=1)
    scratch_server.CONNECT_SECONDS = 2
    performer.STORE_TRIES, performer.STORE_WAIT = 3, timedelta(seconds=0.1)
    vars(database.SqliteDatabase)["__init__"].__kwdefaults__["busy_seconds"] = 0.2
    # The composition root looks them up when it is wired.
    vars(histories).update(SqliteStore=JumpingStore)
    vars(wiring).update(SystemClock=JumpingClock)
    sys.exit(main(sys.argv[3:]))
