"""What `doctor` and `audit` say of AWS, at the limits of their rules: facts in, findings out."""

import json
import shlex
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from restorecheck.rules import exposure, readiness
from restorecheck.rules.advised import backup_policy, of_groups, source_policy
from restorecheck.rules.facts import (
    AccountFacts,
    Caller,
    CopyFacts,
    DatabaseFacts,
    KmsKey,
    Opening,
    Principal,
    Quota,
    RdsDatabase,
    RdsFacts,
    Refused,
    SecurityGroup,
    Simulated,
    SnapshotFacts,
    Subnet,
    SubnetGroup,
    TargetFacts,
    Unread,
)
from restorecheck.rules.findings import AdvicePlace, Outcome
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


def test_of_a_cluster_deleting_means_the_cluster_and_its_snapshots():
    may = frozenset({"rds:DeleteDBCluster", "rds:DeleteDBClusterSnapshot"})
    somebody = Principal(arn=f"arn:aws:iam::{SOURCE}:user/ann", may=may)
    cluster = replace(PRODUCTION, kind="cluster", kms_key_id="")
    found = audited(database=cluster, principals=(somebody,), target=None)

    assert found["RC801"] is PROBLEM
    assert found["RC701"] is PROBLEM
    assert "RC802" not in found, "it has no key that anybody could end"


@pytest.mark.parametrize(("key", "rules"), [("arn:k", {"RC801", "RC802"}), ("", {"RC801"})])
def test_users_and_roles_that_could_not_be_asked_about_are_not_well(key, rules):
    unread = Unread("iam:SimulatePrincipalPolicy")
    found = audited(principals=unread, database=replace(PRODUCTION, kms_key_id=key))

    assert {rule: found[rule] for rule in found if rule in {"RC801", "RC802"}} == (
        dict.fromkeys(rules, UNSEEN)
    )


def test_keys_that_nobody_may_describe_are_not_well():
    assert audited(keys=Unread("kms:DescribeKey"))["RC705"] is UNSEEN


def test_a_copy_that_does_not_say_of_when_it_is_is_not_young():
    target = replace(TARGET, copies=(replace(COPY, taken_at=None),))

    assert audited(target=target)["RC702"] is PROBLEM


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


# --- doctor: who may enter production's account ----------------------------------------------------


def judged(rule, **changes: Any):
    """The one finding of a rule."""
    (found,) = [f for f in readiness.judge(facts_of(**changes), NOW) if f.rule.id == rule]
    return found


def words(advice):
    """Of a command of the AWS CLI, also where its answer is kept (`KEY=$(…)`)."""
    line = advice.line
    return shlex.split(line[line.index("(") + 1 : -1] if line.endswith(")") else line)


def argument(advice, name):
    asked = words(advice)
    return asked[asked.index(name) + 1]


def commands(found):
    return [" ".join(words(advice)[1:3]) for advice in found.advice]


def entering(principal, condition=None, effect="Allow"):
    asked = {"StringEquals": {"sts:ExternalId": "word"}} if condition is None else condition
    return {
        "Effect": effect,
        "Principal": principal,
        "Action": "sts:AssumeRole",
        "Condition": asked,
    }


OURS = entering({"AWS": f"arn:aws:iam::{BACKUP}:root"})


@pytest.mark.parametrize(
    ("statements", "outcome", "named"),
    [
        ([OURS], OK, ""),
        (OURS, OK, ""),
        ([entering({"AWS": BACKUP})], OK, ""),
        ([entering({"AWS": [f"arn:aws:iam::{BACKUP}:role/a", BACKUP]})], OK, ""),
        ([OURS, entering("*", {}, "Deny")], OK, ""),
        ([OURS, entering("*")], PROBLEM, "*"),
        ([entering({"AWS": [BACKUP, "999999999999"]})], PROBLEM, "999999999999"),
        ([entering({"AWS": BACKUP}, {})], PROBLEM, "external id"),
        ([OURS, entering({"AWS": BACKUP}, {})], PROBLEM, "external id"),
    ],
)
def test_production_lets_in_the_backup_account_alone_and_for_the_external_id(
    statements, outcome, named
):
    found = judged("RC203", trust={"Statement": statements})

    assert found.outcome is outcome
    assert named in found.found


