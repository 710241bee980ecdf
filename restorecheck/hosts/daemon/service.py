"""The service of the runner: its threads, schedules and errors."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.triggers.interval import IntervalTrigger

from restorecheck.announcing import Fact, Trouble
from restorecheck.config import Config, Target
from restorecheck.errors import (
    BusyError,
    ConfigError,
    DeliveryError,
    Problem,
    RestorecheckError,
    StoreError,
)
from restorecheck.hosts.daemon.alarm import (
    CHORES,
    DRILLS,
    LOOK_EVERY,
    LOOKS,
    MESSAGES,
    NUMBERS,
    Alarm,
    Pause,
    SlotTrigger,
)
from restorecheck.hosts.daemon.config_watch import Watched
from restorecheck.hosts.daemon.gate import AT_ONCE, Gate
from restorecheck.hosts.daemon.looks import Looks, NewestOf, Seen
from restorecheck.hosts.daemon.workers import Launcher, limit_of
from restorecheck.hosts.drill import new_backups
from restorecheck.hosts.drill.discovering import Discovered, discover, keep
from restorecheck.hosts.drill.metrics_file import write_numbers
from restorecheck.hosts.drill.slots import SlotPlan, Slots, plan_of
from restorecheck.hosts.drill.standings import overdue_facts, overview_of, proof_ends
from restorecheck.hosts.drill.telemetry import send_metrics
from restorecheck.hosts.drill.wiring import host_of
from restorecheck.hosts.notifying.channels import Line, lines_of
from restorecheck.hosts.notifying.outbox import Postman, shout
from restorecheck.hosts.process.histories import open_history
from restorecheck.hosts.process.leases import locks_of
from restorecheck.hosts.process.shared_leases import is_alive
from restorecheck.ports import Clock
from restorecheck.report.status import Overview
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore

log = structlog.get_logger("restorecheck.runner")

MOST_PARALLEL = 1000
"""Threads of the scheduler: the most that the configuration allows. The gate limits how many drill at once."""
DELIVER_EVERY = timedelta(seconds=30)
OVERDUE_EVERY = timedelta(hours=1)
TIDY_EVERY = timedelta(days=1)
NUMBERS_EVERY = timedelta(minutes=1)
WATCH_EVERY = timedelta(seconds=15)
HAND_OVER_EVERY = timedelta(minutes=1)
RECENT = timedelta(days=7)
"""Older open slots are not handed over again."""
SHOUT_AGAIN = timedelta(hours=20)

Reach = Callable[[Config, Clock], tuple[Line, ...]]
Discover = Callable[[Config, Clock], Discovered]


def discover_here(config: Config, clock: Clock) -> Discovered:
    return discover(host_of(config, clock))


@dataclass
class Health:
    """State of the service, for /healthz and /metrics."""

    looked_at: datetime
    config_problem: str = ""
    store_problem: str = ""


class Service:
    """Drills every scheduled target of a configuration until it is stopped.

    Threads: the one that calls `run` handles signals and the configuration; each thread of
    APScheduler opens the history itself.
    """

    def __init__(
        self,
        watched: Watched,
        launcher: Launcher,
        clock: Clock,
        *,
        pause: Pause,
        reach: Reach = lines_of,
        newest_of: NewestOf = new_backups.newest_of,
        discover: Discover = discover_here,
        flags: "Flags | None" = None,
    ) -> None:
        self._watched = watched
        self._launcher = launcher
        self._clock = clock
        self._reach = reach
        self._discover_with = discover
        self.looks = Looks(
            lambda: watched.config,
            clock,
            newest_of=newest_of,
            history=self._history,
            is_busy=self.is_busy,
        )
        self._flags = flags or Flags()
        self._lines = reach(watched.config, clock)
        self._gate = Gate(watched.config.runner.max_parallel_drills)
        self._alarm = Alarm(pause=pause, between=self._between, most=MOST_PARALLEL)
        self._alarm.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES)
        self._plans: dict[str, SlotPlan] = {}
        self._asked: dict[str, datetime] = {}
        """Slots requested by a person, until their drill starts."""
        self._asking = threading.Lock()
        self._handed: dict[str, datetime] = {}
        """The newest slot of each target that this process has handed over."""
        self._waiting: set[str] = set()
        self._drilling: set[str] = set()
        self._shouted: dict[str, datetime] = {}
        self._shouting = threading.Lock()
        self._watch_at = clock.now() + WATCH_EVERY
        self._stop_within = timedelta(0)
        self.health = Health(looked_at=clock.now())

    # --- from start to stop ---------------------------------------------------------------

    def run(self) -> int:
        """Run until stopped; returns how many drills the next start must finish.

        Raises:
            StoreError: The history cannot be used.
        """
        self._begin()
        log.info("runner.started", config=str(self._watched.source.path))
        left = self._sweep_first()
        if self._flags.stop:
            return left
        self._schedule_targets()
        self._schedule_chores()
        self._alarm.start()
        self._gate.close()
        left = self._launcher.stop(self._stop_within)
        self._alarm_threads_end()
        log.info("runner.stopped", handed_over=left)
        return left

    def once(self) -> tuple[dict[str, str], int]:
        """Drill everything that is due, then send the messages; waits for no schedule.

        Returns the drill of each target that was due (empty: none started), and how many drills the
        next start must finish. A target that was never drilled is due.

        Raises:
            StoreError: The history cannot be used.
        """
        self._begin()
        left = self._sweep_first()
        drills: dict[str, str] = {}
        if self._flags.stop:
            return drills, left

        def night(name: str) -> None:
            if not self._gate.enter(self._wanted_by(name)):
                return
            try:
                with self.guarded(f"drill {name}", target=name):
                    drill_id = self._drill(name, first=True)
                    if drill_id is not None:
                        drills[name] = drill_id
            finally:
                self._gate.leave()

        if self._discover() and not self._watched.reload() and self._watched.problem:
            self._shout(f"what was found is not used: {self._watched.problem.splitlines()[0]}", "")
        self._look_for_new(at_once=True)
        names = [
            target.name
            for target in self._watched.config.targets
            if target.schedule or target.name in self._asked
        ]
        threads = [threading.Thread(target=night, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        left = self._wait_for(threads)
        self._overdue()
        self._messages()
        self._tidy()
        self._numbers()
        return drills, left

    def _sweep_first(self) -> int:
        """In a thread: deletions in AWS take minutes, and signals must not wait for them."""
        thread = threading.Thread(target=self._sweep)
        thread.start()
        return self._wait_for([thread])

    def _begin(self) -> None:
        """Fail now, not at night, if the history cannot be used.

        New channels report what finishes from now on.
        """
        with self._history() as store:
            self._postman(store).collect()

    def _wait_for(self, threads: Sequence[threading.Thread]) -> int:
        """In the main thread, which handles signals."""
        for thread in threads:
            while thread.is_alive():
                thread.join(LOOK_EVERY.total_seconds())
                self.health.looked_at = self._clock.now()
                if self._flags.stop:
                    self._gate.close()
                    within = timedelta(seconds=self._watched.config.runner.stop_within_seconds)
                    return self._launcher.stop(within)
        return 0

    def _alarm_threads_end(self) -> None:
        for executor in (DRILLS, CHORES, MESSAGES, NUMBERS, LOOKS):
            self._alarm._lookup_executor(executor).shutdown()  # noqa: SLF001  # waits, which shutdown(wait=False) did not

    def _between(self) -> None:
        """Called every second: handles signals and a changed configuration."""
        now = self._clock.now()
        self.health.looked_at = now
        if self._flags.stop:
            self._stop_within = timedelta(seconds=self._watched.config.runner.stop_within_seconds)
            log.info("runner.stopping", within_seconds=self._stop_within.total_seconds())
            self._alarm.shutdown(wait=False)
            return
        if self._flags.reload or (now >= self._watch_at and self._watched.changed()):
            self._flags.reload = False
            self._reload()
        if now >= self._watch_at or self._watch_at - now > WATCH_EVERY:
            self._watch_at = now + WATCH_EVERY

    def _reload(self) -> None:
        """Use the new configuration, or keep the old one and log why."""
        before = self._watched.source
        if self._watched.reload():
            try:
                _refuse_to_move(before.config, self._watched.config)
                self._watched.source.refuse_idle()
                self._lines = self._reach(self._watched.config, self._clock)
            except ConfigError as exc:
                self._watched.source, self._watched.problem = before, exc.message
        self.health.config_problem = self._watched.problem
        if self._watched.problem:
            self._tell_soon(
                f"the changed configuration is not used: {self._watched.problem.splitlines()[0]}"
            )
            return
        if self._watched.source is before:
            return
        self._gate.resize(self._watched.config.runner.max_parallel_drills)
        self._schedule_targets()
        self._schedule_chores()
        log.info("config.reloaded", targets=len(self._watched.config.targets))

    # --- what runs when -------------------------------------------------------------------

    def _schedule_targets(self) -> None:
        plans = {
            plan.target: plan
            for plan in (plan_of(target) for target in self._watched.config.targets)
            if plan is not None
        }
        with self.guarded("look at the schedule"), self._history() as store:
            agenda = Agenda(store.database)
            nights = Slots(agenda, self._clock)
            for gone in set(agenda.targets()) - set(plans):
                nights.forget(gone, "skipped: the schedule was removed from the configuration")
            for name, plan in plans.items():
                waiting = nights.look(plan)
                if waiting or self._plans.get(name) != plan:
                    self._schedule_target(plan, at_once=bool(waiting))
            for target in self._watched.config.targets:
                if target.name not in plans and agenda.open(target.name):
                    self._call(target.name)
        for name in set(self._plans) - set(plans):
            self._alarm.remove_job(_job_id(name))
        self._plans = plans

    def _schedule_target(self, plan: SlotPlan, *, at_once: bool) -> None:
        now = self._clock.now()
        self._alarm.add_job(
            self._night,
            SlotTrigger(plan),
            args=[plan.target],
            id=_job_id(plan.target),
            executor=DRILLS,
            next_run_time=now if at_once else plan.next_start(now),
            replace_existing=True,
        )
        log.info("target.scheduled", target=plan.target, cron=plan.schedule.cron, at_once=at_once)

    def _schedule_chores(self) -> None:
        every = timedelta(minutes=self._watched.config.runner.sweep_every_minutes)
        looks = timedelta(minutes=self._watched.config.runner.look_every_minutes)
        now = self._clock.now()
        chores: tuple[tuple[str, Callable[[], None], timedelta, str, datetime], ...] = (
            ("sweep", self._sweep, every, CHORES, now + every),
            ("discover", self._discover_and_reload, looks, LOOKS, now),
            ("looks", self._look_for_new, looks, LOOKS, now),
            ("tidy", self._tidy, TIDY_EVERY, CHORES, now),
            ("messages", self._messages, DELIVER_EVERY, MESSAGES, now),
            ("overdue", self._overdue, OVERDUE_EVERY, MESSAGES, now),
            ("numbers", self._numbers, NUMBERS_EVERY, NUMBERS, now),
        )
        if self._launcher.hands_over:
            chores += (("hand over", self._hand_over, HAND_OVER_EVERY, CHORES, now),)
        for name, work, interval, executor, first in chores:
            trigger = IntervalTrigger(
                seconds=interval.total_seconds(), start_date=first, timezone="UTC"
            )
            self._alarm.add_job(
                work,
                trigger,
                id=name,
                executor=executor,
                next_run_time=first,
                replace_existing=True,
            )

    # --- a drill that a person asks for ---------------------------------------------------

    def ask(self, name: str) -> None:
        """Request a drill of a configured target, in its turn. Any thread may call this.

        The request becomes a slot beside those of the schedule: it is stored before the drill
        starts, waits at the same gate, and ends in one report or one recorded reason.

        Raises:
            BusyError: A drill of this target waits or runs, or the runner is stopping.
            StoreError: The history cannot be written.
        """
        self._ask(name)

    def _ask(self, name: str, *, call: bool = True) -> None:
        with self._asking:
            if self._flags.stop:
                raise BusyError("the runner is stopping")
            if self.is_busy(name):
                raise BusyError(f"a drill of {name} waits for its turn or is running")
            slot = self._clock.now().replace(microsecond=0)
            with self._history() as store:
                Slots(Agenda(store.database), self._clock).ask(name, slot)
            self._asked[name] = slot
        log.info("drill.asked", target=name, slot=slot.isoformat())
        if call:
            self._call(name)

    def _discover(self) -> bool:
        """Look for databases; returns whether there are other targets now. Told before it is stored: a crash between the two
        tells twice, and nothing disappears in silence.
        """
        config = self._watched.config
        if not config.rules:
            return False
        changed = []
        with self.guarded("look for databases"):
            found = self._discover_with(config, self._clock)
            for fact in found.facts():
                log.warning("database.discovered", target=fact.target, reason=fact.reason)
                self._tell(fact)
            for problem in found.problems:
                log.warning("discovery.failed", reason=problem)
                self._shout(problem, "")
            changed.append(keep(config, found))
        return changed == [True]

    def _discover_and_reload(self) -> None:
        if self._discover():
            self._flags.reload = True

    def _look_for_new(self, *, at_once: bool = False) -> None:
        """Of targets with `when_new`. `at_once`: there will be no second look."""
        for target in self._watched.config.targets:
            if target.when_new and not self._flags.stop:
                self.look(target.name, at_once=at_once)

    def look(self, name: str, *, at_once: bool = False) -> Seen:
        """Look for a new backup of one target. Any thread may call this."""
        seen: list[Seen] = []
        with self.guarded(f"look for new backups of {name}", target=name):
            ask = partial(self._ask, call=not at_once)
            seen.append(self.looks.look(name, ask, at_once=at_once))
        return seen[0] if seen else Seen.LATER

    def coming(self, name: str) -> bool:
        """Whether a drill of this target waits for its turn."""
        called = name in self._asked or name in self._waiting
        return called and name not in self._drilling

    def is_busy(self, name: str) -> bool:
        """Whether a drill of this target waits for its turn or runs."""
        busy = self.coming(name) or name in self._drilling
        return busy or (self._launcher.hands_over and self._is_handed_over(name))

    def _is_handed_over(self, name: str) -> bool:
        with self._history() as store:
            waits = bool(Agenda(store.database).open(name))
            return waits or any(drill.target == name for drill in store.unfinished())

    def has_report_since(self, name: str, moment: datetime) -> bool:
        """Whether a drill that began after that moment has its report."""
        with self._history() as store:
            latest = store.standing(name).latest
        return latest is not None and latest.started_at >= moment

    def _call(self, name: str) -> None:
        """Start the target's job now; after that by its schedule, if it has one."""
        plan = self._plans.get(name)
        if plan is not None:
            self._schedule_target(plan, at_once=True)
            return
        self._alarm.add_job(
            self._night, args=[name], id=_job_id(name), executor=DRILLS, replace_existing=True
        )

    # --- one night of one target ----------------------------------------------------------

    def _night(self, name: str) -> None:
        """In its own thread: wait for one's turn, then drill for the slot that is due."""
        self._waiting.add(name)
        try:
            if not self._gate.enter(self._wanted_by(name)):
                return
            self._drilling.add(name)
            self._waiting.discard(name)
            try:
                with self.guarded(f"drill {name}", target=name):
                    self._drill(name)
            finally:
                self._gate.leave()
        finally:
            self._drilling.discard(name)
            self._waiting.discard(name)
            self._asked.pop(name, None)

    def _wanted_by(self, name: str) -> datetime:
        """Where places are short: first what a person asked for, then the target whose proof becomes too old first."""
        target, ends = self._target(name), None
        if target is not None and name not in self._asked:
            with self.guarded("read the history", target=name), self._history() as store:
                ends = proof_ends(target, store)
        return ends or AT_ONCE

    def _drill(self, name: str, *, first: bool = False) -> str | None:
        """The id of the drill; empty: none started; None: no slot is due.

        `first`: a target that was never drilled is due now.
        """
        target = self._target(name)
        if target is None:
            return None  # a reload removed it
        plan = plan_of(target)
        with self._history() as store:
            slots = Slots(Agenda(store.database), self._clock)
            slot = slots.take(plan, self._asked.get(name)) if plan else slots.take_asked(name)
            if slot is None and first and store.standing(name).latest is None:
                slot = self._clock.now().replace(second=0, microsecond=0)
        if slot is None:
            return None
        if not self._launcher.hands_over or self._handed.get(name) != slot:
            self._say_started(name, slot)
            log.info("drill.due", target=name, slot=slot.isoformat())
        why = self._launcher.drill(name, slot, self._limit(target))
        if self._launcher.hands_over:
            self._handed[name] = slot
            if why:
                self._no_drill(name, slot, why)
            return ""
        return self._settle(name, slot, why)

    def _settle(self, name: str, slot: datetime, why: str) -> str:
        """Ensure that the slot has a report or a reason."""
        with self._history() as store:
            drill_id = store.drill_of_slot(name, slot)
            died = drill_id is not None and not self._log_end(store, name, drill_id)
        if self._flags.stop:
            return drill_id or ""  # the next start finishes it, or drills for the open slot
        if died:
            # The process ended; verdict and teardown must not wait for the next sweep.
            problem = self._launcher.finish()
            if problem:
                self._tell(Trouble(target=name, at=self._clock.now(), reason=problem))
        if drill_id is None:
            self._no_drill(name, slot, why)
        self._numbers()
        return drill_id or ""

    def _log_end(self, store: SqlStore, name: str, drill_id: str) -> bool:
        """Log the result of a drill; False: the drill has no report."""
        drill = store.load(drill_id)
        if drill.finished:
            log.info(
                "drill.finished",
                target=name,
                drill_id=drill_id,
                verdict=drill.verdict.value if drill.verdict else "",
                reason=drill.reason,
                left=len(drill.ledger),
            )
        return drill.finished

    def _no_drill(self, name: str, slot: datetime, why: str) -> None:
        reason = f"no drill started: {why or 'the worker exited without an error message'}"
        with self._history() as store:
            Slots(Agenda(store.database), self._clock).give_up(name, slot, reason)
        log.error("drill.absent", target=name, slot=slot.isoformat(), reason=reason)
        self._tell(Trouble(target=name, at=self._clock.now(), reason=reason))

    def _limit(self, target: Target) -> timedelta:
        return limit_of(self._watched.config, target)

    def _overrun(self, event: Any) -> None:  # noqa: ANN401  # APScheduler's own
        kind, _, name = str(event.job_id).partition(":")
        plan = self._plans.get(name)
        if kind != "drill" or name in self._waiting:
            return  # a waiting drill takes the newest slot
        if name not in self._drilling:
            self._call(name)  # the scheduler does not know yet that the previous drill has ended
            return
        if plan is None:
            return
        with self.guarded("record an overrun", target=name), self._history() as store:
            Slots(Agenda(store.database), self._clock).overrun(plan)
        log.warning("drill.overrun", target=name)

    def _hand_over(self) -> None:
        """Again what is still open: the history was away, or the host of its drill died."""
        with self.guarded("hand drills over"), self._history() as store:
            locks = locks_of(Path(self._watched.config.history.path))
            if not all(is_alive(drill, store, locks) for drill in store.unfinished()):
                self._launcher.finish()
            for name in Agenda(store.database).waiting(self._clock.now() - RECENT):
                if self._target(name) is not None and not self.coming(name):
                    again = f"again:{name}"
                    self._alarm.add_job(
                        self._night, args=[name], id=again, executor=DRILLS, replace_existing=True
                    )

    # --- chores ---------------------------------------------------------------------------

    def _sweep(self) -> None:
        problem = self._launcher.sweep()
        if problem and not self._flags.stop:
            log.warning("sweep.incomplete", reason=problem)

    def _tidy(self) -> None:
        keep = self._watched.config.history.keep_days
        with self.guarded("apply retention to the history"), self._history() as store:
            if keep is not None:
                now = self._clock.now()
                pruned = store.prune(now - timedelta(days=keep), now)
                log.info("history.pruned", reports=pruned)
            self._postman(store).tidy()

    def _messages(self) -> None:
        with self.guarded("deliver messages"), self._history() as store:
            postman = self._postman(store)
            postman.collect()
            postman.deliver()

    def _overdue(self) -> None:
        with self.guarded("look for overdue targets"), self._history() as store:
            facts = overdue_facts(self._watched.config, store, self._clock.now())
            for fact in facts:
                log.warning("target.overdue", target=fact.target)
            if facts:
                self._postman(store).collect(facts)

    def _numbers(self) -> None:
        """In its own thread: a file that is not updated is an alarm."""
        config = self._watched.config
        if config.runner.textfile is not None:
            with self.guarded("write runner.textfile"):
                write_numbers(self._overview(config), config.runner.textfile)
        if config.opentelemetry is not None and config.opentelemetry.metrics:
            with self.guarded("send metrics"):
                send_metrics(config, self._overview(config))

    def _overview(self, config: Config) -> Overview:
        valid = not self.health.config_problem
        with self._history() as store:
            return overview_of(config, store, self._clock.now(), config_valid=valid)

    # --- telling --------------------------------------------------------------------------

    def _tell(self, fact: Fact) -> None:
        with self.guarded("store a message"), self._history() as store:
            self._postman(store).collect([fact])

    def _tell_soon(self, reason: str) -> None:
        """From the main thread, which must not wait."""
        fact = Trouble(target="", at=self._clock.now(), reason=reason)
        self._alarm.add_job(partial(self._tell, fact), executor=MESSAGES)

    def _say_started(self, name: str, slot: datetime) -> None:
        for line in self._lines:
            if line.is_ping and line.concerns(name):
                self._alarm.add_job(partial(_ping_started, line, name, slot), executor=MESSAGES)

    def _postman(self, store: SqlStore) -> Postman:
        config = self._watched.config
        locks = locks_of(Path(config.history.path))
        return Postman(store, self._lines, self._clock, locks=locks, report_url=config.report_url)

    @contextmanager
    def _history(self) -> Iterator[SqlStore]:
        store = open_history(self._watched.config.history)
        try:
            yield store
        finally:
            store.close()
        self.health.store_problem = ""

    @contextmanager
    def guarded(self, what: str, target: str = "") -> Iterator[None]:
        """No error ends the service; errors that prevent its work are reported."""
        try:
            yield
        except StoreError as exc:
            self.health.store_problem = exc.message
            log.warning("history.unusable", while_trying_to=what, reason=exc.message)
            self._shout(f"could not {what}: {exc.message}", target)
        except RestorecheckError as exc:
            log.warning("runner.trouble", while_trying_to=what, reason=exc.message)
            self._shout(f"could not {what}: {exc.message}", target)
        except Exception as exc:
            log.exception("runner.defect", while_trying_to=what)
            self._shout(f"a defect in restorecheck ({type(exc).__name__}): {what}", target)

    def _shout(self, reason: str, target: str) -> None:
        """Without the history, which may be the problem; the same message at most once a day."""
        now = self._clock.now()
        with self._shouting:
            before = self._shouted.get(reason)
            if before is not None and now - before < SHOUT_AGAIN:
                return
            self._shouted[reason] = now
        trouble = Trouble(target=target, at=now, reason=reason)
        for line in self._lines:
            shout(line, trouble, self._watched.config.report_url)

    def _target(self, name: str) -> Target | None:
        return next((t for t in self._watched.config.targets if t.name == name), None)


@dataclass
class Flags:
    """State that signal handlers may change: no lock, no queue, no scheduler."""

    stop: bool = False
    reload: bool = False


def _refuse_to_move(before: Config, after: Config) -> None:
    """Raises ConfigError if a key changed that needs a restart."""
    for key, old, new in (
        ("history.path", before.history.path, after.history.path),
        ("history.url", before.history.url, after.history.url),
        ("runner.queue", before.runner.queue, after.runner.queue),
        ("runner.listen", before.runner.listen, after.runner.listen),
        ("runner.pages.listen", before.runner.pages_at, after.runner.pages_at),
    ):
        if old != new:
            message = f"{key} was changed; restart the runner to use it"
            raise ConfigError((Problem(message=message, path=key),))


def _job_id(target: str) -> str:
    return f"drill:{target}"


def _ping_started(line: Line, name: str, slot: datetime) -> None:
    try:
        line.messenger.started(name, slot)
    except DeliveryError as exc:
        log.warning("message.undelivered", channel=line.name, reason=exc.message)
