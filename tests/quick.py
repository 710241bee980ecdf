"""What `make test` leaves to `make test-all`: most of what is slow and shows what a quicker test shows, too.

Of each group of `tests/slow.py` some entries run, and of each of these some tests: others each time (`RESTORECHECK_SEED`), and
at least one. Each case has its turn. CI runs the rest afterwards.
"""

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol, TypeVar

from tests.chosen import SEED
from tests.slow import GROUPS


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
    for group, entries in GROUPS:
        there = [entry for entry in entries if entry in slow]
        drawn = _drawn(there, group.entries, " ".join(entries))
        for entry in there:
            cases = slow[entry]
            taken = (
                _drawn([_unit(entry, case) for case in cases], group.share, entry)
                if entry in drawn
                else set[str]()
            )
            for case in cases:
                (quick if _unit(entry, case) in taken else rest).append(case)
    return quick, rest


def _drawn(names: Iterable[str], share: float, what: str) -> set[str]:
    """So many of the names, and at least one; every name by itself has its turn."""
    own = list(dict.fromkeys(names))
    dice = random.Random(f"{SEED}{what}")  # no secret
    return {*dice.sample(own, max(1, round(len(own) * share)))} if own else set()


def _unit(entry: str, case: Named) -> str:
    """What runs whole or not at all: a test, or of a folder a file, whose tests share what is dear to make and
    are held against a promise together.
    """
    return case.nodeid if entry.endswith(".py") or "::" in entry else case.nodeid.partition("::")[0]


def entry_of(name: str) -> str:
    """The longest entry of `GROUPS` that a test function belongs to; empty where there is none."""
    found = (
        entry
        for _, entries in GROUPS
        for entry in entries
        if name == entry or name.startswith((f"{entry}::", f"{entry}/"))
    )
    return max(found, key=len, default="")
