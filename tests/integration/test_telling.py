"""What the functions of AWS tell people and CloudWatch: of every drill that has ended, of what is left, of
who is overdue.
"""

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorecheck import config as configuration
from restorecheck.announcing import Overdue
from restorecheck.engine import _compose
from restorecheck.hosts.functions import metrics, notifier
from restorecheck.hosts.functions.messages import tell
from restorecheck.hosts.functions.sweeper import SweepCounts, _bad, _overdue
from restorecheck.model import TeardownOutcome, Verdict
from restorecheck.testing import MemoryStore, World
from tests.factories import NOW, SERVER, finished
from tests.integration.test_messengers import TOKEN, Receiver, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
INSTANCE = "arn:aws:rds:eu-west-1:111111111111:db:courses-prod"


class Around:
    """As much of a function's surroundings as telling needs."""

    def __init__(self, *channels):
        self.clock = World(present=NOW)
        self.store = MemoryStore(self.clock)
        self.text = yaml.safe_dump(
            {
                "version": 1,
                "aws": {"ca_bundle": "bundle.pem"},
                "targets": [
                    {
                        "name": name,
                        "adopt": {
                            "db_instance_arn": INSTANCE,
                            "account_id": "222222222222",
                            "region": "eu-west-1",
                            "user": "checker",
                            "credentials": "iam",
                        },
                        "max_proof_age_hours": 30,
                    }
                    for name in ("courses", "grades")
                ],
                "notify": list(channels),
            }
        )

    def config(self):
        return configuration.parse(self.text, file="c.yaml", directory=Path(), environment={})

    def drill(self, verdict=Verdict.VERIFIED, *, target="courses", **changes):
        """One that has ended now, and is told of."""
        number = len(self.store.reports) + 1
        done = finished(verdict, reason=f"night {number}").evolve(
            id=f"d-{number}",
            target=target,
            started_at=self.clock.now() - HOUR,
            finished_at=self.clock.now(),
            **{"announce": True, **changes},
        )
        stored = self.store.create(done)
        return self.store.finish(
            done.evolve(version=stored.version), lambda link: _compose(done, link)
        )


