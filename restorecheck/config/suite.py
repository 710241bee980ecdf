"""The keys of `suite`: the built-in checks of every drill."""

from typing import Any, cast

from pydantic import Field, create_model

from restorecheck.checks.keys import Keys, Minutes, Share, Texts, Weight, optional
from restorecheck.checks.kinds.compared import DEFAULT_DROP
from restorecheck.checks.kinds.pages import DEFAULT_MINUTES
from restorecheck.checks.registry import BUILT_INS
from restorecheck.model import Severity

CHOSEN = tuple(kind for kind in BUILT_INS if kind.built_in and not kind.built_in.always)
"""Built-in checks whose severity can be configured."""


class _Suite(Keys):
    volatile_tables: Texts = Field(
        default=(),
        description="Tables that are emptied and refilled in normal operation, such as "
        "public.sessions or staging.*: their rows are not compared with earlier drills.",
    )
    max_drop: Share = Field(
        default=DEFAULT_DROP,
        description="For not_shrunk: the part of the rows that may be missing, 20% or 0.2.",
    )
    pages_minutes: Minutes = Field(
        default=DEFAULT_MINUTES,
        description="For pages_sound: the maximum time; the report names what was left out.",
    )

    def severities(self) -> dict[str, Severity | None]:
        """Configured severities; None: off."""
        named = {kind.name: getattr(self, kind.name) for kind in CHOSEN}
        return {
            kind: None if weight == "off" else Severity(weight)
            for kind, weight in named.items()
            if weight is not None
        }

    def settings(self) -> dict[str, Any]:
        """The other keys."""
        return {key: getattr(self, key) for key in _Suite.model_fields}


Suite = create_model(
    "Suite",
    __base__=_Suite,
    __doc__="Severity of the built-in checks: required, warning or off.",
    **cast(dict[str, Any], {kind.name: (Weight | None, optional(kind.help)) for kind in CHOSEN}),
)
