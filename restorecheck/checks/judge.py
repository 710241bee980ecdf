"""Judging an answer. A pure function of the question and what came back.

Only numbers, truth values, times and NULL are ever shown as `found`: other values may be personal
data and are described by their kind and length.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, assert_never

from restorecheck.checks.catalogue import Family
from restorecheck.model import CheckOutcome, CheckSpec, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A query's result: how many rows, and the first one."""

    columns: int
    count: int
    first: tuple[Any, ...] = ()
    more: bool = False
    """There are more rows than `count`; the rest was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What the question asks about is not in the restored database."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """The server could not read its own data."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """The question could not be put or answered; says nothing about the backup."""

    reason: str


LONGEST_NUMBER = 30
"""Digits that are shown one by one; a numeric may have a hundred thousand."""

Answer = Rows | Missing | Damaged | NoAnswer


@dataclass(frozen=True, slots=True)
class Judgement:
    outcome: CheckOutcome
    expected: str = ""
    found: str = ""
    detail: str = ""
    severity: Severity | None = None
    """Where it is another than the check's own."""


def measure(spec: CheckSpec, answer: Answer) -> dict[str, int | float]:
    """The number in an answer, for the history: whatever the check makes of it."""
    match answer:
        case Rows(first=(value,), count=1) if spec.kind == Family.QUERY:
            number = _measurable(value)
            return {} if number is None else {"value": number}
        case _:
            return {}


def _measurable(value: Any) -> int | float | None:  # noqa: ANN401  # whatever a driver returns
    match value:
        case bool():
            return None
        case int() if abs(value) < 2**63:
            return value
        case float() | Decimal() if math.isfinite(value):
            number = float(value)
            return number if math.isfinite(number) else None
        case _:
            return None


def judge(spec: CheckSpec, answer: Answer) -> Judgement:
    """Whether the answer is the one that the check wants."""
    expected = describe_expectation(spec)
    match answer:
        case NoAnswer(reason=reason):
            return Judgement(CheckOutcome.ERROR, expected, "", reason)
        case Missing(what=what):
            return Judgement(CheckOutcome.FAILED, expected, "nothing", f"{what} is not there")
        case Damaged(reason=reason):
            return Judgement(CheckOutcome.FAILED, expected, "unreadable data", reason)
        case Rows():
            return _judge_rows(spec, answer, expected)
        case _:
            assert_never(answer)


EXPECTED = {
    Family.SERVER_ANSWERS: "an answer",
    Family.TABLES_COUNTABLE: "a count of every table",
    Family.ANY_ROWS: "at least one row",
    Family.ROWS_READABLE: "every value of every row",
    Family.CONSTRAINTS_HOLD: "no violations",
    Family.REFERENCES_HOLD: "no orphaned rows",
    Family.SEQUENCES_AHEAD: "none behind its column",
    Family.INDEXES_VALID: "none invalid",
    Family.COLLATIONS_CURRENT: "none of another version",
    Family.TRANSACTIONS_YOUNG: "far from their end",
    Family.INDEXES_AGREE: "as many rows by the index as in the table",
    Family.PAGES_SOUND: "no fault in heaps and B-trees",
    Family.NOT_EMPTIED: "rows where there were rows",
    Family.NOT_SHRUNK: "no sudden loss",
    Family.NEWEST_THERE: "nothing older than before",
    Family.STRUCTURE_SAME: "no difference",
    Family.NOT_NULL: "a value in every row",
    Family.UNIQUE: "every value once",
    Family.REFERENCES: "no orphaned rows",
    Family.EXTENSIONS: "all of them",
    Family.UNCHANGED: "the same contents",
    Family.APPEND_ONLY: "the rows of before as they were",
}


def describe_expectation(spec: CheckSpec) -> str:
    """The answer that a check wants, in a few words."""
    options = spec.options
    match spec.kind:
        case Family.ROW_COUNT:
            return _describe_row_count(options)
        case Family.QUERY:
            return _describe_expect(options.get("expect") or {})
        case Family.FRESHNESS | Family.HEARTBEAT:
            return f"at most {float(options['max_age_minutes']) / 60:g} hours before the backup"
        case Family.RANGE:
            return f"every value {_describe_bounds(options.get('min'), options.get('max'), None)}"
        case Family.MANIFEST:
            return f"the contents of {str(options.get('taken_at', 'the manifest'))[:16]}"
        case Family.STRUCTURE:
            return f"the structure of {str(options.get('taken_at', 'the manifest'))[:16]}"
        case Family.DISTRIBUTION:
            return f"an average and a share of values within {_percent(options['max_shift'])} of before"
        case Family.ACCEPTED_VALUES:
            return f"one of {len(options['values'])} values"
        case kind if kind in EXPECTED:
            return EXPECTED[Family(kind)]
        case _:
            return ""


