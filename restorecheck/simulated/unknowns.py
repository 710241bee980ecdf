"""Undocumented behaviour of AWS, as switches: restorecheck must work with every setting.

A recording of a real account settles one (docs/how-to/conformance.md); until then `make simulate`
tests every combination. `sandbox.answers` sets them in the sandbox.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from restorecheck.simulated.families import Family


class Early(StrEnum):
    """What a copy of a shared snapshot is told before the share has arrived."""

    NOT_FOUND = "DBSnapshotNotFound"
    DENIED = "AccessDenied"
    KEY = "KMSKeyNotAccessibleFault"
    STATE = "InvalidDBSnapshotState"

    def code(self, family: Family) -> str:
        """The same answer of a snapshot of this family."""
        match self:
            case Early.NOT_FOUND:
                return family.no_snapshot
            case Early.STATE:
                return family.bad_snapshot_state
            case _:
                return self.value


class Original(StrEnum):
    """`OriginalSnapshotCreateTime` of a copy in another account. "Doesn't change when the snapshot is
    copied", says the API reference (DBSnapshot), and of accounts nothing.
    """

    KEPT = "the same in both accounts"
    ABSENT = "missing in the copy"
    ANOTHER = "a different one in the copy"


class Statuses(StrEnum):
    """What a restored instance goes through. Applying a parameter group shows as `modifying`, and users of
    Terraform's provider have seen `available` before it.
    """

    PLAIN = "creating, available"
    MODIFYING = "creating, modifying, available"
    TWICE = "creating, available, modifying, rebooting, available"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """The default is what is more likely, or documented without an example."""

    tags_late: bool = False
    """Tags of a new thing are not in the first descriptions of it. Nothing is documented;
    aws-cloudformation-resource-providers-rds waits for them, which says that it happens.
    """
    early: Early = Early.NOT_FOUND
    original: Original = Original.KEPT
    statuses: Statuses = Statuses.PLAIN
    deletes_while_creating: bool = False
    """Whether `DeleteDBInstance` is accepted while the instance is made."""

    @classmethod
    def every(cls) -> "Iterator[Unknowns]":
        """Every combination of answers."""
        known = _answers(cls)
        for chosen in itertools.product(*known.values()):
            yield cls(**dict(zip(known, chosen, strict=True)))

    @classmethod
    def each(cls) -> "Iterator[Unknowns]":
        """Every answer once, with the others as by default."""
        for name, answers in _answers(cls).items():
            for answer in answers:
                yield cls(**{name: answer})


def _answers(cls: type[Unknowns]) -> dict[str, tuple[Any, ...]]:
    kinds: dict[str, Any] = {field.name: field.type for field in fields(cls)}
    return {name: (False, True) if k is bool else tuple(k) for name, k in kinds.items()}
