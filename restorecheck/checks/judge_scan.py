"""Judges the checks by the scan. Pure: readings in, a judgement out."""

import json
from collections.abc import Mapping
from typing import Any

from restorecheck.checks.answers import (
    Answer,
    Exited,
    Judgement,
    Missing,
    NoAnswer,
    Rows,
    UnansweredError,
    UnreadableData,
    UnreadableError,
)
from restorecheck.checks.kind import (
    Alone,
    ByProgram,
    CheckFinding,
    CheckKind,
    Context,
    OfDatabase,
    OfReading,
    OfRelation,
    RelationScan,
)
from restorecheck.checks.kinds.manifest import EMPTY_UNLOGGED
from restorecheck.checks.kinds.query import measure as measured_by_query
from restorecheck.checks.kinds.row_count import RowCount
from restorecheck.checks.kinds.tables_countable import TablesCountable
from restorecheck.checks.registry import expected, kind_of
from restorecheck.checks.scan_result import (
    CATALOG,
    MISSING_DATABASE,
    DatabaseReading,
    Readings,
    RelationReading,
    TableReading,
    rows_by_group,
)
from restorecheck.checks.scan_statements import ASKED, NOTHING, ROWS, VIEW
from restorecheck.model import CheckOutcome, CheckSpec

LARGEST = 50
"""Tables whose row counts the history keeps: the largest ones."""


def judge_answer(spec: CheckSpec, answer: Answer) -> Judgement:
    """The judgement of a single question's answer."""
    wanted, kind = expected(spec), kind_of(spec)
    match answer:
        case NoAnswer(reason=reason):
            return Judgement(CheckOutcome.ERROR, wanted, "", reason)
        case Missing(what=what):
            return Judgement(CheckOutcome.FAILED, wanted, "nothing", f"{what} is not there")
        case UnreadableData(reason=reason):
            return Judgement(CheckOutcome.FAILED, wanted, "unreadable data", reason)
        case Rows():
            assert isinstance(kind, Alone), f"a check of kind {spec.kind} is not answered by rows"
            return kind.judge_rows(spec, answer)
        case Exited():
            assert isinstance(kind, ByProgram), f"a check of kind {spec.kind} starts no program"
            return kind.judge_exit(spec, answer)


def measure(spec: CheckSpec, answer: Answer) -> dict[str, int | float]:
    """The number in the answer to a query, for the history."""
    return measured_by_query(answer) if spec.kind == "query" and isinstance(answer, Rows) else {}


def judge_built_in(spec: CheckSpec, readings: Readings, context: Context) -> Judgement:
    """The judgement of all databases together."""
    kind = kind_of(spec)
    assert isinstance(kind, OfDatabase), f"a check of kind {spec.kind} is not built in"
    findings = {
        name: _unread(reading) or kind.find(spec, reading, context.before(name), context)
        for name, reading in readings.items()
    }
    return kind.judge_all(spec, findings, context.lost)


def _unread(reading: DatabaseReading) -> CheckFinding | None:
    """The finding on a database that is missing, or whose catalog cannot be read; None: neither."""
    if MISSING_DATABASE in reading.doubts:
        return CheckFinding(problems=(f"{reading.doubts[MISSING_DATABASE]} is not there",))
    if CATALOG in reading.problems:
        return CheckFinding(problems=(reading.problems[CATALOG],))
    if CATALOG in reading.doubts:
        return CheckFinding(doubts=(reading.doubts[CATALOG],))
    return None


def judge_configured(
    spec: CheckSpec, database: str, reading: DatabaseReading, context: Context
) -> Judgement:
    """The judgement of a configured check that the scan of one database answers."""
    kind, wanted = kind_of(spec), expected(spec)
    try:
        _refuse(spec, reading)
        assert isinstance(kind, OfReading | OfRelation), (
            f"the scan does not answer a check of kind {spec.kind}"
        )
        match kind:
            case OfReading():
                return kind.judge_reading(spec, reading, context)
            case OfRelation():
                scan = scan_of(spec, reading)
                scan.check()
                earlier = context.before(database)
                before = scan_before(spec, scan, earlier) if earlier else None
                return _but_unlogged(kind.judge(spec, scan, before, context), scan, context)
    except _AbsentError as exc:
        return Judgement(CheckOutcome.FAILED, wanted, "nothing", f"{exc} is not there")
    except UnreadableError as exc:
        return Judgement(CheckOutcome.FAILED, wanted, "unreadable data", str(exc))
    except UnansweredError as exc:
        return Judgement(CheckOutcome.ERROR, wanted, "", str(exc))


