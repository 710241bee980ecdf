"""Five ordinary nights of healthy databases: none fails, and at most one warning is read."""

import os

import pytest

from tests.chosen import chosen
from tests.world.zoo import ANIMALS, lives, short_of

THOROUGH = os.environ.get("RESTORECHECK_DAMAGE") == "all"


@pytest.mark.parametrize(
    "animal", ANIMALS if THOROUGH else chosen(ANIMALS, 0.3), ids=lambda animal: animal.name
)
def test_a_healthy_database_raises_no_alarm_in_five_nights(source, animal):
    assert [str(alarm) for alarm in short_of(list(lives(source, animal)))] == []


def test_the_zoo_is_large():
    assert len({animal.name for animal in ANIMALS}) == len(ANIMALS) >= 40
