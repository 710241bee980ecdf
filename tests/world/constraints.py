"""Databases whose constraints, references and sequences hold, and the same ones when they do not.

What is broken is broken as a bad restore has it: rows that went in while nothing was looking
(`session_replication_role`), or a catalog that says what is not so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from restorecheck.model import CheckSpec
from tests.world.nights import FAILED, PASSED, Answer, Answers, spec

CONSTRAINTS, REFERENCES, SEQUENCES = "constraints_hold", "references_hold", "sequences_ahead"
DOUBT = (Answer("error", r"\w"),)
"""It could not be asked, or a setting of production decides it; it is no pass, and no skipped check."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    name: str
    kind: str
    made: str
    """A healthy database."""
    broken: str = ""
    """What breaks it; empty: there is nothing to break."""
    major: int = 0
    """The first one that has such a thing."""
    user: str = "postgres"
    healthy: Answers = PASSED
    violated: Answers = FAILED
    asked: CheckSpec | None = None
    """A configured check that owes the same answers."""
    answered: Answers = ()
    """What it owes to the broken one, where it is not the same."""


def _unchecked(table: str, constraint: str, row: str) -> str:
    """A row that a validated constraint `c` forbids."""
    return (
        f"alter table {table} drop constraint c; insert into {table} values {row};"
        f" alter table {table} add constraint c {constraint} not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'"
    )


def _checked(
    name: str, table: str, constraint: str, good: str, bad: str, before: str = "", **more
) -> Case:
    """A table with the constraint `c`."""
    relation, _, columns = table.partition(" ")
    return Case(
        name=name,
        kind=CONSTRAINTS,
        made=f"{before}; create table {relation} {columns};"
        f" alter table {relation} add constraint c {constraint}; insert into {relation} values {good}",
        broken=_unchecked(relation, constraint, bad) if bad else "",
        **more,
    )


def _without_not_null(table: str, column: str, row: str) -> str:
    return (
        f"alter table {table} alter column {column} drop not null; insert into {table} values {row};"
        f" update pg_attribute set attnotnull = true where attname = '{column}' and attrelid = '{table}'::regclass"
    )


WEAK = "grant pg_read_all_data to weak"
TOKYO = "do $$ begin execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database()); end $$; set timezone = 'Asia/Tokyo'"
GERMAN = "do $$ begin execute format('alter database %I set datestyle = ''German''', current_database()); end $$; set datestyle = 'German'"

