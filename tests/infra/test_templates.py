"""The templates, resolved: what ships is what is held against these rules."""

import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from moto.events.models import EventPattern

from restorecheck.aws.deployment.large_readings import EXPIRES
from restorecheck.aws.deployment.stores import INDEX
from restorecheck.hosts.functions import metrics
from restorecheck.hosts.functions.stepper import LONGEST_DRILL, LONGEST_WAIT
from tests.contract.aws_store import make_table
from tests.infra.resolving import (
    INFRA,
    Stack,
    backup_stack,
    backup_stack_in,
    source_stack,
    source_stack_in,
)

OWN_VPC = {
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "BackupKeyArn": "arn:aws:kms:eu-west-1:222222222222:key/own",
    "AlarmEmail": "oncall@example.org",
    "DynamoDbPrefixListId": "pl-6da54004",
}
PLAN_ARN = "arn:aws:backup:eu-west-1:222222222222:restore-testing-plan:nightly-0a1b2c3d"
ADOPTING = {
    "RestoreTestingPlanArns": PLAN_ARN,
    "DatabaseSecretArns": "arn:aws:secretsmanager:eu-west-1:222222222222:secret:reader-AbCdEf",
    "IamUser": "restorecheck",
}
ADOPTING_ONLY = {**ADOPTING, "SourceAccountId": "", "ExternalId": "", "TransitKeyArn": ""}
BUS_ARN = "arn:aws:events:eu-west-1:222222222222:event-bus/restorecheck-snapshots"
SECOND = "eu-central-1"
STACKS = {
    "source": source_stack(),
    "source, own key": source_stack(TransitKeyArn="arn:aws:kms:eu-west-1:111111111111:key/own"),
    "backup": backup_stack(),
    "backup, own network": backup_stack(**OWN_VPC),
    "backup, adopting": backup_stack(**ADOPTING),
    "backup, events": backup_stack(SnapshotEvents="true"),
    "source, events": source_stack(SnapshotBusArn=BUS_ARN),
    "adopting only": backup_stack(**ADOPTING_ONLY),
    "source, second region": source_stack_in(SECOND, NameSuffix=f"-{SECOND}"),
    "backup, second region": backup_stack_in(
        SECOND, NameSuffix=f"-{SECOND}", SnapshotEvents="true", **ADOPTING
    ),
}


@pytest.fixture(params=STACKS, ids=list(STACKS))
def stack(request) -> Stack:
    return STACKS[request.param]


def statements(stack):
    """Every statement of every policy, with where it stands."""
    for name, resource in stack.resources.items():
        for found in _statements_in(resource["Properties"]):
            yield name, found


def _statements_in(value):
    if isinstance(value, dict):
        if "Statement" in value:
            yield from listed(value["Statement"])
        for item in value.values():
            yield from _statements_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _statements_in(item)


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", sorted(path.name for path in INFRA.glob("*.yaml")))
def test_cloudformation_reads_no_aliases(name):
    """The service refuses YAML aliases (CloudFormation user guide, "Template format")."""
    text = (INFRA / name).read_text()

    assert [e for e in yaml.parse(text) if isinstance(e, yaml.AliasEvent)] == []


def test_every_parameter_is_described_and_checked(stack):
    for name, parameter in stack.raw["Parameters"].items():
        assert len(parameter["Description"]) > 20, name
        kind = parameter["Type"]
        checked = {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter)
        assert checked or kind == "CommaDelimitedList", name


def test_what_holds_data_or_keys_is_retained(stack):
    for name, resource in stack.resources.items():
        if resource["Type"] in {"AWS::KMS::Key", "AWS::DynamoDB::Table", "AWS::S3::Bucket"}:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


def test_what_is_retained_has_no_name_that_the_next_deployment_would_find_taken(stack):
    for name, resource in stack.resources.items():
        if resource.get("DeletionPolicy", "Delete") != "Delete":
            fixed = {"TableName", "BucketName", "AliasName"} & set(resource["Properties"])
            assert not fixed, name


