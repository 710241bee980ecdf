"""Many targets in one night, over AWS's quotas. `tests/bench/bench_scale.py` has the large ones."""

from threading import Thread

from restorecheck.hosts.daemon.gate import Gate
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


def test_a_place_goes_to_who_waited_longest():
    gate, came = Gate(1), []
    assert gate.enter()
    threads = []

    def come(number):
        gate.enter()
        came.append(number)

    for number in range(20):
        thread = Thread(target=come, args=[number])
        thread.start()
        threads.append(thread)
        while gate.waiting <= number:
            pass

    for number in range(20):
        gate.leave()
        while len(came) <= number:
            pass

    assert came == list(range(20))
    for thread in threads:
        thread.join()


def test_a_wider_gate_lets_everybody_in_at_once():
    gate = Gate(1)
    assert gate.enter()
    threads = [Thread(target=gate.enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    while gate.waiting < 5:
        pass

    gate.resize(6)

    for thread in threads:
        thread.join(10)
    assert gate.waiting == 0
