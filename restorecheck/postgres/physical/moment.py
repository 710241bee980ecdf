"""The moment that a drill recovers to. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

from restorecheck.postgres.physical import wal

LATEST, IMMEDIATE, TIME, LSN = "latest", "immediate", "time", "lsn"


@dataclass(frozen=True, slots=True)
class Moment:
    kind: str = LATEST
    """latest: the end of the archive. immediate: the first consistent state. time, lsn: `value`."""
    value: str = ""

    @property
    def time(self) -> datetime | None:
        return datetime.fromisoformat(self.value) if self.kind == TIME else None

    @property
    def lsn(self) -> int | None:
        return wal.position(self.value) if self.kind == LSN else None

    @property
    def said(self) -> str:
        return f"{self.kind} {self.value}".strip()

    def settings(self) -> dict[str, str]:
        """Settings of the server. PostgreSQL documentation, "Recovery Target".

        `immediate` stays on the timeline of the backup.
        """
        own = {"recovery_target_action": "promote", "recovery_target_timeline": "latest"}
        match self.kind:
            case "immediate":
                return own | {"recovery_target": "immediate", "recovery_target_timeline": "current"}
            case "time":
                assert self.time is not None, "of this kind"
                at = self.time.astimezone(UTC)
                return own | {"recovery_target_time": f"{at:%Y-%m-%d %H:%M:%S.%f}+00"}
            case "lsn":
                return own | {"recovery_target_lsn": self.value}
            case _:
                return own
