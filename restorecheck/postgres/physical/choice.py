"""Chooses one of several physical backups. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from restorecheck import choosing
from restorecheck.choosing import Listed, NotPicked
from restorecheck.model import Chosen as How
from restorecheck.model import Select, SelectBy
from restorecheck.postgres.physical.moment import Moment


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
    first_segment: str = ""
    """Name of the WAL segment of its start."""
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

    @property
    def surely_ended(self) -> datetime | None:
        """A moment that lies behind its end: tools write whole seconds, cut off. Source: pg_basebackup's
        STOP TIME (src/backend/access/transam/xlogbackup.c), pgBackRest's timestamp.stop.
        """
        ended = self.ended
        return ended if ended is None or ended.microsecond else ended + timedelta(seconds=1)

    @property
    def version(self) -> str:
        """Differs where another backup has taken the same name."""
        return choosing.version_of(self.starts_at, self.ended, self.system_identifier)

    @property
    def listed(self) -> Listed:
        """Sizes are those after the restore, so all full backups can be compared."""
        return Listed(
            identifier=self.address,
            taken_at=self.ended,
            size_bytes=self.size_bytes,
            version=self.version,
            series="incremental" if self.needs else "full",
            also=self.name,
            position=self.starts_at or 0,
        )


def leaving(fulls: Sequence[str], kept: int | None) -> frozenset[str]:
    """Of full backups, the oldest first, those that the next one expires where so many are kept; None: all are."""
    return frozenset(fulls[: max(0, len(fulls) + 1 - kept)] if kept else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    backup: PhysicalBackup | None = None
    newest: PhysicalBackup | None = None
    """A damaged backup that was meant: the newest that ended in time, or the one that was asked for."""
    how: How | None = None
    """For the report: how it was chosen, and from how many."""
    reason: str = ""
    """Why no backup is chosen."""
    hint: str = ""
    unclear: bool = False
    """The reason says nothing of the backups: the question is wrong, or the backup is not finished."""
    skipped: tuple[str, ...] = ()
    """Names of backups that may still be being written."""


def choose(
    backups: Sequence[PhysicalBackup], select: Select, moment: Moment, now: datetime
) -> Chosen:
    """Choose the backup of a drill that began at `now`.

    `backups`: the oldest first. `moment`: the earliest that the drill recovers to. A damaged newest backup is replaced by
    the next older one; one that was chosen on purpose is not.
    """
    if not backups:
        return Chosen(reason="there is no backup")
    skipped = tuple(b.name for b in backups if b.in_progress)
    there = [b for b in backups if not b.in_progress]
    if not there:
        return Chosen(
            reason="the only backup is still being written", unclear=True, skipped=skipped
        )
    fitting = [b for b in there if ended_before(b, moment)]
    if select.by is SelectBy.NAMED:
        fitting = there  # so that a wrong name and a late backup are told apart
    if not fitting:
        return Chosen(reason=f"no backup had ended before {moment.value}", skipped=skipped)
    picked = choosing.pick(select, [b.listed for b in fitting], now)
    if isinstance(picked, NotPicked):
        return Chosen(
            reason=picked.reason, hint=picked.hint, unclear=not picked.bad, skipped=skipped
        )
    first = next(b for b in fitting if b.listed == picked.backup)
    if not ended_before(first, moment):
        return Chosen(reason=f"{first.name} had not ended before {moment.value}", skipped=skipped)
    last = max(there, key=lambda b: choosing.moment_of(b.listed))
    in_turn = reversed(fitting) if select.by is SelectBy.NEWEST else [first]
    whole = [b for b in in_turn if not b.problem]
    return Chosen(
        backup=whole[0] if whole else None,
        newest=first if first.problem else None,
        how=replace(picked.chosen, newest=last.address, newest_at=last.ended),
        reason="" if whole else f"{first.name} {first.problem}",
        skipped=skipped,
    )


def ended_before(backup: PhysicalBackup, moment: Moment) -> bool:
    """Whether the backup ended before the moment: recovery cannot stop before the backup's end, but continues to the
    first consistent state without an error.
    """
    if moment.time is not None:
        return backup.surely_ended is None or backup.surely_ended <= moment.time
    if moment.lsn is not None:
        end = backup.ends_at or backup.starts_at
        return end is None or end <= moment.lsn
    return True
