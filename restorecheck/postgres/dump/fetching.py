"""Dumps in a storage: the newest ones are copied into the drill's directory, and examined there.

If a dump is bad, the next older one is fetched. Nothing is written to the storage.
"""

import errno
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from restorecheck.checks.scan_result import shown_size
from restorecheck.errors import CapacityError, NotFoundError, ProviderError, TransientError
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.postgres.dumpfiles import names, timestamps

MOST_OLDER = 9
"""Older dumps that are fetched because newer ones are bad; then the drill reports no complete dump."""
MOST_JOBS = 50
"""Jobs, distinguished by file names, whose newest dump is fetched; further ones are noted in the report."""
LARGEST_BESIDE = 64 * 1024
"""Bytes of a checksum file beside a dump; a larger one is not fetched."""
SPARE = 256 * 1024**2
"""Bytes of disk that a download leaves free."""
TOC = "toc.dat"
LOOK_BYTES = 64 * 1024**2
"""Written between two looks at how much of the disk is free."""
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)
"""Time of a copy if the storage has no time for the dump, instead of the time of the download."""


@dataclass(frozen=True, slots=True)
class StoredDump:
    """The files of one dump: a file, its pieces, or a folder in pg_dump's directory format."""

    name: str
    files: tuple[StoredFile, ...]
    beside: tuple[StoredFile, ...] = ()
    """Checksum files and similar ones."""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes or 0 for file in self.files)

    @property
    def modified_at(self) -> datetime | None:
        return max((f.modified_at for f in self.files if f.modified_at), default=None)

    @property
    def problem(self) -> str:
        return next((file.problem for file in self.files if file.problem), "")

    def taken_at(self, now: datetime) -> datetime:
        """The time by the name or the storage."""
        parts = reversed(PurePosixPath(self.name).parts)
        claim = next((c for part in parts if (c := timestamps.name_claim(part))), None)
        return timestamps.when_taken(self.modified_at or now, claim, now).at


def dumps_among(files: Iterable[StoredFile]) -> list[StoredDump]:
    """Every dump that a listing shows, but for those that were deleted."""
    by_name = {f.name: f for f in files if _is_safe(f.name) and f.deleted_at is None}
    folders = {str(PurePosixPath(name).parent) for name in by_name if name.endswith(f"/{TOC}")}
    members: dict[str, list[StoredFile]] = defaultdict(list)
    pieces: dict[object, list[StoredFile]] = defaultdict(list)
    beside: dict[str, list[StoredFile]] = defaultdict(list)
    """Extra files by the name of their dump."""
    for name, file in by_name.items():
        folder, _, last = name.rpartition("/")
        if folder in folders:
            members[folder].append(file)
            continue
        if names.looks_beside(last):
            if (file.size_bytes or 0) <= LARGEST_BESIDE:
                beside[name.rpartition(".")[0]].append(file)
            continue
        if names.is_unfinished(last):
            continue
        mark = names.mark_of(last)
        joined = mark is not None and f"{folder}/{mark.at(0)}".lstrip("/") in by_name
        pieces[(folder, mark.group) if mark and joined else name].append(file)
    single = [sorted(found, key=lambda f: f.name) for found in pieces.values()]
    return [
        *(StoredDump(name, tuple(found)) for name, found in members.items()),
        *(StoredDump(f[0].name, tuple(f), tuple(beside[f[0].name])) for f in single),
    ]


