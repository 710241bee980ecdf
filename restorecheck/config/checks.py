"""The keys of a check, and the `CheckSpec` that each becomes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from restorecheck.config.fields import (
    AtLeastOne,
    Bound,
    Count,
    FromList,
    Hours,
    Keys,
    Minutes,
    Scalar,
    Table,
    Text,
    exactly_true,
    optional,
    refusal,
)
from restorecheck.config.suite import Growth, Share
from restorecheck.model import CheckSpec, Severity

ONE_KEY: dict[str, Any] = {"minProperties": 1, "maxProperties": 1}
BARE_EXPECTATIONS = ("not_empty", "empty")


class _CheckKeys(Keys):
    severity: Literal["required", "warning"] = Field(
        default="required",
        description="required: decides the verdict. warning: is reported and changes no verdict.",
    )
    timeout_seconds: int = Field(
        default=300, ge=1, le=86_400, description="How long the database may take to answer."
    )
    database: Text | None = Field(
        default=None, description="Database to ask; by default the first one that was restored."
    )

    def _spec(self, name: str, kind: str, options: dict[str, Any]) -> CheckSpec:
        return CheckSpec(
            name=name,
            kind=kind,
            severity=Severity(self.severity),
            timeout=timedelta(seconds=self.timeout_seconds),
            database=self.database or "",
            options=options,
        )


class RowCount(_CheckKeys):
    table: Table = Field(description="Table to count, with its schema: public.answers.")
    min: Count | None = optional("The table must have at least this many rows.")
    max: Count | None = optional("The table must have at most this many rows.")
    equals: Count | None = optional("The table must have exactly this many rows.")
    max_drop: Share | None = optional(
        "At most this share fewer than in the last verified night: 5% or 0.05."
    )
    max_growth: Growth | None = optional("At most this share more than then: 50% or 0.5.")
    name: Text | None = optional("Name in reports; by default 'row count of <table>'.")

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        bounded = self.min is not None or self.max is not None
        compared = self.max_drop is not None or self.max_growth is not None
        if not bounded and not compared and self.equals is None:
            raise refusal(
                "expected at least one of min, max, equals, max_drop and max_growth, found none"
            )
        if bounded and self.equals is not None:
            raise refusal("expected either equals or min and max, found both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise refusal(f"no count can be at least {self.min} and at most {self.max}")
        return self

    def check_spec(self) -> CheckSpec:
        bounds = {
            "min": self.min,
            "max": self.max,
            "equals": self.equals,
            "max_drop": self.max_drop,
            "max_growth": self.max_growth,
        }
        given = {key: value for key, value in bounds.items() if value is not None}
        name = self.name or f"row count of {self.table}"
        return self._spec(name, "row_count", {"table": self.table, **given})


def _two_bounds(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, list) and len(value) != 2:  # noqa: PLR2004  # low and high
        raise refusal(f"expected two values, [low, high], found {len(value)}")
    return value


class Expect(Keys):
    """The answer that a query must give."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)

    equals: Scalar = optional("The single value of the answer is this one; null for SQL's NULL.")
    between: Annotated[tuple[Bound, Bound], FromList, BeforeValidator(_two_bounds)] | None = (
        optional("The single value lies in [low, high], ends included.")
    )
    at_least: Bound | None = optional("The single value is this one or greater.")
    at_most: Bound | None = optional("The single value is this one or less.")
    not_empty: Annotated[Literal[True], exactly_true] | None = optional(
        "There is at least one row."
    )
    empty: Annotated[Literal[True], exactly_true] | None = optional("There is no row.")
    rows: Count | None = optional("There are exactly this many rows.")

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
        """As JSON, with the one key that was given."""
        (key,) = self.model_fields_set
        value = getattr(self, key)
        return {key: list(value) if isinstance(value, tuple) else value}


def _refuse_disorder(low: float | str, high: float | str) -> None:
    if isinstance(low, str) is not isinstance(high, str):
        raise refusal("expected two numbers or two texts in between, found one of each")
    if not isinstance(low, str) and not isinstance(high, str) and low > high:
        raise refusal(f"no value lies between {low} and {high}; expected [low, high]")


