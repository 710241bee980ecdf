"""From an automated snapshot in the source account to a copy in the backup account.

Automated snapshots cannot be shared, and are deleted with their instance. So: copy inside the source account,
share that copy with the backup account only, copy it there, remove the share.
Amazon RDS User Guide, "Sharing a DB snapshot" and "Copying a DB snapshot".
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from restorecheck import choosing
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account
from restorecheck.aws.session.describe_cache import DescribeCache
from restorecheck.aws.session.settings import SnapshotSettings, parse_arn
from restorecheck.aws.session.snapshot_kinds import Snapshots
from restorecheck.aws.session.tags import wait_for_tags
from restorecheck.aws.session.translation import attempting
from restorecheck.aws.session.views import DEFAULT_KEY_ENCRYPTION, SnapshotView, StatusMeaning
from restorecheck.aws.snapshots import engines
from restorecheck.aws.snapshots.selection import (
    CHOSEN_COPY,
    KnownBackup,
    finished,
    is_copy_of,
    known,
    listed_of,
)
from restorecheck.choosing import Listed, NotPicked, Picked
from restorecheck.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    CapacityError,
    InvalidStateError,
    NotFoundError,
    ProviderError,
    TransientError,
)
from restorecheck.lifecycle import Broken, Gone, InProgress, Ready, StepEvent, StillThere, Unclear
from restorecheck.model import Backup, Chosen, Drill, Resource, Verdict
from restorecheck.ports import Clock
from restorecheck.spelling import number_of, second_of

SHARE = "snapshot share"
STAGED = "staging copy"
"""A resource only where it is not kept: of Aurora."""
PLAIN = "snapshot_not_encrypted"
"""Output: the snapshot is not encrypted, and a copy of this kind cannot be."""
SOON = timedelta(seconds=1)

SHARE_PROPAGATION, SHARE_LOOKS = timedelta(minutes=15), 60
"""Time and number of looks after which a share that is not in effect is an error; RDS documents no time. With more
than one look in fifteen seconds both must be reached.
"""

KEY_PROPAGATION, KEY_LOOKS = timedelta(minutes=5), 20
"""The same for a changed key policy: AWS KMS Developer Guide, "Eventual consistency": mostly seconds, sometimes
minutes.
"""

ARRIVING = frozenset({"AccessDenied", "AccessDeniedException", "KMSKeyNotAccessibleFault"})
"""Error codes that may mean that a share or key policy is not in effect yet."""

AWS_BACKUP, MANAGED = "awsbackup", "awsbackup:"
"""Type and name prefix of snapshots that AWS Backup manages. They are copied like automated ones (Amazon RDS User
Guide, "Sharing a DB snapshot": "This process also applies" to them). (?) This was never tested; the hint for a
refusal names another way.
"""
ADOPT = (
    "Allow rds:CopyDBSnapshot on snapshot:awsbackup:* in the source role. Or let restore "
    "testing of AWS Backup restore the snapshot, and check the instance with a target of kind "
    "adopt (docs/how-to/aws-backup.md)."
)


SHARE_REFUSED = (AccessDeniedError, InvalidStateError, NotFoundError)
"""What may be said of a shared snapshot as long as its share has not arrived."""

KEY_REFUSED = frozenset({"InvalidParameterCombination", "InvalidParameterValue"})
"""Codes by which RDS may refuse a key for a cluster snapshot that it takes for not encrypted (?)."""
RESTORE_SHARED = (
    "Set from: shared: the snapshot is restored without a copy, and the restored cluster is encrypted "
    "with backup.kms_key_id."
)


class Copying:
    """The steps of one target up to its copy. Every method may be repeated."""

    def __init__(
        self, settings: SnapshotSettings, source: Account, backup: Account, clock: Clock
    ) -> None:
        self._settings = settings
        self._source = source
        self._backup = backup
        self._kind = settings.kind
        self._here = source.snapshots(settings.kind)
        self._there = backup.snapshots(settings.kind)
        self._clock = clock

    def find(self, drill: Drill) -> StepEvent:
        """Find the newest finished automated snapshot, or if none is young enough, the newest one of AWS Backup."""
        if not choosing.is_newest(drill):
            return self._find_chosen(drill)
        wanted = self._settings.identifier
        listed = of_instance = self._of_instance(self._here.automated)
        newest = _newest_of(of_instance)
        if newest is None or drill.started_at - _taken_at(newest) > self._settings.max_age:
            managed = self._of_instance(self._here.aws_backup)
            listed = [*of_instance, *managed]
            newest = _newest_of([*managed, *([newest] if newest else [])])
        if newest is None:
            return self._none_found(drill, under_way=len(of_instance))
        refused = engines.refusal(self._kind, wanted, newest.engine, newest.engine_mode)
        if refused is not None:
            return refused
        every = [listed_of(view) for view in finished(listed)]
        backup = _backup_of(newest, choosing.how(drill.select, every, every))
        findings = tuple(choosing.findings(every, every=self._settings.every))
        taken_at = backup.taken_at
        assert taken_at is not None, "finished snapshots have a time"
        age = drill.started_at - taken_at
        if age > self._settings.max_age:
            return Broken(
                reason=f"the backup is stale: the newest {_kind(newest)} of {wanted} holds data "
                f"up to {second_of(taken_at)}, {_hours(age)} before this drill at "
                f"{second_of(drill.started_at)}; max_age_hours allows "
                f"{_hours(self._settings.max_age)}",
                hint=self._why_stale(),
                backup=backup,
                findings=findings,
            )
        if refused := self._cannot_copy(newest):
            return refused
        return Ready(
            backup=backup,
            outputs=self._outputs(newest),
            notes=self._notes(newest, of_instance),
            findings=findings,
        )

    def _find_chosen(self, drill: Drill) -> StepEvent:
        """By the rule of the drill, among all snapshots and copies of the instance. The choice is stored with
        what this step found, before anything is copied, so that every later process uses the same choice.
        """
        backups = self.backups()
        if not backups:
            return self._none_found(drill, under_way=0)
        found = choosing.pick(drill.select, [one.listed for one in backups], drill.started_at)
        if isinstance(found, NotPicked):
            refused = Broken if found.bad else Unclear
            return refused(reason=found.reason, hint=found.hint)
        chosen = next(one for one in backups if one.listed == found.backup)
        return self._begin_with(drill, chosen, found, backups)

    def _begin_with(
        self, drill: Drill, chosen: KnownBackup, found: Picked, backups: list[KnownBackup]
    ) -> StepEvent:
        view = chosen.copy or chosen.snapshot
        assert view is not None, "a backup is kept somewhere"
        wanted = self._settings.identifier
        refused = engines.refusal(self._kind, wanted, view.engine, view.engine_mode)
        if refused is not None:
            return refused
        if chosen.copy is not None:
            outputs = {"snapshot_time": _taken_at(view).isoformat()}
            outputs[CHOSEN_COPY] = chosen.copy.identifier
        elif refused := self._cannot_copy(view):
            return refused
        else:
            outputs = self._outputs(view)
        backup = replace(
            _backup_of(view, found.chosen),
            identifier=chosen.listed.identifier,
            storage=chosen.copy.arn if chosen.copy else "",
        )
        listed = [one.listed for one in backups]
        return Ready(
            backup=backup,
            outputs=outputs,
            findings=(
                choosing.age_of_newest(found.chosen, self._settings.max_age, drill.started_at),
                *choosing.findings(listed, every=self._settings.every),
            ),
            notes=(
                (f"the copy {chosen.copy.identifier} was there already, and is restored as it is",)
                if chosen.copy
                else ()
            ),
        )

    def _cannot_copy(self, view: SnapshotView) -> Unclear | None:
        if not self._is_plain(view) or view.encryption_type == DEFAULT_KEY_ENCRYPTION:
            return None
        if self._settings.direct:
            return None
        return Unclear(
            reason=f"the DB cluster {self._settings.identifier} is not encrypted, and RDS does not encrypt a copy "
            "of a cluster snapshot that is not encrypted",
            hint=RESTORE_SHARED,
        )

    def _is_plain(self, view: SnapshotView) -> bool:
        return not self._kind.encrypts and not view.encrypted

    def _outputs(self, view: SnapshotView) -> dict[str, str]:
        """Of a snapshot that the drill copies."""
        plain = {PLAIN: "true"} if self._is_plain(view) else {}
        return {"snapshot_time": _taken_at(view).isoformat()} | plain

    def newest(self) -> tuple[Listed, ...]:
        """As `find` would take it, whatever its age."""
        snapshots = finished(self._of_instance(self._here.automated))
        snapshots = snapshots or finished(self._of_instance(self._here.aws_backup))
        found = _newest_of(snapshots)
        return (listed_of(found),) if found else ()

    def backups(self) -> list[KnownBackup]:
        """Every finished snapshot of the instance in the source account, and every copy of ours."""
        snapshots = [
            *self._of_instance(self._here.automated),
            *self._of_instance(self._here.aws_backup),
        ]
        if self._settings.direct:
            return known(snapshots, [])  # what is shared is restored, and never a copy
        copies = self._there.manual.latest().values()
        return known(
            snapshots, [view for view in copies if is_copy_of(view, self._settings.production)]
        )

    def chosen_copy(self, drill: Drill) -> StepEvent:
        """In place of the steps that make a copy: the chosen one is there, and is ours.

        Raises:
            NotFoundError: It is not there any more.
            AlreadyExistsError: Another snapshot has its name.
        """
        name = drill.outputs[CHOSEN_COPY]
        view = self._there.manual.latest().get(name)
        if view is None:
            raise NotFoundError(f"the copy {name} no longer exists in {self._backup.place}")
        if not is_copy_of(view, self._settings.production):
            raise AlreadyExistsError(
                f"snapshot {view.arn} does not have the tags of a copy of {self._settings.production}",
                hint="Another program replaced the snapshot or removed the tags. Look at CloudTrail.",
                resource=view.arn,
            )
        assert drill.backup is not None, "found before"
        if not view.holds(drill.outputs["snapshot_time"], drill.backup.taken_at):
            return Unclear(
                reason=f"the copy {name} was replaced by a copy with data up to {view.taken_at}"
            )
        return Ready(outputs={"copy_arn": view.arn})

    def stage(self, drill: Drill) -> StepEvent:
        """Make a manual copy inside the source account: only such a copy can be shared."""
        name = naming.identifier_of(drill.id)
        view = self._here.manual.latest().get(name)
        if view is None:
            return self._begin_staging(drill, name)
        waiting = self._wait_for_ours(drill, view, "the staging copy")
        if waiting is not None:
            return waiting
        transit = self._transit_key(drill)
        if transit and view.kms_key_id != transit:
            return Unclear(
                reason=f"the staging copy {name} is not encrypted with "
                "source.transit_kms_key_id; the snapshot was not shared"
            )
        return Ready()

    def share(self, drill: Drill) -> StepEvent:
        """Share it with the backup account, and with no other."""
        name = naming.identifier_of(drill.id)
        admitted = self._admitted(name)
        backup_id = self._settings.backup.place.account_id
        strangers = sorted(admitted - {backup_id})
        if strangers:
            return Unclear(
                reason=f"the staging copy {name} is also shared with {', '.join(strangers)}; "
                "the snapshot was not used",
                hint="Look for ModifyDBSnapshotAttribute in CloudTrail of the source account "
                "to see who shared the snapshot.",
            )
        if backup_id in admitted:
            return Ready()
        with attempting(f"share snapshot {name} with account {backup_id}", name):
            self._here.share(name, backup_id)
        return InProgress(
            wait=self._soon, detail="waiting until the share is visible", status="sharing"
        )

    def copy(self, drill: Drill) -> StepEvent:
        """Make the off-account backup itself, with a key of the backup account."""
        name = naming.identifier_of(drill.id)
        view = self._there.manual.latest().get(name)
        if view is None:
            return self._begin_copy(drill, name)
        waiting = self._wait_for_ours(drill, view, "the copy")
        if waiting is not None:
            return waiting
        doubt = self._lineage_doubt(drill, view)
        if doubt:
            return Unclear(reason=f"the copy {name} differs from the request: {doubt}")
        return Ready(outputs={"copy_arn": view.arn})

    def unshare(self, drill: Drill) -> StepEvent:
        """Remove the share of the staging copy, and delete older staging copies."""
        name = naming.identifier_of(drill.id)
        if self._settings.backup.place.account_id in self._still_admitted(name):
            self._remove_share(name)
            return InProgress(
                wait=self._soon, detail="waiting until the share is removed", status="unsharing"
            )
        self.prune_staging(done=name)
        return Ready()

    def prune_staging(self, *, done: str = "") -> None:
        """Keep the newest staging copy: it makes the next copy incremental (RDS User Guide,
        "Copying a DB snapshot", incremental copies). Delete older ones of ours; of a kind that has no
        incremental copies all, and the one of the name `done` even before it has expired.
        """
        mine = [v for v in self._here.manual.fresh().values() if self._is_staging(v)]
        whole = sorted((v for v in mine if v.progress is StatusMeaning.READY), key=_taken_at)
        older = whole[:-1] if self._kind.staging_kept else whole
        failed = [v for v in mine if v.status == "failed"]
        for view in (*older, *failed):
            finished = view.identifier == done and not self._kind.staging_kept
            if finished or not self._is_in_use(view):
                self._delete_staging(view)

    def end_share(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        """Remove the share of a drill, also of a dead one."""
        arn = parse_arn(resource.identifier)
        if not naming.is_ours(arn.name) or arn.place != self._source.place:
            return StillThere(
                resource,
                "not changed: the snapshot is not in the configured source account and region",
            )
        if self._settings.backup.place.account_id in self._still_admitted(arn.name):
            self._remove_share(arn.name)
            return StillThere(resource, "the share is being removed", self._soon)
        if self._clock.now() < made_until + self._settings.settling:
            return StillThere(
                resource, "not visible yet; AWS may show it later", self._settings.poll
            )
        return Gone(resource)

    def end_staging(self, resource: Resource, made_until: datetime) -> Gone | StillThere:
        """Delete a staging copy that is not kept, when no drill copies from it any more. `made_until`: until when the
        staging copy, or a copy of it, can have been begun.
        """
        arn, poll = parse_arn(resource.identifier), self._settings.poll
        now, late_enough = self._clock.now(), made_until + self._settings.settling
        if not naming.is_ours(arn.name) or arn.place != self._source.place:
            return StillThere(
                resource,
                "not deleted: the snapshot is not in the configured source account and region",
            )
        view = self._here.manual.fresh().get(arn.name)
        if view is None:
            if now < late_enough:
                return StillThere(resource, "not visible yet; AWS may show it later", poll)
            return Gone(resource)
        if not view.tags and now < late_enough:
            return StillThere(resource, "waiting until AWS shows its tags", poll)
        if not naming.is_managed(view.tags) or view.tags.get(naming.ROLE) != naming.STAGING:
            detail = "not deleted: the tags of restorecheck are missing"
            return StillThere(resource, detail, poll, hopeless=True)
        if now < late_enough:
            return StillThere(resource, "a copy of it may not be visible yet", poll)
        copy = self._there.manual.fresh().get(arn.name)
        if copy is not None and copy.progress in {StatusMeaning.UNDER_WAY, StatusMeaning.UNKNOWN}:
            return StillThere(resource, "the copy is still being made from it", poll)
        if self._settings.direct and self._is_being_restored(arn.name):
            return StillThere(resource, "a cluster is still being restored from it", poll)
        try:
            self._delete_staging(view)
        except InvalidStateError as exc:
            return StillThere(resource, exc.message, poll)
        return StillThere(resource, "deleting", self._soon)

    # --- parts ---------------------------------------------------------------------------

    def _is_being_restored(self, name: str) -> bool:
        clusters = self._backup.clusters.fresh().values()
        drill_id = naming.drill_of(name)
        mine = [view for view in clusters if naming.drill_of(view.identifier) == drill_id]
        unfinished = {StatusMeaning.UNDER_WAY, StatusMeaning.UNKNOWN}
        return any(view.progress in unfinished for view in mine)

    def _transit_key(self, drill: Drill) -> str | None:
        return None if PLAIN in drill.outputs else self._settings.source.transit_kms_key_id

    def _of_instance(self, snapshots: DescribeCache[SnapshotView]) -> list[SnapshotView]:
        wanted = self._settings.identifier
        return [s for s in snapshots.latest().values() if s.instance.lower() == wanted]

    @property
    def _share_propagation(self) -> timedelta:
        return min(SHARE_PROPAGATION, SHARE_LOOKS * self._settings.poll)

    @property
    def _key_propagation(self) -> timedelta:
        return min(KEY_PROPAGATION, KEY_LOOKS * self._settings.poll)

    @property
    def _soon(self) -> timedelta:
        return min(SOON, self._settings.poll)

    def _none_found(self, drill: Drill, *, under_way: int) -> Broken | Unclear:
        wanted, place = self._settings.identifier, self._settings.source.place
        owner = self._source.owners(self._kind).latest().get(wanted)
        if owner is not None:
            refused = engines.refusal(self._kind, wanted, owner.engine, owner.engine_mode)
            if refused is not None:
                return refused
        unfinished = f" ({under_way} not finished)" if under_way else ""
        return Broken(
            reason=f"the backup is stale: {wanted} has no finished automated snapshot in "
            f"{place}{unfinished} and no snapshot of AWS Backup, at "
            f"{second_of(drill.started_at)}",
            hint=self._why_stale(),
        )

    def _why_stale(self) -> str:
        """A hint; an error while finding it is ignored."""
        try:
            return f"{self._state_of_production()} {self._last_good()}"
        except ProviderError:
            return ""

    def _last_good(self) -> str:
        """The backup to restore from, for the hint of a stale backup."""
        copies = [
            view
            for view in self._there.manual.latest().values()
            if naming.is_ours(view.identifier)
            and view.tags.get(naming.TARGET) == self._settings.target
            and view.tags.get(naming.ROLE) == naming.COPY
            and view.tags.get(naming.VERDICT) == Verdict.VERIFIED
            and view.progress is StatusMeaning.READY
            and view.taken_at is not None
        ]
        if not copies:
            return f"There is no verified copy in {self._backup.place}."
        newest = max(copies, key=_taken_at)
        return (
            f"Restore from the newest verified copy, {newest.identifier} in "
            f"{self._backup.place}; it holds data up to "
            f"{second_of(newest.database_time or _taken_at(newest))}."
        )

    def _state_of_production(self) -> str:
        wanted = self._settings.identifier
        owners = self._source.owners(self._kind)
        instance = owners.latest().get(wanted)
        if instance is None:
            return f"The {self._kind.owner} {wanted} does not exist in the source account."
        if not instance.backup_retention_days:
            return (
                f"Automated backups of {wanted} are off: set its backup retention to more "
                "than 0 days."
            )
        return (
            f"{wanted} is {instance.status} and keeps automated backups for "
            f"{number_of(instance.backup_retention_days, 'day')}; look at the RDS events of the instance."
        )

    def _notes(self, newest: SnapshotView, all_of_them: list[SnapshotView]) -> tuple[str, ...]:
        notes = []
        under_way = [s for s in all_of_them if s.progress is StatusMeaning.UNDER_WAY]
        if under_way:
            notes.append(
                "a newer automated snapshot is being created; this drill did not wait for it"
            )
        if newest.type == AWS_BACKUP:
            notes.append(
                "the automated snapshots are older than max_age_hours; this is a snapshot of "
                "AWS Backup"
            )
        if not newest.encrypted and not self._settings.source.transit_kms_key_id:
            notes.append(
                "the snapshot and the staging copy are not encrypted "
                "(source.transit_kms_key_id is not set); the copy in the backup account is "
                "encrypted"
            )
        return tuple(notes)

    def _begin_staging(self, drill: Drill, name: str) -> StepEvent:
        assert drill.backup is not None, "found before it is copied"
        arn = drill.backup.identifier
        unshareable = self._unshareable(parse_arn(arn).name)
        if unshareable is not None:
            return unshareable
        key = self._transit_key(drill)
        try:
            with attempting(f"copy snapshot {arn} to {name} in {self._source.place}", arn):
                self._here.copy(arn, name, self._lineage(drill, naming.STAGING), key=key)
        except AlreadyExistsError:
            pass  # made by an earlier call; its tags are checked when AWS shows it
        except ProviderError as exc:
            managed = parse_arn(arn).name.startswith(MANAGED)
            if isinstance(exc, AccessDeniedError) and not managed:
                return self._wait_for_arrival(drill, exc, self._key_propagation, "the key policy")
            if not self._kind.encrypts and exc.code in KEY_REFUSED:
                return Unclear(reason=exc.message, hint=RESTORE_SHARED)
            if isinstance(exc, TransientError | CapacityError) or not managed:
                raise
            return Unclear(reason=exc.message, hint=f"{exc.hint} {ADOPT}".strip())
        return InProgress(wait=self._settings.poll, detail="copying", status="copy requested")

    def _unshareable(self, name: str) -> Unclear | None:
        """A snapshot that is encrypted with AWS's own key cannot be shared: RDS User Guide,
        "Sharing encrypted snapshots". A copy with the transit key can.
        """
        managed = name.startswith(MANAGED)
        kept = self._here.aws_backup if managed else self._here.automated
        snapshot = kept.latest().get(name)
        if snapshot is None or self._settings.source.transit_kms_key_id or not snapshot.encrypted:
            return None
        if snapshot.encryption_type != DEFAULT_KEY_ENCRYPTION:
            with attempting(f"describe the key {snapshot.kms_key_id}", snapshot.kms_key_id):
                key = self._source.kms().describe_key(KeyId=snapshot.kms_key_id)
            if key["KeyMetadata"].get("KeyManager") != "AWS":
                return None
        return Unclear(
            reason=f"snapshot {name} is encrypted with the default key of RDS, "
            "and RDS cannot share such a snapshot with another account",
            hint="Set source.transit_kms_key_id to a customer managed key; its policy must "
            "allow the backup account to use the key, including kms:CreateGrant.",
        )

    def _begin_copy(self, drill: Drill, name: str) -> StepEvent:
        shared = self._staging_arn(name)
        try:
            with attempting(f"copy snapshot {shared} into {self._backup.place}", shared):
                key = self._settings.backup.kms_key_id
                self._there.copy(shared, name, self._lineage(drill, naming.COPY), key=key)
        except AlreadyExistsError:
            pass  # as in `_begin_staging`
        except SHARE_REFUSED as exc:
            return self.wait_for_share(drill, exc)
        return InProgress(wait=self._settings.poll, detail="copying", status="copy requested")

    def wait_for_share(self, drill: Drill, refusal: ProviderError) -> InProgress | Unclear:
        """`refusal`: one of `SHARE_REFUSED`."""
        waiting = self._wait_for_arrival(drill, refusal, self._share_propagation, "the share")
        if isinstance(waiting, InProgress) or isinstance(refusal, AccessDeniedError):
            return waiting
        return replace(
            waiting,
            hint="The backup account could not see the shared snapshot in time. Run "
            "the drill again.",
        )

    def _wait_for_arrival(
        self, drill: Drill, refusal: ProviderError, longest: timedelta, what: str
    ) -> InProgress | Unclear:
        """A new share or permission may be refused until it is in effect everywhere, after an undocumented time.
        After the limit the refusal is reported with AWS's message.
        """
        if isinstance(refusal, AccessDeniedError) and refusal.code not in ARRIVING:
            raise refusal
        if self._clock.now() - drill.records[-1].started_at > longest:
            return Unclear(reason=refusal.message, hint=refusal.hint)
        return InProgress(
            wait=self._settings.poll,
            detail=f"waiting until {what} is in effect",
            status=refusal.code,
        )

    def _wait_for_ours(
        self, drill: Drill, view: SnapshotView, what: str
    ) -> InProgress | Unclear | None:
        """None when it is ready.

        Raises:
            AlreadyExistsError: Another program made it.
        """
        waiting = wait_for_tags(self._settings, drill, view, self._clock.now())
        if waiting is not None:
            return waiting
        self._refuse_foreign(view, drill)
        return self._wait_for(view, what)

    def _wait_for(self, view: SnapshotView, what: str) -> InProgress | Unclear | None:
        """None when it is ready."""
        match view.progress:
            case StatusMeaning.READY:
                return None
            case StatusMeaning.UNDER_WAY | StatusMeaning.UNKNOWN:
                return InProgress(
                    wait=self._settings.poll,
                    detail=f"{view.status}, {view.percent} %",
                    status=view.status,
                )
            case StatusMeaning.BAD_BACKUP | StatusMeaning.HOPELESS:
                return Unclear(
                    reason=f"{what} {view.identifier} in {parse_arn(view.arn).place} is {view.status}",
                    hint="Look at the RDS events of the snapshot for the reason.",
                )

    def _lineage_doubt(self, drill: Drill, view: SnapshotView) -> str:
        """Why this copy may be of another snapshot; empty: its origin is proven."""
        staging = self._staging_arn(view.identifier)
        assert drill.backup is not None, "found before it is copied"
        taken_at = drill.outputs.get("snapshot_time", "")
        told = view.source_arn or view.dated_by_tag
        if told and view.source_arn != staging:
            return f"its source is {view.source_arn or 'not said'}"
        if not view.holds(taken_at, drill.backup.taken_at):
            return f"its original was taken at {view.taken_at}, not at {taken_at}"
        if view.kms_key_id != self._settings.backup.kms_key_id:
            return f"it is encrypted with {view.kms_key_id or 'no key'}"
        return ""

    def _lineage(self, drill: Drill, role: str) -> naming.Tags:
        assert drill.backup is not None, "found before it is copied"
        common = naming.common_tags(
            drill_id=drill.id,
            target=self._settings.target,
            role=role,
            expires_at=expires_at(drill),
        )
        return common | {
            naming.SOURCE_INSTANCE: self._settings.production,
            naming.SOURCE_SNAPSHOT: drill.backup.identifier,
            naming.SNAPSHOT_TIME: drill.outputs.get("snapshot_time", ""),
        }

    def _staging_arn(self, name: str) -> str:
        return self._settings.source.place.arn(self._kind.arn, name)

    def _refuse_foreign(self, view: SnapshotView, drill: Drill) -> None:
        if view.tags.get(naming.DRILL) != drill.id or not naming.is_managed(view.tags):
            raise AlreadyExistsError(
                f"snapshot {view.arn} exists without the tag of this drill",
                hint="Another program created it or removed the tag. restorecheck did not "
                "touch it; look at CloudTrail.",
                resource=view.arn,
            )

    def _admitted(self, name: str) -> set[str]:
        return admitted_to(self._here, name)

    def _still_admitted(self, name: str) -> set[str]:
        """The accounts that may restore it; empty if the snapshot was deleted, as by a newer drill."""
        try:
            return self._admitted(name)
        except NotFoundError:
            return set()

    def _remove_share(self, name: str) -> None:
        backup_id = self._settings.backup.place.account_id
        with attempting(f"stop sharing snapshot {name} with account {backup_id}", name):
            self._here.unshare(name, backup_id)

    def _is_staging(self, view: SnapshotView) -> bool:
        tags = view.tags
        return (
            naming.is_ours(view.identifier)
            and naming.is_managed(tags)
            and tags.get(naming.ROLE) == naming.STAGING
            and tags.get(naming.SOURCE_INSTANCE) == self._settings.production
        )

    def _is_in_use(self, view: SnapshotView) -> bool:
        """Whether another drill of this target may copy it now or soon."""
        if is_expired(view, self._clock.now()):
            return False
        copy = self._there.manual.latest().get(view.identifier)
        return copy is None or copy.progress is not StatusMeaning.READY

    def _delete_staging(self, view: SnapshotView) -> None:
        try:
            with attempting(f"delete the old staging copy {view.arn}", view.arn):
                self._here.delete(view.identifier)
        except NotFoundError:
            return  # just deleted


def admitted_to(snapshots: Snapshots, name: str) -> set[str]:
    """The accounts that may restore a snapshot; `all`: it is public."""
    with attempting(f"list the accounts that snapshot {name} is shared with", name):
        return snapshots.admitted(name)


def expires_at(drill: Drill) -> datetime:
    """The time after which the drill of a tagged resource cannot be running any more."""
    return drill.deadline + drill.rehearsal_limit + 2 * drill.teardown_limit


def is_expired(view: SnapshotView, now: datetime) -> bool:
    """Whether the drill that made it cannot be running any more."""
    expires = naming.moment_in(view.tags, naming.EXPIRES)
    return expires is None or expires < now


def _newest_of(snapshots: Iterable[SnapshotView]) -> SnapshotView | None:
    """The newest finished snapshot."""
    return max(finished(snapshots), key=_taken_at, default=None)


def _kind(view: SnapshotView) -> str:
    return "snapshot of AWS Backup" if view.type == AWS_BACKUP else "automated snapshot"


def _taken_at(view: SnapshotView) -> datetime:
    assert view.taken_at is not None, "filtered before"
    return view.taken_at


def _backup_of(view: SnapshotView, chosen: Chosen | None = None) -> Backup:
    return Backup(
        kind="aurora" if view.dated_by_tag else "rds",
        identifier=view.arn,
        taken_at=view.database_time or view.taken_at,
        size_bytes=view.full_size_bytes,
        server_version=view.engine_version,
        chosen=chosen,
    )


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f} hours"
