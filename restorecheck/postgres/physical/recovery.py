"""A server that replays the WAL of a restored data directory: start, polling, result."""

import re
import subprocess
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from restorecheck.errors import ProviderError
from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres import untrusted_files
from restorecheck.postgres.physical import neutral, outcome, wal
from restorecheck.postgres.physical.broker import Broker
from restorecheck.postgres.physical.moment import Moment
from restorecheck.postgres.physical.outcome import LastSegment, Reached
from restorecheck.postgres.physical.programs import printable
from restorecheck.postgres.physical.source import DamagedBackupError, PhysicalSource, Workshop
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.processes import Fence, Program
from restorecheck.postgres.session.connection import Connection, pin
from restorecheck.postgres.session.messages import log_lines

_CONTROL = re.compile(r"^([^:\n]+):\s+(.*)$", re.MULTILINE)
_NO_RECORD = ("error in WAL record", "could not find a valid record", "invalid WAL segment size")
"""Source: src/bin/pg_waldump/pg_waldump.c."""
_RECORD = re.compile(r"lsn: ([0-9A-F]+/[0-9A-F]+)")


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
    newest: str = ""
    """The newest segment in the archive at the start of recovery."""
    control: dict[str, str] = field(default_factory=dict)
    broker: Broker | None = None
    server: Program | None = None
    missing: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Folder that the server may only read: its configuration, and WAL from the archive."""
        return self.workshop.places.directory / "recovery"

    @property
    def size(self) -> int:
        """Size of a segment in bytes."""
        return int(self.control["Bytes per WAL segment"])

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
        self.broker = Broker(
            folder=self.folder,
            account=workshop.account,
            fetch=lambda name, to: self.source.fetch(name, to, workshop),
            size=self.size,
            system_identifier=self.control["Database system identifier"],
            stop=workshop.stop,
        )
        values = {
            **neutral.write_configuration(self.folder),
            **neutral.recovery_settings(places, self.control, self.installation.major),
            **self.moment.settings(),
            "restore_command": self.broker.start(),
        }
        spaces = (workshop.tablespaces,) if workshop.tablespaces.is_dir() else ()
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
        try:
            self.server.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            return cluster.says_ready(self.workshop.places)
        refused = self.broker.refused if self.broker else None
        told = outcome.explain(log_lines(self.workshop.places.log), refused)
        killed = cluster.killed(self.workshop.places)
        if killed and isinstance(told, Unclear):
            return Unclear(reason=killed)
        return told

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
        if got is None:
            return LastSegment(absent=True)
        if got:
            return LastSegment(problem=got)
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
            within=Fence(readable=(segment.parent,), record=cluster.recorded(self.workshop.places)),
        )
        last, error = None, ""
        with process:
            assert process.stdout is not None, "it was asked for"
            for line in process.stdout:
                if match := _RECORD.search(line.decode(errors="replace")):
                    last = wal.position(match[1])
                else:
                    error = line.decode(errors="replace").strip() or error
                if self.workshop.stop.is_set():
                    process.kill()
        if process.returncode == 0:
            return LastSegment(last_record=last)
        said = printable(error).removeprefix("pg_waldump: error: ")
        if process.returncode == 1 and any(words in said for words in _NO_RECORD):
            return LastSegment(problem=f"is damaged: {said}", last_record=last)
        how = processes.describe_exit(process.returncode)
        raise ProviderError(f"pg_waldump {segment.name} ended with {how}: {said}")

    def end(self, patience: float) -> None:
        if self.broker is not None:
            self.broker.end(patience)
