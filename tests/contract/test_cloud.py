"""Both faces of the simulated RDS answer alike: the same calls, the same words.

What is compared is what restorecheck reads: its own views of descriptions, and codes of errors.
"""

from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from restorecheck.aws.session.cluster_views import cluster_snapshot_view, cluster_view
from restorecheck.aws.session.views import instance_view, snapshot_view
from restorecheck.sandbox import Pace, Sandbox
from restorecheck.simulated import PlannedOutcome
from restorecheck.testing import World
from restorecheck.testing.cloud import BACKUP_ACCOUNT, SOURCE_ACCOUNT, Cloud
from restorecheck.testing.cloud.clients import Session, service_model

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

PASSWORD = "Production-Password-1"  # noqa: S105  # of both places
TAGS = [{"Key": "restorecheck:managed", "Value": "true"}]
RESTORE = {
    "DBInstanceClass": "db.t4g.small",
    "DBSubnetGroupName": "restorecheck",
    "DBParameterGroupName": "restorecheck",
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 0,
    "Tags": TAGS,
}
DIFFERENT = ("engine_version", "resource_id", "host", "port", "kms_key_id", "secret_arn")
"""Names and versions; what is compared of them is whether they are there."""
REST = {"available", "stopped", "failed", "incompatible-restore", "restore-error"}


class InMemory:
    name = "cloud"

    def __init__(self):
        self.world = World()
        self.cloud = cloud = Cloud(self.world)
        both = frozenset({SOURCE_ACCOUNT, BACKUP_ACCOUNT})
        self.transit = cloud.key(cloud.source, "transit", admits=both)
        self.vault = cloud.key(cloud.backup, "vault")
        self.default = cloud.key(cloud.source, "default", manager="AWS")
        cloud.backup.subnet_groups.add("restorecheck")
        cloud.backup.parameter_groups["restorecheck"] = {}
        cloud.backup.security_groups.add("sg-1")
        self.security = "sg-1"
        cloud.create_production("courses-prod", PASSWORD, key=self.default)
        self.automated = cloud.take_automated_snapshot("courses-prod").identifier
        cloud.create_production_cluster("courses-aurora", PASSWORD, key=self.default)
        cloud.backup.parameter_groups["cluster"] = {}
        self.of_cluster = self.take_of_cluster()

    def take_of_cluster(self):
        return self.cloud.take_automated_snapshot("courses-aurora").identifier

    def quota_of_copies(self):
        return self.cloud.rds.state.quotas.cluster_copies_in_progress

    def client(self, service, account):
        return Session(self.cloud, account, caller="operator").client(
            service, region_name="eu-west-1"
        )

    def refuse_upgrade(self):
        self.cloud.upgrades.append(PlannedOutcome(status="refused"))

    def slowly(self):
        return nullcontext()

    def settle(self):
        self.world.pass_time(timedelta(hours=1))
        self.cloud.tick()


