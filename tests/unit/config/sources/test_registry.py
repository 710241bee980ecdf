"""The kinds of source: two rooms know them, and one list names them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.aws.session.accounts import Accounts
from restorecheck.checks.dialect import POSTGRESQL, Dialect
from restorecheck.config import sources as keys_of_sources
from restorecheck.config.rules import unanswerable_checks
from restorecheck.config.sources.dump import Dump
from restorecheck.config.sources.rds import Rds
from restorecheck.config.sources.registry import KINDS
from restorecheck.errors import ConfigError, NotFoundError
from restorecheck.hosts import sources as parts_of_sources
from restorecheck.hosts.sources.source import Host, Source, source_of
from restorecheck.hosts.sources.targets import Targets, Unconfigured
from restorecheck.lifecycle import Gone, StillThere
from restorecheck.model import Resource
from restorecheck.postgres.dump.finder import SERVER
from restorecheck.testing import World
from tests.factories import drill
from tests.unit.hosts.sources.test_in_aws import TARGET

DUMPED = {"name": "library", "dump": {"path": "/backups"}}
INSTANCE = Resource(
    kind="DB instance",
    identifier="arn:aws:rds:eu-central-1:222222222222:db:restorecheck-d-1",
    account="222222222222",
)
SHARED = {
    "drill_settings",
    "in_aws",
    "manifest",
    "programs",
    "server_settings",
    "source",
    "targets",
}
NO_SOURCES = {"__init__", "kind", "registry", *SHARED}


def targets(*written: dict[str, Any], in_aws: bool = False, shared: Any = None) -> Targets:
    keys = {"version": 1, "aws": {"ca_bundle": "b.pem"}, "targets": list(written)}
    text = yaml.safe_dump(keys)
    config = configuration.parse(text, file="c.yaml", directory=Path("/etc/rc"), environment={})
    host = Host(
        config=config, clock=World(), in_aws=in_aws, shared={} if shared is None else shared
    )
    return Targets(host)


def modules_of(package: Any) -> set[str]:
    (folder,) = package.__path__
    return {path.stem for path in Path(folder).glob("*.py")} - NO_SOURCES


def test_both_rooms_have_one_file_for_each_kind_of_source_and_no_other():
    keys = {kind.key for kind in KINDS}

    assert modules_of(keys_of_sources) == modules_of(parts_of_sources) == keys
    assert all(issubclass(source_of(kind), Source) for kind in KINDS)


def test_a_target_knows_its_source():
    library, courses = targets(DUMPED, TARGET)._targets.values()

    assert (library.kind.key, courses.kind.key) == ("dump", "rds")
    assert library.keys_of(Dump).path == "/backups"
    with pytest.raises(AssertionError, match="library is of kind dump"):
        library.keys_of(Rds)


def test_a_check_that_an_engine_cannot_answer_is_refused_where_it_stands():
    checks: list[Any] = [{"row_count": {}}, "no mapping", {"query": {}, "unheard_of": {}}]
    shelves = Dialect(name="Shelves", sql=POSTGRESQL.sql, kinds=frozenset({"row_count"}))

    found = [*unanswerable_checks({"checks": checks}, ("targets", 0), shelves)]

    assert [(f.path, f.message) for f in found] == [
        (("targets", 0, "checks", 2, "query"), "query is not a check of Shelves")
    ]
    assert not [*unanswerable_checks({"checks": checks}, (), POSTGRESQL)]


def test_a_function_drills_what_is_in_aws_and_says_who_drills_the_rest():
    both = targets(DUMPED, TARGET, in_aws=True)

    assert both.provider_of("courses").plan("d-1")
    with pytest.raises(
        ConfigError, match="'library' is not in AWS; run it with `restorecheck run`"
    ):
        both.provider_of("library")
    assert set(both.sources) == {"rds"}


def test_a_machine_looks_for_what_dumps_have_left_though_none_is_configured():
    assert set(targets(TARGET).sources) == {"dump", "physical", "rds"}
    assert set(targets(DUMPED).sources) == {"dump", "physical"}


def test_what_targets_share_outlives_a_configuration_that_is_read_again():
    shared: dict[str, Any] = {}
    first = targets(TARGET, in_aws=True, shared=shared).provider_of("courses")
    again = targets(TARGET, in_aws=True, shared=shared).provider_of("courses")

    assert first is not again
    assert first._accounts is again._accounts  # type: ignore[attr-defined]
    assert isinstance(shared["accounts"], Accounts)


def test_a_drill_without_a_target_is_torn_down_by_its_own_kind(tmp_path):
    here = Resource(kind=SERVER, identifier=str(tmp_path / "restorecheck-d-1"))
    stand_in = targets(DUMPED).provider_for(drill(target="lost", ledger=(here,)))

    assert isinstance(stand_in, Unconfigured)
    assert isinstance(stand_in.delete(here, World().now()), Gone)


def test_what_no_configured_kind_reaches_is_left_and_named_on_a_machine_and_waits_in_aws():
    lost = drill(target="lost", ledger=(INSTANCE,))
    stand_in = targets(DUMPED).provider_for(lost)
    answer = stand_in.delete(INSTANCE, World().now())

    assert isinstance(answer, StillThere)
    assert answer.hopeless
    other = yaml.safe_load(yaml.safe_dump(TARGET).replace("222222222222", "444444444444"))
    with pytest.raises(NotFoundError, match="no longer has the target 'lost'"):
        targets(other, in_aws=True).provider_for(lost)


def test_only_what_is_made_in_aws_takes_long_to_go():
    made = {kind.key: source_of(kind).teardown_limit for kind in KINDS}
    config = targets(TARGET)._host.config

    assert made["dump"](config) == made["adopt"](config) == timedelta(minutes=2)
    assert made["rds"](config) == timedelta(hours=1)
