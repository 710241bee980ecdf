"""Types of the values in the keys of checks, each with its own error messages."""

import math
from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from restorecheck.checks.names import parse_table_name

OWN_WORDS = "restorecheck"
"""Type of errors with a message of restorecheck; `{found}` in it is replaced by the value."""


def refusal(message: str) -> PydanticCustomError:
    """An error with this message."""
    return PydanticCustomError(OWN_WORDS, message)


class Keys(BaseModel):
    """The keys of one mapping. A text is never read as a number; values are frozen."""

    model_config = ConfigDict(
        defer_build=True,
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def optional(description: str, **constraints: Any) -> Any:  # noqa: ANN401  # as pydantic's Field
    """An optional key without a default value in the schema."""
    return Field(
        default=None,
        description=description,
        json_schema_extra=_drop_default,
        **constraints,
    )


def filled(value: str) -> str:
    if not value.strip():
        raise refusal("expected a text, found an empty one")
    if "\0" in value:
        raise refusal("expected a text without zero bytes")
    return value


def _table(value: str) -> str:
    try:
        parse_table_name(value)
    except ValueError:
        raise refusal("expected table or schema.table, found {found}") from None
    return value


class _AtLeastOne:
    """Instead of min_length, for which pydantic counts only valid items."""

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401  # pydantic's protocol
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_some, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "minItems": 1}


def _some(value: Any) -> Any:  # noqa: ANN401  # before validation
    if value == []:
        raise refusal("expected at least one item, found an empty list")
    return value


def _scalar(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, float) and not math.isfinite(value):
        raise refusal("expected a finite number, found {found}")
    if isinstance(value, dict | list | tuple):
        raise refusal("expected a single value, found {found}")
    return value


def _bound(value: Any) -> Any:  # noqa: ANN401  # before validation
    if value is None or isinstance(value, bool):
        raise refusal("expected a number, or a date or time as text, found {found}")
    return _scalar(value)


def _exactly(expected: object) -> BeforeValidator:
    """Refuses other values: Python, and so pydantic's Literal, treats `true` as 1."""

    def check(value: Any) -> Any:  # noqa: ANN401  # before validation
        if type(value) is not type(expected):
            raise refusal(f"expected {str(expected).lower()}, found {{found}}")
        return value

    return BeforeValidator(check)


def _weight(value: Any) -> Any:  # noqa: ANN401  # before validation
    return "off" if value is False else value  # YAML reads a bare `off` as false


def _share(value: Any) -> Any:  # noqa: ANN401  # before validation
    """`5%` or `0.05`."""
    if not isinstance(value, str):
        return value
    try:
        return float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise refusal(
            "expected a percentage such as 5% or a fraction such as 0.05, found {found}"
        ) from None


_A_DAY = timedelta(days=1)
_A_YEAR_OF_MINUTES = 366 * _A_DAY // timedelta(minutes=1)
_A_CENTURY_OF_HOURS = 100 * 366 * _A_DAY // timedelta(hours=1)

FromList = Field(strict=False)
"""A YAML list becomes a tuple; the items stay strict."""

Text = Annotated[str, AfterValidator(filled)]
Table = Annotated[str, AfterValidator(filled), AfterValidator(_table)]
Texts = Annotated[tuple[Text, ...], FromList]
AtLeastOne = _AtLeastOne()
Columns = Annotated[tuple[Text, ...], FromList, AtLeastOne]
Hours = Annotated[float, Field(gt=0, le=_A_CENTURY_OF_HOURS)]
Minutes = Annotated[float, Field(gt=0, le=_A_YEAR_OF_MINUTES)]
Count = Annotated[int, Field(ge=0)]
Scalar = Annotated[bool | int | float | str | None, BeforeValidator(_scalar)]
Bound = Annotated[int | float | str, BeforeValidator(_bound)]
exactly_one = _exactly(1)
exactly_true = _exactly(expected=True)
Weight = Annotated[Literal["required", "warning", "off"], BeforeValidator(_weight)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
Growth = Annotated[float, BeforeValidator(_share), Field(ge=0)]


class CheckKeys(Keys):
    """The keys that every configured check has."""

    severity: Literal["required", "warning"] = Field(
        default="required",
        description="required: a failed check fails the drill. warning: a failed check is only "
        "reported.",
    )
    timeout_seconds: int = Field(
        default=300, ge=1, le=86_400, description="Maximum time of the query or the program."
    )
    database: Text | None = Field(
        default=None, description="Database of the check; by default the first restored database."
    )
    at: Text | None = optional(
        "Of physical backups: name of a moment of `physical.moments` at which the check runs."
    )
    false_after: bool = Field(
        default=False,
        description="Of a check with `at`: it must fail once the recovery is complete, so that a recovery that went too "
        "far, or not far enough, fails the drill.",
    )

    @property
    @abstractmethod
    def title(self) -> str:
        """Name in reports."""

    def with_absolute_paths(self, absolute: Callable[[str], str]) -> Self:
        """`absolute`: a path as the file has it → the same, absolute."""
        if "file" not in type(self).model_fields:
            return self
        return self.model_copy(update={"file": absolute(getattr(self, "file"))})  # noqa: B009  # of some kinds

    def options(self) -> dict[str, Any]:
        """The given keys of the kind, as JSON."""
        own = set(type(self).model_fields) - {*CheckKeys.model_fields, "name"}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key in type(self).model_fields
            if key in own and (value := getattr(self, key)) is not None
        }


class TableKeys(CheckKeys):
    """The keys of a check about one table."""

    table: Table = Field(description="Table to check, with its schema: public.answers.")
    name: Text | None = optional("Name in reports; by default the kind and the table.")

    @property
    def title(self) -> str:
        return self.name or f"{self.about} of {self.table}"

    @property
    @abstractmethod
    def about(self) -> str:
        """The checked part of the table, for the name."""
