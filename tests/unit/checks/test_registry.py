"""Which checks a drill has without being asked, what a file says of one, and that a kind is one file."""

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.checks import kinds as package
from restorecheck.checks import registry
from restorecheck.checks.kind import Alone, ByProgram, CheckKind, OfDatabase, OfReading, OfRelation
from restorecheck.checks.registry import BUILT_INS, BY_NAME, CONFIGURED, KINDS, built_in
from restorecheck.checks.scan_statements import PRINT, ROWS
from restorecheck.config.checks import Check
from restorecheck.config.suite import Suite
from restorecheck.errors import ConfigError
from restorecheck.hosts.sources.drill_settings import checks_of
from restorecheck.model import CheckSpec, Severity


def severities(specs):
    return {spec.kind: spec.severity for spec in specs}


ALL = severities(built_in(baseline=True))
ALWAYS = sorted(k.name for k in BUILT_INS if k.built_in and k.built_in.always)


def test_all_of_them_are_asked_of_a_backup_of_pages_with_an_earlier_night():
    assert {k.name: k.built_in.severity for k in BUILT_INS if k.built_in} == ALL


@pytest.mark.parametrize("kind", [k.name for k in BUILT_INS if k.name not in ALWAYS])
def test_what_is_turned_off_is_not_asked_and_nothing_else_is_missing(kind):
    left = severities(built_in({kind: None}, baseline=True))

    assert left == {k: severity for k, severity in ALL.items() if k != kind}


@pytest.mark.parametrize("kind", ALWAYS)
def test_without_the_least_nothing_is_proven_so_it_stays(kind):
    assert severities(built_in({kind: None}, baseline=True)) == ALL


def test_the_least_is_that_the_server_answers_and_that_there_are_rows_that_can_be_read_and_counted():
    assert ALWAYS == ["any_rows", "server_answers", "tables_countable", "tables_readable"]


@pytest.mark.parametrize("severity", Severity)
def test_a_weight_that_is_given_counts_for_its_check_alone(severity):
    given = severities(built_in({"references_hold": severity}, baseline=True))

    assert given == ALL | {"references_hold": severity}


def test_pages_are_looked_at_where_they_are_the_backup_s_and_nights_are_compared_where_there_are_two():
    of_a_dump = severities(built_in(physical=False, baseline=True))
    of_the_first_night = severities(built_in(baseline=False))

    assert set(ALL) - set(of_a_dump) == {"indexes_agree", "pages_sound", "transactions_young"}
    assert set(ALL) - set(of_the_first_night) == {
        "not_emptied", "not_shrunk", "newest_there", "structure_same", "not_widened",
        "contents_plausible",
    }  # fmt: skip


def test_the_limits_that_are_configured_are_those_that_are_asked():
    suite = {"max_drop": 0.07, "pages_minutes": 3.0, "volatile_tables": ("public.sessions",)}
    options = {spec.kind: spec.options for spec in built_in(baseline=True, suite=suite)}

    assert options["not_shrunk"] == {"max_drop": 0.07, "volatile": ["public.sessions"]}
    assert options["not_emptied"] == {"volatile": ["public.sessions"]}
    assert options["newest_there"] == {"volatile": ["public.sessions"]}
    assert options["pages_sound"] == {"minutes": 3.0}


def test_a_check_of_a_later_version_is_asked_alone_and_expects_nothing_that_is_known():
    later = CheckSpec(name="x", kind="of a later version")

    assert (registry.kind_of(later), registry.is_alone(later), registry.expected(later)) == (
        None,
        True,
        "",
    )


# --- a kind is one file, and everything else follows from the list ----------------------------


def concrete(kind=CheckKind):
    for made in kind.__subclasses__():
        yield from concrete(made)
        if not getattr(made, "__abstractmethods__", None) and hasattr(made, "name"):
            yield made


def test_every_kind_that_a_file_defines_is_in_the_list_once():
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    ours = {made for made in concrete() if made.__module__.startswith("restorecheck.")}

    assert {type(kind) for kind in KINDS} == ours
    assert len(BY_NAME) == len(KINDS)


