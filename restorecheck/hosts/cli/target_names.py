"""Names of targets on the command line."""

import difflib
from collections.abc import Sequence

from restorecheck.errors import Problem


def unknown_target(
    name: str,
    known: Sequence[str],
    where: str = "in the configuration",
    *,
    words: Sequence[str] = (),
) -> Problem:
    """The error for an unknown target, with the nearest known name.

    `words`: where else the name was searched.
    """
    guess = nearest(name, [*known, *words]) or f"; known: {', '.join(known)}"
    return Problem(message=f"no target {name!r} {where}{guess}")


def nearest(name: str, known: Sequence[str]) -> str:
    """A suggestion as the end of a sentence; empty: no name is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near and near[0] != name else ""
