"""Many targets in one night, over AWS's quotas. `tests/bench/bench_scale.py` has the large ones."""

from tests.simulation.scale import one_night


def test_many_targets_over_the_quotas_are_all_proven_in_their_order(tmp_path):
    done = one_night(60, tmp_path, parallel=12, instances=10, copies=5)

    assert done.verified == 60
    assert done.at_once == 12
    assert done.most == {"instance": 10, "copy": 5}
    # A place is free every 23 minutes at the latest, for each of the ten instances.
    assert done.hours < 60 / 10 * 0.5
    assert done.overtaken <= 12, "nobody is overtaken by more than those who are at work"
    assert done.calls_per_drill < 100


def test_a_night_of_few_targets_waits_for_nothing(tmp_path):
    done = one_night(5, tmp_path, parallel=10)

    assert done.verified == 5
    assert max(done.waited) < 0.01
