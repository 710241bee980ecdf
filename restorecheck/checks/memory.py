"""Facts of earlier nights, carried from one verified reading to the next. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from restorecheck.checks.pairs import TablePast, night_of, older, pairs
from restorecheck.checks.scan_result import DatabaseReading

LONGEST = 400
"""Nights after which an event of a table is forgotten."""
MOST_KEPT = 500
"""Tables of one database with stored events, the most recent ones: the readings must fit into a drill."""
SHARE = 0.2
"""Share of rows; a table that lost more counts as shrunk."""


def remember(before: DatabaseReading | None, after: DatabaseReading) -> DatabaseReading:
    """Tonight's reading with the memory for later nights. `before`: the baseline.

    May be called again with the same two: `nights` and `past` of `after` are replaced.
    """
    if before is None:
        return replace(after, nights=1, past={})
    night = night_of(before) + 1
    past = {name: TablePast.of(text) for name, text in before.past.items()}
    for name, event in _events(before, after):
        known = past.get(name, TablePast())
        past[name] = replace(
            known, since=night, **({event: getattr(known, event) + 1} if event else {})
        )
    kept = sorted(
        (name for name, p in past.items() if night - p.since <= LONGEST),
        key=lambda name: (-past[name].since, name),
    )
    texts = {name: str(past[name]) for name in sorted(kept[:MOST_KEPT])}
    return replace(after, nights=night, past=texts)


def without_installed(before: DatabaseReading, after: DatabaseReading) -> DatabaseReading:
    """The earlier reading without tables of extensions that tonight's leaves out, so that none seems missing."""
    left_out = {*after.installed} & before.tables.keys()
    if not left_out:
        return before
    kept = {name: table for name, table in before.tables.items() if name not in left_out}
    return replace(before, tables=kept)


def _events(before: DatabaseReading, after: DatabaseReading) -> Iterator[tuple[str, str]]:
    """Table, and the field of `TablePast` that counts the event; none for a new table."""
    for name, pair in pairs(before, after).items():
        if not pair.was_there:
            if name not in before.past:
                yield name, ""
        elif pair.after and not pair.before:  # a table that stays empty is counted once
            yield name, "" if pair.past.emptied else "emptied"
        elif (pair.before and not pair.after) or not pair.there:
            yield name, "emptied"
        elif pair.fell(SHARE):
            yield name, "shrunk"
    for name in sorted({table for table, _ in older(before, after)}):
        yield name, "back"