def test_the_trust_policy_that_is_advised_is_one_that_doctor_agrees_with():
    (advice,) = judged("RC203", trust={"Statement": entering("*", {})}).advice
    policy = json.loads(argument(advice, "--policy-document"))

    assert (advice.where, argument(advice, "--role-name")) == (AdvicePlace.SOURCE, "restorecheck")
    assert "create-role" not in advice.line
    assert judged("RC203", trust=policy).outcome is OK


def test_a_role_that_cannot_be_entered_gets_the_trust_policy_or_is_made_with_it():
    found = judged("RC202", source_caller=Refused("AccessDenied"))
    update, create = (shlex.split(part) for part in found.advice[0].line.split(" || "))

    assert found.outcome is PROBLEM
    assert (update[2], create[2]) == ("update-assume-role-policy", "create-role")
    assert (
        update[update.index("--policy-document") + 1]
        == (create[create.index("--assume-role-policy-document") + 1])
    )


# --- doctor: production ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("production", "outcome"),
    [
        (None, PROBLEM),
        (replace(PRODUCTION, engine="aurora-postgresql"), PROBLEM),
        (replace(PRODUCTION, engine="mysql"), PROBLEM),
        (Unread("rds:DescribeDBInstances"), UNSEEN),
    ],
)
def test_production_is_an_instance_of_postgresql_that_is_there(production, outcome):
    found = judged("RC210", production=production)

    assert found.outcome is outcome
    if outcome is PROBLEM:
        (advice,) = found.advice
        assert advice.where is AdvicePlace.CONFIGURATION
        assert advice.line.startswith("set targets.courses.rds.db_instance_identifier = ")


@pytest.mark.parametrize("production", [None, Unread("rds:DescribeDBInstances")])
def test_of_a_production_that_was_not_seen_nothing_more_is_said(production):
    rules = set(looked_at(production=production))

    assert rules.isdisjoint({"RC211", "RC212", "RC301", "RC411", "RC413"})
    assert rules >= {"RC409", "RC410", "RC412"}


# --- doctor: keys ----------------------------------------------------------------------------------

ADMINISTERED = {
    "Sid": "Own",
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{SOURCE}:root"},
    "Action": "kms:*",
    "Resource": "*",
}
LETS_IN = {**ADMINISTERED, "Sid": "Other", "Principal": {"AWS": BACKUP}}
FROM_HERE = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


def key(*statements, account=SOURCE, **changes):
    arn = f"arn:aws:kms:eu-west-1:{account}:key/k-1"
    made = KmsKey(arn=arn, state="Enabled", policy={"Statement": list(statements)})
    return replace(made, **changes)


def of_keys(transit="", **changes):
    found = looked_at(names=replace(NAMES, transit_key=transit), **changes)
    return {rule: outcome for rule, outcome in found.items() if rule in {"RC301", "RC302", "RC303"}}


@pytest.mark.parametrize(
    ("snapshots", "outcomes"),
    [
        (None, {"RC301": OK}),
        (key(manager="AWS"), {"RC301": PROBLEM}),
        (Unread("kms:DescribeKey"), {"RC301": UNSEEN}),
        (key(LETS_IN), {"RC301": OK, "RC302": OK, "RC303": OK}),
        (key(LETS_IN, state="Disabled"), {"RC301": OK, "RC302": PROBLEM}),
    ],
)
def test_without_a_transit_key_the_snapshots_own_key_must_admit_the_backup_account(
    snapshots, outcomes
):
    assert of_keys(snapshot_key=snapshots) == outcomes


@pytest.mark.parametrize(
    ("transit", "outcomes"),
    [
        (None, {"RC301": OK, "RC302": PROBLEM}),
        (key(LETS_IN, state="Disabled"), {"RC301": OK, "RC302": PROBLEM}),
        (key(manager="AWS"), {"RC301": OK, "RC302": PROBLEM}),
        (Unread("kms:DescribeKey"), {"RC301": OK, "RC302": UNSEEN}),
        (key(LETS_IN), {"RC301": OK, "RC302": OK, "RC303": OK}),
    ],
)
def test_with_a_transit_key_that_key_is_looked_at_and_not_the_snapshots(transit, outcomes):
    found = of_keys("alias/transit", transit_key=transit, snapshot_key=key(manager="AWS"))

    assert found == outcomes