CHECKS = (
    _checked("CHECK", "o (v int)", "check (v > 0)", "(1), (null)", "(0)"),
    _checked(
        "CHECK, names that need quotes", '"o:1.x" ("v %s" int)', 'check ("v %s" > 0)', "(1)", "(0)"
    ),
    _checked(
        "CHECK of a column called like an alias",
        "o (t int, x int)",
        "check (t > 0 and x > t)",
        "(1, 2)",
        "(0, 1)",
    ),
    _checked("CHECK of a column called like its table", "o (o int)", "check (o > 0)", "(1)", "(0)"),
    Case(
        name="CHECK of the whole row",
        kind=CONSTRAINTS,
        made="create table o (a int, b int); create function o_ok(o) returns bool language sql immutable as 'select $1.a <= $1.b';"
        " alter table o add constraint c check (o_ok(o)); insert into o values (1, 2)",
        broken=_unchecked("o", "check (o_ok(o))", "(2, 1)"),
    ),
    _checked(
        "CHECK that the whole row is there",
        "o (a int, b int)",
        "check (o is not null)",
        "(1, 2)",
        "(1, null)",
    ),
    _checked(
        "CHECK that compares rows",
        "o (a int, b int)",
        "check (row(a, b) < row(5, 5))",
        "(1, 2)",
        "(9, 9)",
    ),
    _checked(
        "CHECK of the row of a table whose name needs quotes",
        '"The.Row" (a int, b int)',
        'check ("The.Row" is not null)',
        "(1, 2)",
        "(1, null)",
    ),
    _checked(
        "CHECK of the row's own table", "o (a int)", "check (tableoid <> 0 and a > 0)", "(1)", "(0)"
    ),
    _checked(
        "CHECK by a function that needs the search path",
        "o (v int)",
        "check (outer_ok(v))",
        "(1)",
        "(0)",
        before="create function inner_ok(int) returns bool language sql immutable as 'select $1 > 0';"
        " create function outer_ok(int) returns bool language plpgsql immutable as 'begin return inner_ok($1); end'",
    ),
    _checked(
        "CHECK by a function that looks for a table on the search path",
        "o (v int)",
        "check (known(v))",
        "(1)",
        "(9)",
        before="create table kinds (id int); insert into kinds values (1);"
        " create function known(int) returns bool language plpgsql stable as 'begin return exists (select from kinds where id = $1); end'",
        violated=DOUBT,
    ),
    _checked(
        "CHECK by a function that swallows its own errors",
        "o (v int)",
        "check (outer_ok(v))",
        "(1)",
        "(0)",
        before="create function inner_ok(int) returns bool language sql immutable as 'select $1 > 0';"
        " create function outer_ok(int) returns bool language plpgsql immutable as"
        " 'begin return inner_ok($1); exception when others then return true; end'",
    ),
    _checked(
        "CHECK by a function that finds another one on the search path",
        "o (v text)",
        "check (pretty(v))",
        "('a')",
        "('A')",
        before="create schema app; create function app.lower(text) returns text language sql immutable as 'select pg_catalog.lower($1)';"
        " create function app.fine(text) returns bool language sql immutable as $$ select $1 = pg_catalog.lower($1) $$;"
        " do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$;"
        " create function public.pretty(text) returns bool language plpgsql immutable as 'begin return fine($1); end';"
        " set search_path = app, public; set check_function_bodies = off",
    ),
    _checked(
        "CHECK by an operator of an extension in another schema",
        "o (v ext.citext)",
        "check (v in ('a', 'b'))",
        "('A')",
        "('z')",
        before="create schema ext; create extension citext with schema ext; set search_path = public, ext",
    ),
    _checked(
        "CHECK by a function that PUBLIC may not call",
        "o (v int)",
        "check (v_ok(v))",
        "(1)",
        "(0)",
        before=WEAK
        + "; create function v_ok(int) returns bool language sql immutable as 'select $1 > 0';"
        " revoke all on function v_ok(int) from public",
        user="weak",
        healthy=PASSED + DOUBT,
        violated=FAILED + DOUBT,
    ),
    _checked(
        "CHECK by a function in a schema that PUBLIC may not use",
        "o (v int)",
        "check (shut.v_ok(v))",
        "(1)",
        "(0)",
        before=WEAK
        + "; create schema shut; create function shut.v_ok(int) returns bool language plpgsql immutable as 'begin return $1 > 0; end'",
        user="weak",
        healthy=PASSED + DOUBT,
        violated=FAILED + DOUBT,
    ),
    _checked(
        "CHECK that raises for exactly the bad row",
        "o (v int)",
        "check (v_ok(v))",
        "(1)",
        "(0)",
        before="create function v_ok(int) returns bool language plpgsql immutable as"
        " $$ begin if $1 < 1 then raise exception 'too small'; end if; return true; end $$",
        violated=FAILED + DOUBT,
    ),
    _checked(
        "CHECK that divides by zero for the bad row",
        "o (v int)",
        "check (1 / v >= 0)",
        "(1)",
        "(0)",
        violated=FAILED + DOUBT,
    ),
    _checked(
        "CHECK whose cast fails for the bad row",
        "o (v text)",
        "check (v::int > 0)",
        "('1')",
        "('x')",
        violated=FAILED + DOUBT,
    ),
    _checked(
        "CHECK by a function that writes",
        "o (v int)",
        "check (v_ok(v))",
        "(1)",
        "(0)",
        before="create table log (v int); create function v_ok(int) returns bool language plpgsql as"
        " 'begin insert into log values ($1); return $1 > 0; end'",
        healthy=PASSED + DOUBT,
        violated=FAILED + DOUBT,
    ),
    _checked(
        "CHECK in the time zone of the database",
        "o (at timestamptz, day date)",
        "check (at::date = day)",
        "('2026-01-01 01:00', '2026-01-01')",
        "('2026-01-01 01:00', '2025-12-31')",
        before=TOKYO,
        violated=DOUBT,
    ),
    _checked(
        "CHECK in the date style of the database",
        "o (day date)",
        r"check (day::text ~ '^\d\d\.\d\d\.20')",
        "('2026-01-02')",
        "('1999-01-02')",
        before=GERMAN,
        violated=DOUBT,
    ),
    _checked(
        "CHECK against the clock",
        "o (at timestamptz)",
        "check (at <= now())",
        "(now())",
        "(now() + interval '1 year')",
        violated=DOUBT,
    ),
    _checked(
        "CHECK of a generated column",
        "o (v int, w int generated always as (v * 2) stored)",
        "check (w < 10)",
        "(1)",
        "(9)",
    ),
    _checked(
        "CHECK of a virtual column",
        "o (v int, w int generated always as (v * 2) virtual)",
        "check (w < 10)",
        "(1)",
        "(9)",
        major=18,
    ),
    Case(
        name="CHECK that is NOT VALID, with old rows",
        kind=CONSTRAINTS,
        made="create table o (v int, w int check (w > 0)); insert into o values (0, 1); alter table o add constraint c check (v > 0) not valid",
    ),
    Case(
        name="CHECK that is NOT ENFORCED",
        kind=CONSTRAINTS,
        major=18,
        made="create table o (v int, w int check (w > 0)); insert into o values (0, 1); alter table o add constraint c check (v > 0) not enforced",
    ),
    Case(
        name="CHECK that children inherit",
        kind=CONSTRAINTS,
        made="create table o (v int constraint c check (v > 0)); create table child () inherits (o); insert into child values (1)",
        broken="alter table o drop constraint c; insert into child values (0); alter table o add constraint c check (v > 0) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="CHECK that children do not inherit",
        kind=CONSTRAINTS,
        made="create table o (v int constraint c check (v > 0) no inherit); create table child () inherits (o); insert into child values (0); insert into o values (1)",
        broken="alter table o drop constraint c; insert into o values (0); alter table o add constraint c check (v > 0) no inherit not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="CHECK that nobody's rows can meet: of a parent alone",
        kind=CONSTRAINTS,
        made="create table o (v int constraint c check (false) no inherit); create table child () inherits (o); insert into child values (0)",
    ),
    Case(
        name="CHECK of a partitioned table",
        kind=CONSTRAINTS,
        made="create table o (v int constraint c check (v > 0)) partition by list (v); create table part partition of o default; insert into o values (1)",
        broken="alter table o drop constraint c; insert into o values (0); alter table o add constraint c check (v > 0) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="NOT NULL beside a CHECK that errs",
        kind=CONSTRAINTS,
        made="create function bad(int) returns bool language plpgsql as $$ begin raise exception 'no'; end $$;"
        " create table o (v int not null, w int); insert into o values (1, 1);"
        " alter table o add constraint c check (bad(w)) not valid; update pg_constraint set convalidated = true where conname = 'c'",
        broken=_without_not_null("o", "v", "(null, 1)").replace(
            "insert into", "alter table o drop constraint c; insert into"
        )
        + "; alter table o add constraint c check (bad(w)) not valid; update pg_constraint set convalidated = true where conname = 'c'",
        healthy=DOUBT,
        violated=FAILED,
    ),
    Case(
        name="a CHECK beside a CHECK that errs",
        kind=CONSTRAINTS,
        made="create function bad(int) returns bool language plpgsql as $$ begin raise exception 'no'; end $$;"
        " create table o (v int, w int); alter table o add constraint c check (v > 0); insert into o values (1, 1);"
        " alter table o add constraint e check (bad(w)) not valid; update pg_constraint set convalidated = true where conname = 'e'",
        broken="alter table o drop constraint e; "
        + _unchecked("o", "check (v > 0)", "(0, 1)")
        + "; alter table o add constraint e check (bad(w)) not valid; update pg_constraint set convalidated = true where conname = 'e'",
        healthy=DOUBT,
        violated=FAILED,
    ),
)
NOT_NULLS = (
    Case(
        name="NOT NULL",
        kind=CONSTRAINTS,
        made="create table o (v int not null); insert into o values (1)",
        broken=_without_not_null("o", "v", "(null)"),
    ),
    Case(
        name="NOT NULL of a primary key",
        kind=CONSTRAINTS,
        made="create table o (v int primary key); insert into o values (1)",
        broken="alter table o drop constraint o_pkey; alter table o alter v drop not null; insert into o values (null); create unique index on o (v);"
        " update pg_attribute set attnotnull = true where attname = 'v' and attrelid = 'o'::regclass",
    ),
    Case(
        name="NOT NULL of a composite, row(null, null)",
        kind=CONSTRAINTS,
        made="create type pair as (a int, b int); create table o (v pair not null); insert into o values (row(null, null)), (row(1, null))",
        broken=_without_not_null("o", "v", "(null)"),
    ),
    Case(
        name="NOT NULL of a domain over a composite",
        kind=CONSTRAINTS,
        made="create type pair as (a int, b int); create domain couple as pair; create table o (v couple not null); insert into o values (row(null, null))",
        broken=_without_not_null("o", "v", "(null)"),
    ),
    Case(
        name="NOT NULL of a table's row as a type",
        kind=CONSTRAINTS,
        made="create table pair (a int, b int); create table o (v pair not null); insert into o values (row(null, null))",
        broken=_without_not_null("o", "v", "(null)"),
    ),
    Case(
        name="NOT NULL in a child",
        kind=CONSTRAINTS,
        made="create table o (v int not null); create table child () inherits (o); insert into child values (1)",
        broken="alter table o alter v drop not null; insert into child values (null);"
        " update pg_attribute set attnotnull = true where attname = 'v' and attrelid in ('o'::regclass, 'child'::regclass)",
    ),
    Case(
        name="NOT NULL in a partition",
        kind=CONSTRAINTS,
        made="create table o (v int not null, w int) partition by list (w); create table part partition of o default; insert into o values (1, 1)",
        broken="alter table o alter v drop not null; insert into o values (null, 1);"
        " update pg_attribute set attnotnull = true where attname = 'v' and attrelid in ('o'::regclass, 'part'::regclass)",
    ),
    Case(
        name="NOT NULL that is NOT VALID, with old rows",
        kind=CONSTRAINTS,
        major=18,
        made="create table o (v int, w int not null); insert into o values (null, 1); alter table o add constraint c not null v not valid",
    ),
    Case(
        name="NOT NULL that children do not inherit",
        kind=CONSTRAINTS,
        major=18,
        made="create table o (v int constraint c not null no inherit); create table child () inherits (o); insert into child values (null); insert into o values (1)",
        broken="alter table o alter v drop not null; insert into o values (null);"
        " alter table o add constraint c not null v no inherit not valid; update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="domain CHECK",
        kind=CONSTRAINTS,
        made="create domain d as int constraint c check (value > 0); create table o (v d); insert into o values (1), (null)",
        broken="alter domain d drop constraint c; insert into o values (0); alter domain d add constraint c check (value > 0) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="domain CHECK of a domain below",
        kind=CONSTRAINTS,
        made="create domain d as int constraint c check (value > 0); create domain e as d; create table o (v e); insert into o values (1)",
        broken="alter domain d drop constraint c; insert into o values (0); alter domain d add constraint c check (value > 0) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="domain CHECK of an array's elements",
        kind=CONSTRAINTS,
        made="create domain d as int constraint c check (value > 0); create table o (v d[]); insert into o values ('{1,2}'), ('{}'), ('{NULL}')",
        broken="alter domain d drop constraint c; insert into o values ('{1,0}'); alter domain d add constraint c check (value > 0) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="domain CHECK of a composite's field",
        kind=CONSTRAINTS,
        made="create domain d as int constraint c check (value > 0); create type pair as (a d, b int); create table o (v pair); insert into o values (row(1, 1))",
        broken="alter domain d drop constraint c; insert into o values (row(0, 1)); alter domain d add constraint c check (value > 0) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="domain CHECK that is NOT VALID, with old rows",
        kind=CONSTRAINTS,
        made="create domain d as int; create table o (v d); insert into o values (0); alter domain d add constraint c check (value > 0) not valid",
    ),
    Case(
        name="domain CHECK by a function that needs the search path",
        kind=CONSTRAINTS,
        made="create function inner_ok(int) returns bool language sql immutable as 'select $1 > 0';"
        " create function outer_ok(int) returns bool language plpgsql immutable as 'begin return inner_ok($1); end';"
        " create domain d as int constraint c check (outer_ok(value)); create table o (v d); insert into o values (1)",
        broken="alter domain d drop constraint c; insert into o values (0); alter domain d add constraint c check (outer_ok(value)) not valid;"
        " update pg_constraint set convalidated = true where conname = 'c'",
    ),
    Case(
        name="domain NOT NULL",
        kind=CONSTRAINTS,
        made="create domain d as int not null; create table o (v d); insert into o values (1)",
        broken="alter domain d drop not null; insert into o values (null); update pg_type set typnotnull = true where typname = 'd'",
    ),
    Case(
        name="domain NOT NULL of a domain below",
        kind=CONSTRAINTS,
        made="create domain d as int not null; create domain e as d; create table o (v e); insert into o values (1)",
        broken="alter domain d drop not null; insert into o values (null); update pg_type set typnotnull = true where typname = 'd'",
    ),
)


