"""Proposes checks that a database passes tonight and on normal later nights. Pure: a profile in, checks out.

Each has its evidence. A proposed check must survive growth, updates, deletes and an accepted purge: bounds are
generous, and what one night cannot show is not proposed.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from restorecheck.checks import families
from restorecheck.checks.dialects.postgresql.questions import without_large_object
from restorecheck.checks.name_words import BORN, GROWING, MOVED_LATER, VOLATILE
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.profiles import TEXTS, ColumnProfile, NightProfile, Profile, TableProfile
from restorecheck.checks.propose import schema_objects
from restorecheck.checks.propose.schema_objects import INDEX, SAYS, SEQUENCE
from restorecheck.checks.scan_statements import FIRST_MOMENT, LAST_MOMENT
from restorecheck.checks.sensitive_columns import look_like_persons, spelled
from restorecheck.checks.tables import full_name, quoted
from restorecheck.spelling import number_of

NUMBERS = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8"})
MOMENTS = frozenset({"timestamptz", "timestamp", "date"})
BEGUN = re.compile(r"start|begin|open|order|issue|from|since|book")
"""Names of times that come before a deadline."""
DEADLINE = re.compile(r"requir|due|deadline|expir|until|plan|promis|expect|estimat|schedul|target")
"""Names of deadlines."""
AHEAD = re.compile(
    rf"{DEADLINE.pattern}|(^|_)ends?(_|$)|end_?(date|time)|return_?(date|on|by)?$|valid_?(from|to|until|till)"
)
"""Names of times that may be in the future, which do not show freshness."""
SIGNED = re.compile(
    r"(balance|delta|diff|change|offset|adjust|correction|temperature|profit|margin|net)"
)
"""Names of numbers that may become negative."""

COUNTED = re.compile(
    r"(^|_)(prices?|discounts?|costs?|fares?|freight|fees?|quantity|qty|counts?|area|length|width|height|weight|size|distance|duration|percent|percentage"
    r"|population|capacity)(_|$)"
)
"""Names of measures that are never negative, though they are floats."""

ENOUGH = 1_000
"""A property of all of so many rows is taken for a rule."""
FEW_VALUES = 12
SOME = 100
"""So many rows suffice if the bounds allow ten times as much, or half; else only for a warning."""
HANDFUL = 20
"""So many rows suffice for a warning whose bounds allow ten times as much."""
SEEN_OFTEN = 5
"""Fewest rows for each value of an enumeration: a rarer value suggests that others are missing."""
LONGEST_VALUE = 40
MOST_NAMED = 4
"""Columns in the name of a check; further ones are counted."""
CLOSED = re.compile(
    r"(^|_)(status|state|stage|phase|type|kind|mode|level|priority|severity|visibility|direction)(e?s)?_?$"
)
"""Names of columns whose values a program defines, not a user: a new value needs a release."""
ADDRESSES = re.compile(r"city|town|zip|postal|street|address|country")
"""Names of neighbouring columns with which `state` is part of an address."""
NIGHTS = 7
"""Fewest earlier nights for evidence from the history."""
ACTIVE_DAYS = 10
"""Fewest days with new rows, of fourteen, for a proposal of freshness."""
MOVING_DAYS = 5
"""Fewest days with new rows, of fourteen, for a column that follows the present."""
FORTNIGHT = timedelta(days=14)
LEAST_HOURS = 12
SLEEPLESS = 4
"""Hours: a column with shorter gaps also gets rows on holidays."""
HOLIDAY = 48
"""Hours added to the longest gap, for all other columns."""
MOVES_BY = 0.2
"""How much an average may change in a night."""
STEADY = 10
"""Standard errors of the average that MOVES_BY must cover."""
OLDER = timedelta(days=2)
A_YEAR = timedelta(days=365)
ASLEEP = timedelta(days=90)
"""A column without new values for so long belongs to an archive."""
WELL_FILLED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One item of `checks`."""

    kind: str
    keys: Mapping[str, Any]
    because: str
    """The evidence; its only row values are bounds and enumerations, as in the check."""
    tables: tuple[str, ...] = ()
    """Tables of the check, as readings name them; empty: the whole database."""


