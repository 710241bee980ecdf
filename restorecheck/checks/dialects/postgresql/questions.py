"""Questions that no scan of one table answers: one statement, one value each. Pure: SQL out."""

from collections.abc import Iterable

from restorecheck.checks.dialects.postgresql.fingerprint import FIRST_MAJOR, typed_hash
from restorecheck.checks.questions import (
    AGE,
    BEHIND,
    BTREE,
    COLLATIONS,
    EXCLUDED,
    HEAP,
    INVALID,
    KEYS,
    LARGE_CONTENTS,
    LARGE_OBJECTS,
    VISIBLE,
)
from restorecheck.checks.scan_statements import SMALL_BLOCKS, Plan, Question
from restorecheck.checks.tables import BTree, Exclusion, OwnedSequence, Table, literal, quoted

OWN = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
"""Condition for objects of users; `n` is the schema."""


def excluded(constraint: Exclusion) -> Question:
    """Number of rows that an EXCLUDE constraint forbids beside another one."""
    names = [f"e{number}" for number in range(len(constraint.elements))]
    listed = ", ".join(
        f"({sql}) as {name}" for name, (sql, _) in zip(names, constraint.elements, strict=True)
    )
    condition = f" where {constraint.where}" if constraint.where else ""
    rows = f"(select ctid as place, {listed} from only {constraint.table}{condition})"  # noqa: S608  # quoted names
    # `is true` prevents the use of an index, which may have lost rows: every row of the heap is read.
    every = rows.replace(condition, f" where ({constraint.where}) is true") if condition else rows
    both = " and ".join(
        f"a.{name} {operator} b.{name}"
        for name, (_, operator) in zip(names, constraint.elements, strict=True)
    )
    return Question(
        key=f"{EXCLUDED}{constraint.table} {constraint.name}",
        sql=f"select pg_catalog.count(*) from {every} a where exists (select from {rows} b where a.place operator(pg_catalog.<>) b.place and {both})",  # noqa: S608
        plan=Plan.ANY,
        natural=True,
    )


def large_objects() -> Question:
    """Number of large objects."""
    return Question(key=LARGE_OBJECTS, sql="select count(*) from pg_largeobject_metadata")


def large_contents(major: int, *, key: str = LARGE_CONTENTS, of: str = "") -> Question:
    """A fingerprint of all large objects. `of`: a query for the oids of some."""
    row = "row(l.loid, l.pageno, l.data)"
    hashed = typed_hash(row) if major >= FIRST_MAJOR else f"hashtextextended({row}::text, 0)"
    some = f" where l.loid in ({of})" if of else ""
    return Question(key=key, sql=f"select sum({hashed}) from pg_largeobject l{some}")  # noqa: S608  # our own


def without_large_object(table: str, column: str) -> str:
    """Statement: number of rows whose value is not the oid of a large object, which no constraint can ensure."""
    name = f"t.{quoted(column)}"
    return (
        f"select count(*) from {table} t where {name} is not null"  # noqa: S608  # quoted names
        f" and not exists (select from pg_largeobject_metadata m where m.oid = {name})"
    )


def keys(table: Table) -> Question:
    """Number of rows in the index: the heap must have as many."""
    return Question(
        key=f"{KEYS}{table.full_name}",
        sql=f"select count(*) from only {table.quoted}",  # noqa: S608  # quoted names
        weight=table.blocks,
        small=table.blocks <= SMALL_BLOCKS,
        table=table.quoted,
        plan=Plan.INDEX,
    )


