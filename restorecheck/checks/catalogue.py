"""The families of checks, and the ones that every drill has without being asked."""

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from restorecheck.model import CheckSpec


class Family(StrEnum):
    ROW_COUNT = "row_count"
    QUERY = "query"
    SERVER_ANSWERS = "server_answers"
    TABLES_COUNTABLE = "tables_countable"
    ANY_ROWS = "any_rows"


COUNT_EVERYTHING_TIMEOUT = timedelta(hours=2)


def built_in() -> tuple[CheckSpec, ...]:
    """Asked of every restored database, configured or not."""
    return (
        CheckSpec(
            name="the server answers",
            kind=Family.SERVER_ANSWERS,
            timeout=timedelta(seconds=30),
            built_in=True,
        ),
        CheckSpec(
            name="every table can be counted",
            kind=Family.TABLES_COUNTABLE,
            timeout=COUNT_EVERYTHING_TIMEOUT,
            built_in=True,
        ),
        CheckSpec(
            name="at least one table has rows",
            kind=Family.ANY_ROWS,
            timeout=COUNT_EVERYTHING_TIMEOUT,
            built_in=True,
        ),
    )


class TableName(NamedTuple):
    """A table as the configuration names it; `schema` is empty where it names none."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}" if self.schema else self.table


def parse_table_name(text: str) -> TableName:
    """Split `schema.table`, with SQL's double quotes around parts that need them.

    Raises:
        ValueError: The text is not one or two names.
    """
    parts: list[str] = []
    rest = text.strip()
    while True:
        part, rest = _take_name(rest, text)
        parts.append(part)
        if not rest:
            break
        rest = rest.removeprefix(".")
    if len(parts) > 2:  # noqa: PLR2004  # schema and table
        raise ValueError(f"{text!r} has {len(parts)} parts; expected table or schema.table")
    return TableName("" if len(parts) == 1 else parts[0], parts[-1])


def _take_name(rest: str, text: str) -> tuple[str, str]:
    """The first name of `rest`, and what follows it: nothing, or a dot and more."""
    if rest.startswith('"'):
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
    return name, rest