def propose(profile: Profile, nights: Sequence[NightProfile] = ()) -> tuple[Proposal, ...]:
    """Checks for one database, table by table, then the database as a whole."""
    found: list[Proposal] = []
    for table in profile.tables:
        found += _of_table(table, profile, nights)
    for reference in profile.references:
        where, to = reference.table.configured, reference.to.configured
        keys: dict[str, Any] = {
            "table": where,
            "columns": list(reference.columns),
            "to": to,
            "to_columns": list(reference.to_columns),
        }
        if reference.rows < SOME:
            keys["severity"] = "warning"
        because = (
            f"each of {reference.rows:,} values exists there; no constraint declares the reference"
        )
        about = (reference.table.full_name, reference.to.full_name)
        found.append(Proposal(kind="references", keys=keys, because=because, tables=about))
    return (*found, *_of_objects(profile))


def _of_table(
    table: TableProfile, profile: Profile, nights: Sequence[NightProfile]
) -> Iterator[Proposal]:
    say = _Sayer(table)
    volatile = VOLATILE.search(table.name) is not None
    passing = table.unlogged or volatile or families.dated(table.name)
    if table.rows and not passing:
        yield from _counts(table, nights, say)
        yield from _fresh(table, profile, nights, say)
        yield from _steady(table, nights, say)
    yield from _keys(table, say)
    if not passing:
        undeclared = {
            name
            for r in profile.references
            if r.table.full_name == table.full_name
            for name in r.columns
        }
        yield from _values(table, profile.taken_at, {*table.pointing, *undeclared}, say)


@dataclass(frozen=True, slots=True)
class _Sayer:
    """Makes proposals about one table."""

    table: TableProfile

    def __call__(self, kind: str, because: str, **keys: Any) -> Proposal:  # noqa: ANN401  # JSON
        known = {"table": self.table.configured, **keys}
        return Proposal(kind=kind, keys=known, because=because, tables=(self.table.full_name,))

    def query(self, name: str, sql: str, because: str, **more: str) -> Proposal:
        keys = {"name": name, "sql": sql, "expect": {"equals": 0}, **more}
        return Proposal(kind="query", keys=keys, because=because, tables=(self.table.full_name,))


# --- how many, how new ------------------------------------------------------------------------


def _counts(table: TableProfile, nights: Sequence[NightProfile], say: _Sayer) -> Iterator[Proposal]:
    """At least half of today's count: an accepted purge must not fail all later drills."""
    keys: dict[str, Any] = {"min": _rounded_down(table.rows / 2) or 1}
    because = f"{number_of(table.rows, 'row')} tonight; an intended purge may delete half of them"
    counts = [night.rows[table.full_name] for night in nights if table.full_name in night.rows]
    if counts:
        keys["min"] = _rounded_down(min(*counts, table.rows) / 2) or 1
        because += _earlier(counts, table.rows)
    drop = _allowed_drop(table.rows, counts)
    if drop is not None:
        keys["max_drop"] = drop
    if table.rows < HANDFUL:
        because += "; a warning, since rows hardly change"
        keys["severity"] = "warning"
    yield say("row_count", because, **keys)


def _earlier(counts: Sequence[int], rows: int) -> str:
    """Counts of earlier nights, as text; empty: they add nothing."""
    low, high = min(counts), max(counts)
    if low == high == rows:
        return ""
    return (
        f"; {low:,} to {high:,} in {len(counts)} earlier nights"
        if low < high
        else f"; {low:,} earlier"
    )


def _allowed_drop(rows: int, counts: Sequence[int]) -> str | None:
    """The larger the table, the smaller the share that a normal night deletes."""
    steps = ((10_000, 3), (ENOUGH, 4), (300, 9), (SOME, 15))
    allowed = next((share for least, share in steps if rows >= least), None)
    if allowed is None:
        return None
    lost = [1 - after / before for before, after in pairwise(counts) if before]
    return f"{max(allowed, math.ceil(200 * max(lost, default=0.0)))}%"


