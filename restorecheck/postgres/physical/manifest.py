"""Reads the file backup_manifest; pg_verifybackup checks its checksums. Pure.

Source: PostgreSQL documentation, "Backup Manifest Format".
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from restorecheck.postgres.physical import wal


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupManifest:
    size_bytes: int
    """Size of all restored files."""
    files: int
    ends_at: int | None = None
    """The position that recovery must reach before the backup is consistent."""
    system_identifier: str = ""
    """Since PostgreSQL 17."""
    tops: frozenset[str] = frozenset()
    """First parts of the paths of its files."""
    newest_file: datetime | None = None
    """Time of its newest file: the backup ended then or later."""


def parse(text: bytes) -> BackupManifest | None:
    """Parse the file; None: truncated, or not a manifest. pg_basebackup writes it last."""
    try:
        values = json.loads(text)
        files: list[dict[str, Any]] = values["Files"]
        ranges = values["WAL-Ranges"]
        times = [_moment(file["Last-Modified"]) for file in files]
        return BackupManifest(
            size_bytes=sum(int(file["Size"]) for file in files),
            files=len(files),
            ends_at=max((wal.position(part["End-LSN"]) for part in ranges), default=None),
            system_identifier=str(values.get("System-Identifier", "")),
            tops=frozenset(str(file.get("Path", "")).partition("/")[0] for file in files),
            newest_file=max((at for at in times if at is not None), default=None),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
