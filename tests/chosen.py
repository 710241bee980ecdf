"""A part of a long enumeration, another one each time: every point has its turn within some nights.

`SIMULATION=all` takes all of them; `RESTORECHECK_SEED` takes those that failed once more.
"""

import os
import random
from collections.abc import Iterable, Sequence
from typing import Any

SEED = int(os.environ.setdefault("RESTORECHECK_SEED", str(random.randrange(1_000_000))))
"""Set in the environment, so that every process of a parallel run chooses the same."""


def chosen(points: Iterable[Any], share: float) -> Sequence[Any]:
    """About this share of the points, in their order, and at least one."""
    every = list(points)
    if os.environ.get("SIMULATION") == "all":
        return every
    number = max(1, round(len(every) * share))
    places = sorted(
        random.Random(f"{SEED}{len(every)}").sample(range(len(every)), number)
    )  # no secret
    return [every[place] for place in places]
