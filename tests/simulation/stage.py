"""Nights in an AWS of memory: real engine, real provider, real sweeper, a checker that asks the very
data that was restored, and promises that are looked at after every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from restorecheck import codec
from restorecheck.aws.aurora.leftovers import AuroraInventory
from restorecheck.aws.aurora.provider import AuroraProvider
from restorecheck.aws.aurora.settings import AuroraRestoreSettings, AuroraSettings
from restorecheck.aws.session.accounts import Accounts
from restorecheck.aws.session.naming import drill_of
from restorecheck.aws.session.settings import (
    After,
    BackupSettings,
    Credentials,
    Place,
    RdsSettings,
    RestoreSettings,
    SnapshotSettings,
    SourceSettings,
    UpgradeSettings,
)
from restorecheck.aws.snapshots.leftovers import RdsInventory
from restorecheck.aws.snapshots.provider import RdsProvider, SnapshotProvider
from restorecheck.engine import Engine
from restorecheck.errors import AccessDeniedError, DatabaseUnreachableError, StoreError
from restorecheck.hosts.drill.driver import Sweeper, drive
from restorecheck.model import (
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Drill,
    Endpoint,
    Hook,
    Select,
    Severity,
)
from restorecheck.ports import Answers, Checker, Inquiry
from restorecheck.testing import HostDied, MemoryStore, World
from restorecheck.testing.cloud import (
    BACKUP_ACCOUNT,
    REGION,
    SOURCE_ACCOUNT,
    Cloud,
    CloudPace,
    Data,
    Database,
    Unknowns,
)
from restorecheck.testing.cloud.clients import Session
from tests.simulation.promises import Promises

PRODUCTION = "courses-prod"
TARGET = "courses"
PASSWORD = "Production-Password-1"  # noqa: S105  # of the cloud
ROW = "row-value-jane.doe@example.org"
ROLE_ARN, EXTERNAL_ID = f"arn:aws:iam::{SOURCE_ACCOUNT}:role/restorecheck-source", "external-1"
POLL = timedelta(minutes=1)
DEADLINE = timedelta(hours=3)
TEARDOWN_LIMIT = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

SERVER_LOG = f"""\
2026-02-26 03:20:00 UTC::@:[1]:LOG:  database system is ready to accept connections
2026-02-26 03:20:01 UTC::@:[2]:ERROR:  duplicate key value violates unique constraint "k" {ROW}
2026-02-26 03:20:01 UTC::@:[2]:DETAIL:  Key (email)=({ROW}) already exists.
2026-02-26 03:20:02 UTC::@:[2]:STATEMENT:  insert into people values ('{ROW}')
"""

CHECKS = (
    CheckSpec(name="rows", kind="row_count"),
    CheckSpec(name="freshness", kind="query"),
    CheckSpec(name="nice to have", kind="query", severity=Severity.WARNING),
)
REQUIRED = frozenset(c.name for c in CHECKS if c.severity is Severity.REQUIRED)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A way in which a target is configured."""

    credentials: Credentials = Credentials.MANAGED_SECRET
    after: After = After.DELETE
    keep_copies: int = 2
    aurora: bool = False
    direct: bool = False
    """Of Aurora: `from: shared`."""
    rehearse: timedelta | None = None
    """How long the rehearsal of an upgrade may take; None: there is none."""
    parameter_group: str | None = None
    """Of the new version."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What truly happened: who was asked what, and what was in there."""

    drill_id: str
    check: str
    resource_id: str
    data: Data
    at: datetime


class Store(MemoryStore):
    """Decodes what it has decoded before no second time."""

    def load(self, drill_id):
        if drill_id not in self._drills:
            return super().load(drill_id)
        return decoded(self._drills[drill_id])

    def _all(self):
        drills = [decoded(text) for text in self._drills.values()]
        return sorted(drills, key=lambda drill: (drill.started_at, drill.id))

    @property
    def texts(self):
        return self._drills


@lru_cache(maxsize=4096)
def decoded(text: str) -> Drill:
    return codec.decode(text)


