"""One step of one drill: load → expire → decide → record intent → perform → record result → save.

The engine knows no SDK and no process, and never sleeps. It may die between any two lines: whatever
exists was written down before it was made, and the next `advance`, here or on another host,
carries on from what is stored.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

import structlog

from restorecheck.checks.rehearsals import unclear_upgrade
from restorecheck.errors import (
    CapacityError,
    DatabaseUnreachableError,
    DrillConflictError,
    ProviderError,
    RestorecheckError,
    TransientError,
)
from restorecheck.history import Link
from restorecheck.lifecycle import (
    Aborted,
    Action,
    AskUpgraded,
    Checked,
    Closed,
    Collected,
    CollectEvidence,
    Delete,
    Ensure,
    Event,
    Finish,
    Gone,
    InProgress,
    Nothing,
    Park,
    Parked,
    PlansRead,
    ReadPlans,
    RecordVerdict,
    Rehearse,
    Rehearsed,
    Rehearsing,
    Retain,
    Retained,
    Retry,
    RunChecks,
    StillThere,
    Unclear,
    VerdictRecorded,
    apply,
    decide,
    expire,
    intend,
)
from restorecheck.model import Drill, Observation, Proof, Rehearsal, Verdict
from restorecheck.ports import Checker, Clock, DrillStore, Inquiry, NoObserver, Observer, Provider
from restorecheck.report import document

log = structlog.get_logger("restorecheck.engine")

RETRY_WAIT = timedelta(seconds=0.5)
"""First wait after a transient error; doubled each time, so that five tries take 15 seconds.
Adapters whose services need longer (throttling) wait in their own retries.
"""
CAPACITY_WAIT = timedelta(seconds=30)
CONFLICT_WAIT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Wait:
    """Not finished; advance again after `duration`."""

    duration: timedelta
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    drill: Drill


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The next action needs the rights of another host."""

    action: Action


def anything(_action: Action) -> bool:
    """Allows every action: for a host with all rights."""
    return True


def nothing_to_sign() -> None:
    """Of a history that is not signed."""


