"""Times as texts that sort like the times."""

from datetime import UTC, datetime
from typing import overload


@overload
def stamp(value: datetime) -> str: ...
@overload
def stamp(value: None) -> None: ...
def stamp(value: datetime | None) -> str | None:
    """In UTC, always with microseconds, so that texts sort like the times."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
