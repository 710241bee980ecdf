"""What a target's configuration says of its drills, whichever host runs them."""

from datetime import timedelta

from restorecheck.checks.catalogue import built_in
from restorecheck.config import Config, Target
from restorecheck.model import CheckSpec

TEARDOWN_LIMIT = timedelta(minutes=2)
"""Local things go at once or not at all; what is left is named, and the next sweep tries again."""


def checks_of(target: Target) -> tuple[CheckSpec, ...]:
    """The built-in checks first: they say whether the others can be answered at all."""
    return (*built_in(), *target.check_specs())


def teardown_limit_of(config: Config, target: Target) -> timedelta:
    if target.rds is None:
        return TEARDOWN_LIMIT
    from restorecheck.hosts import rds

    return rds.teardown_limit_of(config)


def deadline_of(target: Target) -> timedelta:
    return timedelta(minutes=target.deadline_minutes)