class Engine:
    """Advances drills; holds no drill in memory between two calls.

    `performs` says which actions this host has the rights for. In AWS the host that restores cannot
    connect to a database, and the host that asks the database cannot restore or delete.
    """

    def __init__(
        self,
        *,
        store: DrillStore,
        provider_for: Callable[[Drill], Provider],
        checker_for: Callable[[Drill], Checker],
        clock: Clock,
        observer: Observer | None = None,
        performs: Callable[[Action], bool] = anything,
        sign: Callable[[], object] = nothing_to_sign,
    ) -> None:
        self._performs = performs
        self._sign = sign
        self._store = store
        self._provider_for = provider_for
        self._checker_for = checker_for
        self._clock = clock
        self._observer = observer or NoObserver()

    def advance(self, drill_id: str) -> Wait | Done | Elsewhere:
        """Do the next thing for this drill.

        Raises:
            NotFoundError: No such drill.
            StoreError: The store cannot be used.
        """
        try:
            return self._advance(drill_id)
        except DrillConflictError:
            # Another host saved first; the drill continues from what it saved.
            return Wait(CONFLICT_WAIT, "another host is running this drill")

    def abort(self, drill_id: str, reason: str) -> None:
        """End a drill that is still at its steps; `advance` then judges and tears down."""
        for _ in range(3):
            drill = self._store.load(drill_id)
            aborted = apply(drill, Aborted(reason), self._present(drill))
            if aborted == drill:
                return
            try:
                self._store.save(aborted)
            except DrillConflictError:
                continue
            return

    def _advance(self, drill_id: str) -> Wait | Done | Elsewhere:
        loaded = self._store.load(drill_id)
        now = self._present(loaded)
        drill = expire(loaded, now)
        action = decide(drill)
        if isinstance(action, Nothing):
            return Done(drill)
        if not self._performs(action):
            return Elsewhere(action)
        intended = intend(drill, action, now)
        if intended != loaded:
            intended = self._store.save(intended)
        event = self._perform(intended, action)
        after = apply(intended, event, self._present(intended))
        if isinstance(action, Finish):
            after = self._store.finish(after, partial(_compose, after))
            self._sign()  # the report is stored: what fails here is tried again with the next one
            self._provider_for(after).release(after)
        elif after != intended:
            after = self._store.save(after)
        self._tell(intended, action, event, after)
        if after.finished:
            return Done(after)
        # The event ended the steps (the last of too many retries): there is nothing to wait for.
        moved_on = after.phase is not intended.phase
        return Wait(timedelta(0) if moved_on else _pause(event), _detail(event))

    def _present(self, drill: Drill) -> datetime:
        """Never earlier than a time in the drill: when the clock is set back, no step gets a negative
        length, and no report ends before it begins.
        """
        seen = [drill.started_at, *(r.finished_at or r.started_at for r in drill.records)]
        return max(self._clock.now(), *seen)

    def _perform(self, drill: Drill, action: Action) -> Event:
        match action:
            case Ensure():
                return self._ensure(drill, action)
            case RunChecks():
                return self._run_checks(drill, action)
            case RecordVerdict(verdict, reason, hint):
                return VerdictRecorded(verdict, reason, hint)
            case CollectEvidence():
                return self._collect(drill, action)
            case Rehearse():
                return self._go_on_rehearsing(drill)
            case ReadPlans() | AskUpgraded():
                return self._ask_about_upgrade(drill, action)
            case Delete() | Park():
                return self._take_away(drill, action)
            case Retain():
                return self._retain(drill)
            case Finish():
                return Closed()
            case Nothing():
                raise AssertionError("a finished drill is not performed")
            case _:
                assert_never(action)

    def _ensure(self, drill: Drill, action: Ensure) -> Event:
        try:
            return self._provider_for(drill).ensure(drill, action.step)
        except RestorecheckError as exc:
            return _translate(exc, drill)

    def _run_checks(self, drill: Drill, action: RunChecks) -> Event:
        if not action.pending:
            return Checked(results=())
        until = _check_limit(drill, action)
        inquiry = Inquiry(
            endpoint=action.endpoint,
            pending=action.pending,
            until=until,
            backup=drill.backup,
            baseline=drill.baseline,
            readings=drill.readings,
        )
        try:
            answers = self._checker_for(drill).run(inquiry)
        except RestorecheckError as exc:
            return _translate(exc, drill)
        moved_on = answers.results or answers.readings not in {None, drill.readings}
        assert moved_on, "a checker answers a pending check, or reads on"
        return Checked(results=answers.results, readings=answers.readings, detail=answers.detail)

    def _take_away(self, drill: Drill, action: Delete | Park) -> Gone | Parked | StillThere:
        begun = self._present(drill)
        try:
            event = self._delete_or_park(drill, action)
        except ProviderError as exc:
            event = StillThere(action.resource, exc.message)
        if isinstance(event, StillThere):
            spent = max(self._present(drill) - begun, timedelta(0))
            return replace(event, spent=spent)
        return event

    def _delete_or_park(self, drill: Drill, action: Delete | Park) -> Gone | Parked | StillThere:
        provider = self._provider_for(drill)
        if isinstance(action, Park):
            return provider.park(action.resource)
        return provider.delete(action.resource, action.made_until)

    def _collect(self, drill: Drill, action: CollectEvidence) -> Collected:
        """Called once: neither the verdict nor the teardown waits for evidence. The command of after_verified may
        change the database, so it is the last.
        """
        evidence, proof = self._evidence(drill), self._study(drill)
        rehearsal = self._rehearse(drill) if action.rehearse else None
        notes = self._after_verified(drill) if action.hook else ()
        if isinstance(rehearsal, Rehearsing):
            return Collected(evidence, proof, notes, upgrade=rehearsal.upgrade)
        return Collected(evidence, proof, notes, rehearsal)

    def _rehearse(self, drill: Drill) -> Rehearsal | Rehearsing | None:
        try:
            return self._provider_for(drill).rehearse(drill)
        except RestorecheckError as exc:
            return Rehearsal(verdict=Verdict.INCONCLUSIVE, reason=exc.message)
        except Exception as exc:  # as above
            log.exception("rehearsal.defect", drill_id=drill.id)
            return Rehearsal(verdict=Verdict.INCONCLUSIVE, reason=_defect(exc))

    def _go_on_rehearsing(self, drill: Drill) -> Rehearsing | Rehearsed | Retry:
        try:
            said = self._provider_for(drill).rehearse(drill)
        except RestorecheckError as exc:
            return _without_answer(drill, exc)
        except Exception as exc:  # as above
            log.exception("rehearsal.defect", drill_id=drill.id)
            return _unclear(drill, _defect(exc))
        if isinstance(said, Rehearsing):
            return said
        return Rehearsed(said) if said else _unclear(drill, "rehearse is no longer configured")

    def _ask_about_upgrade(self, drill: Drill, action: ReadPlans | AskUpgraded) -> Event:
        assert drill.upgrade is not None, "decided from it"
        checker = self._checker_for(drill)
        try:
            if isinstance(action, ReadPlans):
                found = checker.plans(action.endpoint, action.queries, action.until)
                checker.close()  # the server is stopped for the upgrade
                return PlansRead(found)
            if not action.pending:
                return Checked(results=())
            answers = checker.run(
                Inquiry(
                    endpoint=action.endpoint,
                    pending=action.pending,
                    until=action.until,
                    backup=drill.backup,
                    readings=drill.upgrade.readings,
                )
            )
        except RestorecheckError as exc:
            return _without_answer(drill, exc)
        return Checked(results=answers.results, readings=answers.readings, detail=answers.detail)

    def _after_verified(self, drill: Drill) -> tuple[str, ...]:
        try:
            return self._provider_for(drill).after_verified(drill)
        except RestorecheckError as exc:
            return (f"after_verified failed: {exc.message}",)
        except Exception as exc:  # a defect in it must not prevent the teardown
            log.exception("after_verified.defect", drill_id=drill.id)
            return (f"after_verified failed: a defect in restorecheck ({type(exc).__name__})",)

    def _evidence(self, drill: Drill) -> tuple[Observation, ...]:
        try:
            return self._provider_for(drill).evidence(drill)
        except RestorecheckError as exc:
            return _not_collected(exc.message)
        except Exception as exc:  # a defect in the evidence must not prevent the teardown
            log.exception("evidence.defect", drill_id=drill.id)
            return _not_collected(f"a defect in restorecheck ({type(exc).__name__})")

    def _study(self, drill: Drill) -> Proof | None:
        try:
            return self._provider_for(drill).study(drill)
        except RestorecheckError as exc:
            return Proof(detail=exc.message)
        except Exception as exc:  # as above
            log.exception("study.defect", drill_id=drill.id)
            return Proof(detail=f"a defect in restorecheck ({type(exc).__name__})")

    def _retain(self, drill: Drill) -> Retained | InProgress | Retry:
        try:
            return self._provider_for(drill).retain(drill)
        except TransientError as exc:
            return Retry(reason=exc.message, wait=RETRY_WAIT * 2**drill.retries)
        except RestorecheckError as exc:
            return _not_looked_after(exc.message)
        except Exception as exc:  # a defect in retention must not prevent the report
            log.exception("retention.defect", drill_id=drill.id)
            return _not_looked_after(f"a defect in restorecheck ({type(exc).__name__})")

    def _tell(self, before: Drill, action: Action, event: Event, after: Drill) -> None:
        log.debug(
            "drill.advanced",
            drill_id=before.id,
            target=before.target,
            action=type(action).__name__,
            step=before.step.name if before.step else None,
            event_kind=type(event).__name__,
            phase=after.phase.value,
            version=after.version,
        )
        self._observer.performed(before, action, event, after)


