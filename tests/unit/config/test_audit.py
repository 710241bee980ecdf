"""`audit.ignore`: what is accepted, with a reason and until a day."""

from datetime import date

import pytest

from tests.unit.config.test_config import parse, problem, target


def ignoring(text):
    return target(top=f"audit: {{ignore: [{{{text}}}]}}")


GOOD = "rule: RC601, reason: a toy, until: 2026-12-31"


def test_a_rule_is_ignored_for_every_resource_unless_one_is_named():
    (item,) = parse(ignoring(GOOD)).audit.ignore
    (named,) = parse(ignoring(f"{GOOD}, resource: 'arn:*:toy'")).audit.ignore

    assert item.ignore().resource == "*"
    assert item.ignore().until == date(2026, 12, 31)
    assert named.ignore().resource == "arn:*:toy"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("RC601", "RC999"), "expected the id of a rule such as RC601"),
        (
            GOOD.replace("2026-12-31", "soon"),
            "expected a date such as 2026-12-31, found the text 'soon'",
        ),
        (GOOD.replace("a toy", "''"), "reason"),
        ("rule: RC601, until: 2026-12-31", "reason"),
        ("rule: RC601, reason: a toy", "until"),
    ],
)
def test_without_a_known_rule_a_reason_and_a_day_nothing_is_ignored(text, said):
    assert said in problem(ignoring(text))
