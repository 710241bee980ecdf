"""Every way to name a table and every type of column, with every kind of check, on four nights."""

import psycopg
import pytest

from tests.missing import left_out
from tests.reading import database
from tests.world import names, nights, types

CELLS = [
    pytest.param(world, form, kind, id=f"{form.name} - {kind}")
    for world, (_, forms) in names.WORLDS.items()
    for form in forms
    for kind in nights.KINDS
]


@pytest.fixture(scope="module")
def lived(source):
    """World → the results of all its checks."""
    return {
        world: nights.lived(source, f"world {world}", prepared, forms)
        for world, (prepared, forms) in names.WORLDS.items()
    }


@pytest.mark.parametrize(("world", "form", "kind"), CELLS)
def test_a_check_has_the_right_answer_every_night(lived, world, form, kind):
    right = nights.expected(form, kind)
    found = lived[world][f"{form.name} - {kind}"]

    wrong = nights.wrong(nights.NIGHTS, right, found)
    assert not wrong, "\n".join(wrong)


TYPED = [
    pytest.param(world, case, kind, id=f"{case.name} - {kind}")
    for world, (_, cases) in types.WORLDS.items()
    for case in cases
    for kind in types.options(case)
    if kind in nights.KINDS
]


@pytest.fixture(scope="module")
def lived_by_types(source):
    """World → the results of all its checks."""
    return {
        world: lived_by_cases(source, f"types {world}", prepared, cases)
        for world, (prepared, cases) in types.WORLDS.items()
    }


def lived_by_cases(source, name, prepared, cases):
    with database(source, name, prepared):
        tables = {
            case: table
            for number, case in enumerate(cases)
            if _is_made(source, name, case, table := f"types.t_{number}")
        }
        asked = [
            nights.spec(kind, f"{case.name} - {kind}", table=table, **options)
            for case, table in tables.items()
            for kind, options in types.options(case).items()
            if kind in nights.KINDS
        ]
        found: nights.Found = {check.name: [] for check in asked}
        before = None
        for happens in types.NIGHTS:
            done = (types.night(happens, table, case) for case, table in tables.items())
            source.sql("; ".join(done), name)
            before = nights.note(source, name, asked, found, before)
    return found


def _is_made(source, name, case, table):
    """Not every server is built with ICU, or with libxml."""
    try:
        source.sql(
            f"{case.setup}; create table {table} (id int, v {case.type}{case.more});"
            f" insert into {table} (id, v) values (0, {case.values[0]}); truncate {table}",
            name,
        )
    except psycopg.errors.FeatureNotSupported:
        return False
    return True


@pytest.mark.parametrize(("world", "case", "kind"), TYPED)
def test_a_check_reads_a_type_as_the_database_does(lived_by_types, world, case, kind):
    right = types.expected(case, kind)
    found = lived_by_types[world].get(f"{case.name} - {kind}")
    if found is None:
        left_out("this server does not have such a type")
    wrong = nights.wrong(types.NIGHTS, right, found)
    assert not wrong, "\n".join(wrong)