@pytest.mark.parametrize(
    ("state", "advised"),
    [
        ("Disabled", ["kms enable-key"]),
        ("PendingDeletion", ["kms cancel-key-deletion", "kms enable-key"]),
    ],
)
def test_a_key_is_enabled_again_and_saved_from_its_deletion_first(state, advised):
    found = judged("RC302", snapshot_key=key(state=state))

    assert commands(found) == advised
    assert {argument(advice, "--key-id") for advice in found.advice} == {"k-1"}
    assert {advice.where for advice in found.advice} == {AdvicePlace.SOURCE}


@pytest.mark.parametrize(
    ("statements", "outcome"),
    [
        ([LETS_IN], OK),
        ([ADMINISTERED], PROBLEM),
        ([], PROBLEM),
        ([LETS_IN, {**LETS_IN, "Effect": "Deny", "Action": "kms:CreateGrant"}], PROBLEM),
        ([{**LETS_IN, "Condition": FROM_HERE}], UNSEEN),
        ([{**LETS_IN, "Condition": FROM_HERE}, {**LETS_IN, "Effect": "Deny"}], PROBLEM),
    ],
)
def test_the_backup_account_must_be_let_in_by_the_policy_of_production_s_key(statements, outcome):
    assert of_keys(snapshot_key=key(*statements))["RC303"] is outcome


@pytest.mark.parametrize("names", [NAMES, replace(NAMES, backup_region="eu-central-1")])
def test_the_key_policy_that_is_advised_admits_the_backup_account_and_loses_nothing_else(names):
    denied = {**LETS_IN, "Effect": "Deny", "Sid": "NotThem", "Action": "kms:Decrypt"}
    foreign = {**ADMINISTERED, "Sid": "Other", "Principal": {"AWS": "999999999999"}}
    (advice,) = judged("RC303", snapshot_key=key(ADMINISTERED, denied, foreign), names=names).advice
    policy = json.loads(argument(advice, "--policy"))

    assert advice.where is AdvicePlace.SOURCE
    assert policy["Statement"][:2] == [ADMINISTERED, foreign]
    assert denied not in policy["Statement"]
    assert judged("RC303", snapshot_key=key(policy=policy), names=names).outcome is OK


def test_a_key_policy_that_nobody_may_read_is_not_looked_at():
    unread = Unread("kms:GetKeyPolicy")

    assert of_keys(snapshot_key=key(policy=unread))["RC303"] is UNSEEN
    assert judged("RC305", backup_key=key(account=BACKUP, policy=unread)).outcome is UNSEEN


@pytest.mark.parametrize("transit", ["", "alias/transit"])
def test_the_transit_key_that_is_advised_admits_the_backup_account(transit):
    names = replace(NAMES, transit_key=transit)
    rule = "RC302" if transit else "RC301"
    found = judged(rule, names=names, snapshot_key=key(manager="AWS"), transit_key=None)
    making, setting = found.advice
    policy = json.loads(argument(making, "--policy"))

    assert (making.where, setting.where) == (AdvicePlace.SOURCE, AdvicePlace.CONFIGURATION)
    assert setting.line == 'set targets.courses.rds.source.transit_kms_key_id = "$KEY"'
    assert of_keys("alias/new", transit_key=key(policy=policy))["RC303"] is OK


@pytest.mark.parametrize(
    ("backup", "outcomes"),
    [
        (None, {"RC304": PROBLEM}),
        (key(LETS_IN, state="Disabled"), {"RC304": PROBLEM}),
        (key(manager="AWS"), {"RC304": PROBLEM}),
        (key(LETS_IN), {"RC304": OK, "RC305": OK}),
        (key(ADMINISTERED), {"RC304": OK, "RC305": PROBLEM}),
        (NOBODY, {"RC304": UNSEEN}),
    ],
)
def test_copies_are_written_with_a_customer_s_key_that_the_backup_account_may_use(backup, outcomes):
    found = looked_at(backup_key=backup)

    assert {rule: found[rule] for rule in found if rule in {"RC304", "RC305"}} == outcomes


