"""What `audit` says of Aurora clusters: facts in, findings out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.aws.facts.lookup import cluster_of
from restorecheck.rules import exposure
from restorecheck.rules.facts import AccountFacts, DatabaseFacts, Unread
from restorecheck.rules.findings import Outcome
from tests.factories import NOW
from tests.unit.rules.test_readiness import BACKUP, COPY, PRODUCTION, SOURCE, TARGET

OK, PROBLEM, UNSEEN = Outcome.OK, Outcome.PROBLEM, Outcome.NOT_LOOKED_AT
CLUSTER = replace(PRODUCTION, kind="cluster", engine="aurora-postgresql", kms_key_id="")
OF_CLUSTER = replace(TARGET, of_cluster=True)
DAYS = timedelta(days=3)


def findings_of(database=CLUSTER, target=OF_CLUSTER):
    facts = DatabaseFacts(
        database=database,
        snapshots=(),
        replicated=False,
        target=target,
        keys=(),
        principals=(),
    )
    account = AccountFacts(
        account_id=SOURCE,
        region="eu-west-1",
        known_accounts=frozenset({SOURCE, BACKUP}),
        databases=(facts,),
    )
    return {finding.rule.id: finding for finding in exposure.judge(account, NOW)}


@pytest.mark.parametrize(
    ("rule", "changes"),
    [("RC606", {"backtrack": DAYS}), ("RC607", {"global_database": "courses"})],
)
def test_what_aurora_has_besides_backups_needs_a_copy_elsewhere(rule, changes):
    database = replace(CLUSTER, **changes)

    assert rule not in findings_of()
    assert findings_of(database)[rule].outcome is OK
    assert findings_of(database, None)[rule].outcome is PROBLEM
    assert findings_of(database, replace(OF_CLUSTER, copies=()))[rule].outcome is PROBLEM
    unread = replace(OF_CLUSTER, copies=Unread("rds:DescribeDBClusterSnapshots"))
    assert findings_of(database, unread)[rule].outcome is UNSEEN


def test_how_far_a_cluster_can_be_rewound_is_told_in_hours():
    assert "rewound by 72 hours" in findings_of(replace(CLUSTER, backtrack=DAYS))["RC606"].found


@pytest.mark.parametrize(("public", "outcome"), [(False, OK), (True, PROBLEM)])
def test_a_cluster_is_as_public_as_its_instances(public, outcome):
    assert findings_of(replace(CLUSTER, public=public))["RC605"].outcome is outcome


def test_a_target_that_restores_what_is_shared_keeps_no_copy_and_that_is_said():
    found = findings_of(target=replace(OF_CLUSTER, copies=(), direct=True))["RC701"]

    assert found.outcome is PROBLEM
    assert "keeps no copy" in found.found
    (advice,) = found.advice
    assert advice.line == 'set targets.courses.aurora.from = "copy"'


def test_advice_on_the_key_of_copies_is_for_the_key_of_this_kind():
    hanging = replace(COPY, kms_key_id=f"arn:aws:kms:eu-west-1:{SOURCE}:key/k")
    for target, key in ((OF_CLUSTER, "aurora"), (TARGET, "rds")):
        found = findings_of(target=replace(target, copies=(hanging,)))["RC704"]
        assert found.advice[0].line.startswith(f"set targets.courses.{key}.backup.kms_key_id = ")


@pytest.mark.parametrize(
    ("raw", "public"),
    [
        ({}, False),
        ({"PubliclyAccessible": True}, True),
        ({"InternetAccessGatewayEnabled": True}, True),
    ],
)
def test_a_description_of_a_cluster_says_what_the_rules_need(raw, public):
    known = {
        "DBClusterIdentifier": "c",
        "DBClusterArn": "arn:c",
        "BacktrackWindow": 3600,
        "GlobalClusterIdentifier": "g",
        "Port": 5433,
    }
    found = cluster_of(known | raw)

    assert (found.kind, found.public) == ("cluster", public)
    assert found.backtrack == timedelta(hours=1)
    assert (found.global_database, found.port) == ("g", 5433)
