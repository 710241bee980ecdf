"""The dump for a drill: the newest complete one, and the problems of newer ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from restorecheck import choosing
from restorecheck.choosing import Listed
from restorecheck.model import (
    Backup,
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    Chosen,
    SelectBy,
    Severity,
)
from restorecheck.postgres.dump.globals_file import GlobalsFile
from restorecheck.postgres.dumpfiles import partial, timestamps
from restorecheck.postgres.dumpfiles.cluster_dump import looked_into
from restorecheck.postgres.dumpfiles.find import candidates
from restorecheck.postgres.dumpfiles.inspect import Following, Inspection, inspect
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.dumpfiles.names import family, looks_like_a_dump, whole_of
from restorecheck.postgres.dumpfiles.timestamps import Taken, header_claim, when_taken
from restorecheck.spelling import spell

RECENT = timedelta(minutes=10)
"""An incomplete file that was changed within this time may still be being written."""

EXAMINED = 10
"""Bad dumps that are examined; after so many the search ends, because a folder may have thousands."""
LOOKED_AT = 100
"""Newest files that are examined, dumps or not; the search ends after them."""


@dataclass(frozen=True, slots=True)
class FileState:
    """Size and time of a file; if they change, the file is being written."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The result of the search."""

    chosen: Inspection | None = None
    damaged: tuple[Inspection, ...] = ()
    """Bad dumps that are newer than the chosen one."""
    unusable: Inspection | None = None
    """The newest dump, if it cannot be read here, which says nothing about the backup."""
    undecided: dict[Path, FileState] = field(default_factory=dict)
    """Incomplete and recently changed files, for a second look."""
    notes: tuple[str, ...] = ()
    taken: Mapping[Path, Taken] = field(default_factory=dict)
    """Time of each file whose head and name were read."""
    listed: tuple[Listed, ...] = ()
    """Every dump of this database that there is, as listed."""
    listing: Mapping[Path, Listed] = field(default_factory=dict)
    """Of them, those that are files of this machine."""
    how: Chosen | None = None

    @property
    def is_open(self) -> bool:
        """Whether an older file may be the one to restore."""
        unusable = self.unusable
        return self.chosen is None and (unusable is None or unusable.of_another_database)

    @property
    def on_purpose(self) -> bool:
        """Whether an older dump may have been chosen: it stands for itself, and no other one for it."""
        return self.how is not None and self.how.by is not SelectBy.NEWEST

    def taken_of(self, inspection: Inspection) -> Taken:
        known = self.taken.get(inspection.path)
        return known or when_taken(inspection.modified_at, header_claim(inspection.created_at))


def select(
    path: str,
    decryption: Decryption | None,
    *,
    now: datetime,
    earlier: dict[Path, FileState],
    materialise: Path,
    files: Sequence[Path] | None = None,
    one: bool = False,
    following: Following | None = None,
) -> Selection:
    """Examine the newest dumps until a complete one is found.

    Args:
        path: A file, folder or glob.
        files: The relevant ones, the newest first; by default all, by file time.
        one: There is one, which was named or chosen: it is not passed over, whatever it is.
        decryption: Command that decrypts, where files are encrypted.
        now: The present time.
        earlier: `undecided` of the previous look.
        materialise: Folder for archives that must be unpacked for the restore.
        following: Gets the pieces of a plain dump while it is read.

    Raises:
        NotFoundError: The folder does not exist.
        AccessDeniedError: It cannot be read.
    """
    found = candidates(path).files if files is None else files
    named = one or not Path(path).is_dir()
    notes: list[str] = []
    damaged: list[Inspection] = []
    doubtful: list[Inspection] = []
    parts: list[Inspection] = []
    undecided: dict[Path, FileState] = {}
    for file in found[:LOOKED_AT]:
        if len(damaged) == EXAMINED:
            break
        inspection = looked_into(
            inspect(file, decryption, materialise=materialise, following=following), decryption
        )
        if not named and _is_a_part(inspection):
            parts.append(inspection)
            continue
        if inspection.complete:
            alike = [i for i in doubtful if family(i.path.name) == family(file.name)]
            doubt = next((i for i in alike if i.unusable), None)
            if doubt is not None:
                notes.extend(_passed(doubtful, alike))
                return Selection(unusable=doubt, damaged=tuple(damaged), notes=tuple(notes))
            notes.extend((*_passed(doubtful, alike), *map(_on_part, parts)))
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
            notes.append(f"{file.name} was skipped because it {inspection.problem}")
            continue
        if _has_stopped(inspection, earlier, undecided, notes, now):
            damaged.append(inspection)
    if parts and not damaged:
        return _of_parts(parts, (*notes, *_passed(doubtful, ())))
    unusable = next((i for i in doubtful if i.unusable), None) if not damaged else None
    return Selection(
        unusable=unusable,
        damaged=tuple(damaged),
        undecided=undecided,
        notes=(*notes, *_passed(doubtful, [unusable] if unusable else ())),
    )


