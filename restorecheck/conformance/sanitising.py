"""Sanitises calls for recordings, which may be published.

By an allow-list: only values of fields with AWS's own words (statuses, engines, versions) are kept. Every other
text, number and time is replaced. The same value always gets the same token, so that references stay visible.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

KEPT_TEXTS = frozenset(
    {
        "AttributeName",
        "DBInstanceClass",
        "DBInstanceStatus",
        "Engine",
        "EngineLifecycleSupport",
        "EngineVersion",
        "KeyManager",
        "KeyState",
        "LicenseModel",
        "NetworkType",
        "ParameterApplyStatus",
        "PercentDone",
        "PercentProgress",
        "ResourceType",
        "SecretStatus",
        "ServiceName",
        "Service",
        "SnapshotTarget",
        "SnapshotType",
        "State",
        "Status",
        "StorageEncryptionType",
        "StorageOperationStatus",
        "StorageType",
        "ValidationStatus",
        "VpcEndpointType",
        "sql",
        "status",
        "statusFilter",
        "type",
    }
)
"""Fields whose texts are words of AWS or restorecheck."""
KEPT_NUMBERS = frozenset(
    {"BackupRetentionPeriod", "MaxRecords", "PercentProgress", "StorageOperationPercentProgress"}
)
KEPT_TAGS = frozenset({"restorecheck:managed", "restorecheck:role"})
"""Tags of restorecheck whose values contain nothing private."""

AUTOMATED = "rds:"
KINDS = frozenset(
    {
        "assumed-role",
        "db",
        "execution",
        "key",
        "og",
        "pg",
        "restore-job",
        "role",
        "secret",
        "snapshot",
        "stateMachine",
        "subgrp",
        "user",
    }
)
"""First parts of an ARN's resource that are AWS's own words."""

_WORD = re.compile(r"[\w .,()=:'%*<>/;+-]{1,400}", re.ASCII)
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]*):([a-z0-9-]*):(\d{12}|aws|):([^\s,\"'\]]+)")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_PLAIN = re.compile(r"[A-Za-z][a-z']*[.,:;!?]?|([A-Z][A-Za-z]+)+[.,:]?|[a-z]+:[A-Z][A-Za-z]+[.,]?")
"""A word of a sentence, a name in CamelCase of the API, or an action such as `rds:CopyDBSnapshot`."""
_PUNCTUATION = "'\"()[]{}.,:;!?"
_SENSITIVE = re.compile(
    r"password|secretstring|secretbinary|token|authorization|credential", re.IGNORECASE
)


class Sanitiser:
    """Keeps the tokens of one recording."""

    def __init__(self, start: datetime, known: Iterable[tuple[str, str]] = ()) -> None:
        """`known`: pairs of a value and the token for it, such as an account id and `source`."""
        self._start = start
        self._book: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        for value, token in known:
            if value:
                self._book[value] = f"<{token}>"

    def clean(self, value: Any) -> Any:  # noqa: ANN401  # what botocore takes and gives
        """A call's parameters or answer, sanitised."""
        return self._value("", value)

    def message(self, text: str) -> str:
        """AWS's message, with identifiers and unusual words replaced."""
        return " ".join(self._word(word) for word in text.split())

    # --- parts ---------------------------------------------------------------------------

    def _value(self, field: str, value: Any) -> Any:  # noqa: ANN401  # as above
        match value:
            case None | bool():
                return value
            case Mapping():
                return self._mapping(value)
            case list() | tuple():
                return [self._value(field, item) for item in value]
            case datetime():
                return f"{round((_aware(value) - _aware(self._start)).total_seconds()):+d}s"
            case int() | float():
                return value if field in KEPT_NUMBERS else "<number>"
            case str():
                return self._text(field, value)
            case _:
                return f"<{type(value).__name__}>"

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        if set(value) == {"Key", "Value"}:
            return self._tag(str(value["Key"]), str(value["Value"]))
        return {
            key: "<secret>" if _is_secret(key, item) else self._value(key, item)
            for key, item in value.items()
            if key != "ResponseMetadata"
        }

    def _tag(self, key: str, value: str) -> dict[str, str]:
        ours = key.startswith("restorecheck:")
        kept = value if key in KEPT_TAGS and _WORD.fullmatch(value) else self._token("value", value)
        return {"Key": key if ours else self._token("tag", key), "Value": kept}

    def _text(self, field: str, value: str) -> str:
        if value in self._book:
            return self._book[value]
        whole = _ARN.fullmatch(value)
        if whole:
            return self._arn(whole)
        if field in KEPT_TEXTS and _WORD.fullmatch(value) and not _ACCOUNT.search(value):
            return value
        if field in {"Message", "StatusMessage", "ValidationStatusMessage"}:
            return self.message(value)
        return self._token(field or "text", value)

    def _arn(self, match: "re.Match[str]") -> str:
        """Replaces each part, so that the ARN keeps its form and its references."""
        partition, service, region, account, resource = match.groups()
        kind, mark, name = resource.partition(":" if ":" in resource else "/")
        if kind not in KINDS:
            kind, mark, name = "", "", resource
        who = self._token("account", account) if account.isdigit() else account
        automated = AUTOMATED if name.startswith(AUTOMATED) else ""
        shown = self._token("name", name.removeprefix(automated))
        return f"arn:{partition}:{service}:{region}:{who}:{kind}{mark}{automated}{shown}"

    def _token(self, kind: str, value: str) -> str:
        if not value:
            return ""
        if value not in self._book:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._book[value] = f"<{kind}-{self._counts[kind]}>"
        return self._book[value]

    def _word(self, word: str) -> str:
        core = word.strip(_PUNCTUATION)
        arn = _ARN.fullmatch(core)
        if arn:
            return self._arn(arn)
        if core in self._book:
            return self._book[core]
        return word if _PLAIN.fullmatch(word) else "<…>"


def _is_secret(key: str, value: object) -> bool:
    """Whether a key is about a password and has a text, which is never recorded."""
    return isinstance(value, str) and _SENSITIVE.search(key) is not None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