def test_a_key_of_aws_s_can_be_neither_shared_nor_written_with():
    of_aws = key(LETS_IN, manager="AWS")
    names = replace(NAMES, transit_key="alias/aws/rds")

    assert looked_at(names=names, transit_key=of_aws)["RC302"] is PROBLEM
    assert looked_at(backup_key=of_aws)["RC304"] is PROBLEM


def test_advice_on_the_backup_key_is_for_the_backup_account():
    making, setting = judged("RC304", backup_key=None).advice
    (enabling,) = judged("RC304", backup_key=key(state="Disabled")).advice
    (putting,) = judged("RC305", backup_key=key(ADMINISTERED)).advice
    policy = json.loads(argument(putting, "--policy"))

    assert {a.where for a in (making, enabling, putting)} == {AdvicePlace.BACKUP}
    assert setting.line == 'set targets.courses.rds.backup.kms_key_id = "$KEY"'
    assert judged("RC305", backup_key=key(policy=policy)).outcome is OK


# --- doctor: the network ---------------------------------------------------------------------------


def subnet(name, zone, network="vpc", free=5):
    return Subnet(identifier=name, zone=zone, network=network, addresses="10.0.0.0/24", free=free)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ((subnet("s-1", "a"), subnet("s-2", "a"), subnet("s-3", "b")), ["s-1", "s-3"]),
        ((subnet("s-1", "a"), subnet("s-2", "b", "other"), subnet("s-3", "b")), ["s-1", "s-3"]),
        ((subnet("s-1", "a"), subnet("s-2", "b", free=0), subnet("s-3", "b")), ["s-1", "s-3"]),
        ((subnet("s-1", "a"), subnet("s-2", "b", "other")), None),
        ((subnet("s-1", "a", "one"), subnet("s-2", "a"), subnet("s-3", "b")), ["s-2", "s-3"]),
        ((), None),
        (NOBODY, None),
    ],
)
def test_a_missing_subnet_group_is_made_of_two_zones_of_one_network(others, chosen):
    found = judged("RC401", subnet_group=None, other_subnets=others)
    (advice,) = found.advice
    asked = words(advice)
    at = asked.index("--subnet-ids")

    assert found.outcome is PROBLEM
    assert commands(found) == ["rds create-db-subnet-group"]
    assert argument(advice, "--db-subnet-group-name") == "drills"
    if chosen is None:
        assert all(one.startswith("<") for one in asked[at + 1 : at + 3])
    else:
        assert asked[at + 1 : at + 3] == chosen


def test_a_group_of_one_zone_keeps_its_subnet_and_gets_one_of_another_zone():
    mine = (subnet("s-9", "a"),)
    place = SubnetGroup(name="drills", network="vpc", subnets=mine)
    others = (subnet("s-0", "a"), subnet("s-1", "b", "other"), subnet("s-2", "b"), *mine)
    (advice,) = judged("RC402", subnet_group=place, other_subnets=others).advice

    assert {"s-9", "s-2"} < set(words(advice))
    assert {"s-0", "s-1"}.isdisjoint(words(advice))


def opening(place, first=5432, last=5432, protocol="tcp"):
    return Opening(protocol=protocol, first=first, last=last, place=place)


CHECKER = opening("sg-checker")


def security(*ingress, egress=(), name="sg-1", network="vpc"):
    return SecurityGroup(identifier=name, network=network, ingress=ingress, egress=egress)


def of_groups_found(*groups, wanted=("sg-1",), **changes):
    names = replace(NAMES, security_groups=wanted)
    return facts_of(names=names, security_groups=groups, **changes)


