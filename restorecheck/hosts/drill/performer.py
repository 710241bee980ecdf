"""One drill from its start to its report, also when it is interrupted."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta

from restorecheck.errors import BusyError, DrillConflictError, RestorecheckError, StoreError
from restorecheck.hosts.clock import new_drill_id, sleep
from restorecheck.hosts.drill.driver import drive
from restorecheck.hosts.drill.extra_analysis import OneStudy
from restorecheck.hosts.drill.wiring import Parts
from restorecheck.hosts.process.console import Progress
from restorecheck.hosts.process.leases import Lease
from restorecheck.hosts.process.logs import trace
from restorecheck.hosts.process.shared_leases import lease_of
from restorecheck.hosts.process.signals import Interrupted, Interrupts
from restorecheck.hosts.sources.drill_settings import drill_of, earlier_size_of
from restorecheck.model import Drill, Select
from restorecheck.report import document
from restorecheck.report.document import Report

STORE_TRIES = 13
"""Tries while the history cannot be written; then the error ends the process, and a sweep finishes the drill."""
STORE_WAIT = timedelta(seconds=5)
"""Wait between tries to save in an unusable history; all tries take about a minute, with locks longer. Then the drill ends."""


class Performer:
    """Performs drills one after another in this process."""

    def __init__(self, parts: Parts, progress: Progress, interrupts: Interrupts) -> None:
        self._parts = parts
        self._progress = progress
        self._interrupts = interrupts

    def perform(
        self,
        name: str,
        *,
        keep: bool = False,
        scheduled_for: datetime | None = None,
        announce: bool = False,
        outputs: Mapping[str, str] | None = None,
        select: Select | None = None,
    ) -> Report:
        """Drill one target; always ends with the teardown.

        `outputs`: first values for its provider, of kinds that need some. `select`: which backup, in place of
        the rule of the target.

        Raises:
            BusyError: Another process drills this target, or has drilled it for this slot.
            StoreError: The history cannot be written; the next sweep deletes what was made so far.
        """
        _give_way(self._parts.config.postgres.nice)
        with (
            Lease(self._parts.lock_of_target(name), permanent=True),
            self._parts.shared.hold(f"target {name}"),
        ):
            drill = self._new(
                name, keep=keep, scheduled_for=scheduled_for, announce=announce, select=select
            )
            drill = drill.evolve(outputs=dict(outputs or {}))
            with (
                Lease(self._parts.lock_of(drill.id)),
                self._parts.shared.hold(lease_of(drill.id)),
            ):
                try:
                    self._parts.store.create(drill)
                except DrillConflictError as exc:
                    raise BusyError(f"{exc.message}; the drill did not start") from exc
                self._progress.start(drill)
                try:
                    self._drive(drill.id)
                finally:
                    self._progress.finish()
                return document.parse(self._parts.store.report(drill.id))

    def _new(
        self,
        name: str,
        *,
        keep: bool,
        scheduled_for: datetime | None,
        announce: bool,
        select: Select | None,
    ) -> Drill:
        target = next(t for t in self._parts.config.targets if t.name == name)
        now = self._parts.clock.now()
        made = drill_of(
            self._parts.config,
            target,
            self._parts.store,
            self._parts.targets.provider_of(name).plan,
            drill_id=new_drill_id(now),
            now=now,
            slot=scheduled_for,
            asked=select,
        )
        return made.evolve(
            keep=keep,
            asked=select is not None,
            earlier_size=earlier_size_of(self._parts.store, name),
            announce=announce,
            host=self._parts.host,
        )

    def _drive(self, drill_id: str) -> Drill:
        engine = self._parts.engine
        try:
            with self._interrupts.raising():
                return self._drive_patiently(drill_id)
        except Interrupted as exc:
            reason = f"interrupted by {exc.number.name}"
            self._progress.say(f"{reason}: teardown, then the process ends")
        except RestorecheckError:
            raise
        except Exception as exc:  # noqa: BLE001  # a defect in restorecheck must not leave a server running
            reason = f"a defect in restorecheck ended the drill: {type(exc).__name__}"
            trace(exc)
        engine.abort(drill_id, reason)
        return drive(engine, drill_id, sleep)

    def _drive_patiently(self, drill_id: str) -> Drill:
        """Tries again for a minute when the history is locked or its disk is full, so that the drill
        is not lost. A step that was not saved is repeated.
        """
        tries = STORE_TRIES
        while True:
            try:
                return drive(self._parts.engine, drill_id, sleep, self._interrupts.look)
            except StoreError as exc:
                tries -= 1
                if not tries:
                    raise
                self._progress.say(f"{exc.message}; trying again")
                sleep(STORE_WAIT)


def _give_way(niceness: int) -> None:
    """This process, and every program that it starts from now on. What is nicer already stays so."""
    os.nice(max(0, niceness - os.nice(0)))


def once(parts: Parts, progress: Progress, name: str, *, study: OneStudy) -> Report:
    """One drill of one target with an extra analysis, for `propose` and `prove`.

    Raises:
        BusyError, StoreError: As `Performer.perform`.
        Interrupted: After the teardown.
    """
    interrupts = Interrupts()
    with interrupts.handled():
        parts.sweeper.finish_dead()
        parts.forget_locks()
        study.armed = True
        report = Performer(parts, progress, interrupts).perform(name)
    if interrupts.seen is not None:
        raise Interrupted(interrupts.seen)
    return report
