"""Dumps in a storage: the newest ones are copied into the drill's directory, and examined there.

If a dump is bad, the next older one is fetched, unless the bad one was chosen on purpose. Nothing is written to the storage.
"""

import errno
import hashlib
import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from restorecheck import choosing
from restorecheck.checks.scan_result import shown_size
from restorecheck.choosing import Listed, NotPicked
from restorecheck.errors import CapacityError, NotFoundError, ProviderError, TransientError
from restorecheck.model import Chosen, Select, SelectBy
from restorecheck.ports import DumpStorage, StoredFile
from restorecheck.postgres.dumpfiles import names, timestamps
from restorecheck.postgres.session.stopwatch import Stopwatch
from restorecheck.spelling import first_of, number_of

MOST_OLDER = 9
"""Older dumps that are fetched because newer ones are bad; then the drill reports no complete dump."""
MOST_JOBS = 50
"""Jobs, distinguished by file names, whose newest dump is fetched; further ones are noted in the report."""
NAMED = 5
"""Jobs that a note names."""
LARGEST_BESIDE = 64 * 1024
"""Bytes of a checksum file beside a dump; a larger one is not fetched."""
SPARE = 256 * 1024**2
"""Bytes of disk that a download leaves free."""
LARGER_DISK = "Let postgres.work_dir name a larger disk."
Expected = Callable[[str, int], int | None]
"""Name of a dump and its bytes → bytes that it will need once it is restored, as far as earlier drills tell."""
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
        return timestamps.when_taken(self.modified_at or now, self._claim, now).at

    def listed(self, address: str, now: datetime) -> Listed:
        known = self.modified_at is not None or self._claim is not None
        facts = [(f.name, f.size_bytes, f.modified_at, f.version) for f in self.files]
        sizes = [file.size_bytes for file in self.files]
        return Listed(
            identifier=address,
            taken_at=self.taken_at(now) if known else None,
            size_bytes=None if None in sizes else self.size_bytes,
            version=choosing.version_of(*facts),
            series=choosing.series_of(self.name),
        )

    @property
    def _claim(self) -> timestamps.Claim | None:
        parts = reversed(PurePosixPath(self.name).parts)
        return next((c for part in parts if (c := timestamps.name_claim(part))), None)


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
    """Whether a name in a storage is a file's, and safe as a path below the drill's directory.

    An object `shop/x.dump/` marks a folder (Amazon S3 User Guide, "Organizing objects by using folders").
    """
    parts = PurePosixPath(name).parts
    named = bool(parts) and not name.startswith("/") and not name.endswith("/")
    return named and ".." not in parts and "\0" not in name


