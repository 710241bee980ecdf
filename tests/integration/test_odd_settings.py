"""Databases whose settings, encodings and definitions are not ours."""

import pytest

from tests.reading import alarms, ask, database, spec

ODD = {
    "old strings": "alter database %s set standard_conforming_strings = off",
    "German dates": "alter database %s set DateStyle = 'German'",
    "short floats": "alter database %s set extra_float_digits = -12",
    "escaped bytes": "alter database %s set bytea_output = 'escape'",
}
HEALTHY = """
create table o (id int primary key, f regclass check (f::text not like '%.%'), b bytea check (b::text = 'A' or b::text = '\\x41'),
  d date[] check (d::text ~ '[0-9]'), w float8 check (length(w::text) < 30));
insert into o values (1, 'o', 'A', array[date '2020-12-31'], 0.1);
create function norm(t text) returns text language sql immutable as 'select lower(t)';
create function norm2(t text) returns text language plpgsql immutable as 'begin return norm(t); end';
create table x (name text, exclude using btree (norm2(name) with =)); insert into x values ('a'), ('b');
"""


@pytest.mark.parametrize("setting", ODD)
def test_a_healthy_database_is_well_whatever_its_settings_are(source, setting):
    with database(source, "odd", HEALTHY) as name:
        source.sql(ODD[setting] % name, "postgres")
        found, _ = ask(source, name, [spec("not_null", table="o", columns=["id"])], physical=False)

    assert alarms(found) == {}


def test_two_columns_that_swap_their_names_are_another_table(source):
    text = "create table o (id int primary key, shipping text, billing text); insert into o values (1, 'a', 'b')"
    asked = [spec("unchanged", table="o")]
    with database(source, "swapped", text) as name:
        _, before = ask(source, name, asked)
        source.sql(
            "alter table o rename billing to x; alter table o rename shipping to billing;"
            " alter table o rename x to shipping",
            name,
        )
        found, _ = ask(source, name, asked, before=before)

    assert found["asked"].outcome.value == "failed"


def test_a_reference_of_a_partition_counts_where_that_of_its_parent_is_not_validated(source):
    text = """create table r (id int primary key); create table p (id int, rid int) partition by list (id);
    create table p1 partition of p for values in (1); insert into r values (1);
    alter table p1 add constraint f foreign key (rid) references r; insert into p values (1, 1);
    alter table r disable trigger all; alter table p1 disable trigger all; delete from r"""
    with database(source, "partly", text) as name:
        found, _ = ask(source, name)

    assert "1 row without the referenced row" in found["references_hold"].detail


def test_a_value_that_the_encoding_lacks_is_no_damage(source):
    text = "create table o (id int, v text); insert into o values (1, 'e')"
    asked = [spec("accepted_values", table="o", column="v", values=["e", "\N{EURO SIGN}"])]
    source.sql("create database latin encoding 'LATIN1' locale 'C' template template0", "postgres")
    try:
        source.sql(text, "latin")
        found, _ = ask(source, "latin", asked, physical=False)
    finally:
        source.sql("drop database latin with (force)", "postgres")

    assert found["asked"].outcome.value == "error"
    assert {result.outcome.value for kind, result in found.items() if kind != "asked"} == {"passed"}
