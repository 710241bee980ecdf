"""Chooses one of several physical backups. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from restorecheck.postgres.physical.moment import Moment

NEWEST, OLDEST = "newest", "oldest"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalBackup:
    """One backup, as its source lists it."""

    name: str
    """Name, unique in its source."""
    address: str
    """Name in reports."""
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    starts_at: int | None = None
    ends_at: int | None = None
    """WAL position of its end."""
    size_bytes: int | None = None
    """Size after the restore."""
    needs: tuple[str, ...] = ()
    """Names of the backups that it needs, the full one first."""
    system_identifier: str = ""
    major: int | None = None
    problem: str = ""
    """Why it cannot be restored; completes `<name> …`."""
    in_progress: bool = False
    """It may still be being written."""
    notes: tuple[str, ...] = ()

    @property
    def ended(self) -> datetime | None:
        """Time of its end, or if unknown of its start."""
        return self.stopped_at or self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    backup: PhysicalBackup | None = None
    newest: PhysicalBackup | None = None
    """The newest backup that ended in time, if it is damaged and another one is chosen."""
    how: str = ""
    """For the report: how it was chosen, and from how many."""
    reason: str = ""
    """Why no backup is chosen."""
    skipped: tuple[str, ...] = ()
    """Names of backups that may still be being written."""


def choose(backups: Sequence[PhysicalBackup], select: str, moment: Moment) -> Chosen:
    """`backups`: the oldest first. `select`: `newest`, `oldest`, or the name of one."""
    if not backups:
        return Chosen(reason="there is no backup")
    skipped = tuple(b.name for b in backups if b.in_progress)
    there = [b for b in backups if not b.in_progress]
    if select not in {NEWEST, OLDEST}:
        there = [b for b in backups if b.name == select]
        if not there:
            return Chosen(reason=f"there is no backup {select!r} among {len(backups)}")
    fitting = [b for b in there if _ended_before(b, moment)]
    if not fitting:
        if not there:
            return Chosen(reason="the only backup is still being written", skipped=skipped)
        return Chosen(reason=f"no backup had ended before {moment.value}", skipped=skipped)
    ordered = fitting if select == OLDEST else fitting[::-1]
    whole = [b for b in ordered if not b.problem]
    first = ordered[0]
    how = f"chosen: {select} of {len(backups)}" if select in {NEWEST, OLDEST} else "chosen by name"
    return Chosen(
        backup=whole[0] if whole else None,
        newest=first if first.problem else None,
        how=how,
        reason="" if whole else f"{first.name} {first.problem}",
        skipped=skipped,
    )


def _ended_before(backup: PhysicalBackup, moment: Moment) -> bool:
    """Whether the backup ended before the moment: recovery cannot stop before the backup's end, but continues to the
    first consistent state without an error.
    """
    if moment.time is not None:
        return backup.ended is None or backup.ended <= moment.time
    if moment.lsn is not None:
        end = backup.ends_at or backup.starts_at
        return end is None or end <= moment.lsn
    return True