@pytest.mark.parametrize(
    ("groups", "wanted", "outcome"),
    [
        ((security(CHECKER),), ("sg-1",), OK),
        ((security(CHECKER),), ("sg-1", "sg-2"), PROBLEM),
        ((security(CHECKER, network="other"),), ("sg-1",), PROBLEM),
        ((), ("sg-1",), PROBLEM),
    ],
)
def test_the_security_groups_are_there_and_of_the_subnets_network(groups, wanted, outcome):
    facts = of_groups_found(*groups, wanted=wanted, subnet_group=group(("a", 1), ("b", 1)))
    (found,) = [f for f in readiness.judge(facts, NOW) if f.rule.id == "RC404"]

    assert found.outcome is outcome
    if outcome is PROBLEM:
        making, setting = found.advice
        assert (words(making)[2], argument(making, "--vpc-id")) == ("create-security-group", "vpc")
        assert setting.line.endswith('.restore.vpc_security_group_ids = ["$GROUP"]')


def test_of_no_security_group_nothing_is_said_but_that():
    rules = {f.rule.id for f in readiness.judge(of_groups_found(), NOW)}

    assert rules.isdisjoint({"RC405", "RC406", "RC407"})


@pytest.mark.parametrize(
    ("groups", "out", "reachable", "in_"),
    [
        ((security(CHECKER),), OK, OK, OK),
        ((security(CHECKER, egress=(opening("10.0.0.0/8"),)),), OK, OK, OK),
        ((security(CHECKER, egress=(opening("0.0.0.0/0"),)),), PROBLEM, OK, OK),
        ((security(CHECKER, egress=(opening("::/0"),)),), PROBLEM, OK, OK),
        ((security(CHECKER), security(egress=(opening("::/0"),))), PROBLEM, OK, OK),
        ((security(opening("0.0.0.0/0")),), OK, OK, PROBLEM),
        ((security(),), OK, PROBLEM, OK),
        ((security(opening("sg-c", 5000, 6000)),), OK, OK, OK),
        ((security(opening("sg-c", protocol="6")),), OK, OK, OK),
        ((security(opening("sg-c", 0, 0, protocol="-1")),), OK, OK, OK),
        ((security(opening("sg-c", 5433, 6000)),), OK, PROBLEM, OK),
        ((security(opening("sg-c", protocol="udp")),), OK, PROBLEM, OK),
        ((security(), security(CHECKER)), OK, OK, OK),
    ],
)
def test_the_checker_reaches_the_port_and_nothing_leads_to_the_world(groups, out, reachable, in_):
    found = outcomes(readiness.judge(of_groups_found(*groups), NOW))

    assert (found["RC405"], found["RC406"], found["RC407"]) == (out, reachable, in_)


@pytest.mark.parametrize(
    ("worldly", "permission"),
    [
        (
            opening("0.0.0.0/0", 0, 65535),
            {
                "IpProtocol": "tcp",
                "FromPort": 0,
                "ToPort": 65535,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            },
        ),
        (
            opening("::/0", -1, -1, "-1"),
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        ),
    ],
)
def test_what_leads_to_the_world_is_revoked_as_ec2_knows_it_and_nothing_else(worldly, permission):
    groups = (
        security(CHECKER, name="sg-1"),
        security(name="sg-2", egress=(worldly, opening("10.0.0.0/8"))),
    )
    found = {f.rule.id: f for f in readiness.judge(of_groups_found(*groups), NOW)}
    (advice,) = found["RC405"].advice

    assert commands(found["RC405"]) == ["ec2 revoke-security-group-egress"]
    assert argument(advice, "--group-id") == "sg-2"
    assert json.loads(argument(advice, "--ip-permissions")) == [permission]


@pytest.mark.parametrize(
    ("changes", "port", "ranges"),
    [
        ({}, 6000, ["<range of the checker>"]),
        ({"subnet_group": group(("a", 1), ("b", 1))}, 6000, ["10.0.0.0/24"] * 2),
        ({"production": None}, 5432, ["<range of the checker>"]),
    ],
)
def test_the_port_of_production_is_opened_to_the_subnets_of_the_drill(changes, port, ranges):
    elsewhere = replace(PRODUCTION, engine="postgres", version="17.5", port=6000)
    facts = of_groups_found(security(), **{"production": elsewhere, **changes})
    (found,) = [f for f in readiness.judge(facts, NOW) if f.rule.id == "RC406"]
    permissions = json.loads(argument(found.advice[0], "--ip-permissions"))

    assert {(p["FromPort"], p["ToPort"]) for p in permissions} == {(port, port)}
    assert [p["IpRanges"][0]["CidrIp"] for p in permissions] == ranges