def _exclusion(
    name: str, columns: str, exclusion: str, good: str, bad: str, before: str = "", **more
) -> Case:
    """Rows go in while the constraint's index is not looked at."""
    ready = "update pg_index set indisready = {} where indexrelid = 'c'::regclass"
    return Case(
        name=name,
        kind=CONSTRAINTS,
        made=f"{before}; create table o ({columns}, constraint c exclude {exclusion}); insert into o values {good}",
        broken=f"{ready.format('false')}; insert into o values {bad}; {ready.format('true')}",
        **more,
    )


EXCLUSIONS = (
    _exclusion(
        "EXCLUDE",
        "v int4range",
        "using gist (v with &&)",
        "('[1,3)'), ('[3,5)'), (null), (null), ('empty')",
        "('[2,4)')",
    ),
    _exclusion(
        "EXCLUDE of two columns",
        "room int, v int4range",
        "using gist (room with =, v with &&)",
        "(1, '[1,3)'), (2, '[1,3)'), (null, '[1,3)')",
        "(1, '[2,4)')",
        before="create schema ext; create extension btree_gist with schema ext; set search_path = public, ext",
    ),
    _exclusion(
        "EXCLUDE of some rows",
        "v int4range, gone bool",
        "using gist (v with &&) where (not gone)",
        "('[1,3)', false), ('[1,3)', true), ('[1,3)', null)",
        "('[2,4)', false)",
    ),
    _exclusion(
        "EXCLUDE of an expression",
        "a int, b int",
        "using gist (int4range(a, b) with &&)",
        "(1, 3), (3, 5)",
        "(2, 4)",
    ),
    _exclusion(
        "EXCLUDE by equality", "v int", "using btree (v with =)", "(1), (2), (null), (null)", "(1)"
    ),
    _exclusion(
        "EXCLUDE, deferred",
        "v int",
        "using btree (v with =) deferrable initially deferred",
        "(1), (2)",
        "(1)",
    ),
)


