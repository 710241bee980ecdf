"""A configured query, and its expected answer.

Only numbers, truth values, times and NULL are ever shown as `found`: other values may be personal
data and are described by their kind and length.
"""

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from restorecheck.checks.answers import Judgement, Rows, passed_if
from restorecheck.checks.keys import (
    Bound,
    CheckKeys,
    Count,
    FromList,
    Keys,
    Scalar,
    Text,
    exactly_true,
    optional,
    refusal,
)
from restorecheck.checks.kind import Alone
from restorecheck.checks.shown import show
from restorecheck.model import CheckOutcome, CheckSpec

ONE_KEY: dict[str, Any] = {"minProperties": 1, "maxProperties": 1}
BARE_EXPECTATIONS = ("not_empty", "empty")


def _two_bounds(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, list) and len(value) != 2:  # noqa: PLR2004  # low and high
        raise refusal(f"expected two values, [low, high], found {len(value)}")
    return value


class Expect(Keys):
    """The expected answer of a query."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)

    equals: Scalar = optional("The query returns exactly this value; null means NULL.")
    between: Annotated[tuple[Bound, Bound], FromList, BeforeValidator(_two_bounds)] | None = (
        optional("The query returns a value in [low, high], including both ends.")
    )
    at_least: Bound | None = optional("The query returns this value or a greater one.")
    at_most: Bound | None = optional("The query returns this value or a smaller one.")
    not_empty: Annotated[Literal[True], exactly_true] | None = optional(
        "The query returns at least one row."
    )
    empty: Annotated[Literal[True], exactly_true] | None = optional("The query returns no row.")
    rows: Count | None = optional("The query returns exactly this many rows.")

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:  # noqa: ANN401  # before validation
        if isinstance(value, str):
            if value not in BARE_EXPECTATIONS:
                raise refusal("expected a mapping, not_empty or empty, found {found}")
            return {value: True}
        return value

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        given = sorted(self.model_fields_set)
        if len(given) != 1:
            allowed = ", ".join(type(self).model_fields)
            raise refusal(f"expected exactly one of {allowed}, found {', '.join(given) or 'none'}")
        if given != ["equals"] and getattr(self, given[0]) is None:
            raise refusal(f"expected a value for {given[0]}, found nothing")
        if self.between is not None:
            _refuse_disorder(*self.between)
        return self

    def option(self) -> dict[str, Any]:
        """As JSON, with the one given key."""
        (key,) = self.model_fields_set
        value = getattr(self, key)
        return {key: list(value) if isinstance(value, tuple) else value}


def _refuse_disorder(low: float | str, high: float | str) -> None:
    if isinstance(low, str) is not isinstance(high, str):
        raise refusal("expected two numbers or two texts in between, found one of each")
    if not isinstance(low, str) and not isinstance(high, str) and low > high:
        raise refusal(f"no value lies between {low} and {high}; expected [low, high]")


class QueryKeys(CheckKeys):
    name: Text = Field(
        description="Name in reports: a statement that is true when the check passes."
    )
    sql: Text = Field(description="One SELECT statement; it runs in a read-only transaction.")
    expect: Expect = Field(description="The expected answer.")
    max_seconds: Annotated[float, Field(gt=0, le=86_400)] | None = optional(
        "The answer must arrive within this time; at most timeout_seconds. A restored dump is analyzed first. The "
        "shortest of three tries counts, and is compared with the last verified drill."
    )

    @model_validator(mode="after")
    def _is_asked_long_enough(self) -> Self:
        if self.max_seconds is not None and self.max_seconds > self.timeout_seconds:
            raise refusal(
                f"the query is ended after timeout_seconds ({self.timeout_seconds}), before max_seconds "
                f"({self.max_seconds:g}); raise timeout_seconds"
            )
        return self

    @property
    def title(self) -> str:
        return self.name

    def options(self) -> dict[str, Any]:
        most = {} if self.max_seconds is None else {"max_seconds": self.max_seconds}
        return {"sql": self.sql, "expect": self.expect.option(), **most}


class Query(Alone):
    name = "query"
    help = "Runs a query and compares its answer."
    keys = QueryKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        match list((options.get("expect") or {}).items()):
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

    def sql(self, options: Mapping[str, Any]) -> str:
        return str(options["sql"])

    def most_seconds(self, options: Mapping[str, Any]) -> float | None:
        most = options.get("max_seconds")
        return None if most is None else float(most)

    def needs_statistics(self, options: Mapping[str, Any]) -> bool:
        return "max_seconds" in options

    def judge_rows(self, spec: CheckSpec, rows: Rows) -> Judgement:
        return _judge_query(spec.options.get("expect") or {}, rows, self.expected(spec.options))


def measure(rows: Rows) -> dict[str, int | float]:
    """The number in an answer, for the history, whatever the judgement."""
    match rows:
        case Rows(first=(value,), count=1):
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


def _judge_query(expect: dict[str, Any], answer: Rows, expected: str) -> Judgement:
    if len(expect) != 1:
        return Judgement(CheckOutcome.ERROR, expected, "", "the check names no single expectation")
    ((kind, wanted),) = expect.items()
    if kind in {"empty", "not_empty", "rows"}:
        return _judge_row_number(kind, wanted, answer, expected)
    if answer.count == 0:
        return Judgement(CheckOutcome.FAILED, expected, "no row")
    if answer.columns != 1:
        detail = f"the query returns {answer.columns} columns; expected one value"
        return Judgement(CheckOutcome.ERROR, expected, "", detail)
    if answer.count > 1 or answer.more:
        return Judgement(CheckOutcome.FAILED, expected, "more than one row")
    return _judge_value(kind, wanted, answer.first[0], expected)


def _judge_row_number(kind: str, wanted: Any, answer: Rows, expected: str) -> Judgement:  # noqa: ANN401  # from JSON
    found = f"{'more than ' if answer.more else ''}{answer.count:,} rows"
    if kind == "rows" and answer.more and wanted > answer.count:
        detail = (
            f"the query returns more than {answer.count:,} rows, the limit; use count(*) instead"
        )
        return Judgement(CheckOutcome.ERROR, expected, found, detail)
    if kind == "rows":
        return Judgement(passed_if(answer.count == wanted and not answer.more), expected, found)
    holds = (answer.count == 0) == (kind == "empty")
    return Judgement(passed_if(holds), expected, "rows" if answer.count else "no row")


def _judge_value(kind: str, wanted: Any, value: Any, expected: str) -> Judgement:  # noqa: ANN401  # from JSON and a driver
    found = show(value)
    if kind == "equals" and wanted is None:
        return Judgement(passed_if(value is None), expected, found)
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
    return Judgement(passed_if(bool(holds)), expected, found)


def _align(value: Any, bound: Any) -> tuple[Any, Any]:  # noqa: ANN401  # from a driver and JSON
    """Both sides in one comparable type.

    Raises:
        TypeError: The types differ; a number is not a truth value, a text is not a number.
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
        raise TypeError(
            "the query returns a time without time zone; the expected value has a time zone"
        )
    return value, moment


def _number(value: float | Decimal) -> Decimal:
    """The exact number; NaN is refused, because it cannot be compared."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:  # pragma: no cover - str() of a number always parses
        number = Decimal("NaN")
    if number.is_nan():
        raise TypeError("the query returns NaN, which cannot be compared with a limit")
    return number


def _unlike(value: Any, bound: Any) -> TypeError:  # noqa: ANN401  # any two values
    return TypeError(f"the query returns {_kind(value)}, but the expected value is {_kind(bound)}")


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


def _literal(value: Any) -> str:  # noqa: ANN401  # a scalar of the configuration
    """A value of the configuration, which may be shown in full."""
    return value if isinstance(value, str) else show(value)
