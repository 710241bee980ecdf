"""The moment that a drill recovers to."""

from datetime import timedelta

from restorecheck.postgres.physical.moment import Moment, draw, window_start
from tests.factories import HOUR, NOW

SEEDS = [f"shop {number}" for number in range(400)]


def test_a_drawn_time_is_the_same_for_the_same_seed_and_lies_between():
    times = [draw(seed, NOW, NOW + HOUR) for seed in SEEDS]

    assert times == [draw(seed, NOW, NOW + HOUR) for seed in SEEDS]
    assert all(NOW <= at <= NOW + HOUR for at in times)
    assert min(times) < NOW + HOUR * 0.05
    assert max(times) > NOW + HOUR * 0.95


def test_a_time_is_drawn_as_the_report_says():
    """Its share is that of the first 8 bytes of `printf '%s moment' SEED | sha256sum`."""
    share = int("295efd7284f27908", 16) / 2**64

    assert draw("shop", NOW, NOW + HOUR) - NOW == HOUR * share


def test_within_some_days_no_earlier_time_is_drawn():
    limited = Moment("random", "2")

    assert window_start(Moment("random"), NOW - 90 * HOUR, NOW) == NOW - 90 * HOUR
    assert window_start(limited, NOW - 90 * HOUR, NOW) == NOW - timedelta(days=2)
    assert window_start(limited, NOW - HOUR, NOW) == NOW - HOUR
    assert (limited.said, Moment("random").said) == ("random of the last 2 days", "random")


def test_each_kind_of_moment_is_a_target_of_the_server():
    def targets(moment):
        own = {"recovery_target_action", "recovery_target_timeline"}
        return {k: v for k, v in moment.settings().items() if k not in own}

    assert targets(Moment()) == {}
    assert targets(Moment("immediate")) == {"recovery_target": "immediate"}
    assert targets(Moment("lsn", "16/B3")) == {"recovery_target_lsn": "16/B3"}
    at = Moment.at(NOW)
    assert at.time == NOW
    assert targets(at) == {"recovery_target_time": f"{NOW:%Y-%m-%d %H:%M:%S.%f}+00"}
    assert at.settings(action="pause")["recovery_target_action"] == "pause"
    assert Moment("immediate").settings()["recovery_target_timeline"] == "current"
