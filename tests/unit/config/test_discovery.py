"""Databases that are found: the rules, the list, and the targets that follow."""

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.config.discovery import (
    FoundDatabase,
    decode,
    encode,
    merged,
    target_name,
)
from restorecheck.errors import ConfigError
from tests.unit.hosts.sources.test_in_aws import TARGET

NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = "rds 111111111111/eu-west-1 restorecheck=yes"
FOLDER = "dump /backups"


def template():
    made = copy.deepcopy(TARGET)
    del made["name"], made["rds"]["db_instance_identifier"], made["databases"]
    return made


def tagged(**changes):
    return {"rds": {"tags": {"restorecheck": "yes"}}, "template": template(), **changes}


def folder(**dump):
    return {"databases": "all", "template": {"dump": {"path": "/backups", **dump}}}


def found(identifier, rule=RULE, **changes):
    return FoundDatabase(rule=rule, identifier=identifier, found_at=NOW, **changes)


def parsed(discover, *targets, seen=()):
    keys = {"version": 1, "aws": {"ca_bundle": "b.pem"}, "discover": discover}
    text = yaml.safe_dump(keys | ({"targets": list(targets)} if targets else {}), sort_keys=False)
    return configuration.parse(
        text, file="c.yaml", directory=Path("/etc"), environment={"HOME": "/"}, found=encode(seen)
    )


def problems(discover, *targets, seen=()):
    with pytest.raises(ConfigError) as caught:
        parsed(discover, *targets, seen=seen)
    return [
        f"{problem.line} {problem.path}: {problem.message}" for problem in caught.value.problems
    ]


def test_a_database_that_is_found_is_a_target_with_the_keys_of_the_template():
    config = parsed(tagged(), seen=[found("courses-prod"), found("grades-prod")])

    assert [target.name for target in config.targets] == ["courses-prod", "grades-prod"]
    first = config.targets[0]
    assert first.rds.db_instance_identifier == "courses-prod"
    assert first.rds.source.account_id == "111111111111"
    assert (first.deadline_minutes, first.found_at) == (90, NOW)


def test_what_was_found_stands_beside_the_history(tmp_path):
    text = yaml.safe_dump(
        {"version": 1, "history": {"path": "h.sqlite"}, "discover": folder()}, sort_keys=False
    )
    (tmp_path / "h.sqlite.found.json").write_text(encode([found("shop", FOLDER)]))

    config = configuration.parse(text, file="c.yaml", directory=tmp_path, environment={"HOME": "/"})

    assert [target.name for target in config.targets] == ["shop"]


def test_a_database_with_dumps_is_a_target_of_this_database_alone():
    config = parsed(folder(), seen=[found("shop", FOLDER), found("My Shop", FOLDER)])

    names = {target.name: target.databases for target in config.targets}
    assert names == {"shop": ("shop",), "My-Shop-b14e76": ("My Shop",)}


def test_what_is_gone_and_what_other_rules_have_found_are_no_targets():
    seen = [found("a", gone_at=NOW), found("b", "rds 111111111111/eu-west-1 other=yes"), found("c")]

    assert [target.name for target in parsed(tagged(), seen=seen).targets] == ["c"]


def test_one_rule_may_stand_without_a_list_and_before_anything_is_found():
    assert parsed(tagged()).targets == ()
    assert parsed([tagged(), folder()]).rules[1].key == FOLDER
    assert parsed(tagged()).rules[0].key == RULE


def test_a_database_with_a_target_of_its_own_gets_no_second_one():
    config = parsed(tagged(), TARGET, seen=[found("courses-prod"), found("grades-prod")])

    assert [target.name for target in config.targets] == ["courses", "grades-prod"]


def test_a_found_name_that_another_target_has_is_an_error_with_both_places():
    other = {"name": "grades-prod", "dump": {"path": "/b"}}

    (said,) = problems(tagged(), other, seen=[found("grades-prod")])

    assert "would be the target 'grades-prod', which is the name of the target on line" in said
    assert "discover[0]" in said


def test_two_rules_that_find_the_same_name_are_an_error():
    seen = [found("shop"), found("shop", FOLDER)]

    (said,) = problems([tagged(), folder()], seen=seen)

    assert "another database that was found by discover[0]" in said


