"""Which checks a drill has without being asked, and what a file says of one."""

import json

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.checks.registry import BUILT_INS, built_in

# TODO ['MINIMUM']
from restorecheck.errors import ConfigError
from restorecheck.hosts.drills import checks_of
from restorecheck.model import Severity


def kinds(specs):
    return {spec.kind: spec.severity for spec in specs}


ALL = kinds(built_in(baseline=True))


def test_all_of_them_are_asked_of_a_backup_of_pages_with_an_earlier_night():
    assert {check.kind: check.severity for check in BUILT_INS} == ALL


@pytest.mark.parametrize("kind", [c.kind for c in BUILT_INS if c.kind not in MINIMUM])
def test_what_is_turned_off_is_not_asked_and_nothing_else_is_missing(kind):
    left = kinds(built_in({kind: None}, baseline=True))

    assert left == {k: severity for k, severity in ALL.items() if k != kind}


@pytest.mark.parametrize("kind", sorted(MINIMUM))
def test_without_the_least_nothing_is_proven_so_it_stays(kind):
    assert kinds(built_in({kind: None}, baseline=True)) == ALL


@pytest.mark.parametrize("severity", Severity)
def test_a_weight_that_is_given_counts_for_its_check_alone(severity):
    given = kinds(built_in({"references_hold": severity}, baseline=True))

    assert given == ALL | {"references_hold": severity}


def test_pages_are_looked_at_where_they_are_the_backup_s_and_nights_are_compared_where_there_are_two():
    of_a_dump = kinds(built_in(physical=False, baseline=True))
    of_the_first_night = kinds(built_in(baseline=False))

    assert set(ALL) - set(of_a_dump) == {c.kind for c in BUILT_INS if c.physical}
    assert set(ALL) - set(of_the_first_night) == {c.kind for c in BUILT_INS if c.compares}


def test_the_limits_that_are_configured_are_those_that_are_asked():
    specs = built_in(
        baseline=True, max_drop=0.07, pages_minutes=3.0, volatile_tables=["public.sessions"]
    )
    options = {spec.kind: spec.options for spec in specs}

    assert options["not_shrunk"] == {"max_drop": 0.07, "volatile": ["public.sessions"]}
    assert options["not_emptied"] == {"volatile": ["public.sessions"]}
    assert options["newest_there"] == {"volatile": ["public.sessions"]}
    assert options["pages_sound"] == {"minutes": 3.0}


def with_manifest(directory, *tables):
    made = {
        "version": 1,
        "taken_at": "2026-02-27T03:15:00+00:00",
        "tables": {name: {"rows": "1", "print": "7"} for name in ("public.books", "public.loans")},
        "structure": {},
    }
    (directory / "m.json").write_text(json.dumps(made))
    check = {"manifest": {"file": "m.json", **({"tables": list(tables)} if tables else {})}}
    keys = {"version": 1, "targets": [{"name": "a", "dump": {"path": "d"}, "checks": [check]}]}
    text = yaml.safe_dump(keys)
    config = configuration.parse(text, file="c.yaml", directory=directory, environment={})
    *_, spec = checks_of(config.targets[0], baseline=False)
    return set(spec.options["tables"])


def test_every_table_that_is_asked_for_is_in_the_manifest_or_nothing_is_begun(tmp_path):
    assert with_manifest(tmp_path) == {"public.books", "public.loans"}
    assert with_manifest(tmp_path, "public.loans") == {"public.loans"}
    for tables in (["public.loans", "public.authors"], ["public.authors"]):
        with pytest.raises(ConfigError, match=r"has no table 'public\.authors'"):
            with_manifest(tmp_path, *tables)
