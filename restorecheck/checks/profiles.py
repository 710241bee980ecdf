"""The profile of a database for which checks are proposed. Frozen values, no SQL.

For columns with names like personal data it has only the number of rows with a value.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from restorecheck.checks.sensitive_columns import looks_personal
from restorecheck.checks.tables import ForeignKey, KeyPair, full_name, quoted

TEXTS = frozenset({"text", "varchar", "bpchar", "citext"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    name: str
    type: str
    """The type below all domains, as `tables.Column.type`."""
    not_null: bool = False
    present: int = 0
    """Rows with a value."""
    empty: int = 0
    """The part of `present` with an empty text."""
    low: float | None = None
    """Smallest and greatest finite value; for times, seconds since 1970."""
    high: float | None = None
    mean: float | None = None
    deviation: float | None = None
    values: tuple[tuple[str, int], ...] = ()
    """All values with their number of rows, if there are few; else empty."""
    hours: tuple[int, ...] = ()
    """Hours since 1970 with a row, in the last two weeks with rows; ascending."""

    @property
    def personal(self) -> bool:
        return looks_personal(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProfile:
    """A table, or a partitioned table with all of its partitions."""

    schema: str
    name: str
    rows: int = 0
    unlogged: bool = False
    columns: tuple[ColumnProfile, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    """Columns of unique indexes of the whole table, the primary key first."""
    distinct: tuple[str, ...] = ()
    """Single columns without a repeated value and without a unique index."""
    ordered: tuple[tuple[str, str], ...] = ()
    """Pairs of times of which the first is never later than the second, and often earlier."""
    pointing: tuple[str, ...] = ()
    """Columns of declared references."""
    large_objects: tuple[str, ...] = ()
    """Columns in which every value is an existing large object."""

    @property
    def full_name(self) -> str:
        """As readings name it."""
        return full_name(self.schema, self.name)

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def configured(self) -> str:
        """As a configuration names it."""
        return ".".join(_written(part) for part in (self.schema, self.name))


def _written(name: str) -> str:
    """The name, quoted if SQL would fold it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else quoted(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceProfile:
    """Columns in which every value exists in another table."""

    table: TableProfile
    columns: tuple[str, ...]
    to: TableProfile
    to_columns: tuple[str, ...]
    rows: int
    """Rows with a reference."""
    pairs: tuple[KeyPair, ...] = ()
    """How the values are compared; by default with `=`."""

    @property
    def key(self) -> ForeignKey:
        """As if it were declared."""
        named = zip(self.columns, self.to_columns, strict=True)
        return ForeignKey(
            name="",
            table=self.table.quoted,
            target=self.to.quoted,
            pairs=self.pairs or tuple(KeyPair(here=here, there=there) for here, there in named),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One database."""

    tables: tuple[TableProfile, ...] = ()
    references: tuple[ReferenceProfile, ...] = ()
    """References that no constraint declares."""
    objects: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind (`index`, `function` …) → names, as the statements of `propose.schema_objects` find them."""
    extensions: tuple[str, ...] = ()
    taken_at: datetime | None = None
    """Until when the backup holds data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightProfile:
    """Data of one earlier drill in the history."""

    taken_at: datetime
    rows: dict[str, int]
    """Table, with its schema → rows."""
    prints: dict[str, str]
    newest: dict[str, float]
    """`schema.table.column` → seconds since 1970."""