def test_a_first_deployment_that_fails_can_take_its_table_back():
    assert STACKS["backup"].properties("DrillTable")["DeletionProtectionEnabled"] == "false"
    kept = backup_stack(ProtectTable="true")
    assert kept.properties("DrillTable")["DeletionProtectionEnabled"] == "true"


@pytest.mark.parametrize("name", sorted(path.name for path in INFRA.glob("*.yaml")))
def test_no_arn_is_of_one_partition(name):
    assert re.findall(r"arn:aws:\S*", (INFRA / name).read_text()) == []


def test_no_concurrency_is_taken_from_an_account_that_may_have_ten():
    for function in STACKS["backup"].of_type("AWS::Lambda::Function").values():
        assert "ReservedConcurrentExecutions" not in function


def test_endpoints_let_the_checkers_role_through_and_nobody_else():
    """A role as principal of a gateway endpoint is let through by nobody (AWS PrivateLink Guide)."""
    backup = STACKS["backup"]
    for endpoint in backup.of_type("AWS::EC2::VPCEndpoint").values():
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        assert statement["Principal"] == "*"
        condition = statement["Condition"]
        assert condition == {"ArnEquals": {"aws:PrincipalArn": backup.arn("CheckerRole")}}


def test_a_machine_that_delivers_logs_has_a_role_that_waits_for_nothing():
    """A role of a moment ago is not known everywhere, and the right is looked at with the machine."""
    backup = STACKS["backup"]
    for name in ("DrillMachine", "NightlyMachine"):
        role = backup.raw["Resources"][f"{name}Role"]["Properties"]
        assert "GetAtt" not in str(role), name
        assert [p["PolicyDocument"]["Statement"][0]["Sid"] for p in role["Policies"]] == [
            "DeliverLogs"
        ]
        assert backup.resources[name]["DependsOn"] == f"{name}Policy"


def test_a_copy_into_another_region_uses_the_transit_key_through_rds_of_both():
    far = backup_stack(
        TransitKeyArn="arn:aws:kms:us-east-1:111111111111:key/own",
        SecretKeyArn="arn:aws:kms:eu-west-1:222222222222:key/secrets",
    )
    both = ["rds.eu-west-1.amazonaws.com", "rds.us-east-1.amazonaws.com"]
    sids = {s["Sid"]: s for s in far.policy("StepperRole")}
    for sid in ("UseTransitKeyThroughRds", "GrantTransitKeyToRdsOnly"):
        assert sids[sid]["Condition"]["StringEquals"]["kms:ViaService"] == both

    source = source_stack(BackupRegion="us-east-1")
    policy = source.properties("TransitKey")["KeyPolicy"]["Statement"]
    bound = [s["Condition"]["StringEquals"] for s in policy if "Condition" in s]
    assert bound == [{"kms:ViaService": both}] * 2


def test_an_own_key_of_the_secrets_is_used_by_the_stepper_and_read_by_the_checker():
    key = "arn:aws:kms:eu-west-1:222222222222:key/secrets"
    own = backup_stack(SecretKeyArn=key)
    stepper = {s["Sid"]: s for s in own.policy("StepperRole")}
    checker = {s["Sid"]: s for s in own.policy("CheckerRole")}

    assert stepper["UseTheKeyOfSecrets"]["Resource"] == key
    assert stepper["DescribeTheKeyOfSecrets"]["Resource"] == key
    assert checker["ReadUnderTheKeyOfSecrets"]["Resource"] == key
    assert "ReadUnderTheKeyOfSecrets" not in str(STACKS["backup"].policy("CheckerRole"))


