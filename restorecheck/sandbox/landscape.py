"""Sets up the two accounts like a user would, through the sandbox's API."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
import psycopg
from psycopg import sql

from restorecheck.rules.advised import (
    backup_policy,
    looking_in_backup,
    looking_in_source,
    of_groups,
    policy_name,
    source_policy,
)
from restorecheck.rules.permissions import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCredentials:
    """Credentials of a user inside one simulated account."""

    account_id: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Names of what was made."""

    role_arn: str
    external_id: str
    transit_kms_key_id: str
    backup_kms_key_id: str
    db_subnet_group_name: str
    vpc_security_group_id: str
    db_parameter_group_name: str


NETWORK = "10.20.0.0/16"
EXTERNAL_ID = "sandbox-external-id"
ROLE = "restorecheck-source"
USER = "restorecheck"
"""The drilling user in the backup account."""
LOOKING = "restorecheck-looking"
GROUP = "restorecheck"


APPLICATION = "courses_app"
OWNED = """
create role courses_app login;
reassign owned by {master} to courses_app;
create schema messages authorization courses_app;
set role courses_app;
create table messages.notes (id int primary key, student text not null, note text not null);
insert into messages.notes select i, 'student ' || i % 7, 'note ' || i from generate_series(1, 100) i;
alter table messages.notes enable row level security;
create policy own on messages.notes using (student = current_setting('app.student', true));
reset role;
create schema cron;
create table cron.job (jobid bigserial primary key, command text not null, username text not null default current_user);
insert into cron.job (command) values ('vacuum');
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
grant usage on schema cron to public; grant select on cron.job to public;
alter extension plpgsql add table cron.job;
"""
"""What master users meet in production: the tables of an application, one of them with row security; and what pg_cron
makes (its script, `cron.job`), here a member of an extension that every PostgreSQL has.
"""
READABLE = "create policy restorecheck on messages.notes for select to {master} using (true);"


def move_in(
    connection: psycopg.Connection[Any], database: str, master: str, *, readable: bool
) -> None:
    """Everything belongs to an application from now on, also the database."""
    text = OWNED + (READABLE if readable else "")
    connection.execute(text.format(master=master).encode())
    statement = sql.SQL("alter database {} owner to {}")
    names = (sql.Identifier(database), sql.Identifier(APPLICATION))
    connection.execute(statement.format(*names))


def client(service: str, account: UserCredentials, endpoint_url: str, region: str) -> Any:  # noqa: ANN401  # boto3's own
    """A client with nothing of the environment in it: no real credentials, no real endpoint."""
    session: Any = boto3.session.Session(
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        region_name=region,
    )
    return session.client(service, endpoint_url=endpoint_url)


def prepare(
    source: UserCredentials,
    backup: UserCredentials,
    endpoint_url: str,
    region: str,
    backup_region: str,
    *,
    suffix: str = "",
) -> Landscape:
    """Keys, the role, and the groups that a restored instance is put into. `suffix`: end of the names that are global, as
    the parameter NameSuffix of the templates.
    """
    kms = client("kms", source, endpoint_url, region)
    transit = kms.create_key(Policy=json.dumps(transit_policy(source, backup)))
    vault = client("kms", backup, endpoint_url, backup_region).create_key()
    iam = client("iam", source, endpoint_url, region)
    role = iam.create_role(
        RoleName=f"{ROLE}{suffix}",
        AssumeRolePolicyDocument=json.dumps(trust_policy(backup, EXTERNAL_ID)),
    )
    subnets, security_group = _network(backup, endpoint_url, backup_region)
    rds = client("rds", backup, endpoint_url, backup_region)
    rds.create_db_subnet_group(
        DBSubnetGroupName=GROUP,
        DBSubnetGroupDescription="for drills: two zones, no way out",
        SubnetIds=subnets,
    )
    rds.create_db_parameter_group(
        DBParameterGroupName=GROUP, DBParameterGroupFamily="postgres17", Description="for drills"
    )
    made = Landscape(
        role_arn=role["Role"]["Arn"],
        external_id=EXTERNAL_ID,
        transit_kms_key_id=transit["KeyMetadata"]["Arn"],
        backup_kms_key_id=vault["KeyMetadata"]["Arn"],
        db_subnet_group_name=GROUP,
        vpc_security_group_id=security_group,
        db_parameter_group_name=GROUP,
    )
    grant(made, source, backup, endpoint_url, (region, backup_region), suffix=suffix)
    return made


def _network(backup: UserCredentials, endpoint_url: str, region: str) -> tuple[list[str], str]:
    ec2 = client("ec2", backup, endpoint_url, region)
    vpc = ec2.create_vpc(CidrBlock=NETWORK)["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=zone)["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate(zones[:2])
    ]
    group = ec2.create_security_group(GroupName=GROUP, Description="for drills", VpcId=vpc)
    # A new group lets everything out.
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=everything)
    # Instances of the sandbox listen on ports of this machine, so whichever are free.
    checker = {"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65_535}
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpPermissions=[{**checker, "IpRanges": [{"CidrIp": NETWORK}]}]
    )
    return subnets, group["GroupId"]


def grant(
    made: Landscape,
    source: UserCredentials,
    backup: UserCredentials,
    endpoint_url: str,
    regions: tuple[str, str],
    *,
    aurora: bool = False,
    suffix: str = "",
) -> None:
    """The policies of docs/reference/aws-permissions.md, and what doctor and audit read. `aurora`: those for clusters,
    beside the others.
    """
    names = Names(
        target="",
        partition="aws",
        source_account=source.account_id,
        backup_account=backup.account_id,
        region=regions[0],
        backup_region=regions[1],
        role_arn=made.role_arn,
        instance="",
        transit_key=made.transit_kms_key_id,
        backup_key=made.backup_kms_key_id,
        subnet_group=made.db_subnet_group_name,
        parameter_group=made.db_parameter_group_name,
        aurora=aurora,
    )
    own = f"{policy_name(names)}{suffix}"
    role = client("iam", source, endpoint_url, regions[0])
    user = client("iam", backup, endpoint_url, regions[1])
    for name, of_role in ((own, source_policy(names)), (LOOKING, looking_in_source())):
        text = json.dumps(of_role)
        role.put_role_policy(RoleName=f"{ROLE}{suffix}", PolicyName=name, PolicyDocument=text)
    looking = json.dumps(looking_in_backup())
    user.put_user_policy(UserName=USER, PolicyName=LOOKING, PolicyDocument=looking)
    there = {group["GroupName"] for group in user.list_groups()["Groups"]}
    for name, policy in of_groups(backup_policy(names), own).items():
        if name not in there:
            user.create_group(GroupName=name)
        text = json.dumps(policy)
        user.put_group_policy(GroupName=name, PolicyName=own, PolicyDocument=text)
        user.add_user_to_group(GroupName=name, UserName=USER)


def transit_policy(source: UserCredentials, backup: UserCredentials) -> dict[str, Any]:
    """The source account owns the key; the backup account may read what it encrypts."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{source.account_id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{backup.account_id}:root"},
                "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"],
                "Resource": "*",
            },
        ],
    }


def trust_policy(backup: UserCredentials, external_id: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{backup.account_id}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
            }
        ],
    }