@pytest.fixture
def receivers():
    """Two of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(Receiver())) for _ in range(2)]


def hook(receiver, name, **more):
    return {"name": name, "webhook": {"url": receiver.url}, "inconclusive_after": 1, **more}


def heard(receiver):
    """Kind and reason of everything that it was told, message by message."""
    return [
        [(event["kind"], event["reason"]) for event in json.loads(body)["events"]]
        for _, _, body in receiver.got
    ]


def test_of_every_night_only_its_own_news_is_told(receivers):
    one, _ = receivers
    around: Any = Around(hook(one, "on-call"))

    for verdict in (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.VERIFIED, Verdict.VERIFIED):
        tell(around.drill(verdict), around)
        around.clock.pass_time(DAY)

    assert heard(one) == [
        [("failed", "night 1")],
        [("inconclusive", "night 2")],
        [("recovered", "night 3")],
    ]


def test_what_a_drill_has_left_is_told_though_it_is_verified(receivers):
    one, _ = receivers
    around: Any = Around(hook(one, "on-call"))

    left = around.drill(ledger=(SERVER,), teardown_outcome=TeardownOutcome.INCOMPLETE)
    tell(left, around)

    assert heard(one) == [[("left_behind", "night 1")]]
    assert SERVER.identifier in one.got[0][2].decode()


def test_a_report_that_retention_removed_keeps_no_news_back(receivers):
    one, _ = receivers
    around: Any = Around(hook(one, "on-call"))
    around.drill()
    around.clock.pass_time(DAY)
    around.drill()
    assert around.store.prune(around.clock.now(), around.clock.now()) == 1

    around.clock.pass_time(DAY)
    tell(around.drill(Verdict.FAILED), around)

    assert heard(one) == [[("failed", "night 3")]]


def test_who_is_deaf_keeps_nobody_else_from_hearing(receivers):
    deaf, other = receivers
    deaf.status = 500
    around: Any = Around(hook(deaf, "deaf"), hook(other, "other"))

    tell(around.drill(Verdict.FAILED), around)

    assert heard(other) == [[("failed", "night 1")]]


def test_a_channel_hears_of_its_own_targets_and_drills_of_others_change_nothing(receivers):
    one, other = receivers
    around: Any = Around(hook(one, "courses", targets=["courses"]), hook(other, "all"))

    tell(around.drill(Verdict.FAILED, target="grades"), around)
    tell(around.drill(target="courses"), around)

    assert heard(one) == []
    assert heard(other) == [[("failed", "night 1")]]


def test_a_drill_that_nobody_is_to_be_told_of_is_not_told(receivers):
    one, _ = receivers
    around: Any = Around(hook(one, "on-call"))

    tell(around.drill(Verdict.FAILED, announce=False), around)

    assert heard(one) == []


def test_a_configuration_that_cannot_be_used_keeps_no_drill_from_its_end(receivers, capfd):
    around: Any = Around()
    around.text = f"version: 1\nnotify: [{TOKEN}]\n"

    tell(around.drill(), around)

    assert "message.trouble" in "".join(capfd.readouterr())


# --- who is overdue


def found_overdue(around):
    facts, ages = _overdue(around.config(), around)
    return [fact.target for fact in facts], ages


def test_a_target_that_was_never_drilled_is_overdue_from_the_beginning():
    assert found_overdue(Around()) == (["courses", "grades"], {})


def test_drills_that_prove_nothing_make_no_target_young_again():
    around: Any = Around()

    for _ in range(3):
        for target in ("courses", "grades"):
            around.drill(Verdict.INCONCLUSIVE, target=target)
        assert found_overdue(around) == ([], {})
        around.clock.pass_time(10 * HOUR)

    assert found_overdue(around) == (["courses", "grades"], {})


def test_a_target_is_overdue_when_its_newest_proof_is_too_old():
    around: Any = Around()
    around.drill()
    around.drill(target="grades")
    around.clock.pass_time(29 * HOUR)
    around.drill(Verdict.FAILED)

    assert found_overdue(around) == ([], {"courses": 29.0, "grades": 29.0})
    around.clock.pass_time(HOUR)
    assert found_overdue(around) == (["courses", "grades"], {"courses": 30.0, "grades": 30.0})


# --- what lasts until a drill verifies


@pytest.mark.parametrize(
    ("nights", "expected"),
    [
        ("", ((), ())),
        ("v", ((), ())),
        ("vf", (("courses",), ())),
        ("f", (("courses",), ())),
        ("vffv", ((), ())),
        ("vi", ((), ())),
        ("vii", ((), ("courses",))),
        ("ii", ((), ("courses",))),
        ("vfi", (("courses",), ())),
        ("vif", (("courses",), ())),
        ("fiiv", ((), ())),
    ],
)
def test_a_target_has_failed_until_a_drill_verifies_it(nights, expected):
    around: Any = Around()
    verdicts = {verdict.value[0]: verdict for verdict in Verdict}
    around.drill(target="grades")
    for night in nights:
        around.drill(verdicts[night])
        around.clock.pass_time(DAY)

    assert _bad(around.config(), around) == expected


# --- pages


class Bucket:
    """As much of S3 as pages need."""

    def __init__(self, around):
        self.around = around
        self.objects: dict[str, tuple[str, Any]] = {}

    def get_paginator(self, operation):
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **_):
        listed = [{"Key": key, "LastModified": at} for key, (_, at) in self.objects.items()]
        return [{"Contents": listed}]

    def put_object(self, *, Key, Body, **_):  # noqa: N803  # boto3's names
        self.objects[Key] = (Body.decode(), self.around.clock.now())


@pytest.fixture
def published():
    around: Any = Around()
    bucket = Bucket(around)
    around.client = lambda _service: bucket
    around.setting = lambda _name: "reports"

    def publish():
        written: list[str] = notifier.publish({}, around)["pages"]
        return written, bucket.objects["pages/index.html"][0]

    return around, publish


def test_the_page_over_all_says_who_is_overdue_and_what_is_left(published):
    around, publish = published
    around.drill()
    around.drill(target="grades")
    _, page = publish()
    assert ("overdue" in page, "left behind" in page) == (False, False)

    around.drill(ledger=(SERVER,), teardown_outcome=TeardownOutcome.INCOMPLETE)
    assert "left behind" in publish()[1]
    around.clock.pass_time(30 * HOUR)
    assert "overdue" not in publish()[1]
    around.clock.pass_time(HOUR / 60)
    assert "overdue" in publish()[1]


def test_a_page_that_may_be_older_than_its_report_is_made_again(published):
    """Two functions at once: one lists the reports, the other writes the page."""
    around, publish = published
    around.drill()
    assert publish()[0] == ["courses.html", "index.html"]
    around.clock.pass_time(notifier.DOUBT / 2)
    assert publish()[0] == ["courses.html", "index.html"]
    around.clock.pass_time(notifier.DOUBT)
    assert publish()[0] == ["courses.html", "index.html"]
    assert publish()[0] == ["index.html"]


# --- numbers for CloudWatch


def written(capfd):
    """Dimensions → name → value, as CloudWatch reads them out of the log."""
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for line in capfd.readouterr().out.splitlines():
        record = json.loads(line)
        for block in record["_aws"]["CloudWatchMetrics"]:
            (names,) = block["Dimensions"]
            place = tuple((name, record[name]) for name in names)
            metric_names = [metric["Name"] for metric in block["Metrics"]]
            values = {name: sum(record[name]) for name in metric_names}
            found.setdefault(place, {}).update(values)
    return found


OVER_ALL = (("service", "restorecheck"),)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_drill_is_counted_once_over_all_and_once_for_its_target(verdict, capfd):
    drill = finished(verdict).evolve(ledger=(SERVER,))

    metrics.of_drill(drill)

    numbers = written(capfd)
    of_target = (("target", "courses"), ("service", "restorecheck"))
    assert {frozenset(place) for place in numbers} == {frozenset(OVER_ALL), frozenset(of_target)}
    for values in numbers.values():
        for other in Verdict:
            assert values[other.value.capitalize()] == float(other is verdict)
        assert values["LeftBehind"] == 1.0
        assert values["BackupAge"] == 3 * 3600
        assert values["DrillTime"] > 0
    # The alarm need not wait for the next sweep, and no drill says that all is well.
    states = {
        name: numbers[OVER_ALL].get(name) for name in ("FailedTargets", "DrillsWithLeftovers")
    }
    failed = 1.0 if verdict is Verdict.FAILED else None
    assert states == {"FailedTargets": failed, "DrillsWithLeftovers": 1.0}


def test_a_sweep_counts_what_it_came_across_and_says_how_old_each_proof_is(capfd):
    late = Overdue(target="courses", at=NOW, proven_at=None, allowed=HOUR)
    metrics.of_sweep(
        SweepCounts(
            restarted=("d-1", "d-2"),
            deleted=("a", "b"),
            left=("c",),
            unseen=("d", "e", "f", "g"),
            overdue=(late,),
            proof_hours={"courses": 2.0},
            failed=("courses",),
            inconclusive=("grades", "orders"),
            leftovers=5,
        )
    )

    numbers = written(capfd)
    assert numbers[OVER_ALL] == {
        "FailedTargets": 1.0,
        "InconclusiveTargets": 2.0,
        "DrillsWithLeftovers": 5.0,
        "OverdueTargets": 1.0,
        "Orphans": 3.0,
        "Unseen": 4.0,
        "RestartedDrills": 2.0,
    }
    (of_target,) = [values for place, values in numbers.items() if place != OVER_ALL]
    assert of_target == {"ProofAge": 7200.0}
