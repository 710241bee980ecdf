"""What the configuration says of dumps and of this machine's PostgreSQL, as adapters use it."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from restorecheck.ports import DumpStorage
from restorecheck.postgres.server import binaries, cluster
from restorecheck.postgres.server.account import Lodging, OsUser, any_of_a_drill
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places

FullText = Callable[[str, str], str]
"""The id of a drill, and what its load said, which may repeat rows → a note for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpSettings:
    """One target's dumps, as configured."""

    path: str
    storage: DumpStorage | None = None
    """Where the dumps are fetched from; None: `path` is of this machine."""
    max_size: int | None = None
    """Bytes; a larger dump is not fetched."""
    decrypt: tuple[str, ...] | None = None
    max_age: timedelta | None = None
    ignore_extensions: tuple[str, ...] = ()
    jobs: int | None = None
    databases: tuple[str, ...] = ()
    """Names of the databases to prove; `*` alone: all of which there are dumps; empty: the one that
    there is, whatever its name.
    """
    globals_path: str = ""
    """File or glob of what `pg_dumpall --globals-only` wrote; empty: roles are made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """This machine's PostgreSQL programs and places, as configured."""

    bin_dir: str | None = None
    run_as: str | None = None
    work_dir: Path
    cache_dir: Path
    jobs: int | None = None
    require_fence: bool = False
    """Restore nothing where the kernel refuses a part of the fence."""
    full_text: FullText | None = None
    """Is given the whole text of an error of a load; without it, that text is dropped."""

    def account(self) -> OsUser | None:
        """Like the one that a drill will have; for looking, not for running a dump's code."""
        return any_of_a_drill(self.run_as)

    def lodge(self, drill_id: str) -> Lodging:
        """The user of one drill. Raises as `Lodging.choose`."""
        marks = {path: cluster.read_mark(path) for path in self.work_dir.glob(f"{cluster.PREFIX}*")}
        own = marks.pop(self.places(drill_id).directory, None)
        if own is not None and own.account is not None:
            return Lodging.again(own.account)
        taken = {mark.account.uid for mark in marks.values() if mark and mark.account}
        return Lodging.choose(self.run_as, drill_id, taken)

    def installations(self) -> Iterable[Installation]:
        return binaries.discover(bin_dir=self.bin_dir, cache=self.cache_dir, account=self.account())

    def parallel(self, dump: DumpSettings) -> int:
        """Jobs of pg_restore: the target's, else this machine's, else one a processor."""
        return dump.jobs or self.jobs or os.cpu_count() or 1

    def places(self, drill_id: str) -> Places:
        return Places(self.work_dir / f"{cluster.PREFIX}{drill_id}")