class Fetched:
    """The files of a storage that were copied into a folder of this drill."""

    def __init__(
        self,
        storage: DumpStorage,
        folder: Path,
        *,
        max_size: int | None,
        stop: threading.Event,
        max_rate: float | None = None,
        expected: Expected = lambda _name, _size: None,
        whole_list: bool = False,
    ) -> None:
        """`whole_list`: the newest backups are held against all others, so all are listed."""
        self._storage, self._folder = storage, folder
        self._max_size, self._stop, self._max_rate = max_size, stop, max_rate
        self._expected, self._whole_list = expected, whole_list
        self._jobs: dict[str, tuple[tuple[Listed, ...], Chosen]] = {}
        """By the name of each dump: all dumps of its job, and how one of them was chosen."""
        self._listed: dict[str, Listed] = {}
        self._picked: dict[str, str] = {}
        """By job: what was chosen on purpose, at the first look."""
        self._checksums: dict[str, str] = {}
        """By the name of each file."""
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
        return self._storage.address(self._name(path))

    @property
    def place(self) -> str:
        return self._storage.place

    def listed(self, path: Path) -> Listed:
        """A copied dump, as the storage lists it."""
        name = self._name(path)
        return self._listed.get(name) or Listed(identifier=self._storage.address(name))

    def beside(self, path: Path) -> tuple[tuple[Listed, ...], Chosen] | None:
        """All dumps of the job of this one, and how one of them was chosen; None for another file."""
        return self._jobs.get(self._name(path))

    def checksum(self, identifiers: Sequence[str]) -> str:
        """Of the first copied one of these dumps: of its file, or of the list of its files' checksums."""
        by_address = {self._storage.address(name): dump for name, dump in self._there.items()}
        dump = next((by_address[one] for one in identifiers if one in by_address), None)
        if dump is None:
            return ""
        sums = [self._checksums[file.name] for file in dump.files]
        whole = sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()
        return f"sha256:{whole}"

    def begin(self, now: datetime, select: Select = choosing.NEWEST) -> NotPicked | None:
        """List the storage, and copy one dump of each job: the newest, or the one that the rule names.

        Returns why no dump is the one to restore. Raises as `DumpStorage`, and CapacityError.
        """
        self.detail = f"listing {self._storage.place}"
        self._folder.mkdir(mode=0o755, exist_ok=True)
        self._now = now
        self._further = self._storage.batches()
        newest = select.by is SelectBy.NEWEST
        if newest and not self._whole_list:
            files, every = first_batch(self._further, now)
        else:
            files = [file for batch in self._further for file in batch]
            every = newest_first(files, now)
        self.notes = tuple(deleted_newer(files, every[:1], now))
        self._forget_changed(every)
        by_job: dict[str, list[StoredDump]] = defaultdict(list)
        for dump in every:
            by_job[job_of(dump)].append(dump)
        if len(by_job) > MOST_JOBS:
            self.notes += (f"{len(by_job) - MOST_JOBS} series of dumps were not fetched",)
        first: list[StoredDump] = []
        drawn: list[str] = []
        refused: list[NotPicked] = []
        for job, dumps in list(by_job.items())[:MOST_JOBS]:
            picked = self._pick(job, dumps, select, now)
            if isinstance(picked, NotPicked):
                refused.append(picked)
            else:
                first.append(picked)
                drawn.append(f"{job} ({number_of(self._jobs[picked.name][1].of, 'dump')})")
        if not newest and len(drawn) > 1:
            self.notes += (f"one dump of each job was chosen: {first_of(drawn, NAMED)}",)
        if refused and not first:
            return refused[0]
        begun = {dump.name for dump in first} | self._there.keys()
        self._waiting = [dump for dump in every if newest and dump.name not in begun]
        for dump in first:
            self._copy(dump)
        return None

    def _pick(
        self, job: str, dumps: Sequence[StoredDump], select: Select, now: datetime
    ) -> StoredDump | NotPicked:
        """`dumps`: of one job, the newest first."""
        listed = tuple(dump.listed(self._storage.address(dump.name), now) for dump in dumps)
        found = choosing.pick(select, listed, now)
        if isinstance(found, NotPicked):
            return found
        chosen = dumps[0]
        if select.by is not SelectBy.NEWEST:
            name = self._picked.setdefault(job, dumps[listed.index(found.backup)].name)
            chosen = next((dump for dump in dumps if dump.name == name), chosen)
        beside = listed, found.chosen  # one tuple, shared: a job may have 100,000 dumps
        for dump, one in zip(dumps, listed, strict=True):
            self._listed[dump.name] = one
            self._jobs[dump.name] = beside
        return chosen

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
        self._refuse_too_large(dump)
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

    def _refuse_too_large(self, dump: StoredDump) -> None:
        """Before anything is fetched: what the dump will become."""
        free, room = shutil.disk_usage(self._folder).free, self._folder.parent.parent
        expected = self._expected(PurePosixPath(dump.name).name, dump.size_bytes)
        if expected is not None and dump.size_bytes + expected > free:
            lack = too_little(dump.size_bytes + expected, free, room)
            raise CapacityError(f"{dump.name} was not fetched: {lack}", hint=LARGER_DISK)

    def _write(self, file: StoredFile, place: Path, room: "_Room") -> None:
        try:
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            with place.open("wb") as to:
                copy = _Copy(to, room, self._max_rate, self._stop)
                self._storage.read(file, cast(BinaryIO, copy), self._stop.is_set)
                self._checksums[file.name] = copy.digest
        except NotFoundError as exc:  # retention deleted the file after it was listed
            raise TransientError(exc.message, hint=exc.hint) from exc
        except OSError as exc:
            raise room.refused_by(exc) from exc

    def _place(self, file: StoredFile) -> Path:
        return self._folder / file.name

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._folder))


def too_little(needed: int, free: int, room: Path) -> str:
    return (
        f"the restore needs about {shown_size(needed)}, the size in the last verified drill, and "
        f"{shown_size(free)} are free in {room}"
    )


def newest(storage: DumpStorage, now: datetime) -> tuple[Listed, ...]:
    """Of each job, as the storage lists it. Raises as `DumpStorage`."""
    by_job: dict[str, list[Listed]] = defaultdict(list)
    for dump in first_batch(storage.batches(), now)[1]:
        by_job[job_of(dump)].append(dump.listed(storage.address(dump.name), now))
    return tuple(max(listed, key=choosing.moment_of) for listed in by_job.values())


def job_of(dump: StoredDump) -> str:
    return timestamps.stem(PurePosixPath(dump.name).name)


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
                f"{self._name} was not fetched: its size is {shown_size(self._taken)}, dump.max_size_gb allows "
                f"{shown_size(self._max_size)}"
            )
        if self._taken < self._looked:
            return
        self._looked = self._taken + LOOK_BYTES
        free = shutil.disk_usage(self._folder).free
        if size + SPARE > free:
            raise self._full(
                f"its size is {shown_size(self._taken)}, and {shown_size(free)} are free"
            )

    def refused_by(self, exc: OSError) -> ProviderError:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            return self._full("the disk is full")
        return ProviderError(f"{self._name} was not fetched: {exc.strerror}: {self._folder}")

    def _full(self, because: str) -> CapacityError:
        return CapacityError(
            f"{self._name} was not fetched: {because} in {self._folder.parent.parent}",
            hint=LARGER_DISK,
        )


class _Copy:
    """A file that a storage writes into, as long as there is room, no faster than allowed; and its checksum."""

    def __init__(
        self, file: BinaryIO, room: _Room, rate: float | None, stop: threading.Event
    ) -> None:
        self._file, self._room, self._rate, self._stop = file, room, rate, stop
        self._sum = hashlib.sha256()
        self._written = 0
        self._watch = Stopwatch()

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()

    def write(self, data: bytes) -> int:
        self._room.take(len(data))
        try:
            written = self._file.write(data)
        except OSError as exc:  # it must not look like a lost connection
            raise self._room.refused_by(exc) from exc
        self._sum.update(data)
        self._written += written
        if self._rate is not None:
            self._stop.wait(max(0.0, self._written / self._rate - self._watch.seconds))
        return written
