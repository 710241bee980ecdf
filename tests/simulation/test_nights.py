"""Weeks of nights through the real runner, its scheduler and its history, on a clock that is moved.

Only the drills are played: each takes as long as it is told to. After every week, each scheduled
time has exactly one report or one recorded reason.
"""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from prometheus_client.parser import text_string_to_metric_families

from restorecheck.announcing import Kind, Rules
from restorecheck.engine import _compose
from restorecheck.errors import BusyError
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.daemon.alarm import CHORES, DRILLS, MESSAGES, NUMBERS
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.service import Flags, Service
from restorecheck.hosts.daemon.workers import Launcher
from restorecheck.hosts.notifying.channels import Line
from restorecheck.model import Verdict
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests.factories import drill, finished

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PATIENCE = 30
"""Seconds."""


class Killed(BaseException):
    """The runner's process is gone."""


class Recorder:
    """A messenger that keeps what it is given."""

    def __init__(self):
        self.messages = []
        self.starts = []

    def started(self, target, slot):
        self.starts.append((target, slot))

    def send(self, message):
        self.messages.append(message)


class PlayedDrills(Launcher):
    """Drills that take their time on the moved clock, and die when they are told to."""

    def __init__(self, stage):
        self.stage = stage
        self.alive = True
        self.refuse = ""
        self.defect: Exception | None = None
        self.swept: list[datetime] = []
        self.held: set[str] = set()
        """Drills whose process lives; a sweep leaves these alone."""

    def drill(self, target, slot, limit):  # noqa: ARG002  # nobody hangs here
        stage = self.stage
        if self.refuse:
            return self.refuse
        if self.defect:
            raise self.defect
        stage.begin(target)
        begun = drill().evolve(
            id=stage.new_id(),
            target=target,
            started_at=stage.now(),
            deadline=stage.now() + DAY,
            scheduled_for=slot,
            announce=True,
        )
        # Held before it is recorded: a sweep on another thread ends what it finds and nobody holds.
        self.held.add(begun.id)
        try:
            with stage.history() as store:
                store.create(begun)
            stage.pass_time(stage.length.get(target, 10 * MINUTE), self)
            if target in stage.dying:
                return "the process was ended by signal 9"
            stage.write_report(begun, stage.verdict.get(target, Verdict.VERIFIED))
        finally:
            stage.end(target)
            self.held.discard(begun.id)
        return ""

    def finish(self):
        with self.stage.history() as store:
            unfinished = store.unfinished()
        for left in unfinished:
            if left.id not in self.held:
                self.stage.write_report(left, Verdict.INCONCLUSIVE)
        return ""

    def sweep(self):
        self.swept.append(self.stage.now())
        return self.finish()

    def stop(self, within):  # noqa: ARG002  # as above
        return 0


