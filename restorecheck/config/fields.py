"""Types of the values of keys, each with its own error messages."""

import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Protocol, TypeGuard
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from restorecheck.checks.keys import AtLeastOne, FromList, Keys, Text, filled, refusal
from restorecheck.config.server_url import MalformedUrlError, parse_server, parse_server_url
from restorecheck.schedule import malformed


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
    return filled(value)


def _command(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, str):
        raise refusal(
            "expected a list with one item per argument, as in [age, --decrypt, --identity, /path], "
            "found one text; restorecheck does not use a shell to split the command"
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


ALL_DATABASES = ("*",)
"""The value of `databases: all`, which no list of names can have."""


def _label_value(value: Any) -> Any:  # noqa: ANN401  # before validation
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _databases(value: Any) -> Any:  # noqa: ANN401  # before validation
    if value == "all":
        return list(ALL_DATABASES)
    if isinstance(value, str):
        raise refusal("expected `all` or a list of names, as in [shop, crm], found {found}")
    return value


_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_INTERVAL = re.compile(r"(\d{1,5}(?:\.\d+)?) ?(min|h|d)", re.ASCII)


def interval_of(text: str) -> timedelta:
    """Of a text that is an `Interval`."""
    match = _INTERVAL.fullmatch(text)
    assert match is not None, "the text was looked at"
    return float(match[1]) * _UNITS[match[2]]


def is_interval(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _INTERVAL.fullmatch(value) is not None


def _interval(value: Any) -> Any:  # noqa: ANN401  # before validation
    if not is_interval(value) or not interval_of(value):
        raise refusal("expected an interval such as 24h, 7d or 30min, found {found}")
    return value


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not host or not colon or not port.isdigit() or not 0 <= int(port) < 65_536:  # noqa: PLR2004  # 16 bits
        raise refusal("expected host:port, as in 127.0.0.1:9187, found {found}")
    return value


def _textfile(value: str) -> str:
    if not value.endswith(".prom"):
        raise refusal(
            "expected a file name that ends with .prom (node_exporter reads no other "
            "files), found {found}"
        )
    return value


Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
TargetName = Annotated[str, AfterValidator(_target_name)]
TierName = Annotated[str, AfterValidator(_target_name)]
ServerUser = Annotated[str, AfterValidator(_server_user)]
Server = Annotated[str, AfterValidator(_server)]
Interval = Annotated[str, BeforeValidator(_interval)]
Listen = Annotated[str, AfterValidator(_listen)]
TextFile = Annotated[str, AfterValidator(_textfile)]
Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
LabelValue = Annotated[
    str, BeforeValidator(_label_value), Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")
]
ScratchUrl = Annotated[SecretStr, AfterValidator(_scratch_url)]
Databases = Annotated[
    tuple[Text, ...],
    FromList,
    AtLeastOne,
    BeforeValidator(_databases),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "all"},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
Command = Annotated[tuple[str, ...], FromList, AtLeastOne, BeforeValidator(_command)]
Jobs = Annotated[int, Field(ge=1, le=64)]


class Kind(Protocol):
    """One of several kinds, each with its own key in the configuration."""

    @property
    def key(self) -> str: ...
    @property
    def keys(self) -> type[Keys]: ...
    @property
    def help(self) -> str: ...


def optional_keys(kinds: Iterable[Kind]) -> dict[str, Any]:
    """Fields for `create_model`: one optional key for each kind."""
    return {
        kind.key: (kind.keys | None, Field(default=None, description=kind.help)) for kind in kinds
    }
