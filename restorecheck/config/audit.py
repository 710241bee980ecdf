"""Accepted findings of `doctor` and `audit`."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from restorecheck.checks.keys import FromList, Keys, Text, refusal
from restorecheck.rules.catalogue import is_known
from restorecheck.rules.findings import Ignore


def _rule(value: str) -> str:
    if not is_known(value):
        raise refusal(
            "expected the id of a rule such as RC601 (docs/reference/rules.md), found {found}"
        )
    return value


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise refusal("expected a date such as 2026-12-31, found {found}") from None
    return value


class Ignored(Keys):
    """A finding that is accepted for a reason, until a given day."""

    rule: Annotated[str, AfterValidator(_rule)] = Field(
        description="Id of the rule, such as RC605."
    )
    resource: Text = Field(
        default="*",
        description="The resources, as the finding names them; `*` and `?` as in file names.",
    )
    reason: Text = Field(description="Why it is accepted; it is shown beside the finding.")
    until: Annotated[str, AfterValidator(_day)] = Field(
        description="The last day on which it is ignored, as in 2026-12-31."
    )

    def ignore(self) -> Ignore:
        return Ignore(
            rule=self.rule,
            resource=self.resource,
            reason=self.reason,
            until=date.fromisoformat(self.until),
        )


class Audit(Keys):
    """Of the commands `doctor` and `audit`."""

    ignore: Annotated[tuple[Ignored, ...], FromList] = Field(
        default=(), description="Findings that are known and accepted."
    )