@pytest.mark.parametrize("wrong", ["*", "arn:aws:kms:eu-west-1:111111111111:key/*"])
def test_the_keys_of_the_source_role_are_named_one_by_one(wrong):
    with pytest.raises(AssertionError, match="SourceKeyArns"):
        source_stack(SourceKeyArns=wrong)
    used = [s for s in source_stack().policy("SourceRole") if "kms" in str(s)]
    allowed = [s["Resource"] for s in used if s["Effect"] == "Allow"]
    assert set(allowed) == {source_stack().outputs["TransitKeyArn"]}


def test_buckets_are_private_versioned_encrypted_and_speak_tls_only(stack):
    policies = {
        policy["Bucket"]: policy["PolicyDocument"]["Statement"]
        for policy in stack.of_type("AWS::S3::BucketPolicy").values()
    }
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        (denial,) = policies[stack.physical(name)]
        assert denial["Effect"] == "Deny"
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert listed(denial["Resource"]) == [stack.arn(name), f"{stack.arn(name)}/*"]


def test_no_way_in_from_anywhere_and_databases_have_no_way_out(stack):
    groups = stack.of_type("AWS::EC2::SecurityGroup")
    for name, group in groups.items():
        for rule in group.get("SecurityGroupIngress", []):
            assert "CidrIp" not in rule, name
        assert group["SecurityGroupEgress"], f"{name}: CloudFormation would add a way out"
        assert all(r["CidrIp"] == "255.255.255.255/32" for r in group["SecurityGroupEgress"])
    for name, rule in stack.of_type("AWS::EC2::SecurityGroupIngress").items():
        assert "SourceSecurityGroupId" in rule, name
    database = stack.physical("DatabaseSecurityGroup") if groups else ""
    for name, rule in stack.of_type("AWS::EC2::SecurityGroupEgress").items():
        assert rule["GroupId"] != database, name
    if "DatabaseFromChecker" in stack.resources:
        rule = stack.properties("DatabaseFromChecker")
        assert rule["SourceSecurityGroupId"] == stack.physical("CheckerSecurityGroup")


def test_the_vpc_that_is_made_has_no_way_to_the_internet():
    kinds = {resource["Type"] for resource in STACKS["backup"].resources.values()}

    assert not kinds & {
        "AWS::EC2::InternetGateway",
        "AWS::EC2::NatGateway",
        "AWS::EC2::Route",
        "AWS::EC2::TransitGatewayAttachment",
        "AWS::EC2::EIP",
    }
    subnets = STACKS["backup"].of_type("AWS::EC2::Subnet").values()
    assert {subnet["MapPublicIpOnLaunch"] for subnet in subnets} == {False}
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    assert len({subnet["CidrBlock"] for subnet in subnets}) == 2


def test_with_an_own_network_none_is_made():
    own = STACKS["backup, own network"]

    assert own.of_type("AWS::EC2::VPC") == {}
    assert own.properties("Checker")["VpcConfig"]["SubnetIds"] == OWN_VPC["SubnetIds"].split(",")
    assert own.properties("CheckerToDynamoDb")["DestinationPrefixListId"] == "pl-6da54004"
    assert "CidrIp" not in own.properties("CheckerToDynamoDb")


def test_only_the_checker_is_in_the_network():
    functions = STACKS["backup"].of_type("AWS::Lambda::Function")

    assert [name for name, function in functions.items() if "VpcConfig" in function] == ["Checker"]


def test_functions_that_nobody_waits_for_keep_what_failed(stack):
    for name in {"Sweeper", "Adopter", "Notifier"} & set(stack.resources):
        queue = stack.properties(name)["DeadLetterConfig"]["TargetArn"]
        assert queue == stack.arn("DeadLetters"), name
    for schedule in stack.of_type("AWS::Scheduler::Schedule").values():
        assert schedule["Target"]["DeadLetterConfig"]["Arn"] == stack.arn("DeadLetters")


