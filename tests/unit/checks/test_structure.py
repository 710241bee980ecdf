"""Structures: names, what is kept of large ones, what of a source a dump can bring back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restorecheck.checks.structure import (
    KEPT,
    KINDS,
    bounded,
    canonical,
    comparable,
    in_form,
    kind_of,
    structure_changes,
    table_of,
    unqualified,
)
from restorecheck.checks.tables import full_name, parts_of
from restorecheck.postgres.scan.catalog import statements

# --- names ------------------------------------------------------------------------------------


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_full_name_tells_its_parts(parts):
    assert parts_of(full_name(*parts)) == tuple(parts)


def test_two_tables_never_have_one_name():
    assert full_name("a", "b.c") == 'a."b.c"'
    assert full_name("a.b", "c") == '"a.b".c'
    assert full_name("a", 'b"c') == 'a."b""c"'
    assert full_name("Schema", "a table") == "Schema.a table"


def test_every_kind_is_known():
    kinds = {name.partition(", from")[0] for name in statements("structure.sql")}

    assert kinds | {"format"} == KINDS


@pytest.mark.parametrize(
    ("key", "kind", "table"),
    [
        ("table public.orders", "table", "public.orders"),
        ("column public.orders.id", "column", "public.orders"),
        ('column public."a.b".c', "column", 'public."a.b"'),
        ('column "public.a".b.c', "column", '"public.a".b'),
        ("index public.orders.by_name", "index", "public.orders"),
        ("system trigger public.orders.RI", "system trigger", "public.orders"),
        ("owned sequence public.orders.id.orders_id_seq", "owned sequence", "public.orders"),
        ("rights table public.a b", "rights", "public.a b"),
        ("rights owned sequence public.orders.id.orders_id_seq", "rights", "public.orders"),
        ("rights column public.orders.id", "rights", "public.orders"),
        ("rights function public.f(integer)", "rights", None),
        ("rights statistics public.s", "rights", None),
        ("rights on parameter work_mem", "rights on parameter", None),
        ("comment table column public.orders.id", "comment", "public.orders"),
        ("comment index public.by_name", "comment", None),
        ("security label table public.orders", "security label", "public.orders"),
        ("function public.f(integer)", "function", None),
        ("schema public", "schema", None),
        ("large objects", "large objects", None),
        ("text search configuration public.c", "text search configuration", None),
    ],
)
def test_a_key_says_which_table_it_belongs_to(key, kind, table):
    assert (kind_of(key), table_of(key)) == (kind, table)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_told_from_those_that_begin_with_it(kind):
    assert kind_of(f"{kind} public.t") == kind_of(kind) == kind


# --- large ones -------------------------------------------------------------------------------


def large(tables, columns=25):
    made = {"format": "2", "extension hstore": "1.8 in public", "role app": "login"}
    made["rights function public.f()"] = "owner app; PUBLIC: EXECUTE"
    made["setting this database"] = "#0123456789ab"
    for n in range(tables):
        name = f"public.table_of_things_{n}"
        made[f"table {name}"] = "r"
        made[f"rights table {name}"] = f"owner app; reader_{n % 7}: SELECT"
        for c in range(columns):
            made[f"column {name}.c{c}"] = f"numeric({c},{n}) not null"
    return made


@pytest.mark.parametrize("tables", [1500, 5000])
def test_who_may_do_what_is_kept_however_many_tables_there_are(tables):
    whole = large(tables)

    kept = bounded(whole)

    assert {k: v for k, v in kept.items() if kind_of(k) in KEPT} == {
        k: v for k, v in whole.items() if kind_of(k) in KEPT
    }
    assert len(kept) < len(whole)


def test_of_a_structure_that_fits_in_no_form_it_is_known_whether_anything_changed():
    """Rights are kept in every form, so as many grantees as this never fit."""
    grantees = "; ".join(f"role_{n:08}: SELECT" for n in range(100_000))
    whole = {"rights schema public": f"owner app; {grantees}", "table public.t": "r"}

    kept = bounded(whole)

    assert len(str(kept)) < 100
    assert bounded(dict(reversed(whole.items()))) == kept
    assert bounded(whole | {"table public.t": "r u"}) != kept


@pytest.mark.parametrize("form", range(5))
@pytest.mark.parametrize("other", range(5))
def test_structures_that_were_kept_in_other_forms_can_be_compared(form, other):
    before, after = large(20), large(20) | {"column public.table_of_things_3.c1": "text"}

    assert structure_changes(in_form(before, form), in_form(before, other)) == ()
    assert len(structure_changes(in_form(before, form), in_form(after, other))) == 1


def test_a_structure_of_short_values_alone_is_compared_with_a_longer_one():
    before = {"table public.t": "r", "index public.t.i": "#0123456789ab"}
    after = before | {"column public.t.name": "character varying(20)"}

    assert [d.what for d in structure_changes(before, after)] == ["column public.t.name"]


# --- of a dump --------------------------------------------------------------------------------


def test_of_a_dump_only_what_can_be_in_it_is_compared():
    found = {
        "database encoding": "UTF8",
        "role app": "login",
        "setting every database of app": "#0123456789ab",
        "rights database": "owner app",
        "rights table public.t": "owner app",
        "user mapping app on elsewhere": "there",
        "user mapping options app on elsewhere": "#0123456789ab",
        "comment extension hstore": "#0123456789ab",
        "comment table public.t": "#0123456789ab",
        "extension hstore": "1.8 in public",
        "not null public.t.a": "needed",
        "tablespace of public.t": "fast",
        "table public.t": "r",
    }

    copied = comparable(found, logical=False)
    assert copied == {k: v for k, v in found.items() if k != "setting every database of app"}
    assert comparable(found, logical=True) == {
        "rights table public.t": "owner app",
        "comment table public.t": "#0123456789ab",
        "extension hstore": "in public",
        "table public.t": "r",
    }


def test_what_restorecheck_makes_in_a_copy_of_files_is_not_compared():
    made = {
        "schema restorecheck_extensions": "there",
        "extension amcheck": "1.4 in restorecheck_extensions",
        "comment extension amcheck": "#0123456789ab",
        "database connection limit": "3",
    }
    found = {"role app": "superuser login", "role dba": "superuser", "extension hstore": "1.8 in x"}

    assert comparable({**found, **made}, logical=False) == {
        "role app": "login",
        "role dba": "",
        "extension hstore": "1.8 in x",
    }


def test_what_restorecheck_takes_away_in_a_copy_of_files_is_not_compared():
    source = {
        "role boss": "superuser",
        "role plain": "there",
        "rights database": "owner app; PUBLIC: ALL; app: CREATE",
    }
    copy = {
        "role boss": "there",
        "role plain": "there",
        "rights database": "owner app; PUBLIC: CONNECT, TEMPORARY; app: CREATE",
    }

    assert comparable(source, logical=False) == comparable(copy, logical=False)
    only = {"rights database": "owner app; PUBLIC: CREATE"}
    assert comparable(only, logical=False) == {"rights database": "owner app"}


@pytest.mark.parametrize("kind", ["subscription connection", "user mapping options"])
def test_what_only_some_roles_may_read_is_compared_where_both_have_read_it(kind):
    seen, other = {f"{kind} x": "there #1"}, {f"{kind} x": "there #2"}

    assert structure_changes(seen, {}) == structure_changes({}, seen) == ()
    assert [d.what for d in structure_changes(seen, other)] == [f"{kind} x"]
    assert [d.what for d in structure_changes(seen, {f"{kind} y": "#1"})] == [
        f"{kind} x",
        f"{kind} y",
    ]
    folded, unseen = {f"every {kind} of x": "#1"}, {"every view of x": "#1"}
    assert [d.what for d in structure_changes(folded, unseen)] == ["every view of x"]


def test_what_another_version_has_read_is_one_difference():
    before = {"table public.t": "r owner app"}

    (found,) = structure_changes(
        before, {"format": "2", "table public.t": "r", "schema public": "there"}
    )

    assert str(found) == "format of the structure: 1 → 2"


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (
            "CHECK (((s)::text = ANY ((ARRAY['a, (b]'::character varying, 'c'::character varying])::text[])))",
            "CHECK (((s)::text = ANY (ARRAY[('a, (b]'::character varying)::text, ('c'::character varying)::text])))",
        ),
        (
            "(ARRAY[1, f(2, 3)])::numeric(10,2)[]",
            "ARRAY[(1)::numeric(10,2), (f(2, 3))::numeric(10,2)]",
        ),
        ("(ARRAY[1, 2])", "(ARRAY[1, 2])"),
        ("'(ARRAY[1])::text[]'", "'(ARRAY[1])::text[]'"),
        ("(ARRAY[1, f(2", "(ARRAY[1, f(2"),
    ],
)
def test_an_expression_looks_as_after_a_restore(first, again):
    assert canonical(first) == again
    assert canonical(again) == again


@pytest.mark.parametrize(
    ("before_16", "from_16"),
    [
        (
            "SELECT t.a, t.b FROM public.t WHERE (t.a > 1)",
            "SELECT a, b FROM public.t WHERE (a > 1)",
        ),
        ('SELECT "T".a FROM public."T"', 'SELECT a FROM public."T"'),
        ("SELECT p.a FROM public.t p;", "SELECT a FROM public.t p;"),
        (
            "SELECT g.g FROM generate_series(1, 3) g(g);",
            "SELECT g FROM generate_series(1, 3) g(g);",
        ),
        (
            "WITH w AS ( SELECT t.a FROM public.t ) SELECT w.a FROM w",
            "WITH w AS ( SELECT t.a FROM public.t ) SELECT a FROM w",
        ),
        (
            "SELECT s.a FROM ( SELECT t.a FROM public.t) s",
            "SELECT a FROM ( SELECT t.a FROM public.t) s",
        ),
        (
            "SELECT EXTRACT(year FROM t.at) AS y FROM public.t",
            "SELECT EXTRACT(year FROM at) AS y FROM public.t",
        ),
    ],
)
def test_a_view_of_one_relation_looks_as_from_version_16_on(before_16, from_16):
    assert unqualified(before_16) == from_16
    assert unqualified(from_16) == from_16


@pytest.mark.parametrize(
    "same",
    [
        "SELECT a.x, b.y FROM (public.a JOIN public.b ON ((a.x = b.x)))",
        "SELECT a.x, b.y FROM public.a, public.b",
        "SELECT t.a FROM public.t UNION SELECT u.a FROM public.u",
        "SELECT 't.a' AS x",
    ],
)
def test_a_view_of_several_is_as_it_was(same):
    assert unqualified(same) == same
