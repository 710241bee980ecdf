"""What `doctor` says of Aurora targets, at the limits of its rules: facts in, findings out."""

from dataclasses import replace
from typing import Any

import pytest

from restorecheck.rules import readiness
from restorecheck.rules.facts import Capacity, KmsKey, Quota, Unread
from restorecheck.rules.findings import Outcome
from tests.factories import NOW
from tests.unit.rules.test_readiness import NAMES, PRODUCTION, facts_of

OK, PROBLEM, UNSEEN = Outcome.OK, Outcome.PROBLEM, Outcome.NOT_LOOKED_AT
CLUSTER = replace(
    PRODUCTION,
    kind="cluster",
    engine="aurora-postgresql",
    version="16.4",
    encryption="sse-kms",
    master="dbadmin",
)
KEY = KmsKey(arn="arn:k", state="Enabled")
QUOTAS = {
    "DBInstances": Quota(used=1, most=40),
    "DBClusters": Quota(used=1, most=40),
    "ManualClusterSnapshots": Quota(used=1, most=100),
}


def findings_of(**changes: Any):
    names = replace(NAMES, aurora=True, direct=changes.pop("direct", False))
    names = replace(names, parameter_group=changes.pop("group", ""))
    facts: dict[str, Any] = {
        "names": names,
        "production": CLUSTER,
        "snapshot_key": KEY,
        "backup_quotas": QUOTAS,
        "source_quotas": QUOTAS,
    }
    found = readiness.judge(facts_of(**(facts | changes)), NOW)
    return {finding.rule.id: finding for finding in found}


def looked_at(**changes: Any):
    return {rule: finding.outcome for rule, finding in findings_of(**changes).items()}


def line_of(finding):
    return " ; ".join(advice.line for advice in finding.advice)


@pytest.mark.parametrize(
    ("rule", "of", "key", "used", "outcome"),
    [
        ("RC409", "backup_quotas", "DBInstances", 40, PROBLEM),
        ("RC415", "backup_quotas", "DBClusters", 39, OK),
        ("RC415", "backup_quotas", "DBClusters", 40, PROBLEM),
        ("RC410", "backup_quotas", "ManualClusterSnapshots", 99, OK),
        ("RC410", "backup_quotas", "ManualClusterSnapshots", 100, PROBLEM),
        ("RC412", "source_quotas", "ManualClusterSnapshots", 99, OK),
        ("RC412", "source_quotas", "ManualClusterSnapshots", 100, PROBLEM),
    ],
)
def test_a_quota_must_have_room_for_what_a_drill_of_a_cluster_makes(rule, of, key, used, outcome):
    full = replace(QUOTAS[key], used=used)

    assert looked_at(**{of: QUOTAS | {key: full}})[rule] is outcome


def test_the_quota_of_storage_is_not_that_of_clusters():
    assert "RC411" not in looked_at()


def test_the_copies_of_all_clusters_must_have_room_together():
    found = findings_of(copies_planned=101)["RC410"]

    assert found.outcome is PROBLEM
    assert "100 manual cluster snapshots" in found.found
    assert "L-9B510759" in line_of(found)


def test_a_target_that_restores_what_is_shared_needs_no_room_for_copies():
    found = looked_at(direct=True, copies_planned=101, copying_there=9)

    assert "RC410" not in found
    assert found["RC416"] is OK


@pytest.mark.parametrize(
    ("there", "here", "outcome"),
    [(4, 4, OK), (4, 5, PROBLEM), (4, Unread("a right"), UNSEEN)],
)
def test_no_more_than_five_cluster_snapshots_are_copied_at_once(there, here, outcome):
    found = findings_of(copying_there=there, copying_here=here)

    assert found["RC416"].outcome is outcome


def test_copies_into_the_backup_account_are_counted_apart():
    found = readiness.judge(facts_of(copying_there=20, copying_here=19), NOW)

    assert [f.outcome for f in found if f.rule.id == "RC416"] == [PROBLEM, OK]


@pytest.mark.parametrize(
    ("wanted", "offered", "outcome", "advice"),
    [
        ((0.5, 128.0), Capacity(least=0, most=128), OK, ""),
        ((0.5, 128.5), Capacity(least=0, most=128), PROBLEM, "max_acu = 128"),
        ((0.5, 8.0), Capacity(least=1, most=128), PROBLEM, "min_acu = 1"),
        ((0.5, 8.0), None, PROBLEM, "aurora.backup.region"),
        ((0.5, 8.0), Unread("rds:DescribeDBEngineVersions"), UNSEEN, ""),
    ],
)
def test_the_version_must_allow_the_serverless_limits(wanted, offered, outcome, advice):
    found = findings_of(capacity=wanted, offered=offered)["RC414"]

    assert found.outcome is outcome
    assert advice in line_of(found)


def test_limits_that_are_not_configured_are_not_looked_at():
    assert "RC414" not in looked_at(capacity=None, offered=None)


@pytest.mark.parametrize(
    ("encryption", "direct", "outcome"),
    [
        ("none", False, PROBLEM),
        ("", False, PROBLEM),
        ("none", True, OK),
        ("sse-rds", False, UNSEEN),
        ("sse-rds", True, OK),
    ],
)
@pytest.mark.parametrize("transit", ["", "arn:t"])
def test_a_cluster_that_is_not_encrypted_can_be_shared_but_not_copied(
    encryption, direct, outcome, transit
):
    names = replace(NAMES, aurora=True, direct=direct, transit_key=transit)
    plain = replace(CLUSTER, encryption=encryption, kms_key_id="")
    facts = facts_of(names=names, production=plain, snapshot_key=None, transit_key=KEY)
    (found,) = [f for f in readiness.judge(facts, NOW) if f.rule.id == "RC301"]

    assert found.outcome is outcome


def test_an_engine_that_no_drill_restores_is_named_as_the_drill_names_it():
    found = findings_of(refused="could not drill it: its engine is Aurora MySQL")["RC210"]

    assert found.outcome is PROBLEM
    assert "Aurora MySQL" in found.found
    assert "aurora.db_cluster_identifier" in line_of(found)


def test_a_cluster_that_does_not_exist_is_called_a_cluster():
    assert (
        "the DB cluster courses-prod does not exist" in findings_of(production=None)["RC210"].found
    )


@pytest.mark.parametrize(
    ("family", "outcome", "advice"),
    [
        ("aurora-postgresql16", OK, ""),
        ("aurora-postgresql15", PROBLEM, "restore.db_cluster_parameter_group_name"),
        (None, PROBLEM, "create-db-cluster-parameter-group"),
    ],
)
def test_the_parameter_group_is_a_cluster_s(family, outcome, advice):
    found = findings_of(group="drills", parameter_family=family)["RC408"]

    assert found.outcome is outcome
    assert advice in line_of(found)


def test_backups_of_a_cluster_are_turned_on_by_a_change_of_the_cluster():
    off = replace(CLUSTER, retention_days=0)
    found = findings_of(production=off, newest_snapshot=None)["RC211"]

    assert "aws rds modify-db-cluster --db-cluster-identifier" in line_of(found)
