"""A sample that everyone can draw again. Pure."""

from collections.abc import Sequence

from restorecheck.evidence.rows import DrillRow
from restorecheck.history import sha256_of


def drawn(rows: Sequence[DrillRow], size: int, seed: str) -> tuple[DrillRow, ...]:
    """The drills for which the SHA-256 of `SEED DRILL_ID` is the lowest, in the order of these hashes.

    A larger sample of the same seed begins with the smaller one.
    """
    return tuple(sorted(rows, key=lambda row: sha256_of(f"{seed} {row.drill_id}"))[:size])


def in_words(of: int, size: int, seed: str) -> str:
    return (
        f"{min(size, of)} of {of} drills of the period: those for which the SHA-256 of the text "
        f"“{seed} DRILL_ID” is the lowest. Verdicts play no part. “printf '%s' '{seed} DRILL_ID' | sha256sum” "
        "computes the hash of one drill; drills.csv lists all of them."
    )
