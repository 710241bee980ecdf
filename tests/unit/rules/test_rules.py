"""The catalogue, the evaluation of policies, and the faces of findings."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from xmlschema import XMLSchema

from restorecheck.rules import (
    catalogue,
    deployment,
    exposure,
    machine,
    machine_readable,
    physical,
    quota_readiness,
    readiness,
    terraform,
)
from restorecheck.rules.catalogue import RULES, By, RuleSeverity
from restorecheck.rules.findings import (
    AdvicePlace,
    Ignore,
    RuleAdvice,
    by_importance,
    ignoring,
    not_looked_at,
    ok,
    problem,
    problems,
)
from restorecheck.rules.policies import Decision, Request, evaluate, names_of
from restorecheck.rules.text import render

JUNIT = XMLSchema(Path(__file__).parents[1] / "report" / "junit.xsd")
NOW = datetime(2026, 3, 1, 3, 15, tzinfo=UTC)
TODAY = NOW.date()
ROOT = Path(__file__).parents[3]


def test_ids_are_unique_and_texts_are_whole():
    assert len(catalogue.BY_ID) == len(RULES)
    for rule in RULES:
        assert rule.title, rule.id
        assert rule.mend, rule.id
        assert rule.reads, rule.id
        assert rule.why.endswith((".", ")")), rule.id


def test_links_lead_to_a_page_of_ours_or_to_the_vendors():
    for rule in RULES:
        local = rule.link.startswith("docs/")
        assert (ROOT / rule.link).exists() if local else rule.link.startswith("https://"), rule.id


def test_every_rule_is_judged_somewhere():
    sources = [Path(module.__file__ or "").read_text() for module in JUDGING]
    for rule in RULES:
        assert any(f'"{rule.id}"' in source for source in sources), rule.id


JUDGING = (machine, physical, quota_readiness, readiness, deployment, exposure, terraform)


# --- policies --------------------------------------------------------------------------------------

ACCOUNT = "222222222222"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/k"
GRANT = Request(
    "kms:CreateGrant",
    KEY,
    {"kms:viaservice": "rds.eu-west-1.amazonaws.com", "kms:grantisforawsresource": "true"},
)


def statement(effect="Allow", action="kms:*", principal=f"arn:aws:iam::{ACCOUNT}:root", **more):
    return {
        "Effect": effect,
        "Principal": {"AWS": principal},
        "Action": action,
        "Resource": "*",
        **more,
    }


VIA = {"StringEquals": {"kms:ViaService": "rds.eu-west-1.amazonaws.com"}}
VIA_S3 = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
FOR_AWS = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
FROM_HERE = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], Decision.NOT_ALLOWED),
        ([statement()], Decision.ALLOWED),
        ([statement(principal="*")], Decision.ALLOWED),
        ([statement(principal=ACCOUNT)], Decision.ALLOWED),
        ([statement(principal="arn:aws:iam::333333333333:root")], Decision.NOT_ALLOWED),
        ([statement(action=["kms:Decrypt", "kms:creategrant"])], Decision.ALLOWED),
        ([statement(action="kms:Decrypt")], Decision.NOT_ALLOWED),
        ([statement(Condition=VIA | FOR_AWS)], Decision.ALLOWED),
        ([statement(Condition=VIA_S3)], Decision.NOT_ALLOWED),
        ([statement(Condition=FROM_HERE)], Decision.UNCLEAR),
        ([statement(Condition=FROM_HERE | VIA_S3)], Decision.NOT_ALLOWED),
        ([statement(), statement("Deny", "kms:CreateGrant", "*")], Decision.DENIED),
        ([statement(), statement("Deny", principal="*", Condition=VIA_S3)], Decision.ALLOWED),
        ([statement(), statement("Deny", principal="*", Condition=FROM_HERE)], Decision.UNCLEAR),
        (
            [statement(), statement("Deny", Condition={"StringNotEquals": VIA["StringEquals"]})],
            Decision.ALLOWED,
        ),
        (
            [statement(), statement("Deny", Condition={"Null": {"kms:ViaService": "false"}})],
            Decision.DENIED,
        ),
        (
            [statement(Condition={"BoolIfExists": {"kms:Other": "true"}})],
            Decision.ALLOWED,
        ),
        (
            [statement(Condition={"Bool": {"kms:Other": "true"}})],
            Decision.NOT_ALLOWED,
        ),
    ],
)
def test_key_policies_are_evaluated_as_aws_does_and_what_is_not_understood_is_unclear(
    statements, expected
):
    assert evaluate([{"Statement": statements}], GRANT, names_of(ACCOUNT)) is expected


def test_not_principal_leaves_out_whom_it_names():
    others = {**statement("Deny"), "NotPrincipal": {"AWS": ACCOUNT}}
    besides = {**statement("Deny"), "NotPrincipal": {"AWS": "333333333333"}}

    def decided(denied):
        del denied["Principal"]
        return evaluate([{"Statement": [statement(), denied]}], GRANT, names_of(ACCOUNT))

    assert decided(others) is Decision.ALLOWED
    assert decided(besides) is Decision.DENIED


def test_everybody_is_named_by_a_star_alone_and_a_service_is_nobody_of_an_account():
    everybody = {**statement(), "Principal": "*"}
    service = {**statement(), "Principal": {"Service": "rds.amazonaws.com"}}
    who = names_of(ACCOUNT)

    assert evaluate([{"Statement": everybody}], GRANT, who) is Decision.ALLOWED
    assert evaluate([{"Statement": service}], GRANT, who) is Decision.NOT_ALLOWED


@pytest.mark.parametrize("document", [{}, {"Statement": []}])
def test_a_policy_that_says_nothing_allows_nothing(document):
    assert evaluate([document], GRANT, names_of(ACCOUNT)) is Decision.NOT_ALLOWED


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("ForAllValues:StringEquals", Decision.ALLOWED),
        ("ForAnyValue:StringEquals", Decision.NOT_ALLOWED),
        ("ForAnyValue:StringEqualsIfExists", Decision.ALLOWED),
    ],
)
def test_of_no_values_each_one_is_as_wanted_and_none_is(operator, expected):
    tagged = statement(Condition={operator: {"aws:TagKeys": ["a"]}})

    assert evaluate([{"Statement": tagged}], GRANT, names_of(ACCOUNT)) is expected


def test_not_action_and_not_resource_leave_out_what_they_name():
    ours = Request("rds:DeleteDBSnapshot", "arn:aws:rds:r:1:snapshot:restorecheck-1")
    theirs = Request("rds:DeleteDBSnapshot", "arn:aws:rds:r:1:snapshot:prod-1")
    allow = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "rds:*", "NotResource": "*:snapshot:restorecheck-*"}

    assert evaluate([{"Statement": [allow, deny]}], ours) is Decision.ALLOWED
    assert evaluate([{"Statement": [allow, deny]}], theirs) is Decision.DENIED
    assert (
        evaluate([{"Statement": allow}], Request("iam:PutRolePolicy", "*")) is Decision.NOT_ALLOWED
    )


# --- findings --------------------------------------------------------------------------------------

FINDINGS = [
    ok("RC601", "arn:a", "on"),
    problem("RC604", "arn:a", "kept for 1 day"),
    not_looked_at("RC602", "arn:b", "rds:DescribeDBClusters"),
    problem(
        "RC601",
        "arn:b \x1b[31m\x00<&>",
        "off",
        RuleAdvice(AdvicePlace.SOURCE, "aws rds modify-db-instance --deletion-protection"),
        RuleAdvice(AdvicePlace.CONFIGURATION, 'set a.b = "c"'),
    ),
]
KNOWN = Ignore(rule="RC604", resource="arn:*", reason="a toy", until=TODAY)


def test_the_gravest_comes_first_and_what_is_ignored_last():
    found = by_importance(ignoring(FINDINGS, [KNOWN], TODAY))

    assert [f.rule.id for f in found] == ["RC601", "RC602", "RC601", "RC604"]
    assert found[-1].ignored == KNOWN


def test_what_happens_already_comes_before_what_only_could():
    found = [problem(rule, "a", "so") for rule in ("RC601", "RC604", "RC901", "RC706")]

    assert [f.rule.id for f in by_importance(found)] == ["RC706", "RC901", "RC601", "RC604"]


def test_what_is_ignored_is_shown_with_its_reason_and_its_last_day_and_without_advice():
    unignored = render([FINDINGS[3]], By.AUDIT)
    ignored = render(ignoring([FINDINGS[3]], [replace(KNOWN, rule="RC601")], TODAY), By.AUDIT)

    assert "2026-03-01: a toy" in ignored
    assert "aws rds modify-db-instance" in unignored
    assert "aws rds modify-db-instance" not in ignored


def test_what_is_ignored_counts_again_on_the_day_after():
    found = ignoring(FINDINGS, [KNOWN], TODAY + timedelta(days=1))

    assert [f.rule.id for f in problems(found)] == ["RC604", "RC601"]
    assert found[1].expired == KNOWN
    assert "was ignored until 2026-03-01: a toy" in render(found, By.AUDIT)


def test_an_ignored_rule_is_ignored_for_its_resources_only():
    other = replace(KNOWN, resource="arn:b*")

    assert ignoring(FINDINGS, [other], TODAY)[1].ignored is None


def test_less_grave_problems_are_left_out_below_the_threshold():
    assert [f.rule.id for f in problems(FINDINGS, RuleSeverity.HIGH)] == ["RC601"]
    for rule in RULES:
        found = problem(rule.id, "a", "so")
        assert problems([found], rule.severity) == [found], "it is no less grave than itself"


def test_the_text_has_no_escapes_but_our_own():
    plain = render(FINDINGS, By.AUDIT)
    coloured = render(FINDINGS, By.AUDIT, color=True)

    assert "\x1b" not in plain
    assert "\x00" not in plain
    assert coloured.count("\x1b[31m") == 2
    assert "in the source account:  $ aws rds modify-db-instance" in plain
    assert plain.endswith("2 problems, 1 ok, 1 not looked at\n")


def test_json_has_a_version_and_every_finding():
    document = json.loads(machine_readable.as_json(ignoring(FINDINGS, [KNOWN], TODAY), By.AUDIT))

    assert document["schema_version"] == 1
    assert len(document["findings"]) == len(FINDINGS)
    assert document["findings"][-1]["ignored"] == {"reason": "a toy", "until": "2026-03-01"}


def test_sarif_has_what_code_scanning_asks_for():
    marked = ignoring(FINDINGS, [KNOWN], TODAY)
    document = json.loads(machine_readable.as_sarif(marked, By.AUDIT))

    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert document["version"] == "2.1.0"
    assert [rule["id"] for rule in rules] == [r.id for r in RULES if r.by is By.AUDIT]
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert result["kind"] == "fail" or result["level"] == "none"
        assert result["partialFingerprints"]
    assert run["results"][-1]["suppressions"][0]["justification"] == "a toy"
    assert len({r["partialFingerprints"]["restorecheck/v1"] for r in run["results"]}) == 3


def test_junit_counts_and_is_xml_whatever_a_resource_is_named():
    marked = ignoring(FINDINGS, [KNOWN], TODAY)
    text = machine_readable.as_junit(marked, By.AUDIT, NOW)
    JUNIT.validate(text)
    (suite,) = ET.fromstring(text)  # noqa: S314  # our own

    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    assert (suite.get("errors"), suite.get("skipped")) == ("1", "1")
    assert suite[0][0].get("message") == "off"