# --- doctor: the parameter group, quotas, rights ---------------------------------------------------

WITH_PARAMETERS = replace(NAMES, parameter_group="drill")
SEVENTEEN = replace(PRODUCTION, engine="postgres", version="17.5")


@pytest.mark.parametrize(
    ("production", "family", "made"),
    [
        (SEVENTEEN, "postgres17", None),
        (None, "postgres16", None),
        (SEVENTEEN, "postgres16", ("drill-17", "postgres17")),
        (SEVENTEEN, None, ("drill", "postgres17")),
        (None, None, ("drill", "<postgres and the major version>")),
    ],
)
def test_the_parameter_group_is_of_productions_major_version(production, family, made):
    found = judged("RC408", production=production, parameter_family=family, names=WITH_PARAMETERS)

    assert found.outcome is (PROBLEM if made else OK)
    if made:
        named = "--db-parameter-group-name", "--db-parameter-group-family"
        assert tuple(argument(found.advice[0], name) for name in named) == made
        assert [a.line.endswith(f'"{made[0]}"') for a in found.advice[1:]] == (
            [True] if family else []
        )


def test_without_a_parameter_group_rds_takes_its_own():
    assert "RC408" not in looked_at(parameter_family=None)


@pytest.mark.parametrize(
    ("rule", "of", "quota", "place", "wanted"),
    [
        ("RC409", "backup_quotas", "DBInstances", AdvicePlace.BACKUP, "51"),
        ("RC412", "source_quotas", "ManualSnapshots", AdvicePlace.SOURCE, "112"),
    ],
)
def test_more_of_a_quota_is_asked_for_in_the_account_that_lacks_it(rule, of, quota, place, wanted):
    full = replace(QUOTAS[quota], used=QUOTAS[quota].most)
    (advice,) = judged(rule, **{of: QUOTAS | {quota: full}}).advice

    assert (advice.where, argument(advice, "--desired-value")) == (place, wanted)


def test_a_quota_that_aws_does_not_tell_is_not_looked_at():
    found = looked_at(backup_quotas={}, source_quotas={})

    assert {found[rule] for rule in ("RC409", "RC410", "RC411", "RC412")} == {UNSEEN}


def simulated(answer, *, wanted=True):
    return Simulated(action="rds:X", resource="db-1", wanted=wanted, answer=answer)


@pytest.mark.parametrize(
    ("answers", "needed", "forbidden"),
    [
        ((simulated(Decision.ALLOWED), simulated(Decision.DENIED, wanted=False)), OK, OK),
        ((simulated(Decision.NOT_ALLOWED, wanted=False),), OK, OK),
        ((simulated(Decision.NOT_ALLOWED),), PROBLEM, OK),
        ((simulated(Decision.DENIED),), PROBLEM, OK),
        ((simulated(Decision.ALLOWED, wanted=False),), OK, PROBLEM),
        ((simulated(Decision.ALLOWED), simulated(Decision.UNCLEAR, wanted=False)), UNSEEN, UNSEEN),
        (NOBODY, UNSEEN, UNSEEN),
    ],
)
def test_what_a_drill_calls_is_allowed_and_what_none_calls_is_denied(answers, needed, forbidden):
    of_both = looked_at(source_rights=answers, backup_rights=answers)

    assert (of_both["RC501"], of_both["RC502"]) == (needed, forbidden)
    assert (of_both["RC503"], of_both["RC504"]) == (needed, forbidden)
    if PROBLEM in {needed, forbidden}:
        rule = "RC501" if needed is PROBLEM else "RC502"
        assert "rds:X on db-1" in judged(rule, source_rights=answers).found


def test_the_policy_of_production_s_role_is_put_in_production_s_account():
    (advice,) = judged("RC501", source_rights=(simulated(Decision.DENIED),)).advice

    assert (advice.where, words(advice)[2]) == (AdvicePlace.SOURCE, "put-role-policy")
    assert json.loads(argument(advice, "--policy-document")) == source_policy(NAMES)