def test_every_kind_is_answered_in_one_of_the_five_ways_that_the_rest_knows():
    ways = (Alone, ByProgram, OfDatabase, OfRelation, OfReading)

    assert all(sum(isinstance(kind, way) for way in ways) == 1 for kind in KINDS)
    assert all(isinstance(kind, Alone | OfDatabase) for kind in BUILT_INS)
    assert all(isinstance(kind, Alone | ByProgram | OfRelation | OfReading) for kind in CONFIGURED)


def test_questions_of_one_kind_are_not_taken_for_those_of_another():
    beginnings = [begin for kind in KINDS for begin in kind.questions_begin]

    assert len(beginnings) == len(set(beginnings))
    assert not [(a, b) for a in beginnings for b in beginnings if a != b and a.startswith(b)]


def test_the_configuration_knows_the_kinds_of_the_list_and_no_other():
    assert list(Check.model_fields) == [kind.name for kind in CONFIGURED]
    weighed = {k.name for k in BUILT_INS} - {*ALWAYS}
    assert set(Suite.model_fields) - weighed == {"volatile_tables", "max_drop", "pages_minutes"}
    assert set(Suite.model_fields) > weighed
    described = {**Check.model_fields, **Suite.model_fields}
    assert all(
        described[k.name].description == k.help
        for k in (*BUILT_INS, *CONFIGURED)
        if k.name in described
    )


NEW_KIND = """
from pydantic import Field
from restorecheck.checks import registry
from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import TableKeys
from restorecheck.checks.kind import BuiltIn, CheckFinding, OfDatabase, OfRelation
from restorecheck.model import CheckOutcome

class EvenKeys(TableKeys):
    @property
    def about(self):
        return "evenness"

class Even(OfRelation):
    name, help, keys = "even", "An even number of rows.", EvenKeys
    def expected(self, options):
        return "an even number"
    def judge(self, spec, scan, before, context):
        good = scan.rows % 2 == 0
        return Judgement(CheckOutcome.PASSED if good else CheckOutcome.FAILED, "", str(scan.rows))

class Quiet(OfDatabase):
    name, help, built_in = "quiet", "Nothing is said.", BuiltIn(name="it is quiet")
    def expected(self, options):
        return "silence"
    def find(self, spec, reading, before, context):
        return CheckFinding(found="silence")

registry.KINDS = (*registry.KINDS, Even(), Quiet())
registry.BY_NAME = {kind.name: kind for kind in registry.KINDS}
registry.BUILT_INS = (*registry.BUILT_INS, Quiet())
registry.CONFIGURED = (*registry.CONFIGURED, Even())

from pathlib import Path
from restorecheck.config import json_schema, parse
from restorecheck.hosts.sources.drill_settings import checks_of
from tests.scans import about, asked, own, reading

text = '''
version: 1
defaults: {suite: {quiet: warning}}
targets:
  - name: a
    dump: {path: d}
    checks: [{even: {table: t}}]
'''
config = parse(text, file="c.yaml", directory=Path("/"), environment={})
specs = {spec.name: spec for spec in checks_of(config.targets[0], baseline=False)}
assert specs["it is quiet"].severity == "warning", specs
assert specs["evenness of t"].options == {"table": "t"}
assert asked("even", about(reading())).outcome == "passed"
assert own("quiet", reading()).found == "silence"
assert {"An even number of rows.", "Nothing is said."} <= {
    part["description"]
    for made in json_schema()["$defs"].values()
    for part in made.get("properties", {}).values()
}
"""


def test_a_new_kind_is_known_everywhere_once_it_stands_in_the_list():
    """Its keys, its place in `suite` and in every drill, its judgement: nothing else names the kinds."""
    done = subprocess.run(
        [sys.executable, "-c", NEW_KIND], check=False, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


# --- manifests --------------------------------------------------------------------------------


def with_manifest(directory, *tables):
    made = {
        "version": 1,
        "taken_at": "2026-02-27T03:15:00+00:00",
        "tables": {name: {ROWS: "1", PRINT: "7"} for name in ("public.books", "public.Loans")},
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
    assert with_manifest(tmp_path) == {"public.books", "public.Loans"}
    assert with_manifest(tmp_path, "public.Books") == {"public.books"}
    assert with_manifest(tmp_path, "public.Loans") == {"public.Loans"}
    for tables in (["public.books", "public.authors"], ["public.authors"]):
        with pytest.raises(ConfigError, match=r"has no table 'public\.authors'"):
            with_manifest(tmp_path, *tables)