def _but_unlogged(judgement: Judgement, scan: RelationScan, context: Context) -> Judgement:
    if judgement.outcome is CheckOutcome.FAILED and context.physical and scan.unlogged:
        detail = f"{scan.name} {EMPTY_UNLOGGED}"
        return Judgement(CheckOutcome.ERROR, judgement.expected, "", detail)
    return judgement


class _AbsentError(Exception):
    """The subject of the check does not exist."""


def _refuse(spec: CheckSpec, reading: DatabaseReading) -> None:
    """Raise if there is no answer for a known reason."""
    key = f"{ASKED}{spec.name}"
    if MISSING_DATABASE in reading.doubts:
        raise _AbsentError(reading.doubts[MISSING_DATABASE])
    if CATALOG in reading.problems:
        raise UnreadableError(reading.problems[CATALOG])
    if CATALOG in reading.doubts:
        raise UnansweredError(reading.doubts[CATALOG])
    asked = reading.asked.get(spec.name)
    if asked is not None and asked.absent:
        raise _AbsentError(asked.absent)
    if asked is not None and asked.refused:
        raise UnansweredError(asked.refused)
    own = asked.question if asked is not None and asked.question else key
    for kept in (own, f"{VIEW}{spec.name}"):
        if kept in reading.problems:
            raise UnreadableError(reading.problems[kept])
        if kept in reading.doubts:
            raise UnansweredError(reading.doubts[kept])


def scan_of(spec: CheckSpec, reading: DatabaseReading) -> RelationScan:
    """The scan of a check's relation.

    Raises:
        UnansweredError: It was not resolved, or not read.
    """
    asked = reading.asked.get(spec.name)
    relation = reading.relations.get(asked.relation) if asked else None
    if asked is None or relation is None:
        raise UnansweredError("the check was not run")
    tables = _tables_of(spec, asked.relation, relation, reading)
    return RelationScan(
        name=asked.relation,
        relation=relation,
        tables=tables,
        answers=reading.answers,
        columns=asked.columns,
    )


def _tables_of(
    spec: CheckSpec, name: str, relation: RelationReading, reading: DatabaseReading
) -> Mapping[str, TableReading | None]:
    if relation.kind != "v":
        return {member: reading.tables.get(member) for member in relation.members}
    answer = reading.answers.get(f"{VIEW}{spec.name}")
    if not answer:
        return {name: None}
    values: dict[str, Any] = json.loads(answer)
    texts = {key: NOTHING if value is None else str(value) for key, value in values.items()}
    return {name: TableReading(values=texts)}


def scan_before(
    spec: CheckSpec, scan: RelationScan, earlier: DatabaseReading
) -> RelationScan | None:
    """The same relation in the earlier drill; None: it was missing or not read."""
    known = earlier.relations.get(scan.name)
    if known is None:
        # A drill before the check was configured: it read the table itself, or its partitions.
        members = [n for n, t in earlier.tables.items() if scan.name in {n, t.group}]
        known = RelationReading(members=members, columns=[])
    tables = _tables_of(spec, scan.name, known, earlier)
    if not tables or any(t is None or t.problem or ROWS not in t.values for t in tables.values()):
        return None
    return RelationScan(
        name=scan.name, relation=known, tables=tables, answers=earlier.answers, columns=scan.columns
    )


def seconds(spec: CheckSpec, readings: Readings) -> float:
    """The part of the scan's time that counts for this check: its own questions, or all scans."""
    total, kind = 0.0, kind_of(spec)
    for reading in readings.values():
        scans = sum(table.seconds for table in reading.tables.values())
        everything = scans + sum(reading.seconds.values())
        if everything and kind is not None:
            own = scans if _pays_for_scans(kind) else _asked_seconds(spec, kind, reading)
            total += reading.wall * own / everything
    return total


def _pays_for_scans(kind: CheckKind) -> bool:
    """Whether the whole scan counts for this kind; other kinds share the scan."""
    return kind.name == TablesCountable.name


def _asked_seconds(spec: CheckSpec, kind: CheckKind, reading: DatabaseReading) -> float:
    if not spec.built_in:
        asked = reading.asked.get(spec.name)
        keys = (asked.question if asked else "", f"{VIEW}{spec.name}")
        return sum(reading.seconds.get(key, 0.0) for key in keys)
    begin = kind.questions_begin
    return sum(s for key, s in reading.seconds.items() if begin and key.startswith(begin))


def counts(readings: Readings) -> dict[str, int | float]:
    """Row counts of the largest tables, for the history."""
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
    """The result of a row count, for the history."""
    if spec.kind != RowCount.name or reading is None:
        return None
    try:
        return scan_of(spec, reading).rows
    except (UnansweredError, UnreadableError):
        return None