def _keyed(
    name: str,
    target: str,
    source: str,
    good: tuple[str, str],
    bad: str,
    before: str = "",
    *,
    asks: bool = True,
    **more,
) -> Case:
    """`child.v` points to `parent.v`."""
    return Case(
        name=name,
        kind=REFERENCES,
        made=f"{before}; create table parent (v {target} primary key); create table child (v {source} references parent);"
        f" insert into parent values {good[0]}; insert into child values {good[1]}",
        broken=f"insert into child values {bad}",
        asked=spec(
            "references",
            "asked",
            table="public.child",
            columns=["v"],
            to="public.parent",
            to_columns=["v"],
        )
        if asks
        else None,
        **more,
    )


def _extension(name: str) -> str:
    return f"create schema ext; create extension {name} with schema ext"


LOOSE = "create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
KEYS = (
    _keyed("key of int", "int", "int", ("(1)", "(1), (null)"), "(9)"),
    _keyed(
        "key of citext in other letters",
        "ext.citext",
        "ext.citext",
        ("('Abc')", "('aBC')"),
        "('z')",
        _extension("citext"),
    ),
    _keyed(
        "key of citext in public",
        "citext",
        "citext",
        ("('Abc')", "('aBC')"),
        "('z')",
        "create extension citext",
    ),
    _keyed(
        "key of ltree",
        "ext.ltree",
        "ext.ltree",
        ("('a.b')", "('a.b')"),
        "('z')",
        _extension("ltree"),
    ),
    _keyed(
        "key of cube",
        "ext.cube",
        "ext.cube",
        ("('(1),(2)')", "('(1.0),(2)')"),
        "('(9)')",
        _extension("cube"),
    ),
    _keyed(
        "key of hstore",
        "ext.hstore",
        "ext.hstore",
        ("('a=>1,b=>2')", "('b=>2,a=>1')"),
        "('z=>1')",
        _extension("hstore"),
    ),
    _keyed(
        "key of isn",
        "ext.isbn13",
        "ext.isbn13",
        ("('978-0-393-04002-9')", "('9780393040029')"),
        "('9780306406157')",
        _extension("isn"),
    ),
    _keyed(
        "key of isn, other type",
        "ext.ean13",
        "ext.isbn13",
        ("('978-0-393-04002-9')", "('9780393040029')"),
        "('9780306406157')",
        _extension("isn"),
    ),
    _keyed(
        "key of seg", "ext.seg", "ext.seg", ("('1 .. 2')", "('1..2')"), "('9')", _extension("seg")
    ),
    _keyed("key of numeric, int points to it", "numeric", "int", ("(1.0)", "(1)"), "(9)"),
    _keyed("key of int8, int2 points to it", "int8", "int2", ("(1)", "(1)"), "(9)"),
    _keyed("key of numeric, of another scale", "numeric", "numeric(5,2)", ("(1)", "(1.00)"), "(9)"),
    _keyed(
        "key of float8, float4 points to it",
        "float8",
        "float4",
        ("(0.5), ('NaN'), (0)", "(0.5), ('NaN'), ('-0')"),
        "(9)",
    ),
    _keyed(
        "key of varchar, char points to it", "varchar(5)", "char(5)", ("('a')", "('a')"), "('z')"
    ),
    _keyed(
        "key of char, varchar points to it", "char(5)", "varchar(5)", ("('a')", "('a')"), "('z')"
    ),
    _keyed(
        "key of char, text with blanks points to it",
        "char(5)",
        "char(9)",
        ("('a')", "('a   ')"),
        "('z')",
    ),
    _keyed("key of text, name points to it", "text", "name", ("('a')", "('a')"), "('z')"),
    _keyed(
        "key of timestamp, date points to it",
        "timestamp",
        "date",
        ("('2026-01-01')", "('2026-01-01')"),
        "('2020-01-01')",
    ),
    _keyed(
        "key of timestamptz, date points to it, in the database's zone",
        "timestamptz",
        "date",
        ("('2026-01-01 00:00')", "('2026-01-01')"),
        "('2020-01-01')",
        TOKYO,
    ),
    _keyed("key of interval", "interval", "interval", ("('1 month')", "('30 days')"), "('9 days')"),
    _keyed(
        "key of inet, cidr points to it",
        "inet",
        "cidr",
        ("('10.0.0.1')", "('10.0.0.1/32')"),
        "('11.0.0.1')",
    ),
    _keyed(
        "key of enum",
        "mood",
        "mood",
        ("('ok')", "('ok')"),
        "('sad')",
        "create type mood as enum ('ok', 'sad')",
    ),
    _keyed(
        "key of a domain",
        "code",
        "text",
        ("('a')", "('a')"),
        "('z')",
        "create domain code as text check (value <> '')",
    ),
    _keyed(
        "key of a domain over citext",
        "code",
        "code",
        ("('Abc')", "('aBC')"),
        "('z')",
        _extension("citext") + "; create domain code as ext.citext",
    ),
    _keyed("key of an array", "int[]", "int[]", ("('{1,2}')", "('{1,2}')"), "('{9}')"),
    _keyed(
        "key of an array of citext",
        "ext.citext[]",
        "ext.citext[]",
        ("('{Abc}')", "('{aBC}')"),
        "('{z}')",
        _extension("citext"),
    ),
    _keyed("key of a range", "numrange", "numrange", ("('[1,2]')", "('[1.0,2]')"), "('[9,9]')"),
    _keyed(
        "key of a composite",
        "pair",
        "pair",
        ("(row(1, null))", "(row(1, null))"),
        "(row(9, 9))",
        "create type pair as (a int, b int)",
    ),
    _keyed("key of jsonb", "jsonb", "jsonb", ("('{\"a\": 1.0}')", "('{\"a\": 1}')"), "('{}')"),
    _keyed(
        "key of uuid",
        "uuid",
        "uuid",
        ("('aaaaaaaa-0000-0000-0000-000000000001')",) * 2,
        "('aaaaaaaa-0000-0000-0000-000000000002')",
    ),
    _keyed(
        "key of a nondeterministic collation",
        "text collate loose",
        "text collate loose",
        ("('Abc')", "('aBC')"),
        "('z')",
        LOOSE,
    ),
    _keyed(
        "key of another collation",
        'text collate "C"',
        'text collate "POSIX"',
        ("('a')", "('a')"),
        "('z')",
    ),
    _keyed("key of oid", "oid", "oid", ("(1)", "(1)"), "(9)"),
    _keyed(
        "key whose = somebody has defined again",
        "int",
        "int",
        ("(1)", "(1)"),
        "(9)",
        "create function never(int, int) returns bool language sql immutable as 'select false';"
        " create operator public.= (leftarg = int, rightarg = int, function = never)",
    ),
    Case(
        name="key of a nondeterministic collation, pointed to with another",
        kind=REFERENCES,
        major=0,
        made=LOOSE
        + '; create table parent (v text collate loose primary key); create table child (v text collate "C");'
        " insert into parent values ('Abc'); insert into child values ('Abc');"
        " alter table child add constraint f foreign key (v) references parent",
        broken="insert into child values ('z')",
    ),
    Case(
        name="key of two columns, MATCH SIMPLE",
        kind=REFERENCES,
        made="create table parent (a int, b int, primary key (a, b)); create table child (a int, b int, foreign key (a, b) references parent);"
        " insert into parent values (1, 1); insert into child values (1, 1), (9, null), (null, 9)",
        broken="insert into child values (1, 9)",
    ),
    Case(
        name="key of two columns, MATCH FULL",
        kind=REFERENCES,
        made="create table parent (a int, b int, primary key (a, b)); create table child (a int, b int, foreign key (a, b) references parent match full);"
        " insert into parent values (1, 1); insert into child values (1, 1), (null, null)",
        broken="insert into child values (1, null)",
    ),
    Case(
        name="key of columns in another order",
        kind=REFERENCES,
        made="create table parent (a int, b int, unique (b, a)); create table child (x int, y int, foreign key (y, x) references parent (b, a));"
        " insert into parent values (1, 2); insert into child values (1, 2)",
        broken="insert into child values (2, 1)",
    ),
    Case(
        name="key to itself",
        kind=REFERENCES,
        made="create table o (id int primary key, up int references o); insert into o values (1, null), (2, 1), (3, 3)",
        broken="insert into o values (4, 9)",
    ),
    Case(
        name="key that is deferred",
        kind=REFERENCES,
        made="create table parent (v int primary key); create table child (v int references parent deferrable initially deferred);"
        " insert into child values (1); insert into parent values (1)",
        broken="insert into child values (9)",
    ),
    Case(
        name="key from a partitioned to a partitioned table",
        kind=REFERENCES,
        made="create table parent (v int primary key) partition by range (v); create table parent_1 partition of parent for values from (0) to (5);"
        " create table parent_2 partition of parent for values from (5) to (10); create table child (v int references parent) partition by list (v);"
        " create table child_1 partition of child for values in (1, 7); create table child_2 partition of child default;"
        " insert into parent values (1), (7), (8); insert into child values (1), (7), (8)",
        broken="delete from parent where v = 7",
    ),
    Case(
        name="key of one partition",
        kind=REFERENCES,
        made="create table parent (v int primary key); create table child (v int) partition by list (v); create table child_1 partition of child for values in (1, 9);"
        " create table child_2 partition of child default; alter table child_1 add foreign key (v) references parent; insert into parent values (1); insert into child values (1), (5)",
        broken="insert into child values (9)",
    ),
    Case(
        name="key to a parent alone",
        kind=REFERENCES,
        made="create table parent (v int primary key); create table heir () inherits (parent); create table child (v int references parent);"
        " insert into parent values (1); insert into child values (1)",
        broken="insert into heir values (9); insert into child values (9)",
    ),
    Case(
        name="key of a parent alone",
        kind=REFERENCES,
        made="create table target (v int primary key); create table parent (v int references target); create table heir () inherits (parent);"
        " insert into target values (1); insert into parent values (1); insert into heir values (9)",
        broken="insert into parent values (9)",
    ),
    Case(
        name="key that is NOT VALID, with old rows",
        kind=REFERENCES,
        made="create table parent (v int primary key); create table child (v int); insert into child values (9);"
        " alter table child add foreign key (v) references parent not valid",
    ),
    Case(
        name="key that is NOT ENFORCED",
        kind=REFERENCES,
        major=18,
        made="create table parent (v int primary key); create table child (v int references parent not enforced); insert into child values (9)",
    ),
    Case(
        name="key with a PERIOD",
        kind=REFERENCES,
        major=18,
        made="create table parent (id int4range, during daterange, primary key (id, during without overlaps));"
        " create table child (id int4range, during daterange, foreign key (id, period during) references parent (id, period during));"
        " insert into parent values ('[1,2)', '[2026-01-01,2026-02-01)'), ('[1,2)', '[2026-02-01,2026-03-01)');"
        " insert into child values ('[1,2)', '[2026-01-15,2026-02-15)'), ('[1,2)', '[2026-01-01,2026-03-01)')",
        broken="insert into child values ('[1,2)', '[2026-02-15,2026-03-15)')",
    ),
    Case(
        name="key with a PERIOD over a gap",
        kind=REFERENCES,
        major=18,
        made="create table parent (id int4range, during daterange, primary key (id, during without overlaps));"
        " create table child (id int4range, during daterange, foreign key (id, period during) references parent (id, period during));"
        " insert into parent values ('[1,2)', '[2026-01-01,2026-02-01)'), ('[1,2)', '[2026-02-02,2026-03-01)');"
        " insert into child values ('[1,2)', '[2026-01-15,2026-01-20)')",
        broken="insert into child values ('[1,2)', '[2026-01-15,2026-02-15)')",
    ),
    Case(
        name="key of a table with row security, asked by one who may not see all",
        kind=REFERENCES,
        user="weak",
        made=WEAK
        + "; create table parent (v int primary key); create table child (v int references parent); insert into parent values (1); insert into child values (1);"
        " alter table parent enable row level security",
        broken="insert into child values (9)",
        healthy=DOUBT,
        violated=DOUBT + FAILED,
    ),
)


