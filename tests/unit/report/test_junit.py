"""JUnit XML as Jenkins validates it and as GitLab reads it."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from xmlschema import XMLSchema

from restorecheck.model import CheckOutcome, RestoreOutcome, Severity, TeardownOutcome, Verdict
from restorecheck.report import junit
from tests.nights import HOSTILE, check, hostile, night

SCHEMA = XMLSchema(Path(__file__).with_name("junit.xsd"))
OUTCOMES = [
    check("fine"),
    check("only a warning", outcome=CheckOutcome.FAILED, severity=Severity.WARNING),
    check("a warning without an answer", outcome=CheckOutcome.ERROR, severity=Severity.WARNING),
    check("not asked", outcome=CheckOutcome.SKIPPED, expected="", found=""),
    check("bad", outcome=CheckOutcome.FAILED),
    check("unclear", outcome=CheckOutcome.ERROR, expected="", found=""),
]


def as_gitlab_reads(text):
    """Name → (status, what is shown), as `lib/gitlab/ci/parsers/test/junit.rb` finds them.

    It takes one `testsuites` at the top, suites in suites, and of a case the first of failure, error
    and skipped. What is shown is the element's text; attributes are shown only where there is none.
    """
    root = ET.fromstring(text)  # noqa: S314  # our own text
    suites = [root] if root.tag == "testsuite" else root.iter("testsuite")
    found = {}
    for case in (case for suite in suites for case in suite.findall("testcase")):
        key = (case.get("classname"), case.get("name"))
        assert key not in found, "GitLab would merge the two"
        found[key] = next(
            (
                (tag, node.text)
                for tag in ("failure", "error", "skipped")
                if (node := case.find(tag)) is not None
            ),
            ("success", None),
        )
    return found


def test_every_outcome_is_valid_and_read_as_what_it_is():
    text = junit.render([night(verdict=Verdict.FAILED, checks=OUTCOMES)])

    SCHEMA.validate(text)
    assert as_gitlab_reads(text) == {
        ("courses", "the backup restores"): ("success", None),
        ("courses", "fine"): ("success", None),
        ("courses", "only a warning"): ("success", None),
        ("courses", "a warning without an answer"): ("success", None),
        ("courses", "not asked"): ("skipped", "skipped"),
        ("courses", "bad"): ("failure", "expected a count, found 5 rows"),
        ("courses", "unclear"): ("error", "error"),
        ("courses", "everything is torn down"): ("success", None),
    }


@pytest.mark.parametrize(
    ("verdict", "read"), [(Verdict.FAILED, "failure"), (Verdict.INCONCLUSIVE, "error")]
)
def test_a_restore_that_did_not_end_well_is_no_passed_test(verdict, read):
    report = night(
        verdict=verdict,
        reason="the disk is full",
        restore_outcome=RestoreOutcome.FAILED,
        teardown_outcome=TeardownOutcome.INCOMPLETE,
    )

    text = junit.render([report])

    SCHEMA.validate(text)
    cases = as_gitlab_reads(text)
    assert cases["courses", "the backup restores"] == (read, "the disk is full")
    assert cases["courses", "everything is torn down"][0] == "failure"


def test_several_targets_are_several_suites():
    text = junit.render([night(), night(target="orders")])

    SCHEMA.validate(text)
    assert {target for target, _ in as_gitlab_reads(text)} == {"courses", "orders"}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_valid(text):
    made = junit.render([hostile(text)])

    SCHEMA.validate(made)
    assert len(as_gitlab_reads(made)) == 3


@pytest.mark.parametrize("broken", ['time="-1.000"', 'tests="x"', 'type=""', 'unknown="1"'])
def test_the_schema_refuses_what_jenkins_would_or_what_says_nothing(broken):
    made = junit.render([night(verdict=Verdict.FAILED, checks=OUTCOMES)])
    name = broken.partition("=")[0]

    changed = re.sub(f' {name}="[^"]*"', f" {broken}", made, count=1)
    if name == "unknown":
        changed = made.replace("<testcase ", f"<testcase {broken} ", 1)

    assert changed != made
    assert not SCHEMA.is_valid(changed)
