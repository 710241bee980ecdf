"""What a configured check is called where the file gives no name, and which keys are no check."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.checks.registry import CONFIGURED
from restorecheck.errors import ConfigError
from restorecheck.model import CheckSpec

KEYS: dict[str, dict[str, Any]] = {
    "row_count": {"table": "books", "min": 1},
    "freshness": {"table": "books", "column": "sold_at", "max_age_hours": 2},
    "heartbeat": {"table": "books", "column": "beat_at", "max_age_minutes": 5},
    "not_null": {"table": "books", "columns": ["title", "isbn"]},
    "percent_null": {"table": "books", "column": "title", "max": "5%"},
    "unique": {"table": "books", "columns": ["title", "isbn"]},
    "range": {"table": "books", "column": "title", "min": 1},
    "accepted_values": {"table": "books", "column": "title", "values": ["a", "b"]},
    "references": {"table": "books", "columns": ["title"], "to": "u", "to_columns": ["id"]},
    "unchanged": {"table": "books"},
    "append_only": {"table": "books", "key": "title"},
    "distribution": {"table": "books", "column": "title", "max_shift": "5%"},
    "manifest": {"file": "m.json"},
    "structure": {"file": "m.json"},
    "extensions": {"names": ["postgis"]},
}
"""Of every kind that may stand there without a name."""
OF_TABLES = [kind for kind, keys in KEYS.items() if "table" in keys]
OF_COLUMNS = ["not_null", "percent_null", "unique", "range", "accepted_values", "references",
              "distribution"]  # fmt: skip
"""Kinds that a table has several of: one for each column."""


def read(kind: str, keys: dict[str, Any]) -> CheckSpec:
    target = {"name": "a", "dump": {"path": "/d"}, "checks": [{kind: keys}]}
    text = yaml.safe_dump({"version": 1, "targets": [target]})
    config = configuration.parse(text, file="c.yaml", directory=Path("/"), environment={})
    (spec,) = config.targets[0].check_specs()
    return spec


def named(kind: str, **changes: Any) -> str:
    return read(kind, {**KEYS[kind], **changes}).name


def test_every_kind_but_those_that_need_a_name_is_named_without_one():
    assert KEYS.keys() == {kind.name for kind in CONFIGURED} - {"query", "command"}


@pytest.mark.parametrize("kind", KEYS)
def test_a_name_that_is_given_is_the_name(kind):
    assert named(kind, name="mine") == "mine"


def test_no_two_kinds_give_the_same_name_to_a_check_of_the_same_table_and_columns():
    """Results, baselines and messages know a check by its name."""
    names = [named(kind) for kind in KEYS]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", OF_TABLES)
def test_a_check_of_a_table_names_the_table(kind):
    assert named(kind).endswith(" books")
    assert named(kind, table="old.books").endswith(" old.books")


@pytest.mark.parametrize("kind", OF_COLUMNS)
def test_checks_of_different_columns_of_one_table_have_different_names(kind):
    several = "columns" in KEYS[kind]
    other = named(kind, **({"columns": ["price"]} if several else {"column": "price"}))

    assert "price" in other
    assert "title" in named(kind)
    assert "title" not in other


@pytest.mark.parametrize("kind", ["not_null", "unique"])
def test_a_check_of_several_columns_names_each_of_them(kind):
    assert "title, isbn" in named(kind)


@pytest.mark.parametrize("kind", ["manifest", "structure", "extensions"])
def test_a_check_of_the_whole_database_is_named_as_its_key_promises(kind):
    assert named(kind) == kind


def refused(kind: str, *left_out: str, **changes: Any) -> str:
    keys = {k: v for k, v in {**KEYS[kind], **changes}.items() if k not in left_out}
    with pytest.raises(ConfigError) as caught:
        read(kind, keys)
    (only,) = caught.value.problems
    return str(only)


@pytest.mark.parametrize(
    ("kind", "keys"), [("percent_null", ("max", "max_rise")), ("range", ("min", "max"))]
)
def test_without_any_bound_there_is_nothing_to_check(kind, keys):
    said = refused(kind, *keys)

    assert all(key in said for key in keys)


@pytest.mark.parametrize("bound", [{"min": 1}, {"max": 1}, {"min": 1, "max": 2}])
def test_one_end_of_a_range_is_enough(bound):
    keys = {"table": "books", "column": "title", **bound}

    assert read("range", keys).options == keys


def test_truth_values_among_other_values_are_a_word_of_yaml_that_was_not_quoted():
    assert "quote" in refused("accepted_values", values=["yes", False])
    assert named("accepted_values", values=[True, False])


@pytest.mark.parametrize("columns", [["a"], ["a", "b", "c"]])
def test_references_have_a_column_there_for_each_column_here(columns):
    assert "to_columns" in refused("references", columns=columns, to_columns=["x", "y"])
    assert named("references", columns=["a", "b"], to_columns=["x", "y"])
