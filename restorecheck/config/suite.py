"""The keys of `suite`: the checks that every drill has without being asked."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from restorecheck.checks.catalogue import BUILT_INS, DEFAULT_DROP, DEFAULT_PAGES_MINUTES, MINIMUM
from restorecheck.config.fields import Keys, Minutes, Texts, optional, refusal
from restorecheck.model import Severity


def _weight(value: Any) -> Any:  # noqa: ANN401  # before validation
    return "off" if value is False else value  # YAML reads a bare `off` as false


def _share(value: Any) -> Any:  # noqa: ANN401  # before validation
    """`5%` or `0.05`."""
    if not isinstance(value, str):
        return value
    try:
        return float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise refusal("expected a share such as 5% or 0.05, found {found}") from None


Weight = Annotated[Literal["required", "warning", "off"], BeforeValidator(_weight)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
Growth = Annotated[float, BeforeValidator(_share), Field(ge=0)]


class Suite(Keys):
    """What becomes of the built-in checks: required, warning or off."""

    rows_readable: Weight | None = optional("Every value of every row can be read; and hashed.")
    constraints_hold: Weight | None = optional("No row breaks a constraint that was validated.")
    references_hold: Weight | None = optional("No row points to one that is not there.")
    indexes_agree: Weight | None = optional(
        "As many rows by an index as in its table. Not of dumps."
    )
    pages_sound: Weight | None = optional("amcheck and pg_visibility find no fault. Not of dumps.")
    indexes_valid: Weight | None = optional("No index is invalid.")
    sequences_ahead: Weight | None = optional("No sequence is behind the column that it fills.")
    collations_current: Weight | None = optional("Texts are sorted as their indexes expect.")
    transactions_young: Weight | None = optional("Transaction ids are far from their end.")
    not_emptied: Weight | None = optional("No table has lost all of its rows since the last night.")
    not_shrunk: Weight | None = optional("No table has lost more than max_drop of its rows.")
    newest_there: Weight | None = optional("No newest time is older than it was.")
    structure_same: Weight | None = optional(
        "Tables, columns, functions, grants … are as they were."
    )
    volatile_tables: Texts = Field(
        default=(),
        description="Tables that come and go, such as public.sessions or staging.*: their rows are "
        "not compared with other nights.",
    )
    max_drop: Share = Field(
        default=DEFAULT_DROP, description="For not_shrunk: a share, 20% or 0.2."
    )

    pages_minutes: Minutes = Field(
        default=DEFAULT_PAGES_MINUTES,
        description="For pages_sound: how long it may take; the report says what was left out.",
    )

    def severities(self) -> dict[str, Severity | None]:
        """Of those that were named: None is off."""
        named = {
            check.kind: getattr(self, check.kind)
            for check in BUILT_INS
            if check.kind not in MINIMUM and getattr(self, check.kind) is not None
        }
        return {
            kind: None if weight == "off" else Severity(weight) for kind, weight in named.items()
        }