def show(value: Any) -> str:  # noqa: ANN401  # whatever a driver returns
    """A database value as a report may show it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:,}"
        case float() | Decimal():
            return f"{value:.15g}" if len(str(value)) > LONGEST_NUMBER else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case str():
            return f"text of {len(value):,} characters"
        case bytes() | bytearray() | memoryview():
            return f"{len(value):,} bytes"
        case _:
            return f"a value of type {type(value).__name__}"


def _judge_rows(spec: CheckSpec, answer: Rows, expected: str) -> Judgement:
    match spec.kind:
        case Family.SERVER_ANSWERS:
            return Judgement(CheckOutcome.PASSED, expected, "an answer")
        case Family.QUERY:
            return _judge_query(spec.options.get("expect") or {}, answer, expected)
        case _:
            raise AssertionError(f"a check of kind {spec.kind} is not answered by rows")


def judge_row_count(spec: CheckSpec, count: int, before: int | None) -> Judgement:
    """`before`: rows in the last verified night; None: there was none, or no such table."""
    options = spec.options
    expected = describe_expectation(spec)
    low, high, equals = options.get("min"), options.get("max"), options.get("equals")
    drop, growth = options.get("max_drop"), options.get("max_growth")
    if all(bound is None for bound in (low, high, equals, drop, growth)):
        return Judgement(CheckOutcome.ERROR, "", show(count), "the check names no bound")
    found = show(count)
    holds = (
        (low is None or count >= low)
        and (high is None or count <= high)
        and (equals is None or count == equals)
    )
    if before is not None and (drop is not None or growth is not None):
        found = f"{found}, before {before:,}"
        holds = holds and (drop is None or count >= before * (1 - drop))
        holds = holds and (growth is None or count <= before * (1 + growth))
    return Judgement(_outcome(holds), expected, found)


def _judge_query(expect: dict[str, Any], answer: Rows, expected: str) -> Judgement:
    if len(expect) != 1:
        return Judgement(CheckOutcome.ERROR, expected, "", "the check names no single expectation")
    ((kind, wanted),) = expect.items()
    if kind in {"empty", "not_empty", "rows"}:
        return _judge_row_number(kind, wanted, answer, expected)
    if answer.count == 0:
        return Judgement(CheckOutcome.FAILED, expected, "no row")
    if answer.columns != 1:
        detail = f"the query returns {answer.columns} columns; the expectation is about one value"
        return Judgement(CheckOutcome.ERROR, expected, "", detail)
    if answer.count > 1 or answer.more:
        return Judgement(CheckOutcome.FAILED, expected, "more than one row")
    return _judge_value(kind, wanted, answer.first[0], expected)


def _judge_row_number(kind: str, wanted: Any, answer: Rows, expected: str) -> Judgement:  # noqa: ANN401  # from JSON
    found = f"{'more than ' if answer.more else ''}{answer.count:,} rows"
    if kind == "rows" and answer.more and wanted > answer.count:
        detail = f"no more than {answer.count:,} rows are read; ask for count(*) instead"
        return Judgement(CheckOutcome.ERROR, expected, found, detail)
    if kind == "rows":
        return Judgement(_outcome(answer.count == wanted and not answer.more), expected, found)
    holds = (answer.count == 0) == (kind == "empty")
    return Judgement(_outcome(holds), expected, "rows" if answer.count else "no row")


def _judge_value(kind: str, wanted: Any, value: Any, expected: str) -> Judgement:  # noqa: ANN401  # from JSON and a driver
    found = show(value)
    if kind == "equals" and wanted is None:
        return Judgement(_outcome(value is None), expected, found)
    if value is None:
        return Judgement(CheckOutcome.FAILED, expected, found)
    bounds = wanted if kind == "between" else [wanted]
    try:
        compared = [_align(value, bound) for bound in bounds]
    except TypeError as exc:
        if kind == "equals":
            return Judgement(CheckOutcome.FAILED, expected, found, str(exc))
        return Judgement(CheckOutcome.ERROR, expected, found, str(exc))
    match kind:
        case "equals":
            holds = compared[0][0] == compared[0][1]
        case "between":
            holds = compared[0][1] <= compared[0][0] and compared[1][0] <= compared[1][1]
        case "at_least":
            holds = compared[0][0] >= compared[0][1]
        case "at_most":
            holds = compared[0][0] <= compared[0][1]
        case _:
            return Judgement(CheckOutcome.ERROR, expected, found, f"unknown expectation {kind!r}")
    return Judgement(_outcome(bool(holds)), expected, found)


def _align(value: Any, bound: Any) -> tuple[Any, Any]:  # noqa: ANN401  # from a driver and JSON
    """Both sides in one comparable type.

    Raises:
        TypeError: They are of different kinds; a number is not a truth value, a text no number.
    """
    if isinstance(value, bool) or isinstance(bound, bool):
        if isinstance(value, bool) and isinstance(bound, bool):
            return value, bound
        raise _unlike(value, bound)
    if isinstance(value, (int, float, Decimal)) and isinstance(bound, (int, float)):
        return _number(value), _number(bound)
    if isinstance(value, str) and isinstance(bound, str):
        return value, bound
    if isinstance(value, date) and isinstance(bound, str):
        return _align_time(value, bound)
    raise _unlike(value, bound)


def _align_time(value: date, bound: str) -> tuple[Any, Any]:
    try:
        moment = datetime.fromisoformat(bound)
    except ValueError:
        raise _unlike(value, bound) from None
    if not isinstance(value, datetime):
        return value, moment.date()
    if value.tzinfo is not None and moment.tzinfo is None:
        return value, moment.replace(tzinfo=value.tzinfo)
    if value.tzinfo is None and moment.tzinfo is not None:
        raise TypeError("the query returns a time without zone, the expectation has one")
    return value, moment


def _number(value: float | Decimal) -> Decimal:
    """Exact, and never NaN: nothing is equal to, above or below NaN."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:  # pragma: no cover - str() of a number always parses
        number = Decimal("NaN")
    if number.is_nan():
        raise TypeError("the query returns NaN, which no bound can be compared with")
    return number


