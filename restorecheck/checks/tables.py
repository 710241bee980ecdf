"""The parts of a database's catalog that checks need. Frozen values, no SQL."""

import re
from dataclasses import dataclass
from functools import lru_cache

PART = re.compile(r'(?:^|\.)(?:"((?:[^"]|"")*)"|([^.]*))')

REFERENCED, UNLOGGED, VIEW, POINTING = "r", "u", "v", "p"
"""Letters of `Table.traits`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    name: str
    expression: str
    """From `pg_get_expr`: true or NULL for every valid row."""
    plain: bool = True
    """Whether it uses neither the whole row nor a function or operator of the database."""
    settled: bool = True
    """Whether no setting of the server decides it, such as the time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    type: str
    """The type below all domains: `text`, `numeric`, `int4`; arrays begin with `_`."""
    kind: str = "b"
    """Its `pg_type.typtype`: b base, c composite, d domain, e enum, r range, m multirange."""
    not_null: bool = False
    """Every row has a value; False for NOT VALID, which does not cover old rows."""
    sql_type: str = ""
    """The same type as SQL names it, with its schema."""
    virtual: bool = False
    """Generated, and not stored."""
    collation: str = ""
    """`collate …`; empty: the values are not texts."""
    equals: str = ""
    """Equality operator of the type (of its default B-tree or hash class); empty: none."""
    below: str = "<"
    above: str = ">"
    """Ordering operators of the type."""
    domain_checks: tuple[Constraint, ...] = ()
    """CHECKs of the column's domains; the value is called VALUE in them."""

    nested_checks: tuple[tuple[str, Constraint], ...] = ()
    """CHECKs of nested domains: the field of a row, or empty for the elements of an array."""

    @property
    def composite(self) -> bool:
        """Whether `row(null, null) is null` is true for a value that is not NULL."""
        return self.kind == "c"


@dataclass(frozen=True, slots=True, kw_only=True)
class BTree:
    name: str
    """Quoted, with its schema."""
    blocks: int
    """Of the index and its table."""
    reordered: str = ""
    """As `Question.reordered`."""
    foreign_order: bool = False
    """Whether an operator class or a type of its keys is not one of PostgreSQL's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """One column of a reference, and the referenced column."""

    here: str
    there: str
    operator: str = "="
    """As in SQL: `operator(public.=)`; the referenced column is on the left."""
    there_cast: str = ""
    here_cast: str = ""
    """`::schema.type`, if the operator takes another type than the column's."""
    virtual: bool = False
    """Generated, and not stored."""
    collation: str = ""
    """`collate …`, if the collations differ: PostgreSQL uses that of the referenced column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A validated foreign key: rows of `table` refer to rows of `target`."""

    name: str
    table: str
    """Quoted, with its schema, like all names here."""
    target: str
    pairs: tuple[KeyPair, ...]
    plain: bool = False
    """Only the table's own rows refer: rows of inheriting tables need not."""
    target_plain: bool = False
    """Only the target's own rows are referred to."""
    full: bool = False
    """MATCH FULL: either all columns have a value, or none."""
    period: bool = False
    """The last column is a range, which several rows may cover together (PostgreSQL 18)."""

    @property
    def declared(self) -> bool:
        """Whether the operators are those of a constraint, so that no name is looked up."""
        return all(pair.operator.startswith("operator(") for pair in self.pairs)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(pair.here for pair in self.pairs)

    @property
    def target_columns(self) -> tuple[str, ...]:
        return tuple(pair.there for pair in self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An EXCLUDE constraint: no two rows for which all operators are true."""

    name: str
    table: str
    """Quoted, with its schema."""
    elements: tuple[tuple[str, str], ...]
    """Expression of columns, and its operator as in SQL."""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """The relation of a configured check: a table with its parts."""

    schema: str
    name: str
    kind: str = "r"
    """`pg_class.relkind`: r table, p partitioned, v view, m materialized view, f foreign table."""
    populated: bool = True
    columns: tuple[Column, ...] = ()
    members: tuple[str, ...] = ()
    """Full names of the tables with its rows: itself, partitions, children."""
    foreign: tuple[str, ...] = ()
    """Members with rows on another server, which no backup of this one contains."""

    @property
    def full_name(self) -> str:
        return full_name(self.schema, self.name)

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def alone(self) -> bool:
        """Whether all rows are in the table itself."""
        return self.members == (self.full_name,) and not self.foreign

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedSequence:
    """A sequence that fills a column: as identity, or as the column's default."""

    name: str
    """Quoted, with its schema, like the names of tables here."""
    table: str
    column: str
    increment: int = 1
    others: tuple[tuple[str, str], ...] = ()
    """Further columns that it fills: table and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One relation with its own rows: a table, a partition, a filled materialized view."""

    schema: str
    name: str
    root: str = ""
    """Of a partition or child: full name of the topmost table."""
    blocks: int = 0
    """Blocks of the heap, by the size of its file."""
    bytes: int = 0
    """Size with TOAST, without indexes."""
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    key_index: str = ""
    """The smallest valid unique B-tree index of the whole table, quoted."""
    key: tuple[str, ...] = ()
    """Columns that identify a row: of a unique index without NULLs."""
    unlogged: bool = False
    view: bool = False
    """A materialized view."""
    referenced: bool = False
    """Other tables refer to it."""
    pointing: bool = False
    """It refers to other tables."""

    @property
    def full_name(self) -> str:
        return full_name(self.schema, self.name)

    @property
    def group(self) -> str:
        """The name that nights are compared by: partitions come and go, their parent stays."""
        return self.root or self.full_name

    @property
    def traits(self) -> str:
        """Traits that later drills need."""
        known = (
            (REFERENCED, self.referenced),
            (POINTING, self.pointing),
            (UNLOGGED, self.unlogged),
            (VIEW, self.view),
        )
        return "".join(letter for letter, holds in known if holds)

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@lru_cache(maxsize=1 << 16)
def full_name(*parts: str) -> str:
    """`schema.table`, the unique name in reports and readings.

    A part is in double quotes only if it contains a dot or a double quote.
    """
    return ".".join(quoted(part) if "." in part or '"' in part else part for part in parts)


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a `full_name`."""
    if '"' not in name:
        return tuple(name.split("."))
    found = PART.findall(name)
    return tuple(inside.replace('""', '"') if inside else plain for inside, plain in found)


def quoted(name: str) -> str:
    """A quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL literal, for `standard_conforming_strings` on."""
    return "'" + text.replace("'", "''") + "'"
