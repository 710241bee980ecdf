"""Dumps in files, restored into a throw-away server on this machine or into a scratch server."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from restorecheck.config import Target
from restorecheck.config.discovery import DiscoveryRule
from restorecheck.config.sources.dump import Dump
from restorecheck.errors import AccessDeniedError, ConfigError, Problem
from restorecheck.hosts.clock import new_drill_id, sleep
from restorecheck.hosts.process import leases
from restorecheck.hosts.process.adapter_settings import settings
from restorecheck.hosts.process.before import run_before
from restorecheck.hosts.process.programs import after_verified_of, runner_of
from restorecheck.hosts.process.storages import limit_of, limits_itself, shown_path, storage_of
from restorecheck.hosts.sources.drill_settings import deadline_of, rehearsal_limit_of
from restorecheck.hosts.sources.server_settings import server_settings
from restorecheck.hosts.sources.source import Host, Remover, Source
from restorecheck.model import Drill
from restorecheck.ports import Checker, Inventory
from restorecheck.postgres.dump import scratch_provider
from restorecheck.postgres.dump.leftovers import ContainerInventory, LocalInventory
from restorecheck.postgres.dump.local_provider import LocalDumpProvider
from restorecheck.postgres.dump.scratch_provider import ScratchProvider
from restorecheck.postgres.dump.scratch_server import ScratchInventory, ScratchServer
from restorecheck.postgres.dump.settings import DumpSettings, ServerOptions, ServerSettings
from restorecheck.postgres.dump.upgrade import Rehearse, rehearse
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.session.connection import Connect
from restorecheck.postgres.session.opening import by_system_identifier
from restorecheck.schedule import longest_gap

if TYPE_CHECKING:
    from restorecheck.rules.facts import DumpFacts, MachineFacts, Preview, Unread

LEAST_AGE = timedelta(hours=26)
"""Least derived age limit: most dumps are daily, however often they are drilled."""
LATE = timedelta(hours=2)
"""Added to the derived age limit: a dump may take so much longer than the previous one."""

DumpProvider = LocalDumpProvider | ScratchProvider


class DumpSource(Source[DumpProvider]):
    def make_provider(self, target: Target) -> DumpProvider:
        host = self.host
        dump = replace(dump_settings(target), before=_before_of(target, host))
        server = replace(server_settings(host.config), full_text=host.full_text)
        clock, deadline = host.clock, deadline_of(target)
        scratch_server = _scratch_server_of(target)
        if scratch_server is None:
            return LocalDumpProvider(
                dump=dump,
                server=server,
                clock=clock,
                lock_of=host.lock_of,
                deadline=deadline,
                after=after_verified_of(target, Path(host.config.file)),
                upgrade=_upgrade_of(target),
            )
        return ScratchProvider(
            dump=dump,
            server=server,
            scratch=scratch_server,
            clock=clock,
            lock_of=host.lock_of,
            deadline=deadline,
        )

    def make_checker(self, provider: DumpProvider) -> Checker:
        connect = self.connect_of(provider)
        run = runner_of(self.target_of(provider))
        return PostgresChecker(connect, self.host.clock, killed=provider.killed, run=run)

    def connect_of(self, provider: DumpProvider) -> Connect:
        return by_system_identifier(provider.connect)

    def check(self) -> None:
        try:
            server_settings(self.host.config).account()
        except AccessDeniedError as exc:
            problem = Problem(message=exc.message, path="postgres.run_as")
            raise ConfigError((problem,), hint=exc.hint) from exc

    def discover(self, rule: DiscoveryRule) -> frozenset[str]:
        return self.make_provider(rule.template).databases(self.host.clock.now())

    def inventories(self) -> list[Inventory]:
        scratch_servers = (_scratch_server_of(target) for target in self.targets.values())
        servers = {server.name: server for server in scratch_servers if server}
        here = server_settings(self.host.config)
        options = (dump_settings(target).options for target in self.targets.values())
        runtimes = {one.runtime for one in options if one.contained}
        return [
            LocalInventory([here.work_dir], leases.is_held),
            ContainerInventory(here.work_dir, here.cache_dir, runtimes),
            *(ScratchInventory(server, leases.is_held) for server in servers.values()),
        ]

    def remover(self, drill: Drill) -> Remover | None:
        kinds = {resource.kind for resource in drill.ledger}
        return scratch_provider.remove_unconfigured if kinds <= scratch_provider.KINDS else None

    def facts(self, known: "MachineFacts") -> "MachineFacts":
        from restorecheck.postgres.server.fence import WALLS
        from restorecheck.postgres.server.processes import missing_walls

        targets = self.targets.values()
        unscheduled = (t.name for t in targets if t.schedule is None)
        known = replace(known, unscheduled=(*known.unscheduled, *unscheduled))
        if known.account_problem:
            return known
        return replace(
            known,
            missing_walls=tuple(WALLS[wall] for wall in missing_walls()),
            dumps=tuple(_examined(target, self.host) for target in targets),
        )


SOURCE = DumpSource


def dump_settings(target: Target) -> DumpSettings:
    dump = target.keys_of(Dump)
    storage = storage_of(dump)
    return settings(
        DumpSettings,
        dump,
        path=dump.path if storage is None else shown_path(dump, storage),
        max_age=max_age_of(target),
        every=target.expected_every,
        storage=storage,
        before=None,
        max_rate=None if storage is None or limits_itself(storage) else limit_of(dump),
        max_size=None if dump.max_size_gb is None else int(dump.max_size_gb * 1e9),
        databases=tuple(target.databases or ()),
        exact=target.found_at is not None,
        options=settings(ServerOptions, target.server),
        globals_path=dump.globals or "",
    )


def _before_of(target: Target, host: Host) -> Callable[[Callable[[], bool]], None] | None:
    """Of a drill: doctor changes nothing, and so runs no such command."""
    before = target.keys_of(Dump).before
    if before is None:
        return None
    file = Path(host.config.file)
    return lambda stop: run_before(
        before.run, timeout=before.timeout_seconds, config_file=file, stop=stop
    )


def max_age_of(target: Target) -> timedelta | None:
    """The configured limit, or one derived from the schedule; None: no limit."""
    configured = target.keys_of(Dump).max_age_hours
    if configured is not None:
        return timedelta(hours=configured)
    if target.expected_every is not None:
        return target.expected_every + LATE
    if target.schedule is None:
        return None
    return max(LEAST_AGE, longest_gap(target.schedule) + LATE)


def _upgrade_of(target: Target) -> Rehearse | None:
    if target.rehearse is None:
        return None
    return partial(rehearse, limit=rehearsal_limit_of(target))


def _scratch_server_of(target: Target) -> ScratchServer | None:
    into = target.keys_of(Dump).into
    return ScratchServer.of_url(into.get_secret_value()) if into else None


def _examined(target: Target, host: Host) -> "DumpFacts":
    from restorecheck.postgres.dump import machine_facts

    dump, server = dump_settings(target), server_settings(host.config)
    restores_here = target.keys_of(Dump).into is None
    facts = machine_facts.examine_dump(target.name, dump, server, restores_here=restores_here)
    if dump.storage is not None:
        return facts
    return replace(facts, preview=_preview(facts, target, dump, server, host))


def _preview(
    facts: "DumpFacts", target: Target, dump: DumpSettings, server: ServerSettings, host: Host
) -> "Preview | Unread":
    """The first steps of a drill; if the machine itself is not ready, other rules say so."""
    from restorecheck.postgres.dump import machine_facts, preview
    from restorecheck.rules.facts import Unread

    if facts.problem or not facts.decrypt_found:
        return Unread("a readable dump", "see RC102 and RC105")
    if isinstance(facts.majors, Unread):
        return Unread("PostgreSQL's programs", "see RC101")
    if machine_facts.work_dir_problem(server.work_dir, server.account()):
        return Unread("the work directory", "see RC108")
    looker = preview.Host(host.clock, sleep, new_drill_id(host.clock.now()))
    return preview.preview(dump, server, _scratch_server_of(target), looker)
