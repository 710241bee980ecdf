"""A few seconds of the killer on every run; by hand, it goes on for as long as one likes."""

import secrets

import pytest

from tests.acceptance.killer import hunt

SECONDS = 4.0


@pytest.mark.parametrize("seed", [22, secrets.randbelow(1_000_000)], ids=["fixed", "fresh"])
def test_whatever_is_killed_nothing_is_left_and_nothing_lies(seed):
    print(f"seed {seed}: python -m tests.acceptance.killer --seed {seed}")

    assert hunt(seed, SECONDS).rounds
