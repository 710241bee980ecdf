"""Tiers: which group a target is in, and what cannot be."""

from datetime import timedelta

import pytest

from restorecheck.errors import ConfigError
from restorecheck.schedule import EACH, Every, Sample
from tests.unit.config.test_config import parse

DUMP = "dump: {path: /b}"


def config(*targets, defaults="{}", tiers="{weekly: {every: 7d}, some: {sample: 2}}"):
    lines = ["version: 1", f"defaults: {defaults}", f"tiers: {tiers}", "targets:"]
    return "\n".join([*lines, *(f"  - {{name: {name}, {DUMP}{keys}}}" for name, keys in targets)])


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def tiers_of(text):
    return {target.name: target.slots_of_tier for target in parse(text).targets}


def test_a_target_has_the_tier_that_it_or_the_defaults_name():
    text = config(
        ("a", ""),
        ("b", ", tier: some"),
        ("c", ", tier: some"),
        defaults="{tier: weekly, max_proof_age_hours: 200}",
    )

    assert tiers_of(text) == {
        "a": Every(timedelta(days=7)),
        "b": Sample(2, ("b", "c")),
        "c": Sample(2, ("b", "c")),
    }
    assert tiers_of(config(("a", ""))) == {"a": EACH}


def test_a_sample_is_drawn_from_targets_that_share_their_schedule():
    first, second = ", tier: some, schedule: '0 1 * * *'", ", tier: some, schedule: '0 2 * * *'"

    found = tiers_of(config(("a", first), ("b", second), ("c", first)))

    assert found["a"] == found["c"] == Sample(2, ("a", "c"))
    assert found["b"] == Sample(2, ("b",))


def test_an_unknown_tier_is_named_with_its_line_and_those_that_are_known():
    assert problems(config(("a", ", tier: daily"))) == [
        (5, "no tier 'daily' in `tiers` (known: weekly, some)")
    ]
    assert problems(config(("a", ""), defaults="{tier: daily}", tiers="{}")) == [
        (2, "no tier 'daily' in `tiers` (known: there are none)")
    ]


@pytest.mark.parametrize("keys", ["{}", "{every: 7d, sample: 3}"])
def test_a_tier_says_one_thing(keys):
    found = problems(config(("a", ""), tiers=f"{{x: {keys}}}"))

    assert found == [(3, "expected one of the keys: every, sample")]


@pytest.mark.parametrize("keys", ["{every: weekly}", "{sample: 0}", "{often: 3}"])
def test_a_tier_of_another_form_is_refused(keys):
    assert all(line == 3 for line, _ in problems(config(("a", ""), tiers=f"{{x: {keys}}}")))


@pytest.mark.parametrize("every", ["weekly", "7"])
def test_an_interval_without_a_form_is_reported_once(every):
    found = problems(config(("a", ", tier: x"), tiers=f"{{x: {{every: {every}}}}}"))

    assert len(found) == 1, found


@pytest.mark.parametrize("hours", [30, 168])
def test_a_target_that_would_be_overdue_before_each_drill_is_refused(hours):
    keys = f", tier: weekly, max_proof_age_hours: {hours}"

    ((line, message),) = problems(config(("a", keys)))

    assert line == 5
    assert f"every 168 hours, but max_proof_age_hours is {hours}" in message
    assert parse(config(("a", ", tier: weekly, max_proof_age_hours: 180")))


def test_the_age_that_a_target_inherits_counts_and_its_own_one_too():
    (first, second) = problems(
        config(("a", ""), ("b", ", max_proof_age_hours: 20"), defaults="{tier: weekly}")
    )

    assert (first[0], second[0]) == (2, 6)


def test_null_takes_a_target_out_of_the_tier_of_the_defaults():
    defaults = "{tier: weekly, max_proof_age_hours: 200}"

    assert tiers_of(config(("a", ", tier: null"), defaults=defaults)) == {"a": EACH}
