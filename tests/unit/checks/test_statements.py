"""The SQL that PostgreSQL is sent, byte for byte: for tables with something of everything in them.

Usage, where a statement is meant to change: python -m tests.unit.checks.test_statements > tests/unit/checks/postgresql.sql
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from restorecheck.checks.dialects import postgresql
from restorecheck.checks.kind import Ask, Catalog, OfDatabase, OfRelation, RelationScan
from restorecheck.checks.registry import KINDS
from restorecheck.checks.scan_result import DatabaseReading, RelationReading, TableReading
from restorecheck.checks.scan_statements import (
    ROWS,
    Aggregate,
    Depth,
    Question,
    aggregates,
    groups,
)
from restorecheck.checks.tables import (
    BTree,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    KeyPair,
    OwnedSequence,
    Relation,
    Table,
)
from tests.factories import NOW
from tests.scans import spec

RECORDED = Path(__file__).parent / "postgresql.sql"
EQUALS = "operator(pg_catalog.=)"
PLAIN = ("int4", "int8", "text", "numeric", "float8", "money", "bool", "date", "timestamptz", "oid")
POSITIVE = Constraint(name="positive", expression="(value > 0)")
COLUMNS = (
    *(
        Column(name=name, type=name, sql_type=f"pg_catalog.{name}", equals=EQUALS, not_null=i < 2)
        for i, name in enumerate(PLAIN)
    ),
    Column(name='we"ird', type="citext", sql_type="public.citext", equals="operator(public.=)"),
    Column(name="tags", type="_text", sql_type="pg_catalog.text[]", equals=EQUALS),
    Column(name="mood", type="mood", kind="e", sql_type="s.mood", equals=EQUALS, not_null=True),
    Column(name="pair", type="pair", kind="c", sql_type="s.pair", not_null=True),
    Column(name="body", type="jsonb", sql_type="pg_catalog.jsonb"),
    Column(name="twice", type="int8", sql_type="pg_catalog.int8", virtual=True),
    Column(
        name="share",
        type="numeric",
        sql_type="s.share",
        collation="collate x",
        domain_checks=(POSITIVE, Constraint(name="own", expression="s.f(value)", plain=False)),
        nested_checks=(("part", POSITIVE), ("", POSITIVE)),
    ),
)
TABLE = Table(
    schema="s",
    name='or"ders',
    blocks=200_000,
    bytes=3_000_000_000,
    columns=COLUMNS,
    constraints=(
        Constraint(name="total", expression="(int4 >= 0)"),
        Constraint(name="whole", expression="s.f(orders.*)", plain=False),
    ),
    key_index='"s"."key"',
    key=("int8",),
)
SMALL = Table(schema="s", name="little", blocks=1, columns=COLUMNS[:3], key=("int4",))
WAYS = (
    Relation(schema="s", name='or"ders', columns=COLUMNS, members=('s."or""ders"',)),
    Relation(schema="s", name="parts", kind="p", columns=COLUMNS, members=("s.a", "s.b")),
    Relation(schema="s", name="far", kind="p", columns=COLUMNS, members=("s.a",), foreign=("s.b",)),
)
PAIRS = (
    KeyPair(here="a", there="b", operator=EQUALS, here_cast="::s.x", collation="collate c"),
    KeyPair(here="c", there="d", operator=EQUALS),
)
KEY = ForeignKey(name="fk", table='"s"."t"', target='"s"."u"', pairs=PAIRS)
CATALOG: dict[str, Any] = {
    "tables": (TABLE, SMALL),
    "foreign_keys": (
        KEY,
        ForeignKey(name="full", table="t", target="u", pairs=PAIRS, full=True, plain=True),
        ForeignKey(name="span", table="t", target="u", pairs=PAIRS, period=True, target_plain=True),
    ),
    "exclusions": (
        Exclusion(name="e", table='"s"."t"', elements=(("a", "="), ("b", "&&")), where="(c > 0)"),
    ),
    "sequences": (
        OwnedSequence(name="s.q", table="s.t", column="id", others=(("s.u", "id"),)),
        OwnedSequence(name="s.down", table="s.t", column="id", increment=-5),
    ),
    "btrees": (BTree(name="s.i", blocks=7), BTree(name="s.c", blocks=7, foreign_order=True)),
}
OPTIONS: tuple[dict[str, Any], ...] = (
    {"values": ["a", "it's"], "min": "1", "max": "9"},
    {"values": [True], "min": 1, "max": None},
)


def made() -> Iterator[tuple[str, str]]:
    """What each statement is about, and its text."""
    for major in (13, 17):
        for table in (TABLE, SMALL):
            every = aggregates(table, Depth(until=NOW), sql=postgresql, major=major)
            for some in groups(every):
                for unit in postgresql.units(table, major=major)[:1]:
                    yield f"scan {major} {table.name}", postgresql.statement(table, some, unit)
        for extensions in (
            {"amcheck": "", "pg_visibility": "ext"},
            {"amcheck": "ext"},
            {"amcheck": "pg_temp", "pg_visibility": "pg_temp"},
        ):
            catalog = Catalog(sql=postgresql, major=major, extensions=extensions, **CATALOG)
            for kind in KINDS:
                if isinstance(kind, OfDatabase):
                    for question in (
                        *kind.questions(catalog, {}),
                        *kind.studies(catalog, counted()),
                    ):
                        yield f"{kind.name} {major}", told(question)
    small = aggregates(SMALL, Depth(contents=False), sql=postgresql, major=17)
    yield "small tables", postgresql.batch([(SMALL, small), (SMALL, small)])
    yield (
        "small questions",
        postgresql.together([Question(key=k, sql=f"select '{k}'") for k in "ab"]),
    )
    yield "a view", postgresql.of_view(WAYS[0], small)
    yield (
        "the last unit",
        postgresql.statement(
            TABLE, [Aggregate(ROWS, "count(*)")], postgresql.units(TABLE, major=17)[-1]
        ),
    )
    for kind in KINDS:
        if isinstance(kind, OfRelation):
            for ask in asks(kind):
                wanted = [*kind.aggregates(ask)]
                yield from ((f"{kind.name} {a.key} {a.merge} {a.natural}", a.sql) for a in wanted)
                if (asked := kind.question(ask)) is not None:
                    yield f"{kind.name}", told(asked)


def asks(kind: OfRelation) -> Iterator[Ask]:
    """Of each column, beside one other; and of other relations."""
    of_columns = [
        (replace(WAYS[0], columns=(COLUMNS[1], column)), column, options)
        for column in COLUMNS
        for options in OPTIONS
    ]
    for relation, column, options in (*of_columns, *((way, COLUMNS[1], {}) for way in WAYS[1:])):
        given = {"column": column.name, "key": column.name, "columns": [column.name], **options}
        ask = Ask(
            sql=postgresql,
            spec=spec(kind.name, to="s.u", to_columns=["int4"], **{**OPTIONS[0], **given}),
            relation=relation,
            columns={column.name: column.name},
            to=WAYS[1],
            to_columns={"int4": "int4"},
            has_index=True,
            before=earlier(column.name) if options is OPTIONS[1] else None,
            until=NOW if options is OPTIONS[1] else None,
            major=17,
        )
        if not kind.refused(ask):
            yield ask


def earlier(column: str) -> RelationScan:
    """Last night's, with the greatest value of a column."""
    return RelationScan(
        name='s."or""ders"',
        relation=RelationReading(columns=["int4", "text"]),
        tables={},
        answers={f'append_only:s."or""ders":{column}': '{"greatest": "7"}'},
    )


def counted() -> DatabaseReading:
    read = TableReading(values={ROWS: "90000"})
    return DatabaseReading(tables={TABLE.full_name: read, SMALL.full_name: read})


def told(question: Question) -> str:
    flags = ("shared",) * question.shared
    kept = (question.weight, question.plan.name, question.natural, question.small, *flags)
    return "\n".join([f"-- {question.key} {kept}", question.prelude, question.sql])


def text() -> str:
    """Every statement once."""
    return "".join(
        f"-- {about}\n{sql}\n" for sql, about in {sql: about for about, sql in made()}.items()
    )


def test_every_statement_is_the_recorded_one():
    assert text() == RECORDED.read_text()


if __name__ == "__main__":
    print(text(), end="")
