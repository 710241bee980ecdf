"""Where a valid configuration passes a limit of AWS: the line, the number, what to do."""

import copy

import pytest
import yaml

from restorecheck import config as configuration
from tests.unit.hosts.sources.test_in_aws import TARGET


def limits(tmp_path, targets, **top):
    path = tmp_path / "restorecheck.yaml"
    keys = {"version": 1, "aws": {"ca_bundle": "b.pem"}, **top, "targets": targets}
    path.write_text(yaml.safe_dump(keys, sort_keys=False))
    _, found = configuration.load_with_limits(path, {"HOME": "/"})
    lines = path.read_text().splitlines()
    return [(problem, lines[(problem.line or 1) - 1].strip()) for problem in found]


def targets(number, **changes):
    made = []
    for count in range(number):
        target = copy.deepcopy(TARGET) | {"name": f"t-{count}"}
        target["rds"]["backup"]["keep_copies"] = 7
        made.append(target | changes)
    return made


def test_a_small_configuration_passes_no_limit(tmp_path):
    assert limits(tmp_path, targets(12)) == []


def test_the_target_that_needs_the_101st_snapshot_is_named_once_for_each_account(tmp_path):
    found = limits(tmp_path, targets(60))

    paths = [problem.path for problem, _ in found]
    assert paths == ["targets[12].rds.backup.keep_copies", "targets[50].rds.source.keep_copies"]
    assert "more than 100 manual snapshots in account 222222222222" in found[0][0].message
    assert found[0][1] == "keep_copies: 7"
    assert found[1][1] == "source:"


def test_each_region_has_its_own_quota_and_the_functions_only_one_region(tmp_path):
    made = targets(24)
    for target in made[12:]:
        rds = target["rds"]
        rds["backup"]["region"] = "us-east-1"
        rds["backup"]["kms_key_id"] = "arn:aws:kms:us-east-1:222222222222:key/a"
        del rds["restore"]["master_user_secret_kms_key_id"]

    ((problem, line),) = limits(tmp_path, made)

    assert problem.path == "targets[12].rds.backup.region"
    assert line == "region: us-east-1"
    assert "their own region only" in problem.message


def test_checks_that_do_not_fit_into_a_drill_are_found_before_the_night(tmp_path):
    checks = [
        {"query": {"name": f"{'q' * 100} {n}", "sql": "select 1", "expect": "empty"}}
        for n in range(450)
    ]

    ((problem, line),) = limits(tmp_path, targets(1, checks=checks))

    assert line == "checks:"
    assert "450 checks" in problem.message
    assert "390 KB in DynamoDB" in problem.message


@pytest.mark.parametrize(("minutes", "number"), [(1440, 0), (1441, 1)])
def test_a_drill_of_more_than_a_day_is_not_for_the_functions(tmp_path, minutes, number):
    found = limits(tmp_path, targets(1, deadline_minutes=minutes))

    assert [line for _, line in found] == ["deadline_minutes: 1441"][:number]


def test_more_drills_than_the_default_quota_of_instances(tmp_path):
    ((problem, line),) = limits(tmp_path, targets(1), runner={"max_parallel_drills": 41})

    assert line == "max_parallel_drills: 41"
    assert "40 DB instances" in problem.message


def test_a_machine_with_dumps_has_no_limits_of_aws(tmp_path):
    dumps = [{"name": "d", "dump": {"path": "/b"}, "deadline_minutes": 9000}]

    assert limits(tmp_path, dumps, runner={"max_parallel_drills": 400}) == []
