"""A database as its catalog describes it, as far as checks need it. Frozen values, no SQL."""

import re
from dataclasses import dataclass

PART = re.compile(r'(?:^|\.)(?:"((?:[^"]|"")*)"|([^.]*))')

REFERENCED, UNLOGGED, VIEW, POINTING = "r", "u", "v", "p"
"""Letters of `Table.traits`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    name: str
    expression: str
    """As `pg_get_expr` gives it: true or NULL for every row that may be there."""
    plain: bool = True
    """It names neither the row as a whole nor a function or an operator of the database's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    type: str
    """Of the type below all domains: `text`, `numeric`, `int4`; arrays begin with `_`."""
    kind: str = "b"
    """`pg_type.typtype` of it: b base, c composite, d domain, e enum, r range, m multirange."""
    not_null: bool = False
    """Every row has a value: what was declared NOT VALID is not said of old rows."""
    sql_type: str = ""
    """The same type as SQL names it, with its schema."""
    virtual: bool = False
    """Generated, and not stored."""
    collation: str = ""
    """`collate …`; empty: its values are no texts."""
    equals: str = ""
    """Operator of the type's own equality (that of its default B-tree or hash class); empty: it has none."""
    below: str = "<"
    above: str = ">"
    """Operators of the type's own order."""
    domain_checks: tuple[Constraint, ...] = ()
    """Of the domains that the column is of; the value is called VALUE in them."""

    nested_checks: tuple[tuple[str, Constraint], ...] = ()
    """Of domains within: the field of a row, or empty for the elements of an array."""

    @property
    def composite(self) -> bool:
        """`row(null, null) is null` is true of such a value, which is no NULL all the same."""
        return self.kind == "c"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """One column of a reference, and the column that it points to."""

    here: str
    there: str
    operator: str = "="
    """As SQL names it: `operator(public.=)`; the other table's column stands on its left."""
    there_cast: str = ""
    here_cast: str = ""
    """`::schema.type`, where the operator takes another type than the column's."""
    virtual: bool = False
    """Generated, and not stored."""
    collation: str = ""
    """`collate …`, where the columns differ in theirs: PostgreSQL compares by that of the other table's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A validated one: rows of `table` point to rows of `target`."""

    name: str
    table: str
    """Quoted, with its schema, as are all names here."""
    target: str
    pairs: tuple[KeyPair, ...]
    plain: bool = False
    """Only rows of its own point to something: those of tables that inherit from it need not."""
    target_plain: bool = False
    """Only to rows of its own."""
    full: bool = False
    """MATCH FULL: all columns have a value, or none has."""
    period: bool = False
    """The last column is a range: several rows together cover it (PostgreSQL 18)."""

    @property
    def declared(self) -> bool:
        """The operators are those of a constraint: nothing is looked up by its bare name."""
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
    """Expression over the columns, and its operator as SQL names it."""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What a configured check is about: a table, with all that belongs to it."""

    schema: str
    name: str
    kind: str = "r"
    """`pg_class.relkind`: r table, p partitioned, v view, m materialized view, f foreign table."""
    populated: bool = True
    columns: tuple[Column, ...] = ()
    members: tuple[str, ...] = ()
    """Tables that hold its rows, by their full names: itself, partitions, children."""
    foreign: tuple[str, ...] = ()
    """Members whose rows are on another server, and in no backup of this one."""

    @property
    def full_name(self) -> str:
        return full_name(self.schema, self.name)

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def alone(self) -> bool:
        """All rows are its own."""
        return self.members == (self.full_name,) and not self.foreign

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


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
    """Of a partition or a child: the table at the top, by its full name."""
    blocks: int = 0
    """Of the heap, by the size of its file."""
    bytes: int = 0
    """With TOAST, without indexes."""
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    key_index: str = ""
    """A valid unique B-tree index over the whole table, quoted; the smallest one."""
    key: tuple[str, ...] = ()
    """Columns by which a row is found: of a unique index without NULLs."""
    unlogged: bool = False
    view: bool = False
    """A materialized view."""
    referenced: bool = False
    """Other tables point to it."""
    pointing: bool = False
    """It points to other tables."""

    @property
    def full_name(self) -> str:
        return full_name(self.schema, self.name)

    @property
    def group(self) -> str:
        """What is compared night by night: partitions come and go, their parent stays."""
        return self.root or self.full_name

    @property
    def traits(self) -> str:
        """What is to be known of it tomorrow."""
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
