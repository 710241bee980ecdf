"""The chain of reports, and the state of a target. Pure: entries in, answers out.

The reports of one history form a chain: each has the SHA-256 of the one before. A report that is
changed, added or removed breaks the chain, unless every later report is rewritten. That is seen
by the hashes in messages.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from restorecheck.model import Drill, DrillOf, Verdict
from restorecheck.report.status import TargetStatus
from restorecheck.spelling import number_of


def sha256_of(text: str) -> str:
    return sha256_of_bytes(text.encode())


def sha256_of_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The place of a new report in the chain."""

    sequence: int
    previous_sha256: str
    """Empty for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report in the history, without its text."""

    sequence: int
    drill_id: str
    target: str
    verdict: Verdict
    started_at: datetime
    finished_at: datetime
    scheduled_for: datetime | None
    left_behind: bool
    announce: bool
    previous_sha256: str
    sha256: str
    of: DrillOf = DrillOf.NEWEST
    """Which backup the drill was about."""
    pruned_at: datetime | None = None
    """When retention removed its text; the entry stays in the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entry with its text; None: retention removed it."""

    entry: Entry
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The present state of a target."""

    target: str
    latest: Entry | None = None
    proven: Entry | None = None
    """The newest verified one; none of an older backup that was only asked for."""
    newest_proven: Entry | None = None
    """The newest verified one of the newest backup."""
    bad: int = 0
    """Drills after `proven` that were not verified."""
    decisive: Entry | None = None
    """The newest one that decides what is said of the target: `is_decisive`."""

    def proof(self, *, samples: bool) -> Entry | None:
        """The newest drill that proves the target. `samples`: by its rule it drills older backups, too; else only a
        drill of the newest backup is a proof.
        """
        return self.proven if samples else self.newest_proven


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A person accepted what failed in a drill: later drills are compared with that drill."""

    target: str
    drill_id: str
    sequence: int
    at: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """An error in the chain."""

    sequence: int
    drill_id: str
    what: str


def entry_of(drill: Drill, link: Link, text: str) -> Entry:
    """The entry of a finished drill; `text` is its report."""
    assert drill.verdict is not None, "a report is of a finished drill"
    assert drill.finished_at is not None, "as above"
    return Entry(
        sequence=link.sequence,
        drill_id=drill.id,
        target=drill.target,
        verdict=drill.verdict,
        started_at=drill.started_at,
        finished_at=drill.finished_at,
        scheduled_for=drill.scheduled_for,
        left_behind=bool(drill.ledger),
        announce=drill.announce,
        previous_sha256=link.previous_sha256,
        sha256=sha256_of(text),
        of=drill.of,
    )


def flaws(reports: Iterable[Stored], keep: timedelta | None = None) -> Iterator[Flaw]:
    """The errors in the chain; `reports` in sequence.

    Removed newest reports or a rewritten history show no flaw: compare the last hash with the one
    in a message.
    """
    expected = 1
    previous = ""
    for report in reports:
        entry = report.entry
        for what in (*_misplaced(entry, expected, previous), *_altered(report, keep)):
            yield Flaw(entry.sequence, entry.drill_id, what)
        expected, previous = entry.sequence + 1, entry.sha256


def _misplaced(entry: Entry, expected: int, previous: str) -> Iterator[str]:
    if entry.sequence != expected:
        gap = entry.sequence - expected
        yield f"{number_of(gap, 'report')} before this one missing, from {expected}"
    elif entry.previous_sha256 != previous:
        yield "the report does not hold the hash of the previous report"


def _altered(report: Stored, keep: timedelta | None) -> Iterator[str]:
    entry = report.entry
    if report.text is None:
        if entry.pruned_at is None:
            yield "the text of the report is missing, and retention did not remove it"
        elif keep is not None and entry.pruned_at - entry.finished_at < keep:
            yield "retention removed the text of the report too early"
        return
    if sha256_of(report.text) != entry.sha256:
        yield "the text of the report was changed"
        return
    said = json.loads(report.text)
    for key, value in _listed(entry).items():
        if said.get(key, value) != value:
            yield f"the report says {key} {said[key]}, its line in the history {value}"
    carried = said.get("chain")
    if carried is None:
        return  # written by a version without a chain
    if carried != {"sequence": entry.sequence, "previous_sha256": entry.previous_sha256}:
        yield "the report and its hash do not match"


def _listed(entry: Entry) -> dict[str, str]:
    """What stands both in a report and in its line: a line that was changed shows no other trace."""
    named = {"drill_id": entry.drill_id, "target": entry.target, "verdict": entry.verdict.value}
    return {**named, "about": entry.of.value}


def is_decisive(entry: Entry) -> bool:
    """Whether the drill decides what is said of its target. An older backup that was asked for only counts where it
    is bad: else it would hide that the newest one is.
    """
    return entry.of is not DrillOf.ASKED or entry.verdict is Verdict.FAILED


def standing_of(target: str, entries: Sequence[Entry]) -> Standing:
    """By all entries of the target, in sequence."""
    verified = [entry for entry in entries if entry.verdict is Verdict.VERIFIED]
    proven = [entry for entry in verified if entry.of is not DrillOf.ASKED]
    newest = [entry for entry in verified if entry.of is DrillOf.NEWEST]
    last = proven[-1].sequence if proven else 0
    since = [entry for entry in entries if entry.sequence > last]
    return Standing(
        target=target,
        latest=entries[-1] if entries else None,
        proven=proven[-1] if proven else None,
        newest_proven=newest[-1] if newest else None,
        bad=sum(1 for entry in since if entry.verdict is not Verdict.VERIFIED),
        decisive=next((entry for entry in reversed(entries) if is_decisive(entry)), None),
    )


def overdue_since(
    standing: Standing, allowed: timedelta, known_since: datetime | None, *, samples: bool
) -> datetime | None:
    """When the target became, or will become, overdue; None: neither a drill nor a schedule is known."""
    proof = standing.proof(samples=samples)
    begin = proof.finished_at if proof else known_since
    return None if begin is None else begin + allowed


def status_of(
    standing: Standing, allowed: timedelta, now: datetime, *, samples: bool, left_behind: bool
) -> TargetStatus:
    """The present state of a target by its history. A target that was never verified is overdue.

    `samples`: as `Standing.proof`.
    """
    latest, newest = standing.decisive, standing.newest_proven
    proven = standing.proof(samples=samples)
    return TargetStatus(
        target=standing.target,
        verdict=latest.verdict if latest else None,
        drill_id=latest.drill_id if latest else "",
        drilled_at=latest.finished_at if latest else None,
        proven_at=proven.finished_at if proven else None,
        samples=samples,
        newest_proven_at=newest.finished_at if newest else None,
        allowed=allowed,
        overdue=proven is None or now > proven.finished_at + allowed,
        bad=standing.bad,
        left_behind=left_behind,
        next_at=None,
    )
