"""The places of drills, in moto's DynamoDB."""

from types import SimpleNamespace
from typing import Any

import pytest

from restorecheck.aws.deployment.places import TablePlaces
from restorecheck.hosts.functions import sweeper
from restorecheck.model import Phase
from tests.contract.aws_store import simulated_store
from tests.factories import drill


@pytest.fixture
def store():
    with simulated_store() as store:
        yield store


@pytest.fixture
def places(store):
    return TablePlaces(store._dynamodb, table="drills")


def test_no_more_drills_than_the_limit_have_a_place(places):
    assert [places.take(f"d-{n}", 2) for n in range(4)] == [True, True, False, False]
    assert places.holders() == {"d-0", "d-1"}


def test_a_drill_takes_one_place_however_often_it_asks(places):
    assert all(places.take("d-0", 2) for _ in range(3))

    assert places.take("d-1", 2)
    assert places.take("d-0", 2), "also when all places are taken"


def test_a_place_that_is_dropped_is_free_for_another_drill(places):
    places.take("d-0", 1)
    places.drop("d-0")
    places.drop("d-0")

    assert places.holders() == frozenset()
    assert places.take("d-1", 1)


def test_a_lower_limit_ends_no_drill_and_lets_none_begin(places):
    for number in range(3):
        places.take(f"d-{number}", 3)
    places.drop("d-0")

    assert not places.take("d-3", 2)
    assert places.take("d-1", 2)


def test_the_sweeper_frees_places_of_drills_that_ended_or_were_never_made(store, places):
    running, ended = "20260226-031500-aaaaaa", "20260226-031500-bbbbbb"
    store.create(drill(id=running))
    store.save(store.create(drill(id=ended)).evolve(phase=Phase.FINISHED))
    for name in (running, ended, "20260226-031500-cccccc"):
        places.take(name, 9)
    around: Any = SimpleNamespace(places=places, store=store)

    sweeper._free_places(around)

    assert places.holders() == {running}