def test_no_statement_allows_everything(stack):
    for name, statement in statements(stack):
        if statement["Effect"] != "Allow" or statement.get("Sid") == "AccountAdministers":
            continue
        for action in listed(statement["Action"]):
            assert not re.fullmatch(r"\*|[a-z0-9]+:\*", action), (name, statement)
        assert "NotAction" not in statement
        assert "NotResource" not in statement


def test_what_is_allowed_on_every_resource_only_looks(stack):
    harmless = re.compile(
        r"(rds|ec2):Describe\w+|secretsmanager:ListSecrets|logs:\w+|kms:DescribeKey"
        r"|backup:(DescribeRestoreJob|PutRestoreValidationResult)"
    )
    for name, statement in statements(stack):
        resources = listed(statement.get("Resource", []))
        if statement["Effect"] == "Allow" and "*" in resources and "Principal" not in statement:
            # Of the checker's interfaces: Lambda alone, another statement denies it to the code.
            bound = "Condition" in statement or statement["Sid"] == "LambdaMakesInterfaces"
            for action in listed(statement["Action"]):
                assert harmless.fullmatch(action) or bound, (name, action)


def test_the_checker_has_no_right_in_rds_and_the_stepper_reads_no_secret():
    backup = STACKS["backup"]
    allowed = {
        action
        for statement in backup.policy("CheckerRole")
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    }
    assert {action for action in allowed if not action.startswith(("ec2:", "logs:"))} == {
        "secretsmanager:GetSecretValue",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
    }
    (denial,) = [s for s in backup.policy("StepperRole") if s["Sid"] == "ReadNoSecret"]
    assert (denial["Effect"], denial["Resource"]) == ("Deny", "*")


def test_functions_log_to_groups_that_end_and_only_to_their_own():
    backup = STACKS["backup"]
    for name, function in backup.of_type("AWS::Lambda::Function").items():
        group = backup.properties(f"{name}Logs")
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
        assert group["RetentionInDays"] > 0
        assert backup.resources[name]["DependsOn"] == f"{name}Logs"