def _is_safe(name: str) -> bool:
    """Whether a name in a storage is safe as a path below the drill's directory."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name


class Fetched:
    """The files of a storage that were copied into a folder of this drill."""

    def __init__(
        self, storage: DumpStorage, folder: Path, *, max_size: int | None, stop: threading.Event
    ) -> None:
        self._storage, self._folder = storage, folder
        self._max_size, self._stop = max_size, stop
        self._there: dict[str, StoredDump] = {}
        self._waiting: list[StoredDump] = []
        self._older = 0
        self._now = UNKNOWN
        self._further: Iterator[Sequence[StoredFile]] = iter(())
        """Further batches of the listing, read only when needed."""
        self.notes: tuple[str, ...] = ()
        self.detail = "reading"
        """The present action, for the progress."""

    @property
    def path(self) -> str:
        """Path of the copies: a folder, or a glob with as many levels as the names."""
        depth = max((len(PurePosixPath(name).parts) for name in self._there), default=1)
        if depth == 1:
            return str(self._folder)
        return str(Path(escape(str(self._folder)), *["*"] * depth))

    def address(self, path: Path) -> str:
        """Name of a copied dump in reports."""
        return self._storage.address(str(path.relative_to(self._folder)))

    def begin(self, now: datetime) -> None:
        """List the storage, and copy the newest dump of each job. Raises as `DumpStorage`, and CapacityError."""
        self.detail = f"listing {self._storage.place}"
        self._folder.mkdir(mode=0o755, exist_ok=True)
        self._now = now
        self._further = self._storage.batches()
        files, every = first_batch(self._further, now)
        self.notes = tuple(deleted_newer(files, every[:1], now))
        self._forget_changed(every)
        by_job: dict[str, list[StoredDump]] = defaultdict(list)
        for dump in every:
            by_job[timestamps.stem(PurePosixPath(dump.name).name)].append(dump)
        if len(by_job) > MOST_JOBS:
            self.notes += (f"{len(by_job) - MOST_JOBS} series of dumps were not fetched",)
        newest = [dumps[0] for dumps in list(by_job.values())[:MOST_JOBS]]
        begun = {dump.name for dump in newest} | self._there.keys()
        self._waiting = [dump for dump in every if dump.name not in begun]
        for dump in newest:
            self._copy(dump)

    def one_more(self) -> bool:
        """Copy the next older dump; False where there is none, or enough were copied.

        One that cannot be read hides nothing: a newer one is bad, and that is known.
        """
        while self._older < MOST_OLDER and not self._stop.is_set():
            if not self._waiting:
                files = next(self._further, None)
                if files is None:
                    return False
                self._waiting = newest_first(files, self._now)
                continue
            dump = self._waiting.pop(0)
            if dump.name in self._there:
                continue
            self._older += 1
            try:
                self._copy(dump)
            except TransientError:
                raise
            except ProviderError as exc:
                self.notes += (exc.message,)
                continue
            return True
        return False

    def _forget_changed(self, every: Sequence[StoredDump]) -> None:
        """Copies changed files again: they were being written."""
        present = {dump.name: dump for dump in every}
        for name, dump in list(self._there.items()):
            if present.get(name) != dump:
                del self._there[name]
                for file in (*dump.files, *dump.beside):
                    self._place(file).unlink(missing_ok=True)

    def _copy(self, dump: StoredDump) -> None:
        if dump.name in self._there or self._stop.is_set():
            return
        if dump.problem:
            raise ProviderError(f"{dump.name} {dump.problem}")
        _Room(dump.name, self._max_size, self._folder).take(dump.size_bytes)
        self.detail = f"fetching {PurePosixPath(dump.name).name}"
        room = _Room(dump.name, self._max_size, self._folder)
        for file in (*dump.files, *dump.beside):
            place = self._place(file)
            try:
                self._write(file, place, room)
            except BaseException:
                place.unlink(missing_ok=True)  # the room is needed
                raise
            at = (file.modified_at or UNKNOWN).timestamp()
            os.utime(place, (at, at))
        self._there[dump.name] = dump
        self.detail = "reading"

    def _write(self, file: StoredFile, place: Path, room: "_Room") -> None:
        try:
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with place.open("wb") as to:
                self._storage.read(file, cast(BinaryIO, _Copy(to, room)), self._stop.is_set)
        except NotFoundError as exc:  # retention deleted the file after it was listed
            raise TransientError(exc.message, hint=exc.hint) from exc
        except OSError as exc:
            raise room.refused_by(exc) from exc

    def _place(self, file: StoredFile) -> Path:
        return self._folder / file.name


def newest_first(files: Iterable[StoredFile], now: datetime) -> list[StoredDump]:
    by_age = [(dump.taken_at(now), dump.name, dump) for dump in dumps_among(files)]
    return [dump for *_, dump in sorted(by_age, key=lambda one: one[:2], reverse=True)]


def first_batch(
    batches: Iterator[Sequence[StoredFile]], now: datetime
) -> tuple[Sequence[StoredFile], list[StoredDump]]:
    """The first that has a dump in it, and its dumps, the newest first."""
    files: Sequence[StoredFile] = ()
    for files in batches:
        if found := newest_first(files, now):
            return files, found
    return files, []


def deleted_newer(
    files: Iterable[StoredFile], newest: Sequence[StoredDump], now: datetime
) -> Iterator[str]:
    """Notes on deleted files that were newer than every present dump."""
    since = newest[0].taken_at(now) if newest else UNKNOWN
    for file in files:
        if file.deleted_at is not None and StoredDump(file.name, (file,)).taken_at(now) > since:
            yield f"{file.name}, which is newer, was deleted at {file.deleted_at:%Y-%m-%d %H:%M} UTC"


class _Room:
    """How much may still be written of one dump."""

    def __init__(self, name: str, max_size: int | None, folder: Path) -> None:
        self._name, self._max_size, self._folder = name, max_size, folder
        self._taken = self._looked = 0

    def take(self, size: int) -> None:
        """Before so many bytes are written.

        Raises:
            ProviderError: The dump is larger than is allowed.
            CapacityError: There is no room for it on the disk.
        """
        self._taken += size
        if self._max_size is not None and self._taken > self._max_size:
            raise ProviderError(
                f"{self._name} was not fetched: it has {shown_size(self._taken)}, dump.max_size_gb allows "
                f"{shown_size(self._max_size)}"
            )
        if self._taken < self._looked:
            return
        self._looked = self._taken + LOOK_BYTES
        free = shutil.disk_usage(self._folder).free
        if size + SPARE > free:
            raise self._full(f"it has {shown_size(self._taken)}, and {shown_size(free)} are free")

    def refused_by(self, exc: OSError) -> ProviderError:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            return self._full("the disk is full")
        return ProviderError(f"{self._name} was not fetched: {exc.strerror}: {self._folder}")

    def _full(self, because: str) -> CapacityError:
        return CapacityError(
            f"{self._name} was not fetched: {because} in {self._folder.parent.parent}",
            hint="Let postgres.work_dir name a larger disk.",
        )


class _Copy:
    """A file that a storage writes into, as long as there is room."""

    def __init__(self, file: BinaryIO, room: _Room) -> None:
        self._file, self._room = file, room

    def write(self, data: bytes) -> int:
        self._room.take(len(data))
        try:
            return self._file.write(data)
        except OSError as exc:  # it must not look like a lost connection
            raise self._room.refused_by(exc) from exc
