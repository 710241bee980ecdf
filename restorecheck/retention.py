"""Which copies in the backup account may be deleted. Pure.

The last good copy is never deleted: whatever `keep` says, the newest copy with the verdict
`verified` stays, and no copy is deleted before a newer one is available. A copy whose verdict is not known
(its tag could not be written) may be the last good one: it stays until a newer one is verified.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from restorecheck.model import Verdict

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A backup that restorecheck made, of one target."""

    identifier: str
    origin: str
    """The snapshot that was copied; two copies of one origin hold the same data."""
    taken_at: datetime | None
    """When the origin was taken."""
    made_at: datetime | None
    """When this copy was made; None while it is being made."""
    available: bool
    broken: bool = False
    """It will never be available."""
    verdict: Verdict | None = None
    """None: no drill has judged it."""


def prunable(copies: Sequence[Copy], keep: int) -> tuple[Copy, ...]:
    """The copies that may be deleted, oldest first.

    `keep` counts origins. Of several copies of one origin the one with the best proof counts, and
    the others may be deleted. Unfinished copies are never touched.
    """
    assert keep >= 1, "at least one copy is kept"
    whole = sorted((c for c in copies if c.available), key=_age, reverse=True)
    origins = _one_of_each_origin(whole)
    last_good = next((n for n, c in enumerate(origins, 1) if _is_verified(c)), len(origins))
    may_be_good = (c for c in origins[:last_good] if _is_verified(c) or c.verdict is None)
    protected = {c.identifier for c in (*origins[:keep], *whole[:1], *may_be_good)}
    gone = [c for c in whole if c.identifier not in protected]
    # A copy that never became available is deleted only when another one is available.
    broken = [c for c in copies if c.broken and not c.available and whole]
    return tuple(sorted((*gone, *broken), key=_age))


def _age(copy: Copy) -> tuple[datetime, datetime, str]:
    return copy.taken_at or _LONG_AGO, copy.made_at or _LONG_AGO, copy.identifier


def _one_of_each_origin(newest_first: Sequence[Copy]) -> list[Copy]:
    best: dict[str, Copy] = {}
    for copy in newest_first:
        held = best.get(copy.origin)
        if held is None or _proof(copy) > _proof(held):
            best[copy.origin] = copy
    return sorted(best.values(), key=_age, reverse=True)


def _proof(copy: Copy) -> int:
    if copy.verdict is None:
        return 1
    return 2 if _is_verified(copy) else 0


def _is_verified(copy: Copy) -> bool:
    return copy.verdict is Verdict.VERIFIED
