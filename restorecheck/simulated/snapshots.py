"""Snapshots: taken, copied, shared, deleted, described."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

from restorecheck.simulated import rules
from restorecheck.simulated.families import CLUSTERS, INSTANCES, Family
from restorecheck.simulated.pace import PlannedOutcome
from restorecheck.simulated.refusals import bad_owner_state, bad_value, no_snapshot
from restorecheck.simulated.rules import name_of, tags_of
from restorecheck.simulated.state import Operation, Page, State
from restorecheck.simulated.things import (
    ClusterSnapshot,
    Database,
    Description,
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
    "db-cluster-id": "DBClusterIdentifier",
    "db-cluster-snapshot-id": "DBClusterSnapshotIdentifier",
    "db-cluster-resource-id": "DbClusterResourceId",
}


class Snapshots:
    """Of instances, or of clusters."""

    def __init__(self, state: State, family: Family = INSTANCES) -> None:
        self._state = state
        self._family = family
        self._make = Snapshot if family is INSTANCES else ClusterSnapshot

    def operations(self) -> dict[str, Operation]:
        word = self._family.snapshot
        return {
            f"Copy{word}": self._copy,
            f"Create{word}": self._create,
            f"Delete{word}": self._delete,
            f"Describe{word}Attributes": self._describe_attributes,
            f"Describe{word}s": self._describe,
            f"Modify{word}Attribute": self._modify_attribute,
        }

    def take_automated(
        self, region: Region, identifier: str, *, age: timedelta = timedelta(0)
    ) -> Snapshot:
        """The nightly snapshot; `age` dates it back."""
        state = self._state
        owner = state.owner(region, identifier, self._family)
        base = f"rds:{owner.identifier}-{state.time.now() - age:%Y-%m-%d-%H-%M}"
        names = itertools.chain([base], (f"{base}-{n}" for n in itertools.count(1)))
        name = next(n for n in names if n not in region.snapshots_of(self._family))
        return self.take(region, owner, name, "automated", {}, age=age)

    def take(
        self,
        region: Region,
        owner: Database,
        name: str,
        kind: str,
        tags: dict[str, str],
        *,
        age: timedelta = timedelta(0),
        caller: str = "rds",
    ) -> Snapshot:
        state = self._state
        assert owner.up, "only what is up is backed up"
        now = state.time.now() - age
        snapshot = self._make(
            identifier=name,
            arn=region.arn(self._family.snapshot_arn, name),
            account_id=region.account_id,
            type=kind,
            instance=owner.identifier,
            instance_settings=dict(owner.settings),
            instance_tags=dict(owner.tags),
            data=state.behind.back_up(owner),
            password=owner.password,
            visible_from=state.seen_from(),
            tags_from=state.tags_from(),
            original_at=now,
            database_at=now,
            kms_key_id=owner.settings.get("KmsKeyId", ""),
            tags=tags,
            made_by=caller,
        )
        region.snapshots_of(self._family)[name] = snapshot
        self._finish(snapshot, state.pace.backup, PlannedOutcome(), created_at=now)
        return snapshot

    def remove(self, region: Region, snapshot: Snapshot) -> None:
        """Remove it at once without checks."""
        del region.snapshots_of(self._family)[snapshot.identifier]
        regions = self._state.regions.values()
        everywhere = (s for r in regions for s in r.snapshots_of(self._family).values())
        rules.forget_snapshot(snapshot, everywhere)

    def _create(self, region: Region, given: Parameters, caller: str) -> Description:
        state = self._state
        family = self._family
        owner = state.owner(region, given[family.owner_id], family)
        name = name_of(given[family.snapshot_id], family.longest_snapshot)
        if owner.status != "available":
            raise bad_owner_state(f"Instance {owner.identifier} is not available.", family)
        rules.refuse_taken_snapshot(region, name, state.quotas.snapshots, family)
        snapshot = self.take(region, owner, name, "manual", tags_of(given), caller=caller)
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
        family = self._family
        name = name_of(given[f"Target{family.snapshot_id}"], family.longest_snapshot)
        rules.refuse_taken_snapshot(region, name, state.quotas.snapshots, family)
        tags = tags_of(given)
        source = state.find_snapshot(region, given[f"Source{family.snapshot_id}"], family)
        rules.refuse_unfinished(source)
        rules.refuse_many_copies(
            region.snapshots_of(family).values(), state.quotas.copies_of(family)
        )
        foreign = source.account_id != region.account_id
        far = region.region not in source.arn
        copy = self._make(
            identifier=name,
            arn=region.arn(family.snapshot_arn, name),
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
        region.snapshots_of(family)[name] = copy
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
        snapshot = self._own(region, given)
        rules.refuse_deletion_of_snapshot(snapshot)
        self.remove(region, snapshot)
        return self._answer(region, snapshot)

    def _describe(self, region: Region, given: Parameters, _caller: str) -> Page:
        state = self._state
        family = self._family
        kind, wanted = given.get("SnapshotType"), given.get(family.snapshot_id)
        if kind is not None and kind not in KINDS:
            raise bad_value(f"Invalid snapshot type {kind}.")  # (?)
        found: list[Snapshot] = []
        if kind not in {"shared", "public"}:
            own = region.snapshots_of(family).values()
            found = [s for s in own if kind in {None, s.type}]
        if kind == "shared" or (kind is None and given.get("IncludeShared")):
            found += self._shared_with(region)
        now = state.time.now()
        items = [s.describe(region.account_id, now) for s in found if state.sees(s)]
        items = filtered(items, given)
        if given.get(family.owner_id):
            owner = given[family.owner_id].lower()
            items = [item for item in items if item[family.owner_id] == owner]
        if wanted:
            names = (family.snapshot_id, f"{family.snapshot}Arn")
            items = [item for item in items if wanted.lower() in {item[n].lower() for n in names}]
            if not items:
                raise no_snapshot(wanted, family)
        return Page(f"{family.snapshot}s", items)

    def _shared_with(self, region: Region) -> list[Snapshot]:
        now = self._state.time.now()
        return [
            snapshot
            for other in self._state.regions.values()
            if other.account_id != region.account_id and other.region == region.region
            for snapshot in other.snapshots_of(self._family).values()
            if snapshot.status == "available" and snapshot.usable_by(region.account_id, now)
        ]

    def _describe_attributes(self, region: Region, given: Parameters, _caller: str) -> Description:
        return attributes(self._own(region, given))

    def _modify_attribute(self, region: Region, given: Parameters, _caller: str) -> Description:
        snapshot = self._own(region, given)
        default = bool(snapshot.kms_key_id) and self._state.keys.is_default(snapshot.kms_key_id)
        rules.share(snapshot, given, self._state.seen_from(), default=default)
        return attributes(snapshot)

    def _answer(self, region: Region, snapshot: Snapshot) -> Description:
        described = snapshot.describe(region.account_id, self._state.time.now())
        return {self._family.snapshot: described}

    def _own(self, region: Region, given: Parameters) -> Snapshot:
        name = given[self._family.snapshot_id]
        return self._state.own_snapshot(region, name, self._family)


def filtered(items: list[Description], given: Parameters) -> list[Description]:
    for wanted in given.get("Filters") or []:
        key = FILTERS.get(wanted["Name"])
        if key is None:
            raise bad_value(f"Unrecognized filter name: {wanted['Name']}")
        items = [item for item in items if _matches(item, key, wanted["Values"])]
    return items


def _matches(item: Description, key: str, values: Sequence[str]) -> bool:
    found = {str(item.get(key, ""))}
    if key in {INSTANCES.owner_id, CLUSTERS.owner_id}:
        found.add(str(item.get(key.replace("Identifier", "Arn"), "")))
    return bool(found & set(values))
