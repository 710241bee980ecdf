"""Facts for `audit` about the databases of a source account. Every call only reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from restorecheck.aws.facts.lookup import (
    Raw,
    cluster_of,
    database_of,
    key_of,
    pages,
    reading,
    simulated,
)
from restorecheck.aws.session import naming
from restorecheck.aws.session.accounts import Account, Accounts
from restorecheck.aws.session.settings import SnapshotSettings
from restorecheck.aws.session.snapshot_kinds import OF_CLUSTERS
from restorecheck.aws.session.views import SnapshotView
from restorecheck.errors import AccessDeniedError
from restorecheck.model import Verdict
from restorecheck.rules.exposure import DELETING, KEY_ENDING
from restorecheck.rules.facts import (
    AccountFacts,
    CopyFacts,
    DatabaseFacts,
    KmsKey,
    Principal,
    RdsDatabase,
    SnapshotFacts,
    TargetFacts,
    Unread,
)
from restorecheck.rules.permissions import PermissionQuestion
from restorecheck.rules.policies import Decision

Rights = dict[str, set[tuple[str, str]]]
"""User or role → actions on resources."""

AWS_OWN_ROLES = "/aws-service-role/"
"""Service-linked roles, which only an AWS service can assume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """One configured target, as the audit needs it."""

    settings: SnapshotSettings
    max_proof_age: timedelta
    proven_at: datetime | None


def audit(targets: Sequence[Audited], accounts: Accounts) -> list[AccountFacts]:
    """Every source account and region that the targets name."""
    by_place: dict[object, list[Audited]] = {}
    for target in targets:
        by_place.setdefault(target.settings.source.place, []).append(target)
    return [_account(group, accounts) for group in by_place.values()]


def _account(targets: Sequence[Audited], accounts: Accounts) -> AccountFacts:
    settings = targets[0].settings
    place = settings.source.place
    known = frozenset(t.settings.backup.place.account_id for t in targets)
    try:
        source = accounts.looked_at(place, settings.source)
        source.identify()
    except AccessDeniedError as exc:
        databases: tuple[DatabaseFacts, ...] | Unread = Unread(
            f"the role {settings.source.role_arn}", exc.message
        )
    else:
        databases = _Looking(source, targets, accounts).databases()
    return AccountFacts(
        account_id=place.account_id,
        region=place.region,
        known_accounts=known | {place.account_id},
        databases=databases,
    )