class Stage:
    """Production, its backups, the two accounts, and the one store."""

    def __init__(
        self,
        *,
        setting: Setting | None = None,
        pace: CloudPace | None = None,
        good: bool = True,
        attempts: int = 1,
        unknowns: Unknowns | None = None,
    ) -> None:
        self.setting = setting or Setting()
        self.attempts = attempts
        self.world = World()
        self.cloud = Cloud(self.world, pace=pace, unknowns=unknowns)
        self.cloud.page_size = 2  # so that everything that is listed comes in pages
        self.cloud.values.server_log = SERVER_LOG
        self.store = Store(self.world)
        self.answers: list[Answer] = []
        self.hosts = 0
        source, backup = self.cloud.source, self.cloud.backup
        default = self.cloud.key(source, "default", manager="AWS")
        both = frozenset({SOURCE_ACCOUNT, BACKUP_ACCOUNT})
        self.transit_key = self.cloud.key(source, "transit", admits=both)
        self.backup_key = self.cloud.key(backup, "backup")
        backup.subnet_groups.add("drills")
        backup.security_groups.add("sg-drills")
        backup.parameter_groups["drills"] = {"work_mem": "64MB"}
        create: Any = self.cloud.create_production
        if self.setting.aurora:
            create = self.cloud.create_production_cluster
        self.production: Database = create(PRODUCTION, PASSWORD, key=default)
        self.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(days=2))
        self.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(hours=1), good=good)
        self.promises = Promises(self)
        self.cloud.on_call = self.promises.on_call

    def settings(self) -> SnapshotSettings:
        setting = self.setting
        credentials: dict[str, Any] = {
            "credentials": setting.credentials,
            "iam_user": "checker" if setting.credentials is Credentials.IAM else "",
            "after": setting.after,
            "db_subnet_group_name": "drills",
            "vpc_security_group_ids": ("sg-drills",),
        }
        common: dict[str, Any] = {
            "target": TARGET,
            "source": SourceSettings(
                place=Place("aws", SOURCE_ACCOUNT, REGION),
                role_arn=ROLE_ARN,
                external_id=EXTERNAL_ID,
                transit_kms_key_id=self.transit_key or None,
            ),
            "backup": BackupSettings(
                place=Place("aws", BACKUP_ACCOUNT, REGION),
                kms_key_id=self.backup_key,
                keep_copies=setting.keep_copies,
            ),
            "max_age": timedelta(hours=26),
            "deadline": DEADLINE,
            "poll": POLL,
            "upgrade": UpgradeSettings(
                limit=setting.rehearse, parameter_group=setting.parameter_group
            )
            if setting.rehearse
            else None,
        }
        if not setting.aurora:
            restore = RestoreSettings(
                db_instance_class="db.t4g.small", db_parameter_group_name="drills", **credentials
            )
            return RdsSettings(db_instance_identifier=PRODUCTION, restore=restore, **common)
        return AuroraSettings(
            db_cluster_identifier=PRODUCTION,
            direct=setting.direct,
            restore=AuroraRestoreSettings(
                db_instance_class="db.serverless",
                min_acu=0.5,
                max_acu=4.0,
                db_cluster_parameter_group_name="drills",
                **credentials,
            ),
            **common,
        )

    def at(self, host: str) -> Database | None:
        """Who answers at this address: an instance, or a cluster that has one."""
        self.cloud.tick()
        homes = (self.cloud.backup, self.cloud.source)
        things: list[Database] = [c for home in homes for c in home.clusters.values()]
        things += [i for home in homes for i in home.instances.values() if not i.cluster]
        return next((t for t in things if t.host == host and t.reachable), None)

    def forget(self) -> None:
        """The history is another one from now on."""
        self.store.texts.clear()
        self.store.reports.clear()
        self.promises.forget()

    def next_night(self, *, good: bool = True) -> None:
        self.world.pass_time(timedelta(days=1))
        self.cloud.tick()
        self.cloud.take_automated_snapshot(PRODUCTION, age=timedelta(hours=1), good=good)


class SimulatedAccounts(Accounts):
    """Accounts whose sessions lead into the cloud; all else is the real thing."""

    def __init__(self, stage: Stage, caller: str) -> None:
        super().__init__(clock=stage.world, tick=POLL)
        self._stage = stage
        self._caller = caller

    def _session(self, account_id: str):
        return Session(
            self._stage.cloud, account_id, caller=self._caller, attempts=self._stage.attempts
        )

    def _own_session(self):
        return self._session(BACKUP_ACCOUNT)

    def _assumed(self, settings):
        if (settings.role_arn, settings.external_id) != (ROLE_ARN, EXTERNAL_ID):
            raise AccessDeniedError("not authorized to perform: sts:AssumeRole")
        return self._session(settings.place.account_id)