class InSandbox:
    name = "sandbox"

    def __init__(self, sandbox):
        self.sandbox = sandbox
        land = sandbox.prepare()
        self.transit, self.vault = land.transit_kms_key_id, land.backup_kms_key_id
        self.security = land.vpc_security_group_id
        production = sandbox.create_production(password=PASSWORD)
        self.default = production.settings["KmsKeyId"]
        self.automated = sandbox.take_automated_snapshot("courses-prod").identifier
        sandbox.create_production_cluster(password=PASSWORD)
        sandbox.client("rds", sandbox.backup).create_db_cluster_parameter_group(
            DBClusterParameterGroupName="cluster",
            DBParameterGroupFamily="aurora-postgresql16",
            Description="x",
        )
        self.of_cluster = self.take_of_cluster()

    def take_of_cluster(self):
        return self.sandbox.take_automated_snapshot("courses-aurora").identifier

    def quota_of_copies(self):
        return self.sandbox.rds.state.quotas.cluster_copies_in_progress

    def client(self, service, account):
        mine = account == SOURCE_ACCOUNT
        return self.sandbox.client(service, self.sandbox.source if mine else self.sandbox.backup)

    def refuse_upgrade(self):
        self.sandbox.rds.state.upgrades.append(PlannedOutcome(status="refused"))

    @contextmanager
    def slowly(self):
        """What is begun in here is still under way, and not yet seen, when it is looked at next."""
        usual = self.sandbox.rds.state.pace
        self.sandbox.rds.state.pace = replace(usual, factor=usual.factor * 20)
        try:
            yield
        finally:
            self.sandbox.rds.state.pace = usual

    def settle(self):
        self.sandbox.wait_until(self._at_rest, "everything to be done")

    def _at_rest(self):
        accounts = (self.sandbox.source, self.sandbox.backup)
        instances = [i for a in accounts for i in self.sandbox.instances(a).values()]
        instances += [c for a in accounts for c in self.sandbox.clusters(a).values()]
        snapshots = [s for a in accounts for s in self.sandbox.snapshots(a).values()]
        snapshots += [s for a in accounts for s in self.sandbox.cluster_snapshots(a).values()]
        arrived = [
            self.sandbox.rds.state.time.now() >= moment
            for s in snapshots
            for moment in s.shared.values()
        ]
        done = [t.status in REST and self.sandbox.sees(t) for t in (*instances, *snapshots)]
        return all(done) and all(arrived) and not any(i.pending for i in instances)


@pytest.fixture(scope="module")
def places():
    pace = Pace(factor=1 / 3000, visible=240, password=240, stop=240, delete=240)
    with Sandbox(pace=pace) as sandbox:
        yield InMemory(), InSandbox(sandbox)


def code_of(call, **params):
    try:
        call(**params)
    except ClientError as exc:
        return exc.response["Error"]["Code"]
    return "done"


def seen(view):
    """A view, with what must differ between two places reduced to whether it is there."""
    known = asdict(view)
    for key, value in known.items():
        if key in DIFFERENT or key.endswith(("_time", "_at")):
            known[key] = bool(value)
        if key == "option_groups":
            known[key] = len(value)
    return known


def snapshot(client, name):
    pages = client.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
    found = [raw for page in pages for raw in page["DBSnapshots"]]
    return next((seen(snapshot_view(r)) for r in found if r["DBSnapshotIdentifier"] == name), None)


def instance(client, name):
    pages = client.get_paginator("describe_db_instances").paginate()
    found = [raw for page in pages for raw in page["DBInstances"]]
    return next((seen(instance_view(r)) for r in found if r["DBInstanceIdentifier"] == name), None)


def copy(place, name, **options):
    return {
        "SourceDBSnapshotIdentifier": place.automated,
        "TargetDBSnapshotIdentifier": name,
        **options,
    }


def copies(place):
    rds = place.client("rds", SOURCE_ACCOUNT)
    with place.slowly():
        yield code_of(rds.copy_db_snapshot, **copy(place, "c1", KmsKeyId=place.transit, Tags=TAGS))
    yield "at once", snapshot(rds, "c1")
    yield code_of(rds.copy_db_snapshot, **copy(place, "c1"))
    yield code_of(rds.delete_db_snapshot, DBSnapshotIdentifier="c1")
    yield code_of(
        rds.modify_db_snapshot_attribute,
        DBSnapshotIdentifier="c1",
        AttributeName="restore",
        ValuesToAdd=[BACKUP_ACCOUNT],
    )
    place.settle()
    yield snapshot(rds, "c1")
    for bad in ("double--hyphen", "1st", "ends-"):
        yield code_of(rds.copy_db_snapshot, **copy(place, bad))
    yield code_of(
        rds.copy_db_snapshot, SourceDBSnapshotIdentifier="none", TargetDBSnapshotIdentifier="c2"
    )
    foreign = place.transit.replace("key/", "key/no-such-")
    yield code_of(rds.copy_db_snapshot, **copy(place, "c2", KmsKeyId=foreign))
    reserved = [{"Key": "aws:x", "Value": ""}]
    yield code_of(rds.copy_db_snapshot, **copy(place, "c2", Tags=reserved))
    yield code_of(rds.delete_db_snapshot, DBSnapshotIdentifier=place.automated)
    yield code_of(rds.delete_db_snapshot, DBSnapshotIdentifier="none")


