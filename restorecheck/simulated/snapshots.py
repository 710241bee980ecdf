"""Snapshots: taken, copied, shared, deleted, described."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

from restorecheck.simulated import rules
from restorecheck.simulated.pace import PlannedOutcome
from restorecheck.simulated.refusals import bad_instance_state, bad_value, no_snapshot
from restorecheck.simulated.rules import LONGEST_SNAPSHOT, name_of, tags_of
from restorecheck.simulated.state import Operation, Page, State
from restorecheck.simulated.things import (
    Description,
    Instance,
    Parameters,
    Region,
    Snapshot,
    attributes,
)
from restorecheck.simulated.unknowns import Original

KINDS = frozenset({"automated", "manual", "shared", "public", "awsbackup"})
READ = ("kms:Decrypt", "kms:CreateGrant", "kms:DescribeKey")
WRITE = ("kms:Encrypt", "kms:CreateGrant", "kms:DescribeKey", "kms:GenerateDataKey")
"""RDS User Guide, "Copying a DB snapshot", required permissions: the ones without which a copy
fails. A key policy that leaves out CreateGrant is the usual mistake.
"""
FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-snapshot-id": "DBSnapshotIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "snapshot-type": "SnapshotType",
    "engine": "Engine",
}


class Snapshots:
    def __init__(self, state: State) -> None:
        self._state = state

    def operations(self) -> dict[str, Operation]:
        return {
            "CopyDBSnapshot": self._copy,
            "CreateDBSnapshot": self._create,
            "DeleteDBSnapshot": self._delete,
            "DescribeDBSnapshotAttributes": self._describe_attributes,
            "DescribeDBSnapshots": self._describe,
            "ModifyDBSnapshotAttribute": self._modify_attribute,
        }

    def take_automated(
        self, region: Region, identifier: str, *, age: timedelta = timedelta(0)
    ) -> Snapshot:
        """The instance's nightly snapshot; `age` dates it back."""
        state = self._state
        instance = state.instance(region, identifier)
        base = f"rds:{instance.identifier}-{state.time.now() - age:%Y-%m-%d-%H-%M}"
        names = itertools.chain([base], (f"{base}-{n}" for n in itertools.count(1)))
        name = next(n for n in names if n not in region.snapshots)
        return self.take(region, instance, name, "automated", {}, age=age)

    def take(
        self,
        region: Region,
        instance: Instance,
        name: str,
        kind: str,
        tags: dict[str, str],
        *,
        age: timedelta = timedelta(0),
        caller: str = "rds",
    ) -> Snapshot:
        state = self._state
        assert instance.up, "only what is up is backed up"
        now = state.time.now() - age
        snapshot = Snapshot(
            identifier=name,
            arn=region.arn("snapshot", name),
            account_id=region.account_id,
            type=kind,
            instance=instance.identifier,
            instance_settings=dict(instance.settings),
            instance_tags=dict(instance.tags),
            data=state.behind.back_up(instance),
            password=instance.password,
            visible_from=state.seen_from(),
            tags_from=state.tags_from(),
            original_at=now,
            database_at=now,
            kms_key_id=instance.settings.get("KmsKeyId", ""),
            tags=tags,
            made_by=caller,
        )
        region.snapshots[name] = snapshot
        self._finish(snapshot, state.pace.backup, PlannedOutcome(), created_at=now)
        return snapshot

    def remove(self, region: Region, snapshot: Snapshot) -> None:
        """Gone at once, whoever wants it."""
        del region.snapshots[snapshot.identifier]
        everywhere = (s for r in self._state.regions.values() for s in r.snapshots.values())
        rules.forget_snapshot(snapshot, everywhere)

    def _create(self, region: Region, given: Parameters, caller: str) -> Description:
        state = self._state
        instance = state.instance(region, given["DBInstanceIdentifier"])
        name = name_of(given["DBSnapshotIdentifier"], LONGEST_SNAPSHOT)
        if instance.status != "available":
            raise bad_instance_state(f"Instance {instance.identifier} is not available.")
        rules.refuse_taken_snapshot(region.snapshots, name, state.quotas.snapshots)
        snapshot = self.take(region, instance, name, "manual", tags_of(given), caller=caller)
        return self._answer(region, snapshot)

    def _finish(
        self,
        snapshot: Snapshot,
        seconds: float,
        outcome: PlannedOutcome,
        *,
        created_at: datetime | None = None,
    ) -> None:
        snapshot.shown_status = outcome.shown

        def half() -> None:
            snapshot.percent = 50 if snapshot.in_progress else snapshot.percent

        def done() -> None:
            snapshot.shown_status = ""
            if not snapshot.in_progress:
                return
            snapshot.status = outcome.status
            if outcome.status == "available":
                snapshot.percent = 100
                snapshot.created_at = created_at or self._state.time.now()

        if outcome.takes is None:
            self._state.after(seconds / 2, half, outcome)
        self._state.after(seconds, done, outcome)

    def _copy(self, region: Region, given: Parameters, caller: str) -> Description:
        state = self._state
        name = name_of(given["TargetDBSnapshotIdentifier"], LONGEST_SNAPSHOT)
        rules.refuse_taken_snapshot(region.snapshots, name, state.quotas.snapshots)
        tags = tags_of(given)
        source = state.find_snapshot(region, given["SourceDBSnapshotIdentifier"])
        rules.refuse_unfinished(source)
        rules.refuse_many_copies(region.snapshots.values(), state.quotas.copies_in_progress)
        foreign = source.account_id != region.account_id
        far = region.region not in source.arn
        copy = Snapshot(
            identifier=name,
            arn=region.arn("snapshot", name),
            account_id=region.account_id,
            type="manual",
            instance=source.instance,
            instance_settings=source.instance_settings,
            instance_tags=source.instance_tags,
            data=source.data,
            password=source.password,
            visible_from=state.seen_from(),
            tags_from=state.tags_from(),
            original_at=self._original_of(source, foreign=foreign),
            says_original=source.says_original
            and not (foreign and state.unknowns.original is Original.ABSENT),
            database_at=source.database_at,
            status="copying" if foreign else "creating",
            kms_key_id=self._key_of_copy(region, source, given.get("KmsKeyId")),
            copied_from=source.arn,
            source_arn=source.arn if foreign or far else "",
            tags=tags or (dict(source.tags) if given.get("CopyTags") and not foreign else {}),
            made_by=caller,
        )
        region.snapshots[name] = copy
        outcome = state.copies.popleft() if state.copies else PlannedOutcome()
        self._finish(copy, state.pace.copy, outcome)
        return self._answer(region, copy)

    def _original_of(self, source: Snapshot, *, foreign: bool) -> datetime:
        anew = foreign and self._state.unknowns.original is Original.ANOTHER
        return self._state.time.now() if anew else source.original_at

    def _key_of_copy(self, region: Region, source: Snapshot, wanted: str | None) -> str:
        keys = self._state.keys
        rules.refuse_copy_without_key(source, region.account_id, wanted)
        foreign = source.account_id != region.account_id
        if source.kms_key_id and (foreign or not keys.is_default(source.kms_key_id)):
            keys.require(source.kms_key_id, region.account_id, READ)
        if not wanted:
            return source.kms_key_id
        arn = keys.resolve(wanted, region)
        keys.require(arn, region.account_id, WRITE)
        return arn

    def _delete(self, region: Region, given: Parameters, _caller: str) -> Description:
        snapshot = self._state.own_snapshot(region, given["DBSnapshotIdentifier"])
        rules.refuse_deletion_of_snapshot(snapshot)
        self.remove(region, snapshot)
        return self._answer(region, snapshot)

    def _describe(self, region: Region, given: Parameters, _caller: str) -> Page:
        state = self._state
        kind, wanted = given.get("SnapshotType"), given.get("DBSnapshotIdentifier")
        if kind is not None and kind not in KINDS:
            raise bad_value(f"Invalid snapshot type {kind}.")  # (?)
        found: list[Snapshot] = []
        if kind not in {"shared", "public"}:
            found = [s for s in region.snapshots.values() if kind in {None, s.type}]
        if kind == "shared" or (kind is None and given.get("IncludeShared")):
            found += self._shared_with(region)
        now = state.time.now()
        items = [s.describe(region.account_id, now) for s in found if state.sees(s)]
        items = filtered(items, given)
        if given.get("DBInstanceIdentifier"):
            instance = given["DBInstanceIdentifier"].lower()
            items = [item for item in items if item["DBInstanceIdentifier"] == instance]
        if wanted:
            names = ("DBSnapshotIdentifier", "DBSnapshotArn")
            items = [item for item in items if wanted.lower() in {item[n].lower() for n in names}]
            if not items:
                raise no_snapshot(wanted)
        return Page("DBSnapshots", items)

    def _shared_with(self, region: Region) -> list[Snapshot]:
        now = self._state.time.now()
        return [
            snapshot
            for other in self._state.regions.values()
            if other.account_id != region.account_id and other.region == region.region
            for snapshot in other.snapshots.values()
            if snapshot.status == "available" and snapshot.usable_by(region.account_id, now)
        ]

    def _describe_attributes(self, region: Region, given: Parameters, _caller: str) -> Description:
        return attributes(self._state.own_snapshot(region, given["DBSnapshotIdentifier"]))

    def _modify_attribute(self, region: Region, given: Parameters, _caller: str) -> Description:
        snapshot = self._state.own_snapshot(region, given["DBSnapshotIdentifier"])
        default = bool(snapshot.kms_key_id) and self._state.keys.is_default(snapshot.kms_key_id)
        rules.share(snapshot, given, self._state.seen_from(), default=default)
        return attributes(snapshot)

    def _answer(self, region: Region, snapshot: Snapshot) -> Description:
        described = snapshot.describe(region.account_id, self._state.time.now())
        return {"DBSnapshot": described}


def filtered(items: list[Description], given: Parameters) -> list[Description]:
    for wanted in given.get("Filters") or []:
        key = FILTERS.get(wanted["Name"])
        if key is None:
            raise bad_value(f"Unrecognized filter name: {wanted['Name']}")
        items = [item for item in items if _matches(item, key, wanted["Values"])]
    return items


def _matches(item: Description, key: str, values: Sequence[str]) -> bool:
    found = {str(item.get(key, ""))}
    if key == "DBInstanceIdentifier":
        found.add(str(item.get("DBInstanceArn", "")))
    return bool(found & set(values))