def _unlike(value: Any, bound: Any) -> TypeError:  # noqa: ANN401  # any two values
    return TypeError(f"the query returns {_kind(value)}, the expectation is {_kind(bound)}")


def _kind(value: Any) -> str:  # noqa: ANN401  # any value
    match value:
        case bool():
            return "a truth value"
        case int() | float() | Decimal():
            return "a number"
        case str():
            return "a text"
        case datetime() | date():
            return "a time"
        case timedelta():
            return "an interval"
        case _:
            return f"a {type(value).__name__}"


def _describe_row_count(options: Mapping[str, Any]) -> str:
    bounds = [options.get(key) for key in ("min", "max", "equals")]
    parts = [] if bounds == [None] * 3 else [_describe_bounds(*bounds)]
    drop, growth = options.get("max_drop"), options.get("max_growth")
    parts += [] if drop is None else [f"at most {_percent(drop)} less than before"]
    parts += [] if growth is None else [f"at most {_percent(growth)} more than before"]
    return ", ".join(parts)


def _percent(share: float) -> str:
    """As it was written: `4%`, `0.125%`."""
    return f"{float(f'{100 * share:.3f}'):g}%"


def _describe_bounds(low: Any, high: Any, equals: Any) -> str:  # noqa: ANN401  # from JSON
    if equals is not None:
        return _bound(equals)
    if low is not None and high is not None:
        return f"{_bound(low)} to {_bound(high)}"
    if low is not None:
        return f"at least {_bound(low)}"
    return f"at most {_bound(high)}" if high is not None else ""


def _bound(value: Any) -> str:  # noqa: ANN401  # from JSON
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _describe_expect(expect: dict[str, Any]) -> str:
    match list(expect.items()):
        case [("equals", wanted)]:
            return _literal(wanted)
        case [("between", [low, high])]:
            return f"{_literal(low)} to {_literal(high)}"
        case [("at_least", wanted)]:
            return f"at least {_literal(wanted)}"
        case [("at_most", wanted)]:
            return f"at most {_literal(wanted)}"
        case [("rows", wanted)]:
            return f"{_literal(wanted)} rows"
        case [("not_empty", _)]:
            return "rows"
        case [("empty", _)]:
            return "no row"
        case _:
            return ""


def _literal(value: Any) -> str:  # noqa: ANN401  # a scalar of the configuration
    """A value of the configuration, which may be shown whole."""
    return value if isinstance(value, str) else show(value)


def _outcome(holds: bool) -> CheckOutcome:
    return CheckOutcome.PASSED if holds else CheckOutcome.FAILED