def test_every_alarm_goes_to_the_topic_and_silence_is_one():
    backup = STACKS["backup"]
    alarms = backup.of_type("AWS::CloudWatch::Alarm")
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [backup.arn("Topic")], name
    breaching = [n for n, a in alarms.items() if a["TreatMissingData"] == "breaching"]
    assert breaching == ["NotProvenAlarm"]
    watched = {alarm["MetricName"] for alarm in alarms.values()}
    assert {
        "FailedTargets",
        "InconclusiveTargets",
        "DrillsWithLeftovers",
        "OverdueTargets",
        "Orphans",
        "Errors",
    } <= watched
    assert {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"} <= watched


def test_alarms_watch_metrics_that_somebody_writes():
    text = Path(metrics.__file__).read_text()
    for name, alarm in STACKS["backup"].of_type("AWS::CloudWatch::Alarm").items():
        if alarm["Namespace"] == metrics.NAMESPACE:
            word = alarm["MetricName"]
            written = f'"{word}"' in text or word in {"Verified", "Failed", "Inconclusive"}
            assert written, name
            assert alarm["Dimensions"] == [{"Name": "service", "Value": metrics.SERVICE}]


def test_an_alarm_that_tells_people_that_all_is_well_is_about_a_state():
    """One about an event ends with its hour."""
    backup = STACKS["backup"]
    text = Path(metrics.__file__).read_text()
    every_hour = text[text.index("def of_sweep") :]
    for name, alarm in backup.of_type("AWS::CloudWatch::Alarm").items():
        if "OKActions" in alarm:
            assert f'"{alarm["MetricName"]}"' in every_hour, name
            assert alarm["Statistic"] == "Maximum", name
            # Silence changes nothing, but for the alarm on silence.
            expected = "breaching" if name == "NotProvenAlarm" else "ignore"
            assert alarm["TreatMissingData"] == expected, name


def test_a_machine_outlasts_the_longest_drill_and_its_teardown():
    drill = STACKS["backup"].definition("DrillMachine")["TimeoutSeconds"]
    nightly = STACKS["backup"].definition("NightlyMachine")["TimeoutSeconds"]

    assert drill >= 2 * LONGEST_DRILL.total_seconds()
    assert nightly >= 2 * drill
    # Looks of 11 events each, at most so many a drill; an execution may have 25,000.
    assert 11 * drill / LONGEST_WAIT.total_seconds() < 25_000


def test_the_page_counts_the_alarms_that_are_paid_for():
    guide = (INFRA.parent / "docs/how-to/deploy.md").read_text()
    (count,) = re.findall(r"(\d+) alarms", guide)

    assert int(count) == len(STACKS["backup"].of_type("AWS::CloudWatch::Alarm"))


def test_schedules_start_what_they_should_and_lose_nothing():
    backup = STACKS["backup"]
    nightly = backup.properties("NightlySchedule")
    hourly = backup.properties("SweepSchedule")

    assert nightly["Target"]["Arn"] == backup.arn("NightlyMachine")
    assert hourly["Target"]["Arn"] == backup.arn("Sweeper")
    for schedule in (nightly, hourly):
        assert schedule["Target"]["DeadLetterConfig"]["Arn"] == backup.arn("DeadLetters")
        json.loads(schedule["Target"]["Input"])
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", nightly["ScheduleExpression"])
    ZoneInfo(nightly["ScheduleExpressionTimezone"])


def test_the_dashboard_is_json():
    body = json.loads(STACKS["backup"].properties("Dashboard")["DashboardBody"])

    assert len(body["widgets"]) == 4


def test_the_table_is_the_one_that_the_store_expects():
    table = STACKS["backup"].properties("DrillTable")

    class Recorder:
        def create_table(self, **made):
            self.made = made

    recorder = Recorder()
    make_table(recorder, "x")
    for key in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode"):
        assert table[key] == recorder.made[key]
    assert table["GlobalSecondaryIndexes"][0]["IndexName"] == INDEX
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert table["TimeToLiveSpecification"] == {"AttributeName": EXPIRES, "Enabled": True}


@pytest.mark.parametrize("region", ["", ", second region"])
def test_names_of_roles_are_those_that_the_source_account_trusts(region):
    source, backup = STACKS[f"source{region}"], STACKS[f"backup{region}"]
    (trust,) = source.properties("SourceRole")["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [
        backup.arn("StepperRole"),
        backup.arn("SweeperRole"),
    ]
    (enter,) = [s for s in backup.policy("StepperRole") if s["Sid"] == "EnterTheSourceAccount"]
    assert enter["Resource"] == source.arn("SourceRole")


def global_names(stack):
    """Of what has no region: IAM, and the dashboards of CloudWatch (its API, PutDashboard)."""
    roles = {role["RoleName"] for role in stack.of_type("AWS::IAM::Role").values()}
    boards = stack.of_type("AWS::CloudWatch::Dashboard").values()
    return roles | {f"dashboard {board['DashboardName']}" for board in boards}


def test_a_stack_in_a_second_region_takes_no_name_of_the_firsts():
    first = backup_stack(SnapshotEvents="true", **ADOPTING)
    second = STACKS["backup, second region"]

    assert {f"{name}-{SECOND}" for name in global_names(first)} == global_names(second)
    first, second = STACKS["source, events"], STACKS["source, second region"]
    assert global_names(second) == {f"restorecheck-source-{SECOND}"}
    assert global_names(first) == {"restorecheck-source", "restorecheck-snapshot-events"}


def test_the_first_stack_has_the_names_that_it_has_always_had():
    parts = (
        *("stepper", "checker", "planner", "sweeper", "adopter", "notifier"),
        *("drill", "nightly", "scheduler", "snapshot-events"),
    )
    found = global_names(backup_stack(SnapshotEvents="true", **ADOPTING))

    assert found == {f"restorecheck-{part}" for part in parts} | {"dashboard restorecheck"}


@pytest.mark.parametrize("name", ["source, second region", "backup, second region"])
def test_the_roles_of_a_region_have_no_right_in_another(name):
    """But for what was given as a parameter, and the source account's snapshots, which may be of another region."""
    given = json.dumps([*STACKS[name].parameters.values()])
    for where, statement in statements(STACKS[name]):
        for resource in listed(statement.get("Resource", [])):
            region = resource.split(":")[3] if resource.startswith("arn:") else ""
            if region not in {"", SECOND} and resource not in given:
                assert statement["Sid"] == "CopyIn", (where, statement)
                assert resource == "arn:aws:rds:*:111111111111:snapshot:restorecheck-*"


def test_resource_names_are_those_of_the_handlers():
    for name, function in STACKS["backup"].of_type("AWS::Lambda::Function").items():
        module, _, attribute = function["Handler"].partition(".")
        assert (INFRA.parent / "lambda" / f"{module}.py").exists(), name
        assert attribute == "handler"
        assert function["Code"] == f"{module}.zip"


# --- what AWS Backup restores -----------------------------------------------------------------


def test_a_stack_for_restores_of_others_alone_can_copy_and_restore_nothing():
    alone = STACKS["adopting only"]

    allowed = {
        action
        for role in (
            "StepperRole",
            "CheckerRole",
            "PlannerRole",
            "SweeperRole",
            "AdopterRole",
            "NotifierRole",
        )
        for statement in alone.policy(role)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    }
    assert not {a for a in allowed if a.startswith(("kms:", "sts:"))}
    changing = {a for a in allowed if a.startswith("rds:") and not re.match(r"rds:D[eo]\w+", a)}
    assert changing == {"rds:StopDBInstance"}, "the sweeper's, on what is ours alone"
    assert {"rds:DeleteDBInstance", "rds:DeleteDBSnapshot"} <= allowed, "the same"
    assert "NightlySchedule" not in alone.resources
    assert alone.of_type("AWS::KMS::Key") == {}


def test_the_rule_selects_by_status_which_is_what_the_events_have():
    rule = STACKS["backup, adopting"].properties("RestoreRule")

    pattern = rule["EventPattern"]
    assert pattern["detail"]["status"] == ["COMPLETED", "FAILED", "ABORTED"]
    assert "state" not in pattern["detail"]
    assert pattern["detail"]["restoreTestingPlanArn"] == [PLAN_ARN]
    assert (pattern["source"], pattern["detail-type"]) == (
        ["aws.backup"],
        ["Restore Job State Change"],
    )


def finished_snapshot(**changes):
    """As the RDS User Guide shows it ("Overview of events for Amazon RDS")."""
    name = "rds:courses-prod-2026-02-27-03-00"
    detail = {
        "EventCategories": ["creation"],
        "SourceType": "SNAPSHOT",
        "SourceArn": f"arn:aws:rds:eu-west-1:111111111111:snapshot:{name}",
        "Date": "2026-02-27T03:04:13.882Z",
        "SourceIdentifier": name,
        "Message": "Automated snapshot created",
        "EventID": "RDS-EVENT-0091",
    }
    event = {
        "version": "0",
        "detail-type": "RDS DB Snapshot Event",
        "source": "aws.rds",
        "account": "111111111111",
        "region": "eu-west-1",
        "time": "2026-02-27T03:04:13Z",
        "resources": [detail["SourceArn"]],
    }
    return event | {"detail": detail | changes}


@pytest.mark.parametrize("name", ["source, events", "backup, events"])
def test_finished_automated_snapshots_and_no_others_are_told_of(name):
    pattern = STACKS[name].properties("SnapshotRule")["EventPattern"]
    matches = EventPattern.load(json.dumps(pattern)).matches_event

    assert matches(finished_snapshot())
    cluster = {"detail-type": "RDS DB Cluster Snapshot Event"}
    assert matches(finished_snapshot(EventID="RDS-EVENT-0169") | cluster)
    assert not matches(finished_snapshot(EventID="RDS-EVENT-0090"))  # it only begins
    assert not matches(finished_snapshot(EventID="RDS-EVENT-0042"))  # a manual one
    assert not matches(finished_snapshot(SourceIdentifier="restorecheck-1"))


def test_events_of_snapshots_come_from_the_source_account_and_rds_alone_and_start_the_night():
    source, backup = STACKS["source, events"], STACKS["backup, events"]
    (there,) = source.properties("SnapshotRule")["Targets"]
    (here,) = backup.properties("SnapshotRule")["Targets"]
    bus = backup.properties("SnapshotBusPolicy")["Statement"]

    assert there["Arn"] == backup.arn("SnapshotBus") == backup.outputs["SnapshotBusArn"] == BUS_ARN
    assert bus["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert bus["Condition"] == {"StringEquals": {"events:source": "aws.rds"}}
    assert backup.properties("SnapshotRule")["EventPattern"]["account"] == ["111111111111"]
    assert here["Arn"] == backup.arn("NightlyMachine")
    assert here["DeadLetterConfig"]["Arn"] == backup.arn("DeadLetters")
    (kept,) = backup.properties("DeadLettersPolicy")["PolicyDocument"]["Statement"]
    assert backup.arn("SnapshotRule") in kept["Condition"]["ArnEquals"]["aws:SourceArn"]
    for stack, target, allowed in (
        (source, there, "events:PutEvents"),
        (backup, here, "states:StartExecution"),
    ):
        assert target["RoleArn"] == stack.arn("SnapshotEventsRole")
        (statement,) = stack.policy("SnapshotEventsRole")
        assert (statement["Action"], statement["Resource"]) == (allowed, target["Arn"])


def test_the_schedule_stays_beside_events_and_without_the_parameter_there_are_none():
    assert "NightlySchedule" in STACKS["backup, events"].resources
    assert not {name for name in STACKS["backup"].resources if name.startswith("Snapshot")}
    assert not {name for name in STACKS["source"].resources if name.startswith("Snapshot")}


def test_an_event_that_cannot_be_delivered_is_kept():
    stack = STACKS["backup, adopting"]
    (target,) = stack.properties("RestoreRule")["Targets"]
    (statement,) = stack.properties("DeadLettersPolicy")["PolicyDocument"]["Statement"]

    assert target["Arn"] == stack.arn("Adopter")
    assert target["DeadLetterConfig"]["Arn"] == stack.arn("DeadLetters")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    rules = [stack.arn("DrillEndedRule"), stack.arn("RestoreRule")]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == rules
    permission = stack.properties("AdopterPermission")
    assert permission["SourceArn"] == stack.arn("RestoreRule")


def test_the_page_of_a_drill_is_written_however_its_execution_ended():
    stack = STACKS["backup"]
    rule = stack.properties("DrillEndedRule")
    (target,) = rule["Targets"]

    assert rule["EventPattern"]["source"] == ["aws.states"]
    assert rule["EventPattern"]["detail"] == {
        "stateMachineArn": [stack.arn("DrillMachine")],
        "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
    }
    assert target["Arn"] == stack.arn("Notifier")
    assert target["DeadLetterConfig"]["Arn"] == stack.arn("DeadLetters")
    assert stack.properties("NotifierPermission")["SourceArn"] == stack.arn("DrillEndedRule")
    hourly = stack.properties("PagesSchedule")
    assert hourly["Target"]["Arn"] == stack.arn("Notifier")
    invoked = next(s for s in stack.policy("SchedulerRole") if s["Sid"] == "SweepAndWritePages")
    assert stack.arn("Notifier") in invoked["Resource"]


def test_without_a_plan_nobody_adopts():
    kinds = {name for name in STACKS["backup"].resources if "Adopt" in name or "Restore" in name}

    assert kinds == set()
