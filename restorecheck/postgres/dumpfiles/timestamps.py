"""The time at which a dump was taken, and its source. Pure: texts and times in, times out.

The same time decides which dump is the newest and how old it is. Copying or touching a file changes the
file's time, never the time in the dump.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CLOCK_DOUBT = timedelta(hours=26)
"""A time without a zone may differ from UTC by up to 26 hours."""

SKEW = timedelta(hours=1)
"""Tolerated difference of two clocks; a dump with a later time is from the future."""

NO_TIME = datetime(1980, 1, 2, tzinfo=UTC)
"""File systems and archives without times report 1970 or 1980."""

HEADER = "the archive's header"
STARTED_ON = "its line `-- Started on`"
NAME = "the file's name"
FILE_TIME = "the file's modification time"


@dataclass(frozen=True, slots=True)
class Claim:
    """The time in a dump or in its name, in UTC."""

    at: datetime
    """Without a zone as if it were UTC; without an hour the end of the day."""
    source: str
    earliest: datetime
    latest: datetime
    """The true time is between these two, which differ without a zone or hour."""


def exactly(at: datetime, source: str) -> Claim:
    return Claim(at, source, earliest=at, latest=at)


def without_zone(at: datetime, source: str) -> Claim:
    return Claim(at, source, earliest=at - CLOCK_DOUBT, latest=at + CLOCK_DOUBT)


@dataclass(frozen=True, slots=True)
class Taken:
    """When a dump was taken."""

    at: datetime
    source: str
    """Completes `taken at … (…)`."""
    earliest: datetime
    """It cannot have been taken earlier."""


def when_taken(modified: datetime, claim: Claim | None, now: datetime | None = None) -> Taken:
    """The time in a dump or its name, or the file's time if that is earlier.

    A file contains nothing later than its last change. Its time is also used if the claim has no zone or hour and
    allows it; but not if it is after `now` or missing (1970, 1980). A claim after `now` is not replaced: a clock
    is wrong.
    """
    if claim is None:
        return Taken(modified, FILE_TIME, modified)
    later = now is not None and max(modified, claim.earliest) > now + SKEW
    if (
        later
        or modified < NO_TIME
        or modified > claim.latest
        or claim.earliest == claim.at <= modified
    ):
        at = claim.at if now is None else min(claim.at, max(claim.earliest, now))
        return Taken(at, claim.source, claim.earliest)
    return Taken(modified, FILE_TIME, modified)


def is_from_the_future(taken: Taken, now: datetime) -> bool:
    """Whether no time zone explains that a dump is later than now."""
    return taken.earliest > now + SKEW


def header_claim(created_at: datetime | None) -> Claim | None:
    """The claim of an archive: the local time of the dumping host, without a zone.

    Source: src/bin/pg_dump/pg_backup_archiver.c, WriteHead.
    """
    return None if created_at is None else without_zone(created_at.replace(tzinfo=UTC), HEADER)


# --- `-- Started on`, as `pg_dump --verbose` writes it ---------------------------------------------

_STARTED = re.compile(
    rb"^-- Started on (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?: (\S+))?", re.MULTILINE
)
ZONES = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "EST": -5, "EDT": -4, "CDT": -5, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
"""Abbreviations of a single zone in the IANA database; CST, IST and BST have several."""
_NUMERIC_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)?")


def started_claim(head: bytes) -> Claim | None:
    """The first line `-- Started on` of a plain dump.

    Source: src/bin/pg_dump/pg_backup_archiver.c, dumpTimestamp: `%Y-%m-%d %H:%M:%S %Z`.
    """
    match = _STARTED.search(head)
    if match is None:
        return None
    year, month, day, *time = (int(part) for part in match.groups()[:6])
    at = _moment((year, month, day), *time)
    if at is None:
        return None
    offset = zone_offset((match[7] or b"").decode(errors="replace"))
    if offset is None:
        return without_zone(at, STARTED_ON)
    return exactly(at - offset, STARTED_ON)


def zone_offset(name: str) -> timedelta | None:
    """The offset east of UTC; None: unknown or ambiguous."""
    if name in ZONES:
        return timedelta(hours=ZONES[name])
    match = _NUMERIC_ZONE.fullmatch(name)
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return -offset if match[1] == "-" else offset


# --- the name -----------------------------------------------------------------------------------

_DATE = (
    r"(?P<year>20\d\d)(?P<dash>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=dash)(?P<day>0[1-9]|[12]\d|3[01])"
)
_TIME = r"(?P<hour>[01]\d|2[0-3])[-_.:h]?(?P<minute>[0-5]\d)(?:[-_.:m]?(?P<second>[0-5]\d)s?)?m?"
_ZONE = r"[-_. ]?(?P<zone>Z|UTC|[+-]\d\d:?\d\d)"
STAMP = re.compile(rf"(?<!\d){_DATE}(?:(?:T|at|[-_. ])*{_TIME}(?:{_ZONE})?)?(?!\d)", re.IGNORECASE)
EPOCH = re.compile(r"(?<!\d)(1[0-9]{9})(?!\d)")
"""Seconds since 1970: a time from 2001 to 2033."""


def name_claim(name: str) -> Claim | None:
    """The time in a file's name; None: none, or more than one.

    It reads ISO dates (2026-11-28, 20261128) with or without a time, and seconds since 1970. A date that begins
    with the day or month is ambiguous, and is not read.
    """
    stamps = [*_stamps(name)]
    exact = [claim for claim in stamps if claim.earliest == claim.latest]
    if len(exact) == 1 and all(c.earliest <= exact[0].at <= c.latest for c in stamps):
        return exact[0]
    return stamps[0] if len({claim.at for claim in stamps}) == 1 else None


def _stamps(name: str) -> Iterator[Claim]:
    for match in EPOCH.finditer(name):
        yield exactly(datetime.fromtimestamp(int(match[1]), tz=UTC), NAME)
    for match in STAMP.finditer(name):
        claim = _stamp(match)
        if claim is not None:
            yield claim


def _stamp(match: re.Match[str]) -> Claim | None:
    date = int(match["year"]), int(match["month"]), int(match["day"])
    if match["hour"] is None:
        noon = _moment(date, 12, 0, 0)
        end = _moment(date, 23, 59, 59)
        if noon is None or end is None:
            return None
        return Claim(end, NAME, earliest=noon - CLOCK_DOUBT, latest=noon + CLOCK_DOUBT)
    at = _moment(date, int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    if at is None:
        return None
    zone = (match["zone"] or "").upper()
    offset = timedelta(0) if zone == "Z" else zone_offset(zone)
    return without_zone(at, NAME) if offset is None else exactly(at - offset, NAME)


def _moment(date: tuple[int, ...], hour: int, minute: int, second: int) -> datetime | None:
    try:
        year, month, day = date
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


# --- what is left of a name ----------------------------------------------------------------------

CADENCE = frozenset({"hourly", "daily", "nightly", "weekly", "monthly", "yearly", "full", "latest"})
"""Words in names of dumps for the frequency, not the database."""
ENDINGS = frozenset(
    [
        "sql",
        "dump",
        "pgdump",
        "pg_dump",
        "backup",
        "tar",
        "custom",
        "bak",
        "dmp",
        "pgsql",
        "psql",
        "dir",
        "gz",
        "gzip",
        "tgz",
        "bz2",
        "xz",
        "lzma",
        "zst",
        "zstd",
        "lz4",
        "z",
        "zip",
        "age",
        "gpg",
        "pgp",
        "asc",
        "enc",
    ]
)
_SEPARATORS = re.compile(r"[-_.@+ ]+")


def words_of(name: str) -> list[str]:
    """Words of a file name, or of a database's: without times, suffix and words for the frequency."""
    bare = EPOCH.sub("-", STAMP.sub("-", name))
    while (parts := bare.rpartition("."))[0] and parts[2].lower() in ENDINGS:
        bare = parts[0]
    return [word for word in _SEPARATORS.split(bare) if word and word.lower() not in CADENCE]


def stem(name: str) -> str:
    """The part of a file name that identifies the database.

    `shop-2026-11-28_03-00.sql.gz` → `shop`; empty where nothing else stands there.
    """
    words = words_of(name)
    while words and words[-1].isdigit():
        words.pop()
    return "-".join(words)
