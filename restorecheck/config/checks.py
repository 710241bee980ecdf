"""The items of `checks`: one key each, the kind of the check. The kinds are those of the registry."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self, cast

from pydantic import ConfigDict, create_model, model_validator

from restorecheck.checks.keys import CheckKeys, Keys, optional, refusal
from restorecheck.checks.registry import CONFIGURED
from restorecheck.model import CheckSpec, Severity

ONE_KEY: dict[str, Any] = {"minProperties": 1, "maxProperties": 1}


class _OneCheck(Keys):
    model_config = ConfigDict(json_schema_extra=ONE_KEY)

    @model_validator(mode="after")
    def _is_one_check(self) -> Self:
        given = [kind for kind in type(self).model_fields if getattr(self, kind) is not None]
        if len(given) != 1:
            raise refusal(f"expected one kind of check, found {' and '.join(given) or 'none'}")
        return self

    def only(self) -> tuple[str, CheckKeys]:
        ((kind, keys),) = (
            (kind, keys)
            for kind in type(self).model_fields
            if (keys := getattr(self, kind)) is not None
        )
        return kind, cast(CheckKeys, keys)

    def with_absolute_paths(self, absolute: Callable[[str], str]) -> Self:
        kind, keys = self.only()
        return self.model_copy(update={kind: keys.with_absolute_paths(absolute)})

    def check_spec(self) -> CheckSpec:
        """The question as the rest of restorecheck knows it."""
        kind, keys = self.only()
        return CheckSpec(
            name=f"{keys.title}, at {keys.at}" if keys.at else keys.title,
            kind=kind,
            severity=Severity(keys.severity),
            timeout=timedelta(seconds=keys.timeout_seconds),
            database=keys.database or "",
            options=keys.options(),
            at=keys.at or "",
            false_after=keys.false_after,
        )


Check = create_model(
    "Check",
    __base__=_OneCheck,
    __doc__="One check on the restored database.",
    **cast(
        dict[str, Any],
        {kind.name: (kind.keys | None, optional(kind.help)) for kind in CONFIGURED if kind.keys},
    ),
)
