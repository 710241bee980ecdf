"""What is proposed for databases in the shapes that others have: it passes thirty nights of ordinary growth,
and sees nine in ten kinds of damage.
"""

import os

import pytest

from restorecheck.checks.registry import BUILT_INS
from restorecheck.model import Noticed
from tests import pg
from tests.damage.proving import admit_checker, profile_of, proposed_specs, prover
from tests.missing import left_out
from tests.reading import alarms, ask, database
from tests.shapes import PURGE, SHAPES, moment

ROLES = "create role app_read nologin; create role app_user nologin; grant app_read to app_user"
ONLY_THESE = dict.fromkeys(kind.name for kind in BUILT_INS)
"""Turns off what every drill has by itself."""
EVERYTHING = os.environ.get("RESTORECHECK_DAMAGE") == "all"
QUICK = frozenset({"saas", "types"})
PROVEN = frozenset({"types"})
"""Of these, the one that is damaged where not all of them are."""
LATER = "all of them take minutes: RESTORECHECK_DAMAGE=all asks all"
TELLING = frozenset({1, 7, 13, PURGE, PURGE + 1, 19, 22, 30})
"""Nights that are asked where not all of them are: first ones, weekends, and those after something happened."""


@pytest.fixture(scope="module")
def source():
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema=ROLES) as made:
        admit_checker(made, "postgres")
        yield made


@pytest.fixture(params=SHAPES)
def shape(request):
    if request.param not in QUICK and not EVERYTHING:
        left_out(LATER)
    return SHAPES[request.param]


def test_no_required_check_fails_in_thirty_nights_of_ordinary_growth(shape, source):
    with database(source, shape.name, shape.schema) as name:
        specs = proposed_specs(profile_of(source, name, moment(0)))
        required = {s.name for s in specs if s.severity == "required"}
        found, before = ask(source, name, specs, suite=ONLY_THESE, taken_at=moment(0))
        assert alarms(found) == {}

        for night in range(1, 31):
            source.sql(shape.day(night), name)
            if night not in TELLING and not EVERYTHING:
                continue
            found, before = ask(
                source, name, specs, before=before, suite=ONLY_THESE, taken_at=moment(night)
            )  # verified, or accepted
            failed = required & set(alarms(found))
            if night == PURGE:
                seen = {f"row count of {table}" for table in shape.purged}
                assert failed == seen, "a purge is to be seen, and accepted by somebody"
            else:
                assert failed == set(), f"night {night}: {alarms(found)}"


def test_nine_in_ten_kinds_of_damage_are_seen(shape, source):
    if shape.name not in PROVEN and not EVERYTHING:
        left_out(LATER)
    with database(source, shape.name, shape.schema) as name:
        specs = proposed_specs(profile_of(source, name, moment(0)))

        proof = prover(source, name, specs, taken_at=moment(0)).prove()

    seeable = [d for d in proof.tried if not d.needs_contents]
    yours = [d for d in seeable if d.noticed in {Noticed.YOURS, Noticed.YOURS_WARNING}]
    print(f"{shape.name}: {len(specs)} checks see {len(yours)} of {len(seeable)}")
    assert len(yours) >= 0.9 * len(seeable), [d for d in seeable if d not in yours]
