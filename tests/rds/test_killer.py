"""A few seconds of the killer on every run; by hand, it goes on for as long as one likes."""

import secrets

from tests.rds.killer import hunt

SECONDS = 6.0


def test_whatever_is_killed_nothing_is_left_in_aws_and_nothing_lies():
    seed = secrets.randbelow(1_000_000)
    print(f"seed {seed}: python -m tests.rds.killer --seed {seed}")

    assert hunt(seed, SECONDS).rounds
