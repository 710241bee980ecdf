"""Damage of physical backups: every kind that a drill can see fails it."""

import pytest

from tests.acceptance.conftest import world
from tests.acceptance.physical import Yard, tell
from tests.acceptance.test_barman import NEW, Copy
from tests.damage import barman
from tests.damage.physical import ALL, FILES, damage, noticed
from tests.missing import left_out
from tests.production import majors, producing

MAJORS = majors()
__all__ = ["world"]  # a fixture


@pytest.fixture(scope="module")
def story():
    with producing(MAJORS[max(MAJORS)]) as production:
        production.sql(
            "vacuum"
        )  # as a living cluster is: index-only scans then count without the table
        yield tell(production)


@pytest.fixture
def yard(world, story):
    return Yard(world, story)


@pytest.mark.parametrize("kind", ALL, ids=str)
def test_a_damaged_backup_fails(yard, kind):
    if kind.of == "chain" and max(MAJORS) < 17:
        left_out("PostgreSQL 17 is the first with incremental backups")
    damage(yard, kind)

    _, report = yard.drill()

    assert (report["verdict"] == "failed") is kind.seen, report["reason"]
    print(f"{kind}: {noticed(report)}")


SETTLED = frozenset({"pg_xact of zeros", "no files in pg_xact"})
"""Every transaction before the backup is marked in its rows, so nobody asks these files."""


@pytest.mark.parametrize("kind", FILES, ids=str)
def test_without_a_manifest_the_checks_see_most(yard, kind):
    damage(yard, kind, manifest=False)

    _, report = yard.drill()

    assert (report["verdict"] == "failed") is (kind.seen and kind.name not in SETTLED), report[
        "reason"
    ]
    print(f"{kind}: {noticed(report)}")


@pytest.fixture(scope="module", params=barman.METHODS)
def kept(request):
    if not NEW.exists():
        left_out("Barman is not in .venv/barman")
    with barman.barman(request.param) as made:
        yield made


@pytest.mark.parametrize("kind", barman.ALL, ids=str)
def test_damage_of_what_barman_keeps_fails(world, kept, kind):
    copy = Copy(world, kept)
    kind.do(copy)

    _, report = copy.drill(asks=False)

    assert (report["verdict"] == "failed") is kind.seen, report["reason"]
    print(f"{kind}: {noticed(report)}")
