"""The policy for one role (docs/reference/aws-permissions.md) says what the templates say: every
action on every resource in every context that somebody might ask in, not only what a drill does.
"""

import itertools
from dataclasses import replace

import pytest

from restorecheck.rules.advised import backup_policy, source_policy
from restorecheck.rules.permissions import (
    Names,
    asks_of_backup,
    asks_of_source,
    granting,
    through_rds,
)
from restorecheck.rules.policies import Decision, Request, evaluate
from tests.iam.requests import PRODUCTION_KEY, key_of, owned_by
from tests.infra.resolving import BACKUP, REGION, SOURCE, backup_stack, source_stack

ABROAD = "us-east-1"
TRANSIT = f"arn:aws:kms:{ABROAD}:{SOURCE}:key/transit"
SECRETS = key_of(BACKUP, "secrets")
PLACES = {
    "one region": ({}, {}, REGION, ""),
    "two regions": ({"TransitKeyArn": TRANSIT}, {"TransitKeyArn": TRANSIT}, ABROAD, ""),
    "an own key of the secrets": ({}, {"SecretKeyArn": SECRETS}, REGION, SECRETS),
}


def worlds(place, more=None):
    of_source, of_backup, region, secret_key = PLACES[place]
    given = of_source | (more or {})
    source = replace(source_stack(SourceKeyArns=PRODUCTION_KEY, **given), region=region)
    backup = backup_stack(**of_backup, **(more or {}))
    names = Names(
        target="courses",
        partition="aws",
        source_account=SOURCE,
        backup_account=BACKUP,
        region=region,
        backup_region=REGION,
        role_arn=source.arn("SourceRole"),
        instance="courses-prod",
        transit_key=source.outputs["TransitKeyArn"],
        production_key=PRODUCTION_KEY,
        backup_key=backup.outputs["BackupKeyArn"],
        secret_key=secret_key,
        subnet_group="restorecheck",
    )
    return source, backup, names