@pytest.mark.parametrize(
    ("discover", "said"),
    [
        (tagged(databases="all"), "expected one of the keys: rds, aurora, databases"),
        ({"template": template()}, "expected one of the keys: rds, aurora, databases"),
        (
            {**folder(), "template": template()},
            "discover by databases needs a template with the key dump",
        ),
        (tagged(template={**template(), "name": "x"}), "a template has no name"),
        (tagged(template=TARGET), "a template has no db_instance_identifier: it is found"),
        (tagged(at_most=0), "expected a number not less than 1, found 0"),
        ({"rds": {"tags": {}}, "template": template()}, "discover[0].rds.tags"),
        (folder(path="s3://b/x"), "in a folder of this machine only"),
        (
            {**folder(), "template": {"dump": {"path": "/b"}, "databases": ["a"]}},
            "a template has no databases",
        ),
        (folder(jobz=2), "unknown key 'jobz'; did you mean 'jobs'?"),
        ({"rds": {"tags": {"a": "b"}}}, "missing key 'template'"),
        (
            tagged(template={**template(), "checks": [{"rows": {}}]}),
            "discover[0].template.checks[0]",
        ),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_line(discover, said):
    found_problems = problems(discover)

    assert any(said in problem for problem in found_problems), found_problems
    assert all(int(problem.split()[0]) >= 4 for problem in found_problems)


def test_the_rules_between_the_keys_of_a_target_hold_for_a_template_too():
    bad = template()
    bad["rds"]["backup"]["account_id"] = "111111111111"

    assert any("must not be the source account" in said for said in problems(tagged(template=bad)))


def test_without_targets_and_without_discover_there_is_nothing_to_do():
    with pytest.raises(ConfigError, match="missing key 'targets'"):
        configuration.parse("version: 1", file="c", directory=Path("/"), environment={"HOME": "/"})


# --- the list ---------------------------------------------------------------------------------------


def look(known, now=NOW, rules=(RULE,), **seen):
    names = {RULE: frozenset(seen["seen"])} if "seen" in seen else {}
    looked = merged(known, names, rules, now)
    return looked, [one.identifier for one in looked.new], [one.identifier for one in looked.gone]


def test_a_database_that_appears_is_said_once():
    first, new, gone = look((), seen=["a", "b"])
    assert (new, gone) == (["a", "b"], [])

    again, new, gone = look(first.found, NOW + DAY, seen=["a", "b"])
    assert (new, gone) == ([], [])
    assert again.found == first.found


def test_a_database_that_disappears_is_said_once_and_stays_in_the_list():
    known = look((), seen=["a", "b"])[0].found

    looked, new, gone = look(known, NOW + DAY, seen=["b"])
    assert (new, gone) == ([], ["a"])
    assert [(one.identifier, one.gone_at) for one in looked.found] == [
        ("a", NOW + DAY),
        ("b", None),
    ]

    later, new, gone = look(looked.found, NOW + 2 * DAY, seen=["b"])
    assert (later.found, new, gone) == (looked.found, [], [])


def test_a_database_that_comes_back_is_new_again_and_not_proven_by_its_past():
    known = (found("a", gone_at=NOW),)

    looked, new, _ = look(known, NOW + DAY, seen=["a"])

    assert new == ["a"]
    assert [(one.found_at, one.gone_at) for one in looked.found] == [(NOW + DAY, None)]


def test_a_rule_that_could_not_be_looked_for_loses_nothing():
    known = (found("a"), found("b", gone_at=NOW))

    looked, new, gone = look(known, NOW + DAY)

    assert (looked.found, new, gone) == (known, [], [])


def test_what_a_removed_rule_had_found_is_gone_and_said():
    _, new, gone = look((found("a", "dump /old"), found("b")), seen=["b"])

    assert (new, gone) == ([], ["a"])


def test_the_list_is_read_as_it_was_written():
    ones = (found("a"), found("b", gone_at=NOW + DAY))

    assert decode(encode(ones), "f") == ones
    assert decode("", "f") == ()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"format": 1, "found": [{"rule": "x"}]}']
)
def test_a_list_that_is_none_is_an_error_with_what_to_do(text):
    with pytest.raises(ConfigError, match=r"config discover` writes it again") as caught:
        decode(text, "/var/found.json")
    assert caught.value.problems[0].file == "/var/found.json"


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("courses-prod", "courses-prod"),
        ("my_shop", "my-shop-"),
        ("x" * 63, "x" * 33 + "-"),
        ("ä ö", "database-"),
    ],
)
def test_a_name_is_that_of_the_database_as_far_as_a_target_may_have_it(identifier, name):
    made = target_name(identifier)

    assert made.startswith(name)
    assert len(made) <= 40
    assert made == target_name(identifier)
    if made != identifier:
        assert made != target_name(f"{identifier}_")
