"""A database as its catalog describes it, as far as checks need it. Frozen values, no SQL."""

import re
from dataclasses import dataclass

PART = re.compile(r'(?:^|\.)(?:"((?:[^"]|"")*)"|([^.]*))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    type: str
    """Of the type below all domains: `text`, `numeric`, `int4`; arrays begin with `_`."""
    kind: str = "b"
    """`pg_type.typtype` of it: b base, c composite, d domain, e enum, r range, m multirange."""
    category: str = ""
    """`pg_type.typcategory`: `D` is for dates and times."""
    not_null: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    name: str
    expression: str
    """As `pg_get_expr` gives it: true or NULL for every row that may be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A validated one: rows of `table` point to rows of `target`."""

    name: str
    table: str
    """Quoted, with its schema, as are all names here."""
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    plain: bool = False
    """Only rows of its own point to something: those of tables that inherit from it need not."""
    target_plain: bool = False
    """Only to rows of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedSequence:
    """One that fills a column: by identity, or because its next value is the column's default."""

    name: str
    """Quoted, with its schema, as are the names of tables here."""
    table: str
    column: str
    increment: int = 1
    others: tuple[tuple[str, str], ...] = ()
    """More columns that it fills: table and column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One relation with rows of its own: a table, a partition, a filled materialized view."""

    schema: str
    name: str
    root: str = ""
    """Of a partition: the partitioned table at the top, `schema.name`."""
    blocks: int = 0
    """Of the heap, by the size of its file."""
    bytes: int = 0
    """With TOAST, without indexes."""
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    key_index: str = ""
    """A valid unique B-tree index over the whole table, quoted; the smallest one."""
    unlogged: bool = False
    view: bool = False
    """A materialized view."""

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def group(self) -> str:
        """What is compared night by night: partitions come and go, their parent stays."""
        return self.root or self.full_name

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def full_name(*parts: str) -> str:
    """`schema.table`, as reports and readings name it; no two tables have the same one.

    A part is in double quotes only where it holds a dot or a double quote.
    """
    return ".".join(quoted(part) if "." in part or '"' in part else part for part in parts)


def parts_of(name: str) -> tuple[str, ...]:
    """What `full_name` was made of."""
    found = PART.findall(name)
    return tuple(inside.replace('""', '"') if inside else plain for inside, plain in found)


def quoted(name: str) -> str:
    """An identifier as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL takes it, with `standard_conforming_strings` on."""
    return "'" + text.replace("'", "''") + "'"