def behind(sequence: OwnedSequence) -> Question:
    """How far the sequence is behind the columns that it fills: then the next insert fails.

    Until `is_called`, `last_value` itself is the next value. With an increment above one, only reachable values
    count: two servers may number alternately.
    """
    extreme, sign = ("max", "") if sequence.increment > 0 else ("min", "-1 * ")
    reached = f" where (t.v - s.last_value) % {abs(sequence.increment)} = 0"
    columns = " union all ".join(
        f"select {extreme}(t.v) as v from (select {quoted(column)}::numeric as v from {table}) t"  # noqa: S608  # quoted names
        + (reached if abs(sequence.increment) > 1 else "")
        for table, column in ((sequence.table, sequence.column), *sequence.others)
    )
    lead = f"{sign}(m.v - s.last_value) + case when s.is_called then 0 else 1 end"
    return Question(
        key=f"{BEHIND}{sequence.name}",
        table=sequence.table,
        sql=f"select {lead} from {sequence.name} s,"  # noqa: S608  # quoted names
        f" lateral (select {extreme}(x.v) as v from ({columns}) x) m where {lead} > 0",
    )


def invalid_indexes() -> Question:
    return Question(
        key=INVALID,
        sql="select string_agg(n.nspname || '.' || x.relname, ', ' order by 1)"  # noqa: S608  # our own condition
        " from pg_index i join pg_class x on x.oid = i.indexrelid"
        f" join pg_namespace n on n.oid = x.relnamespace where not (i.indisvalid and i.indisready) and {OWN}",
    )


def collations(major: int) -> Question:
    """Collations that have another version than their indexes were built with."""
    noted = (
        "select collname::text as name from pg_collation where collversion is not null"
        " and collversion <> pg_collation_actual_version(oid) and exists (select from pg_depend d"
        " where d.refclassid = 'pg_collation'::regclass and d.refobjid = pg_collation.oid"
        " and d.classid = 'pg_class'::regclass)"
    )
    parts = [noted]
    if major >= 15:  # noqa: PLR2004  # PostgreSQL 15 records it for databases, too
        parts.append(
            "select 'the default of this database' from pg_database"
            " where datname = current_database() and datcollversion is not null"
            " and datcollversion <> pg_database_collation_actual_version(oid)"
        )
    union = " union all ".join(parts)
    return Question(
        key=COLLATIONS,
        sql=f"select string_agg(name, ', ' order by name) from ({union}) x",  # noqa: S608  # our own text
    )


OLD = 1_500_000_000
"""Age that is reported, of 2,147,483,648 transaction ids; autovacuum freezes rows from 200,000,000 on."""


def transaction_age() -> Question:
    """Age of the oldest transaction id, if it is near the wraparound limit."""
    return Question(
        key=AGE,
        sql="select concat('the oldest transaction id is ', max(age(datfrozenxid)), ' behind; at"  # noqa: S608  # our own number
        f" 2,147,483,648 the server stops') from pg_database having max(age(datfrozenxid)) > {OLD}",
    )


def own_schema(extension: str) -> str:
    """Schema for an extension that is not installed, made in a transaction and rolled back. One for each
    extension: two transactions with the same schema would wait for each other.
    """
    return f"restorecheck_{extension}"


TEMPORARY = "pg_temp"
"""Schema of a connection's temporary objects; PostgreSQL gives each connection its own."""
FIRST_FUNCTIONS_MAJOR = 12
"""The first version whose amcheck has all three arguments of `FUNCTIONS`; an earlier one would ignore the third."""
_REGCLASS, _BOOL, _INT8, _TEXT = (
    f"pg_catalog.{name}" for name in ("regclass", "bool", "int8", "text")
)
_HEAP = (
    f"relation {_REGCLASS}, on_error_stop {_BOOL} default false, check_toast {_BOOL} default false,"
    f" skip {_TEXT} default 'none', startblock {_INT8} default null, endblock {_INT8} default null,"
    f" blkno out {_INT8}, offnum out pg_catalog.int4, attnum out pg_catalog.int4, msg out {_TEXT}"
)
_FOUND = "t_ctid out pg_catalog.tid) returns setof pg_catalog.tid strict"
FUNCTIONS = {
    "amcheck": (
        f"bt_index_parent_check({_REGCLASS}, {_BOOL}, {_BOOL}) returns pg_catalog.void strict",
        f"verify_heapam({_HEAP}) returns setof record",
    ),
    "pg_visibility": (
        f"pg_check_visible({_REGCLASS}, {_FOUND}",
        f"pg_check_frozen({_REGCLASS}, {_FOUND}",
    ),
}
"""As the extensions declare them: contrib/amcheck/amcheck--*.sql, contrib/pg_visibility/pg_visibility--1.1.sql."""
FIRST_MAJORS = {"verify_heapam": 14}
"""The first version of a function's library that has it, if it is later than `FIRST_FUNCTIONS_MAJOR`."""


