"""What stands in an evidence pack. Pure: a history in, values out."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from restorecheck.evidence.gaps import Gap
from restorecheck.evidence.notes import Note, NoteKind
from restorecheck.evidence.rows import DrillRow
from restorecheck.evidence.sampling import drawn
from restorecheck.history import Entry
from restorecheck.model import Verdict
from restorecheck.spelling import first_of, number_of, second_of

BACKWARDS = timedelta(minutes=5)
"""Reports that end out of order by more than this were not only written at the same time: the clock was set back."""
NAMED = 20
"""Drills that one remark names; the rest is counted."""


def astray(entries: Sequence[Entry], since: datetime, until: datetime) -> tuple[str, ...]:
    """Ids of the drills that a wrong clock has moved out of the period; `entries` in sequence.

    A clock that was set back for one drill would otherwise take that drill out of every pack.
    """
    inside = [entry.sequence for entry in entries if since <= entry.finished_at < until]
    if not inside:
        return ()
    return tuple(
        entry.drill_id
        for entry in entries
        if inside[0] < entry.sequence < inside[-1]
        and not since - BACKWARDS <= entry.finished_at < until + BACKWARDS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoped:
    """One target, as it is configured now."""

    name: str
    kind: str = ""
    configured: bool = True
    """False: only the history still knows it."""
    schedule: str = ""
    restored_in: str = ""
    proof_hours: float | None = None
    rpo_hours: float | None = None
    rto_minutes: float | None = None
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One target in the period."""

    target: str
    verified: int
    failed: int
    inconclusive: int
    first: datetime | None
    last: datetime | None
    last_verified: datetime | None
    worst_rpo: float | None
    worst_rto: float | None
    without_drill: int

    @property
    def drills(self) -> int:
        return self.verified + self.failed + self.inconclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A drill that was not as it should be, what people said of it, and when the target was proven again."""

    row: DrillRow
    notes: tuple[Note, ...]
    proven_again: DrillRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Everything that is shown; faces only lay it out."""

    since: datetime
    until: datetime
    made_at: datetime
    version: str
    targets: tuple[str, ...]
    """The chosen targets; empty: all."""
    scope: tuple[Scoped, ...]
    unconfigured: tuple[str, ...]
    """Databases that were found and are no target."""
    looked: str
    """Where they were looked for; empty: nowhere."""
    rows: tuple[DrillRow, ...] = field(repr=False)
    gaps: tuple[Gap, ...]
    notes: tuple[Note, ...]
    flaws: tuple[str, ...]
    """What `history verify` found when the pack was made."""
    judged: bool
    keys: tuple[str, ...]
    sample_size: int
    seed: str
    astray: tuple[str, ...] = ()
    """Drills stored between the first and the last of the period that ended outside of it, by their clock."""

    @property
    def sample(self) -> tuple[DrillRow, ...]:
        return drawn(self.rows, self.sample_size, self.seed)

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        return tuple(_deviations(self.rows, self.notes))

    @property
    def acceptances(self) -> tuple[Note, ...]:
        return tuple(
            n for n in self.notes if n.kind is NoteKind.ACCEPTANCE and self._in_period(n.at)
        )

    @property
    def approvals(self) -> tuple[Note, ...]:
        """Of exactly this period and these targets."""
        asked = (self.since, self.until, self.targets)
        return tuple(
            n
            for n in self.notes
            if n.kind is NoteKind.APPROVAL and (n.since, n.until, n.targets) == asked
        )

    @property
    def counted(self) -> tuple[Counted, ...]:
        without = Counter[str]()
        for gap in self.gaps:
            without[gap.target] += gap.nights
        of_target: dict[str, list[DrillRow]] = {scoped.name: [] for scoped in self.scope}
        for row in self.rows:
            of_target.setdefault(row.target, []).append(row)
        return tuple(_counted(name, rows, without[name]) for name, rows in of_target.items())

    @property
    def chosen(self) -> dict[str, int]:
        """How the backups were chosen → how often."""
        found = Counter(
            row.backup_chosen.partition(" ")[0] or "not recorded" for row in self.rows if row.backup
        )
        return dict(found.most_common())

    @property
    def signatures(self) -> dict[str, int]:
        return dict(Counter(row.signature for row in self.rows).most_common())

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader has to know before anything else."""
        return tuple(_remarks(self))

    def _in_period(self, at: datetime) -> bool:
        return self.since <= at < self.until


@cache
def controls() -> dict[str, Any]:
    """The map of requirements, as data with sources and a date."""
    found: dict[str, Any] = json.loads(
        (resources.files("restorecheck.evidence") / "controls.json").read_text("utf-8")
    )
    return found


def _deviations(rows: Sequence[DrillRow], notes: Sequence[Note]) -> Iterator[Deviation]:
    on: dict[str, list[Note]] = {}
    for note in notes:
        if note.drill_id:
            on.setdefault(note.drill_id, []).append(note)
    proven: dict[str, DrillRow] = {}
    found = []
    for row in reversed(rows):
        if row.is_deviation:
            said = tuple(on.get(row.drill_id, ()))
            found.append(Deviation(row=row, notes=said, proven_again=proven.get(row.target)))
        else:
            proven[row.target] = row
    yield from reversed(found)


def _counted(name: str, rows: Sequence[DrillRow], without: int) -> Counted:
    verdicts = Counter(row.verdict for row in rows)
    verified = [row.finished_at for row in rows if row.verdict == Verdict.VERIFIED.value]
    ends = [row.finished_at for row in rows]
    return Counted(
        target=name,
        verified=verdicts[Verdict.VERIFIED.value],
        failed=verdicts[Verdict.FAILED.value],
        inconclusive=verdicts[Verdict.INCONCLUSIVE.value],
        first=min(ends, default=None),
        last=max(ends, default=None),
        last_verified=max(verified, default=None),
        worst_rpo=max((r.rpo_seconds for r in rows if r.rpo_seconds is not None), default=None),
        worst_rto=max((r.rto_seconds for r in rows if r.rto_seconds is not None), default=None),
        without_drill=without,
    )


def _remarks(pack: Pack) -> Iterator[str]:
    for flaw in pack.flaws:
        yield f"The history has a flaw: {flaw}"
    for before, row in pairwise(pack.rows):
        if before.finished_at - row.finished_at > BACKWARDS:
            yield (
                f"The clock was set back: drill {row.drill_id} was stored after drill {before.drill_id} and ended "
                f"before it ({second_of(row.finished_at)}, {second_of(before.finished_at)})"
            )
    if pack.astray:
        yield (
            f"Stored in the period, but ended outside of it, so that a clock was wrong: {first_of(pack.astray, NAMED)}"
        )
    if late := [row for row in pack.rows if row.finished_at > pack.made_at + BACKWARDS]:
        yield f"{number_of(len(late), 'drill')} ended after this pack was made: a clock was wrong"
    if removed := sum(1 for row in pack.rows if not row.restore):
        yield (
            f"Retention reduced {number_of(removed, 'report')} of the period to one line: what was restored and checked "
            "in these drills can no longer be shown"
        )
    unsigned = sum(1 for row in pack.rows if row.signature == "none")
    if unsigned:
        yield f"{number_of(unsigned, 'report')} of the period not signed"
    if not pack.judged and unsigned < len(pack.rows):
        yield "Signatures were not verified when this pack was made: no public key was given (--key)"
    if not pack.looked:
        yield (
            "Databases that are no target were not looked for: --found takes the output of “restorecheck audit "
            "--format json”"
        )
    if gone := [scoped.name for scoped in pack.scope if not scoped.configured]:
        yield f"No longer configured, with drills in the period: {', '.join(gone)}"


def as_json(pack: Pack) -> dict[str, Any]:
    """`evidence.json`: all but the drills, which are in drills.csv."""
    return {
        "schema_version": 1,
        "since": pack.since.isoformat(),
        "until": pack.until.isoformat(),
        "made_at": pack.made_at.isoformat(),
        "restorecheck_version": pack.version,
        "targets": list(pack.targets),
        "remarks": list(pack.remarks),
        "scope": [_plain(each) for each in pack.scope],
        "found_and_not_configured": {"looked": pack.looked, "databases": list(pack.unconfigured)},
        "counted": [_plain(each) for each in pack.counted],
        "drills": len(pack.rows),
        "deviations": [
            {
                "drill_id": each.row.drill_id,
                "target": each.row.target,
                "verdict": each.row.verdict,
                "reason": each.row.reason,
                "notes": [note.number for note in each.notes],
                "proven_again": each.proven_again.drill_id if each.proven_again else None,
            }
            for each in pack.deviations
        ],
        "nights_without_a_drill": [_plain(each) for each in pack.gaps],
        "notes": [note.model_dump(mode="json") for note in pack.notes],
        "approvals": [note.number for note in pack.approvals],
        "how_backups_were_chosen": pack.chosen,
        "sample": {
            "size": pack.sample_size,
            "seed": pack.seed,
            "drills": [row.drill_id for row in pack.sample],
        },
        "signatures": pack.signatures,
        "keys": list(pack.keys),
        "controls": controls(),
    }


def _plain(value: Any) -> Mapping[str, Any]:  # noqa: ANN401  # a flat dataclass of ours
    found = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {
        name: each.isoformat() if hasattr(each, "isoformat") else each
        for name, each in found.items()
    }
