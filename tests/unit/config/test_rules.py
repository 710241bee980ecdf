"""What holds between keys, and what a target inherits of the defaults: the pairs that are easy to get wrong."""

import pytest

from restorecheck.hosts.sources.drill_settings import checks_of
from restorecheck.model import Severity
from tests.unit.config.sources.test_rds import VALID
from tests.unit.config.sources.test_rds import changed as changed_rds
from tests.unit.config.test_config import parse, problem, target

REQUIRED, WARNING = Severity.REQUIRED, Severity.WARNING


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("", ()),
        ("abc", ()),
        ("abcd", ("abcd",)),
        (" abcd ", ("abcd",)),
        ("a%40b", ("a%40b",)),
        ("a%40bc", ("a%40bc", "a@bc")),
        ("abc\nabcd\nefgh", ("abc\nabcd\nefgh", "abcd", "efgh")),
    ],
)
def test_a_secret_is_known_from_four_letters_on_by_its_lines_and_decoded(value, known):
    assert parse(target(dump="decrypt: [age, '${SECRET}']"), SECRET=value).secrets == known


DEFAULTS = "defaults: {suite: {references_hold: warning, sequences_ahead: required, max_drop: 0.5}}"
INHERITED = {"references_hold": WARNING, "sequences_ahead": REQUIRED}


@pytest.mark.parametrize(
    ("keys", "severities", "max_drop"),
    [
        ("", INHERITED, 0.5),
        ("suite: {}", INHERITED, 0.5),
        ("suite: {references_hold: required}", INHERITED | {"references_hold": REQUIRED}, 0.5),
        ("suite: {references_hold: off}", INHERITED | {"references_hold": None}, 0.5),
        ("suite: {indexes_valid: off}", INHERITED | {"indexes_valid": None}, 0.5),
        ("suite: {max_drop: 10%}", INHERITED, 0.1),
        ("suite: {max_drop: 20%}", INHERITED, 0.2),
    ],
)
def test_a_target_has_the_suite_of_the_defaults_but_for_what_it_says_itself(
    keys, severities, max_drop
):
    (found,) = parse(target(keys, top=DEFAULTS)).targets

    assert found.suite.severities() == severities
    assert found.suite.settings()["max_drop"] == max_drop


def test_without_any_suite_nothing_is_named_and_the_limits_are_the_usual_ones():
    (found,) = parse(target()).targets

    assert found.suite.severities() == {}
    assert found.suite.settings() == {"volatile_tables": (), "max_drop": 0.2, "pages_minutes": 60}


def test_every_key_of_the_suite_reaches_the_checks_of_a_drill():
    text = target(
        "suite: {max_drop: 7%, volatile_tables: [public.sessions], references_hold: warning, "
        "constraints_hold: off}"
    )
    (found,) = parse(text).targets

    specs = {spec.kind: spec for spec in checks_of(found, baseline=True)}

    assert specs["not_shrunk"].options["max_drop"] == 0.07
    assert specs["not_emptied"].options["volatile"] == ["public.sessions"]
    assert specs["references_hold"].severity is WARNING
    assert "constraints_hold" not in specs
    assert specs["server_answers"].severity is REQUIRED


def test_the_objectives_of_a_target_are_inherited_one_by_one_with_their_severities():
    text = target(
        "objectives: {rto_minutes: 30}",
        top="defaults: {objectives: {rpo_hours: 24, rpo_severity: required, rto_minutes: 90}}",
    )
    (found,) = parse(text).targets

    wanted = {
        o.kind.value: (o.limit.total_seconds(), o.severity) for o in found.objectives.wanted()
    }

    assert wanted == {"rpo": (24 * 3600, REQUIRED), "rto": (30 * 60, WARNING)}


def test_each_target_that_a_channel_names_has_to_be_there():
    text = target(top="notify: [{apprise: 'slack://a/b/c', targets: [a, b]}]")

    assert problem(text).endswith("notify[0].targets[1]: no target has the name 'b'")


# --- two accounts -----------------------------------------------------------------------------

SOURCE, BACKUP = "111111111111", "222222222222"


def told(text):
    return problem(text, EXTERNAL_ID="external")


def test_the_role_in_the_source_account_is_not_one_of_the_backup_account():
    text = changed_rds(f"iam::{SOURCE}:role", f"iam::{BACKUP}:role")

    assert f"the role belongs to account {BACKUP}" in told(text)


def test_the_key_of_the_way_may_be_of_either_account_and_that_of_the_copies_of_one_only():
    transit = changed_rds(f"kms:eu-west-1:{SOURCE}", f"kms:eu-west-1:{BACKUP}")

    assert parse(transit, EXTERNAL_ID="external").targets
    assert parse(VALID, EXTERNAL_ID="external").targets
    other = changed_rds(f"kms:eu-west-1:{BACKUP}", f"kms:eu-west-1:{SOURCE}")
    assert f"the key belongs to account {SOURCE}, not to {BACKUP}" in told(other)
