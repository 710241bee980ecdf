"""The items of `notify`: channels and their messages."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SecretStr,
)
from pydantic_core import CoreSchema, core_schema

from restorecheck.announcing import Kind
from restorecheck.checks.keys import FromList, Hours, Keys, Text, refusal

_DEFAULT = tuple(kind for kind in Kind if kind not in {Kind.VERIFIED, Kind.SKIPPED})
_KINDS = tuple(kind.value for kind in Kind)

KINDS = (
    "apprise",
    "webhook",
    "ping",
    "sns",
)
"""Kinds of channels: keys of `Channel`. The module of this name in `notify` delivers."""


def _web_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    parts = urlsplit(text)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or any(c.isspace() for c in text)
    ):
        raise refusal("expected a URL that begins with https:// (or http://), found {found}")
    return value


def _kinds(value: Any) -> Any:  # noqa: ANN401  # before validation
    if value == "always":
        return list(Kind)
    items = value if isinstance(value, list | tuple) else [value]
    if any(item not in _KINDS for item in items):
        raise refusal(f"expected 'always' or a list of {', '.join(_KINDS)}, found {{found}}")
    return [Kind(item) for item in items]


def _topic(value: str) -> str:
    parts = value.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not all(parts[3:]):  # noqa: PLR2004  # arn:aws:sns:region:account:name
        raise refusal(
            "expected the ARN of a topic (arn:aws:sns:region:account:name), found {found}"
        )
    return value


WebUrl = Annotated[SecretStr, AfterValidator(_web_url)]


class Webhook(Keys):
    """A POST of JSON, signed if there is a secret."""

    url: WebUrl = Field(description="URL of the POST request.", repr=False)
    secret: SecretStr | None = Field(
        default=None,
        repr=False,
        description="Key of the HMAC-SHA256 over time stamp and body, sent in "
        "`Restorecheck-Signature`.",
    )


class Ping(Keys):
    """A dead man's switch compatible with healthchecks.io: it raises an alarm when no ping comes."""

    url: WebUrl = Field(
        description="Ping URL; `{target}` in it is replaced by the target's name. "
        "/start, /fail and /log are appended.",
        repr=False,
    )


class Sns(Keys):
    """A topic of Amazon SNS (Simple Notification Service)."""

    topic_arn: Annotated[str, AfterValidator(_topic)] = Field(description="ARN of the topic.")


class _UrlOrMapping:
    """A bare text is an Apprise URL."""

    def __get_pydantic_core_schema__(
        self,
        source: Any,  # noqa: ANN401  # pydantic's protocol
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_mapping, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


def _mapping(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, str):
        return {"apprise": value}
    if not isinstance(value, dict | Channel):
        raise refusal("expected an Apprise URL or a mapping, found {found}")
    return value


def _apprise_url(value: SecretStr) -> SecretStr:
    scheme, separator, rest = value.get_secret_value().partition("://")
    if not separator or not rest or not scheme.replace("+", "").isalnum():
        raise refusal("expected an Apprise URL such as 'slack://…' or 'mailto://…', found {found}")
    return value


class Channel(Keys):
    """A channel and its messages. Exactly one of `apprise`, `webhook`, `ping`, `sns`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [kind]} for kind in KINDS]})

    name: Text | None = Field(
        default=None,
        description="Unique name; sent messages are remembered under this name. By default the "
        "kind and the position in the list, as in `webhook-2`.",
    )
    apprise: Annotated[SecretStr, AfterValidator(_apprise_url)] | None = Field(
        default=None,
        repr=False,
        description="An Apprise URL: Slack, Teams, e-mail, PagerDuty, ntfy … A plain text in "
        "the list is an Apprise URL, too.",
    )
    webhook: Webhook | None = Field(default=None, description="A POST request with JSON.")
    ping: Ping | None = Field(default=None, description="A dead man's switch.")
    sns: Sns | None = Field(
        default=None, description="A topic of Amazon SNS (Simple Notification Service)."
    )
    on: Annotated[
        tuple[Kind, ...],
        FromList,
        BeforeValidator(_kinds, json_schema_input_type=Literal["always"] | list[Kind]),
    ] = Field(
        default=_DEFAULT,
        description="Events that send a message: `always`, or a list. A ping is sent for every "
        "drill.",
    )
    inconclusive_after: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=2, description="Number of inconclusive drills in a row that send a message."
    )
    repeat_after_hours: Hours = Field(
        default=20.0,
        description="A message about the same problem is repeated only after this time; the "
        "message counts the drills in between.",
    )
    targets: Annotated[tuple[Text, ...], FromList] = Field(
        default=(), description="Targets of this channel; by default all."
    )

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def own(self) -> Any:  # noqa: ANN401  # of its kind
        """The value of the key of its kind."""
        return getattr(self, self.kind)

    @property
    def secrets(self) -> list[SecretStr]:
        values = [self.own] if isinstance(self.own, SecretStr) else [value for _, value in self.own]
        return [value for value in values if isinstance(value, SecretStr)]

    def concerns(self, target: str) -> bool:
        return not self.targets or target in self.targets or not target


Notification = Annotated[Channel, _UrlOrMapping()]
