"""The composition root: a configuration in, working parts out."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from restorecheck.config import Config, Dump, Target
from restorecheck.engine import Engine
from restorecheck.errors import AccessDeniedError, ConfigError, Problem
from restorecheck.hosts.clock import SystemClock, sleep
from restorecheck.hosts.drill.drill_settings import deadline_of
from restorecheck.hosts.drill.driver import Sweeper
from restorecheck.hosts.drill.extra_analysis import OneStudy, Studied
from restorecheck.hosts.process import leases
from restorecheck.hosts.process.conformance_journal import Journal
from restorecheck.model import Drill
from restorecheck.ports import Checker, Inventory, Observer, Provider
from restorecheck.postgres.dump.leftovers import LocalInventory
from restorecheck.postgres.dump.local_provider import (
    LocalDumpProvider,
    connect_locally,
    killed_locally,
)
from restorecheck.postgres.dump.scratch_provider import ScratchProvider, UnconfiguredTarget
from restorecheck.postgres.dump.scratch_server import ScratchInventory, ScratchServer
from restorecheck.postgres.dump.settings import DumpSettings, FullText, ServerSettings
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.server import binaries, cluster
from restorecheck.postgres.session.connection import Connect
from restorecheck.postgres.session.opening import by_system_identifier, nobody_knows
from restorecheck.schedule import longest_gap
from restorecheck.sqlite.store import SqliteStore

DRILL_LOCK = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}\.lock")
"""Of a drill's id, as `new_drill_id` makes it; other locks are there for good."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything that a command works with."""

    config: Config
    clock: SystemClock
    store: SqliteStore
    engine: Engine
    sweeper: Sweeper
    providers: Mapping[str, Provider]
    checkers: dict[str, Checker] = field(default_factory=dict)
    locks: Path

    def lock_of(self, drill_id: str) -> Path:
        return self.locks / f"{drill_id}.lock"

    def lock_of_target(self, name: str) -> Path:
        return self.locks / f"target-{name}.lock"

    def forget_locks(self) -> None:
        """Remove the lock files of drills whose hosts are dead, also of those that never began."""
        for path in self.locks.glob("*.lock"):
            if DRILL_LOCK.fullmatch(path.name):
                leases.forget(path)

    def close(self) -> None:
        for checker in self.checkers.values():
            if isinstance(checker, PostgresChecker):
                checker.close()
        self.store.close()


def providers_of(
    config: Config, clock: SystemClock, locks: Path, full_text: FullText | None = None
) -> dict[str, Provider]:
    """One provider a target. Makes nothing, reads nothing."""
    server = replace(server_settings(config), full_text=full_text)

    def lock_of(drill_id: str) -> Path:
        return locks / f"{drill_id}.lock"

    providers: dict[str, Provider] = {}
    accounts = None
    for target in config.targets:
        if target.rds is not None:
            from restorecheck.hosts import rds

            accounts = accounts or rds.accounts_of(config, clock)
            providers[target.name] = rds.provider_of(config, target, accounts, clock)
            continue
        if target.adopt is not None:
            from restorecheck.hosts import adopted, rds

            accounts = accounts or rds.accounts_of(config, clock)
            providers[target.name] = adopted.provider_of(config, target, accounts)
            continue
        assert target.dump is not None, "a target has one source"
        dump = dump_settings(target, target.dump)
        if target.dump.into is None:
            providers[target.name] = LocalDumpProvider(
                dump=dump,
                server=server,
                clock=clock,
                lock_of=lock_of,
                deadline=deadline_of(target),
            )
        else:
            providers[target.name] = ScratchProvider(
                dump=dump,
                server=server,
                scratch=ScratchServer.of_url(target.dump.into.get_secret_value()),
                clock=clock,
                lock_of=lock_of,
                deadline=deadline_of(target),
            )
    return providers


