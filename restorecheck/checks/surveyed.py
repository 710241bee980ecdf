"""What the reading of everything says to each check. Pure: readings in, a judgement out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

from restorecheck.checks import comparing
from restorecheck.checks.catalogue import DEFAULT_DROP, Family, parse_table_name
from restorecheck.checks.judge import Judgement, describe_expectation, judge_row_count
from restorecheck.checks.questions import (
    AGE,
    BEHIND,
    BTREE,
    COLLATIONS,
    HEAP,
    INVALID,
    KEYS,
    ORPHANS,
    VISIBLE,
)
from restorecheck.checks.readings import (
    CATALOG,
    HIDDEN,
    DatabaseReading,
    Readings,
    TableReading,
    rows_by_group,
    shown_size,
)
from restorecheck.checks.scanning import (
    ASKED,
    CHECK,
    FIRST_MOMENT,
    GREATEST,
    LAST_MOMENT,
    NULLS,
    OVER_BUDGET,
    PRESENT,
    PRINT,
    ROWS,
    TOTAL,
    UNTIL,
    added,
)
from restorecheck.model import CheckOutcome, CheckSpec, Severity

SHOWN = 5
LARGEST = 50
"""Tables whose counts are kept night by night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one database says to one check."""

    found: str = ""
    problems: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """Worth a look, and no reason to call a backup bad."""
    unasked: str = ""
    """Why it could not be asked at all; a built-in check is skipped then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What else a check may want to know."""

    baseline: Readings
    databases: tuple[str, ...]
    """Those that are there now."""
    taken_at: datetime | None
    """Until when the backup holds data."""
    started_at: datetime

    def before(self, database: str) -> DatabaseReading | None:
        """The same database in the earlier night; a single one may have got another name."""
        known = self.baseline.get(database)
        if known is None and len(self.databases) == len(self.baseline) == 1:
            (known,) = self.baseline.values()
        return known

    @property
    def lost(self) -> tuple[str, ...]:
        """Databases of the earlier night that are not there any more."""
        if len(self.databases) == len(self.baseline) == 1:
            return ()
        return tuple(sorted(set(self.baseline) - set(self.databases)))


def judge_reading(
    spec: CheckSpec, database: str, reading: DatabaseReading, around: Circumstances
) -> Finding:
    """What one database's reading says to one check."""
    before = around.before(database)
    match spec.kind:
        case Family.TABLES_COUNTABLE:
            return _unreadable(reading, ROWS)
        case Family.ROWS_READABLE:
            return _unreadable(reading, PRINT)
        case Family.CONSTRAINTS_HOLD:
            return _constraints(reading)
        case Family.REFERENCES_HOLD:
            return _questions(reading, ORPHANS, "references", _orphaned)
        case Family.SEQUENCES_AHEAD:
            return _questions(reading, BEHIND, "sequences", _is_behind)
        case Family.INDEXES_VALID:
            return _named(reading, INVALID, "no index is invalid")
        case Family.COLLATIONS_CURRENT:
            return _named(reading, COLLATIONS, "no collation has changed")
        case Family.TRANSACTIONS_YOUNG:
            return _named(reading, AGE, "far from their end")
        case Family.INDEXES_AGREE:
            return _index_counts(reading)
        case Family.PAGES_SOUND:
            return _pages(reading)
        case _ if before is not None:
            return _compared(spec, before, reading)
        case _:
            return Finding(found="nothing to compare with: this database was not there before")


