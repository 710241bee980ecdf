"""Which dump a drill is about: the newest complete one, and what is wrong with newer ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.model import (
    Backup,
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Severity,
)
from restorecheck.postgres.dumpfiles.find import candidates
from restorecheck.postgres.dumpfiles.inspect import Inspection, inspect
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.dumpfiles.names import family, looks_like_a_dump

RECENT = timedelta(minutes=10)
"""An incomplete file that was changed this recently may still be being written."""

EXAMINED = 10
"""Bad dumps that are looked into before giving up: a folder may hold thousands."""
LOOKED_AT = 100
"""Newest files, whatever they are: other files may lie among the dumps."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Size and time of a file at one look; unlike at the next look means: it is being written."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was found."""

    chosen: Inspection | None = None
    damaged: tuple[Inspection, ...] = ()
    """Newer than the chosen one, and bad."""
    unusable: Inspection | None = None
    """The newest one cannot be looked into here; says nothing about the backup."""
    undecided: dict[Path, Snapshot] = field(default_factory=dict)
    """Incomplete and recently changed: look again in a moment."""
    notes: tuple[str, ...] = ()


def select(
    path: str,
    decryption: Decryption | None,
    *,
    now: datetime,
    earlier: dict[Path, Snapshot],
    materialise: Path,
) -> Selection:
    """Look at the newest dumps until a complete one is found.

    Args:
        path: A file, folder or glob.
        decryption: Command that decrypts, where files are encrypted.
        now: The present time.
        earlier: What was undecided at the look before this one.
        materialise: Folder for archives that must be unwrapped to be restored.

    Raises:
        NotFoundError: The folder does not exist.
        AccessDeniedError: It cannot be read.
    """
    found = candidates(path)
    named = not Path(path).is_dir()
    notes: list[str] = []
    damaged: list[Inspection] = []
    doubtful: list[Inspection] = []
    undecided: dict[Path, Snapshot] = {}
    for file in found.files[:LOOKED_AT]:
        if len(damaged) == EXAMINED:
            break
        inspection = inspect(file, decryption, materialise=materialise)
        if inspection.complete:
            alike = [i for i in doubtful if family(i.path.name) == family(file.name)]
            doubt = next((i for i in alike if i.unusable), None)
            if doubt is not None:
                notes.extend(_passed(doubtful, alike))
                return Selection(unusable=doubt, damaged=tuple(damaged), notes=tuple(notes))
            notes.extend(_passed(doubtful, alike))
            damaged += [i for i in alike if _has_stopped(i, earlier, undecided, notes, now)]
            return Selection(
                chosen=inspection,
                damaged=tuple(sorted(damaged, key=lambda i: -i.mtime_ns)),
                undecided=undecided,
                notes=(*notes, *inspection.notes),
            )
        if not named and _says_nothing(inspection):
            doubtful.append(inspection)
            continue
        if inspection.unusable:
            notes.extend(_passed(doubtful, ()))
            return Selection(unusable=inspection, damaged=tuple(damaged), notes=tuple(notes))
        if inspection.beside:
            notes.append(f"{file.name} was passed over: it {inspection.problem}")
            continue
        if _has_stopped(inspection, earlier, undecided, notes, now):
            damaged.append(inspection)
    unusable = next((i for i in doubtful if i.unusable), None) if not damaged else None
    return Selection(
        unusable=unusable,
        damaged=tuple(damaged),
        undecided=undecided,
        notes=(*notes, *_passed(doubtful, [unusable] if unusable else ())),
    )


def _has_stopped(
    inspection: Inspection,
    earlier: dict[Path, Snapshot],
    undecided: dict[Path, Snapshot],
    notes: list[str],
    now: datetime,
) -> bool:
    """Whether a bad file is not being written any more, as far as can be told; notes what else it is."""
    file, seen = inspection.path, Snapshot(inspection.size_bytes, inspection.mtime_ns)
    if file in earlier and earlier[file] != seen:
        notes.append(f"{file.name} was passed over: it is still being written")
        return False
    if file not in earlier and now - inspection.modified_at < RECENT:
        undecided[file] = seen
    return True


def _says_nothing(inspection: Inspection) -> bool:
    """Whether neither content nor name say that it is a dump: then a dump of the same job has to."""
    if inspection.beside:
        return False
    if inspection.kind == "container":
        return True  # a .tar.gz may hold anything
    nothing = inspection.foreign or inspection.kind == "packed" or inspection.size_bytes == 0
    return nothing and not looks_like_a_dump(inspection.path.name)


def _passed(doubtful: Sequence[Inspection], but: Sequence[Inspection]) -> tuple[str, ...]:
    passed = [inspection for inspection in doubtful if inspection not in but]
    return tuple(f"{i.path.name} was passed over: it {i.problem}" for i in passed)


def backup_of(inspection: Inspection) -> Backup:
    return Backup(
        kind="dump",
        identifier=str(inspection.path),
        taken_at=taken_at(inspection),
        size_bytes=inspection.size_bytes,
        server_version=inspection.server_version,
    )


CLOCK_DOUBT = timedelta(hours=26)
"""An archive's own time has no zone: it can differ from ours by up to 26 hours."""


def taken_at(inspection: Inspection) -> datetime:
    """When the dump was taken: the file's time, unless the archive itself says much earlier.

    Copying a file anew makes it look young; what is written inside does not change.
    """
    return when_taken(inspection.modified_at, inspection.created_at)


def when_taken(modified: datetime, created_at: datetime | None) -> datetime:
    """`created_at`: as the archive says, without a zone."""
    if created_at is None:
        return modified
    created = created_at.replace(tzinfo=UTC)
    return created if modified - created > CLOCK_DOUBT else modified


def findings(
    selection: Selection,
    *,
    max_age: timedelta | None,
    databases: Sequence[str],
    now: datetime,
) -> list[CheckResult]:
    """Judgements on the files themselves: is the newest one whole, is it young enough?"""
    results: list[CheckResult] = []
    if selection.damaged:
        newest = selection.damaged[0]
        results.append(
            _finding(
                "the newest dump is whole",
                CheckOutcome.FAILED,
                expected="a complete dump",
                found="a damaged one",
                detail=f"{newest.path.name} {newest.problem}",
            )
        )
    if selection.chosen is not None and selection.chosen.dbname and databases:
        name = selection.chosen.dbname
        results.append(
            _finding(
                "the dump is of the right database",
                CheckOutcome.PASSED if name in databases else CheckOutcome.FAILED,
                expected=" or ".join(databases),
                found=name,
                detail="",
            )
        )
    if selection.chosen is not None and max_age is not None:
        taken = taken_at(selection.chosen)
        age = now - taken
        young = age <= max_age
        results.append(
            _finding(
                "the backup is young enough",
                CheckOutcome.PASSED if young else CheckOutcome.FAILED,
                expected=f"at most {_hours(max_age)} old",
                found=f"{_hours(age)} old",
                detail=""
                if young
                else f"the backup is stale: taken {taken:%Y-%m-%d %H:%M} UTC, "
                f"now {now:%Y-%m-%d %H:%M} UTC",
            )
        )
    return results


def _finding(
    name: str, outcome: CheckOutcome, *, expected: str, found: str, detail: str
) -> CheckResult:
    return CheckResult(
        name=name,
        kind="backup_file",
        database="",
        severity=Severity.REQUIRED,
        outcome=outcome,
        expected=expected,
        found=found,
        detail=detail,
        origin=CheckOrigin.BACKUP,
    )


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f} hours"
