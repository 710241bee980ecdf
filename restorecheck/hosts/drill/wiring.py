"""The composition of a host on a machine: configuration in, parts out."""

import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.config import Config
from restorecheck.engine import Engine, nothing_to_sign
from restorecheck.hosts.clock import SystemClock, sleep
from restorecheck.hosts.drill.driver import Sweeper
from restorecheck.hosts.drill.extra_analysis import OneStudy, Studied
from restorecheck.hosts.drill.signing import scribe_of
from restorecheck.hosts.drill.telemetry import observer_of
from restorecheck.hosts.process import leases
from restorecheck.hosts.process.conformance_journal import Journal
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.shared_leases import SharedLeases, host_name_of, is_alive
from restorecheck.hosts.sources.source import Host
from restorecheck.hosts.sources.targets import Targets, Unconfigured
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import MADE_DRILL_ID, Drill, Resource, Verdict
from restorecheck.ports import Clock, NoObserver, Observer, Provider
from restorecheck.sql.proofs import SqlProofs
from restorecheck.sql.store import SqlStore
from restorecheck.sweep import is_ephemeral, is_of_its_host

if TYPE_CHECKING:
    from restorecheck.postgres.dump.settings import FullText

MOST_HOSTS = 3
"""A drill that this many hosts did not survive is not tried by another one: its slot gets the report of the last."""

DRILL_LOCK = re.compile(rf"{MADE_DRILL_ID.pattern}\.lock")
"""Lock file of a drill, named by `new_drill_id`; other lock files are permanent."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts that a command uses."""

    config: Config
    clock: SystemClock
    store: SqlStore
    engine: Engine
    sweeper: Sweeper
    targets: Targets
    locks: Path
    shared: SharedLeases
    host: str
    """Name of this host; empty: its history is not shared."""

    def lock_of(self, drill_id: str) -> Path:
        return self.locks / f"{drill_id}.lock"

    def lock_of_target(self, name: str) -> Path:
        return self.locks / f"target-{name}.lock"

    def forget_locks(self) -> None:
        """Remove the lock files of drills whose hosts are dead, also of drills that never started."""
        for path in self.locks.glob("*.lock"):
            if DRILL_LOCK.fullmatch(path.name):
                leases.forget(path)

    def close(self) -> None:
        self.targets.close()
        self.store.close()


def targets_of(config: Config, full_text: "FullText | None" = None) -> Targets:
    """The targets of this machine. Makes and reads nothing."""
    return Targets(host_of(config, SystemClock(), full_text))


def host_of(config: Config, clock: Clock, full_text: "FullText | None" = None) -> Host:
    """This machine, as sources see it."""
    locks = leases.locks_of(Path(config.history.path))
    return Host(
        config=config,
        clock=clock,
        locks=locks,
        full_text=full_text,
        dead=Journal(locks).dead,
    )


def build(
    config: Config,
    observer: Observer | None = None,
    *,
    study: OneStudy | None = None,
    full_text: "FullText | None" = None,
) -> Parts:
    """All parts, the history opened. `study`: the extra analysis of one drill. `full_text`: receives
    the full text of a load error.

    Raises:
        ConfigError: The work directory's name is too long for a socket in it, or the signing key is not one.
        StoreError: The history cannot be opened.
    """
    _forget_libpq_environment()
    clock = SystemClock()
    locks = leases.locks_of(Path(config.history.path))
    targets = targets_of(config, full_text)
    targets.check()
    inventories = targets.inventories()
    store = open_history(config.history)

    scribe = scribe_of(config, clock)
    proofs = SqlProofs(store.database)

    host = host_name_of(config.history)

    def provider_for(drill: Drill) -> Provider:
        known = targets.provider_for(drill)
        if drill.host != host and any(is_of_its_host(resource) for resource in drill.ledger):
            return Unconfigured(partial(_delete_from_here, drill.host, known))
        return known if study is None else Studied(known, study)

    engine = Engine(
        store=store,
        provider_for=provider_for,
        checker_for=targets.checker_for,
        clock=clock,
        observer=observer_of(observer or NoObserver(), config),
        sign=(lambda: scribe.catch_up(proofs)) if scribe else nothing_to_sign,
    )
    sweeper = Sweeper(
        engine=engine,
        store=store,
        inventories=inventories,
        provider_for=provider_for,
        is_alive=lambda drill: is_alive(drill, store, locks),
        host=host,
        is_drilled_again=partial(_is_drilled_again, config, store),
        clock=clock,
        sleep=sleep,
    )
    return Parts(
        config=config,
        clock=clock,
        store=store,
        engine=engine,
        sweeper=sweeper,
        targets=targets,
        locks=locks,
        shared=SharedLeases(config.history),
        host=host,
    )


def _is_drilled_again(config: Config, store: SqlStore, drill: Drill) -> bool:
    if config.runner.dispatch == "here" or drill.scheduled_for is None:
        return False
    since = store.entries(target=drill.target, since=drill.scheduled_for)
    died = [
        e
        for e in since
        if e.announce and e.scheduled_for is None and e.verdict is Verdict.INCONCLUSIVE
    ]
    return len(died) + 1 < MOST_HOSTS


def _delete_from_here(
    host: str, known: Provider, resource: Resource, made_until: datetime
) -> Gone | StillThere:
    """Of a drill of another host: what is not on its own disk."""
    if not is_of_its_host(resource):
        return known.delete(resource, made_until)
    if is_ephemeral(host):
        return Gone(resource)
    detail = f"only the host {host} can delete it: the next sweep there does"
    return StillThere(resource, detail, wait=timedelta(0), hopeless=True)


def refuse_impossible(config: Config) -> None:
    """Raise before the night if the configuration cannot be used on this machine.

    Raises:
        ConfigError: It cannot.
    """
    targets = targets_of(config)
    targets.inventories()
    scribe_of(config, SystemClock())
    for target in config.targets:
        targets.provider_of(target.name)


def _forget_libpq_environment() -> None:
    """Unset PGHOSTADDR, PGSERVICE, PGOPTIONS and similar variables: only the configuration decides
    where and how libpq connects. pgBackRest's own options stay: they may hold the key of a repository.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        if not name.startswith("PGBACKREST_"):
            del os.environ[name]
