"""Which backup of a target is drilled: the keys, and the rule that they become."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from restorecheck.checks.keys import Keys, Text, optional, refusal
from restorecheck.model import Select, SelectBy

WORDS = ("newest", "oldest", "random", "rotating")
EXPECTED = (
    "expected newest, oldest, random, rotating, {random: {within_days: 30}} or {name: BACKUP}"
)


MOST_DAYS = 36_600
DAYS = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_DAYS}


def only(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """JSON schema of a mapping with this one key."""
    return {
        "type": "object",
        "properties": {key: value},
        "required": [key],
        "additionalProperties": False,
    }


class Within(Keys):
    within_days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = Field(
        description="Only backups that are no older than this when the drill begins."
    )


class SelectKeys(Keys):
    """Which backup is drilled."""

    model_config = ConfigDict(title="Select")

    by: Literal["newest", "oldest", "random", "rotating"] | None = optional(
        "One of the single words newest, oldest, random and rotating."
    )
    name: Text | None = optional("The identifier of one backup, or the last part of it.")
    random: Within | None = optional("A random one of the newer backups.")

    def rule(self) -> Select:
        if self.name is not None:
            return Select(by=SelectBy.NAMED, name=self.name)
        if self.random is not None:
            return Select(by=SelectBy.RANDOM, within=timedelta(days=self.random.within_days))
        return Select(by=SelectBy(self.by or "newest"))


def _written(value: Any) -> Any:  # noqa: ANN401  # before validation
    if isinstance(value, str) and value in WORDS:
        return {"by": value}
    if not isinstance(value, dict):
        raise refusal(f"{EXPECTED}, found {{found}}")
    if len(value) != 1:
        raise refusal(f"{EXPECTED}; found a mapping with {len(value)} keys")
    return value


SelectRule = Annotated[
    SelectKeys,
    BeforeValidator(_written),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*WORDS]},
                only("name", {"type": "string", "minLength": 1}),
                only("random", only("within_days", DAYS)),
            ]
        }
    ),
]
NEWEST = SelectKeys(by="newest")


def rule_of(text: str) -> Select:
    """As the command line names it: one of the words, else the name of a backup."""
    return SelectKeys(by=text).rule() if text in WORDS else Select(by=SelectBy.NAMED, name=text)  # type: ignore[arg-type]  # looked at
