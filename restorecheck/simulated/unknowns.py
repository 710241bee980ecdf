"""What nobody outside of AWS knows: each a switch, and the product must end well under both answers.

A recording of a real account settles one (docs/how-to/conformance.md); until then `make simulate`
plays every combination.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Early(StrEnum):
    """What a copy of a shared snapshot is told before the share has arrived."""

    NOT_FOUND = "DBSnapshotNotFound"
    DENIED = "AccessDenied"
    KEY = "KMSKeyNotAccessibleFault"


class Original(StrEnum):
    """`OriginalSnapshotCreateTime` of a copy in another account. "Doesn't change when the snapshot is
    copied", says the API reference (DBSnapshot), and of accounts nothing.
    """

    KEPT = "that of the first snapshot"
    ABSENT = "not said"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """The default is what is more likely, or documented without an example."""

    tags_late: bool = False
    """Tags of a new thing are not in the first descriptions of it. Nothing is documented; the wait of
    aws-cloudformation-resource-providers-rds for tags after a create says that it happens.
    """
    early: Early = Early.NOT_FOUND
    original: Original = Original.KEPT
    available_twice: bool = False
    """A restored instance says `available`, then `modifying` and `rebooting`, then `available` again,
    when its parameter group is applied; seen by users of Terraform's provider.
    """
    deletes_while_creating: bool = False
    """Whether `DeleteDBInstance` is accepted while the instance is made."""

    @classmethod
    def every(cls) -> "Iterator[Unknowns]":
        """Every combination of answers."""
        known: list[tuple[str, tuple[Any, ...]]] = []
        for field in fields(cls):
            kind: Any = field.type
            known.append((field.name, (False, True) if kind is bool else tuple(kind)))
        names = [name for name, _ in known]
        for chosen in itertools.product(*(answers for _, answers in known)):
            yield cls(**dict(zip(names, chosen, strict=True)))