def _rounded_down(number: float) -> int:
    """Rounded down to two digits."""
    if number < 1:
        return 0
    step = 10 ** max(0, int(math.log10(number)) - 1)
    return int(number // step * step)


def _fresh(
    table: TableProfile, profile: Profile, nights: Sequence[NightProfile], say: _Sayer
) -> Iterator[Proposal]:
    """Freshness of the best column for the creation of rows: with a value in every row, a suitable name, and the
    steadiest growth.

    A holiday must not fail a drill; for a column that never pauses, a shorter gap is a warning.
    """
    candidates = []
    for column in table.columns:
        if column.personal or column.type not in MOMENTS or AHEAD.search(column.name.lower()):
            continue
        silence = _age_by_nights(table, column, nights) or _age_by_hours(column, profile.taken_at)
        if silence is not None:
            rank = (column.present < table.rows, BORN.search(column.name.lower()) is None)
            candidates.append((*rank, *silence, column.name))
    if not candidates:
        return
    *_, hours, because, name = min(candidates)
    ordinary = max(LEAST_HOURS, math.ceil(2 * hours) + 6)
    rested = ordinary if hours <= SLEEPLESS else max(ordinary, math.ceil(hours) + HOLIDAY + 6)
    if rested == ordinary:
        yield say("freshness", because, column=name, max_age_hours=ordinary)
        return
    yield say(
        "freshness", f"{because}; two days more, for holidays", column=name, max_age_hours=rested
    )
    yield say(
        "freshness",
        "the same, without the days for holidays",
        column=name,
        max_age_hours=ordinary,
        severity="warning",
        name=f"freshness of {table.configured} on ordinary days",
    )


def _age_by_hours(column: ColumnProfile, taken_at: datetime | None) -> tuple[float, str] | None:
    """The longest gap in hours."""
    if not column.hours or taken_at is None:
        return None
    until = taken_at.timestamp() / 3600
    if not -1 <= until - column.hours[-1] <= FORTNIGHT / timedelta(hours=1):
        return None  # in the future, or without new rows for long
    days = len({hour // 24 for hour in column.hours})
    steps = [*column.hours, max(until, column.hours[-1])]
    gap = max(after - before for before, after in pairwise(steps))
    if days < ACTIVE_DAYS:
        return None
    because = f"new rows on {min(days, 14)} of the last 14 days, never more than {math.ceil(gap)} hours apart"
    return gap, because


def _age_by_nights(
    table: TableProfile, column: ColumnProfile, nights: Sequence[NightProfile]
) -> tuple[float, str] | None:
    name = f"{table.full_name}.{column.name}"
    known = [(night.taken_at.timestamp(), night.newest.get(name)) for night in nights]
    seen = [(taken, newest) for taken, newest in known if newest is not None]
    if len(seen) < NIGHTS or len({newest for _, newest in seen}) < len(seen):
        return None  # nights without new rows
    oldest = max(taken - newest for taken, newest in seen) / 3600
    if oldest < -1:
        return None
    because = f"at most {math.ceil(max(oldest, 0))} hours old in each of {len(seen)} nights"
    return oldest, because


def _steady(table: TableProfile, nights: Sequence[NightProfile], say: _Sayer) -> Iterator[Proposal]:
    prints = [night.prints[table.full_name] for night in nights if table.full_name in night.prints]
    if len(prints) >= NIGHTS and len(set(prints)) == 1:
        because = f"the same contents in each of {len(prints)} nights; a warning, since the contents may change one day"
        yield say("unchanged", because, severity="warning")


# --- keys ---------------------------------------------------------------------------------------


def _keys(table: TableProfile, say: _Sayer) -> Iterator[Proposal]:
    required = [column.name for column in table.columns if column.not_null]
    if required:
        yield say(
            "not_null",
            "declared NOT NULL tonight; the check also works if a restore loses the constraint",
            columns=required,
        )
    for key in table.keys:
        yield say(
            "unique",
            "a unique index declares it; the check reads the table, not the index",
            columns=list(key),
        )
    for name in table.distinct:
        because = (
            f"all {number_of(table.rows, 'row')} have different values; no unique index declares it"
        )
        sure = table.rows >= SOME and name.lower() in {"id", "uuid"}
        yield say("unique", because, columns=[name], **({} if sure else {"severity": "warning"}))


# --- values -------------------------------------------------------------------------------------


def _values(
    table: TableProfile, taken_at: datetime | None, pointing: Collection[str], say: _Sayer
) -> Iterator[Proposal]:
    in_keys = {name for key in table.keys for name in key} | set(table.pointing)
    for column in table.columns:
        if column.personal:
            continue  # its values were not read
        if column.name not in pointing:  # the referenced table has the values, and may get more
            yield from _enumeration(column, say)
        yield from _times(column, taken_at, say)
        if column.name not in in_keys and not _is_reference(column.name):
            yield from _numbers(table, column, say)
    yield from _asleep(table, taken_at, say)
    filled = [c for c in table.columns if _is_filled(table, c)]
    if filled:
        quiet = {} if table.rows >= SOME else {"severity": "warning"}
        share = " or ".join(f"{_filled_rows(c)} * 2 < count(*)" for c in filled)
        # Another check covers NOT NULL columns; this one covers all others in one pass.
        listed = _listed([c.name for c in filled])
        yield say.query(
            f"{listed} of {table.configured} filled as before",
            f"select count(*) from (select from {table.quoted} having {share}) x",  # noqa: S608  # quoted names
            "at least 90 % of the rows have a value in each column; the check requires half",
            **quiet,
        )
    for name in table.large_objects:
        yield say.query(
            f"large objects of {name} of {table.configured} are there",
            without_large_object(table.quoted, name),
            "every value refers to an existing large object",
        )
    for earlier, later in table.ordered:
        if MOVED_LATER.search(earlier.lower()):
            continue
        because = f"holds in all {number_of(table.rows, 'row')}"
        quiet = {} if table.rows >= SOME else {"severity": "warning"}
        if why := _may_be_later(earlier.lower(), later.lower()):
            because += f"; a warning, since {why}"
            quiet = {"severity": "warning"}
        yield say.query(
            f"{earlier} of {table.configured} not after {later}",
            f"select count(*) from {table.quoted} where {quoted(earlier)} > {quoted(later)}",  # noqa: S608  # quoted names
            because,
            **quiet,
        )


def _may_be_later(earlier: str, later: str) -> str:
    """Why the order may not hold; empty: it always holds."""
    if BORN.search(earlier):
        return ""
    if DEADLINE.search(later) and not BEGUN.search(earlier):
        return "deadlines are sometimes missed"
    return "a planned time may be later than the last change" if MOVED_LATER.search(later) else ""


POINTING = re.compile(r"(?i:(^|_)(no|nr)_?$|id_?$)|[a-z](No|Nr)$")
"""Names of numbers that identify something, for which bounds make no sense."""
NOT_POINTING = frozenset(
    {"paid", "prepaid", "unpaid", "bid", "void", "valid", "grid", "mid", "liquid", "solid", "humid"}
)
"""Words that end as `productid` does."""


def _is_reference(name: str) -> bool:
    return POINTING.search(name) is not None and spelled(name).split("_")[-1] not in NOT_POINTING


def _listed(names: Sequence[str]) -> str:
    """The columns for a check's name, shortened for one line of a report."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more columns"


def _is_filled(table: TableProfile, column: ColumnProfile) -> bool:
    """Whether NOT NULL texts are also not empty."""
    if table.rows < HANDFUL or (column.not_null and column.type not in TEXTS):
        return False
    return column.present - column.empty >= table.rows * WELL_FILLED


def _filled_rows(column: ColumnProfile) -> str:
    name = quoted(column.name)
    return f"count(*) filter (where {name} <> '')" if column.type in TEXTS else f"count({name})"


def _enumeration(column: ColumnProfile, say: _Sayer) -> Iterator[Proposal]:
    values = column.values
    if not 1 < len(values) <= FEW_VALUES or column.present < SOME:
        return
    closed = _is_closed(column, say.table)
    if look_like_persons([value for value, _ in values], called=not closed):
        return
    if any(rows < SEEN_OFTEN or not _is_plain(value) for value, rows in values):
        return
    rarest = min(rows for _, rows in values)
    because = (
        f"{column.present:,} rows have one of {len(values)} values, each at least {rarest:,} times"
    )
    quiet = _severity(column, ENOUGH)
    if not closed:
        quiet = {"severity": "warning"}
        because += "; a warning, since a new value may be added"
    listed = sorted(value for value, _ in values)
    yield say("accepted_values", because, column=column.name, values=listed, **quiet)


def _is_closed(column: ColumnProfile, table: TableProfile) -> bool:
    found = CLOSED.search(spelled(column.name))
    if found and found[2] == "state":
        return not any(ADDRESSES.search(spelled(c.name)) for c in table.columns)
    return found is not None


def _severity(column: ColumnProfile, enough: int) -> dict[str, str]:
    """A warning if there are too few rows for a rule."""
    return {} if column.present >= enough else {"severity": "warning"}


def _is_plain(value: str) -> bool:
    return value.isprintable() and 0 < len(value) <= LONGEST_VALUE and value.strip() == value


def _times(column: ColumnProfile, taken_at: datetime | None, say: _Sayer) -> Iterator[Proposal]:
    """Only a lower bound: times advance, and a purge advances the oldest one. Times that do not follow the
    present (founded, published, built) may also be long ago.
    """
    if column.type not in MOMENTS or column.low is None or column.high is None:
        return
    if not FIRST_MOMENT < column.low <= column.high < LAST_MOMENT:
        return
    moving = _is_moving(column, taken_at)
    if column.present < (SOME if moving else ENOUGH):
        return
    span = max(timedelta(seconds=column.high - column.low), A_YEAR)
    room = OLDER if moving else OLDER + span
    because = f"the oldest of {column.present:,} values is at most two days newer than the bound"
    if not moving:
        because = f"{column.present:,} values; the bound is before the oldest by their whole span, at least one year"
    try:
        first = datetime.fromtimestamp(0, UTC) + timedelta(seconds=column.low) - room
    except OverflowError:
        return
    if first.year > 1:
        quiet = _severity(column, ENOUGH)
        yield say("range", because, column=column.name, min=first.date().isoformat(), **quiet)


def _asleep(table: TableProfile, taken_at: datetime | None, say: _Sayer) -> Iterator[Proposal]:
    """For an archive freshness shows nothing, but its newest value should still exist. A warning, because the
    newest row may be deleted.
    """
    found = [
        (c, since) for c in table.columns if (since := _newest_of_old(c, taken_at)) is not None
    ]
    if taken_at is None or not found:
        return
    old = " or ".join(f"max({quoted(c.name)}) < '{_at_least(c, newest)}'" for c, newest in found)
    days = sorted((taken_at - newest).days for _, newest in found)
    span = f"{days[0]:,}" if days[0] == days[-1] else f"{days[0]:,} to {days[-1]:,}"
    yield say.query(
        f"newest {_listed([c.name for c, _ in found])} of {table.configured} still there",
        f"select count(*) from (select from {table.quoted} having {old}) x",  # noqa: S608  # quoted names
        f"nothing new for {span} days; a warning, since the newest row may be deleted",
        severity="warning",
    )


def _newest_of_old(column: ColumnProfile, taken_at: datetime | None) -> datetime | None:
    if taken_at is None or column.personal or column.type not in MOMENTS or column.high is None:
        return None
    if column.present < SOME or not FIRST_MOMENT < column.high < LAST_MOMENT:
        return None
    newest = datetime.fromtimestamp(0, UTC) + timedelta(seconds=column.high)
    return newest if taken_at - newest >= ASLEEP else None


def _at_least(column: ColumnProfile, newest: datetime) -> str:
    """The day of the newest value; two days earlier if only one row has it."""
    alone = len({hour // 24 for hour in column.hours}) < MOVING_DAYS
    return f"{newest - OLDER if alone else newest:%Y-%m-%d}"


def _is_moving(column: ColumnProfile, taken_at: datetime | None) -> bool:
    if not column.hours or taken_at is None:
        return False
    asleep = taken_at.timestamp() / 3600 - column.hours[-1]
    days = {hour // 24 for hour in column.hours}
    return asleep <= FORTNIGHT / timedelta(hours=1) and len(days) >= MOVING_DAYS


def _numbers(table: TableProfile, column: ColumnProfile, say: _Sayer) -> Iterator[Proposal]:
    if column.type not in NUMBERS or column.low is None or column.high is None:
        return
    if column.present < HANDFUL or column.low == column.high:
        return
    low, high = _room(column)
    because = f"{column.present:,} values; the bounds are ten times as wide"
    if _is_year(column):
        low, high = _room_for_years(column)
        because = f"{column.present:,} years; the bounds leave the same span before the first, and {CENTURY} years after the last"
    quiet = _severity(column, ENOUGH if GROWING.search(spelled(column.name)) else SOME)
    yield say("range", because, column=column.name, min=low, max=high, **quiet)
    shift = _shift(table, column)
    if shift is not None:
        because = f"the average of {column.present:,} values hardly changes in a night; a warning, since a job may recompute the values"
        yield say(
            "distribution",
            because,
            column=column.name,
            max_shift=f"{shift:.0%}",
            severity="warning",
        )


def _room(column: ColumnProfile) -> tuple[int, int]:
    assert column.low is not None, "asked before"
    assert column.high is not None, "asked before"
    reach = _rounded_up(10 * max(abs(column.low), abs(column.high)))
    measured = column.type in {"float4", "float8"}  # a temperature may become negative in winter
    if COUNTED.search(spelled(column.name)) is not None:
        measured = False
    signed = measured or column.low < 0 or SIGNED.search(column.name.lower()) is not None
    return (-reach if signed else 0), reach


CENTURY = 100
FIRST_YEAR, LAST_YEAR = 1000, 2200


def _is_year(column: ColumnProfile) -> bool:
    assert column.low is not None, "asked before"
    assert column.high is not None, "asked before"
    return "year" in spelled(column.name) and FIRST_YEAR <= column.low <= column.high <= LAST_YEAR


def _room_for_years(column: ColumnProfile) -> tuple[int, int]:
    assert column.low is not None, "asked before"
    assert column.high is not None, "asked before"
    return math.floor(2 * column.low - column.high), math.ceil(column.high) + CENTURY


def _rounded_up(number: float) -> int:
    """Rounded up to one digit."""
    if number <= 1:
        return 1
    step = 10 ** int(math.log10(number))
    return int(math.ceil(number / step) * step)


def _shift(table: TableProfile, column: ColumnProfile) -> float | None:
    """How much the average may change; None: the values vary too much."""
    if not column.mean or column.deviation is None or column.present < table.rows * WELL_FILLED:
        return None
    if column.present < SOME:
        return None
    error = STEADY * column.deviation / math.sqrt(column.present) / abs(column.mean)
    return max(MOVES_BY, math.ceil(10 * error) / 10) if error < 1 else None


# --- the database -------------------------------------------------------------------------------


def _of_objects(profile: Profile) -> Iterator[Proposal]:
    for kind, name in SAYS.items():
        names = profile.objects.get(kind, ())
        if not names:
            continue
        sql = (
            schema_objects.ahead([_sequence(text) for text in names])
            if kind == SEQUENCE
            else schema_objects.present(kind, names)
        )
        keys = {"name": name, "sql": sql, "expect": {"equals": 0}, "severity": "warning"}
        because = f"{len(names):,} of them tonight; a warning, since a migration may remove one"
        if kind != SEQUENCE and schema_objects.MOST < len(names) <= schema_objects.MOST_MARKS:
            because += "; the check lists each by the first digits of the SHA-256 of its name"
        yield Proposal(kind="query", keys=keys, because=because)
    if profile.objects.get(INDEX):
        keys = {
            "name": schema_objects.COLLATIONS_SAY,
            "sql": schema_objects.COLLATIONS,
            "expect": {"equals": 0},
            "severity": "warning",
        }
        yield Proposal(kind="query", keys=keys, because="holds tonight")
    if profile.extensions:
        because = "installed tonight"
        yield Proposal(kind="extensions", keys={"names": list(profile.extensions)}, because=because)


def _sequence(text: str) -> tuple[str, str, str]:
    sequence, table, column = text.split("\0")
    return sequence, table, column


def same_subject(kind: str, keys: Mapping[str, Any]) -> tuple[str, ...]:
    """The subject of a check: a proposal with the subject of an existing check is left out."""
    columns = [*keys.get("columns", ()), *(keys[k] for k in ("column", "key") if k in keys)]
    if kind == "extensions":
        return (kind,)
    if kind == "query":
        return (kind, str(keys["name"]))
    return (kind, _table_of(keys), *sorted(str(c).lower() for c in columns))


def _table_of(keys: Mapping[str, Any]) -> str:
    """The table's full name; without a schema it is in `public`."""
    if "table" not in keys:
        return ""
    name = parse_table_name(str(keys["table"]))
    schema, table = next(iter(name.readings))
    return full_name(schema or "public", table)


def new_ones(
    proposals: Iterable[Proposal], written: Iterable[tuple[str, Mapping[str, Any]]]
) -> tuple[Proposal, ...]:
    """The proposals whose subjects have no configured check."""
    taken = {same_subject(kind, keys) for kind, keys in written}
    return tuple(p for p in proposals if same_subject(p.kind, p.keys) not in taken)