def _is_a_part(inspection: Inspection) -> bool:
    """Whether it has only the tables, or only the rows, and its name says so."""
    alone = inspection.complete and partial.NO_ROWS in inspection.missing
    return (alone or inspection.problem == partial.ROWS_ONLY) and bool(
        whole_of(timestamps.stem(inspection.path.name))
    )


def _on_part(inspection: Inspection) -> str:
    return (
        f"{inspection.path.name} was skipped because it {inspection.problem or partial.TABLES_ONLY}"
    )


def _of_parts(parts: Sequence[Inspection], notes: Sequence[str]) -> Selection:
    """Without a dump of all: the two together may be as good as one, alone a part restores nothing."""
    rows = next((part for part in parts if not part.complete), None)
    tables = next((part for part in parts if part.complete), None)
    if tables is None:
        return Selection(damaged=tuple(parts), notes=tuple(notes))
    if rows is None:
        return Selection(chosen=tables, notes=(*notes, *tables.notes))
    beside = replace(
        rows,
        unusable=True,
        problem=f"holds the rows only, and {tables.path.name} the tables: restorecheck restores one file",
        hint="Let the backup job write one file: pg_dump without --schema-only and --data-only.",
    )
    return Selection(unusable=beside, notes=tuple(notes))


def _has_stopped(
    inspection: Inspection,
    earlier: dict[Path, FileState],
    undecided: dict[Path, FileState],
    notes: list[str],
    now: datetime,
) -> bool:
    """Whether a bad file is complete, as far as known; notes one that is still being written."""
    file, seen = inspection.path, FileState(inspection.size_bytes, inspection.mtime_ns)
    if file in earlier and earlier[file] != seen:
        notes.append(f"{file.name} was skipped because it is still being written")
        return False
    if file not in earlier and now - inspection.modified_at < RECENT:
        undecided[file] = seen
    return True


def _says_nothing(inspection: Inspection) -> bool:
    """Whether neither content nor name show that it is a dump: then another dump of the job must."""
    if inspection.beside:
        return False
    if inspection.kind == "container" or inspection.of_another_database:
        return True  # a .tar.gz may contain anything
    nothing = inspection.foreign or inspection.kind == "packed" or inspection.size_bytes == 0
    return nothing and not looks_like_a_dump(inspection.path.name)


def _passed(doubtful: Sequence[Inspection], but: Sequence[Inspection]) -> tuple[str, ...]:
    passed = [inspection for inspection in doubtful if inspection not in but]
    return tuple(f"{i.path.name} was skipped because it {i.problem}" for i in passed)


def backup_of(inspection: Inspection, found: Selection) -> Backup:
    taken = found.taken_of(inspection)
    files = [inspection.path, *(i.path for i in found.damaged)]
    about = [found.listing[file] for file in files if file in found.listing]
    if not found.on_purpose and found.listed:
        # It may have been passed over, with a note that says why: the drill has looked at it.
        about.append(max(found.listed, key=choosing.moment_of))
    listed = found.listing.get(inspection.path)
    return Backup(
        kind="dump",
        identifier=listed.identifier if listed else str(inspection.path),
        taken_at=taken.at,
        time_source=taken.source,
        size_bytes=inspection.size_bytes,
        server_version=inspection.server_version,
        version=listed.version if listed else "",
        checksum=inspection.checksum,
        about={one.identifier: one.version for one in about},
        chosen=found.how,
    )


def findings(
    selection: Selection,
    *,
    max_age: timedelta | None,
    databases: Sequence[str],
    now: datetime,
    every: timedelta | None = None,
    of: str = "",
    database: str = "",
) -> list[CheckResult]:
    """Judgements on the files: is the newest one complete, is it young enough?

    Where an older one was chosen on purpose, that one has to be whole, and the newest young.

    `of`: the database, if the drill has several; `database`: the restored one.
    """
    results: list[CheckResult] = []
    whose = f" of {of}" if of else ""
    if selection.damaged:
        newest = selection.damaged[0]
        results.append(
            _finding(
                f"the {'chosen' if selection.on_purpose else 'newest'} dump{whose} is whole",
                CheckOutcome.FAILED,
                expected="a complete dump",
                found="a damaged one",
                detail=f"{newest.path.name} {newest.problem}",
            )
        )
    results += choosing.findings(selection.listed, every=every, of=of)
    chosen = selection.chosen
    if chosen is None:
        return results
    if chosen.dbname and databases:
        results.append(
            _finding(
                "the dump is of the right database",
                CheckOutcome.PASSED if chosen.dbname in databases else CheckOutcome.FAILED,
                expected=" or ".join(databases),
                found=chosen.dbname,
            )
        )
    results.append(
        choosing.age_of_newest(selection.how, max_age, now, of)
        if selection.how is not None and selection.on_purpose
        else _age(whose, selection.taken_of(chosen), max_age, now)
    )
    return [replace(result, database=of or database) for result in results]