class Stage:
    """The clock, the file, the history, and one runner after the other."""

    def __init__(self, tmp_path, traveller):
        self.path = tmp_path / "restorecheck.yaml"
        self.database = tmp_path / "history.sqlite"
        self.traveller = traveller
        self.moved = threading.Condition()
        self.at_work: list[tuple[datetime, PlayedDrills]] = []
        """Until when each drill that goes on is at work, and for whom."""
        self.running: Counter[str] = Counter()
        self.most_at_once: Counter[str] = Counter()
        self.numbers = 0
        self.length: dict[str, timedelta] = {}
        self.verdict: dict[str, Verdict] = {}
        self.dying: set[str] = set()
        self.events: list[tuple[datetime, Callable[[], object]]] = []
        self.recorder = Recorder()
        self.switch = Recorder()
        self.service: Any = None
        self.launcher: Any = None

    # --- what drills use

    def now(self):
        return datetime.now(UTC)  # noqa: TID251  # the moved clock

    def history(self):
        class Opened:
            def __enter__(inner):  # noqa: N805
                inner.store = SqliteStore(self.database)
                return inner.store

            def __exit__(inner, *_):  # noqa: N805
                inner.store.close()

        return Opened()

    def new_id(self):
        with self.moved:
            self.numbers += 1
            return f"d-{self.numbers}"

    def begin(self, target):
        with self.moved:
            self.running[target] += 1
            self.most_at_once[target] = max(self.most_at_once[target], self.running[target])
            total = sum(self.running.values())
            self.most_at_once["all"] = max(self.most_at_once["all"], total)

    def end(self, target):
        with self.moved:
            self.running[target] -= 1

    def pass_time(self, length, launcher):
        """Be at work until the clock was moved on by `length`."""
        work = (self.now() + length, launcher)
        with self.moved:
            self.at_work.append(work)
            self.moved.wait_for(lambda: not self._goes_on(work))
            self.at_work.remove(work)
        if not launcher.alive:
            raise Killed

    def _goes_on(self, work):
        until, launcher = work
        return self.now() < until and launcher.alive

    def write_report(self, begun, verdict):
        with self.history() as store:
            loaded = store.load(begun.id)
            done = finished().evolve(
                id=begun.id,
                target=begun.target,
                started_at=begun.started_at,
                scheduled_for=begun.scheduled_for,
                announce=True,
                verdict=verdict,
                reason=f"it is {verdict.value}",
                finished_at=self.now(),
                version=loaded.version,
            )
            store.finish(done, partial(_compose, done))

    # --- the clock

    def at(self, moment, action):
        self.events.append((moment, action))
        self.events.sort(key=lambda event: event[0])

    def pause(self, _duration):
        """When everybody waits for the clock, move it to whatever comes next."""
        self._until_quiet()
        jobs = [j.next_run_time for j in self.service._alarm.get_jobs() if j.id[:6] == "drill:"]
        upcoming = [moment for moment in jobs if moment > self.now()]
        upcoming.append(self.now() + 20 * MINUTE)
        if self.events:
            upcoming.append(self.events[0][0])
        self.move_to(max(self.now() + timedelta(seconds=1), min(upcoming)))
        while self.events and self.events[0][0] <= self.now():
            _, action = self.events.pop(0)
            action()

    def move_to(self, moment):
        with self.moved:
            self.traveller.move_to(moment)
            self.moved.notify_all()
        self._until_quiet()

    def _until_quiet(self):
        """Nobody computes: jobs are done, wait in a drill, or wait for their turn."""
        service, nap = self.service, threading.Event()
        names = (DRILLS, CHORES, MESSAGES, NUMBERS)
        executors = [service._alarm._lookup_executor(name) for name in names]
        for _ in range(20_000):
            jobs = sum(sum(executor._instances.values()) for executor in executors)
            with self.moved:
                # A drill whose time has come computes, though its thread may not have noticed.
                in_drill = sum(map(self._goes_on, self.at_work))
            if jobs <= in_drill + service._gate.waiting:
                return
            nap.wait(0.001)
        raise AssertionError("the runner does not come to rest")

    # --- the runner

    def configure(self, *targets, **runner):
        lines = ["version: 1", f"history: {{path: {self.database}}}", "targets:"]
        for name, keys in targets:
            lines += [f"  - name: {name}", "    dump: {path: /b}"]
            lines += [f"    {key}: {value}" for key, value in keys.items()]
        if runner:
            lines.append("runner:")
            lines += [f"  {key}: {value}" for key, value in runner.items()]
        self.path.write_text("\n".join(lines) + "\n")

    def start(self):
        """A new process."""
        self.flags = Flags()
        self.launcher = PlayedDrills(self)
        self.service = Service(
            Watched(self.path, {"HOME": "/"}),
            self.launcher,
            SystemClock(),
            pause=self.pause,
            flags=self.flags,
            reach=lambda *_: (
                Line(
                    name="on-call",
                    rules=Rules(kinds=frozenset(Kind)),
                    concerns=lambda _: True,
                    messenger=self.recorder,
                ),
                Line(
                    name="switch",
                    rules=Rules(kinds=frozenset(Kind) - {Kind.OVERDUE}, repeat_after=timedelta(0)),
                    concerns=lambda _: True,
                    messenger=self.switch,
                    is_ping=True,
                ),
            ),
        )
        return self.service

    def run_until(self, end):
        """Run, and start again after every crash, until the end."""
        self.at(end, self.stop)
        while True:
            service = self.start()
            try:
                service.run()
                return
            except Killed:
                continue

    def stop(self):
        self.flags.stop = True
        with self.moved:
            self.launcher.alive = False
            self.moved.notify_all()

    def crash(self):
        """Kill -9, of the runner and of what it runs."""
        with self.moved:
            self.launcher.alive = False
            self.moved.notify_all()
        raise Killed

    def sleep_until(self, moment):
        """The lid is closed: no clock but the one on the wall goes on."""

        def close_the_lid():
            with self.moved:
                self.traveller.move_to(moment)
                self.moved.notify_all()

        return close_the_lid

    # --- what must hold

    def fates(self, target):
        """Slot → what became of it."""
        with self.history() as store:
            reports = store.entries(target=target)
            skips = Agenda(store.database).skips(target=target)
        found: dict[datetime, list[str]] = {}
        for entry in reports:
            found.setdefault(entry.scheduled_for, []).append(entry.verdict.value)
        for skip in skips:
            found.setdefault(skip.due_at, []).append(skip.reason)
        return found

    def assert_every_slot_has_one_fate(self, target, expected):
        found = self.fates(target)
        assert sorted(found) == sorted(expected)
        assert [fate for fate in found.values() if len(fate) != 1] == []
        return {slot: fate[0] for slot, fate in sorted(found.items())}