def _defect(exc: Exception) -> str:
    return f"a defect in restorecheck ({type(exc).__name__})"


def _without_answer(drill: Drill, exc: RestorecheckError) -> Retry | Rehearsed:
    event = _translate(exc, drill)
    return event if isinstance(event, Retry) else _unclear(drill, exc.message)


def _unclear(drill: Drill, reason: str) -> Rehearsed:
    assert drill.upgrade is not None, "it is under way"
    return Rehearsed(unclear_upgrade(drill.upgrade, reason))


def _compose(drill: Drill, link: Link) -> str:
    chain = document.ChainReport(sequence=link.sequence, previous_sha256=link.previous_sha256)
    return document.build(drill, chain).to_json()


def _not_looked_after(reason: str) -> Retained:
    return Retained(notes=(f"retention was not applied to the kept backups: {reason}",))


def _not_collected(reason: str) -> tuple[Observation, ...]:
    return (Observation(at=None, source="restorecheck", text=f"not collected: {reason}"),)


def _check_limit(drill: Drill, action: RunChecks) -> datetime:
    began = drill.records[-1].started_at
    return min(drill.deadline, began + action.step.deadline)


def _translate(exc: RestorecheckError, drill: Drill) -> Retry | Unclear:
    """An error says nothing about the backup: retry, or inconclusive."""
    match exc:
        case CapacityError():
            return Retry(reason=exc.message, wait=CAPACITY_WAIT)
        case TransientError() | DatabaseUnreachableError():
            backoff = RETRY_WAIT * 2**drill.retries
            patience = exc.patience if isinstance(exc, DatabaseUnreachableError) else None
            return Retry(reason=exc.message, wait=max(backoff, patience or backoff))
        case _:
            return Unclear(reason=exc.message, hint=exc.hint)


def _pause(event: Event) -> timedelta:
    match event:
        case (
            InProgress(wait=wait) | Rehearsing(wait=wait) | Retry(wait=wait) | StillThere(wait=wait)
        ):
            return wait
        case _:
            return timedelta(0)


def _detail(event: Event) -> str:
    match event:
        case (
            InProgress(detail=detail)
            | Rehearsing(detail=detail)
            | StillThere(detail=detail)
            | Checked(detail=detail)
        ):
            return detail
        case Retry(reason=reason):
            return reason
        case _:
            return ""
