"""What `doctor` finds out about the place where the dumps of a target are: read, never tried by writing."""

import os
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from restorecheck.errors import RestorecheckError
from restorecheck.ports import DumpStorage
from restorecheck.postgres.dump.fetching import UNKNOWN, StoredDump, first_batch
from restorecheck.postgres.dumpfiles.timestamps import NO_TIME
from restorecheck.rules.facts import DumpFacts, Unread

NOT_FETCHED = Unread("a drill", "the dump is in a storage, and doctor does not fetch dumps")


def of_storage(facts: DumpFacts, storage: DumpStorage) -> DumpFacts:
    """Facts from the listing of a storage."""
    try:
        _, dumps = first_batch(storage.batches(), UNKNOWN)
    except RestorecheckError as exc:
        return replace(facts, problem=exc.message)
    if not dumps:
        return replace(facts, problem=f"there is no dump at {storage.place}")
    newest = dumps[0]
    taken = newest.taken_at(UNKNOWN)
    return replace(
        facts,
        problem=_read_problem(storage, newest),
        newest=storage.address(newest.name),
        size_bytes=newest.size_bytes,
        taken_at=None if taken < NO_TIME else taken,
        head=NOT_FETCHED,
        preview=NOT_FETCHED,
        changes_allowed=_changes_allowed(storage),
    )


class _First:
    """Takes the first bytes of a dump; that they come says that the dump may be read."""

    def __init__(self) -> None:
        self.came = False

    def write(self, data: bytes) -> int:
        self.came = True
        return len(data)


def _read_problem(storage: DumpStorage, dump: StoredDump) -> str:
    if dump.problem:
        return f"{dump.name} {dump.problem}"
    first = _First()
    try:
        storage.read(dump.files[0], cast(BinaryIO, first), lambda: first.came)
    except RestorecheckError as exc:
        return exc.message
    return ""


def _changes_allowed(storage: DumpStorage) -> tuple[str, ...] | Unread | None:
    try:
        allowed = storage.changes_allowed()
    except RestorecheckError as exc:
        return Unread("iam:SimulatePrincipalPolicy", exc.message)
    return None if allowed is None else tuple(allowed)


def folder_changes(place: Path) -> tuple[str, ...] | None:
    """What the user of this process could do in a folder. Root may do everything that the mount allows."""
    folder = place if place.is_dir() else place.parent
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return ()
    if os.geteuid() == 0:
        return None
    return (f"write to {folder}",) if os.access(folder, os.W_OK) else ()