CLUSTERS = (
    *("AddTagsToResource", "CopyDBClusterSnapshot", "CreateDBCluster", "CreateDBInstance"),
    *("DeleteDBCluster", "DeleteDBClusterSnapshot", "DeleteDBInstance", "DescribeDBClusters"),
    *("DescribeDBClusterSnapshotAttributes", "DescribeDBClusterSnapshots", "FailoverDBCluster"),
    *("ModifyDBCluster", "ModifyDBClusterSnapshotAttribute", "ModifyDBInstance", "StopDBCluster"),
    *("RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime", "StartDBCluster"),
    "DescribeDBClusterParameters",
)
OF_CLUSTERS = (
    *("cluster:restorecheck-x", "cluster:warehouse", "cluster-snapshot:restorecheck-x"),
    *("cluster-snapshot:warehouse", "cluster-snapshot:rds:courses-prod-2026-02-26"),
    *("db:restorecheck-x", "db:warehouse", "cluster-pg:mine", "subgrp:restorecheck"),
    *("subgrp:public", "og:default:aurora-postgresql-16", "og:mine"),
)
RDS = (
    *("AddTagsToResource", "CopyDBSnapshot", "CreateDBInstance", "CreateDBSnapshot"),
    *("DeleteDBInstance", "DeleteDBSnapshot", "DescribeDBInstances", "DescribeDBLogFiles"),
    *("DescribeDBParameters", "DescribeDBSnapshotAttributes", "DescribeDBSnapshots"),
    *("DescribeEvents", "DownloadDBLogFilePortion", "ModifyDBInstance", "ModifyDBSnapshot"),
    *("ModifyDBSnapshotAttribute", "PromoteReadReplica", "RebootDBInstance"),
    *("RemoveTagsFromResource", "RestoreDBInstanceFromDBSnapshot", "StartDBInstance"),
    *("StartExportTask", "StopDBInstance"),
)
OF_RDS = (
    *("db:restorecheck-x", "db:warehouse", "snapshot:restorecheck-x", "snapshot:warehouse"),
    *("snapshot:rds:courses-prod-2026-02-26", "subgrp:restorecheck", "subgrp:public"),
    *("pg:default.postgres17", "og:default:postgres-17", "og:mine", "cluster:restorecheck-x"),
)
TAGS: tuple[dict[str, str], ...] = (
    {},
    {"aws:RequestTag/restorecheck:managed": "true"},
    {"aws:ResourceTag/restorecheck:managed": "true"},
    {"aws:RequestTag/restorecheck:managed": "true", "rds:PubliclyAccessible": "true"},
    {"aws:RequestTag/restorecheck:managed": "true", "rds:PubliclyAccessible": "false"},
)
KMS = (
    *("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "PutKeyPolicy"),
    *("GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "ScheduleKeyDeletion"),
)
SECRET_ACTIONS = ("CreateSecret", "GetSecretValue", "ListSecrets", "PutSecretValue", "TagResource")


def of_rds(names):
    for make in (names.in_source, names.in_backup):
        arns = [make(*one.split(":", 1)) for one in OF_RDS]
        for action, arn, context in itertools.product(RDS, arns, TAGS):
            yield f"rds:{action}", arn, context


def of_keys(names):
    contexts = (
        {},
        {"kms:GrantIsForAWSResource": "true"},
        *(through_rds(region) for region in names.regions),
        *(granting(region) for region in names.regions),
        {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"},
    )
    keys = (*names.source_keys, names.backup_key, SECRETS, key_of("999999999999", "mine"))
    for action, key, context in itertools.product(KMS, keys, contexts):
        yield f"kms:{action}", key, context | owned_by(key.split(":")[4])


def of_others(names):
    made = names.secret("rds!db-1-AbCdEf")
    for name in ("db:restorecheck-x", "db:warehouse"):
        tag = {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": names.in_backup(*name.split(":"))}
        for action, secret in itertools.product(SECRET_ACTIONS, (made, names.secret("other"))):
            yield f"secretsmanager:{action}", secret, tag
    for role in (names.role_arn, f"arn:aws:iam::{SOURCE}:role/admin"):
        yield "sts:AssumeRole", role, {}
        yield "iam:PutRolePolicy", role, {}


def of_clusters(names):
    for make in (names.in_source, names.in_backup):
        arns = [make(*one.split(":", 1)) for one in OF_CLUSTERS]
        for action, arn, context in itertools.product(CLUSTERS, arns, TAGS):
            yield f"rds:{action}", arn, context
    made = names.secret("rds!cluster-1-AbCdEf")
    for name in ("cluster:restorecheck-x", "cluster:warehouse"):
        tag = {"aws:ResourceTag/aws:rds:primaryDBClusterArn": names.in_backup(*name.split(":"))}
        for action, secret in itertools.product(SECRET_ACTIONS, (made, names.secret("other"))):
            yield f"secretsmanager:{action}", secret, tag


def asked(names):
    groups = (of_rds(names), of_clusters(names), of_keys(names), of_others(names))
    for action, resource, context in itertools.chain(*groups):
        yield Request(action, resource, {key.lower(): value for key, value in context.items()})


def allows(statements, request):
    return evaluate([{"Statement": statements}], request) is Decision.ALLOWED


@pytest.mark.parametrize("place", PLACES)
def test_the_role_in_the_source_account_may_do_what_the_template_lets_it(place):
    source, _, names = worlds(place)
    advised = source_policy(names)["Statement"]
    requests = [*asked(names)]

    differing = [
        r for r in requests if allows(advised, r) is not allows(source.policy("SourceRole"), r)
    ]
    assert "\n".join(f"{r.action} on {r.resource} {r.context}" for r in differing) == ""
    assert sum(allows(advised, r) for r in requests) > 30


@pytest.mark.parametrize("place", PLACES)
def test_one_role_in_the_backup_account_may_do_what_the_templates_three_may(place):
    _, backup, names = worlds(place)
    advised = backup_policy(names)["Statement"]
    roles = [backup.policy(role) for role in ("StepperRole", "CheckerRole", "SweeperRole")]
    requests = [*asked(names)]

    differing = [
        r for r in requests if allows(advised, r) is not any(allows(role, r) for role in roles)
    ]
    assert "\n".join(f"{r.action} on {r.resource} {r.context}" for r in differing) == ""
    assert sum(allows(advised, r) for r in requests) > 50


def test_with_aurora_the_templates_let_do_what_both_advised_policies_do():
    aurora = {"Aurora": "true"}
    source, backup, names = worlds("one region", aurora)
    roles = [backup.policy(role) for role in ("StepperRole", "CheckerRole", "SweeperRole")]
    here, there = (
        [policy(replace(names, aurora=one))["Statement"] for one in (False, True)]
        for policy in (source_policy, backup_policy)
    )
    for advised, given in ((here, [source.policy("SourceRole")]), (there, roles)):
        differing = [
            r
            for r in asked(names)
            if any(allows(one, r) for one in advised) is not any(allows(one, r) for one in given)
        ]
        assert "\n".join(f"{r.action} on {r.resource} {r.context}" for r in differing) == ""
        more = [r for r in asked(names) if allows(advised[1], r) and not allows(advised[0], r)]
        assert len(more) > 15


UPGRADES = (
    *("ModifyDBInstance", "ModifyDBCluster", "ModifyDBParameterGroup", "DeleteDBParameterGroup"),
    *("ModifyOptionGroup", "DescribeDBEngineVersions"),
)
GROUPS = (
    *("pg:default.postgres18", "pg:mine", "cluster-pg:default.aurora-postgresql18"),
    *("cluster-pg:mine", "og:default:postgres-18", "og:mine", "db:warehouse", "cluster:warehouse"),
)


def of_upgrades(names):
    for action, arn, context in itertools.product(UPGRADES, GROUPS, TAGS):
        keys = {key.lower(): value for key, value in context.items()}
        yield Request(f"rds:{action}", names.in_backup(*arn.split(":", 1)), keys)


@pytest.mark.parametrize("rehearses", [False, True])
def test_with_rehearsals_the_templates_let_do_what_the_advised_policies_do(rehearses):
    _, _, names = worlds("one region")
    backup = backup_stack(Aurora="true", RehearseUpgrades=str(rehearses).lower())
    roles = [backup.policy(role) for role in ("StepperRole", "CheckerRole", "SweeperRole")]
    names = replace(names, rehearses=rehearses)
    advised = [backup_policy(replace(names, aurora=one))["Statement"] for one in (False, True)]

    requests = [*asked(names), *of_upgrades(names)]
    allowed = [r for r in requests if any(allows(role, r) for role in roles)]

    assert allowed == [r for r in requests if any(allows(one, r) for one in advised)]
    named = {(r.action, r.resource.split(":", 5)[5]) for r in allowed if r in [*of_upgrades(names)]}
    groups = ("pg:default.postgres18", "cluster-pg:default.aurora-postgresql18")
    changed = {
        (f"rds:Modify{what}", group)
        for what in ("DBInstance", "DBCluster")
        for group in (*groups, "og:default:postgres-18")
    }
    read = {("rds:DescribeDBEngineVersions", group) for group in GROUPS}
    assert named == (changed | read if rehearses else set())


def test_without_aurora_no_cluster_may_be_touched():
    source, backup, names = worlds("one region")
    roles = [backup.policy(role) for role in ("StepperRole", "SweeperRole")]
    touching = ("rds:Copy", "rds:Delete", "rds:Modify", "rds:Restore", "rds:Create", "rds:Stop")

    allowed = [
        r
        for r in asked(names)
        if "DBCluster" in r.action
        and r.action.startswith(touching)
        and any(allows(role, r) for role in (source.policy("SourceRole"), *roles))
    ]
    assert allowed == []


@pytest.mark.parametrize("rehearses", [False, True])
@pytest.mark.parametrize("aurora", [False, True])
def test_the_advised_policies_are_what_doctor_asks_for(aurora, rehearses):
    names = replace(worlds("one region")[2], aurora=aurora, rehearses=rehearses)
    for asks, policy in (
        (asks_of_source(names), source_policy(names)),
        (asks_of_backup(names), backup_policy(names)),
    ):
        for ask in asks:
            context = {key.lower(): value for key, value in ask.context.items()}
            for action, resource in itertools.product(ask.actions, ask.resources):
                request = Request(action, resource, context)
                assert allows(policy["Statement"], request) is ask.allowed, request