def judged(spec: CheckSpec, findings: Mapping[str, Finding], lost: Iterable[str] = ()) -> Judgement:
    """Over all databases. `lost`: as `Circumstances.lost`."""
    several = len(findings) > 1
    prefix = {name: f"{name}: " if several else "" for name in findings}
    problems = [prefix[n] + p for n, f in findings.items() for p in f.problems]
    if spec.kind in {Family.NOT_EMPTIED, Family.STRUCTURE_SAME}:
        problems += [f"database {name}: gone" for name in lost]
    warnings = [prefix[n] + w for n, f in findings.items() for w in f.warnings]
    doubts = [prefix[n] + d for n, f in findings.items() for d in f.doubts]
    unasked = [prefix[n] + f.unasked for n, f in findings.items() if f.unasked]
    found = "; ".join(prefix[n] + f.found for n, f in findings.items() if f.found)
    expected = describe_expectation(spec)
    if problems:
        detail = _advised(spec, _listed([*problems, *warnings]))
        return Judgement(CheckOutcome.FAILED, expected, found, detail)
    if doubts:
        return Judgement(CheckOutcome.ERROR, expected, found, _listed(doubts))
    if unasked:
        return Judgement(CheckOutcome.SKIPPED, expected, found, _listed(unasked))
    if warnings:
        detail = _advised(spec, _listed(warnings))
        return Judgement(CheckOutcome.FAILED, expected, found, detail, severity=Severity.WARNING)
    return Judgement(CheckOutcome.PASSED, expected, found)


def _advised(spec: CheckSpec, detail: str) -> str:
    compares = spec.kind in {Family.NOT_EMPTIED, Family.NOT_SHRUNK}
    return f"{detail}; {comparing.ADVICE}" if compares else detail


def any_rows(spec: CheckSpec, readings: Readings) -> Judgement:
    """Of all databases together: one may be empty."""
    expected = describe_expectation(spec)
    tables = [t for reading in readings.values() for t in reading.tables.values()]
    rows = sum(round(float(t.values[ROWS])) for t in tables if ROWS in t.values)
    found = f"{rows:,} rows in {len(tables):,} tables"
    if rows:
        return Judgement(CheckOutcome.PASSED, expected, found)
    unread = next((r.doubts[CATALOG] for r in readings.values() if CATALOG in r.doubts), "")
    if unread:
        # Nobody knows which tables there are.
        return Judgement(CheckOutcome.ERROR, expected, found, unread)
    if any(t.problem or ROWS in t.doubts for t in tables):
        return Judgement(CheckOutcome.ERROR, expected, found, "not every table could be counted")
    what = "every table is empty" if tables else "there is no table"
    return Judgement(CheckOutcome.FAILED, expected, found, what)


def seconds(spec: CheckSpec, readings: Readings) -> float:
    """The share of the reading's time that is this check's: of its own questions, or the scans."""
    total = 0.0
    for reading in readings.values():
        scans = sum(table.seconds for table in reading.tables.values())
        everything = scans + sum(reading.seconds.values())
        if everything:
            own = scans if spec.kind == READER else _asked_seconds(spec, reading)
            total += reading.wall * own / everything
    return total


READER = Family.TABLES_COUNTABLE
"""The scans are counted here, whoever else has a part in them: they are made in any case."""
QUESTIONS_OF: Mapping[str, tuple[str, ...]] = {
    Family.REFERENCES_HOLD: (ORPHANS,),
    Family.SEQUENCES_AHEAD: (BEHIND,),
    Family.INDEXES_VALID: (INVALID,),
    Family.COLLATIONS_CURRENT: (COLLATIONS,),
    Family.TRANSACTIONS_YOUNG: (AGE,),
    Family.INDEXES_AGREE: (KEYS,),
    Family.PAGES_SOUND: (BTREE, HEAP, VISIBLE),
}


def _asked_seconds(spec: CheckSpec, reading: DatabaseReading) -> float:
    beginnings = QUESTIONS_OF.get(spec.kind, ())
    if not spec.built_in:
        return reading.seconds.get(f"{ASKED}{spec.name}", 0.0)
    return sum(s for key, s in reading.seconds.items() if key.startswith(beginnings))


def counts(readings: Readings) -> dict[str, int | float]:
    """Rows of the largest tables, for the history."""
    several = len(readings) > 1
    by_size = sorted(
        (
            (f"{database}.{table}" if several else table, rows)
            for database, reading in readings.items()
            for table, rows in rows_by_group(reading).items()
        ),
        key=lambda item: (-item[1], item[0]),
    )
    return dict(by_size[:LARGEST])