def share(rds, name, *accounts, verb="ValuesToAdd"):
    given = {"DBSnapshotIdentifier": name, "AttributeName": "restore", verb: list(accounts)}
    return code_of(rds.modify_db_snapshot_attribute, **given)


def shares(place):
    source, backup = place.client("rds", SOURCE_ACCOUNT), place.client("rds", BACKUP_ACCOUNT)
    arn = f"arn:aws:rds:eu-west-1:{SOURCE_ACCOUNT}:snapshot:c1"
    wanted = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "v1"}
    yield code_of(backup.copy_db_snapshot, **wanted, KmsKeyId=place.vault)
    yield share(source, "c1", "all")
    yield share(source, "none", BACKUP_ACCOUNT)
    yield share(source, place.automated, BACKUP_ACCOUNT)
    with place.slowly():
        yield share(source, "c1", BACKUP_ACCOUNT)
    yield code_of(backup.copy_db_snapshot, **wanted, KmsKeyId=place.vault)
    place.settle()
    yield share(source, "c1", BACKUP_ACCOUNT)
    admitted = source.describe_db_snapshot_attributes(DBSnapshotIdentifier="c1")
    yield admitted["DBSnapshotAttributesResult"]["DBSnapshotAttributes"]
    yield code_of(source.describe_db_snapshot_attributes, DBSnapshotIdentifier="none")
    yield code_of(backup.copy_db_snapshot, **wanted)
    yield code_of(backup.copy_db_snapshot, **wanted, KmsKeyId=place.vault, Tags=TAGS)
    place.settle()
    yield snapshot(backup, "v1")
    yield share(source, "c1", BACKUP_ACCOUNT, verb="ValuesToRemove")
    yield share(source, "c1", BACKUP_ACCOUNT, verb="ValuesToRemove")
    yield code_of(source.copy_db_snapshot, **copy(place, "c-default"))
    place.settle()
    yield share(source, "c-default", BACKUP_ACCOUNT)
    yield code_of(source.delete_db_snapshot, DBSnapshotIdentifier="c-default")


