"""The interface of all kinds of check. Each kind is one file in `kinds/`, listed in the registry.

A kind defines its keys in the configuration, its questions for the scan, the expected answer and the
judgement. All of it is pure: a catalog in, statements out; a scan's result in, a judgement out. Two rules hold
for all kinds, because there is no other way to a value:

* A requested value that is missing in the result is an error, never zero, never a pass (`RelationScan`).
* A name is resolved once, in the database; the judgement uses the relation that was found.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any, ClassVar

from restorecheck.checks.answers import (
    Exited,
    Judgement,
    Rows,
    UnansweredError,
    UnreadableError,
    passed_if,
)
from restorecheck.checks.keys import CheckKeys
from restorecheck.checks.names import find_column
from restorecheck.checks.scan_result import DatabaseReading, Readings, RelationReading, TableReading
from restorecheck.checks.scan_statements import (
    ASKED,
    NOTHING,
    ROWS,
    SMALL_BLOCKS,
    Aggregate,
    Question,
    Sql,
    by_size,
    summed,
)
from restorecheck.checks.tables import (
    BTree,
    Column,
    Exclusion,
    ForeignKey,
    OwnedSequence,
    Relation,
    Table,
)
from restorecheck.model import CheckOutcome, CheckSpec, Severity

MOST_LISTED = 5
NOTHING_YET = "no verified drill to compare with yet"


class Section(Enum):
    """Parts of the catalog that only some kinds need."""

    FOREIGN_KEYS = auto()
    EXCLUSIONS = auto()
    SEQUENCES = auto()
    BTREES = auto()
    EXTENSIONS = auto()


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The parts of a database's catalog that the checks need."""

    sql: Sql
    major: int
    tables: tuple[Table, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    sequences: tuple[OwnedSequence, ...] = ()
    btrees: tuple[BTree, ...] = ()
    extensions: Mapping[str, str] = field(default_factory=dict)
    """The installed ones with their schema. The available ones with an empty schema, or, where the role may make
    functions in C, with the schema of the connection's temporary objects.
    """

    @property
    def small(self) -> frozenset[str]:
        """Quoted names of small tables without children."""
        parents = {table.root for table in self.tables}
        return frozenset(
            table.quoted
            for table in self.tables
            if table.blocks <= SMALL_BLOCKS and table.full_name not in parents
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Facts of a drill for the judgement of a check."""

    baseline: Readings
    databases: tuple[str, ...]
    """The databases that exist now."""
    taken_at: datetime | None
    """Until when the backup contains data."""
    started_at: datetime
    physical: bool = False
    """The backup is one of files: it holds no row of an unlogged table."""
    accepted: bool = False
    """A person accepted the baseline (`history accept`)."""

    @property
    def until(self) -> datetime:
        return self.taken_at or self.started_at

    def before(self, database: str) -> DatabaseReading | None:
        """The same database in the earlier drill; a single one may have another name now."""
        known = self.baseline.get(database)
        if known is None and len(self.databases) == len(self.baseline) == 1:
            (known,) = self.baseline.values()
        return known

    @property
    def lost(self) -> tuple[str, ...]:
        """Databases of the earlier drill that no longer exist."""
        if len(self.databases) == len(self.baseline) == 1:
            return ()
        return tuple(sorted(set(self.baseline) - set(self.databases)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A check that every drill has without configuration."""

    name: str
    severity: Severity = Severity.REQUIRED
    physical: bool = False
    """Only for backups of files: a restored dump has new files."""
    compares: bool = False
    """Needs an earlier drill."""
    always: bool = False
    """Cannot be turned off: nothing is proven without it."""


class CheckKind(ABC):
    """One kind of check."""

    name: ClassVar[str]
    help: ClassVar[str]
    """One sentence for the schema of the configuration."""
    keys: ClassVar[type[CheckKeys] | None] = None
    """Its keys in `checks`; None: it cannot be configured."""
    built_in: ClassVar[BuiltIn | None] = None
    reads: ClassVar[frozenset[Section]] = frozenset()
    contents: ClassVar[bool] = False
    """Needs every value read and hashed."""
    constraints: ClassVar[bool] = False
    """Needs every row checked against the constraints."""
    structure: ClassVar[bool] = False
    """Needs the structure."""
    collects: ClassVar[bool] = False
    """Compares with data that an earlier drill must have kept."""
    questions_begin: ClassVar[tuple[str, ...]] = ()
    """Prefixes of the keys of its questions."""

    @abstractmethod
    def expected(self, options: Mapping[str, Any]) -> str:
        """The expected answer, in a few words."""

    def needs_statistics(self, options: Mapping[str, Any]) -> bool:  # for other kinds
        """Whether the check is about the time that queries take: then a restored dump is analyzed first."""
        return False


class Alone(CheckKind):
    """Asked in its own statement, outside the scan."""

    @abstractmethod
    def sql(self, options: Mapping[str, Any]) -> str: ...

    @abstractmethod
    def judge_rows(self, spec: CheckSpec, rows: Rows) -> Judgement: ...

    def most_seconds(self, options: Mapping[str, Any]) -> float | None:  # as above
        """The longest time that the answer may take; None: it is not judged."""
        return None


class ByProgram(CheckKind):
    """Answered by a program that restorecheck starts beside the restored database."""

    @abstractmethod
    def judge_exit(self, spec: CheckSpec, exited: Exited) -> Judgement: ...


# --- of a whole database ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinding:
    """The answer of one database to one check."""

    found: str = ""
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """What could not be checked, and why: a required check is then an error, not a pass."""
    warnings: tuple[str, ...] = ()
    """Findings that are warnings only."""


class OfDatabase(CheckKind):
    """A built-in check: asked of each database, judged for all together."""

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        """The keys of `suite` that it needs. `physical`: for a backup of files."""
        return {}

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        """Questions that no scan of one table answers."""
        return ()

    def studies(self, catalog: Catalog, reading: DatabaseReading) -> Iterable[Question]:
        """Questions that are asked when all tables are read."""
        return ()

    def settle(
        self, catalog: Catalog, reading: DatabaseReading, before: DatabaseReading | None
    ) -> None:
        """Convert the answers to `studies` into what is stored."""

    @abstractmethod
    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding: ...

    def judge_all(
        self, spec: CheckSpec, findings: Mapping[str, CheckFinding], lost: Sequence[str]
    ) -> Judgement:
        """`lost`: as `Context.lost`."""
        return together(self.expected(spec.options), findings)


def together(
    expected: str, findings: Mapping[str, CheckFinding], problems: Sequence[str] = ()
) -> Judgement:
    """One judgement of the findings of several databases."""
    several = len(findings) > 1
    prefix = {name: f"{name}: " if several else "" for name in findings}
    wrong = [*(prefix[n] + p for n, f in findings.items() for p in f.problems), *problems]
    doubts = [prefix[n] + d for n, f in findings.items() for d in f.doubts]
    warnings = [prefix[n] + w for n, f in findings.items() for w in f.warnings]
    found = "; ".join(prefix[n] + f.found for n, f in findings.items() if f.found)
    if wrong:
        return Judgement(CheckOutcome.FAILED, expected, found, listed([*wrong, *warnings]))
    if doubts:
        return Judgement(CheckOutcome.ERROR, expected, found, listed(doubts))
    if warnings:
        outcome, detail = CheckOutcome.FAILED, listed(warnings)
        return Judgement(outcome, expected, found, detail, severity=Severity.WARNING)
    return Judgement(CheckOutcome.PASSED, expected, found)


def listed(texts: Iterable[str]) -> str:
    every = list(texts)
    first = "; ".join(every[:MOST_LISTED])
    return f"{first}; and {len(every) - MOST_LISTED} more" if len(every) > MOST_LISTED else first


# --- of one relation --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One configured check, with the facts of its relation."""

    sql: Sql
    spec: CheckSpec
    relation: Relation
    columns: Mapping[str, str]
    """As configured → as the table has it."""
    to: Relation | None = None
    to_columns: Mapping[str, str] = field(default_factory=dict)
    has_index: bool = False
    """Whether a B-tree of the whole table begins with the columns of the check."""
    before: "RelationScan | None" = None
    until: datetime | None = None
    """Until when the backup contains data; None: not known."""
    major: int = 18

    @property
    def key(self) -> str:
        return f"{ASKED}{self.spec.name}"

    def column(self, option: str = "column") -> Column:
        return self.relation.column(self.columns[self.spec.options[option]])

    @property
    def listed(self) -> tuple[Column, ...]:
        """The `columns` of the check."""
        return tuple(self.relation.column(self.columns[c]) for c in self.spec.options["columns"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationScan:
    """The scan of one relation: of all tables with its rows."""

    name: str
    relation: RelationReading
    tables: Mapping[str, TableReading | None]
    answers: Mapping[str, str]
    """Answers of the database (`DatabaseReading.answers`)."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """As configured → as the table has it."""

    def column(self, configured: str) -> str:
        return self.columns.get(configured) or configured

    def check(self) -> None:
        """Raise unless every table was read.

        Raises:
            UnreadableError: One of them is damaged.
            UnansweredError: One of them was not read.
        """
        for name, table in self.tables.items():
            if table is not None and table.problem:
                raise UnreadableError(f"table {name} cannot be read: {table.problem}")
        for name, table in self.tables.items():
            self._read(name, table)
        if self.relation.foreign and all(
            t and t.values.get(ROWS) == "0" for t in self.tables.values()
        ):
            names = listed(self.relation.foreign)
            raise UnansweredError(
                f"all rows are in foreign tables, and no backup contains these: {names}"
            )

    @property
    def unlogged(self) -> bool:
        """No row was read, and every table is unlogged."""
        return bool(self.tables) and all(
            t is not None and t.empty_unlogged for t in self.tables.values()
        )

    def texts(self, key: str) -> list[str]:
        """The value of each table, without NULLs.

        Raises:
            UnreadableError: One of the tables is damaged.
            UnansweredError: One of them was not read, or not asked.
        """
        self.check()
        every = [self._value(name, key) for name in self.tables]
        return [value for value in every if value != NOTHING]

    def total(self, key: str) -> Decimal:
        return summed(self.texts(key))

    def count(self, key: str) -> int:
        return round(self.total(key))

    def greatest(self, key: str) -> str | None:
        return max(self.texts(key), key=by_size, default=None)

    def has(self, *keys: str) -> bool:
        """Whether all tables with rows have these values: an earlier drill may have kept fewer."""
        return all(
            table is not None
            and (all(k in table.values for k in keys) or table.values.get(ROWS) == "0")
            for table in self.tables.values()
        )

    @property
    def rows(self) -> int:
        return self.count(ROWS)

    def answer(self, key: str) -> str:
        """The answer to the check's own question.

        Raises:
            UnansweredError: It was not asked.
        """
        if key not in self.answers:
            raise UnansweredError("the check has no result")
        return self.answers[key]

    @property
    def beside(self) -> str:
        """A note on rows that are not included."""
        names = listed(self.relation.foreign)
        return f"not counted: rows of {names}, which are on another server" if names else ""

    def _value(self, name: str, key: str) -> str:
        table = self._read(name, self.tables[name])
        if key in table.values:
            return table.values[key]
        if key in table.doubts:
            raise UnansweredError(f"table {name}: {table.doubts[key]}")
        raise UnansweredError(f"table {name} was read, but this check has no result")

    def _read(self, name: str, table: TableReading | None) -> TableReading:
        if table is None:
            raise UnansweredError(f"table {name} was not read")
        if ROWS in table.doubts:
            raise UnansweredError(f"table {name}: {table.doubts[ROWS]}")
        if ROWS not in table.values:
            raise UnansweredError(f"table {name} was not counted")
        return table


class OfRelation(CheckKind):
    """A configured check of one table, answered by the scan of all tables with its rows."""

    def used(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The configured columns."""
        return (
            *options.get("columns", ()),
            *(options[k] for k in ("column", "key") if k in options),
        )

    def refused(self, ask: Ask) -> str:
        """Why the question has no answer, whatever the rows; empty: it has one."""
        return ""

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        """Aggregates for each table with rows of the relation."""
        return ()

    def question(self, ask: Ask) -> Question | None:
        """The question that no scan of single tables answers; None: there is none."""
        return None

    @abstractmethod
    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement: ...


class OfReading(CheckKind):
    """A configured check of the whole database."""

    @abstractmethod
    def judge_reading(
        self, spec: CheckSpec, reading: DatabaseReading, context: Context
    ) -> Judgement: ...


def violations_judged(
    number: int, expected: str, what: str, *, noun: str = "row", detail: str = ""
) -> Judgement:
    """The judgement of a number of rows that must be zero."""
    nouns = noun if number == 1 else f"{noun}s"
    return Judgement(passed_if(number == 0), expected, f"{number:,} {nouns} {what}", detail)


def resolve(texts: Iterable[str], relation: Relation) -> Iterator[tuple[str, str | None]]:
    """Columns: configured name → name in the table."""
    there = [column.name for column in relation.columns]
    for text in texts:
        yield text, find_column(text, there)
