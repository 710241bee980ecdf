"""The lease that keeps sweeps apart, in moto's DynamoDB."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from restorecheck.aws.deployment.leases import TableLease
from restorecheck.errors import ProviderError
from restorecheck.hosts.functions import sweeper
from restorecheck.testing import World
from tests.contract.aws_store import simulated_store
from tests.factories import NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def lease():
    with simulated_store() as store:
        yield TableLease(store._dynamodb, table="drills", name="sweep")


def take(lease, holder, after=timedelta(0)):
    now = NOW + after
    return lease.take(holder, now=now, until=now + 11 * MINUTE)


def test_a_lease_is_taken_once(lease):
    assert take(lease, "first")
    assert not take(lease, "second", MINUTE)
    assert not take(lease, "first", MINUTE), "the same invocation, delivered twice"


def test_a_lease_that_was_dropped_is_free(lease):
    take(lease, "first")
    lease.drop("first")

    assert take(lease, "second", MINUTE)


def test_the_lease_of_a_killed_sweep_runs_out(lease):
    take(lease, "killed")

    assert not take(lease, "next", 11 * MINUTE)
    assert take(lease, "next", 11 * MINUTE + timedelta(milliseconds=1))


def test_who_comes_late_does_not_drop_the_lease_of_the_next_one(lease):
    take(lease, "late")
    assert take(lease, "next", 12 * MINUTE)

    lease.drop("late")

    assert not take(lease, "third", 13 * MINUTE)


def test_another_error_than_that_it_is_taken_is_one():
    class Refusing:
        def put_item(self, **_):
            raise ClientError(
                {"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutItem"
            )

    with pytest.raises(ProviderError, match="lease sweep"):
        take(TableLease(Refusing(), table="drills", name="sweep"), "first")


# --- the sweep that it keeps alone ----------------------------------------------------------------


class Around:
    def __init__(self, dynamodb):
        self.clock = World(present=NOW)
        self._dynamodb = dynamodb

    def client(self, service):
        assert service == "dynamodb"
        return self._dynamodb

    def setting(self, name):
        assert name == "RESTORECHECK_TABLE"
        return "drills"


NOTHING = sweeper.SweepCounts(
    restarted=(),
    deleted=(),
    left=(),
    unseen=(),
    overdue=(),
    proof_hours={},
    failed=(),
    inconclusive=(),
    leftovers=0,
)


def nothing(_):
    return NOTHING


def test_a_second_sweep_at_once_is_skipped_and_says_nothing():
    with simulated_store() as store:
        around: Any = Around(store._dynamodb)
        seen = []

        def meanwhile(_):
            seen.append(sweeper.alone(around, "second", 10 * MINUTE, nothing))
            return NOTHING

        assert sweeper.alone(around, "first", 10 * MINUTE, meanwhile) is NOTHING
        assert seen == [None]
        assert sweeper.alone(around, "third", 10 * MINUTE, nothing) is NOTHING, "it was dropped"


def test_a_sweep_that_fails_lets_the_next_try_in_and_a_killed_one_when_its_time_is_over():
    with simulated_store() as store:
        around: Any = Around(store._dynamodb)

        def failing(_):
            raise ProviderError("throttled")

        for _ in range(2):
            with pytest.raises(ProviderError):
                sweeper.alone(around, "again", 10 * MINUTE, failing)

        lease = TableLease(store._dynamodb, table="drills", name=sweeper.LEASE)
        assert lease.take("killed", now=NOW, until=NOW + 10 * MINUTE + sweeper.SPARE)
        around.clock.pass_time(10 * MINUTE)
        assert sweeper.alone(around, "retried", 10 * MINUTE, nothing) is None
        around.clock.pass_time(2 * MINUTE)
        assert sweeper.alone(around, "next", 10 * MINUTE, nothing) is NOTHING
