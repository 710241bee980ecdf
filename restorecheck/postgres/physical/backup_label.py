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
    """Where recovery begins to read."""
    timeline: int | None = None
    started_at: datetime | None = None
    """None: it is in a time zone whose abbreviation says too little."""
    stopped_at: datetime | None = None
    """In a backup history file of the archive only, which has the same lines and more."""
    from_standby: bool = False
    builds_on: int | None = None
    """Of an incremental backup: where the backup below it starts."""


def parse(text: str) -> BackupLabel | None:
    """None where the text is no backup_label."""
    values = dict(_LINE.findall(text))
    try:
        start = wal.position(values["START WAL LOCATION"].split()[0])
        below = values.get("INCREMENTAL FROM LSN")
        timeline = values.get("START TIMELINE")
        return BackupLabel(
            start=start,
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
