"""What earlier nights have taught of each table, carried from one verified reading to the next. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from restorecheck.checks.readings import DatabaseReading

HABIT = 35
"""Nights: longer than a month, so that what is emptied monthly has been seen empty."""
LONGEST = 400
"""Nights for which what came and went once is kept."""
MOST_KEPT = 500
"""Tables of one database; the readings have a size that they must fit into."""


@dataclass(frozen=True, slots=True)
class Past:
    """What one table has done."""

    since: int = 0
    """The night of the last of it; of a new table the first one."""
    emptied: int = 0
    """Times that it came to have no rows, or was gone, or had been without."""
    shrunk: int = 0
    back: int = 0
    """Times that its newest time was older than before."""

    def __str__(self) -> str:
        return f"{self.since} {self.emptied} {self.shrunk} {self.back}"

    def habit(self, times: int, night: int) -> bool:
        """Whether what happened so often is what this table does."""
        return times > 1 or (times > 0 and night - self.since <= HABIT)


def past_of(reading: DatabaseReading, name: str) -> Past:
    text = reading.past.get(name, "")
    return Past(*(int(part) for part in text.split())) if text else Past()


def night_of(reading: DatabaseReading) -> int:
    """How many verified nights this reading is the last of; one where none are counted."""
    return max(1, reading.nights)


def remember(before: DatabaseReading | None, after: DatabaseReading) -> DatabaseReading:
    """Tonight's reading, with what is to be known tomorrow. May be asked again: `after.past` is replaced."""
    from restorecheck.checks.comparing import events  # noqa: PLC0415  # which learns from here

    if before is None:
        return replace(after, nights=1, past={})
    night = night_of(before) + 1
    past = dict(before.past)
    for name, event in events(before, after):
        known = past_of(before, name)
        times = {event: getattr(known, event) + 1} if event else {}
        known = replace(_of(past, name, known), since=night, **times)
        past[name] = str(known)
    return replace(after, nights=night, past=_youngest(past, night))


def _of(past: Mapping[str, str], name: str, known: Past) -> Past:
    """As it is by now: of one table several things may be told of one night."""
    return Past(*(int(part) for part in past[name].split())) if name in past else known


def _youngest(past: Mapping[str, str], night: int) -> dict[str, str]:
    since = {name: int(text.partition(" ")[0]) for name, text in past.items()}
    kept = [name for name, when in since.items() if night - when <= LONGEST]
    kept = sorted(kept, key=lambda name: (-since[name], name))[:MOST_KEPT]
    return {name: past[name] for name in sorted(kept)}
