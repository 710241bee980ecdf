"""What AWS answers, and what becomes of things as time passes.

Written after the Amazon RDS API reference and the same rules as `restorecheck.sandbox.rds`, which
runs real servers and real time; a contract suite holds the two together.
"""

import heapq
import itertools
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from restorecheck.testing.cloud import rules
from restorecheck.testing.cloud.described import (
    Description,
    Parameters,
    attributes,
    tag_list,
)
from restorecheck.testing.cloud.refusals import Refusal, no_snapshot
from restorecheck.testing.cloud.rules import (
    LONGEST_INSTANCE,
    LONGEST_SNAPSHOT,
    name_of,
    tags_of,
)
from restorecheck.testing.cloud.things import (
    Call,
    Data,
    Delivery,
    Home,
    Instance,
    Key,
    Pace,
    Quotas,
    Secret,
    Snapshot,
)
from restorecheck.testing.world import World

SOURCE_ACCOUNT, BACKUP_ACCOUNT = "111111111111", "222222222222"
REGION = "eu-west-1"
OPERATOR, RESTORECHECK = "operator", "restorecheck"

NEVER = timedelta.max
MARKER = "Marker"

CREATING, ACTIVE = "creating", "active"
"""MasterUserSecret.SecretStatus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the next restore, copy or change of a password ends, where that is not well."""

    status: str = "available"
    event: str = ""
    takes: timedelta | None = None
    """None: as long as always; `NEVER` leaves it under way."""
    shown: str = ""
    """Said in place of the status while it is under way."""