def rows_of(spec: CheckSpec, reading: DatabaseReading | None) -> int | None:
    """What a row count found, for the history."""
    if spec.kind != Family.ROW_COUNT or reading is None:
        return None
    answered = reading.answers.get(f"{ASKED}{spec.name}")
    if answered:
        return int(answered)
    tables = [(name, t) for name, t in _tables_of(spec, reading) if ROWS in t.values]
    return _sum(tables, ROWS) if tables else None


# --- configured checks ------------------------------------------------------------------------


def judge_asked(
    spec: CheckSpec, database: str, reading: DatabaseReading, around: Circumstances
) -> Judgement:
    """A configured check that the reading of one database answers."""
    expected = describe_expectation(spec)
    if spec.kind == Family.EXTENSIONS:
        return _extensions(spec, reading, expected)
    if spec.kind == Family.MANIFEST:
        return _manifest(spec, reading, expected)
    if spec.kind == Family.STRUCTURE:
        return _structure(spec, reading, expected)
    key = f"{ASKED}{spec.name}"
    missing = reading.doubts.get(key, "").removeprefix(ABSENT)
    if missing != reading.doubts.get(key, ""):
        return Judgement(CheckOutcome.FAILED, expected, "nothing", f"{missing} is not there")
    tables = _tables_of(spec, reading)
    return _unasked(reading, tables, key, expected) or _judge_asked(
        spec, database, reading, around, tables
    )


def _unasked(
    reading: DatabaseReading, tables: "Tables", key: str, expected: str
) -> Judgement | None:
    """Why there is no answer, where there is none."""
    if key in reading.problems:
        return Judgement(CheckOutcome.FAILED, expected, "unreadable data", reading.problems[key])
    if key in reading.doubts:
        return Judgement(CheckOutcome.ERROR, expected, "", reading.doubts[key])
    for name, table in tables:
        if table.problem:
            detail = f"table {name} cannot be read: {table.problem}"
            return Judgement(CheckOutcome.FAILED, expected, "unreadable data", detail)
        doubt = table.doubts.get(ROWS) or next(
            (why for of, why in table.doubts.items() if of == key or of.startswith(f"{key}:")), ""
        )
        if doubt:
            return Judgement(CheckOutcome.ERROR, expected, "", doubt)
    return None


def _judge_asked(
    spec: CheckSpec,
    database: str,
    reading: DatabaseReading,
    around: Circumstances,
    tables: "Tables",
) -> Judgement:
    key, expected = f"{ASKED}{spec.name}", describe_expectation(spec)
    before = _tables_before(spec, database, around)
    match spec.kind:
        case Family.ROW_COUNT if key in reading.answers:  # of a view, say
            earlier = around.before(database)
            rows = earlier.answers.get(key) if earlier else None
            return judge_row_count(spec, int(reading.answers[key]), int(rows) if rows else None)
        case Family.ROW_COUNT:
            return judge_row_count(spec, _sum(tables, ROWS), _sum(before, ROWS) if before else None)
        case Family.UNIQUE:
            return _unique(spec, reading, key, expected)
        case Family.REFERENCES:
            return _counted(spec, int(reading.answers.get(key) or 0), expected)
        case Family.FRESHNESS | Family.HEARTBEAT:
            return _freshness(spec, tables, key, around, expected)
        case Family.APPEND_ONLY:
            return _append_only(tables, before, key, expected)
        case Family.DISTRIBUTION:
            return _distribution(spec, tables, before, key)
        case Family.UNCHANGED:
            return _unchanged(tables, before, expected)
        case _:
            return _counted(spec, _sum(tables, key), expected)


ABSENT = "absent: "
"""Begins a doubt that is none: what the check is about is not there."""

Tables = list[tuple[str, TableReading]]


def _tables_of(spec: CheckSpec, reading: DatabaseReading) -> Tables:
    """The table of a check, or the partitions that it consists of."""
    wanted = parse_table_name(str(spec.options["table"]))
    for name in (str(wanted), str(wanted).lower()):
        found = [
            (table, value)
            for table, value in reading.tables.items()
            if name in {table, value.group}
            or (not wanted.schema and f"public.{name}" in {table, value.group})
        ]
        if found:
            return found
    return []