@pytest.fixture
def stage(tmp_path):
    with time_machine.travel(datetime(2026, 2, 23, 12, tzinfo=UTC), tick=False) as traveller:
        yield Stage(tmp_path, traveller)


def local(day, hour=3, minute=15, zone=BERLIN):
    return datetime.combine(day, time(hour, minute), tzinfo=zone).astimezone(UTC)


def nights(first, count, **clock):
    begin = date.fromisoformat(first)
    return [local(begin + timedelta(days=n), **clock) for n in range(count)]


NIGHTLY = {"schedule": '"15 3 * * *"', "timezone": "Europe/Berlin"}


def test_a_week_of_ordinary_nights(stage):
    stage.configure(("courses", NIGHTLY), ("orders", NIGHTLY))
    expected = nights("2026-02-24", 7)

    stage.run_until(expected[-1] + 12 * HOUR)

    for target in ("courses", "orders"):
        fates = stage.assert_every_slot_has_one_fate(target, expected)
        assert set(fates.values()) == {"verified"}
    with stage.history() as store:
        started = [entry.started_at for entry in store.entries(target="courses")]
    assert all(at - slot < MINUTE for at, slot in zip(started, expected, strict=True))


def test_the_file_of_numbers_is_never_older_than_the_runner_looks_around(stage, tmp_path):
    path = tmp_path / "restorecheck.prom"
    stage.configure(("courses", NIGHTLY), textfile=path)
    (night,) = nights("2026-02-24", 1)
    found = {}

    def look(when):
        def act():
            read = {
                sample.name: sample.value
                for family in text_string_to_metric_families(path.read_text())
                for sample in family.samples
                if sample.labels.get("verdict", "verified") == "verified"
            }
            found[when] = (stage.now().timestamp(), read)

        return act

    stage.at(night - HOUR, look("before"))
    stage.at(night + HOUR, look("after"))
    stage.run_until(night + 2 * HOUR)

    for now, read in found.values():
        # The clock of this stage takes steps of up to twenty minutes.
        assert 0 <= now - read["restorecheck_written_timestamp_seconds"] <= 20 * 60
    assert [found[when][1]["restorecheck_last_verdict"] for when in ("before", "after")] == [0, 1]
    assert found["before"][1]["restorecheck_target_overdue"] == 1
    assert found["after"][1]["restorecheck_target_overdue"] == 0


def test_a_file_of_numbers_that_cannot_be_written_is_told_and_no_drill_is_lost(stage, tmp_path):
    stage.configure(("courses", NIGHTLY), textfile=tmp_path / "gone" / "restorecheck.prom")
    expected = nights("2026-02-24", 2)

    stage.run_until(expected[-1] + HOUR)

    stage.assert_every_slot_has_one_fate("courses", expected)
    told = [m.text for m in stage.recorder.messages if "could not write runner.textfile" in m.text]
    assert len(told) == len(expected)  # once a day


