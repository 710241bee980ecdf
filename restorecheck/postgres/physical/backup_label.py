"""The file backup_label. Pure.

Source: src/backend/access/transam/xlogbackup.c, build_backup_content.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from restorecheck.postgres.physical import wal

_LINE = re.compile(r"^([A-Z][A-Z ]*[A-Z]): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupLabel:
    start: int
    """WAL position at which recovery starts."""
    segment: str = ""
    """Name of the WAL segment of this position."""
    timeline: int | None = None
    started_at: datetime | None = None
    """None: the abbreviation of its time zone is ambiguous."""
    stopped_at: datetime | None = None
    """Only in a backup history file of the archive, which has the same lines and more."""
    from_standby: bool = False
    builds_on: int | None = None
    """For an incremental backup: start position of its parent."""


def parse(text: str) -> BackupLabel | None:
    """Parse the file; None: the text is not a backup_label."""
    values = dict(_LINE.findall(text))
    try:
        start = wal.position(values["START WAL LOCATION"].split()[0])
        segment = wal.SEGMENT.search(values["START WAL LOCATION"])
        below = values.get("INCREMENTAL FROM LSN")
        timeline = values.get("START TIMELINE")
        return BackupLabel(
            start=start,
            segment=segment[0] if segment else "",
            timeline=int(timeline) if timeline else None,
            started_at=_moment(values.get("START TIME", "")),
            stopped_at=_moment(values.get("STOP TIME", "")),
            from_standby=values.get("BACKUP FROM") == "standby",
            builds_on=wal.position(below) if below else None,
        )
    except (KeyError, ValueError, IndexError):
        return None


def _moment(text: str) -> datetime | None:
    """`2026-11-29 19:51:43 UTC`; the zone is that of the server's log_timezone."""
    try:
        return datetime.strptime(
            text.strip().replace("GMT", "UTC"), "%Y-%m-%d %H:%M:%S UTC"
        ).replace(tzinfo=UTC)
    except ValueError:
        return None
