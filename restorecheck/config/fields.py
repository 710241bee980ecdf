"""The kinds of value that keys have, each with its own words for what does not fit."""

import math
import re
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from restorecheck.checks.catalogue import parse_table_name
from restorecheck.config.server_url import MalformedUrlError, parse_server, parse_server_url
from restorecheck.schedule import malformed

OWN_WORDS = "restorecheck"
"""Type of the errors whose message is ours; `{found}` in it stands for what was found."""


def refusal(message: str) -> PydanticCustomError:
    """An error in our own words."""
    return PydanticCustomError(OWN_WORDS, message)


class Keys(BaseModel):
    """The keys of one mapping. A text is never taken for a number, and nothing is changed later."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def optional(description: str, **constraints: Any) -> Any:  # noqa: ANN401  # as pydantic's Field
    """A key that may be left out, where the schema must not promise a default value."""
    return Field(
        default=None,
        description=description,
        json_schema_extra=_drop_default,
        **constraints,
    )


def _filled(value: str) -> str:
    if not value.strip():
        raise refusal("expected a text that is not empty")
    if "\0" in value:
        raise refusal("expected a text without zero bytes")
    return value


def _table(value: str) -> str:
    try:
        parse_table_name(value)
    except ValueError:
        raise refusal("expected table or schema.table, found {found}") from None
    return value


def _cron(value: str) -> str:
    expected = "expected five cron fields (minute hour day month weekday, as in '15 3 * * *')"
    if len(value.split()) != 5:  # noqa: PLR2004  # cronsim takes six, too: with seconds
        raise refusal(f"{expected}, found {{found}}")
    if wrong := malformed(value):
        raise refusal(f"{expected}, found {{found}}, which has a wrong {wrong}")
    return value


def _timezone(value: str) -> str:
    if value == "UTC":  # known also where no time zone database is installed
        return value
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        near = get_close_matches(value, available_timezones(), 1)
        advice = f"; did you mean '{near[0]}'?" if near else ""
        message = f"expected a time zone such as 'Europe/Berlin', found {{found}}{advice}"
        raise refusal(message) from None
    return value


def _target_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", value):
        expected = "expected 1 to 40 letters, digits and hyphens, beginning with a letter or digit"
        raise refusal(f"{expected}, found {{found}}")
    return value


def _server_user(value: str) -> str:
    if value in {"postgres", "root", "0"}:
        raise refusal(
            f"'{value}' is refused: restoring runs the dump's own SQL as this user of the operating "
            "system, and peer authentication would let it into a production server on this host; "
            "name a user that exists for restorecheck alone"
        )
    return _filled(value)


class _AtLeastOne:
    """Not by min_length: there pydantic counts only the items that are valid."""

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


def _command(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, str):
        raise refusal(
            "expected a list with one item per argument, as in [age, --decrypt, --identity, /path], "
            "found one text; no shell takes it apart"
        )
    return value


def _scratch_url(value: SecretStr) -> SecretStr:
    try:
        parse_server_url(value.get_secret_value())
    except MalformedUrlError as exc:
        raise refusal(str(exc)) from None
    return value


def _server(value: str) -> str:
    try:
        return parse_server(value)
    except MalformedUrlError as exc:
        raise refusal(f"{exc}, found {{found}}") from None


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not host or not colon or not port.isdigit() or not 0 <= int(port) < 65_536:  # noqa: PLR2004  # 16 bits
        raise refusal("expected host:port, as in 127.0.0.1:9187, found {found}")
    return value


def _textfile(value: str) -> str:
    if not value.endswith(".prom"):
        raise refusal("node_exporter reads files *.prom only, found {found}")
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
    """Python, and pydantic's Literal with it, takes `true` for 1."""

    def check(value: Any) -> Any:  # noqa: ANN401  # before validation
        if type(value) is not type(expected):
            raise refusal(f"expected {str(expected).lower()}, found {{found}}")
        return value

    return BeforeValidator(check)


_A_DAY = timedelta(days=1)
_A_YEAR_OF_MINUTES = 366 * _A_DAY // timedelta(minutes=1)
_A_CENTURY_OF_HOURS = 100 * 366 * _A_DAY // timedelta(hours=1)

FromList = Field(strict=False)
"""A YAML list becomes a tuple; the items stay strict."""

Text = Annotated[str, AfterValidator(_filled)]
Table = Annotated[str, AfterValidator(_filled), AfterValidator(_table)]
Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
TargetName = Annotated[str, AfterValidator(_target_name)]
ServerUser = Annotated[str, AfterValidator(_server_user)]
Server = Annotated[str, AfterValidator(_server)]
Listen = Annotated[str, AfterValidator(_listen)]
TextFile = Annotated[str, AfterValidator(_textfile)]
ScratchUrl = Annotated[SecretStr, AfterValidator(_scratch_url)]
Texts = Annotated[tuple[Text, ...], FromList]
AtLeastOne = _AtLeastOne()
SomeTexts = Annotated[tuple[Text, ...], FromList, AtLeastOne]
Command = Annotated[tuple[str, ...], FromList, AtLeastOne, BeforeValidator(_command)]
Hours = Annotated[float, Field(gt=0, le=_A_CENTURY_OF_HOURS)]
Minutes = Annotated[float, Field(gt=0, le=_A_YEAR_OF_MINUTES)]
Count = Annotated[int, Field(ge=0)]
Jobs = Annotated[int, Field(ge=1, le=64)]
Scalar = Annotated[bool | int | float | str | None, BeforeValidator(_scalar)]
Bound = Annotated[int | float | str, BeforeValidator(_bound)]
exactly_one = _exactly(1)
exactly_true = _exactly(expected=True)