def build(
    config: Config,
    observer: Observer | None = None,
    *,
    study: OneStudy | None = None,
    full_text: FullText | None = None,
) -> Parts:
    """All parts, the history opened. `study`: of the one verified drill that it is armed for.
    `full_text`: is given the whole text of an error of a load.

    Raises:
        ConfigError: The work directory's name is too long for a socket in it.
        StoreError: The history cannot be opened.
    """
    _forget_libpq_environment()
    clock = SystemClock()
    locks = leases.locks_of(Path(config.history.path))
    server = server_settings(config)
    providers = providers_of(config, clock, locks, full_text)
    _refuse_impossible_account(server)
    store = SqliteStore(Path(config.history.path))
    inventory = LocalInventory([server.work_dir], leases.is_held)
    scratch = {
        p.scratch.name: ScratchInventory(p.scratch, leases.is_held)
        for p in providers.values()
        if isinstance(p, ScratchProvider)
    }
    inventories: list[Inventory] = [inventory, *scratch.values()]
    if is_in_aws(config):
        from restorecheck.hosts import rds

        rds.check(config, providers.values())
        inventories += rds.inventories_of(rds.rds_of(providers), clock, Journal(locks).dead)
    checkers: dict[str, Checker] = {}

    def provider_for(drill: Drill) -> Provider:
        known = providers.get(drill.target)
        if known is None and is_in_aws(config):
            from restorecheck.hosts import rds

            known = rds.forgotten(drill, rds.rds_of(providers))
        known = known or UnconfiguredTarget(inventory)
        return known if study is None else Studied(known, study)

    def checker_for(drill: Drill) -> Checker:
        if drill.target not in checkers:
            opener = opener_of(config, providers[drill.target])
            ours = isinstance(providers[drill.target], LocalDumpProvider)
            killed = killed_locally if ours else nobody_knows
            checkers[drill.target] = PostgresChecker(opener, clock, killed=killed)
        return checkers[drill.target]

    engine = Engine(
        store=store,
        provider_for=provider_for,
        checker_for=checker_for,
        clock=clock,
        observer=observer,
    )
    sweeper = Sweeper(
        engine=engine,
        store=store,
        inventories=inventories,
        provider_for=provider_for,
        is_alive=lambda drill: leases.is_held(locks / f"{drill.id}.lock"),
        clock=clock,
        sleep=sleep,
    )
    return Parts(
        config=config,
        clock=clock,
        store=store,
        engine=engine,
        sweeper=sweeper,
        providers=providers,
        checkers=checkers,
        locks=locks,
    )


def refuse_impossible(config: Config) -> None:
    """Find out before the night whether parts can be made of the configuration.

    Raises:
        ConfigError: They cannot.
    """
    providers_of(config, SystemClock(), leases.locks_of(Path(config.history.path)))


def is_in_aws(config: Config) -> bool:
    """Whether the AWS room is needed at all; it is imported only then."""
    return any(target.is_in_aws for target in config.targets)


def opener_of(config: Config, provider: Provider) -> Connect:
    if isinstance(provider, ScratchProvider):
        return by_system_identifier(provider.connect)
    if isinstance(provider, LocalDumpProvider):
        return by_system_identifier(connect_locally)
    from restorecheck.aws.adopt.provider import AdoptProvider
    from restorecheck.aws.snapshots.provider import RdsProvider
    from restorecheck.hosts import rds

    assert isinstance(provider, RdsProvider | AdoptProvider), "there is no other kind"
    return rds.connector_of(config, provider)


def _refuse_impossible_account(server: ServerSettings) -> None:
    try:
        server.account()
    except AccessDeniedError as exc:
        problem = Problem(message=exc.message, path="postgres.run_as")
        raise ConfigError((problem,), hint=exc.hint) from exc


def _forget_libpq_environment() -> None:
    """PGHOSTADDR, PGSERVICE, PGOPTIONS and their kin would change where libpq connects and how:
    only the configuration says that.
    """
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def server_settings(config: Config) -> ServerSettings:
    postgres = config.postgres
    return ServerSettings(
        bin_dir=postgres.bin_dir,
        run_as=postgres.run_as,
        work_dir=_work_dir(config),
        cache_dir=Path(postgres.cache_dir) if postgres.cache_dir else binaries.default_cache(),
        jobs=postgres.jobs,
        require_fence=postgres.require_fence,
    )


def _work_dir(config: Config) -> Path:
    configured = config.postgres.work_dir
    if configured is None:
        place = Path(tempfile.gettempdir()).resolve()
        return place if cluster.socket_fits(place) else Path("/tmp")  # noqa: S108  # a private folder is made in it
    if not cluster.socket_fits(Path(configured)):
        limit = cluster.SOCKET_PATH_LIMIT
        message = (
            f"{configured} is too long: the socket of a server below it would have "
            f"more than {limit} bytes"
        )
        raise ConfigError(
            (Problem(message=message, path="postgres.work_dir"),),
            hint="Choose a shorter folder.",
        )
    return Path(configured)


def dump_settings(target: Target, dump: Dump) -> DumpSettings:
    return DumpSettings(
        path=dump.path,
        decrypt=tuple(dump.decrypt) if dump.decrypt else None,
        max_age=max_age_of(target, dump),
        ignore_extensions=tuple(dump.ignore_extensions),
        jobs=dump.jobs,
        databases=tuple(target.databases or ()),
        globals_path=dump.globals or "",
    )


LEAST_AGE = timedelta(hours=26)
"""Most dumps are daily, however often they are proven."""
LATE = timedelta(hours=2)
"""A dump may take so much longer than the one before."""


def max_age_of(target: Target, dump: Dump) -> timedelta | None:
    """The configured limit, or one that follows from the schedule; None: no age is too old."""
    if dump.max_age_hours is not None:
        return timedelta(hours=dump.max_age_hours)
    if target.schedule is None:
        return None
    return max(LEAST_AGE, longest_gap(target.schedule) + LATE)
