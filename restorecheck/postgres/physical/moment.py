"""The moment that a drill recovers to. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from restorecheck.postgres.physical import wal

LATEST, IMMEDIATE, TIME, LSN, RANDOM = "latest", "immediate", "time", "lsn", "random"
_SHARES = 1 << 64


@dataclass(frozen=True, slots=True)
class Moment:
    kind: str = LATEST
    """latest: the end of the archive. immediate: the first consistent state. time, lsn: `value`. random: drawn from what
    the archive covers."""
    value: str = ""
    """Of random: the number of days before the drill within which it is; empty: no limit."""

    @classmethod
    def at(cls, time: datetime) -> "Moment":
        return cls(TIME, time.astimezone(UTC).isoformat(sep=" "))

    @property
    def time(self) -> datetime | None:
        return datetime.fromisoformat(self.value) if self.kind == TIME else None

    @property
    def lsn(self) -> int | None:
        return wal.position(self.value) if self.kind == LSN else None

    @property
    def within(self) -> timedelta | None:
        return timedelta(days=float(self.value)) if self.kind == RANDOM and self.value else None

    @property
    def said(self) -> str:
        if self.within is not None:
            return f"{self.kind} of the last {self.value} days"
        return f"{self.kind} {self.value}".strip()

    def settings(self, *, action: str = "promote") -> dict[str, str]:
        """Settings of the server. PostgreSQL documentation, "Recovery Target".

        `immediate` stays on the timeline of the backup.
        """
        own = {"recovery_target_action": action, "recovery_target_timeline": "latest"}
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


def _order(named: tuple[str, Moment]) -> tuple[datetime, int]:
    return named[1].time or datetime.min.replace(tzinfo=UTC), named[1].lsn or 0


def in_order(moments: Mapping[str, Moment]) -> tuple[tuple[str, Moment], ...]:
    """All times, or all positions: the earliest first."""
    return tuple(sorted(moments.items(), key=_order))


def draw(seed: str, after: datetime, until: datetime) -> datetime:
    """A time between two others, each as likely, and the same for the same seed."""
    digest = hashlib.sha256(f"{seed} moment".encode()).digest()
    return after + (until - after) * (int.from_bytes(digest[:8], "big") / _SHARES)


def window_start(moment: Moment, after: datetime, now: datetime) -> datetime:
    """The earliest time that can be drawn: not before `after`, nor before the limit in days."""
    return after if moment.within is None else max(after, now - moment.within)