class _Looking:
    """One source account, with the facts that are read once for all its databases."""

    def __init__(self, source: Account, targets: Sequence[Audited], accounts: Accounts) -> None:
        self._source = source
        self._targets = {
            (t.settings.kind is OF_CLUSTERS, t.settings.identifier): t for t in targets
        }
        self._accounts = accounts
        self._keys: dict[str, KmsKey | Unread | None] = {}
        self._entities: tuple[str, ...] | Unread | None = None
        self._copies: dict[object, tuple[SnapshotView, ...] | Unread] = {}

    def _needs(self, right: str) -> str:
        return f"{right} in account {self._source.place.account_id}"

    def databases(self) -> tuple[DatabaseFacts, ...] | Unread:
        rds = self._source.client("rds")
        instances = reading(
            self._needs("rds:DescribeDBInstances"),
            "list DB instances",
            lambda: pages(rds, "describe_db_instances", "DBInstances"),
        )
        if isinstance(instances, Unread):
            return instances
        clusters = reading(
            self._needs("rds:DescribeDBClusters"),
            "list DB clusters",
            lambda: pages(rds, "describe_db_clusters", "DBClusters"),
        )
        if isinstance(clusters, Unread):
            return clusters
        every = [database_of(raw) for raw in instances]
        # A member of a cluster has an address of its own, and no backups or protection.
        public = {database.cluster for database in every if database.public}
        found = [cluster_of(raw) for raw in clusters]
        found = [replace(one, public=one.public or one.identifier in public) for one in found]
        found += [database for database in every if not database.cluster]
        pairs = [(database, self._snapshots(database)) for database in found]
        rights = self._rights(pairs)
        return tuple(self._database(database, snapshots, rights) for database, snapshots in pairs)

    def _database(
        self,
        database: RdsDatabase,
        snapshots: tuple[SnapshotFacts, ...] | Unread,
        rights: Rights | Unread,
    ) -> DatabaseFacts:
        return DatabaseFacts(
            database=database,
            snapshots=snapshots,
            replicated=self._replicated(database),
            target=self._target(database),
            keys=self._keys_of(database, snapshots),
            principals=_principals(rights, database, snapshots),
        )

    # --- snapshots -------------------------------------------------------------------------------

    def _snapshots(self, database: RdsDatabase) -> tuple[SnapshotFacts, ...] | Unread:
        kind = "DBCluster" if database.kind == "cluster" else "DB"
        word = "cluster_" if database.kind == "cluster" else ""
        which = "DBClusterIdentifier" if word else "DBInstanceIdentifier"
        rds = self._source.client("rds")
        found = reading(
            self._needs(f"rds:Describe{kind}Snapshots"),
            f"list the snapshots of {database.identifier}",
            lambda: pages(
                rds,
                f"describe_db_{word}snapshots",
                f"{kind}Snapshots",
                **{which: database.identifier},
            ),
        )
        if isinstance(found, Unread):
            return found
        return tuple(self._snapshot(raw, kind, word) for raw in found)

    def _snapshot(self, raw: Raw, kind: str, word: str) -> SnapshotFacts:
        name = raw[f"{kind}SnapshotIdentifier"]
        shared: frozenset[str] | Unread = frozenset()
        if raw["SnapshotType"] == "manual":  # only manual snapshots can be shared
            shared = self._shared(name, kind, word)
        return SnapshotFacts(
            arn=raw[f"{kind}SnapshotArn"],
            kind=raw["SnapshotType"],
            kms_key_id=raw.get("KmsKeyId", ""),
            shared_with=shared,
        )

    def _shared(self, name: str, kind: str, word: str) -> frozenset[str] | Unread:
        rds: Any = self._source.client("rds")

        def read() -> frozenset[str]:
            describe = getattr(rds, f"describe_db_{word}snapshot_attributes")
            result = describe(**{f"{kind}SnapshotIdentifier": name})
            attributes = result[f"{kind}SnapshotAttributesResult"][f"{kind}SnapshotAttributes"]
            return frozenset(
                value
                for attribute in attributes
                if attribute["AttributeName"] == "restore"
                for value in attribute.get("AttributeValues", ())
            )

        needs = self._needs(f"rds:Describe{kind}SnapshotAttributes")
        return reading(needs, f"list the accounts that {name} is shared with", read)

    def _replicated(self, database: RdsDatabase) -> bool | Unread:
        if database.kind == "cluster":
            return False  # RDS replicates the automated backups of instances only
        rds = self._source.client("rds")

        def read() -> bool:
            found = pages(
                rds,
                "describe_db_instance_automated_backups",
                "DBInstanceAutomatedBackups",
                DBInstanceIdentifier=database.identifier,
            )
            return any(backup.get("DBInstanceAutomatedBackupsReplications") for backup in found)

        needs = self._needs("rds:DescribeDBInstanceAutomatedBackups")
        return reading(needs, f"read the automated backups of {database.identifier}", read)

    # --- copies ------------------------------------------------------------------------------------

    def _target(self, database: RdsDatabase) -> TargetFacts | None:
        target = self._targets.get((database.kind == "cluster", database.identifier))
        if target is None:
            return None
        views = self._copies_of(target.settings)
        copies = views if isinstance(views, Unread) else tuple(map(_copy, views))
        return TargetFacts(
            target=target.settings.target,
            max_age=target.settings.max_age,
            max_proof_age=target.max_proof_age,
            proven_at=target.proven_at,
            copies=copies,
            direct=target.settings.direct,
            of_cluster=database.kind == "cluster",
        )

    def _copies_of(self, settings: SnapshotSettings) -> tuple[SnapshotView, ...] | Unread:
        place, kind = settings.backup.place, settings.kind
        if (place, kind.name) not in self._copies:
            backup = self._accounts.looked_at(place)
            self._copies[place, kind.name] = reading(
                f"rds:Describe{kind.name}s in account {place.account_id}",
                "list the copies of restorecheck",
                lambda: tuple(
                    kind.view(raw)
                    for raw in pages(
                        backup.client("rds"),
                        f"describe_{kind.method}s",
                        f"{kind.name}s",
                        SnapshotType="manual",
                    )
                ),
            )
        found = self._copies[place, kind.name]
        if isinstance(found, Unread):
            return found
        return tuple(view for view in found if _is_copy(view, settings.target))

    # --- keys and principals -------------------------------------------------------------------------

    def _keys_of(
        self, database: RdsDatabase, snapshots: tuple[SnapshotFacts, ...] | Unread
    ) -> tuple[KmsKey, ...] | Unread:
        arns = {database.kms_key_id}
        arns |= set() if isinstance(snapshots, Unread) else {s.kms_key_id for s in snapshots}
        found = [self._key(arn) for arn in sorted(arns - {""})]
        unread = [key for key in found if isinstance(key, Unread)]
        if unread:
            return unread[0]
        return tuple(key for key in found if isinstance(key, KmsKey))

    def _key(self, arn: str) -> KmsKey | Unread | None:
        if arn not in self._keys:
            self._keys[arn] = key_of(self._source, arn) or KmsKey(arn=arn, state="missing")
        return self._keys[arn]

    def _rights(
        self, pairs: Sequence[tuple[RdsDatabase, tuple[SnapshotFacts, ...] | Unread]]
    ) -> Rights | Unread:
        """Rights of every user and role, asked once for all databases: IAM allows few calls a second."""
        entities = self._everybody()
        if isinstance(entities, Unread):
            return entities
        asks = [ask for database, snapshots in pairs for ask in _dangers(database, snapshots)]
        rights: Rights = {}
        for arn in entities:
            answers = simulated(self._source, arn, asks)
            if isinstance(answers, Unread):
                return answers
            if any(s.answer is Decision.UNCLEAR for s in answers):
                return Unread("definite answers from IAM's policy simulator")
            rights[arn] = {(s.action, s.resource) for s in answers if s.answer is Decision.ALLOWED}
        return rights

    def _everybody(self) -> tuple[str, ...] | Unread:
        if self._entities is None:
            iam = self._source.client("iam")

            def read() -> tuple[str, ...]:
                users = pages(iam, "list_users", "Users")
                roles = [
                    role
                    for role in pages(iam, "list_roles", "Roles")
                    if not role["Path"].startswith(AWS_OWN_ROLES)
                ]
                return tuple(entity["Arn"] for entity in (*users, *roles))

            needs = self._needs("iam:ListUsers and iam:ListRoles")
            self._entities = reading(needs, "list users and roles", read)
        return self._entities


