"""Fetches WAL for a server without network and without access to the archive.

The server's restore_command writes a name and a place into a pipe. This process fetches the file from the archive, as
another user and with secrets that the server does not see, moves it to that place in the data directory, and answers
with a code. Every request is recorded.
"""

import os
import re
import select
import shlex
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from restorecheck.errors import CapacityError, ProviderError
from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.physical import outcome, wal
from restorecheck.postgres.physical.files import make_ours
from restorecheck.postgres.physical.source import ArchiveAnswer, FromArchive, is_about_room
from restorecheck.postgres.server.account import OsUser
from restorecheck.spelling import number_of

COMMAND = (
    "echo %f %p >{folder}/ask && read -r name code <{folder}/answer"
    ' && [ "$name" = %f ] && exit "$code"; exit 201'
)
"""Run by the server's own shell. No program copies: the segment is at its place before the answer. A shell that was
killed left its answer in the pipe: it is of another name.
"""
_REQUEST = re.compile(rf"(?P<name>{wal.REQUESTED.pattern}) (?P<place>(?:[A-Za-z_]+/)?[A-Za-z_]+)")
"""A name and a place below the data directory, as pg_wal/RECOVERYXLOG."""
FETCHED, ABSENT, REFUSED = 0, 1, 200
"""Exit codes of restore_command. The server takes 1 to 125 for "there is no such file", ends recovery there and opens
the database; with a higher code it stops. Source: src/backend/access/transam/xlogarchive.c.
"""
SECOND_LOOK = 2.0
"""Seconds until the second look at an incomplete segment, which may still be being copied into the archive."""
_LOOKS = 0.2
AHEAD = "ahead"
"""Name of a segment that the server has not asked for yet."""
_NOTHING = ("", FromArchive(ArchiveAnswer.ABSENT), 0.0)


@dataclass(frozen=True, slots=True)
class WalRequest:
    name: str
    answer: ArchiveAnswer
    seconds: float