class Query(_CheckKeys):
    name: Text = Field(description="Name in reports; says what holds when the check passes.")
    sql: Text = Field(description="One SELECT; it is run in a read-only transaction.")
    expect: Expect = Field(description="The answer that it must give.")

    def check_spec(self) -> CheckSpec:
        return self._spec(self.name, "query", {"sql": self.sql, "expect": self.expect.option()})


class _TableKeys(_CheckKeys):
    table: Table = Field(description="Table to look at, with its schema: public.answers.")
    name: Text | None = optional("Name in reports; by default made of the kind and the table.")

    def _about(self, kind: str, words: str, options: dict[str, Any]) -> CheckSpec:
        name = self.name or f"{words} of {self.table}"
        return self._spec(name, kind, {"table": self.table, **options})


Columns = Annotated[tuple[Text, ...], FromList, AtLeastOne]


class Freshness(_TableKeys):
    column: Text = Field(description="A column with times: timestamptz, timestamp or date.")
    max_age_hours: Hours = Field(
        description="The newest time is at most this long before the backup was taken."
    )

    def check_spec(self) -> CheckSpec:
        options = {"column": self.column, "max_age_minutes": self.max_age_hours * 60}
        return self._about("freshness", "freshness", options)


class Heartbeat(_TableKeys):
    column: Text = Field(description="The time that the heartbeat writes.")
    max_age_minutes: Minutes = Field(
        description="The newest beat is at most this long before the backup was taken."
    )

    def check_spec(self) -> CheckSpec:
        options = {"column": self.column, "max_age_minutes": self.max_age_minutes}
        return self._about("heartbeat", "heartbeat", options)


class NotNull(_TableKeys):
    columns: Columns = Field(description="Columns that have a value in every row.")

    def check_spec(self) -> CheckSpec:
        words = f"values in {', '.join(self.columns)}"
        return self._about("not_null", words, {"columns": list(self.columns)})


class Unique(_TableKeys):
    columns: Columns = Field(description="Columns whose values, together, stand in one row only.")

    def check_spec(self) -> CheckSpec:
        words = f"uniqueness of {', '.join(self.columns)}"
        return self._about("unique", words, {"columns": list(self.columns)})


class Range(_TableKeys):
    column: Text = Field(description="The column.")
    min: Bound | None = optional("No value is less: a number, or a date or time as text.")
    max: Bound | None = optional("No value is greater.")

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.min is None and self.max is None:
            raise refusal("expected at least one of min and max, found none")
        return self

    def check_spec(self) -> CheckSpec:
        bounds = {"min": self.min, "max": self.max}
        given = {key: value for key, value in bounds.items() if value is not None}
        return self._about("range", f"range of {self.column}", {"column": self.column, **given})


class AcceptedValues(_TableKeys):
    column: Text = Field(description="The column.")
    values: Annotated[tuple[Bound | bool, ...], FromList, AtLeastOne] = Field(
        description="Every value is one of these. NULL is not looked at: see not_null."
    )

    def check_spec(self) -> CheckSpec:
        options = {"column": self.column, "values": list(self.values)}
        return self._about("accepted_values", f"values of {self.column}", options)


class References(_TableKeys):
    columns: Columns = Field(description="Columns that point to another table.")
    to: Table = Field(description="The table that they point to.")
    to_columns: Columns = Field(description="Its columns, in the same order.")

    @model_validator(mode="after")
    def _is_paired(self) -> Self:
        if len(self.columns) != len(self.to_columns):
            raise refusal("expected as many to_columns as columns")
        return self

    def check_spec(self) -> CheckSpec:
        options = {
            "columns": list(self.columns),
            "to": self.to,
            "to_columns": list(self.to_columns),
        }
        return self._about("references", f"references from {', '.join(self.columns)}", options)


class Unchanged(_TableKeys):
    """For tables that are written once: the contents are those of the last verified night."""

    def check_spec(self) -> CheckSpec:
        return self._about("unchanged", "contents", {})