def test_a_laptop_that_slept_through_three_nights_drills_once_when_it_wakes(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 7)
    asleep = expected[1] - HOUR
    awake = expected[3] + 5 * HOUR
    stage.at(asleep, stage.sleep_until(awake))

    stage.run_until(expected[-1] + 12 * HOUR)

    fates = list(stage.assert_every_slot_has_one_fate("courses", expected).values())
    assert [fate.split(":")[0] for fate in fates] == [
        "verified",
        "missed",
        "missed",
        *["verified"] * 4,
    ]
    with stage.history() as store:
        entry = store.entries(target="courses")[1]
    assert entry.scheduled_for == expected[3]
    assert entry.started_at - awake < MINUTE


def test_a_machine_that_was_off_makes_up_for_the_last_night_at_its_start(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 5)
    stage.run_until(expected[0] + HOUR)
    stage.traveller.move_to(expected[3] + 6 * HOUR)

    stage.run_until(expected[-1] + HOUR)

    fates = list(stage.assert_every_slot_has_one_fate("courses", expected).values())
    assert [fate.split(":")[0] for fate in fates] == [
        "verified",
        "missed",
        "missed",
        "verified",
        "verified",
    ]


def test_with_a_grace_what_is_too_late_is_not_made_up_for(stage):
    stage.configure(("courses", {**NIGHTLY, "misfire_grace_minutes": 60}))
    expected = nights("2026-02-24", 4)
    stage.at(expected[1] - HOUR, stage.sleep_until(expected[1] + 2 * HOUR))
    stage.at(expected[2] - HOUR, stage.sleep_until(expected[2] + HOUR / 2))

    stage.run_until(expected[-1] + HOUR)

    fates = list(stage.assert_every_slot_has_one_fate("courses", expected).values())
    assert fates[0] == fates[2] == fates[3] == "verified"
    assert "misfire_grace_minutes allows 60" in fates[1]


@pytest.mark.parametrize(
    ("start", "first"), [("2026-03-27", "2026-03-28"), ("2026-10-23", "2026-10-24")]
)
def test_when_the_clocks_change_each_night_is_drilled_once(stage, start, first):
    stage.traveller.move_to(datetime.fromisoformat(f"{start}T12:00:00+00:00"))
    half_past_two = {"schedule": '"30 2 * * *"', "timezone": "Europe/Berlin"}
    stage.configure(("courses", half_past_two), ("orders", NIGHTLY))
    expected = nights(first, 3, hour=2, minute=30)
    if first == "2026-03-28":
        expected[1] = local(date(2026, 3, 29), hour=3, minute=0)  # there is no 02:30

    stage.run_until(expected[-1] + 12 * HOUR)

    assert set(stage.assert_every_slot_has_one_fate("courses", expected).values()) == {"verified"}
    assert len(stage.assert_every_slot_has_one_fate("orders", nights(first, 3))) == 3