def _referring(name: str, broken: str, detail: str) -> Case:
    """A configured reference whose target is lost."""
    return Case(
        name=name,
        kind=REFERENCES,
        made="create table parent (v int); create table child (v int); insert into parent values (1); insert into child values (1)",
        broken=broken,
        violated=PASSED,
        answered=(Answer("failed", detail),),
        asked=spec(
            "references", "asked", table="child", columns=["v"], to="parent", to_columns=["v"]
        ),
    )


def _counted(name: str, made: str, broken: str = "", **more) -> Case:
    return Case(name=name, kind=SEQUENCES, made=made, broken=broken, **more)


COUNTERS = (
    _counted(
        "serial",
        "create table o (id serial primary key); insert into o select from generate_series(1, 5)",
        "select setval('o_id_seq', 3)",
    ),
    _counted(
        "serial, the last one is not called",
        "create table o (id serial primary key); insert into o values (1), (2); select setval('o_id_seq', 3, false)",
        "select setval('o_id_seq', 2, false)",
    ),
    _counted(
        "serial, never called", "create table o (id serial primary key)", "insert into o values (1)"
    ),
    _counted(
        "serial, never called, beside rows",
        "create table o (id serial primary key); insert into o values (7); select setval('o_id_seq', 8, false)",
        "select setval('o_id_seq', 7, false)",
    ),
    _counted(
        "serial of an empty table",
        "create table o (id serial primary key); select setval('o_id_seq', 100)",
    ),
    _counted(
        "identity",
        "create table o (id int generated always as identity primary key); insert into o select from generate_series(1, 5)",
        "select setval('o_id_seq', 3)",
    ),
    _counted(
        "identity by default, not called",
        "create table o (id int generated by default as identity primary key); insert into o values (1); select setval('o_id_seq', 2, false)",
        "select setval('o_id_seq', 1, false)",
    ),
    _counted(
        "names that need quotes",
        'create table "O:1.x" ("i %s" serial primary key); insert into "O:1.x" select from generate_series(1, 5)',
        """select setval('"O:1.x_i %s_seq"', 3)""",
    ),
    _counted(
        "a sequence that cycles",
        "create sequence s maxvalue 10 cycle; create table o (id int default nextval('s'), day date, primary key (day, id)); alter sequence s owned by o.id;"
        " insert into o select i, '2026-01-01' from generate_series(1, 10) i; select setval('s', 2)",
    ),
    _counted(
        "a counter for every year",
        "create table o (year int, no serial, primary key (year, no)); insert into o select 2025, i from generate_series(1, 900) i;"
        " insert into o select 2026, i from generate_series(1, 5) i; select setval('o_no_seq', 5)",
    ),
    _counted(
        "a counter for every tenant",
        "create table o (tenant text, no serial, unique (tenant, no)); insert into o select 'a', i from generate_series(1, 9) i; select setval('o_no_seq', 4)",
    ),
    _counted(
        "a default from a sequence that nobody owns",
        "create sequence s; create table o (id int primary key default nextval('s')); insert into o select from generate_series(1, 5)",
        "select setval('s', 3)",
    ),
    _counted(
        "a default from a sequence of another schema",
        'create schema "A.b"; create sequence "A.b"."S"; create table o (id int primary key default nextval(\'"A.b"."S"\')); insert into o select from generate_series(1, 5)',
        """select setval('"A.b"."S"', 3)""",
    ),
    _counted(
        "a default from another table's sequence",
        "create table p (id serial primary key); create table o (id int primary key default nextval('p_id_seq')); insert into o select from generate_series(1, 5); insert into p select from generate_series(1, 5)",
        "select setval('p_id_seq', 5)",
    ),
    _counted(
        "a default that makes a text of it",
        "create sequence s; create table o (id text primary key default 'INV-' || nextval('s')); insert into o select from generate_series(1, 5)",
    ),
    _counted(
        "a default that calculates with it",
        "create sequence s; create table o (id bigint primary key default nextval('s') * 1000 + 7); insert into o select from generate_series(1, 5)",
    ),
    _counted(
        "steps of minus one",
        "create sequence s increment -1; create table o (id int primary key default nextval('s')); alter sequence s owned by o.id; insert into o select from generate_series(1, 5)",
        "select setval('s', -3)",
    ),
    _counted(
        "steps of minus one, not called",
        "create sequence s increment -1; create table o (id int primary key default nextval('s')); alter sequence s owned by o.id; insert into o values (-1); select setval('s', -2, false)",
        "select setval('s', -1, false)",
    ),
    _counted(
        "steps of two, the other half is somebody else's",
        "create sequence s increment 2; create table o (id int primary key default nextval('s')); alter sequence s owned by o.id; insert into o select from generate_series(1, 5); insert into o values (10)",
        "select setval('s', 5)",
    ),
    _counted(
        "a sequence of a partitioned table",
        "create table o (id serial, v int, primary key (id, v)) partition by list (v); create table part partition of o default; insert into o (v) select 1 from generate_series(1, 5)",
    ),
    _counted(
        "a sequence that is the key of partitions",
        "create table o (id serial primary key) partition by range (id); create table part partition of o default; insert into o select from generate_series(1, 5)",
        "select setval('o_id_seq', 3)",
    ),
    _counted(
        "a sequence that children share",
        "create table o (id serial primary key); create table child (primary key (id)) inherits (o); insert into o select from generate_series(1, 5); insert into child select from generate_series(1, 5)",
        "select setval('o_id_seq', 8)",
    ),
    _counted(
        "all NULL",
        "create table o (id int unique); create sequence s owned by o.id; alter table o alter id set default nextval('s'); insert into o values (null)",
    ),
    _counted(
        "owned and not the default",
        "create table o (id int primary key, no int); create sequence s owned by o.no; insert into o values (1, 900)",
    ),
    _counted(
        "of numeric",
        "create sequence s; create table o (id numeric primary key default nextval('s')); alter sequence s owned by o.id; insert into o select from generate_series(1, 5)",
        "select setval('s', 3)",
    ),
)
LOST = (
    _referring(
        "a reference to a table that is gone", "drop table parent", r"parent.* is not there"
    ),
    _referring(
        "a reference to a column that is gone",
        "alter table parent drop column v",
        r"(?s)v\b.* is not there",
    ),
    _referring(
        "a reference from a column that is gone",
        "alter table child drop column v",
        r"(?s)v\b.* is not there",
    ),
    _referring(
        "a reference from a table that is gone", "drop table child", r"child.* is not there"
    ),
)
MANY: Sequence[Case] = (*CHECKS, *NOT_NULLS, *EXCLUSIONS, *KEYS, *LOST, *COUNTERS)
