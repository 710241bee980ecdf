"""What `doctor` and `audit` say of AWS, at the limits of their rules: facts in, findings out."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.rules import exposure, readiness
from restorecheck.rules.advised import backup_policy, of_groups
from restorecheck.rules.facts import (
    AccountFacts,
    Caller,
    CopyFacts,
    DatabaseFacts,
    KmsKey,
    Principal,
    Quota,
    RdsDatabase,
    RdsFacts,
    Refused,
    Simulated,
    SnapshotFacts,
    Subnet,
    SubnetGroup,
    TargetFacts,
    Unread,
)
from restorecheck.rules.findings import Outcome
from restorecheck.rules.permissions import Names
from restorecheck.rules.policies import Decision
from tests.factories import NOW

OK, PROBLEM, UNSEEN = Outcome.OK, Outcome.PROBLEM, Outcome.NOT_LOOKED_AT
HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
SOURCE, BACKUP = "111111111111", "222222222222"


def outcomes(findings):
    return {finding.rule.id: finding.outcome for finding in findings}


# --- audit -----------------------------------------------------------------------------------------

PRODUCTION = RdsDatabase(
    identifier="courses-prod",
    arn=f"arn:aws:rds:eu-west-1:{SOURCE}:db:courses-prod",
    retention_days=7,
    deletion_protection=True,
    kms_key_id="arn:k",
)
COPY = CopyFacts(
    taken_at=NOW - HOUR, kms_key_id=f"arn:aws:kms:eu-west-1:{BACKUP}:key/k", verified=True
)
TARGET = TargetFacts(
    target="courses",
    max_age=26 * HOUR,
    max_proof_age=30 * HOUR,
    proven_at=None,
    copies=(COPY,),
)


def snapshot(name="nightly", kind="manual", **changes):
    arn = f"arn:aws:rds:eu-west-1:{SOURCE}:snapshot:{name}"
    return replace(SnapshotFacts(arn=arn, kind=kind), **changes)


def audited(**changes: Any):
    facts = DatabaseFacts(
        database=PRODUCTION,
        snapshots=(snapshot(),),
        replicated=False,
        target=TARGET,
        keys=(KmsKey(arn="arn:k", state="Enabled"),),
        principals=(),
    )
    account = AccountFacts(
        account_id=SOURCE,
        region="eu-west-1",
        known_accounts=frozenset({SOURCE, BACKUP}),
        databases=(replace(facts, **changes),),
    )
    return outcomes(exposure.judge(account, NOW))


def test_a_database_that_is_protected_copied_and_proven_has_no_problem():
    assert set(audited().values()) == {OK}


@pytest.mark.parametrize(
    ("rule", "changes", "outcome"),
    [
        ("RC602", {"retention_days": 1}, OK),
        ("RC602", {"retention_days": 0}, PROBLEM),
        ("RC604", {"retention_days": 7}, OK),
        ("RC604", {"retention_days": 6}, PROBLEM),
        ("RC601", {"deletion_protection": False}, PROBLEM),
        ("RC605", {"public": True}, PROBLEM),
    ],
)
def test_a_database_is_looked_at_setting_by_setting(rule, changes, outcome):
    assert audited(database=replace(PRODUCTION, **changes))[rule] is outcome


@pytest.mark.parametrize(
    ("snapshots", "replicated", "outcome"),
    [
        ((snapshot(),), False, OK),
        ((snapshot(kind="awsbackup"),), False, OK),
        ((snapshot("rds:courses-prod-1", "automated"),), False, PROBLEM),
        ((snapshot("rds:courses-prod-1", "automated"),), True, OK),
        ((snapshot("restorecheck-20260227-031500-a1b2c3"),), False, PROBLEM),
        ((), False, PROBLEM),
        (Unread("rds:DescribeDBSnapshots"), False, UNSEEN),
        ((), Unread("rds:DescribeDBInstanceAutomatedBackups"), UNSEEN),
    ],
)
def test_what_goes_with_the_database_and_what_the_next_drill_replaces_survives_nothing(
    snapshots, replicated, outcome
):
    found = audited(snapshots=snapshots, replicated=replicated, target=None)

    assert found["RC603"] is outcome


@pytest.mark.parametrize(
    ("shared_with", "public", "shared"),
    [
        (frozenset(), OK, OK),
        (frozenset({BACKUP}), OK, OK),
        (frozenset({"all"}), PROBLEM, OK),
        (frozenset({"all", BACKUP}), PROBLEM, OK),
        (frozenset({"999999999999"}), OK, PROBLEM),
        (frozenset({"all", "999999999999"}), PROBLEM, PROBLEM),
        (Unread("rds:DescribeDBSnapshotAttributes"), UNSEEN, UNSEEN),
    ],
)
def test_a_snapshot_is_nobody_s_but_ours(shared_with, public, shared):
    found = audited(snapshots=(snapshot("other"), snapshot(shared_with=shared_with)))

    assert (found["RC706"], found["RC707"]) == (public, shared)


@pytest.mark.parametrize(("planned", "outcome"), [(100, OK), (104, PROBLEM)])
def test_the_copies_that_all_targets_keep_must_have_room_together(planned, outcome):
    """Thirteen targets that keep seven copies each need 104 snapshots."""
    assert looked_at(copies_planned=planned)["RC410"] is outcome


@pytest.mark.parametrize(
    ("orderable", "outcome"),
    [
        (frozenset({"gp3", "io1"}), OK),
        (frozenset({"io1"}), OK),
        (frozenset(), PROBLEM),
        (Unread("a right"), UNSEEN),
    ],
)
def test_the_class_must_be_offered_with_productions_version(orderable, outcome):
    production = replace(PRODUCTION, engine="postgres", version="17.5", storage_type="gp3")

    assert looked_at(orderable=orderable, production=production)["RC413"] is outcome


@pytest.mark.parametrize(
    ("age", "outcome"), [(26 * HOUR + DAY, OK), (26 * HOUR + DAY + SECOND, PROBLEM)]
)
def test_a_copy_may_be_as_old_as_its_backup_and_a_day_of_copying(age, outcome):
    target = replace(TARGET, copies=(replace(COPY, taken_at=NOW - age),))

    assert audited(target=target)["RC702"] is outcome


@pytest.mark.parametrize(
    ("age", "verified", "outcome"),
    [
        (56 * HOUR, True, OK),
        (56 * HOUR + SECOND, True, PROBLEM),
        (HOUR, False, PROBLEM),
    ],
)
def test_a_proof_is_that_of_a_verified_copy_and_ages(age, verified, outcome):
    copies = (replace(COPY, taken_at=NOW - age, verified=verified), replace(COPY, verified=False))

    assert audited(target=replace(TARGET, copies=copies))["RC703"] is outcome


@pytest.mark.parametrize(
    ("copies", "outcome"),
    [((COPY,), OK), ((), PROBLEM), (Unread("rds:DescribeDBSnapshots"), UNSEEN)],
)
def test_a_target_without_a_copy_is_no_copy(copies, outcome):
    assert audited(target=replace(TARGET, copies=copies))["RC701"] is outcome


def test_copies_that_hang_on_a_key_of_production_s_account_go_with_it():
    hanging = replace(COPY, kms_key_id=f"arn:aws:kms:eu-west-1:{SOURCE}:key/k")

    assert audited(target=replace(TARGET, copies=(COPY, hanging)))["RC704"] is PROBLEM


@pytest.mark.parametrize(
    ("may", "deleting", "ending"),
    [
        ({"rds:DeleteDBInstance"}, OK, OK),
        ({"rds:DeleteDBSnapshot"}, OK, OK),
        ({"rds:DeleteDBInstance", "rds:DeleteDBSnapshot"}, PROBLEM, OK),
        ({"rds:DeleteDBCluster", "rds:DeleteDBClusterSnapshot"}, OK, OK),
        ({"kms:DisableKey"}, OK, PROBLEM),
        ({"kms:ScheduleKeyDeletion"}, OK, PROBLEM),
    ],
)
def test_who_can_delete_all_of_it_or_end_its_key_is_named(may, deleting, ending):
    somebody = Principal(arn=f"arn:aws:iam::{SOURCE}:user/ann", may=frozenset(may))

    found = audited(principals=(somebody,))

    assert (found["RC801"], found["RC802"]) == (deleting, ending)


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion", "Unavailable"])
def test_one_key_that_is_on_its_way_out_is_enough(state):
    keys = (KmsKey(arn="arn:k", state="Enabled"), KmsKey(arn="arn:l", state=state))

    assert audited(keys=keys)["RC705"] is PROBLEM


def test_what_could_not_be_listed_is_not_well():
    account = AccountFacts(
        account_id=SOURCE,
        region="eu-west-1",
        known_accounts=frozenset(),
        databases=Unread("rds:DescribeDBInstances"),
    )

    assert set(outcomes(exposure.judge(account, NOW)).values()) == {UNSEEN}


# --- doctor ----------------------------------------------------------------------------------------

NAMES = Names(
    target="courses",
    partition="aws",
    source_account=SOURCE,
    backup_account=BACKUP,
    region="eu-west-1",
    backup_region="eu-west-1",
    role_arn=f"arn:aws:iam::{SOURCE}:role/restorecheck",
    instance="courses-prod",
    subnet_group="drills",
)
NOBODY = Unread("somebody who looks")
QUOTAS = {
    "DBInstances": Quota(used=1, most=40),
    "ManualSnapshots": Quota(used=1, most=100),
    "AllocatedStorage": Quota(used=1, most=100_000),
}


def facts_of(**changes: Any):
    facts = RdsFacts(
        names=NAMES,
        max_age=26 * HOUR,
        keep_copies=7,
        copies_planned=8,
        caller=Caller(BACKUP, f"arn:aws:iam::{BACKUP}:role/stepper"),
        source_caller=Caller(SOURCE, f"arn:aws:iam::{SOURCE}:role/restorecheck"),
        trust=NOBODY,
        production=replace(PRODUCTION, engine="postgres", version="17.5", storage_gib=100),
        newest_snapshot=NOW - HOUR,
        snapshot_key=None,
        transit_key=None,
        backup_key=NOBODY,
        subnet_group=NOBODY,
        other_subnets=(),
        security_groups=NOBODY,
        parameter_family=None,
        instance_class="db.t4g.small",
        orderable=frozenset({"gp3"}),
        backup_quotas=QUOTAS,
        source_quotas=QUOTAS,
        source_rights=NOBODY,
        backup_rights=NOBODY,
    )
    return replace(facts, **changes)


def looked_at(**changes: Any):
    return outcomes(readiness.judge(facts_of(**changes), NOW))


@pytest.mark.parametrize(
    ("rule", "of", "key", "used", "outcome"),
    [
        ("RC409", "backup_quotas", "DBInstances", 39, OK),
        ("RC409", "backup_quotas", "DBInstances", 40, PROBLEM),
        ("RC410", "backup_quotas", "ManualSnapshots", 99, OK),
        ("RC410", "backup_quotas", "ManualSnapshots", 100, PROBLEM),
        ("RC411", "backup_quotas", "AllocatedStorage", 99_900, OK),
        ("RC411", "backup_quotas", "AllocatedStorage", 99_901, PROBLEM),
        ("RC412", "source_quotas", "ManualSnapshots", 98, OK),
        ("RC412", "source_quotas", "ManualSnapshots", 99, PROBLEM),
    ],
)
def test_a_quota_must_have_room_for_what_a_drill_makes(rule, of, key, used, outcome):
    full = replace(QUOTAS[key], used=used)

    assert looked_at(**{of: QUOTAS | {key: full}})[rule] is outcome


@pytest.mark.parametrize(
    ("age", "outcome"), [(26 * HOUR, OK), (26 * HOUR + SECOND, PROBLEM), (None, PROBLEM)]
)
def test_the_newest_snapshot_may_be_as_old_as_the_drill_allows(age, outcome):
    found = looked_at(newest_snapshot=None if age is None else NOW - age)

    assert found["RC212"] is outcome


@pytest.mark.parametrize(
    ("version", "iam_user", "said"),
    [
        ("17.5", "", "logs in as dbadmin: the role needs pg_read_all_data"),
        ("13.20", "", "logs in as dbadmin: the role needs SELECT on all tables of every schema"),
        ("16.1", "checker", "logs in as checker: the role needs pg_read_all_data"),
    ],
)
def test_what_the_checker_s_role_needs_is_told_by_the_version(version, iam_user, said):
    database = replace(PRODUCTION, engine="postgres", version=version, master="dbadmin")
    facts = facts_of(production=database, names=replace(NAMES, iam_user=iam_user))
    (found,) = [f for f in readiness.judge(facts, NOW) if f.rule.id == "RC210"]

    assert found.outcome is OK
    assert said in found.found


@pytest.mark.parametrize(
    ("retention", "newest", "rule_211", "rule_212"),
    [
        (7, NOW, OK, OK),
        (0, NOW, OK, OK),
        (0, NOW - timedelta(hours=50), OK, PROBLEM),
        (0, None, PROBLEM, None),
        (0, Unread("rds:DescribeDBSnapshots"), PROBLEM, None),
    ],
)
def test_what_aws_backup_takes_is_a_backup_too(retention, newest, rule_211, rule_212):
    database = replace(PRODUCTION, retention_days=retention)
    found = looked_at(production=database, newest_snapshot=newest)

    assert (found["RC211"], found.get("RC212")) == (rule_211, rule_212)


def group(*subnets):
    made = [
        Subnet(identifier=f"subnet-{n}", zone=zone, network="vpc", addresses="10.0.0.0/24", free=f)
        for n, (zone, f) in enumerate(subnets)
    ]
    return SubnetGroup(name="drills", network="vpc", subnets=tuple(made))


@pytest.mark.parametrize(
    ("place", "zones", "addresses"),
    [
        (group(("a", 1), ("b", 1)), OK, OK),
        (group(("a", 1), ("b", 0)), OK, PROBLEM),
        (group(("a", 9), ("a", 9)), PROBLEM, OK),
    ],
)
def test_a_subnet_group_needs_two_zones_and_an_address_in_each(place, zones, addresses):
    found = looked_at(subnet_group=place)

    assert (found["RC402"], found["RC403"]) == (zones, addresses)


@pytest.mark.parametrize("caller", [Refused("another account"), Unread("credentials")])
def test_nothing_is_said_of_accounts_that_were_not_entered(caller):
    assert set(looked_at(caller=caller)) == {"RC201"}
    assert "RC210" not in looked_at(source_caller=caller)


@pytest.mark.parametrize(
    ("caller", "commands"),
    [
        (
            f"arn:aws:iam::{BACKUP}:user/people/drills",
            ["get-group", "put-group-policy", "add-user-to-group"] * 2,
        ),
        (f"arn:aws:sts::{BACKUP}:assumed-role/stepper/session-1", ["put-role-policy"]),
        (f"arn:aws:iam::{BACKUP}:role/service/stepper", ["put-role-policy"]),
    ],
)
def test_advice_on_rights_is_what_iam_takes_of_a_user_and_of_a_role(caller, commands):
    simulated = (Simulated(action="a:B", resource="*", wanted=True, answer=Decision.NOT_ALLOWED),)
    facts = facts_of(caller=Caller(BACKUP, caller), backup_rights=simulated)

    (found,) = [f for f in readiness.judge(facts, NOW) if f.rule.id == "RC503"]

    lines = [advice.line for advice in found.advice]
    assert [line.split()[2] for line in lines] == commands
    name = "drills" if "user" in caller else "stepper"
    assert f"-name {name} " in lines[-1]


@pytest.mark.parametrize("credentials", ["managed-secret", "reset", "iam"])
@pytest.mark.parametrize("region", ["eu-west-1", "ap-southeast-3"])
def test_the_policies_of_the_groups_are_as_short_as_iam_wants_them(region, credentials):
    key = f"arn:aws:kms:{region}:{BACKUP}:key/{'0' * 36}"
    names = replace(
        NAMES, backup_region=region, credentials=credentials, backup_key=key, secret_key=key
    )
    policies = of_groups(backup_policy(names))

    assert {s["Effect"] for s in policies["restorecheck-never"]["Statement"]} == {"Deny"}
    for policy in policies.values():
        assert len("".join(json.dumps(policy).split())) < 5120 - 255
