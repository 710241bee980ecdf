"""Names of tables and columns as written in a configuration. Pure.

A part in double quotes is taken literally. Any other part is folded to lower case as in SQL, and taken
literally only if the database has no object of the folded name.
"""

import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

FOLDED = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""PostgreSQL folds ASCII letters; others only in single-byte encodings (`downcase_identifier`)."""


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    exact: bool = False
    """The name was in double quotes."""

    @property
    def readings(self) -> tuple[str, ...]:
        """Possible names, the likeliest first."""
        if self.exact:
            return (self.text,)
        return tuple(dict.fromkeys((self.text.translate(FOLDED), self.text)))


@dataclass(frozen=True, slots=True)
class TableName:
    """A table name of the configuration; `schema` is None if it names none."""

    schema: Part | None
    table: Part

    @property
    def readings(self) -> Iterator[tuple[str, str]]:
        """Schema (empty: along the search path) and table, the likeliest first."""
        schemas = self.schema.readings if self.schema else ("",)
        yield from product(schemas, self.table.readings)


@lru_cache(maxsize=1_000)
def parse_table_name(text: str) -> TableName:
    """Split `schema.table`, with SQL's double quotes around parts that need them.

    Raises:
        ValueError: The text is not one or two names.
    """
    parts: list[Part] = []
    rest = text.strip()
    while True:
        part, rest = _take_name(rest, text)
        parts.append(part)
        if not rest:
            break
        rest = rest.removeprefix(".")
    if len(parts) > 2:  # noqa: PLR2004  # schema and table
        raise ValueError(f"{text!r} has {len(parts)} parts; expected table or schema.table")
    return TableName(None if len(parts) == 1 else parts[0], parts[-1])


def _take_name(rest: str, text: str) -> tuple[Part, str]:
    """The first name of `rest`, and the remainder: empty, or a dot and more."""
    exact = rest.startswith('"')
    if exact:
        name, position = "", 1
        while True:
            end = rest.find('"', position)
            if end < 0:
                raise ValueError(f"{text!r} has a quote that is not closed")
            name += rest[position:end]
            if rest[end : end + 2] != '""':
                rest = rest[end + 1 :]
                break
            name += '"'
            position = end + 2
    else:
        name, dot, rest = rest.partition(".")
        rest = dot + rest
    if not name or (rest and (not rest.startswith(".") or rest == ".")):
        raise ValueError(f"{text!r} is not a table name; expected table or schema.table")
    return Part(name, exact), rest


def find_column(text: str, columns: Iterable[str]) -> str | None:
    """The column for a configured text."""
    there = frozenset(columns)
    try:
        part, rest = _take_name(text, text)
    except ValueError:
        part, rest = Part(text, exact=True), ""
    readings = () if rest else part.readings
    return next((name for name in (*readings, text) if name in there), None)