def prelude(extension: str, schema: str, *, major: int) -> str:
    """What makes the functions for a transaction. `schema`: as in `Catalog.extensions`.

    Connections that make the same extension wait for each other; those that make temporary functions do not.
    """
    if schema == TEMPORARY:
        return "; ".join(
            f"create function {TEMPORARY}.{declared} language c as '$libdir/{extension}', '{name}'"
            for declared in FUNCTIONS[extension]
            if FIRST_MAJORS.get(name := declared.partition("(")[0], 0) <= major
        )
    if schema:
        return ""
    own = own_schema(extension)
    return f"create schema {own}; create extension {quoted(extension)} with schema {own}"


FIRST_HIGH_KEYS_MAJOR = 13
"""From here on the high key of each page is taken to be compared with its parent (contrib/amcheck/verify_nbtree.c,
bt_child_highkey_check); tried on 15 and 18, not on older ones.
"""


def btree(
    schema: str, indexes: Iterable[BTree], *, before: str, major: int
) -> tuple[Question, ...]:
    """Every index against itself and against every row of its heap (amcheck).

    `rootdescend` also searches each row from the root, which takes four times as long as all the rest. Where `<` is
    transitive and every page is compared with its neighbours and its parent, that finds nothing more, so it is asked
    only of other orders than PostgreSQL's own. The documentation: "of limited use or even of no use in helping detect
    the kinds of corruption that occur in practice" (pg_amcheck, --rootdescend).
    """

    def search(index: BTree) -> str:
        return "true" if index.foreign_order or major < FIRST_HIGH_KEYS_MAJOR else "false"

    return tuple(
        Question(
            key=f"{BTREE}{index.name}",
            sql=f"select {quoted(schema)}.bt_index_parent_check({literal(index.name)}::regclass,"
            f" true, {search(index)})",
            weight=index.blocks,
            small=index.blocks <= SMALL_BLOCKS,
            prelude=before,
            shared=schema == TEMPORARY,
            budgeted=True,
            reordered=index.reordered,
        )
        for index in indexes
    )


def heaps(schema: str, tables: Iterable[Table], *, before: str) -> tuple[Question, ...]:
    """Every page and tuple header, and every TOAST pointer (amcheck, PostgreSQL 14)."""
    return tuple(
        Question(
            key=f"{HEAP}{table.full_name}",
            sql="select case when count(*) > 0 then concat(count(*), ' faults, the first: ', min(msg)) end"  # noqa: S608  # quoted names
            f" from {quoted(schema)}.verify_heapam({literal(table.quoted)}::regclass, check_toast => true)",
            weight=table.blocks,
            small=table.blocks <= SMALL_BLOCKS,
            table=table.quoted,
            prelude=before,
            shared=schema == TEMPORARY,
            budgeted=True,
        )
        for table in tables
    )


def visible(schema: str, tables: Iterable[Table], *, before: str) -> tuple[Question, ...]:
    """Pages that are wrongly marked all-visible (pg_visibility)."""
    return tuple(
        Question(
            key=f"{VISIBLE}{table.full_name}",
            sql=f"select nullif((select count(*) from {quoted(schema)}.pg_check_visible({literal(table.quoted)}::regclass))"  # noqa: S608  # quoted names
            f" + (select count(*) from {quoted(schema)}.pg_check_frozen({literal(table.quoted)}::regclass)), 0)",
            weight=table.blocks,
            small=table.blocks <= SMALL_BLOCKS,
            table=table.quoted,
            prelude=before,
            shared=schema == TEMPORARY,
            budgeted=True,
        )
        for table in tables
    )
