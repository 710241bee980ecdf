"""Before the first night: broken set-ups in two simulated accounts, each mended by its own advice."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from moto.ec2.models import ec2_backends
from moto.rds.models import rds_backends

from restorecheck.aws.session.call_guard import LOOKS, allow_reads_only
from restorecheck.errors import AccessDeniedError
from restorecheck.rules.machine import FETCH_BUNDLE
from restorecheck.sandbox import Fault, Quotas, landscape
from restorecheck.sandbox.landscape import EXTERNAL_ID, LOOKING, ROLE, USER
from restorecheck.sandbox.service import RESTORECHECK
from tests.rds.conftest import Scene
from tests.rds.robot import Robot

READS = ("AssumeRole", *LOOKS)


class Team:
    """The people of both accounts, who set things up, and not always well."""

    def __init__(self, scene: Scene, monkeypatch) -> None:
        self.scene = scene
        self.monkeypatch = monkeypatch
        self.sandbox = scene.sandbox
        self.land = scene.stage.land

    def source(self, service):
        return self.sandbox.client(service, self.sandbox.source)

    def backup(self, service):
        return self.sandbox.client(service, self.sandbox.backup)

    def use(self, account) -> None:
        self.monkeypatch.setenv("AWS_ACCESS_KEY_ID", account.access_key_id)
        self.monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", account.secret_access_key)

    @property
    def rds(self):
        return self.scene.rds

    @property
    def transit_key(self):
        return self.rds["source"]["transit_kms_key_id"]

    @property
    def backup_key(self):
        return self.rds["backup"]["kms_key_id"]

    @property
    def group(self):
        return self.rds["restore"]["vpc_security_group_ids"][0]

    def trust(self, statement) -> None:
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.source("iam").update_assume_role_policy(
            RoleName=ROLE, PolicyDocument=json.dumps(policy)
        )

    def key_policy(self, client, key, *statements) -> None:
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))

    def subnets(self):
        name = self.rds["restore"]["db_subnet_group_name"]
        groups = self.backup("rds").describe_db_subnet_groups(DBSubnetGroupName=name)
        return [s["SubnetIdentifier"] for s in groups["DBSubnetGroups"][0]["Subnets"]]

    def make_room(self):
        ec2 = ec2_backends[self.sandbox.backup.account_id][self.sandbox.backup_region]
        for identifier in self.subnets():
            ec2.get_subnet(identifier)._available_ip_addresses = 100

    def start_anew(self):
        """As `Sandbox.prepare` left it: a set-up that was mended is well, but not the same."""
        sandbox, land = self.sandbox, self.land
        sandbox.rds.state.quotas = PLENTY
        places = (sandbox.region, sandbox.backup_region)
        landscape.grant(land, sandbox.source, sandbox.backup, sandbox.endpoint_url, places)
        trust = landscape.trust_policy(sandbox.backup, EXTERNAL_ID)
        self.trust(trust["Statement"][0])
        transit = landscape.transit_policy(sandbox.source, sandbox.backup)
        self.source("kms").enable_key(KeyId=identifier(land.transit_kms_key_id))
        self.key_policy(self.source, land.transit_kms_key_id, *transit["Statement"])


def identifier(arn):
    """Moto takes no ARN here."""
    return arn.rpartition("/")[2]


PLENTY = Quotas(snapshots=2000)


@pytest.fixture
def team(scene, monkeypatch):
    made = Team(scene, monkeypatch)
    made.start_anew()
    return made


@pytest.fixture
def robot(scene, team):
    sandbox = scene.sandbox
    bundle = sandbox.ca_bundle.read_text()
    own = scene.directory / "ca.pem"
    own.write_text(bundle)
    scene.keys["aws"]["ca_bundle"] = str(own)
    profile = f"export AWS_PROFILE=<profile of account {sandbox.backup.account_id}>"
    return Robot(
        scene,
        answers={
            "external id": scene.rds["source"]["external_id"],
            f"curl -o {own} {FETCH_BUNDLE}": lambda: own.write_text(bundle),
            profile.strip("<>"): lambda: team.use(sandbox.restorecheck),
            "for the next backup window": lambda: sandbox.take_automated_snapshot(
                scene.rds["db_instance_identifier"]
            ),
            "free addresses, or add subnets to the group": team.make_room,
            "its identifier": "courses-prod",
            "a class that RDS offers": "db.t4g.small",
            "a PostgreSQL instance": "courses-prod",
        },
    )


BACKUP_ROOT = {"AWS": "arn:aws:iam::222222222222:root"}
SOURCE_ROOT = {"AWS": "arn:aws:iam::111111111111:root"}
OWNER = {"Effect": "Allow", "Principal": SOURCE_ROOT, "Action": "kms:*", "Resource": "*"}
ALL = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


def no_credentials(team):
    team.monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    team.monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    team.monkeypatch.delenv("AWS_SESSION_TOKEN")


def credentials_of_the_source_account(team):
    team.use(team.sandbox.source)


def no_role(team):
    team.source("iam").delete_role_policy(RoleName=ROLE, PolicyName=LOOKING)
    team.source("iam").delete_role_policy(RoleName=ROLE, PolicyName="restorecheck")
    team.source("iam").delete_role(RoleName=ROLE)


def role_trusts_somebody_else(team):
    team.trust(
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::333333333333:root"},
            "Action": "sts:AssumeRole",
        }
    )


def another_external_id(team):
    condition = {"StringEquals": {"sts:ExternalId": "another word"}}
    team.trust(
        {
            "Effect": "Allow",
            "Principal": BACKUP_ROOT,
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
    )


def role_asks_for_no_external_id(team):
    team.trust({"Effect": "Allow", "Principal": BACKUP_ROOT, "Action": "sts:AssumeRole"})


def misspelled_instance(team):
    team.rds["db_instance_identifier"] = "coarses-prod"


def no_automated_backups(team):
    team.source("rds").modify_db_instance(
        DBInstanceIdentifier="courses-prod", BackupRetentionPeriod=0, ApplyImmediately=True
    )


def snapshots_are_old(team):
    for name, snapshot in team.sandbox.snapshots(team.sandbox.source).items():
        if name.startswith("rds:courses-prod"):
            snapshot.original_at -= timedelta(hours=48)


def default_key_and_no_transit_key(team):
    del team.rds["source"]["transit_kms_key_id"]


def transit_key_is_disabled(team):
    team.source("kms").disable_key(KeyId=identifier(team.transit_key))


def transit_key_waits_for_its_deletion(team):
    team.source("kms").schedule_key_deletion(KeyId=identifier(team.transit_key))


def transit_key_does_not_exist(team):
    key = team.transit_key.rpartition("/")[0]
    team.rds["source"]["transit_kms_key_id"] = f"{key}/00000000-0000-4000-8000-000000000000"


def transit_key_without_create_grant(team):
    admits = {
        "Effect": "Allow",
        "Principal": BACKUP_ROOT,
        "Action": ["kms:Decrypt", "kms:DescribeKey"],
        "Resource": "*",
    }
    team.key_policy(team.source, team.transit_key, OWNER, admits)


def transit_key_denies_everybody_decrypt(team):
    admits = {"Effect": "Allow", "Principal": BACKUP_ROOT, "Action": "kms:*", "Resource": "*"}
    denies = {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    team.key_policy(team.source, team.transit_key, OWNER, admits, denies)


def backup_key_does_not_exist(team):
    key = team.backup_key.rpartition("/")[0]
    team.rds["backup"]["kms_key_id"] = f"{key}/00000000-0000-4000-8000-000000000000"


def backup_key_is_for_one_user_only(team):
    one = {"AWS": "arn:aws:iam::222222222222:user/operator"}
    only = {"Effect": "Allow", "Principal": one, "Action": "kms:*", "Resource": "*"}
    team.key_policy(team.backup, team.backup_key, only)


def no_subnet_group(team):
    team.rds["restore"]["db_subnet_group_name"] = "forgotten"


def subnet_group_in_one_zone(team):
    """RDS takes none such; it becomes so when a subnet is deleted."""
    backend = rds_backends[team.sandbox.backup.account_id][team.sandbox.backup_region]
    group = backend.subnet_groups[team.rds["restore"]["db_subnet_group_name"]]
    group.subnets = group._subnets[:1]


def no_security_group(team):
    team.rds["restore"]["vpc_security_group_ids"] = ["sg-00000000000000000"]


def security_group_of_another_network(team):
    ec2 = team.backup("ec2")
    network = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_security_group(GroupName="other", Description="other", VpcId=network)
    team.rds["restore"]["vpc_security_group_ids"] = [made["GroupId"]]


def egress_to_the_world(team):
    team.backup("ec2").authorize_security_group_egress(GroupId=team.group, IpPermissions=ALL)


def nobody_may_connect(team):
    group = team.group
    ec2 = team.backup("ec2")
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=found["IpPermissions"])


def the_world_may_connect(team):
    team.backup("ec2").authorize_security_group_ingress(GroupId=team.group, IpPermissions=ALL)


def no_parameter_group(team):
    team.rds["restore"]["db_parameter_group_name"] = "forgotten"


def parameter_group_of_another_major(team):
    name = f"old-{team.scene.target}"
    team.backup("rds").create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily="postgres12", Description="old"
    )
    team.rds["restore"]["db_parameter_group_name"] = name


def a_class_that_is_not_offered(team):
    team.rds["restore"]["db_instance_class"] = "db.t2.micro"


def no_room_for_an_instance(team):
    team.sandbox.rds.state.quotas = _quotas(team, instances=0)


def _quotas(team, **values):
    return replace(team.sandbox.rds.state.quotas, **values)


def no_room_for_copies(team):
    team.sandbox.rds.state.quotas = _quotas(team, snapshots=0, storage=50)


def subnets_are_full(team):
    ec2 = ec2_backends[team.sandbox.backup.account_id][team.sandbox.backup_region]
    for identifier in team.subnets():
        ec2.get_subnet(identifier)._available_ip_addresses = 0


def no_certificates(team):
    Path(team.scene.keys["aws"]["ca_bundle"]).write_text("<html>not found</html>")


def source_role_without_rights(team):
    team.source("iam").delete_role_policy(RoleName=ROLE, PolicyName="restorecheck")


def source_role_may_delete_production(team):
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    team.source("iam").put_role_policy(
        RoleName=ROLE, PolicyName="restorecheck", PolicyDocument=json.dumps(policy)
    )


def we_have_no_rights(team):
    iam = team.backup("iam")
    for group in iam.list_groups_for_user(UserName=USER)["Groups"]:
        iam.remove_user_from_group(GroupName=group["GroupName"], UserName=USER)


def we_may_do_everything(team):
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allow]}
    iam = team.backup("iam")
    iam.remove_user_from_group(GroupName="restorecheck-never", UserName=USER)
    iam.put_group_policy(
        GroupName="restorecheck", PolicyName="restorecheck", PolicyDocument=json.dumps(policy)
    )


def three_things_at_once(team):
    transit_key_without_create_grant(team)
    egress_to_the_world(team)
    we_have_no_rights(team)


IDENTITIES = {
    no_credentials: {"RC201"},
    credentials_of_the_source_account: {"RC201"},
    role_trusts_somebody_else: {"RC202"},
    another_external_id: {"RC202"},
    role_asks_for_no_external_id: {"RC203"},
    misspelled_instance: {"RC210"},
    no_automated_backups: {"RC211"},
    snapshots_are_old: {"RC212"},
}
KEYS = {
    transit_key_is_disabled: {"RC302"},
    transit_key_waits_for_its_deletion: {"RC302"},
    transit_key_without_create_grant: {"RC303"},
    transit_key_denies_everybody_decrypt: {"RC303"},
    backup_key_is_for_one_user_only: {"RC305"},
    transit_key_does_not_exist: {"RC302", "RC501", "RC503"},
    backup_key_does_not_exist: {"RC304", "RC503"},
    default_key_and_no_transit_key: {"RC301"},
}
PLACES = {
    # What the policy allows is the group of before.
    no_subnet_group: {"RC401", "RC503"},
    subnet_group_in_one_zone: {"RC402"},
    no_security_group: {"RC404"},
    security_group_of_another_network: {"RC404", "RC405", "RC406"},
    egress_to_the_world: {"RC405"},
    nobody_may_connect: {"RC406"},
    the_world_may_connect: {"RC407"},
    no_parameter_group: {"RC408"},
    a_class_that_is_not_offered: {"RC413"},
    parameter_group_of_another_major: {"RC408"},
    no_room_for_an_instance: {"RC409"},
    no_room_for_copies: {"RC410", "RC411", "RC412"},
    subnets_are_full: {"RC403"},
    no_certificates: {"RC120"},
}
RIGHTS = {
    source_role_without_rights: {"RC501"},
    source_role_may_delete_production: {"RC502"},
    we_have_no_rights: {"RC503"},
    we_may_do_everything: {"RC504"},
    three_things_at_once: {"RC303", "RC405", "RC503"},
    no_role: {"RC202"},
}
SECOND_LOOK = {
    # What can be seen only then.
    no_role: {"RC501"},
    no_security_group: {"RC405", "RC406"},
    security_group_of_another_network: {"RC405", "RC406"},
    transit_key_does_not_exist: {"RC501", "RC503"},
    backup_key_does_not_exist: {"RC503"},
    default_key_and_no_transit_key: {"RC501", "RC503"},
}


@pytest.mark.parametrize(
    "chain", [IDENTITIES, KEYS, PLACES, RIGHTS], ids=["identities", "keys", "places", "rights"]
)
def test_each_broken_set_up_is_found_and_its_own_advice_mends_it(chain, team, robot):
    """That the next look finds the next breakage and nothing else shows that the last is mended."""
    for break_it, expected in chain.items():
        break_it(team)
        found = robot.look()
        assert {f["rule"] for f in found} == expected, (break_it.__name__, robot.done)
        robot.mend(found)
        if break_it in SECOND_LOOK:
            found = robot.look()
            assert {f["rule"] for f in found} == SECOND_LOOK[break_it], break_it.__name__
            robot.mend(found)
    assert robot.look() == []


def test_the_right_to_rehearse_an_upgrade_is_asked_for_where_it_is_configured(scene, robot):
    assert robot.look() == []
    scene.keys["targets"][0]["rehearse"] = {"upgrade": "next"}

    found = robot.look()

    assert found, "the sandbox does not grant it from the beginning"
    assert "DescribeDBEngineVersions" in str(found)
    robot.mend(found)
    assert robot.look() == []
    assert scene.drill().report["rehearsal"]["verdict"] == "verified"


def test_so_many_set_ups_are_broken():
    assert len({*IDENTITIES, *KEYS, *PLACES, *RIGHTS}) >= 30


def test_of_a_healthy_set_up_nothing_is_complained_about(scene, team):
    scene.sandbox.forget_calls()

    outcome = scene.run("doctor")

    assert outcome.code == 0, outcome.out
    assert "problem " not in outcome.out
    assert "0 problems" in outcome.out
    assert "not looked at" not in outcome.out
    ours = [c for c in scene.sandbox.calls if c.caller in {RESTORECHECK, "role"}]
    assert len(ours) > 30
    assert {call.operation for call in ours} <= {*READS}
    assert not (scene.directory / "history.sqlite").exists()


def test_what_may_not_be_read_is_never_well(scene, team):
    for operation in ("DescribeAccountAttributes", "DescribeDBSubnetGroups"):
        denied = Fault(operation=operation, code="AccessDenied", status=403, times=None)
        scene.sandbox.faults.add(denied)

    outcome = scene.run("doctor", "--format", "json")

    findings = {f["rule"]: f for f in json.loads(outcome.out)["findings"]}
    assert outcome.code == 3
    assert findings["RC409"]["outcome"] == "not looked at"
    assert (
        "needs rds:DescribeAccountAttributes in account 222222222222" in findings["RC409"]["found"]
    )
    assert findings["RC401"]["outcome"] == "not looked at"


def test_what_somebody_accepts_until_a_day_is_shown_and_no_problem(scene, team):
    egress_to_the_world(team)
    ignore = {"rule": "RC405", "reason": "patches are fetched", "until": "2999-12-31"}
    scene.keys["audit"] = {"ignore": [ignore]}

    outcome = scene.run("doctor")
    scene.keys["audit"]["ignore"][0]["until"] = "2020-01-01"
    later = scene.run("doctor")
    team.backup("ec2").revoke_security_group_egress(GroupId=team.group, IpPermissions=ALL)

    assert outcome.code == 0
    assert "ignored until 2999-12-31: patches are fetched" in outcome.out
    assert later.code == 1
    assert "was ignored until 2020-01-01" in later.out


def test_the_fence_refuses_everything_that_does_not_look(scene):
    client = scene.sandbox.client("rds", scene.sandbox.restorecheck)
    allow_reads_only(client.meta)
    before = len(scene.sandbox.calls)

    with pytest.raises(AccessDeniedError):
        client.delete_db_snapshot(DBSnapshotIdentifier="restorecheck-anything")
    with pytest.raises(AccessDeniedError):
        client.download_db_log_file_portion(DBInstanceIdentifier="x", LogFileName="x")

    assert len(scene.sandbox.calls) == before