def _age(whose: str, taken: Taken, limit: timedelta | None, now: datetime) -> CheckResult:
    found = f"{_hours(now - taken.at)} old"
    said = f"taken {taken.at:%Y-%m-%d %H:%M} UTC ({taken.source}), now {now:%Y-%m-%d %H:%M} UTC"
    if limit is None:
        return _finding(
            f"the age of the newest dump{whose} has a limit",
            CheckOutcome.FAILED,
            expected="dump.max_age_hours, every, or a schedule",
            found=f"neither; {found}",
            detail="a dump of any age passes",
            severity=Severity.WARNING,
        )
    young = now - taken.at <= limit
    if not young and _hours(now - taken.at) == _hours(limit):
        found = f"{spell(now - taken.at, exact=True)} old"
    return _finding(
        f"the backup{whose} is young enough",
        CheckOutcome.PASSED if young else CheckOutcome.FAILED,
        expected=f"at most {_hours(limit)} old",
        found=found,
        detail="" if young else f"the backup is stale: {said}",
    )


def absent(name: str, path: str, but: str = "") -> CheckResult:
    """The judgement for a configured database without a dump. `but`: why there may be one; a clause."""
    if but:
        return _finding(
            f"there is a dump of {name}",
            CheckOutcome.ERROR,
            expected="a dump",
            detail=f"no file in {path} is known to be a dump of {name}; {but}",
        )
    return _finding(
        f"there is a dump of {name}",
        CheckOutcome.FAILED,
        expected="a dump",
        found="none",
        detail=f"no file in {path} is a dump of {name}",
    )


def unusable(name: str, inspection: Inspection) -> CheckResult:
    """The judgement for a database whose newest dump cannot be read here."""
    return _finding(
        f"the newest dump of {name} is whole",
        CheckOutcome.ERROR,
        expected="a complete dump",
        detail=f"{inspection.path.name} {inspection.problem}",
    )


def on_globals(
    found: GlobalsFile, max_age: timedelta | None, now: datetime
) -> tuple[CheckResult, ...]:
    """Judges the file of roles: is it complete, and within the age limit of the dumps?"""
    if found.problem:
        outcome = CheckOutcome.ERROR if found.unusable else CheckOutcome.FAILED
    else:
        outcome = CheckOutcome.PASSED
    whole = _finding(
        "the newest file of roles is whole",
        outcome,
        expected="a complete file of pg_dumpall --globals-only",
        found=found.path.name,
        detail=f"{found.path.name} {found.problem}" if found.problem else "",
    )
    if max_age is None:
        return (whole,)
    age = _age(" of the roles", found.taken, max_age, now)
    return (whole, replace(age, severity=Severity.WARNING))


def roles_missing(missing: Sequence[str]) -> CheckResult:
    """`missing`: roles with ownership or grants in a dump that no statement creates."""
    return _finding(
        "every role of the dumps is in the file of roles",
        CheckOutcome.FAILED if missing else CheckOutcome.PASSED,
        expected="none missing",
        found=f"{len(missing)} missing",
        detail=f"missing: {', '.join(missing)}; on a new server, their objects and rights do not restore"
        if missing
        else "",
        severity=Severity.WARNING,
    )


def of_the_future(said: Iterable[str]) -> list[CheckResult]:
    """Judgements on skipped dumps with a time in the future; `said`: the reason for each."""
    details = [*said]
    if not details:
        return []
    return [
        _finding(
            "no dump is from the future",
            CheckOutcome.FAILED,
            expected="none",
            found=f"{len(details)}",
            detail=f"{details[0]}; the dump was skipped: correct the clock or the time zone",
            severity=Severity.WARNING,
        )
    ]


def _finding(
    name: str,
    outcome: CheckOutcome,
    *,
    expected: str = "",
    found: str = "",
    detail: str = "",
    severity: Severity = Severity.REQUIRED,
) -> CheckResult:
    return CheckResult(
        name=name,
        kind="backup_file",
        database="",
        severity=severity,
        outcome=outcome,
        expected=expected,
        found=found,
        detail=detail,
        origin=CheckOrigin.BACKUP,
    )


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f} hours"
