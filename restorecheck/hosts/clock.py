"""The one place that reads the clock, sleeps, and makes random ids."""

import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta

from restorecheck.ports import Clock


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)


def sleep(duration: timedelta) -> None:
    time.sleep(duration.total_seconds())  # hosts decide how to wait


def new_drill_id(now: datetime) -> str:
    """An id that sorts by time and is unique; names of a drill's resources contain it.

    Short and of letters, digits and single hyphens, so that `restorecheck-<id>` is a valid RDS
    identifier and leaves room in the 107 bytes of a unix socket's path.
    """
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def drill_id_of(target: str, slot: datetime) -> str:
    """The same id for the same slot of the same target: a schedule that fires twice starts one drill."""
    digest = hashlib.sha256(f"{target} {slot.astimezone(UTC).isoformat()}".encode()).hexdigest()
    return f"{slot.astimezone(UTC):%Y%m%d-%H%M%S}-{digest[:6]}"