def _rows(table: TableReading) -> int:
    return round(float(table.values.get(ROWS, 0)))


def _sum(tables: Tables, key: str) -> int:
    return sum(round(float(table.values.get(key, 0))) for _, table in tables)


def _tables_before(spec: CheckSpec, database: str, around: Circumstances) -> Tables:
    before = around.before(database)
    return _tables_of(spec, before) if before else []


def _counted(spec: CheckSpec, number: int, expected: str) -> Judgement:
    noun = "values" if spec.kind == Family.UNIQUE else "rows"
    what = {
        Family.NOT_NULL: "without a value",
        Family.RANGE: "outside of the range",
        Family.ACCEPTED_VALUES: "with another value",
        Family.UNIQUE: "more than once",
        Family.REFERENCES: "that point to nothing",
    }[Family(spec.kind)]
    outcome = CheckOutcome.PASSED if number == 0 else CheckOutcome.FAILED
    return Judgement(outcome, expected, f"{number:,} {noun} {what}")


def _unique(spec: CheckSpec, reading: DatabaseReading, key: str, expected: str) -> Judgement:
    number, looked_at = (int(part) for part in reading.answers[key].split())
    tables = _tables_of(spec, reading)
    rows = _sum(tables, key + PRESENT)
    if tables and rows != looked_at:
        detail = f"{rows:,} rows with values in the table, {looked_at:,} in its index"
        return Judgement(CheckOutcome.FAILED, expected, f"{number:,} values more than once", detail)
    return _counted(spec, number, expected)


IN_THE_FUTURE = "the newest time is in the future"


def _freshness(
    spec: CheckSpec, tables: Tables, key: str, around: Circumstances, expected: str
) -> Judgement:
    moments = [float(table.values[key]) for _, table in tables if key in table.values]
    if not moments:
        return Judgement(CheckOutcome.FAILED, expected, "no row with a time")
    latest = max(moments)
    if latest < FIRST_MOMENT:
        return Judgement(CheckOutcome.FAILED, expected, "a time before the year 1")
    if latest > LAST_MOMENT:
        return Judgement(CheckOutcome.FAILED, expected, "a time after the year 9999", IN_THE_FUTURE)
    newest = datetime.fromtimestamp(latest, UTC)
    until = around.taken_at or around.started_at
    age = until - newest
    allowed = timedelta(minutes=float(spec.options["max_age_minutes"]))
    since = "before the backup" if around.taken_at else "before the drill"
    found = f"{newest:%Y-%m-%d %H:%M} UTC, {_span(age)} {since}"
    if age < -timedelta(days=1):
        return Judgement(CheckOutcome.FAILED, expected, found, IN_THE_FUTURE)
    outcome = CheckOutcome.PASSED if age <= allowed else CheckOutcome.FAILED
    return Judgement(outcome, expected, found)


def _span(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.1f} hours" if abs(hours) >= 1 else f"{age / timedelta(minutes=1):.0f} minutes"


def _extensions(spec: CheckSpec, reading: DatabaseReading, expected: str) -> Judgement:
    wanted = {str(name) for name in spec.options["names"]}
    missing = sorted(name for name in wanted if f"extension {name}" not in reading.structure)
    if missing:
        detail = f"not there: {', '.join(missing)}"
        return Judgement(CheckOutcome.FAILED, expected, f"{len(wanted - {*missing})}", detail)
    return Judgement(CheckOutcome.PASSED, expected, f"all {len(wanted)}")


NOT_KEPT = "too many tables: fingerprints are not kept"


def _append_only(tables: Tables, old: Tables, key: str, expected: str) -> Judgement:
    """The prints of the rows up to the greatest key of before, against the prints of then. Summed:
    a row may lie in another partition by now.
    """
    rows = _sum(tables, ROWS)
    if not any(key + GREATEST in t.values for _, t in old):
        return Judgement(
            CheckOutcome.PASSED, expected, f"{rows:,} rows", "nothing to compare with yet"
        )
    if any(PRINT not in t.values and _rows(t) for _, t in old):
        return Judgement(CheckOutcome.ERROR, expected, f"{rows:,} rows", NOT_KEPT)
    known = sum(Decimal(t.values.get(PRINT, "0")) for _, t in old)
    found = sum(Decimal(t.values.get(key + UNTIL, "0")) for _, t in tables)
    more = rows - _sum(old, ROWS)
    if found != known:
        detail = "rows of before are missing, changed, or more than they were"
        return Judgement(CheckOutcome.FAILED, expected, f"{rows:,} rows, {more:+,}", detail)
    return Judgement(CheckOutcome.PASSED, expected, f"{rows:,} rows, {more:+,}")


