"""The deployment, as far as the sandbox has it: moto takes neither the template's conditions nor all of its
resources, so stand-ins with the same parameters and outputs are deployed, and beside them what they name
is made as the template resolves it.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import yaml

from restorecheck.rules.deployment import FUNCTIONS, SCHEDULES
from tests.contract.aws_store import make_table
from tests.infra.resolving import backup_stack_in, template
from tests.rds.conftest import Stage

REPORTS, CONFIGS, TABLE = "reports-of-the-stack", "configs-of-the-stack", "restorecheck-drills"
NOTHING = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
PLAIN = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "stand-in"}}


def make(there: Stage, region: str = "", suffix: str = "") -> dict[str, str]:
    """What the backup stack makes; its outputs. `region`: another one than the sandbox's, with this NameSuffix."""
    sandbox, land = there.sandbox, there.land
    region = region or sandbox.backup_region

    def client(service: str) -> Any:
        return sandbox.client(service, sandbox.backup, region)

    resolved = backup_stack_in(region, NameSuffix=suffix)
    for resource in resolved.resources.values():
        if resource["Type"] == "AWS::IAM::Role":
            given = resource["Properties"]
            trust = json.dumps(given["AssumeRolePolicyDocument"])
            client("iam").create_role(RoleName=given["RoleName"], AssumeRolePolicyDocument=trust)
    for name in FUNCTIONS:
        role = f"arn:aws:iam::{sandbox.backup.account_id}:role/restorecheck-{name}{suffix}"
        make_function(client("lambda"), role, name)
    for name in SCHEDULES:
        client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression="rate(1 hour)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": f"arn:aws:lambda:{region}:{sandbox.backup.account_id}:function:x",
                "RoleArn": land.role_arn,
            },
        )
    for name in (REPORTS, CONFIGS):
        where = {"LocationConstraint": region}
        client("s3").create_bucket(
            Bucket=f"{name}{suffix}",
            CreateBucketConfiguration=where,
            ObjectLockEnabledForBucket=name == REPORTS,
        )
    make_table(client("dynamodb"), TABLE)
    topic = client("sns").create_topic(Name="restorecheck")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="oncall@example.org")
    machine = client("stepfunctions").create_state_machine(
        name="restorecheck-nightly", definition=json.dumps(NOTHING), roleArn=land.role_arn
    )
    make_endpoints(client("ec2"), land.vpc_security_group_id, region)
    return {
        "ConfigBucketName": f"{CONFIGS}{suffix}",
        "BackupKeyArn": land.backup_kms_key_id,
        "DatabaseSubnetGroupName": land.db_subnet_group_name,
        "DatabaseSecurityGroupId": land.vpc_security_group_id,
        "TopicArn": topic,
        "NightlyMachineArn": machine["stateMachineArn"],
        "ReportBucketName": f"{REPORTS}{suffix}",
        "DrillTableName": TABLE,
    }


def make_function(client: Any, role: str, name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{name}.py", "def handler(event, context): ...\n")
    client.create_function(
        FunctionName=f"restorecheck-{name}",
        Runtime="python3.13",
        Role=role,
        Handler=f"{name}.handler",
        Code={"ZipFile": packed.getvalue()},
    )


def make_endpoints(ec2: Any, group: str, region: str) -> None:
    network = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"]
    of_network = [{"Name": "vpc-id", "Values": [network]}]
    everybody = {
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]
    }
    tables = ec2.describe_route_tables(Filters=of_network)["RouteTables"]
    subnets = ec2.describe_subnets(Filters=of_network)["Subnets"]
    places = {
        "dynamodb": {"VpcEndpointType": "Gateway", "RouteTableIds": [tables[0]["RouteTableId"]]},
        "secretsmanager": {"VpcEndpointType": "Interface", "SubnetIds": [subnets[0]["SubnetId"]]},
    }
    for service, place in places.items():
        ec2.create_vpc_endpoint(
            VpcId=network,
            ServiceName=f"com.amazonaws.{region}.{service}",
            PolicyDocument=json.dumps(everybody),
            **place,
        )


def stand_in(name: str, outputs: dict[str, str]) -> str:
    """A template with the parameters of that one, and these outputs."""
    raw = template(name)
    unconditional = {key for key, said in raw["Outputs"].items() if "Condition" not in said}
    assert unconditional <= set(outputs) <= set(raw["Outputs"]), "every output of the template"
    return yaml.safe_dump(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": raw["Parameters"],
            "Resources": {"StandIn": PLAIN},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
    )


def write_templates(there: Stage, outputs: dict[str, str], folder: Path) -> None:
    """As `restorecheck infra export` writes them: the templates, and a package."""
    folder.mkdir()
    source = {
        "SourceRoleArn": there.land.role_arn,
        "TransitKeyArn": there.land.transit_kms_key_id,
    }
    (folder / "source-account.yaml").write_text(stand_in("source-account.yaml", source))
    (folder / "backup-account.yaml").write_text(stand_in("backup-account.yaml", outputs))
    (folder / "stepper.zip").write_bytes(b"")
