"""The families of checks, and the ones that every drill has without being asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from restorecheck.model import CheckSpec, Severity


class Family(StrEnum):
    # Asked one by one.
    SERVER_ANSWERS = "server_answers"
    QUERY = "query"
    ROW_COUNT = "row_count"
    # Every drill's own, answered by the one reading of everything.
    TABLES_COUNTABLE = "tables_countable"
    ANY_ROWS = "any_rows"
    ROWS_READABLE = "rows_readable"
    CONSTRAINTS_HOLD = "constraints_hold"
    REFERENCES_HOLD = "references_hold"
    SEQUENCES_AHEAD = "sequences_ahead"
    INDEXES_VALID = "indexes_valid"
    COLLATIONS_CURRENT = "collations_current"
    # Of physical backups.
    TRANSACTIONS_YOUNG = "transactions_young"
    INDEXES_AGREE = "indexes_agree"
    PAGES_SOUND = "pages_sound"
    # Against the last verified night.
    NOT_EMPTIED = "not_emptied"
    NOT_SHRUNK = "not_shrunk"
    NEWEST_THERE = "newest_there"
    STRUCTURE_SAME = "structure_same"
    # Configured, answered by the same reading.
    FRESHNESS = "freshness"
    HEARTBEAT = "heartbeat"
    NOT_NULL = "not_null"
    RANGE = "range"
    ACCEPTED_VALUES = "accepted_values"
    UNIQUE = "unique"
    REFERENCES = "references"
    EXTENSIONS = "extensions"
    UNCHANGED = "unchanged"
    APPEND_ONLY = "append_only"
    DISTRIBUTION = "distribution"
    MANIFEST = "manifest"
    STRUCTURE = "structure"


ONE_BY_ONE = frozenset({Family.SERVER_ANSWERS, Family.QUERY})
"""Everything else is answered by the reading of everything."""

READING_TIMEOUT = timedelta(hours=24)
"""The reading is bounded by the drill's deadline; it is stored as it goes."""


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A check that every drill has without configuration."""

    name: str
    kind: Family
    severity: Severity = Severity.REQUIRED
    physical: bool = False
    """Only of backups of pages: what a dump restores is built anew."""
    compares: bool = False
    """Needs an earlier night."""


BUILT_INS = (
    BuiltIn("the server answers", Family.SERVER_ANSWERS),
    BuiltIn("every table can be counted", Family.TABLES_COUNTABLE),
    BuiltIn("at least one table has rows", Family.ANY_ROWS),
    BuiltIn("every row can be read", Family.ROWS_READABLE),
    BuiltIn("constraints hold", Family.CONSTRAINTS_HOLD),
    BuiltIn("references hold", Family.REFERENCES_HOLD),
    BuiltIn("indexes agree with their tables", Family.INDEXES_AGREE, physical=True),
    BuiltIn("pages are sound", Family.PAGES_SOUND, physical=True),
    BuiltIn("indexes are valid", Family.INDEXES_VALID, Severity.WARNING),
    BuiltIn("sequences are ahead", Family.SEQUENCES_AHEAD, Severity.WARNING),
    BuiltIn("collations are current", Family.COLLATIONS_CURRENT, Severity.WARNING),
    BuiltIn(
        "transaction ids are young", Family.TRANSACTIONS_YOUNG, Severity.WARNING, physical=True
    ),
    BuiltIn("no table was emptied", Family.NOT_EMPTIED, compares=True),
    BuiltIn("no table has shrunk", Family.NOT_SHRUNK, Severity.WARNING, compares=True),
    BuiltIn("the newest rows are there", Family.NEWEST_THERE, Severity.WARNING, compares=True),
    BuiltIn("the structure is the same", Family.STRUCTURE_SAME, Severity.WARNING, compares=True),
)
MINIMUM = frozenset({Family.SERVER_ANSWERS, Family.TABLES_COUNTABLE, Family.ANY_ROWS})
"""Cannot be turned off: without them nothing is proven."""

LISTING = frozenset(check.kind.value for check in BUILT_INS)
"""Their detail lists what is wrong; what they found is how much was looked at."""

DEFAULT_DROP = 0.2
DEFAULT_PAGES_MINUTES = 60.0


def built_in(
    suite: Mapping[str, Severity | None] = MappingProxyType({}),
    *,
    physical: bool = True,
    baseline: bool = False,
    max_drop: float = DEFAULT_DROP,
    pages_minutes: float = DEFAULT_PAGES_MINUTES,
    volatile_tables: Sequence[str] = (),
) -> tuple[CheckSpec, ...]:
    """Asked of every restored database, configured or not.

    `suite`: family → its severity, or None to leave it out. `baseline`: there is an earlier night.
    """
    volatile = {"volatile": list(volatile_tables)} if volatile_tables else {}
    options: dict[str, dict[str, Any]] = {
        Family.NOT_EMPTIED: volatile,
        Family.NOT_SHRUNK: {"max_drop": max_drop, **volatile},
        Family.NEWEST_THERE: volatile,
        Family.PAGES_SOUND: {"minutes": pages_minutes},
    }
    return tuple(
        CheckSpec(
            name=check.name,
            kind=check.kind,
            severity=suite.get(check.kind) or check.severity,
            timeout=(timedelta(seconds=30) if check.kind in ONE_BY_ONE else READING_TIMEOUT),
            options=options.get(check.kind, {}),
            built_in=True,
        )
        for check in BUILT_INS
        if (physical or not check.physical)
        and (baseline or not check.compares)
        and (check.kind in MINIMUM or suite.get(check.kind, check.severity) is not None)
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