def _distribution(spec: CheckSpec, tables: Tables, old: Tables, key: str) -> Judgement:
    expected = describe_expectation(spec)
    now, before = _average(tables, key), _average(old, key)
    if now is None or before is None:
        detail = "" if old else "nothing to compare with yet"
        outcome = CheckOutcome.PASSED if now is not None or not old else CheckOutcome.FAILED
        return Judgement(outcome, expected, _shown_average(now), detail)
    allowed = Decimal(str(spec.options["max_shift"]))
    if not (now[0].is_finite() and before[0].is_finite()):
        found = f"{_shown_average(now)}, before {_shown_average(before)}"
        if before[0].is_finite():
            return Judgement(CheckOutcome.FAILED, expected, found)
        detail = "no shift can be told from an average that is no number"
        return Judgement(CheckOutcome.ERROR, expected, found, detail)
    moved = abs(now[0] - before[0]) > allowed * abs(before[0])
    thinner = abs(now[1] - before[1]) > allowed
    found = f"{_shown_average(now)}, before {_shown_average(before)}"
    outcome = CheckOutcome.FAILED if moved or thinner else CheckOutcome.PASSED
    return Judgement(outcome, expected, found)


def _average(tables: Tables, key: str) -> tuple[Decimal, Decimal] | None:
    """The average of the values there are, and the share of rows that have one."""
    total = reduce(added, (Decimal(t.values.get(key + TOTAL, "0")) for _, t in tables), Decimal())
    present = _sum(tables, key + PRESENT)
    rows = _sum(tables, ROWS)
    return (total / present, Decimal(present) / rows) if present and rows else None


def _shown_average(average: tuple[Decimal, Decimal] | None) -> str:
    return f"{average[0]:.6g} on average, {average[1]:.1%} filled" if average else "no value"


def _structure(spec: CheckSpec, reading: DatabaseReading, expected: str) -> Judgement:
    """Against a file that somebody has written down and agreed to."""
    differences = comparing.structure_changes(spec.options["structure"], reading.structure)
    found = f"{len(reading.structure):,} objects, {len(differences):,} differ"
    if differences:
        return Judgement(CheckOutcome.FAILED, expected, found, comparing.listed(differences))
    return Judgement(CheckOutcome.PASSED, expected, found)


def _manifest(spec: CheckSpec, reading: DatabaseReading, expected: str) -> Judgement:
    """Every table of the manifest, by its rows and its print."""
    wanted: Mapping[str, Mapping[str, str]] = spec.options["tables"]
    different, doubts = [], []
    for name, values in sorted(wanted.items()):
        table = reading.tables.get(name)
        if table is None:
            different.append(f"{name}: gone")
        elif table.problem:
            different.append(f"{name}: cannot be read: {table.problem}")
        elif ROWS in table.doubts:
            doubts.append(f"{name}: {table.doubts[ROWS]}")
        elif table.values.get(ROWS) != values[ROWS]:
            rows = round(float(table.values.get(ROWS, 0)))
            different.append(f"{name}: {rows:,} rows, not {int(values[ROWS]):,}")
        elif PRINT in table.doubts or (PRINT not in table.values and _rows(table)):
            doubts.append(f"{name}: {table.doubts.get(PRINT, NOT_KEPT)}")
        elif table.values.get(PRINT, "0") != values.get(PRINT, "0"):
            different.append(f"{name}: other contents")
    if different:
        found = f"{len(wanted) - len(different):,} of {len(wanted):,} tables are the same"
        return Judgement(CheckOutcome.FAILED, expected, found, _listed(different))
    if doubts:
        return Judgement(CheckOutcome.ERROR, expected, "", _listed(doubts))
    return Judgement(CheckOutcome.PASSED, expected, f"{len(wanted):,} tables, as they were")


