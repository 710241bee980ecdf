"""How what the catalog says belongs together: partitions of partitions, children, and what policies hide."""

from typing import Any, Self

import pytest

from restorecheck.checks.access import Lack
from restorecheck.checks.tables import Table
from restorecheck.postgres.scan.catalog import (
    Directory,
    _Relation,
    _top,
    access,
    extensions,
    has_index,
)

PARENT, MONTH, DAY, CHILD, FAR, OTHER = range(1, 7)
NAMES = {PARENT: "t", MONTH: "t_jan", DAY: "t_jan_1", CHILD: "child", FAR: "t_far", OTHER: "u"}
KINDS = {PARENT: "p", MONTH: "p", DAY: "r", CHILD: "r", FAR: "f", OTHER: "r"}
CHILDREN = {PARENT: [MONTH, FAR], MONTH: [DAY], OTHER: [CHILD]}
"""A table in months, these in days, with a month elsewhere; and a table from which another one inherits."""


def directory(installed=()):
    relations = {
        oid: _Relation("public", name, KINDS[oid], populated=True) for oid, name in NAMES.items()
    }
    tables = {
        oid: Table(schema="public", name=NAMES[oid]) for oid, kind in KINDS.items() if kind == "r"
    }
    return Directory(
        tables=tables,
        relations=relations,
        children=CHILDREN,
        columns={},
        installed=frozenset(installed),
    )


@pytest.mark.parametrize(
    ("oid", "members", "foreign"),
    [
        (PARENT, ("public.t_jan_1",), ("public.t_far",)),
        (MONTH, ("public.t_jan_1",), ()),
        (DAY, ("public.t_jan_1",), ()),
        (OTHER, ("public.u", "public.child"), ()),
        (CHILD, ("public.child",), ()),
        (FAR, (), ("public.t_far",)),
    ],
)
def test_the_rows_of_a_table_are_those_of_everything_below_it(oid, members, foreign):
    relation = directory().relation(oid)

    assert (relation.members, relation.foreign) == (members, foreign)


@pytest.mark.parametrize(
    ("oid", "parents", "top"),
    [
        (DAY, {DAY: [MONTH], MONTH: [PARENT]}, PARENT),
        (MONTH, {DAY: [MONTH], MONTH: [PARENT]}, PARENT),
        (OTHER, {}, OTHER),
        (CHILD, {CHILD: [OTHER, PARENT]}, CHILD),
        (DAY, {DAY: [CHILD], CHILD: [OTHER, PARENT]}, DAY),
        (DAY, {DAY: [99]}, DAY),
    ],
)
def test_a_table_is_compared_as_the_one_at_the_top_where_one_way_leads_there(oid, parents, top):
    assert _top(oid, parents, directory().relations) == top


def test_a_table_of_an_extension_is_read_where_a_check_names_it_or_what_is_above_it():
    every = {PARENT, DAY, CHILD}

    assert set(directory(installed=every).without_installed()) == {OTHER}
    assert set(directory(installed=every).without_installed([PARENT])) == {OTHER, DAY}
    assert set(directory(installed=every).without_installed([CHILD])) == {OTHER, CHILD}


class Catalog:
    """Answers what `access` asks: who it is, and one row a table."""

    def __init__(self, rows):
        self._rows = rows

    def execute(self, text: Any, _parameters: Any = None) -> Self:  # noqa: ARG002  # there are two
        return self

    def fetchone(self):
        return ("checker",)

    def fetchall(self):
        return self._rows


@pytest.mark.parametrize(
    ("secured", "opens", "restricts", "hidden", "opened"),
    [
        (False, False, False, False, False),
        (True, False, False, True, False),
        (True, True, False, False, True),
        (True, True, True, True, False),
        (True, False, True, True, False),
    ],
)
def test_row_security_hides_rows_unless_a_policy_shows_all_and_none_restricts(
    secured, opens, restricts, hidden, opened
):
    row = (PARENT, "public", "t", "owner", True, True, False, secured, opens, restricts)
    catalog: Any = Catalog([row])

    found = access(catalog)

    assert found.hidden == (frozenset({'"public"."t"'}) if hidden else frozenset())
    assert (PARENT in found.opened) is opened
    assert (PARENT in found.denied) is hidden


@pytest.mark.parametrize(
    ("usage", "select", "some", "lacks"),
    [
        (True, True, False, None),
        (False, True, False, (Lack.SCHEMA,)),
        (True, False, False, (Lack.TABLE,)),
        (True, False, True, (Lack.COLUMNS,)),
        (False, False, False, (Lack.SCHEMA, Lack.TABLE)),
    ],
)
def test_each_right_that_is_missing_is_named(usage, select, some, lacks):
    row = (PARENT, "public", "t", "owner", usage, select, some, False, False, False)
    catalog: Any = Catalog([row])

    denied = access(catalog).denied

    assert (denied[PARENT].lacks if PARENT in denied else None) == lacks


class Offering:
    """A server that has one extension installed and offers others, for a role of some rights."""

    def __init__(self, major: int, *, superuser: bool):
        self.info: Any = self
        self.server_version = major * 10_000
        self._rows = [("amcheck", None, superuser), ("pg_visibility", "ext", superuser)]

    def execute(self, _text: bytes, _parameters: None) -> Self:
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [*self._rows, ("hstore", None, False)]


@pytest.mark.parametrize(
    ("major", "superuser", "schema"),
    [(17, True, "pg_temp"), (12, True, "pg_temp"), (11, True, ""), (17, False, "")],
)
def test_a_superuser_makes_the_functions_of_an_extension_for_its_connection(
    major, superuser, schema
):
    """The amcheck of PostgreSQL 11 would take the third argument for none."""
    server: Any = Offering(major, superuser=superuser)

    found = extensions(server, ("amcheck", "pg_visibility"))

    assert found == {"amcheck": schema, "pg_visibility": "ext"}


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["a"], True),
        (["b", "a"], True),
        (["a", "b"], True),
        (["b"], False),
        (["a", "b", "c"], False),
        (["c"], False),
        (["d"], False),
    ],
)
def test_an_index_helps_where_it_begins_with_the_columns_in_any_order(columns, found):
    assert has_index([("a", "b"), ("", "c"), ("a",)], columns) is found
