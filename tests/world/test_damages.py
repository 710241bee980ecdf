"""What the checks of every dump's drill see of damages of a realistic database, with one earlier night.

`pytest -s tests/world/test_damages.py` prints the table; `-k mojibake` asks about some. With
RESTORECHECK_DAMAGE=all every damage, else every 70th, is tried against PostgreSQL itself: it changes
something, and a dump of the damaged database restores.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum

import pytest

from restorecheck.model import CheckOutcome, CheckResult, Severity
from tests import pg
from tests.chosen import chosen
from tests.missing import left_out
from tests.reading import ask
from tests.world import realistic
from tests.world.damages import ALL, LAST_NIGHT, LOADING, TONIGHT, Damage, administer, load
from tests.world.realistic import DATABASE

DAY = timedelta(days=1)
THOROUGH = os.environ.get("RESTORECHECK_DAMAGE") == "all"
LEAST_FAILED, MOST_UNSEEN = 57, 24
"""Of all damages. Better numbers than these are written here, worse ones are refused."""


class Seen(IntEnum):
    UNSEEN = 0
    WARNED = 1
    FAILED = 2


@dataclass(frozen=True)
class Nights:
    source: pg.Source
    baseline: str
    """What was read of last night."""
    noticed: dict[Damage, dict[str, CheckResult]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def nights():
    """One ordinary night, and the day after it."""
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select 1") as source:
        administer(source, realistic.ROLES)
        administer(source, f"create database {DATABASE}")
        administer(source, realistic.settings())
        source.sql(realistic.schema(), DATABASE)
        source.sql(realistic.rows(), DATABASE)
        source.sql("analyze", DATABASE)
        found, baseline = ask(source, DATABASE, physical=False, taken_at=realistic.TONIGHT_AT - DAY)
        assert not _noticed(found)
        administer(source, f"alter database {DATABASE} rename to {LAST_NIGHT}")
        administer(source, f"create database {TONIGHT} template {LAST_NIGHT}")
        source.sql(realistic.day(), TONIGHT)
        yield Nights(source, baseline)


@contextmanager
def damaged(source: pg.Source, damage: Damage | None) -> Iterator[None]:
    """The database of that name, for as long as the block."""
    try:
        if damage is not None and damage.make is not None:
            damage.make(source)
        else:
            administer(
                source, f"create database {DATABASE} template {damage.of if damage else TONIGHT}"
            )
        administer(source, realistic.settings())
        if damage is not None and damage.sql:
            source.sql(LOADING + realistic.dated(damage.sql), DATABASE)
        yield
    finally:
        administer(source, f"drop database if exists {DATABASE} with (force)")
        if damage is not None:
            administer(source, damage.undo)


def _noticed(found: dict[str, CheckResult]) -> dict[str, CheckResult]:
    """Whatever does not pass, be it failed or unanswered."""
    return {name: r for name, r in found.items() if r.outcome is not CheckOutcome.PASSED}


def looked_at(nights: Nights, damage: Damage | None) -> dict[str, CheckResult]:
    with damaged(nights.source, damage):
        found, _ = ask(
            nights.source,
            DATABASE,
            before=nights.baseline,
            physical=False,
            taken_at=realistic.TONIGHT_AT,
        )
    return _noticed(found)


def level(noticed: dict[str, CheckResult]) -> Seen:
    failed = [r for r in noticed.values() if r.outcome is CheckOutcome.FAILED]
    if any(r.severity is Severity.REQUIRED for r in failed):
        return Seen.FAILED
    return Seen.WARNED if failed else Seen.UNSEEN


def test_an_ordinary_night_raises_nothing(nights):
    assert looked_at(nights, None) == {}


@pytest.mark.parametrize("damage", ALL if THOROUGH else chosen(ALL, 0.07), ids=str)
def test_a_damage_leaves_no_check_without_an_answer(nights, damage):
    nights.noticed[damage] = looked_at(nights, damage)
    unanswered = {
        name: r.detail
        for name, r in nights.noticed[damage].items()
        if r.outcome is not CheckOutcome.FAILED
    }
    assert unanswered == {}


def test_as_many_damages_are_seen_as_before(nights):
    if len(nights.noticed) < len(ALL):
        left_out("some damages were left out")
    for damage, noticed in nights.noticed.items():
        print(f"{level(noticed).name.lower():8} {damage.name:60} {' '.join(sorted(noticed))}")
    found = Counter(map(level, nights.noticed.values()))
    print(f"{len(ALL)} damages: " + ", ".join(f"{found[s]} {s.name.lower()}" for s in Seen))
    assert found[Seen.FAILED] >= LEAST_FAILED
    assert found[Seen.UNSEEN] <= MOST_UNSEEN


def _lines(dump: bytes) -> list[bytes]:
    """In any order, without the random word that newer minors of pg_dump write."""
    return sorted(line for line in dump.splitlines() if not re.match(rb"\\(un)?restrict ", line))


def _whole(source: pg.Source, database: str) -> list[bytes]:
    """Roles, structure and rows, under one name."""
    dump = source.run("pg_dump", "--create", f"--dbname={database}")
    return _lines(source.run("pg_dumpall", "--globals-only") + dump)


@pytest.fixture(scope="module")
def healthy(nights):
    with damaged(nights.source, None):
        return _whole(nights.source, DATABASE)


@pytest.mark.parametrize("damage", ALL if THOROUGH else ALL[::70], ids=str)
def test_a_damage_changes_what_a_dump_holds_and_the_dump_restores(nights, healthy, damage):
    source = nights.source
    with damaged(source, damage):
        assert _whole(source, DATABASE) != healthy
        try:
            load(source, DATABASE, "again")
        finally:
            administer(source, "drop database if exists again")