def restores(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    given = {"DBInstanceIdentifier": "i1", "DBSnapshotIdentifier": "v1", **RESTORE}
    for wrong in (
        {"DBSubnetGroupName": "none"},
        {"DBParameterGroupName": "none"},
        {"VpcSecurityGroupIds": ["sg-none"]},
        {"DBSnapshotIdentifier": "none"},
        {"ManageMasterUserPassword": True},
        {"DBInstanceIdentifier": "1st"},
    ):
        yield code_of(rds.restore_db_instance_from_db_snapshot, **(given | wrong))
    with place.slowly():
        yield code_of(
            rds.restore_db_instance_from_db_snapshot, **given, VpcSecurityGroupIds=[place.security]
        )
    yield code_of(rds.restore_db_instance_from_db_snapshot, **given)
    yield code_of(rds.modify_db_instance, DBInstanceIdentifier="i1", ManageMasterUserPassword=True)
    place.settle()
    shown = instance(rds, "i1")
    shown.pop("unsettled")
    yield shown
    arn = f"arn:aws:rds:eu-west-1:{BACKUP_ACCOUNT}:db:i1"
    yield code_of(rds.add_tags_to_resource, ResourceName=arn, Tags=[{"Key": "a", "Value": "b"}])
    yield sorted(instance(rds, "i1")["tags"].items())
    yield code_of(rds.add_tags_to_resource, ResourceName=arn + "x", Tags=TAGS)


def passwords(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    change = {"DBInstanceIdentifier": "i1", "ApplyImmediately": True}
    yield code_of(rds.modify_db_instance, **change, MasterUserPassword="short")
    yield code_of(rds.modify_db_instance, **change, MasterUserPassword="with/slash/in")
    both = {"MasterUserPassword": "good-enough-1", "ManageMasterUserPassword": True}
    yield code_of(rds.modify_db_instance, **change, **both)
    with place.slowly():
        yield code_of(rds.modify_db_instance, **change, ManageMasterUserPassword=True)
    early = instance(rds, "i1")
    yield early["status"], early["pending"], early["secret_status"]
    place.settle()
    late = instance(rds, "i1")
    yield late["status"], late["pending"], late["secret_status"]
    events = rds.describe_events(SourceType="db-instance", SourceIdentifier="i1")["Events"]
    yield [e["Message"] for e in events if "credentials" in e["Message"]]


def rests(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    yield code_of(rds.start_db_instance, DBInstanceIdentifier="i1")
    with place.slowly():
        yield code_of(rds.stop_db_instance, DBInstanceIdentifier="i1")
    yield instance(rds, "i1")["status"]
    place.settle()
    yield instance(rds, "i1")["status"]
    yield code_of(rds.stop_db_instance, DBInstanceIdentifier="i1")
    yield code_of(rds.modify_db_instance, DBInstanceIdentifier="i1", ManageMasterUserPassword=True)
    yield code_of(rds.start_db_instance, DBInstanceIdentifier="i1")
    place.settle()
    yield instance(rds, "i1")["status"]


def deletions(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    wanted = {"DBInstanceIdentifier": "i1"}
    yield code_of(rds.delete_db_instance, **wanted)
    final = {"FinalDBSnapshotIdentifier": "f1"}
    yield code_of(rds.delete_db_instance, **wanted, **final, SkipFinalSnapshot=True)
    yield code_of(rds.delete_db_instance, DBInstanceIdentifier="none", SkipFinalSnapshot=True)
    with place.slowly():
        yield code_of(rds.delete_db_instance, **wanted, SkipFinalSnapshot=True)
    yield instance(rds, "i1")["status"]
    yield code_of(rds.delete_db_instance, **wanted, SkipFinalSnapshot=True)
    if place.name == "sandbox":
        place.sandbox.wait_until(lambda: instance(rds, "i1") is None, "it to go")
    place.settle()
    yield instance(rds, "i1")
    yield code_of(rds.delete_db_instance, **wanted, SkipFinalSnapshot=True)
    production = place.client("rds", SOURCE_ACCOUNT)
    protected = {"DBInstanceIdentifier": "courses-prod", "SkipFinalSnapshot": True}
    yield code_of(production.delete_db_instance, **protected)


def secrets(place):
    client = place.client("secretsmanager", BACKUP_ACCOUNT)
    made = {"Name": "restorecheck-s1", "SecretString": '{"password": "p-1"}', "Tags": TAGS}
    yield code_of(client.describe_secret, SecretId="restorecheck-s1")
    yield code_of(client.create_secret, **made)
    place.settle()
    yield code_of(client.create_secret, **made)
    yield client.describe_secret(SecretId="restorecheck-s1")["Tags"]
    yield client.get_secret_value(SecretId="restorecheck-s1")["SecretString"]
    filters = [{"Key": "name", "Values": ["restorecheck-"]}]
    yield [s["Name"] for s in client.list_secrets(Filters=filters)["SecretList"]]
    forced = {"SecretId": "restorecheck-s1", "ForceDeleteWithoutRecovery": True}
    yield code_of(client.delete_secret, **forced)
    place.settle()
    yield code_of(client.describe_secret, SecretId="restorecheck-s1")
    yield code_of(client.get_secret_value, SecretId="restorecheck-s1")


def keys(place):
    kms = place.client("kms", SOURCE_ACCOUNT)
    for key in (place.transit, place.default):
        metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
        yield metadata["KeyManager"], metadata["Enabled"]
    yield code_of(kms.describe_key, KeyId=place.transit.replace("key/", "key/no-such-"))
    for account in (SOURCE_ACCOUNT, BACKUP_ACCOUNT):
        yield place.client("sts", account).get_caller_identity()["Account"]


def cluster_snapshot(client, name):
    pages = client.get_paginator("describe_db_cluster_snapshots").paginate(SnapshotType="manual")
    found = [cluster_snapshot_view(raw) for page in pages for raw in page["DBClusterSnapshots"]]
    return next((seen(view) for view in found if view.identifier == name), None)


def cluster(client, name):
    pages = client.get_paginator("describe_db_clusters").paginate()
    found = [cluster_view(raw) for page in pages for raw in page["DBClusters"]]
    return next((seen(view) for view in found if view.identifier == name), None)


def cluster_copy(place, name, **options):
    return {
        "SourceDBClusterSnapshotIdentifier": place.of_cluster,
        "TargetDBClusterSnapshotIdentifier": name,
        **options,
    }


def cluster_copies(place):
    rds = place.client("rds", SOURCE_ACCOUNT)
    with place.slowly():
        key = {"KmsKeyId": place.transit, "Tags": TAGS}
        yield code_of(rds.copy_db_cluster_snapshot, **cluster_copy(place, "k1", **key))
        for number in range(2, place.quota_of_copies() + 1):
            yield code_of(rds.copy_db_cluster_snapshot, **cluster_copy(place, f"k{number}"))
        yield code_of(rds.copy_db_cluster_snapshot, **cluster_copy(place, "one-too-many"))
    yield cluster_snapshot(rds, "k1")
    yield code_of(rds.copy_db_cluster_snapshot, **cluster_copy(place, "k1"))
    yield code_of(rds.delete_db_cluster_snapshot, DBClusterSnapshotIdentifier="k1")
    yield share_cluster(rds, "k1", BACKUP_ACCOUNT)
    place.settle()
    yield cluster_snapshot(rds, "k1")
    yield code_of(rds.copy_db_cluster_snapshot, **cluster_copy(place, "k" * 64))
    none = {"SourceDBClusterSnapshotIdentifier": "none"}
    yield code_of(rds.copy_db_cluster_snapshot, **(cluster_copy(place, "k9") | none))
    yield code_of(rds.copy_db_snapshot, **copy(place, "k1"))  # instances have names of their own
    yield code_of(rds.delete_db_cluster_snapshot, DBClusterSnapshotIdentifier=place.of_cluster)
    for number in range(2, place.quota_of_copies() + 1):
        name = {"DBClusterSnapshotIdentifier": f"k{number}"}
        yield code_of(rds.delete_db_cluster_snapshot, **name)
    yield code_of(rds.delete_db_cluster_snapshot, DBClusterSnapshotIdentifier="none")


def share_cluster(rds, name, *accounts, verb="ValuesToAdd"):
    given = {"DBClusterSnapshotIdentifier": name, "AttributeName": "restore", verb: list(accounts)}
    return code_of(rds.modify_db_cluster_snapshot_attribute, **given)


def cluster_shares(place):
    source, backup = place.client("rds", SOURCE_ACCOUNT), place.client("rds", BACKUP_ACCOUNT)
    arn = f"arn:aws:rds:eu-west-1:{SOURCE_ACCOUNT}:cluster-snapshot:k1"
    wanted = {
        "SourceDBClusterSnapshotIdentifier": arn,
        "TargetDBClusterSnapshotIdentifier": "vc1",
    }
    yield code_of(backup.copy_db_cluster_snapshot, **wanted, KmsKeyId=place.vault)
    yield share_cluster(source, "k1", "all")
    yield share_cluster(source, place.of_cluster, BACKUP_ACCOUNT)
    yield share_cluster(source, "k1", BACKUP_ACCOUNT)
    place.settle()
    listed = source.describe_db_cluster_snapshot_attributes(DBClusterSnapshotIdentifier="k1")
    yield listed["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"]
    yield code_of(backup.copy_db_cluster_snapshot, **wanted)
    yield code_of(backup.copy_db_cluster_snapshot, **wanted, KmsKeyId=place.vault, Tags=TAGS)
    place.settle()
    yield cluster_snapshot(backup, "vc1")


CLUSTER = {
    "DBClusterIdentifier": "rc1",
    "SnapshotIdentifier": "vc1",
    "Engine": "aurora-postgresql",
    "DBSubnetGroupName": "restorecheck",
    "DBClusterParameterGroupName": "cluster",
    "BackupRetentionPeriod": 1,
    "DeletionProtection": False,
    "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4.0},
    "Tags": TAGS,
}


def cluster_restores(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    version = cluster_version(place)
    given = {**CLUSTER, "EngineVersion": version, "VpcSecurityGroupIds": [place.security]}
    for wrong in (
        {"DBSubnetGroupName": "none"},
        {"DBClusterParameterGroupName": "none"},
        {"VpcSecurityGroupIds": ["sg-none"]},
        {"SnapshotIdentifier": "none"},
        {"BackupRetentionPeriod": 0},
        {"Engine": "aurora-mysql"},
        {"DBClusterIdentifier": "1st"},
    ):
        yield code_of(rds.restore_db_cluster_from_snapshot, **(given | wrong))
    with place.slowly():
        yield code_of(rds.restore_db_cluster_from_snapshot, **given)
    yield code_of(rds.restore_db_cluster_from_snapshot, **given)
    yield code_of(rds.create_db_instance, **member("rc1"))
    change = {"DBClusterIdentifier": "rc1", "ApplyImmediately": True}
    yield code_of(rds.modify_db_cluster, **change, ManageMasterUserPassword=True)
    place.settle()
    shown = cluster(rds, "rc1")
    yield shown
    yield code_of(rds.create_db_instance, **member("rc1", Engine="aurora-mysql"))
    yield code_of(rds.create_db_instance, **member("rc1", MasterUserPassword="none-of-it"))
    yield code_of(rds.create_db_instance, **member("none"))
    with place.slowly():
        yield code_of(rds.create_db_instance, **member("rc1"))
    yield code_of(rds.create_db_instance, **member("rc1"))
    yield instance(rds, "rc1"), cluster(rds, "rc1")["members"]
    place.settle()
    view = instance(rds, "rc1")
    yield view["status"], view["cluster"], view["publicly_accessible"], view["host"], view["tags"]
    arn = f"arn:aws:rds:eu-west-1:{BACKUP_ACCOUNT}:cluster:rc1"
    yield code_of(rds.add_tags_to_resource, ResourceName=arn, Tags=[{"Key": "a", "Value": "b"}])
    yield sorted(cluster(rds, "rc1")["tags"])


def member(name, **options):
    return {
        "DBInstanceIdentifier": name,
        "DBClusterIdentifier": name,
        "DBInstanceClass": "db.serverless",
        "Engine": "aurora-postgresql",
        "PubliclyAccessible": False,
        "Tags": TAGS,
        **options,
    }


def cluster_version(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    found = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier="vc1")
    return found["DBClusterSnapshots"][0]["EngineVersion"]


def shared_cluster_restores(place):
    """Without a copy, from what the other account shares, with a key of one's own."""
    source, backup = place.client("rds", SOURCE_ACCOUNT), place.client("rds", BACKUP_ACCOUNT)
    arn = f"arn:aws:rds:eu-west-1:{SOURCE_ACCOUNT}:cluster-snapshot:k1"
    direct = {"DBClusterIdentifier": "direct", "SnapshotIdentifier": arn}
    given = CLUSTER | direct | {"KmsKeyId": place.vault, "EngineVersion": cluster_version(place)}
    yield code_of(backup.restore_db_cluster_from_snapshot, **given)
    place.settle()
    yield cluster(backup, "direct")
    wanted = {"DBClusterIdentifier": "direct", "SkipFinalSnapshot": True}
    yield code_of(backup.delete_db_cluster, **wanted)
    gone(place, lambda: cluster(backup, "direct"))
    yield cluster(backup, "direct")
    yield share_cluster(source, "k1", BACKUP_ACCOUNT, verb="ValuesToRemove")
    yield code_of(backup.restore_db_cluster_from_snapshot, **given)
    yield code_of(source.delete_db_cluster_snapshot, DBClusterSnapshotIdentifier="k1")


def cluster_passwords(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    change = {"DBClusterIdentifier": "rc1", "ApplyImmediately": True}
    yield code_of(rds.modify_db_cluster, **change, MasterUserPassword="short")
    with place.slowly():
        yield code_of(rds.modify_db_cluster, **change, ManageMasterUserPassword=True)
    early = cluster(rds, "rc1")
    yield early["status"], early["pending"], early["secret_status"]
    place.settle()
    late = cluster(rds, "rc1")
    yield late["status"], late["pending"], late["secret_status"]
    wanted = {"DBInstanceIdentifier": "rc1", "MasterUserPassword": "not-this-way-1"}
    yield code_of(rds.modify_db_instance, **wanted)
    yield code_of(rds.stop_db_instance, DBInstanceIdentifier="rc1")
    events = rds.describe_events(SourceType="db-cluster", SourceIdentifier="rc1")["Events"]
    yield [e["Message"] for e in events]


def cluster_rests(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    yield code_of(rds.start_db_cluster, DBClusterIdentifier="rc1")
    yield code_of(rds.stop_db_cluster, DBClusterIdentifier="rc1")
    place.settle()
    yield cluster(rds, "rc1")["status"], instance(rds, "rc1")["status"]
    yield code_of(rds.start_db_cluster, DBClusterIdentifier="rc1")
    place.settle()
    yield cluster(rds, "rc1")["status"], instance(rds, "rc1")["status"]


def cluster_deletions(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    wanted = {"DBClusterIdentifier": "rc1", "SkipFinalSnapshot": True}
    yield code_of(rds.delete_db_cluster, DBClusterIdentifier="rc1")
    yield code_of(rds.delete_db_cluster, **wanted)
    with place.slowly():
        name = {"DBInstanceIdentifier": "rc1", "SkipFinalSnapshot": True}
        yield code_of(rds.delete_db_instance, **name)
        yield code_of(rds.delete_db_cluster, **wanted, DeleteAutomatedBackups=True)
        yield code_of(rds.delete_db_cluster, **wanted)
    yield cluster(rds, "rc1")["status"]
    gone(place, lambda: cluster(rds, "rc1") or instance(rds, "rc1"))
    yield cluster(rds, "rc1"), instance(rds, "rc1")
    listed = rds.describe_db_cluster_snapshots(DBClusterIdentifier="rc1")["DBClusterSnapshots"]
    yield listed
    yield code_of(rds.delete_db_cluster, **wanted)
    production = place.client("rds", SOURCE_ACCOUNT)
    protected = {"DBClusterIdentifier": "courses-aurora", "SkipFinalSnapshot": True}
    yield code_of(production.delete_db_cluster, **protected)


def gone(place, seen):
    if place.name == "sandbox":
        place.sandbox.wait_until(lambda: not seen(), "it to go")
    place.settle()


def versions(rds, engine, version):
    answer = rds.describe_db_engine_versions(Engine=engine, EngineVersion=version)
    (found,) = answer["DBEngineVersions"]
    own = int(version.partition(".")[0])
    targets = found["ValidUpgradeTarget"]
    majors = [t["EngineVersion"] for t in targets if t["IsMajorVersionUpgrade"]]
    minors = [t["EngineVersion"] for t in targets if not t["IsMajorVersionUpgrade"]]
    return majors, minors, [int(name.partition(".")[0]) - own for name in majors]


def upgrades(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    (raw,) = rds.describe_db_instances(DBInstanceIdentifier="i1")["DBInstances"]
    majors, minors, ahead = versions(rds, "postgres", raw["EngineVersion"])
    yield ahead, len(minors)
    family = f"default.postgres{majors[0].partition('.')[0]}"
    to = {
        "DBInstanceIdentifier": "i1",
        "EngineVersion": majors[0],
        "AllowMajorVersionUpgrade": True,
        "ApplyImmediately": True,
        "DBParameterGroupName": family,
    }
    for wrong in (
        {"EngineVersion": "9.6.1"},
        {"AllowMajorVersionUpgrade": False},
        {"DBParameterGroupName": "default.postgres9.6"},
        {"DBParameterGroupName": "none"},
    ):
        yield code_of(rds.modify_db_instance, **(to | wrong))
    without = {key: value for key, value in to.items() if key != "DBParameterGroupName"}
    yield code_of(rds.modify_db_instance, **without)
    place.refuse_upgrade()
    yield code_of(rds.modify_db_instance, **to)
    place.settle()
    logs = rds.describe_db_log_files(DBInstanceIdentifier="i1", FilenameContains="pg_upgrade")
    (log,) = [found["LogFileName"] for found in logs["DescribeDBLogFiles"]]
    yield log
    told = rds.download_db_log_file_portion(DBInstanceIdentifier="i1", LogFileName=log)
    yield told["LogFileData"]
    (raw,) = rds.describe_db_instances(DBInstanceIdentifier="i1")["DBInstances"]
    yield raw["DBInstanceStatus"], raw["EngineVersion"] == majors[0]
    with place.slowly():
        yield code_of(rds.modify_db_instance, **to)
    early = instance(rds, "i1")
    yield early["status"], early["pending"]
    yield code_of(rds.modify_db_instance, **to)
    place.settle()
    (raw,) = rds.describe_db_instances(DBInstanceIdentifier="i1")["DBInstances"]
    yield raw["DBInstanceStatus"], raw["EngineVersion"] == majors[0]
    yield [g["DBParameterGroupName"] == family for g in raw["DBParameterGroups"]]
    events = rds.describe_events(SourceType="db-instance", SourceIdentifier="i1")["Events"]
    yield [e["Message"].partition(":")[0][:11] for e in events if "pgrade" in e["Message"]]


def cluster_upgrades(place):
    rds = place.client("rds", BACKUP_ACCOUNT)
    (raw,) = rds.describe_db_clusters(DBClusterIdentifier="rc1")["DBClusters"]
    majors, minors, ahead = versions(rds, "aurora-postgresql", raw["EngineVersion"])
    yield ahead, len(minors)
    to = {
        "DBClusterIdentifier": "rc1",
        "EngineVersion": majors[0],
        "AllowMajorVersionUpgrade": True,
        "ApplyImmediately": True,
        "DBClusterParameterGroupName": f"default.aurora-postgresql{majors[0].partition('.')[0]}",
    }
    yield code_of(rds.modify_db_cluster, **(to | {"AllowMajorVersionUpgrade": False}))
    member = {"DBInstanceIdentifier": "rc1", "EngineVersion": majors[0]}
    yield code_of(rds.modify_db_instance, **member, AllowMajorVersionUpgrade=True)
    with place.slowly():
        yield code_of(rds.modify_db_cluster, **to)
    place.settle()
    for raw in (
        *rds.describe_db_clusters(DBClusterIdentifier="rc1")["DBClusters"],
        *rds.describe_db_instances(DBInstanceIdentifier="rc1")["DBInstances"],
    ):
        yield raw["EngineVersion"] == majors[0], raw.get("Status") or raw["DBInstanceStatus"]


OF_INSTANCES = (copies, shares, restores, passwords, rests, upgrades, deletions, secrets, keys)
OF_CLUSTERS = (
    cluster_copies,
    cluster_shares,
    cluster_restores,
    shared_cluster_restores,
    cluster_passwords,
    cluster_rests,
    cluster_upgrades,
    cluster_deletions,
)


@pytest.mark.parametrize("scenarios", [OF_INSTANCES, OF_CLUSTERS], ids=["instances", "clusters"])
def test_the_same_calls_are_answered_alike(places, scenarios):
    for scenario in scenarios:  # one after the other: each goes on from what the last one made
        memory, sandbox = ([*scenario(place)] for place in places)
        assert len(memory) == len(sandbox)
        for number, (one, other) in enumerate(zip(memory, sandbox, strict=True)):
            assert one == other, f"{scenario.__name__}, answer {number}"


def test_what_the_cloud_answers_has_the_shape_that_botocore_knows():
    place = InMemory()
    answered = {}
    answer = place.cloud.answer

    def remember(call):
        answered[call.service, call.operation] = answer(call)
        return answered[call.service, call.operation]

    place.cloud.answer = remember  # type: ignore[method-assign]  # a spy in between
    for scenario in (*OF_INSTANCES, *OF_CLUSTERS):
        for _ in scenario(place):
            pass

    assert len(answered) > 30
    for (service, operation), given in answered.items():
        shape = service_model(service).operation_model(operation).output_shape
        known = set(shape.members) if shape else set()
        assert set(given) <= known, operation
        if shape is not None:
            report = ParamValidator().validate(given, shape)
            assert not report.has_errors(), f"{operation}: {report.generate_report()}"
