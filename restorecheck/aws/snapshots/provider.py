"""What drills on snapshots have in common, and the RDS provider: automated snapshot → copy in the backup
account → temporary instance.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.session.settings import (
    After,
    Credentials,
    Place,
    RdsSettings,
    SnapshotSettings,
    parse_arn,
)
from restorecheck.aws.session.translation import is_throttled
from restorecheck.aws.session.views import StatusMeaning
from restorecheck.aws.snapshots import (
    conformance_snapshots,
    credentials,
    evidence,
    instances,
    upgrades,
)
from restorecheck.aws.snapshots.conformance_snapshots import TRIAL
from restorecheck.aws.snapshots.copies import SHARE, STAGED, Copying
from restorecheck.aws.snapshots.credentials import SECRET, Passwords
from restorecheck.aws.snapshots.instances import DB_INSTANCE, INSTANCE, RestoredKind
from restorecheck.aws.snapshots.retention import Keeping
from restorecheck.aws.snapshots.selection import CHOSEN_COPY
from restorecheck.choosing import Listed
from restorecheck.errors import (
    AccessDeniedError,
    CapacityError,
    ConfigError,
    ProviderError,
    TransientError,
)
from restorecheck.lifecycle import (
    Gone,
    InProgress,
    Parked,
    Ready,
    Rehearsing,
    Retained,
    Retry,
    StepEvent,
    StillThere,
    Unclear,
)
from restorecheck.model import Drill, Observation, Rehearsal, Resource, Step, StepKind
from restorecheck.ports import Clock, Provider
from restorecheck.spelling import number_of

QUICK = timedelta(minutes=30)
"""Deadline of steps with one call and a look; throttling may delay them."""

STAGING_COPY = "staging copy"
COPYING = frozenset({STAGING_COPY, "share", "copy", "unshare"})
"""Steps that make the drill's own copy."""
ROOM_MADE = "room_made"
"""Output, by step: older copies that were deleted because of a quota."""
SNAPSHOT_QUOTA = frozenset({"SnapshotQuotaExceeded", "SnapshotQuotaExceededFault"})
CAPACITY_PATIENCE = 4
"""Polls between two tries when capacity or quota is missing."""

DELETIONS: Mapping[str, Callable[..., Gone | StillThere]] = {
    INSTANCE: instances.delete,
    SECRET: credentials.delete_secret,
    TRIAL: conformance_snapshots.delete,
}
"""Deletion by kind of resource; a share is removed instead."""


def prepare(name: str, does: str, deadline: timedelta, *makes: Resource) -> Step:
    return Step(name=name, kind=StepKind.PREPARE, does=does, deadline=deadline, makes=makes)


