"""The two accounts as a team would set them up, made through the sandbox's own API."""

import json
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
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


EXTERNAL_ID = "sandbox-external-id"
ROLE = "restorecheck-source"
GROUP = "restorecheck"


def client(service: str, account: Account, endpoint_url: str, region: str) -> Any:  # noqa: ANN401  # boto3's own
    """A client with nothing of the environment in it: no real credentials, no real endpoint."""
    session: Any = boto3.session.Session(
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        region_name=region,
    )
    return session.client(service, endpoint_url=endpoint_url)


def prepare(
    source: Account, backup: Account, endpoint_url: str, region: str, backup_region: str
) -> Landscape:
    """Keys, the role, and the groups that a restored instance is put into."""
    kms = client("kms", source, endpoint_url, region)
    transit = kms.create_key(Policy=json.dumps(transit_policy(source, backup)))
    vault = client("kms", backup, endpoint_url, backup_region).create_key()
    iam = client("iam", source, endpoint_url, region)
    role = iam.create_role(
        RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust_policy(backup, EXTERNAL_ID))
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
    return Landscape(
        role_arn=role["Role"]["Arn"],
        external_id=EXTERNAL_ID,
        transit_kms_key_id=transit["KeyMetadata"]["Arn"],
        backup_kms_key_id=vault["KeyMetadata"]["Arn"],
        db_subnet_group_name=GROUP,
        vpc_security_group_id=security_group,
        db_parameter_group_name=GROUP,
    )


def _network(backup: Account, endpoint_url: str, region: str) -> tuple[list[str], str]:
    ec2 = client("ec2", backup, endpoint_url, region)
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{n}.0/24", AvailabilityZone=zone)["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate(zones[:2])
    ]
    group = ec2.create_security_group(GroupName=GROUP, Description="for drills", VpcId=vpc)
    return subnets, group["GroupId"]


def transit_policy(source: Account, backup: Account) -> dict[str, Any]:
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


def trust_policy(backup: Account, external_id: str) -> dict[str, Any]:
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
