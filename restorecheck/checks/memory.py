"""What is to be known of a night in later ones, carried from one verified reading to the next. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from restorecheck.checks.pairs import TablePast, night_of, older, pairs
from restorecheck.checks.scan_result import DatabaseReading

LONGEST = 400
"""Nights after which what a table did is no longer kept."""
MOST_KEPT = 500
"""Tables of one database, those that did something last: the readings must fit into a drill."""
SHARE = 0.2
"""Of its rows; a table that has lost more of them has shrunk."""


def remember(before: DatabaseReading | None, after: DatabaseReading) -> DatabaseReading:
    """Tonight's reading, with what is to be known tomorrow. `before`: the baseline.

    May be asked again of the same two: `nights` and `past` of `after` are replaced.
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
    """The earlier reading without tables of extensions that tonight's leaves out: nothing is gone with them."""
    left_out = {*after.installed} & before.tables.keys()
    if not left_out:
        return before
    kept = {name: table for name, table in before.tables.items() if name not in left_out}
    return replace(before, tables=kept)


def _events(before: DatabaseReading, after: DatabaseReading) -> Iterator[tuple[str, str]]:
    """Table, and the field of `TablePast` that counts it; none for a table that is new."""
    for name, pair in pairs(before, after).items():
        if not pair.was_there:
            if name not in before.past:
                yield name, ""
        elif pair.after and not pair.before:  # one time that it was empty is counted once
            yield name, "" if pair.past.emptied else "emptied"
        elif (pair.before and not pair.after) or not pair.there:
            yield name, "emptied"
        elif pair.fell(SHARE):
            yield name, "shrunk"
    for name in sorted({table for table, _ in older(before, after)}):
        yield name, "back"