class AppendOnly(_TableKeys):
    """For tables that only grow: every row of the last verified night is there as it was."""

    key: Text = Field(description="A column that grows with every row: a number or a time.")

    def check_spec(self) -> CheckSpec:
        return self._about("append_only", "earlier rows", {"key": self.key})


class Distribution(_TableKeys):
    column: Text = Field(description="A column of numbers.")
    max_shift: Share = Field(
        description="How far average and share of values may move since the last verified night."
    )

    def check_spec(self) -> CheckSpec:
        options = {"column": self.column, "max_shift": self.max_shift}
        return self._about("distribution", f"distribution of {self.column}", options)


class Manifest(_CheckKeys):
    """The contents that `restorecheck manifest` has read from the source."""

    file: Text = Field(description="What it wrote; relative to the configuration file.")
    tables: Annotated[tuple[Table, ...], FromList] = Field(
        default=(), description="Of these only; by default of all that are in it."
    )
    name: Text | None = optional("Name in reports; by default 'manifest'.")

    def check_spec(self) -> CheckSpec:
        return self._spec(
            self.name or "manifest", "manifest", {"file": self.file, "only": list(self.tables)}
        )


class Structure(_CheckKeys):
    """Tables, columns, functions, grants … as they are in a file that somebody has agreed to."""

    file: Text = Field(
        description="What `restorecheck manifest` wrote; relative to the configuration file."
    )
    name: Text | None = optional("Name in reports; by default 'structure'.")

    def check_spec(self) -> CheckSpec:
        return self._spec(self.name or "structure", "structure", {"file": self.file})


class Extensions(_CheckKeys):
    names: Annotated[tuple[Text, ...], FromList, AtLeastOne] = Field(
        description="Extensions that the application cannot do without."
    )
    name: Text | None = optional("Name in reports; by default 'extensions'.")

    def check_spec(self) -> CheckSpec:
        return self._spec(self.name or "extensions", "extensions", {"names": list(self.names)})


class Check(Keys):
    """One question put to the restored database."""

    model_config = ConfigDict(json_schema_extra=ONE_KEY)

    row_count: RowCount | None = optional("Counts the rows of a table.")
    query: Query | None = optional("Runs a query and judges its answer.")
    freshness: Freshness | None = optional("The newest time of a column, against the backup's.")
    heartbeat: Heartbeat | None = optional(
        "A row that something writes every few minutes is there."
    )
    not_null: NotNull | None = optional("Columns have a value in every row.")
    unique: Unique | None = optional("No value stands in two rows; read from the table itself.")
    range: Range | None = optional("Every value lies between two bounds.")
    accepted_values: AcceptedValues | None = optional("Every value is one of a list.")
    references: References | None = optional("No row points to nothing, also without a constraint.")
    unchanged: Unchanged | None = optional("The contents are those of the last verified night.")
    append_only: AppendOnly | None = optional("Rows are added, and none is changed or lost.")
    distribution: Distribution | None = optional("Average and filling are about as they were.")
    manifest: Manifest | None = optional("The contents are those of a manifest of the source.")
    structure: Structure | None = optional("The structure is that of a file.")
    extensions: Extensions | None = optional("Extensions that must be there.")

    @model_validator(mode="after")
    def _is_one_check(self) -> Self:
        given = [kind for kind in type(self).model_fields if getattr(self, kind) is not None]
        if len(given) != 1:
            raise refusal(f"expected one kind of check, found {' and '.join(given) or 'none'}")
        return self

    def with_absolute_paths(self, absolute: Callable[[str], str]) -> Self:
        given = {"manifest": self.manifest, "structure": self.structure}
        update = {
            key: check.model_copy(update={"file": absolute(check.file)})
            for key, check in given.items()
            if check is not None
        }
        return self.model_copy(update=update)

    def check_spec(self) -> CheckSpec:
        """The question as the rest of restorecheck knows it."""
        (spec,) = (
            check.check_spec()
            for kind in type(self).model_fields
            if (check := getattr(self, kind)) is not None
        )
        made: CheckSpec = spec
        return made