class SnapshotProvider(Provider):
    """Proves automated snapshots. Holds no drill in memory."""

    restored: ClassVar[RestoredKind[Any]]
    deletions: ClassVar[Mapping[str, Callable[..., Gone | StillThere]]] = DELETIONS

    def __init__(self, *, settings: SnapshotSettings, accounts: Accounts, clock: Clock) -> None:
        self.settings = settings
        self._accounts = accounts
        self._clock = clock

    @abstractmethod
    def afterwards(self, drill_id: str) -> tuple[str, ...]: ...

    def ensure(self, drill: Drill, step: Step) -> StepEvent:
        try:
            return self._step(step.name, drill)(drill)
        except CapacityError as exc:
            return self._make_room(drill, step, exc)
        except TransientError as exc:
            if not is_throttled(exc):
                return Retry(reason=exc.message, wait=self.settings.poll)
            # Throttling never changes a verdict, only the duration: the step's deadline limits it.
            return InProgress(wait=self.settings.poll, detail="throttled by AWS", status=exc.code)
        except ConfigError as exc:
            return Unclear(reason=exc.message, hint=exc.hint)

    def delete(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        arn = parse_arn(resource.identifier)
        known = {self.settings.backup.place.account_id, self.settings.source.place.account_id}
        if arn.place.account_id not in known:
            detail = f"account {arn.place.account_id} is no longer configured"
            return StillThere(resource, detail, self.settings.poll, hopeless=True)
        try:
            return self._delete(resource, arn.place, made_until)
        except AccessDeniedError as exc:
            return StillThere(resource, exc.message, self.settings.poll, hopeless=True)
        except ProviderError as exc:
            return StillThere(resource, exc.message, self.settings.poll)

    def knows(self, resource: Resource) -> bool:
        """Whether it can delete a thing of this kind: a snapshot of the other kind would look gone to it."""
        if resource.kind in {SHARE, STAGED}:
            return parse_arn(resource.identifier).kind == self.settings.kind.arn
        return resource.kind in self.deletions

    def park(self, resource: Resource) -> Parked | StillThere:
        place = parse_arn(resource.identifier).place
        try:
            return self.put_to_rest(self.backup_account(place), resource)
        except AccessDeniedError as exc:
            return StillThere(resource, exc.message, self.settings.poll, hopeless=True)
        except ProviderError as exc:
            return StillThere(resource, exc.message, self.settings.poll)

    def rehearse(self, drill: Drill) -> Rehearsal | Rehearsing | None:
        wanted, upgrade, now = self.settings.upgrade, drill.upgrade, self._clock.now()
        if wanted is None:
            return None
        if upgrade is None:
            return upgrades.begin(wanted, drill, now)
        return upgrades.Upgrading(
            settings=self.settings,
            account=self.backup_account(),
            drill=drill,
            upgrade=upgrade,
            kind=self.restored,
            now=now,
        ).go_on()

    def rehearses(self, drill_id: str) -> str:
        name, restore = naming.identifier_of(drill_id), self.settings.restore
        return (
            f"rds:{self.restored.modifies} on {name}: upgrade it to the next major version that "
            "rds:DescribeDBEngineVersions lists, then ask the configured checks again; costs the hourly price of "
            f"{restore.db_instance_class} and of the storage for the time that it takes"
        )

    def retain(self, drill: Drill) -> Retained | InProgress | Retry:
        if "snapshot_time" not in drill.outputs:
            return Retained()  # no copy was started; the account ids may not even be verified
        try:
            return self._keeping().retain(drill, self._clock.now())
        except TransientError as exc:
            if is_throttled(exc):
                return InProgress(wait=self.settings.poll, detail="throttled by AWS")
            return Retry(reason=exc.message, wait=self.settings.poll)

    def newest(self, now: datetime) -> tuple[Listed, ...]:  # noqa: ARG002  # RDS says its own time
        return self.copying().newest()

    def release(self, drill: Drill) -> None:
        """Nothing is held: a kept instance has had its tag since the restore."""

    @property
    def by_token(self) -> bool:
        """Whether the checker logs in by IAM, without a password."""
        return self.settings.restore.credentials is Credentials.IAM

    def passwords(self) -> Passwords:
        """For the checker, which reads only the secret of its instance."""
        return Passwords(self.backup_account())

    # --- parts ---------------------------------------------------------------------------

    @abstractmethod
    def restores(self, name: str) -> Callable[[Drill], StepEvent]:
        """What performs a step of this kind's own."""

    def put_to_rest(self, account: Account, resource: Resource) -> Parked | StillThere:
        return instances.park(self.settings, account, resource, self.restored)

    def identify_step(self) -> Step:
        settings = self.settings
        source, backup = settings.source.place, settings.backup.place
        return prepare(
            "identify",
            f"sts:GetCallerIdentity in both accounts: {backup.account_id} with the "
            f"credentials of this process, {source.account_id} with the role "
            f"{settings.source.role_arn}; any other account ends the drill",
            QUICK,
        )

    def find_step(self) -> Step:
        settings = self.settings
        return prepare(
            "find snapshot",
            f"rds:Describe{settings.kind.name}s in {settings.source.place}: the newest finished "
            f"automated snapshot of {settings.identifier}, or a snapshot of AWS Backup if the "
            "automated one is too old; a newest snapshot older than "
            f"{settings.max_age / timedelta(hours=1):g} hours fails the drill. Or the snapshot or copy "
            "that `select` or --backup names; a copy is restored as it is, without the four steps that "
            "make one",
            QUICK,
        )

    def staging_step(self, name: str, *makes: Resource) -> Step:
        settings = self.settings
        transit = settings.source.transit_kms_key_id
        key = f"encrypted with {transit}" if transit else "with the key of the snapshot"
        return prepare(
            STAGING_COPY,
            f"rds:Copy{settings.kind.name} in {settings.source.place} to {name}, {key}",
            settings.deadline,
            *makes,
        )

    def share_step(self, name: str) -> Step:
        source, backup = self.settings.source.place, self.settings.backup.place
        identifier = source.arn(self.settings.kind.arn, name)
        return prepare(
            "share",
            f"rds:Modify{self.settings.kind.name}Attribute on {name} in {source}: restore, add "
            f"{backup.account_id}; refused if other accounts have access",
            QUICK,
            Resource(kind=SHARE, identifier=identifier, account=source.account_id),
        )

    def copy_step(self, name: str, remark: str = "", *uses: Resource) -> Step:
        """`uses`: what must not go as long as the copy may not be visible yet."""
        source, backup = self.settings.source.place, self.settings.backup.place
        kind = self.settings.kind
        return prepare(
            "copy",
            f"rds:Copy{kind.name} in {backup} from {source.arn(kind.arn, name)} to {name}, "
            f"encrypted with {self.settings.backup.kms_key_id}{remark}",
            self.settings.deadline,
            *uses,
        )

    def unshare_step(self, name: str, which: str) -> Step:
        """`which`: staging copies that go."""
        source, backup = self.settings.source.place, self.settings.backup.place
        word = self.settings.kind.name
        return prepare(
            "unshare",
            f"rds:Modify{word}Attribute on {name} in {source}: restore, remove "
            f"{backup.account_id}; rds:Delete{word} on {which} staging copies of "
            "restorecheck",
            QUICK,
        )

    def credentials_step(self, drill_id: str) -> Step:
        reset = self.settings.restore.credentials is Credentials.RESET
        secret = (credentials.secret_resource(self.settings, drill_id),) if reset else ()
        does = self._credentials_sentence(naming.identifier_of(drill_id))
        return prepare("credentials", does, timedelta(hours=1), *secret)

    def check_step(self) -> Step:
        return Step(
            name="check",
            kind=StepKind.CHECK,
            does="query the restored database over TLS (verify-full), read-only",
            deadline=self.settings.deadline,
        )

    def retention_sentences(self, name: str) -> tuple[str, str]:
        """What happens to the copies, in words."""
        backup = self.settings.backup
        return (
            (
                f"rds:AddTagsToResource in {backup.place}: write the verdict to the tags of the "
                f"copy {name}"
            ),
            (
                f"rds:Delete{self.settings.kind.name} in {backup.place}: copies of this target older "
                f"than the newest {backup.keep_copies}; never the newest copy, never the newest "
                "verified copy"
            ),
        )

    def _make_room(self, drill: Drill, step: Step, refusal: CapacityError) -> StepEvent:
        """Wait, if that helps. If the quota of manual snapshots is used up, delete older copies of this target; a second
        refusal without a deletion in progress ends the drill.
        """
        patience = CAPACITY_PATIENCE * self.settings.poll
        if refusal.code not in SNAPSHOT_QUOTA:
            return InProgress(wait=patience, detail=refusal.message, status=refusal.code)
        staging = step.name == STAGING_COPY
        key = f"{ROOM_MADE} {step.name}"
        if key not in drill.outputs:
            outputs = {key: "true"}
            if staging:
                self.copying().prune_staging()
            else:
                outputs |= self._keeping().make_room(drill, self._clock.now())
            return InProgress(
                wait=self.settings.poll,
                detail=f"{refusal.message}; deleting older copies of this target to make room",
                status=refusal.code,
                outputs=outputs,
            )
        account = self.source_account() if staging else self.backup_account()
        snapshots = account.snapshots(self.settings.kind).manual.fresh().values()
        if any(view.progress is StatusMeaning.UNDER_WAY for view in snapshots):
            return InProgress(wait=patience, detail=refusal.message, status=refusal.code)
        return Unclear(
            reason=f"{refusal.message}; found {number_of(len(snapshots), 'manual snapshot')} in "
            f"{account.place}, and deleting older copies of this target did not make room",
            hint=refusal.hint,
        )

    def _step(self, name: str, drill: Drill) -> Callable[[Drill], StepEvent]:
        if name in COPYING and CHOSEN_COPY in drill.outputs:
            return self.copying().chosen_copy
        match name:
            case "identify":
                return self._identify
            case "find snapshot":
                return self.copying().find
            case name if name == STAGING_COPY:
                return self.copying().stage
            case "share":
                return self.copying().share
            case "copy":
                return self.copying().copy
            case "unshare":
                return self.copying().unshare
            case "credentials":
                return lambda drill: credentials.take_over(
                    self.settings, self.backup_account(), drill, self.restored
                )
            case _:
                return self.restores(name)

    def _identify(self, _drill: Drill) -> StepEvent:
        self.backup_account().identify()
        self.source_account().identify()
        return Ready()

    def _delete(self, resource: Resource, place: Place, made_until: datetime) -> Gone | StillThere:
        if resource.kind == SHARE:
            return self.copying().end_share(resource, made_until)
        if resource.kind == STAGED:
            return self.copying().end_staging(resource, made_until)
        delete = self.deletions.get(resource.kind)
        if delete is None:
            return StillThere(
                resource,
                "not deleted: this version of restorecheck does not know this kind of resource",
            )
        is_source = place.account_id == self.settings.source.place.account_id
        account = (
            self.source_account()
            if is_source and resource.kind == TRIAL
            else self.backup_account(place)
        )
        return delete(
            self.settings, account, resource, made_until=made_until, now=self._clock.now()
        )

    def _credentials_sentence(self, name: str) -> str:
        call, what = f"rds:{self.restored.modifies}", self.restored.name.removeprefix("DB ")
        match self.settings.restore.credentials:
            case Credentials.MANAGED_SECRET:
                return (
                    f"{call} on {name}: RDS makes a new master password and keeps it "
                    f"in Secrets Manager until the {what} is deleted"
                )
            case Credentials.RESET:
                return (
                    f"secretsmanager:CreateSecret {name} with a new password; "
                    f"{call} on {name}: set it as the master password"
                )
            case Credentials.IAM:
                return (
                    "wait until IAM database authentication is active; the checker logs in "
                    f"as {self.settings.restore.iam_user} with a token"
                )

    def _keeping(self) -> Keeping:
        return Keeping(self.settings, self.backup_account(), self.copying(), self.restored)

    def copying(self) -> Copying:
        return Copying(self.settings, self.source_account(), self.backup_account(), self._clock)

    def source_account(self) -> Account:
        return self._accounts.source(self.settings.source)

    def backup_account(self, place: Place | None = None) -> Account:
        """The backup account; in another region for resources made before the configuration changed."""
        settings = self.settings.backup
        return self._accounts.backup(replace(settings, place=place) if place else settings)


class RdsProvider(SnapshotProvider):
    """Of one DB instance."""

    restored = DB_INSTANCE
    settings: RdsSettings

    def plan(self, drill_id: str) -> tuple[Step, ...]:
        settings = self.settings
        name = naming.identifier_of(drill_id)
        instance = self._instance(drill_id)
        staying = (instance,) if settings.restore.after is After.STOP else ()
        restore = Step(
            name="restore",
            kind=StepKind.RESTORE,
            does=f"rds:RestoreDBInstanceFromDBSnapshot in {settings.backup.place}: {name} as "
            f"{settings.restore.db_instance_class} in the subnet group "
            f"{settings.restore.db_subnet_group_name}, private, one zone, no backups",
            deadline=settings.deadline,
            makes=(instance,),
            standby=staying,
        )
        return (
            self.identify_step(),
            self.find_step(),
            self.staging_step(name),
            self.share_step(name),
            self.copy_step(name),
            self.unshare_step(name, "older"),
            restore,
            self.credentials_step(drill_id),
            self.check_step(),
        )

    def afterwards(self, drill_id: str) -> tuple[str, ...]:
        settings = self.settings
        name = naming.identifier_of(drill_id)
        kept = (
            f"kept: the copy {name} in {settings.backup.place}, and the staging copy {name} in "
            f"{settings.source.place} until the next staging copy exists"
        )
        sentences = (*self.retention_sentences(name), kept)
        if settings.restore.after is not After.STOP:
            return sentences
        standby = (
            f"a verified instance is stopped and kept (rds:StopDBInstance {name}); the "
            "previous standby is deleted (rds:DeleteDBInstance)"
        )
        return (*sentences, standby)

    def evidence(self, drill: Drill) -> tuple[Observation, ...]:
        if self._instance(drill.id) not in drill.ledger:
            return ()
        return evidence.collect(self.settings, self.backup_account(), self.source_account(), drill)

    def restores(self, name: str) -> Callable[[Drill], StepEvent]:
        assert name == "restore", f"no step {name!r} in this plan"
        return lambda drill: instances.restore(
            self.settings, self.backup_account(), drill, self._clock.now()
        )

    def _instance(self, drill_id: str) -> Resource:
        return instances.resource_of(self.settings, naming.identifier_of(drill_id))
