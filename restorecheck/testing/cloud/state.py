"""Two accounts of AWS in memory: RDS by the machine, and as much of STS, KMS and Secrets Manager as
drills call.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from restorecheck.simulated import NEVER, PlannedOutcome, Quotas, SimulatedRds, State, Unknowns
from restorecheck.simulated.refusals import Refusal
from restorecheck.simulated.rules import tags_of
from restorecheck.simulated.state import Page
from restorecheck.simulated.things import (
    Cluster,
    Description,
    Instance,
    Parameters,
    Snapshot,
    tag_list,
)
from restorecheck.testing.cloud.behind import EventQueue, Values, Vault
from restorecheck.testing.cloud.things import (
    ClientCall,
    CloudPace,
    Data,
    EventDelivery,
    Home,
    Key,
    Secret,
    delivered,
)
from restorecheck.testing.world import World

SOURCE_ACCOUNT, BACKUP_ACCOUNT = "111111111111", "222222222222"
REGION = "eu-west-1"
OPERATOR, RESTORECHECK = "operator", "restorecheck"
MARKER = "Marker"


class Cloud:
    """Two accounts in one region. Every call goes through `World.effect`, and so can be disturbed."""

    def __init__(
        self,
        world: World,
        *,
        pace: CloudPace | None = None,
        quotas: Quotas | None = None,
        unknowns: Unknowns | None = None,
    ) -> None:
        self.world = world
        self.page_size = 100
        self.delivery = EventDelivery.IN_ORDER
        self.blind = False
        """While it is set, lists are empty, as if no change were visible yet."""
        self.source = Home(account_id=SOURCE_ACCOUNT, region=REGION)
        self.backup = Home(account_id=BACKUP_ACCOUNT, region=REGION)
        homes = (self.source, self.backup)
        self.agenda = EventQueue(world)
        self.keys = Vault(homes)
        self.values = Values(homes, world)
        self.rds = SimulatedRds(
            State(
                time=self.agenda,
                keys=self.keys,
                behind=self.values,
                pace=pace or CloudPace(),
                quotas=quotas or Quotas(),
                unknowns=unknowns or Unknowns(),
                defaults=_PRODUCTION,
                regions={(home.account_id, home.region): home for home in homes},
            )
        )
        state = self.rds.state
        self.restores, self.copies, self.passwords = state.restores, state.copies, state.passwords
        self.upgrades = state.upgrades
        self.calls: list[ClientCall] = []
        self.on_call: Callable[[ClientCall], None] = lambda _call: None
        """Called before the effect of every call."""

    # --- what a team and production do -----------------------------------------------------

    def key(self, home: Home, name: str, **settings: Any) -> str:  # noqa: ANN401  # of `Key`
        arn = home.arn("key", name, "kms").replace(":key:", ":key/")
        settings.setdefault("admits", frozenset({home.account_id}))
        home.keys[arn] = Key(arn=arn, **settings)
        return arn

    def create_production(self, identifier: str, password: str, *, key: str = "") -> Instance:
        settings = _PRODUCTION | ({"KmsKeyId": key} if key else {})
        production = self.add_instance(self.source, identifier, settings, password=password)
        production.tags["env"] = "production"
        return production

    def add_instance(
        self,
        home: Home,
        identifier: str,
        settings: Description,
        *,
        tags: dict[str, str] | None = None,
        data: Data | None = None,
        password: str = "no-real-password",  # noqa: S107  # only in memory
        caller: str = OPERATOR,
    ) -> Instance:
        """An instance of another program, available and visible."""
        instance = self.rds.instances.add(home, identifier, settings, tags or {}, caller=caller)
        instance.data = data or Data(instance.arn)
        instance.password = self.secret_text(password)
        instance.status, instance.up = "available", True
        instance.visible_from = instance.tags_from = self.world.now()
        return instance

    def take_automated_snapshot(
        self, identifier: str, *, age: timedelta = timedelta(0), good: bool = True
    ) -> Snapshot:
        """Production's nightly snapshot, finished; `age` dates it back."""
        of_cluster = identifier in self.source.clusters
        snapshots = self.rds.cluster_snapshots if of_cluster else self.rds.snapshots
        snapshot = snapshots.take_automated(self.source, identifier, age=age)
        snapshot.data = Data(snapshot.arn, good)
        snapshot.status, snapshot.percent = "available", 100
        snapshot.created_at = snapshot.visible_from = snapshot.tags_from = snapshot.database_at
        snapshot.made_by = "production"
        return snapshot

    def create_production_cluster(
        self, identifier: str, password: str, *, key: str = ""
    ) -> Cluster:
        """Aurora's: up and seen, with one instance."""
        now = self.world.now()
        settings = _PRODUCTION_CLUSTER | ({"KmsKeyId": key} if key else {})
        tags = {"env": "production"}
        cluster = self.rds.clusters.add(self.source, identifier, settings, tags, caller=OPERATOR)
        cluster.data, cluster.password = Data(cluster.arn), self.secret_text(password)
        cluster.status, cluster.up, cluster.served = "available", True, True
        cluster.visible_from = cluster.tags_from = now
        self.add_member(self.source, cluster, f"{identifier}-1", tags)
        return cluster

    def add_member(
        self, home: Home, cluster: Cluster, identifier: str, tags: dict[str, str] | None = None
    ) -> Instance:
        """A cluster's instance of another program, available and visible."""
        settings = _PRODUCTION | {"DBClusterIdentifier": cluster.identifier}
        instance = self.add_instance(home, identifier, settings, tags=tags)
        cluster.members.append(instance)
        return instance

    def remove_snapshot(self, home: Home, snapshot: Snapshot) -> None:
        of_cluster = snapshot.identifier in home.cluster_snapshots
        snapshots = self.rds.cluster_snapshots if of_cluster else self.rds.snapshots
        snapshots.remove(home, snapshot)

    def remove_instance(self, home: Home, instance: Instance) -> None:
        self.rds.instances.remove(home, instance)

    def secret_text(self, text: str) -> str:
        self.values.secrets_made.append(text)
        return text

    @property
    def secrets_made(self) -> list[str]:
        return self.values.secrets_made

    def home(self, account_id: str) -> Home:
        return self.source if account_id == SOURCE_ACCOUNT else self.backup

    # --- the wire --------------------------------------------------------------------------

    def answer(self, call: ClientCall) -> Description:
        """What the call does and says.

        Raises:
            Refusal: AWS's answer is no.
        """
        self.tick()
        self.calls.append(call)
        self.on_call(call)
        home = self.home(call.account_id)
        if call.service == "rds":
            return self._rds(home, call)
        perform = getattr(self, f"_{call.service}_{call.method}", None)
        assert perform is not None, f"this cloud does not know {call.service}:{call.operation}"
        described: Description = perform(home, call.parameters, call.caller)
        return described

    def tick(self) -> None:
        """Let happen what is due by now."""
        self.agenda.tick()

    def _rds(self, home: Home, call: ClientCall) -> Description:
        perform = self.rds.operation(call.operation)
        assert perform is not None, f"this cloud does not know rds:{call.operation}"
        if "MasterUserPassword" in call.parameters:
            self.secret_text(call.parameters["MasterUserPassword"])
        result = perform(home, call.parameters, call.caller)
        if not isinstance(result, Page):
            return result
        items = result.items
        if call.operation == "DescribeEvents":
            items = delivered(items, self.delivery, self.world.now())
        return self._page(result.key, items, call.parameters)

    # --- sts, kms --------------------------------------------------------------------------

    def _sts_get_caller_identity(self, home: Home, _given: Parameters, _caller: str) -> Description:
        return {
            "Account": home.account_id,
            "UserId": "AIDA",
            "Arn": f"arn:aws:iam::{home.account_id}:user/restorecheck",
        }

    def _kms_describe_key(self, home: Home, given: Parameters, _caller: str) -> Description:
        key = self.keys.find(given["KeyId"])
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
            visible_from=self.rds.state.seen_from(),
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

    def _page(
        self, key: str, items: list[Description], given: Parameters, token: str = MARKER
    ) -> Description:
        if self.blind:
            return {key: []}
        start = int(given.get(token) or 0)
        end = start + self.page_size
        rest = {token: str(end)} if end < len(items) else {}
        return {key: items[start:end], **rest}


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

_PRODUCTION_CLUSTER: Description = {
    "Engine": "aurora-postgresql",
    "EngineVersion": "16.6",
    "MasterUsername": "dbadmin",
    "DatabaseName": "courses",
    "BackupRetentionPeriod": 14,
    "DeletionProtection": True,
    "VpcSecurityGroupIds": [],
    "DBClusterParameterGroupName": "default.aurora-postgresql16",
    "StorageType": "aurora-iopt1",
    "ServerlessV2ScalingConfiguration": {"MinCapacity": 2.0, "MaxCapacity": 64.0},
}

__all__ = [
    "BACKUP_ACCOUNT",
    "NEVER",
    "OPERATOR",
    "REGION",
    "RESTORECHECK",
    "SOURCE_ACCOUNT",
    "Cloud",
    "PlannedOutcome",
]
