"""What `make test` leaves to `make test-all`: most of what is slow and shows what a quicker test shows, too.

Of each entry of `SLOW` a share runs, others each time (`RESTORECHECK_SEED`), and at least one: each case has its
turn. CI runs the rest afterwards.
"""

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol, TypeVar

from tests.chosen import SEED
from tests.slow import SLOW


class Named(Protocol):
    @property
    def nodeid(self) -> str: ...


T = TypeVar("T", bound=Named)


def split(items: Iterable[T]) -> tuple[list[T], list[T]]:
    """Those of a quick run, and the rest."""
    slow: dict[str, list[T]] = defaultdict(list)
    quick: list[T] = []
    for item in items:
        entry = entry_of(item.nodeid.partition("[")[0])
        (slow[entry] if entry else quick).append(item)
    rest: list[T] = []
    for entry, cases in slow.items():
        units = list(dict.fromkeys(_unit(entry, case) for case in cases))
        dice = random.Random(f"{SEED}{entry}")  # no secret
        taken = {*dice.sample(units, max(1, round(len(units) * SLOW[entry].share)))}
        for case in cases:
            (quick if _unit(entry, case) in taken else rest).append(case)
    return quick, rest


def _unit(entry: str, case: Named) -> str:
    """What runs whole or not at all: a test, or of a folder a file, whose tests share what is dear to make and
    are held against a promise together.
    """
    return case.nodeid if entry.endswith(".py") or "::" in entry else case.nodeid.partition("::")[0]


def entry_of(name: str) -> str:
    """The longest entry of `SLOW` that a test function belongs to; empty where there is none."""
    found = (
        entry for entry in SLOW if name == entry or name.startswith((f"{entry}::", f"{entry}/"))
    )
    return max(found, key=len, default="")