def _principals(
    rights: Rights | Unread,
    database: RdsDatabase,
    snapshots: tuple[SnapshotFacts, ...] | Unread,
) -> tuple[Principal, ...] | Unread:
    if isinstance(rights, Unread):
        return rights
    dangers = {
        (action, resource)
        for ask in _dangers(database, snapshots)
        for action in ask.actions
        for resource in ask.resources
    }
    return tuple(
        Principal(arn=arn, may=frozenset(action for action, _ in allowed & dangers))
        for arn, allowed in rights.items()
    )


def _dangers(
    database: RdsDatabase, snapshots: tuple[SnapshotFacts, ...] | Unread
) -> tuple[PermissionQuestion, ...]:
    """One manual snapshot represents all: policies distinguish them only by names and tags."""
    delete, delete_snapshot = DELETING[database.kind]
    known = () if isinstance(snapshots, Unread) else snapshots
    word = "cluster-snapshot" if database.kind == "cluster" else "snapshot"
    made_up = f"{database.arn.rsplit(':', 2)[0]}:{word}:{database.identifier}-by-hand"
    manual = next((s.arn for s in known if s.kind == "manual"), made_up)
    asks = [
        PermissionQuestion((delete,), (database.arn,), allowed=False),
        PermissionQuestion((delete_snapshot,), (manual,), allowed=False),
    ]
    if database.kms_key_id:
        asks.append(PermissionQuestion(KEY_ENDING, (database.kms_key_id,), allowed=False))
    return tuple(asks)


def _is_copy(view: SnapshotView, target: str) -> bool:
    tags = view.tags
    return (
        naming.is_ours(view.identifier)
        and naming.is_managed(tags)
        and tags.get(naming.ROLE) == naming.COPY
        and tags.get(naming.TARGET) == target
        and view.status == "available"
    )


def _copy(view: SnapshotView) -> CopyFacts:
    return CopyFacts(
        taken_at=naming.moment_in(view.tags, naming.SNAPSHOT_TIME) or view.taken_at,
        kms_key_id=view.kms_key_id,
        verified=view.tags.get(naming.VERDICT) == Verdict.VERIFIED.value,
    )