def _unchanged(tables: Tables, old: Tables, expected: str) -> Judgement:
    prints = {name: table.values.get(PRINT, "0") for name, table in tables}
    if any(PRINT in table.doubts for _, table in tables):
        return Judgement(CheckOutcome.ERROR, expected, "", "the contents could not be read in full")
    if any(PRINT not in t.values and _rows(t) for _, t in (*tables, *old)):
        return Judgement(CheckOutcome.ERROR, expected, "", NOT_KEPT)
    rows = _sum(tables, ROWS)
    if not old:
        return Judgement(
            CheckOutcome.PASSED, expected, f"{rows:,} rows", "nothing to compare with yet"
        )
    known = {name: table.values.get(PRINT, "0") for name, table in old}
    changed = sorted(name for name, value in known.items() if prints.get(name) != value)
    if changed:
        found = f"{rows:,} rows, before {_sum(old, ROWS):,}"
        detail = f"other contents than in the last verified night: {', '.join(changed[:SHOWN])}"
        return Judgement(CheckOutcome.FAILED, expected, found, detail)
    return Judgement(CheckOutcome.PASSED, expected, f"{rows:,} rows, as they were")


# --- every drill's own ------------------------------------------------------------------------


def _unreadable(reading: DatabaseReading, key: str) -> Finding:
    tables = reading.tables
    problems = [
        f"table {name} cannot be read: {t.problem}" for name, t in tables.items() if t.problem
    ]
    doubts = [
        f"table {name}: {_with_grant(t.doubts.get(ROWS) or t.doubts[key])}"
        for name, t in tables.items()
        if ROWS in t.doubts or key in t.doubts
    ]
    if HIDDEN in reading.doubts:
        doubts.insert(0, reading.doubts[HIDDEN])
    rows = sum(round(float(t.values[ROWS])) for t in tables.values() if ROWS in t.values)
    size = shown_size(sum(t.bytes for t in tables.values()))
    return Finding(
        found=f"{rows:,} rows in {len(tables):,} tables, {size}",
        problems=tuple(problems),
        doubts=tuple(doubts),
    )


def _with_grant(reason: str) -> str:
    if "42501" in reason:
        return f"{reason}; grant the checker's role pg_read_all_data, and BYPASSRLS where row security is on"
    return reason


def _constraints(reading: DatabaseReading) -> Finding:
    problems, doubts, looked_at = [], [], 0
    for name, table in reading.tables.items():
        for key, value in table.values.items():
            if key != NULLS and not key.startswith(CHECK):
                continue
            looked_at += 1
            if float(value) > 0:
                what = "NOT NULL" if key == NULLS else key.removeprefix(CHECK)
                problems.append(f"{name}: {round(float(value)):,} rows break {what}")
        for key, reason in table.doubts.items():
            if key == NULLS or key.startswith(CHECK):
                doubts.append(f"{name}, {key.removeprefix(CHECK)}: {reason}")
    found = f"{looked_at:,} looked at" + (f", {len(doubts)} not" if doubts else "")
    # A constraint may call a function that this server lacks; the rows themselves were read.
    unasked = "" if looked_at or not doubts else _listed(doubts)
    return Finding(found=found, problems=tuple(problems), unasked=unasked)


def _orphaned(name: str, value: str) -> str:
    return f"{name}: {int(value):,} rows point to nothing" if value not in {"", "0"} else ""


def _is_behind(name: str, value: str) -> str:
    return f"{name} is {value} behind its column: the next insert fails" if value else ""


def _questions(reading: DatabaseReading, prefix: str, noun: str, say: Any) -> Finding:  # noqa: ANN401  # a function of name and value
    answers = list(_under(reading.answers, prefix))
    damaged = [f"{name}: {reason}" for name, reason in _under(reading.problems, prefix)]
    doubts = [f"{name}: {_with_grant(reason)}" for name, reason in _under(reading.doubts, prefix)]
    said = (say(name, value) for name, value in answers)
    return Finding(
        found=f"{len(answers):,} {noun}",
        problems=(*damaged, *(text for text in said if text)),
        unasked=_listed(doubts) if doubts else "",
    )