@dataclass(kw_only=True, eq=False)
class Broker:
    folder: Path
    """A folder that the server may read but not write."""
    data: Path
    """The server's data directory, on the same file system."""
    account: OsUser | None
    fetch: Callable[[str, Path], FromArchive]
    size: int
    """Size of a segment in bytes."""
    system_identifier: str
    stop: threading.Event
    second_look: float = SECOND_LOOK
    screen: Callable[[Path], str] | None = None
    """Why the server must not replay a segment; empty: it may."""
    requests: list[WalRequest] = field(default_factory=list)
    refused: Broken | Unclear | None = None
    """Why the broker made the server stop; None: it did not."""
    _ahead: tuple[str, FromArchive, float] = field(default=_NOTHING, init=False)
    """The segment that was asked for before the server wanted it, the archive's answer, and its seconds."""
    _ended: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> str:
        """The server's restore_command."""
        self._incoming = self.folder / "incoming"
        self._incoming.mkdir(mode=0o755)  # pg_waldump lists this folder
        for name in ("ask", "answer"):
            os.mkfifo(self.folder / name, 0o600)
            if self.account is not None:
                os.chown(self.folder / name, self.account.uid, self.account.gid)
        # Opened for reading and writing: then no open blocks, and no read returns end of file.
        self._ask = os.open(self.folder / "ask", os.O_RDWR | os.O_CLOEXEC)
        self._answer = os.open(self.folder / "answer", os.O_RDWR | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return COMMAND.format(folder=shlex.quote(str(self.folder)).replace("%", "%%"))

    def fetch_again(self, name: str, to: Path) -> FromArchive:
        """For a comparison after the recovery.

        Raises:
            ProviderError: The archive does not answer.
            CapacityError: The disk is full.
        """
        got = self._checked(name, to)
        if got.answer is ArchiveAnswer.UNKNOWN and is_about_room(got.said, self.folder.parent):
            full = outcome.not_written(name, got.said)
            raise CapacityError(full.reason, hint=full.hint)
        if got.answer is ArchiveAnswer.UNKNOWN:
            raise ProviderError(f"the WAL archive could not be asked for {name}: {got.said}")
        return got

    def end(self, patience: float) -> None:
        """Serve no further request."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(patience)

    def _serve(self) -> None:
        while not (self.stop.is_set() or self._ended.is_set()):
            if not select.select([self._ask], [], [], _LOOKS)[0]:
                continue
            asked = os.read(self._ask, 4096).decode(errors="replace").strip()
            code, name = REFUSED, ""
            if request := _REQUEST.fullmatch(asked):
                name, place = request["name"], request["place"]
                code = self._ask_archive(name, self._incoming / name)
                if code == FETCHED:
                    code = self._hand_over(self._incoming / name, place)
            os.write(self._answer, f"{name or '-'} {code}\n".encode())
            if code == FETCHED and wal.SEGMENT.fullmatch(name):
                self._fetch_ahead(name)
        for descriptor in (self._ask, self._answer):
            os.close(descriptor)

    def _ask_archive(self, name: str, to: Path) -> int:
        got, seconds = self._fetched(name, to)
        self.requests.append(WalRequest(name, got.answer, seconds))
        match got.answer:
            case ArchiveAnswer.FETCHED:
                to.chmod(0o644)
                if self.screen is None or not wal.SEGMENT.fullmatch(name):
                    return FETCHED
                if not (why := self.screen(to)):
                    return FETCHED
                self.refused = Unclear(reason=f"recovery was stopped at {name}: {why}")
            case ArchiveAnswer.ABSENT:
                return ABSENT
            case ArchiveAnswer.DAMAGED:
                self.refused = Broken(reason=f"the WAL archive is damaged: {name} {got.said}")
            case ArchiveAnswer.UNKNOWN if is_about_room(got.said, self.folder):
                self.refused = outcome.not_written(name, got.said)
            case ArchiveAnswer.UNKNOWN:
                self.refused = Unclear(
                    reason=f"the WAL archive could not be asked for {name}: {got.said}"
                )
        return REFUSED

    def _hand_over(self, file: Path, place: str) -> int:
        try:
            file.chmod(0o600)  # to rename it durably, the server opens it for writing
            if self.account is not None:
                os.chown(file, self.account.uid, self.account.gid)
            with untrusted_files.folder(self.data) as held:
                untrusted_files.move_below(file, held, place)
        except OSError as exc:
            why = f"{file.name} could not be handed to the server: {exc.strerror}"
            self.refused = Unclear(reason=f"recovery was stopped: {why}")
            return REFUSED
        return FETCHED

    def _fetch_ahead(self, name: str) -> None:
        """Fetch the next segment while the server replays this one. Whatever else the archive answers is asked for again
        when the server wants it.
        """
        here, began = wal.Segment.of(name, self.size), time.perf_counter()
        following = wal.Segment(here.timeline, here.number + 1).name(self.size)
        got = self._once(following, self._incoming / AHEAD)
        self._ahead = following, got, time.perf_counter() - began

    def _fetched(self, name: str, to: Path) -> tuple[FromArchive, float]:
        """And the seconds of the fetch."""
        following, got, seconds = self._ahead
        self._ahead = _NOTHING
        if name == following and got.answer is ArchiveAnswer.FETCHED:
            (self._incoming / AHEAD).replace(to)
            return got, seconds
        began = time.perf_counter()
        return self._checked(name, to), time.perf_counter() - began

    def _checked(self, name: str, to: Path) -> FromArchive:
        """Fetch, with a second look at a file that may still be being written."""
        got = self._once(name, to)
        if got.answer is ArchiveAnswer.DAMAGED and not self.stop.wait(self.second_look):
            got = self._once(name, to)
        return got

    def _once(self, name: str, to: Path) -> FromArchive:
        with suppress(FileNotFoundError):
            to.unlink()
        try:
            got = self.fetch(name, to)
            if got.answer is not ArchiveAnswer.FETCHED:
                return got
            make_ours(to)
            if not wal.SEGMENT.fullmatch(name):
                return got
            with to.open("rb") as file:
                head = file.read(wal.HEADER_BYTES)
            length = to.stat().st_size
        except OSError as exc:
            return FromArchive(ArchiveAnswer.UNKNOWN, exc.strerror or "could not be read")
        if length != self.size:
            return FromArchive(ArchiveAnswer.DAMAGED, f"has {length:,} bytes, not {self.size:,}")
        if wrong := wal.misfit(head, name, self.size, self.system_identifier):
            return FromArchive(ArchiveAnswer.DAMAGED, wrong)
        return got


def told(requests: Sequence[WalRequest]) -> list[str]:
    """Every request; consecutive fetched files are on one line."""
    lines = []
    for fetched, some in groupby(requests, lambda request: request.answer is ArchiveAnswer.FETCHED):
        group = list(some)
        if fetched and len(group) > 1:
            seconds = sum(request.seconds for request in group)
            names = f"{group[0].name} to {group[-1].name}"
            lines.append(f"{names}: {number_of(len(group), 'file')} fetched in {seconds:.1f} s")
        else:
            lines += [f"{r.name}: {r.answer.value} in {r.seconds:.1f} s" for r in group]
    return lines
