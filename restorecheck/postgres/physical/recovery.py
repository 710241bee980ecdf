"""A server that replays the WAL of a restored data directory: start, polling, result."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from restorecheck.errors import ProviderError
from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.physical import neutral, outcome, wal
from restorecheck.postgres.physical.broker import Broker
from restorecheck.postgres.physical.moment import Moment
from restorecheck.postgres.physical.outcome import LastSegment, Reached
from restorecheck.postgres.physical.programs import printable
from restorecheck.postgres.physical.source import (
    ArchiveAnswer,
    DamagedBackupError,
    PhysicalSource,
    Workshop,
)
from restorecheck.postgres.physical.wal import Segment
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Started
from restorecheck.postgres.server.processes import Fence, Program
from restorecheck.postgres.session.connection import Connection, pin
from restorecheck.postgres.session.messages import log_lines

_CONTROL = re.compile(r"^([^:\n]+):\s+(.*)$", re.MULTILINE)
_NAP = 0.05
_NO_RECORD = ("error in WAL record", "could not find a valid record", "invalid WAL segment size")
"""Source: src/bin/pg_waldump/pg_waldump.c."""
_RECORD = re.compile(r"lsn: ([0-9A-F]+/[0-9A-F]+)")
_COMMIT = re.compile(
    r"desc: COMMIT(?:_PREPARED)? (?:\d+: )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC"
)
"""Source: src/backend/access/rmgrdesc/xactdesc.c, xact_desc_commit."""
_MADE_SPACE = re.compile(r'desc: CREATE \d+ "([^"\n]*)')
"""Source: src/backend/access/rmgrdesc/tblspcdesc.c."""
LOOKED_BACK = 64
"""Segments that are looked at for the newest commit, from the newest back: an idle cluster archives segments without one."""


def control_data(workshop: Workshop, installation: Installation) -> dict[str, str]:
    """The output of pg_controldata, which only warns about a damaged file, and exits with 0.

    Raises:
        DamagedBackupError: global/pg_control is missing or damaged.
    """
    data = workshop.places.data
    done = workshop.run(installation, "pg_controldata", "-D", data, readable=(data,))
    if done.code or "warning" in (done.out + done.err).lower():
        raise DamagedBackupError(f"global/pg_control of the backup: {done.first_line}")
    return dict(_CONTROL.findall(done.out))


@dataclass(kw_only=True, eq=False)
class Recovery:
    """One recovery, from the start of the server until it accepts connections."""

    workshop: Workshop
    source: PhysicalSource
    installation: Installation
    moment: Moment
    pauses: bool = False
    """The server stands at the moment as a standby that answers queries, and can go on from there. Else it is promoted."""
    number: int = 0
    """Of several recoveries in one drill."""
    newest: str = ""
    """The newest segment in the archive at the start of recovery."""
    control: dict[str, str] = field(default_factory=dict)
    broker: Broker | None = None
    server: Program | None = None
    started: Started = field(default_factory=Started)
    missing: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Folder that the server may only read: its configuration, and WAL from the archive."""
        return self.workshop.places.directory / f"recovery-{self.number}"

    @property
    def size(self) -> int:
        """Size of a segment in bytes."""
        return int(self.control["Bytes per WAL segment"])

    def look_at_archive(self, *, newest_commit: bool) -> tuple[str, datetime | None]:
        """The newest segment in the archive (empty: there is none), and the time of its newest commit, if that is asked for.

        Raises:
            DamagedBackupError: global/pg_control is missing or damaged.
            ProviderError: The archive cannot be read.
        """
        self.control = self.control or control_data(self.workshop, self.installation)
        newest = self.source.newest_segment(self.workshop)
        return newest, self._newest_commit(newest) if newest and newest_commit else None

    def _newest_commit(self, newest: str) -> datetime | None:
        """Looks at the last segments of the archive, from the newest back; None: none has a commit."""
        folder = self.workshop.places.directory / "newest"
        folder.mkdir(mode=0o755, exist_ok=True)  # pg_waldump lists this folder
        segment, size = Segment.of(newest, self.size), self.size
        for number in range(segment.number, max(segment.number - LOOKED_BACK, -1), -1):
            name = Segment(segment.timeline, number).name(size)
            if self._broker().fetch_again(name, folder / name).answer is not ArchiveAnswer.FETCHED:
                break
            (folder / name).chmod(0o644)
            commit = self._dumped(folder / name).newest_commit
            (folder / name).unlink()
            if commit is not None:
                return commit
        return None

    def _broker(self) -> Broker:
        return Broker(
            folder=self.folder,
            data=self.workshop.places.data,
            account=self.workshop.account,
            fetch=lambda name, to: self.source.fetch(name, to, self.workshop),
            size=self.size,
            system_identifier=self.control["Database system identifier"],
            stop=self.workshop.stop,
            screen=self._new_space if "files" in processes.missing_walls() else None,
        )

    def _new_space(self, segment: Path) -> str:
        """Whether the segment makes a tablespace: without a file system of its own, a server may empty or write to the
        folder of that name, which is production's.
        """
        try:
            done = self.workshop.run(
                self.installation, "pg_waldump", "--rmgr=Tablespace", segment,
                readable=(segment.parent,),
            )  # fmt: skip
        except ProviderError as exc:
            return f"pg_waldump could not look for tablespaces in it: {exc}"
        if made := _MADE_SPACE.search(done.out):
            return f"it makes a tablespace in {printable(made[1])}"
        if done.code and not any(words in done.err for words in _NO_RECORD):
            return f"pg_waldump could not look for tablespaces in it: it {done.how}"
        return ""

    def _screen_own_wal(self, broker: Broker) -> None:
        """Raises ProviderError."""
        if broker.screen is None:
            return
        place = self.workshop.places.data / "pg_wal"
        with untrusted_files.folder(place) as held:
            own = sorted(name for name in os.listdir(held) if wal.SEGMENT.fullmatch(name))  # noqa: PTH208  # by a descriptor
        for name in own:
            if why := self._new_space(place / name):
                raise ProviderError(
                    f"the server was not started: in {name} of the backup, {why}",
                    hint=outcome.LATER_SPACE,
                )

    def start(self, *, outlive_us: bool) -> list[str]:
        """Start the server; returns notes.

        Raises:
            DamagedBackupError: Recovery of this data directory cannot start.
            ProviderError, CapacityError: The server cannot be started.
        """
        workshop, places = self.workshop, self.workshop.places
        self.control = self.control or control_data(workshop, self.installation)
        notes = neutral.neutralise(
            places.data, workshop.tablespaces, workshop.account, self.installation.major
        )
        self.folder.mkdir(mode=0o711)
        places.log.unlink(missing_ok=True)  # of an earlier recovery
        self.broker = self._broker()
        self._screen_own_wal(self.broker)
        major = self.installation.major
        values = {
            **neutral.write_configuration(self.folder),
            **neutral.recovery_settings(places, self.control, major),
            **(neutral.standby_settings(self.control) if self.pauses else {}),
            **self.moment.settings(action="pause" if self.pauses else "promote"),
            "restore_command": self.broker.start(),
        }
        spaces = (workshop.tablespaces,) if workshop.tablespaces.is_dir() else ()
        self.started = Started(values=values, writable=spaces, readable=(self.folder,))
        self.server = cluster.begin(
            places,
            self.installation,
            workshop.account,
            values,
            outlive_us=outlive_us,
            writable=spaces,
            readable=(self.folder,),
        )
        cluster.note_standing(places, self.server)
        self.missing = self.server.missing
        return notes

    def look(self, patience: float) -> bool | Broken | Unclear:
        """Whether the server accepts connections, or why it ended. Waits at most so many seconds."""
        assert self.server is not None, "it was started"
        for _ in range(round(patience / _NAP)):
            try:
                self.server.wait(timeout=_NAP)
            except subprocess.TimeoutExpired:
                if not self.pauses and cluster.says_ready(self.workshop.places):
                    return True
            else:
                return self._why_ended()
        return self.pauses and self._has_paused()

    def _why_ended(self) -> Broken | Unclear:
        refused = self.broker.refused if self.broker else None
        told = outcome.explain(log_lines(self.workshop.places.log), refused)
        killed = cluster.killed(self.workshop.places)
        if killed and isinstance(told, Unclear):
            return Unclear(reason=killed)
        return told

    def _has_paused(self) -> bool | Unclear:
        """Whether the server stands at the moment. A standby with less than production's settings pauses, too: elsewhere."""
        lines = list(log_lines(self.workshop.places.log))
        if any(outcome.TOO_SMALL in line for line in lines):
            return Unclear(
                reason="recovery paused: production raised a setting such as max_connections after the backup"
            )
        return any(outcome.PAUSED in line for line in lines)

    @property
    def detail(self) -> str:
        requests = self.broker.requests if self.broker else []
        segments = [r.name for r in requests if wal.SEGMENT.fullmatch(r.name)]
        last = f", the last is {segments[-1]}" if segments else ""
        return f"recovering: {len(segments)} WAL segments{last}"

    def reached(self, connection: Connection) -> Reached:
        """The end of the recovery.

        Raises:
            ProviderError: The server does not report it.
        """
        pin(connection)
        row = connection.execute(
            "select pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp()"
        ).fetchone()
        says = outcome.read_log(log_lines(self.workshop.places.log))
        if row is None or row[0] is None or says.new_timeline is None:
            raise ProviderError("the server did not report the end of its recovery")
        lsn, commit = wal.position(str(row[0])), row[1]
        assert commit is None or isinstance(commit, datetime), "a timestamp"
        return Reached(
            lsn=lsn,
            timeline=self._replayed_timeline(says.new_timeline),
            last_record=lsn - 1 if says.last_record is None else says.last_record,
            consistent_at=says.consistent_at,
            newest_commit=commit,
        )

    def stands_at(self, connection: Connection) -> Reached:
        """Where a paused server stands. Its timeline is that of the last segment it was given."""
        pin(connection)
        row = connection.execute(
            "select pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp()"
        ).fetchone()
        if row is None or row[0] is None:
            raise ProviderError("the server did not report where it paused")
        lsn, commit = wal.position(str(row[0])), row[1]
        assert commit is None or isinstance(commit, datetime), "a timestamp"
        return Reached(lsn=lsn, timeline=0, last_record=lsn - 1, newest_commit=commit)

    def _replayed_timeline(self, new: int) -> int:
        """The timeline that was replayed, from the history of the new one."""
        try:
            place = self.workshop.places.data / "pg_wal"
            history = untrusted_files.read_small(place, f"{new:08X}.history")
        except OSError as exc:
            raise ProviderError(
                f"the history of timeline {new} cannot be read: {exc.strerror}"
            ) from exc
        left = wal.parent(history)
        return left[0] if left else 1

    def last_segment(self, reached: Reached) -> LastSegment:
        """The archive's copy of the last segment: all records of a complete segment can be read."""
        assert self.broker is not None, "it was started"
        name = reached.segment(self.size).name(self.size)
        folder = self.folder / "compare"
        folder.mkdir(mode=0o755, exist_ok=True)  # pg_waldump lists this folder
        got = self.broker.fetch_again(name, folder / name)
        if got.answer is ArchiveAnswer.ABSENT or got.partial:
            return LastSegment(absent=not got.partial, partial=got.partial)
        if got.answer is ArchiveAnswer.DAMAGED:
            return LastSegment(problem=got.said)
        (folder / name).chmod(0o644)
        return self._dumped(folder / name)

    def _dumped(self, segment: Path) -> LastSegment:
        """Reads its records, one on each line, and keeps only the last: a segment may have a gigabyte."""
        process = processes.spawn(
            [self.installation.program("pg_waldump"), segment],
            directory=self.workshop.places.directory,
            account=self.workshop.account,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            extra_environment={"TZ": "UTC"},
            within=Fence(readable=(segment.parent,), record=cluster.recorded(self.workshop.places)),
        )
        last, error, commit = None, "", ""
        with process:
            assert process.stdout is not None, "it was asked for"
            for line in process.stdout:
                text = line.decode(errors="replace")
                if match := _RECORD.search(text):
                    last = wal.position(match[1])
                    if found := _COMMIT.search(text):
                        commit = found[1]
                else:
                    error = text.strip() or error
                if self.workshop.stop.is_set():
                    process.kill()
        if process.returncode == 0:
            return LastSegment(last_record=last, newest_commit=_time(commit))
        said = printable(error).removeprefix("pg_waldump: error: ")
        if process.returncode == 1 and any(words in said for words in _NO_RECORD):
            return LastSegment(
                problem=f"is damaged: {said}", last_record=last, newest_commit=_time(commit)
            )
        how = processes.describe_exit(process.returncode)
        raise ProviderError(f"pg_waldump {segment.name} ended with {how}: {said}")

    def end(self, patience: float) -> None:
        if self.broker is not None:
            self.broker.end(patience)


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