def _under(kept: Mapping[str, str], prefix: str) -> Iterator[tuple[str, str]]:
    return ((k.removeprefix(prefix), v) for k, v in sorted(kept.items()) if k.startswith(prefix))


def _named(reading: DatabaseReading, key: str, good: str) -> Finding:
    if key in reading.doubts:
        return Finding(unasked=reading.doubts[key])
    if key in reading.problems:
        return Finding(problems=(reading.problems[key],))
    names = reading.answers.get(key, "")
    return Finding(found=good if not names else "", problems=(names,) if names else ())


def _index_counts(reading: DatabaseReading) -> Finding:
    def say(name: str, value: str) -> str:
        table = reading.tables.get(name)
        if table is None or ROWS not in table.values:
            return ""
        rows = round(float(table.values[ROWS]))
        if rows == int(value or 0):
            return ""
        return f"{name}: {rows:,} rows in the table, {int(value or 0):,} in its index"

    return _questions(reading, KEYS, "tables", say)


def _pages(reading: DatabaseReading) -> Finding:
    kinds = ((HEAP, "heaps"), (BTREE, "B-trees"), (VISIBLE, "visibility maps"))
    parts = [
        _questions(reading, prefix, noun, lambda name, value: f"{name}: {value}" if value else "")
        for prefix, noun in kinds
    ]
    late = sum(
        why == OVER_BUDGET for prefix, _ in kinds for _, why in _under(reading.doubts, prefix)
    )
    asked = any(not part.found.startswith("0 ") for part in parts)
    unasked = [part.unasked for part in parts if part.unasked]
    return Finding(
        found=", ".join(part.found for part in parts)
        + (f"; {late:,} not within the time" if late else "")
        if asked
        else "",
        problems=tuple(problem for part in parts for problem in part.problems),
        unasked="" if asked else _why_no_pages(unasked),
    )


def _why_no_pages(unasked: list[str]) -> str:
    if not unasked:
        return "amcheck is not to be had on this server"
    if any("42501" in reason for reason in unasked):
        return (
            "the checker's role may neither use nor make the extension amcheck: "
            "create it in production, and grant execute on its functions"
        )
    return _listed(unasked)


def _compared(spec: CheckSpec, before: DatabaseReading, after: DatabaseReading) -> Finding:
    before = comparing.without(before, spec.options.get("volatile", ()))
    after = comparing.without(after, spec.options.get("volatile", ()))
    match spec.kind:
        case Family.NOT_EMPTIED:
            differences = tuple(comparing.emptied(before, after))
            found = f"{len(rows_by_group(before)):,} tables compared"
        case Family.NOT_SHRUNK:
            share = float(spec.options.get("max_drop", DEFAULT_DROP))
            differences = tuple(comparing.shrunk(before, after, share))
            found = f"{len(rows_by_group(before)):,} tables compared"
            if gone := comparing.without_rows(before, after):
                found += f", {gone:,} of them emptied"
        case Family.NEWEST_THERE:
            columns = list(comparing.rejuvenated(before, after))
            older = [f"{c}: the newest value is older than it was" for c in columns]
            return Finding(found="the newest times compared", problems=tuple(older))
        case Family.STRUCTURE_SAME:
            differences = comparing.structure_changes(
                before.structure, after.structure, before.past
            )
            found = f"{len(after.structure):,} objects compared"
        case _:
            raise AssertionError(f"a check of kind {spec.kind} is not answered by a comparison")
    own = spec.kind == Family.NOT_EMPTIED
    return Finding(
        found=found,
        problems=tuple(str(d) for d in differences if d.certain or not own),
        warnings=tuple(str(d) for d in differences if own and not d.certain),
    )


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    first = "; ".join(every[:SHOWN])
    return f"{first}; and {len(every) - SHOWN} more" if len(every) > SHOWN else first