def test_a_change_of_the_time_zone_begins_with_the_next_night(stage):
    stage.configure(("courses", NIGHTLY))
    before = nights("2026-02-24", 3)
    new_york = ZoneInfo("America/New_York")
    after = nights("2026-02-26", 3, zone=new_york)
    moved = {**NIGHTLY, "timezone": "America/New_York"}
    stage.at(before[-1] + HOUR, lambda: stage.configure(("courses", moved)))

    stage.run_until(after[-1] + HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", [*before, *after])
    assert set(fates.values()) == {"verified"}


def test_a_drill_that_overruns_the_next_night_is_alone_and_the_next_one_says_why(stage):
    stage.configure(("courses", NIGHTLY), ("orders", NIGHTLY))
    stage.length["courses"] = 30 * HOUR
    expected = nights("2026-02-24", 5)

    stage.run_until(expected[-1] + 40 * HOUR)

    expected = nights("2026-02-24", 6)
    fates = list(stage.assert_every_slot_has_one_fate("courses", expected).values())
    skipped = "skipped: the previous drill was still running; see its report"
    assert fates == ["verified", skipped] * 3
    assert stage.most_at_once["courses"] == 1
    assert len(stage.assert_every_slot_has_one_fate("orders", expected)) == 6


def test_a_crash_each_night_costs_no_report(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 7)
    for slot in expected:
        stage.at(slot + 3 * MINUTE, stage.crash)

    stage.run_until(expected[-1] + 12 * HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", expected)
    assert set(fates.values()) == {"inconclusive"}


def test_a_crash_before_the_drill_begins_loses_nothing(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 3)
    for slot in expected:
        stage.at(slot - timedelta(seconds=1), stage.crash)

    stage.run_until(expected[-1] + HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", expected)
    assert set(fates.values()) == {"verified"}


def test_a_worker_that_dies_has_its_report_the_same_night(stage):
    stage.configure(("courses", NIGHTLY))
    stage.dying.add("courses")
    expected = nights("2026-02-24", 3)

    stage.run_until(expected[-1] + HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", expected)
    assert set(fates.values()) == {"inconclusive"}


def test_a_worker_that_cannot_even_begin_leaves_a_reason_and_a_message(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 2)
    stage.at(expected[0] - HOUR, lambda: setattr(stage.launcher, "refuse", "no server program"))

    stage.run_until(expected[-1] + HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", expected)
    assert set(fates.values()) == {"no drill started: no server program"}
    assert any(Kind.TROUBLE in message.kinds for message in stage.recorder.messages)


def test_what_dead_drills_left_is_looked_for_at_the_start_and_every_hour(stage):
    stage.configure(("courses", NIGHTLY))
    begin = stage.now()

    stage.run_until(begin + 9 * HOUR + MINUTE)

    looked = stage.launcher.swept
    assert [round((at - begin) / MINUTE) for at in looked] == [60 * n for n in range(10)]


class LongSweep(PlayedDrills):
    """Its sweep deletes things in a cloud until it is told to stop."""

    def __init__(self, stage):
        super().__init__(stage)
        self.told = threading.Event()
        self.ended = threading.Event()
        self.told_in_time: list[bool] = []
        self.within: list[timedelta] = []

    def sweep(self):
        self.stage.flags.stop = True  # SIGTERM comes meanwhile
        self.told_in_time.append(self.told.wait(PATIENCE))
        self.ended.set()
        return ""

    def stop(self, within):
        self.within.append(within)
        self.told.set()
        return 0


@pytest.mark.parametrize("once", [False, True])
def test_a_stop_during_the_first_sweep_does_not_wait_for_it_and_nothing_is_begun(stage, once):
    stage.configure(("courses", NIGHTLY), stop_within_seconds=7)
    service = stage.start()
    stage.launcher = service._launcher = LongSweep(stage)

    found = service.once() if once else service.run()

    assert found == (({}, 0) if once else 0)
    assert stage.launcher.within == [timedelta(seconds=7)]
    assert stage.launcher.ended.wait(PATIENCE)
    assert stage.launcher.told_in_time == [True]
    assert stage.fates("courses") == {}


def test_a_defect_is_told_without_its_text_and_the_next_night_is_drilled(stage):
    stage.configure(("courses", NIGHTLY))
    first, second = nights("2026-02-24", 2)
    stage.at(
        first - HOUR, lambda: setattr(stage.launcher, "defect", ValueError("alice@example.org"))
    )
    stage.at(first + HOUR, lambda: setattr(stage.launcher, "defect", None))

    stage.run_until(second + HOUR)

    told = [m.text for m in stage.recorder.messages if Kind.TROUBLE in m.kinds]
    assert len(told) == 1
    assert "a defect in restorecheck (ValueError): drill courses" in told[0]
    assert "alice" not in told[0]
    stage.assert_every_slot_has_one_fate("courses", [first, second])


def test_a_reload_brings_new_targets_and_takes_old_ones_away(stage):
    stage.configure(("courses", NIGHTLY))
    first = nights("2026-02-24", 2)
    stage.at(first[-1] + HOUR, lambda: stage.configure(("orders", NIGHTLY)))
    later = nights("2026-02-26", 2)

    stage.run_until(later[-1] + HOUR)

    stage.assert_every_slot_has_one_fate("courses", first)
    stage.assert_every_slot_has_one_fate("orders", later)


def test_a_broken_configuration_is_told_and_the_old_one_stays(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 3)
    stage.at(expected[0] + HOUR, lambda: stage.path.write_text("targets: [oops"))

    stage.run_until(expected[-1] + HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", expected)
    assert set(fates.values()) == {"verified"}
    told = [m for m in stage.recorder.messages if Kind.TROUBLE in m.kinds]
    assert any("the changed configuration is not used" in message.text for message in told)


def test_a_configuration_without_any_schedule_is_told_and_the_old_one_stays(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 3)
    stage.at(expected[0] + HOUR, lambda: stage.configure(("courses", {})))

    stage.run_until(expected[-1] + HOUR)

    assert len(stage.assert_every_slot_has_one_fate("courses", expected)) == 3
    assert any("no target has a schedule" in m.text for m in stage.recorder.messages)


def test_what_is_held_open_cannot_be_moved_while_the_runner_runs(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 2)
    text = stage.path.read_text().replace("history.sqlite", "elsewhere.sqlite")
    stage.at(expected[0] + HOUR, lambda: stage.path.write_text(text))

    stage.run_until(expected[-1] + HOUR)

    assert len(stage.assert_every_slot_has_one_fate("courses", expected)) == 2
    assert any("history.path was changed" in m.text for m in stage.recorder.messages)


def test_no_more_drills_at_once_than_allowed_and_none_is_lost(stage):
    names = [f"t-{n}" for n in range(7)]
    stage.configure(*((name, NIGHTLY) for name in names), max_parallel_drills=3)
    expected = nights("2026-02-24", 2)

    stage.run_until(expected[-1] + 12 * HOUR)

    for name in names:
        assert set(stage.assert_every_slot_has_one_fate(name, expected).values()) == {"verified"}
    assert stage.most_at_once["all"] == 3


def test_jitter_spreads_the_starts_and_keeps_the_slots(stage):
    names = [f"t-{n}" for n in range(8)]
    keys = {**NIGHTLY, "jitter_minutes": 30}
    stage.configure(*((name, keys) for name in names), max_parallel_drills=8)
    expected = nights("2026-02-24", 3)

    stage.run_until(expected[-1] + 12 * HOUR)

    for name in names:
        stage.assert_every_slot_has_one_fate(name, expected)
    with stage.history() as store:
        late = [e.started_at - e.scheduled_for for e in store.entries()]
    assert all(timedelta(0) <= by <= 31 * MINUTE for by in late)
    assert max(late) - min(late) > 10 * MINUTE


def test_whoever_is_on_call_hears_of_bad_nights_of_recovery_and_of_silence(stage):
    stage.configure(("courses", {**NIGHTLY, "max_proof_age_hours": 30}))
    expected = nights("2026-02-24", 5)
    stage.at(expected[0] + HOUR, lambda: stage.verdict.update(courses=Verdict.FAILED))
    stage.at(expected[2] + HOUR, stage.verdict.clear)

    stage.run_until(expected[-1] + HOUR)

    kinds = [kind.value for message in stage.recorder.messages for kind in message.kinds]
    assert [kind for kind in kinds if kind != "overdue"] == [
        "verified",
        "failed",
        "failed",
        "recovered",
        "verified",
    ]
    assert 1 <= kinds.count("overdue") <= 3


def test_a_switch_hears_of_every_start_and_every_end(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 3)
    stage.at(expected[0] + HOUR, lambda: stage.verdict.update(courses=Verdict.FAILED))
    stage.at(expected[1] + HOUR, stage.verdict.clear)

    stage.run_until(expected[-1] + HOUR)

    assert stage.switch.starts == [("courses", slot) for slot in expected]
    assert [message.kinds for message in stage.switch.messages] == [
        (Kind.VERIFIED,),
        (Kind.FAILED,),
        (Kind.RECOVERED,),
    ]


def test_stopping_in_the_middle_of_a_drill_hands_it_to_the_next_start(stage):
    stage.configure(("courses", NIGHTLY))
    expected = nights("2026-02-24", 2)
    stage.run_until(expected[0] + 2 * MINUTE)
    assert stage.fates("courses") == {}

    stage.run_until(expected[-1] + HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", expected)
    assert list(fates.values()) == ["inconclusive", "verified"]


def test_once_does_what_is_due_and_no_more(stage):
    stage.configure(("courses", NIGHTLY), ("on-demand", {}))
    stage.length["courses"] = timedelta(0)

    first, _ = stage.start().once()
    again, _ = stage.start().once()
    slot = nights("2026-02-25", 1)[0]
    stage.traveller.move_to(slot + HOUR)
    later, _ = stage.start().once()

    assert (list(first), list(again), list(later)) == (["courses"], [], ["courses"])
    with stage.history() as store:
        entries = store.entries()
    assert [e.scheduled_for for e in entries] == [datetime(2026, 2, 23, 12, tzinfo=UTC), slot]
    assert "missed" in stage.fates("courses")[nights("2026-02-24", 1)[0]][0]


def test_a_drill_that_a_person_asks_for_is_a_slot_beside_the_schedule(stage):
    stage.configure(("courses", {**NIGHTLY, "jitter_minutes": 90}), ("by-hand", {}))
    expected = nights("2026-02-24", 2)
    noon = expected[0] + 9 * HOUR
    for name in ("courses", "by-hand"):
        stage.at(noon, lambda name=name: stage.service.ask(name))

    stage.run_until(expected[-1] + 12 * HOUR)

    fates = stage.assert_every_slot_has_one_fate("courses", [*expected, noon])
    assert set(fates.values()) == {"verified"}
    assert stage.assert_every_slot_has_one_fate("by-hand", [noon]) == {noon: "verified"}
    with stage.history() as store:
        asked = [entry for entry in store.entries() if entry.scheduled_for == noon]
    assert [entry.started_at - noon < MINUTE for entry in asked] == [True, True]


def test_who_asks_waits_in_the_queue_of_the_schedule_and_asks_once(stage):
    names = [f"t-{n}" for n in range(3)]
    stage.configure(*((name, NIGHTLY) for name in names), max_parallel_drills=2)
    stage.length |= dict.fromkeys(names, 2 * HOUR)
    (night,) = nights("2026-02-24", 1)
    noon = night + 9 * HOUR
    refused = []

    def ask(name):
        try:
            stage.service.ask(name)
        except BusyError as exc:
            refused.append(exc.message)

    def look_and_ask_again():
        coming.append([stage.service.coming(name) for name in names])
        for name in names:
            ask(name)

    coming: list[list[bool]] = []
    for name in names:
        stage.at(noon, partial(ask, name))
    stage.at(noon + HOUR, look_and_ask_again)
    stage.run_until(night + 24 * HOUR - MINUTE)

    for name in names:
        fates = stage.assert_every_slot_has_one_fate(name, [night, noon])
        assert set(fates.values()) == {"verified"}
    assert stage.most_at_once["all"] == 2
    assert sum(coming[0]) == 1, "one waits while two are at work"
    assert len(refused) == len(names)


@pytest.mark.parametrize("keys", [NIGHTLY, {}], ids=["scheduled", "unscheduled"])
def test_what_was_asked_for_right_before_a_crash_is_drilled_by_the_next_start(stage, keys):
    stage.configure(("courses", keys), ("other", NIGHTLY))
    (night,) = nights("2026-02-24", 1)
    noon = night + 9 * HOUR
    stage.at(noon, lambda: (stage.service.ask("courses"), stage.crash()))

    stage.run_until(noon + 2 * HOUR)

    assert stage.fates("courses")[noon] == ["verified"]


def test_a_drill_that_waits_for_its_turn_is_not_lost_when_its_next_slot_comes(stage):
    stage.configure(("long", NIGHTLY), ("short", NIGHTLY), max_parallel_drills=1)
    stage.length |= {"long": 30 * HOUR, "short": 30 * HOUR}
    expected = nights("2026-02-24", 2)

    stage.run_until(expected[-1] + 20 * HOUR)

    ended = [stage.fates(name)[expected[0]] for name in ("long", "short")]
    first, second = sorted(ended, key=lambda fate: fate[0].startswith("missed"))
    assert first == ["verified"]
    assert second[0].startswith("missed: the runner was not running or was busy; covered by")
