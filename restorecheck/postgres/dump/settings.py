"""Settings of dumps and of this machine's PostgreSQL, for the adapters."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from restorecheck.ports import DumpStorage
from restorecheck.postgres.server import binaries, cluster
from restorecheck.postgres.server.account import Lodging, OsUser, any_of_a_drill
from restorecheck.postgres.server.binaries import Installation, UnusablePrograms
from restorecheck.postgres.server.cluster import Places

FullText = Callable[[str, str], str]
"""Drill id, and the full text of its load (it may contain rows) → a note for the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a target's throw-away server is made."""

    preload: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    memory: int | None = None
    """Bytes."""
    cpus: float | None = None
    image: str | None = None
    """With {major} for the dump's major version; None: no container."""
    runtime: str = "auto"

    @property
    def contained(self) -> bool:
        return self.image is not None and self.runtime != "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpSettings:
    """Settings of one target's dumps."""

    path: str
    storage: DumpStorage | None = None
    """The storage of the dumps; None: `path` is on this machine."""
    before: Callable[[Callable[[], bool]], None] | None = None
    """What must succeed before the dumps are listed; is given what says that the drill ends. Raises ProviderError."""
    max_rate: float | None = None
    """Bytes a second of a download; None: no limit, or the storage has one of its own."""
    max_size: int | None = None
    """Bytes; a larger dump is not fetched."""
    decrypt: tuple[str, ...] | None = None
    max_age: timedelta | None = None
    every: timedelta | None = None
    """At which interval dumps are expected."""
    ignore_extensions: tuple[str, ...] = ()
    jobs: int | None = None
    options: ServerOptions = ServerOptions()
    databases: tuple[str, ...] = ()
    """Names of the databases to check; `*` alone: all with dumps; empty: the only one, whatever its name.
    """
    exact: bool = False
    """Only dumps that name the one database, or whose files do: its name was read from them."""
    globals_path: str = ""
    """File or glob of `pg_dumpall --globals-only` output; empty: placeholders are made for roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Settings of this machine's PostgreSQL programs and folders."""

    bin_dir: str | None = None
    run_as: str | None = None
    work_dir: Path
    cache_dir: Path
    jobs: int | None = None
    require_fence: bool = False
    """Restore nothing if the kernel does not support a part of the fence."""
    full_text: FullText | None = None
    """Receives the full text of a load error; None: the text is dropped."""

    def account(self) -> OsUser | None:
        """A user like that of a drill, for tests, not for a dump's code."""
        return any_of_a_drill(self.run_as)

    def lodge(self, drill_id: str) -> Lodging:
        """The user of one drill. Raises as `Lodging.choose`."""
        marks = {path: cluster.read_mark(path) for path in self.work_dir.glob(f"{cluster.PREFIX}*")}
        own = marks.pop(self.places(drill_id).directory, None)
        if own is not None and own.account is not None:
            return Lodging.again(own.account)
        taken = {mark.account.uid for mark in marks.values() if mark and mark.account}
        return Lodging.choose(self.run_as, drill_id, taken)

    def installations(
        self, unusable: list[UnusablePrograms] | None = None
    ) -> Iterable[Installation]:
        """As `binaries.discover`."""
        return binaries.discover(
            bin_dir=self.bin_dir,
            cache=self.cache_dir,
            account=self.account(),
            unusable=unusable,
        )

    @property
    def every_job(self) -> int:
        """Jobs at a time: the setting, else one for each processor."""
        return self.jobs or os.cpu_count() or 1

    def parallel(self, dump: DumpSettings) -> int:
        """Jobs of pg_restore: the target's, else this machine's."""
        jobs = dump.jobs or self.every_job
        return jobs if dump.options.cpus is None else max(1, min(jobs, int(dump.options.cpus)))

    def places(self, drill_id: str) -> Places:
        return Places(self.work_dir / f"{cluster.PREFIX}{drill_id}")
