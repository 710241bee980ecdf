"""Many targets in one night of the AWS deployment. `tests/bench/bench_deployed.py` has the 5,000."""

from tests.simulation.deployed_night import DeployedNight


def test_every_target_is_proven_and_no_more_run_at_once_than_allowed():
    night = DeployedNight(targets=30, parallel=10).run()

    assert night.verified == 30
    assert night.at_once == 10
    # Three rounds of copy, restore, checks and deletion, which take 23 minutes, and the waits between looks.
    assert 3 * 23 / 60 < night.hours < 3 * 30 / 60


def test_the_quota_of_instances_limits_a_night_and_nothing_waits_inside_of_a_drill():
    night = DeployedNight(targets=12, parallel=100, instances=4).run()

    assert night.at_once == 4
    assert night.calls["make instance"] == 12, "none was refused"


def test_each_target_costs_the_same_however_many_there_are():
    few, many = (DeployedNight(targets=n, parallel=10).run() for n in (10, 60))

    for what, dollars in few.dollars().items():
        assert many.dollars()[what] / 60 < dollars / 10 * 1.05, what


def test_the_execution_of_a_drill_stays_far_below_the_limit_of_events():
    assert DeployedNight(targets=10, parallel=10).run().events < 25_000 / 10