class CloudChecker(Checker):
    """Logs in as the real one does, and answers one question a call from what is there."""

    def __init__(self, stage: Stage, provider: SnapshotProvider) -> None:
        self._stage = stage
        self._provider = provider

    def run(self, inquiry: Inquiry) -> Answers:
        stage, endpoint, spec = self._stage, inquiry.endpoint, inquiry.pending[0]
        if stage.world.now() >= inquiry.until:
            return self._answer(inquiry, CheckOutcome.SKIPPED, "no time was left")
        given = self._provider.passwords().of(endpoint)
        instance = stage.at(endpoint.host)
        if instance is None or not lets_in(instance, endpoint, given):
            raise DatabaseUnreachableError("no connection", patience=3 * POLL)
        truth = Answer(
            drill_id=drill_of(instance.identifier),
            check=spec.name,
            resource_id=instance.resource_id,
            data=instance.data,
            at=stage.world.now(),
        )
        stage.world.effect("answer check", lambda: stage.answers.append(truth))
        good = instance.data.good or spec.name != "freshness"
        return self._answer(inquiry, CheckOutcome.PASSED if good else CheckOutcome.FAILED, "")

    def plans(
        self, endpoint: Endpoint, queries: Sequence[CheckSpec], until: datetime
    ) -> dict[str, str]:
        """As the version that answers plans them."""
        if self._stage.world.now() >= until:
            return {}
        given = self._provider.passwords().of(endpoint)
        instance = self._stage.at(endpoint.host)
        if instance is None or not lets_in(instance, endpoint, given):
            raise DatabaseUnreachableError("no connection", patience=3 * POLL)
        major = str(instance.settings["EngineVersion"]).partition(".")[0]
        return {spec.name: f"Scan of {major}" for spec in queries}

    def _answer(self, inquiry: Inquiry, outcome: CheckOutcome, detail: str) -> Answers:
        spec = inquiry.pending[0]
        result = CheckResult(
            name=spec.name,
            kind=spec.kind,
            database="courses",
            severity=spec.severity,
            outcome=outcome,
            detail=detail,
            answered_by=inquiry.endpoint.identity,
        )
        return Answers(results=(result,))


def lets_in(instance: Database, endpoint, given: str) -> bool:
    if given.startswith("token:"):
        wanted = f"token:{instance.host}:5432:checker:{REGION}:"
        return bool(instance.settings.get("EnableIAMDatabaseAuthentication")) and (
            given.startswith(wanted)
        )
    return endpoint.user == instance.settings["MasterUsername"] and given == instance.password


class WatchedEngine(Engine):
    """The engine; after each of its steps the promises are looked at."""

    def __init__(self, stage: Stage, **parts) -> None:
        super().__init__(**parts)
        self._stage = stage

    def advance(self, drill_id):
        try:
            return super().advance(drill_id)
        finally:
            self._stage.promises.look()


class Host:
    """One process: it has clients and a memory of its own; only the store outlives it."""

    def __init__(self, stage: Stage, *, is_alive=lambda _drill: False, engine=WatchedEngine):
        self.stage = stage
        stage.hosts += 1
        self.name = f"restorecheck/{stage.hosts}"
        world = stage.world
        accounts = SimulatedAccounts(stage, self.name)
        aurora = stage.setting.aurora
        made: Any = AuroraProvider if aurora else RdsProvider
        self.provider: SnapshotProvider = made(
            settings=stage.settings(), accounts=accounts, clock=world
        )
        self.checker = CloudChecker(stage, self.provider)
        self.engine = engine(
            stage,
            store=stage.store,
            provider_for=lambda _drill: self.provider,
            checker_for=lambda _drill: self.checker,
            clock=world,
        )
        self.inventory = (AuroraInventory if aurora else RdsInventory)(self.provider, world)
        self.sweeper = Sweeper(
            engine=self.engine,
            store=stage.store,
            inventories=[self.inventory],
            provider_for=lambda _drill: self.provider,
            is_alive=is_alive,
            clock=world,
            sleep=world.pass_time,
        )

    def start(self, *, keep: bool = False, select: Select | None = None) -> str:
        now = self.stage.world.now()
        number = len(self.stage.store.texts)
        drill_id = f"{now:%Y%m%d-%H%M%S}-{number:06x}"
        self.stage.store.create(
            Drill(
                id=drill_id,
                target=TARGET,
                plan=self.provider.plan(drill_id),
                checks=CHECKS,
                started_at=now,
                deadline=now + DEADLINE,
                teardown_limit=TEARDOWN_LIMIT,
                keep=keep,
                select=select or Select(),
                rehearse=Hook.WANTED if self.stage.setting.rehearse else Hook.NONE,
                rehearsal_limit=self.stage.setting.rehearse or timedelta(0),
            )
        )
        return drill_id

    def drive(self, drill_id: str) -> Drill:
        """As `hosts.performing` does: a store that cannot be used for a while is waited for."""
        for _ in range(13):
            try:
                return drive(self.engine, drill_id, self.stage.world.pass_time)
            except StoreError:
                self.stage.world.pass_time(timedelta(seconds=5))
        raise HostDied("the store")

    def sweep(self):
        """The sweeper's own answer, and the promises afterwards."""
        try:
            return self.sweeper.sweep()
        finally:
            self.stage.promises.look()
