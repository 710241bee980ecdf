"""Names of targets on the command line."""

import difflib
from collections.abc import Sequence

from restorecheck.errors import Problem


def unknown_target(name: str, known: Sequence[str], where: str = "in the configuration") -> Problem:
    """What to say of a name that no target has, with the nearest that one has."""
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return Problem(message=f"no target {name!r} {where}{guess}")
