"""What a call of the API asks of IAM: the actions, resources and context keys that are evaluated.

Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS", and the
RDS User Guide's "Encrypting Amazon RDS resources" for what RDS does with keys in the caller's name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from restorecheck.sandbox import WireCall
from tests.iam.simulator import Request
from tests.infra.resolving import BACKUP, EXTERNAL_ID, REGION, SOURCE, Stack

OURS = {"aws:ResourceTag/restorecheck:managed": "true"}
THROUGH_RDS = {"kms:ViaService": f"rds.{REGION}.amazonaws.com"}
GRANT = {**THROUGH_RDS, "kms:GrantIsForAWSResource": "true"}
KEY_USE = (
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
LOOKING = {
    "DescribeAccountAttributes": "",
    "DescribeDBClusterParameters": "cluster-pg",
    "DescribeDBClusterSnapshots": "cluster-snapshot",
    "DescribeDBClusters": "cluster",
    "DescribeDBEngineVersions": "",
    "DescribeDBInstances": "db",
    "DescribeDBParameters": "pg",
    "DescribeDBSnapshots": "snapshot",
    "DescribeEvents": "",
}
"""Operation → kind of resource. Evaluated on every one of the kind: granted on all or not at all."""
READER = f"arn:aws:secretsmanager:{REGION}:{BACKUP}:secret:reader-AbCdEf"
"""What the user of adopted targets logs in with."""
PRODUCTION_KEY = f"arn:aws:kms:{REGION}:{SOURCE}:key/production"


def rds(account: str, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:rds:{REGION}:{account}:{kind}:{name}"


def key_of(account: str, name: str) -> str:
    return f"arn:aws:kms:{REGION}:{account}:key/{name}"


def owned_by(account: str) -> dict[str, str]:
    return {"aws:ResourceAccount": account}


def requests_of(call: WireCall, stack: Stack, transit_key: str) -> Iterator[Request]:
    """Of one call that was seen on the wire; none for what needs no right."""
    p, account = call.parameters, call.account_id
    match call.service, call.operation:
        case "sts", "GetCallerIdentity":
            return
        case "sts", "AssumeRole":
            assert p["ExternalId"], "the word is said"
            context = {"sts:ExternalId": EXTERNAL_ID}  # the sandbox's word is another one
            yield Request("sts:AssumeRole", str(p["RoleArn"]), context)
        case "rds", _:
            yield from _rds(call, stack, transit_key)
        case "kms", "DescribeKey":
            yield Request("kms:DescribeKey", transit_key, owned_by(SOURCE))
        case "secretsmanager", "GetSecretValue" if "rds!" not in str(p["SecretId"]):
            yield Request("secretsmanager:GetSecretValue", READER)
        case "backup", operation:
            yield Request(f"backup:{operation}", "*", account=account)
        case "secretsmanager", "GetSecretValue":
            of_cluster = "rds!cluster" in str(p["SecretId"])
            owner = rds(account, "cluster" if of_cluster else "db", "restorecheck-x")
            word = "DBCluster" if of_cluster else "DBInstance"
            context = {f"aws:ResourceTag/aws:rds:primary{word}Arn": owner}
            yield Request("secretsmanager:GetSecretValue", str(p["SecretId"]), context)
        case "secretsmanager", "ListSecrets":
            yield Request("secretsmanager:ListSecrets", "*", account=account)
        case "dynamodb", operation:
            yield from _dynamodb(operation, stack)
        case "s3", "GetObject" if "VersionId" in p:
            yield Request("s3:GetObjectVersion", f"{stack.arn('ReportBucket')}/{p['Key']}")
        case "s3", "GetObject":
            yield Request("s3:GetObject", f"{stack.arn('ConfigBucket')}/{p['Key']}")
        case "s3", "ListObjectsV2":
            context = {"s3:prefix": str(p["Prefix"])}
            yield Request("s3:ListBucket", stack.arn("ReportBucket"), context)
        case "s3", "PutObject":
            yield Request("s3:PutObject", f"{stack.arn('ReportBucket')}/{p['Key']}")
        case _:
            raise AssertionError(
                f"nobody has said what {call.service}:{call.operation} asks of IAM"
            )


def _rds(call: WireCall, stack: Stack, transit_key: str) -> Iterator[Request]:
    p, account = call.parameters, call.account_id
    match call.operation:
        case operation if operation in LOOKING:
            kind = LOOKING[operation]
            resource = rds(account, kind, "any") if kind else "*"
            yield Request(f"rds:{operation}", resource, account=account)
        case "DescribeDBLogFiles" | "DownloadDBLogFilePortion" as operation:
            yield Request(f"rds:{operation}", rds(account, "db", str(p["DBInstanceIdentifier"])))
        case "CopyDBSnapshot":
            yield from _copy(p, account, stack, transit_key)
        case "CopyDBClusterSnapshot":
            yield from _copy(p, account, stack, transit_key, word="DBClusterSnapshot")
        case "RestoreDBInstanceFromDBSnapshot":
            yield from _restore(p, account, stack)
        case operation if "DBCluster" in operation or operation == "CreateDBInstance":
            yield from _of_cluster(operation, p, account, stack)
        case "ModifyDBInstance":
            instance = rds(account, "db", str(p["DBInstanceIdentifier"]))
            yield Request("rds:ModifyDBInstance", instance, OURS)
            if "EngineVersion" in p:
                yield from _groups("ModifyDBInstance", p, account)
                return
            secret = f"arn:aws:secretsmanager:{REGION}:{account}:secret:rds!db-1234-AbCdEf"
            for action in ("secretsmanager:CreateSecret", "secretsmanager:TagResource"):
                yield Request(action, secret)
            # Of aws/secretsmanager, whose id nobody knows before.
            yield Request("kms:DescribeKey", key_of(account, "managed-by-aws"), owned_by(account))
        case "DeleteDBInstance" | "StopDBInstance" as operation:
            instance = rds(account, "db", str(p["DBInstanceIdentifier"]))
            yield Request(f"rds:{operation}", instance, OURS)
        case (
            "DeleteDBSnapshot" | "ModifyDBSnapshotAttribute" | "DescribeDBSnapshotAttributes"
        ) as operation:
            snapshot = rds(account, "snapshot", str(p["DBSnapshotIdentifier"]))
            yield Request(f"rds:{operation}", snapshot, OURS)
        case "AddTagsToResource":
            yield Request("rds:AddTagsToResource", str(p["ResourceName"]), OURS)
        case _:
            raise AssertionError(f"nobody has said what rds:{call.operation} asks of IAM")


def _groups(operation: str, p: Mapping[str, Any], account: str) -> Iterator[Request]:
    """Groups that a change names."""
    kinds = {
        "DBParameterGroupName": "pg",
        "DBClusterParameterGroupName": "cluster-pg",
        "OptionGroupName": "og",
    }
    for parameter, kind in kinds.items():
        if parameter in p:
            yield Request(f"rds:{operation}", rds(account, kind, str(p[parameter])))


def _copy(
    p: Mapping[str, Any], account: str, stack: Stack, transit_key: str, word: str = "DBSnapshot"
) -> Iterator[Request]:
    tags = {f"aws:RequestTag/{tag}": "true" for tag in ("restorecheck:managed",)}
    kind = "cluster-snapshot" if "Cluster" in word else "snapshot"
    source = rds(account, kind, str(p[f"Source{word}Identifier"]))
    target = rds(account, kind, str(p[f"Target{word}Identifier"]))
    yield Request(f"rds:Copy{word}", source)
    yield Request(f"rds:Copy{word}", target, tags)
    yield Request("rds:AddTagsToResource", target, tags)
    backup = stack.outputs["BackupKeyArn"]
    keys = (PRODUCTION_KEY, transit_key) if account == SOURCE else (transit_key, backup)
    for key in keys:
        owner = owned_by(key.split(":")[4])
        yield Request("kms:DescribeKey", key, owner)
        yield Request("kms:CreateGrant", key, GRANT | owner)
        for action in KEY_USE:
            yield Request(action, key, THROUGH_RDS | owner)


def _restore(p: Mapping[str, Any], account: str, stack: Stack) -> Iterator[Request]:
    context = {
        "rds:PubliclyAccessible": "false",
        "aws:RequestTag/restorecheck:managed": "true",
    }
    instance = rds(account, "db", str(p["DBInstanceIdentifier"]))
    for resource in (
        instance,
        rds(account, "snapshot", str(p["DBSnapshotIdentifier"])),
        rds(account, "subgrp", stack.physical("DatabaseSubnetGroup")),
        rds(account, "pg", str(p.get("DBParameterGroupName") or "default.postgres17")),
        rds(account, "og", "default:postgres-17"),
    ):
        yield Request("rds:RestoreDBInstanceFromDBSnapshot", resource, context)
    yield Request("rds:AddTagsToResource", instance, context)
    yield Request("kms:CreateGrant", stack.outputs["BackupKeyArn"], GRANT | owned_by(account))


def _of_cluster(
    operation: str, p: Mapping[str, Any], account: str, stack: Stack
) -> Iterator[Request]:
    """Service Authorization Reference, "Amazon RDS": resources and dependent actions. A restore depends on
    CreateDBInstance, a change on ModifyDBInstance, a deletion on DeleteDBInstance and on a cluster snapshot.
    """
    made = {"rds:PubliclyAccessible": "false", "aws:RequestTag/restorecheck:managed": "true"}
    if "Snapshot" in operation and operation != "RestoreDBClusterFromSnapshot":
        snapshot = rds(account, "cluster-snapshot", str(p["DBClusterSnapshotIdentifier"]))
        yield Request(f"rds:{operation}", snapshot, OURS)
        return
    cluster = rds(account, "cluster", str(p["DBClusterIdentifier"]))
    member = rds(account, "db", str(p.get("DBInstanceIdentifier") or "restorecheck-x"))
    around = (
        rds(account, "subgrp", stack.physical("DatabaseSubnetGroup")),
        rds(account, "og", "default:aurora-postgresql-16"),
    )
    match operation:
        case "RestoreDBClusterFromSnapshot":
            origin = rds(account, "cluster-snapshot", str(p["SnapshotIdentifier"]))
            group = rds(account, "cluster-pg", "default.aurora-postgresql16")
            for resource in (cluster, origin, group, *around):
                yield Request("rds:RestoreDBClusterFromSnapshot", resource, made)
            yield Request("rds:AddTagsToResource", cluster, made)
            yield Request("rds:CreateDBInstance", member, made)
            yield Request(
                "kms:CreateGrant", stack.outputs["BackupKeyArn"], GRANT | owned_by(account)
            )
        case "CreateDBInstance":
            group = rds(account, "pg", "default.aurora-postgresql16")
            for resource in (member, cluster, group, *around):
                yield Request("rds:CreateDBInstance", resource, made)
            yield Request("rds:AddTagsToResource", member, made)
        case "ModifyDBCluster":
            yield Request("rds:ModifyDBCluster", cluster, OURS)
            yield Request("rds:ModifyDBInstance", member, OURS)
            if "EngineVersion" in p:
                yield from _groups("ModifyDBCluster", p, account)
                return
            secret = f"arn:aws:secretsmanager:{REGION}:{account}:secret:rds!cluster-12-AbCdEf"
            for action in ("secretsmanager:CreateSecret", "secretsmanager:TagResource"):
                yield Request(action, secret)
            yield Request("kms:DescribeKey", key_of(account, "managed-by-aws"), owned_by(account))
        case "DeleteDBCluster":
            final = rds(account, "cluster-snapshot", "restorecheck-x")
            yield Request("rds:DeleteDBCluster", cluster, OURS)
            yield Request("rds:DeleteDBCluster", final, OURS)
            yield Request("rds:DeleteDBInstance", member, OURS)
        case "StartDBCluster" | "StopDBCluster":
            yield Request(f"rds:{operation}", cluster, OURS)
        case _:
            raise AssertionError(f"nobody has said what rds:{operation} asks of IAM")


def _dynamodb(operation: str, stack: Stack) -> Iterator[Request]:
    table = stack.arn("DrillTable")
    drill = {"dynamodb:LeadingKeys": ["drill#20260226-031500-abc123"]}
    match operation:
        case "TransactWriteItems":
            yield Request("dynamodb:PutItem", table)
            yield Request("dynamodb:UpdateItem", table)
        case "Query":
            yield Request("dynamodb:Query", table)
        case _:
            yield Request(f"dynamodb:{operation}", table, drill)