class Cloud:
    """Two accounts in one region. Every call goes through `World.effect`, and so can be disturbed."""

    def __init__(
        self, world: World, *, pace: Pace | None = None, quotas: Quotas | None = None
    ) -> None:
        self.world = world
        self.pace = pace or Pace()
        self.quotas = quotas or Quotas()
        self.page_size = 100
        self.delivery = Delivery.IN_ORDER
        self.blind = False
        """While it is set, lists are empty: whoever answers has not heard of anything yet."""
        self.source = Home(account_id=SOURCE_ACCOUNT, region=REGION)
        self.backup = Home(account_id=BACKUP_ACCOUNT, region=REGION)
        self.calls: list[Call] = []
        self.on_call: Callable[[Call], None] = lambda _call: None
        """Told of every call before it takes effect."""
        self.restores: deque[Outcome] = deque()
        self.copies: deque[Outcome] = deque()
        self.passwords: deque[Outcome] = deque()
        self.server_log = ""
        self.secrets_made: list[str] = []
        """Every password and token that there ever was; none may be seen anywhere."""
        self._numbers = itertools.count(1)
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []

    # --- what a team and production do -----------------------------------------------------

    def key(self, home: Home, name: str, **settings: Any) -> str:  # noqa: ANN401  # of `Key`
        arn = home.arn("key", name, "kms").replace(":key:", ":key/")
        settings.setdefault("admits", frozenset({home.account_id}))
        home.keys[arn] = Key(arn=arn, **settings)
        return arn

    def create_production(self, identifier: str, password: str, *, key: str = "") -> Instance:
        instance = self._new_instance(
            self.source,
            identifier,
            settings=_PRODUCTION | ({"KmsKeyId": key} if key else {}),
            tags={"env": "production"},
            data=Data(self.source.arn("db", identifier)),
            password=self.secret_text(password),
            caller=OPERATOR,
        )
        instance.status, instance.up = "available", True
        instance.visible_from = self.world.now()
        return instance

    def take_automated_snapshot(
        self, identifier: str, *, age: timedelta = timedelta(0), good: bool = True
    ) -> Snapshot:
        """Production's nightly snapshot, finished; `age` dates it back."""
        instance = self.source.instances[identifier]
        taken_at = self.world.now() - age
        base = f"rds:{identifier}-{taken_at:%Y-%m-%d-%H-%M}"
        names = itertools.chain([base], (f"{base}-{n}" for n in itertools.count(1)))
        name = next(n for n in names if n not in self.source.snapshots)
        arn = self.source.arn("snapshot", name)
        snapshot = Snapshot(
            identifier=name,
            arn=arn,
            account_id=SOURCE_ACCOUNT,
            type="automated",
            instance=identifier,
            instance_settings=dict(instance.settings),
            instance_tags=dict(instance.tags),
            data=Data(arn, good),
            password=instance.password,
            visible_from=taken_at,
            original_at=taken_at,
            created_at=taken_at,
            status="available",
            percent=100,
            kms_key_id=instance.settings.get("KmsKeyId", ""),
            made_by="production",
        )
        self.source.snapshots[name] = snapshot
        return snapshot

    def secret_text(self, text: str) -> str:
        self.secrets_made.append(text)
        return text

    def home(self, account_id: str) -> Home:
        return self.source if account_id == SOURCE_ACCOUNT else self.backup

    # --- the wire --------------------------------------------------------------------------

    def answer(self, call: Call) -> Description:
        """What the call does and says.

        Raises:
            Refusal: AWS's answer is no.
        """
        self.tick()
        self.calls.append(call)
        self.on_call(call)
        perform = getattr(self, f"_{call.service}_{call.method}", None)
        assert perform is not None, f"this cloud does not know {call.service}:{call.operation}"
        described: Description = perform(self.home(call.account_id), call.parameters, call.caller)
        return described

    def tick(self) -> None:
        """Let happen what is due by now."""
        now = self.world.now()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()

    def _after(self, duration: timedelta, action: Callable[[], None]) -> None:
        if duration == NEVER:
            return
        heapq.heappush(self._due, (self.world.now() + duration, next(self._numbers), action))

    def _seen_from(self) -> datetime:
        return self.world.now() + self.pace.visible

    # --- sts, kms --------------------------------------------------------------------------

    def _sts_get_caller_identity(self, home: Home, _given: Parameters, _caller: str) -> Description:
        return {
            "Account": home.account_id,
            "UserId": "AIDA",
            "Arn": f"arn:aws:iam::{home.account_id}:user/restorecheck",
        }

    def _kms_describe_key(self, home: Home, given: Parameters, _caller: str) -> Description:
        key = self._find_key(given["KeyId"])
        if key is None or home.account_id not in key.admits:
            raise Refusal("NotFoundException", f"Key {given['KeyId']} does not exist")
        return {
            "KeyMetadata": {
                "KeyId": key.arn.rpartition("/")[2],
                "Arn": key.arn,
                "KeyManager": key.manager,
                "Enabled": key.enabled,
            }
        }

    def _find_key(self, arn: str) -> Key | None:
        return self.source.keys.get(arn) or self.backup.keys.get(arn)

    def _require_key(self, arn: str, home: Home) -> None:
        key = self._find_key(arn)
        if key is None or not key.enabled or home.account_id not in key.admits:
            raise Refusal(
                "KMSKeyNotAccessibleFault",
                f"The specified KMS key [{arn}] does not exist, is not enabled or you do not have "
                "permissions to access it.",
            )

    def _is_default(self, arn: str) -> bool:
        key = self._find_key(arn)
        return key is not None and key.manager == "AWS"

    # --- snapshots -------------------------------------------------------------------------

    def _rds_describe_db_snapshots(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        kind = given.get("SnapshotType")
        now = self.world.now()
        items = [
            s.describe()
            for s in home.snapshots.values()
            if kind in {None, s.type} and now >= s.visible_from
        ]
        return self._page("DBSnapshots", items, given)

    def _rds_copy_db_snapshot(self, home: Home, given: Parameters, caller: str) -> Description:
        name = name_of(given["TargetDBSnapshotIdentifier"], LONGEST_SNAPSHOT)
        rules.refuse_taken_snapshot(home.snapshots, name, self.quotas.snapshots)
        tags = tags_of(given)
        source = self._find_snapshot(home, given["SourceDBSnapshotIdentifier"])
        rules.refuse_unfinished(source)
        rules.refuse_many_copies(home.snapshots.values(), self.quotas.copies_in_progress)
        foreign = source.account_id != home.account_id
        copy = Snapshot(
            identifier=name,
            arn=home.arn("snapshot", name),
            account_id=home.account_id,
            type="manual",
            instance=source.instance,
            instance_settings=source.instance_settings,
            instance_tags=source.instance_tags,
            data=source.data,
            password=source.password,
            visible_from=self._seen_from(),
            original_at=source.original_at,
            status="copying" if foreign else "creating",
            kms_key_id=self._key_of_copy(home, source, given.get("KmsKeyId")),
            copied_from=source.arn,
            source_arn=source.arn if foreign else "",
            tags=tags or (dict(source.tags) if given.get("CopyTags") and not foreign else {}),
            made_by=caller,
        )
        home.snapshots[name] = copy
        self._end_copy(copy)
        return {"DBSnapshot": copy.describe()}

    def _end_copy(self, copy: Snapshot) -> None:
        outcome = self.copies.popleft() if self.copies else Outcome()
        copy.shown_status = outcome.shown

        def done() -> None:
            copy.shown_status = ""
            if not copy.in_progress:
                return
            copy.status = outcome.status
            if outcome.status == "available":
                copy.percent, copy.created_at = 100, self.world.now()

        self._after(self.pace.copy if outcome.takes is None else outcome.takes, done)

    def _key_of_copy(self, home: Home, source: Snapshot, wanted: str | None) -> str:
        rules.refuse_copy_without_key(source, home.account_id, wanted)
        foreign = source.account_id != home.account_id
        if source.kms_key_id and (foreign or not self._is_default(source.kms_key_id)):
            self._require_key(source.kms_key_id, home)
        if not wanted:
            return source.kms_key_id
        self._require_key(wanted, home)
        return wanted

    def _rds_delete_db_snapshot(self, home: Home, given: Parameters, _caller: str) -> Description:
        snapshot = self._own_snapshot(home, given["DBSnapshotIdentifier"])
        rules.refuse_deletion_of_snapshot(snapshot)
        self.remove_snapshot(home, snapshot)
        return {"DBSnapshot": snapshot.describe()}

    def remove_snapshot(self, home: Home, snapshot: Snapshot) -> None:
        del home.snapshots[snapshot.identifier]
        everywhere = (*self.source.snapshots.values(), *self.backup.snapshots.values())
        rules.forget_snapshot(snapshot, everywhere)

    def _rds_describe_db_snapshot_attributes(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        snapshot = self._own_snapshot(home, given["DBSnapshotIdentifier"])
        return attributes(snapshot, snapshot.shared)

    def _rds_modify_db_snapshot_attribute(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        snapshot = self._own_snapshot(home, given["DBSnapshotIdentifier"])
        default = self._is_default(snapshot.kms_key_id)
        rules.share(snapshot, snapshot.shared, given, self._seen_from(), default=default)
        return attributes(snapshot, snapshot.shared)

    # --- instances -------------------------------------------------------------------------

    def _rds_describe_db_instances(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        now = self.world.now()
        seen = [i for i in home.instances.values() if now >= i.visible_from]
        return self._page("DBInstances", [i.describe(now) for i in seen], given)

    def _rds_restore_db_instance_from_db_snapshot(
        self, home: Home, given: Parameters, caller: str
    ) -> Description:
        name = name_of(given["DBInstanceIdentifier"], LONGEST_INSTANCE)
        rules.refuse_managed_restore(given)
        snapshot = self._find_snapshot(home, given["DBSnapshotIdentifier"])
        rules.refuse_foreign_restore(snapshot, home.account_id)
        rules.refuse_taken_instance(home.instances, name, self.quotas.instances)
        rules.refuse_unfinished(snapshot)
        settings = rules.settings_of_restore(snapshot, given)
        self._refuse_unknown_groups(home, given)
        if snapshot.kms_key_id and not self._is_default(snapshot.kms_key_id):
            self._require_key(snapshot.kms_key_id, home)
        instance = self._new_instance(
            home,
            name,
            settings=settings,
            tags=tags_of(given) if "Tags" in given else dict(snapshot.instance_tags),
            data=snapshot.data,
            password=snapshot.password,
            caller=caller,
        )
        home.tell(name, f"Restored from snapshot {snapshot.identifier}", self.world.now())
        self._end_restore(home, instance)
        return {"DBInstance": instance.describe(self.world.now())}

    def _refuse_unknown_groups(self, home: Home, given: Parameters) -> None:
        subnets, parameters = given.get("DBSubnetGroupName"), given.get("DBParameterGroupName")
        if subnets and subnets not in home.subnet_groups:
            raise rules.no_subnet_group(subnets)
        if parameters and parameters not in home.parameter_groups:
            raise rules.no_parameter_group(parameters)
        for security in given.get("VpcSecurityGroupIds") or []:
            if security not in home.security_groups:
                raise rules.no_security_group(security)

    def _end_restore(self, home: Home, instance: Instance) -> None:
        outcome = self.restores.popleft() if self.restores else Outcome()
        instance.shown_status = outcome.shown

        def up() -> None:
            instance.shown_status = ""
            if home.instances.get(instance.identifier) is not instance:
                return
            if instance.status != "creating":
                return
            if outcome.event:
                home.tell(instance.identifier, outcome.event, self.world.now())
            if outcome.status != "available":
                instance.status = outcome.status
                return
            instance.up = True
            home.tell(instance.identifier, "DB instance created", self.world.now())
            instance.status = "available"
            if int(instance.settings.get("BackupRetentionPeriod", 0)):
                instance.status = "backing-up"
                self._turn(instance, "backing-up", self.pace.backup, "available")

        self._after(self.pace.restore if outcome.takes is None else outcome.takes, up)

    def _new_instance(
        self,
        home: Home,
        name: str,
        *,
        settings: Description,
        tags: dict[str, str],
        data: Data,
        password: str,
        caller: str,
    ) -> Instance:
        instance = Instance(
            identifier=name,
            arn=home.arn("db", name),
            resource_id=f"db-{next(self._numbers):026d}",
            # The part after the name is the same for all of an account: who takes the name over
            # takes the address over.
            host=f"{name}.c{home.account_id}.{home.region}.rds.amazonaws.com",
            created_at=self.world.now(),
            visible_from=self._seen_from(),
            settings=settings,
            tags=tags,
            data=data,
            password=password,
            made_by=caller,
        )
        home.instances[name] = instance
        return instance

    def _rds_modify_db_instance(self, home: Home, given: Parameters, _caller: str) -> Description:
        instance = self._instance(home, given["DBInstanceIdentifier"])
        rules.refuse_change(instance, given)
        password = given.get("MasterUserPassword")
        if given.get("ManageMasterUserPassword"):
            self._manage_password(home, instance)
        elif password is not None:
            self._change_password(home, instance, self.secret_text(password))
        described = instance.describe(self.world.now())
        return {"DBInstance": described | {"PendingModifiedValues": dict(instance.pending)}}

    def _manage_password(self, home: Home, instance: Instance) -> None:
        password = self.secret_text(f"managed-{next(self._numbers):026d}")
        name = f"rds!{instance.resource_id}"
        home.secrets[name] = Secret(
            name=name,
            arn=home.arn("secret", f"{name}-AbCdEf", "secretsmanager"),
            text=json.dumps(
                {"username": instance.settings["MasterUsername"], "password": password}
            ),
            tags={"aws:rds:primaryDBInstanceArn": instance.arn},
            visible_from=self.world.now(),
            made_by="rds",
        )
        instance.secret_name, instance.secret_arn = name, home.secrets[name].arn
        instance.secret_status = CREATING

        def active() -> None:
            instance.secret_status = ACTIVE

        self._change_password(home, instance, password, then=active)

    def _change_password(
        self,
        home: Home,
        instance: Instance,
        password: str,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """The race of the real thing: right after the call the instance is still `available`, for a
        moment even with nothing pending.
        """
        instance.pending = {"MasterUserPassword": "****"}
        instance.pending_from = self._seen_from()
        outcome = self.passwords.popleft() if self.passwords else Outcome()

        def end() -> None:
            instance.pending = {}
            if instance.status == "resetting-master-credentials":
                instance.status = "available"
            if outcome.status != "available":
                home.tell(
                    instance.identifier,
                    "Unable to reset your password. Error information",
                    self.world.now(),
                )
                return
            if instance.reachable:
                instance.password = password
                home.tell(instance.identifier, "Reset master credentials", self.world.now())
                then()

        takes = self.pace.password if outcome.takes is None else outcome.takes
        begins = self.pace.password / 4
        self._turn(instance, "available", begins, "resetting-master-credentials")
        self._after(takes, end)

    def _rds_delete_db_instance(self, home: Home, given: Parameters, _caller: str) -> Description:
        instance = self._instance(home, given["DBInstanceIdentifier"])
        being_made = instance.status == "creating" and not self._is_stuck(instance)
        rules.refuse_deletion(instance, given, being_made=being_made)
        instance.status, instance.shown_status = "deleting", ""
        self._after(self.pace.delete, lambda: self.remove_instance(home, instance))
        return {"DBInstance": instance.describe(self.world.now())}

    def _is_stuck(self, instance: Instance) -> bool:
        """One that is created for ever can be deleted some time after it should have been up."""
        return self.world.now() - instance.created_at > 2 * self.pace.restore

    def remove_instance(self, home: Home, instance: Instance) -> None:
        if home.instances.get(instance.identifier) is instance:
            del home.instances[instance.identifier]
            home.tell(instance.identifier, "DB instance deleted", self.world.now())
        instance.status = "deleted"
        home.secrets.pop(instance.secret_name, None)

    def _rds_stop_db_instance(self, home: Home, given: Parameters, _caller: str) -> Description:
        instance = self._instance(home, given["DBInstanceIdentifier"])
        rules.refuse_unless(instance, "available")
        instance.status = "stopping"
        self._turn(instance, "stopping", self.pace.stop, "stopped")
        return {"DBInstance": instance.describe(self.world.now())}

    def _rds_start_db_instance(self, home: Home, given: Parameters, _caller: str) -> Description:
        instance = self._instance(home, given["DBInstanceIdentifier"])
        rules.refuse_unless(instance, "stopped")
        instance.status = "starting"
        self._turn(instance, "starting", self.pace.start, "available")
        return {"DBInstance": instance.describe(self.world.now())}

    def _turn(self, instance: Instance, before: str, takes: timedelta, after: str) -> None:
        def change() -> None:
            if instance.status == before:
                instance.status = after

        self._after(takes, change)

    # --- evidence, tags --------------------------------------------------------------------

    def _rds_describe_events(self, home: Home, given: Parameters, _caller: str) -> Description:
        since = given.get("StartTime")
        shown = home.delivered(self.delivery, self.world.now())
        items = [dict(e) for e in shown if since is None or e["Date"] >= since]
        return self._page("Events", items, given)

    def _rds_describe_db_log_files(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        instance = self._instance(home, given["DBInstanceIdentifier"])
        if not instance.up:
            return {"DescribeDBLogFiles": []}
        written = round(self.world.now().timestamp() * 1000)
        name = "error/postgresql.log"
        return {
            "DescribeDBLogFiles": [
                {"LogFileName": name, "LastWritten": written, "Size": len(self.server_log)}
            ]
        }

    def _rds_download_db_log_file_portion(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        self._instance(home, given["DBInstanceIdentifier"])
        return {"LogFileData": self.server_log, "Marker": "0", "AdditionalDataPending": False}

    def _rds_describe_db_parameters(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        name = given["DBParameterGroupName"]
        group = home.parameter_groups.get(name, {} if name.startswith("default.") else None)
        if group is None:
            raise Refusal("DBParameterGroupNotFound", f"{name} not found.", status=404)
        items = [{"ParameterName": k, "ParameterValue": v} for k, v in group.items()]
        return self._page("Parameters", items, given)

    def _rds_add_tags_to_resource(self, home: Home, given: Parameters, _caller: str) -> Description:
        kind, _, name = given["ResourceName"].partition(f":{home.account_id}:")[2].partition(":")
        thing: Instance | Snapshot = (
            self._instance(home, name) if kind == "db" else self._own_snapshot(home, name)
        )
        thing.tags.update(tags_of(given))
        return {}

    # --- secrets ---------------------------------------------------------------------------

    def _secretsmanager_create_secret(
        self, home: Home, given: Parameters, caller: str
    ) -> Description:
        name = given["Name"]
        if name in home.secrets:
            raise Refusal(
                "ResourceExistsException", f"The operation failed because {name} already exists."
            )
        text = given["SecretString"]
        self.secret_text(json.loads(text)["password"])
        secret = Secret(
            name=name,
            arn=home.arn("secret", f"{name}-AbCdEf", "secretsmanager"),
            text=text,
            tags=tags_of(given),
            visible_from=self._seen_from(),
            made_by=caller,
        )
        home.secrets[name] = secret
        return {"ARN": secret.arn, "Name": name}

    def _secretsmanager_describe_secret(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        secret = self._secret(home, given["SecretId"])
        return {"ARN": secret.arn, "Name": secret.name, "Tags": tag_list(secret.tags)}

    def _secretsmanager_get_secret_value(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        secret = self._secret(home, given["SecretId"])
        return {"ARN": secret.arn, "Name": secret.name, "SecretString": secret.text}

    def _secretsmanager_delete_secret(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        secret = self._secret(home, given["SecretId"])
        del home.secrets[secret.name]
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": self.world.now()}

    def _secretsmanager_list_secrets(
        self, home: Home, given: Parameters, _caller: str
    ) -> Description:
        prefixes = [v for f in given.get("Filters", ()) for v in f["Values"]]
        items = [
            {"ARN": s.arn, "Name": s.name, "Tags": tag_list(s.tags)}
            for s in home.secrets.values()
            if self.world.now() >= s.visible_from
            and (not prefixes or s.name.startswith(tuple(prefixes)))
        ]
        return self._page("SecretList", items, given, token="NextToken")  # noqa: S106  # the name of a parameter

    def _secret(self, home: Home, name: str) -> Secret:
        for secret in home.secrets.values():
            if name in {secret.name, secret.arn} and self.world.now() >= secret.visible_from:
                return secret
        raise Refusal(
            "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
        )

    # --- finding ---------------------------------------------------------------------------

    def _page(
        self, key: str, items: list[Description], given: Parameters, token: str = MARKER
    ) -> Description:
        if self.blind:
            return {key: []}
        start = int(given.get(token) or 0)
        end = start + self.page_size
        rest = {token: str(end)} if end < len(items) else {}
        return {key: items[start:end], **rest}

    def _instance(self, home: Home, name: str) -> Instance:
        return rules.instance_in(home.instances, name)

    def _own_snapshot(self, home: Home, name: str) -> Snapshot:
        return rules.own_snapshot_in(home.snapshots, home.account_id, name)

    def _find_snapshot(self, home: Home, name: str) -> Snapshot:
        """An own one by name or ARN; a foreign one by its ARN, if it is shared by now."""
        if not rules.is_arn(name):
            return self._own_snapshot(home, name)
        _, _, _, _, account_id, _, own = name.split(":", 6)
        snapshot = self.home(account_id).snapshots.get(own.lower())
        if snapshot is None:
            raise no_snapshot(name)
        now = self.world.now()
        if account_id != home.account_id and not snapshot.usable_by(home.account_id, now):
            raise no_snapshot(name)
        return snapshot


_PRODUCTION: Description = {
    "DBInstanceClass": "db.r6g.4xlarge",
    "Engine": "postgres",
    "EngineVersion": "17.5",
    "MasterUsername": "dbadmin",
    "DBName": "courses",
    "AllocatedStorage": 100,
    "StorageType": "gp3",
    "BackupRetentionPeriod": 7,
    "DeletionProtection": True,
    "PubliclyAccessible": False,
    "VpcSecurityGroupIds": [],
    "DBParameterGroupName": "default.postgres17",
    "OptionGroupName": "default:postgres-17",
}
