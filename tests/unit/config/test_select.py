"""Which backup is drilled, and how often one is expected: as written, and what is refused."""

from datetime import timedelta

import pytest

from restorecheck.config.select import rule_of
from restorecheck.model import Select, SelectBy
from tests.unit.config.test_config import parse, problem

TARGET = """
version: 1
targets:
  - name: shop
    %s
    dump: {path: backups}
"""
ADOPTED = """
version: 1
aws: {ca_bundle: bundle.pem}
targets:
  - name: shop
    %s
    adopt:
      db_instance_arn: arn:aws:rds:eu-west-1:111111111111:db:shop
      account_id: "222222222222"
      region: eu-west-1
      user: checker
      credentials: iam
"""


def target_of(keys):
    (target,) = parse(TARGET % keys).targets
    return target


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("select: newest", Select()),
        ("databases: [shop]", Select()),
        ("select: oldest", Select(by=SelectBy.OLDEST)),
        ("select: random", Select(by=SelectBy.RANDOM)),
        ("select: rotating", Select(by=SelectBy.ROTATING)),
        ("select: {name: a.dump}", Select(by=SelectBy.NAMED, name="a.dump")),
        (
            "select: {random: {within_days: 30}}",
            Select(by=SelectBy.RANDOM, within=timedelta(days=30)),
        ),
    ],
)
def test_a_choice_as_it_is_written(written, rule):
    assert target_of(written).select.rule() == rule


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("select: newst", "expected newest, oldest, random, rotating, {random: {within_days: 30}} or {name: BACKUP}"),
        ("select: 3", "found 3"),
        ("select: {}", "found a mapping with 0 keys"),
        ("select: {name: a, random: {within_days: 3}}", "found a mapping with 2 keys"),
        ("select: {nam: a}", "did you mean 'name'?"),
        ("select: {random: {within_days: 0}}", "greater than 0"),
        ("every: 24", "expected an interval such as 24h, 7d or 30min, found 24"),
        ("every: 0h", "expected an interval"),
        ("every: daily", "expected an interval"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_clear_problem_with_its_line(written, said):
    found = problem(TARGET % written)
    assert said in found
    assert found.startswith("5: ")


@pytest.mark.parametrize("written", ["select: random", "every: 24h"])
def test_a_target_without_a_list_of_backups_has_no_choice(written):
    assert (
        "has no list of backups: the program that restores chooses the backup; remove"
        in problem(ADOPTED % written)
    )


@pytest.mark.parametrize(
    ("written", "hours"), [("24h", 24), ("7d", 168), ("30min", 0.5), ("1.5 d", 36)]
)
def test_an_interval(written, hours):
    assert target_of(f"every: {written}").expected_every == timedelta(hours=hours)


@pytest.mark.parametrize("word", ["newest", "oldest", "random", "rotating"])
def test_a_word_on_the_command_line_is_a_rule_and_all_else_a_name(word):
    assert rule_of(word).by == word
    assert rule_of(f"{word}.dump") == Select(by=SelectBy.NAMED, name=f"{word}.dump")


def test_what_is_new_is_the_newest_backup_so_no_other_rule_goes_with_it():
    found = problem(TARGET % "when_new: true\n    select: oldest")

    assert "when_new drills the newest backup" in str(found)


@pytest.mark.parametrize(
    ("rule", "samples"), [("newest", False), ("oldest", True), ("random", True)]
)
def test_a_target_with_another_rule_than_the_newest_backup_drills_samples(rule, samples):
    (target,) = parse(TARGET % f"select: {rule}").targets

    assert target.samples is samples
