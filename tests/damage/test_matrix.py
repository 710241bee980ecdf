"""Every kind of damage against the checks that every drill has, on every major at hand."""

import os

import psycopg
import pytest

from tests import pg
from tests.damage.kinds import ALL
from tests.damage.servers import NAME, UNCHANGED, damaged, healthy
from tests.missing import left_out
from tests.reading import alarms, ask

MAJORS = sorted({installation.major for installation in pg.installations()})


ON_EVERY_MAJOR = frozenset(
    {
        "heap: a page header is garbage",
        "heap: a zeroed page in the middle",
        "heap: a tuple marked as deleted",
        "TOAST: a zeroed page",
        "B-tree: two items swapped",
        "a role membership is gone",
        "two rows have swapped a value",
    }
)
ALL_MAJORS = os.environ.get("RESTORECHECK_DAMAGE") == "all"


@pytest.fixture(scope="module", params=MAJORS)
def base(request):
    installation = next(i for i in pg.installations() if i.major == request.param)
    with healthy(installation) as made:
        yield made


def seen(base, damage):
    elsewhere = base.installation.major != MAJORS[0] and not ALL_MAJORS
    if damage is not None and elsewhere and damage.name not in ON_EVERY_MAJOR:
        left_out(
            "most is the same on every major, and all of it takes longer than .ci/run may: "
            "RESTORECHECK_DAMAGE=all asks all"
        )
    with damaged(base, damage) as source:
        found, _ = ask(source, NAME, UNCHANGED, before=base.readings)
    return found


def test_nothing_is_alarming_about_a_healthy_copy(base):
    assert alarms(seen(base, None)) == {}


@pytest.mark.parametrize("damage", ALL, ids=str)
def test_damage_is_seen_by_who_should_see_it(base, damage):
    try:
        found = alarms(seen(base, damage))
    except psycopg.errors.FeatureNotSupported as exc:
        left_out(f"this server cannot be damaged so: {exc}")

    kinds = {kind.partition(" ")[0] for kind in found}
    if not damage.seen_by:
        assert found == {}, "it is seen now: say so in the list"
        return
    assert kinds & damage.seen_by, found
    if base.installation.major == MAJORS[0]:
        print(f"{damage}: {sorted(kinds)}")
