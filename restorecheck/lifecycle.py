"""The whole state machine of a drill, pure.

`decide` returns the next action, `intend` the drill to store before it, `apply` the drill after an
observation, `expire` the drill after a deadline. None of them reads a clock, a network or a file:
the engine does.

```
STEPS ──Ready (last step)──► JUDGING ──VerdictRecorded──► EVIDENCE ──Collected──► TEARDOWN
  └─Broken · Unclear · TimedOut · Aborted──┘   REHEARSAL ◄──┘ └──Rehearsed──▲              │
                                                 Gone · Parked · StillThere─┘              │Retained
                                                            FINISHED ◄──Closed── CLOSING ◄─┘
```
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from restorecheck.checks import objectives, rehearsals
from restorecheck.model import (
    Backup,
    CheckOrigin,
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Drill,
    DrillOf,
    Endpoint,
    Failure,
    Hook,
    Observation,
    Phase,
    Proof,
    Rehearsal,
    Resource,
    RestoreOutcome,
    Retention,
    Severity,
    Step,
    StepKind,
    StepOutcome,
    StepRecord,
    TeardownOutcome,
    Upgrade,
    Verdict,
)
from restorecheck.spelling import number_of

MAX_RETRIES = 5
"""After so many consecutive transient errors the step ends as unclear."""

HOPELESSNESS = 10

LEAST_ATTEMPTS = 20
"""Deletion attempts that fit into the teardown limit, however long each takes: one counts as at most 1/20 of it."""

MIN_TEARDOWN_WAIT = timedelta(seconds=1)
"""Least time counted for a deletion that did not succeed at once: so the limit is reached."""


# --- actions: what to do next ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ensure:
    """Have the provider perform one step: create if absent, then describe."""

    step: Step


@dataclass(frozen=True, slots=True)
class RunChecks:
    """Ask the endpoint the pending checks; any non-empty part of them may be answered."""

    step: Step
    endpoint: Endpoint
    pending: tuple[CheckSpec, ...]


@dataclass(frozen=True, slots=True)
class RecordVerdict:
    verdict: Verdict
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class CollectEvidence:
    """Have the provider collect what explains the verdict, before the teardown."""

    hook: bool = False
    """Then run the command of `after_verified`."""
    rehearse: bool = False
    """Before that, rehearse the upgrade."""


@dataclass(frozen=True, slots=True)
class Rehearse:
    """Have the provider go on with the upgrade of the restored database."""


@dataclass(frozen=True, slots=True)
class ReadPlans:
    """Collect statistics, and read the plans of the configured queries."""

    endpoint: Endpoint
    queries: tuple[CheckSpec, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class AskUpgraded:
    """As `RunChecks`, of the upgraded database."""

    endpoint: Endpoint
    pending: tuple[CheckSpec, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class Delete:
    resource: Resource
    made_until: datetime
    """The last moment at which it can have been made; AWS may show it some time later."""


@dataclass(frozen=True, slots=True)
class Park:
    """Stop a verified resource and keep it."""

    resource: Resource


@dataclass(frozen=True, slots=True)
class Retain:
    """Have the provider tag tonight's copy with its verdict and delete old copies."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Write the one report and close the drill."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The drill is finished."""


Action = (
    Ensure
    | RunChecks
    | RecordVerdict
    | CollectEvidence
    | Rehearse
    | ReadPlans
    | AskUpgraded
    | Delete
    | Park
    | Retain
    | Finish
    | Nothing
)


Asking = RunChecks | ReadPlans | AskUpgraded
"""Those that connect to a database."""


# --- events: what was observed ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a step found out about the backup, however the step ended."""

    backup: Backup | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[CheckResult, ...] = ()
    """Judgements on the backup itself, made before anything is restored."""
    external_seconds: float = 0.0
    """Time in which the database's own programs were at work in this step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Learned):
    """The step is done."""

    endpoint: Endpoint | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    restored_in: timedelta | None = None
    """As `Drill.restored_in`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress:
    """The work is in progress; look again after `wait`."""

    wait: timedelta
    detail: str = ""
    status: str = ""
    """The provider's word for the status; a changed status is kept as evidence."""
    outputs: dict[str, str] = field(default_factory=dict)
    """As `Ready.outputs`."""
    instead: tuple[Resource, Resource] | None = None
    """The useless resource that the step made, and the one that it makes instead. Both are in the
    ledger before the second is requested, and both are deleted.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Learned):
    """This backup is bad: missing, incomplete, or it does not restore."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear(Learned):
    """The step cannot be done here, which says nothing about the backup."""

    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A transient error: the same step again after `wait`, at most `MAX_RETRIES` times."""

    reason: str
    wait: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    results: tuple[CheckResult, ...]
    readings: str | None = None
    """As `Drill.readings`; None: nothing was read. Readings can come before a result."""
    detail: str = ""
    """How much has been read, where the scan continues."""


@dataclass(frozen=True, slots=True)
class VerdictRecorded:
    verdict: Verdict
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    evidence: tuple[Observation, ...] = ()
    proof: Proof | None = None
    notes: tuple[str, ...] = ()
    rehearsal: Rehearsal | None = None
    upgrade: Upgrade | None = None
    """A rehearsal that has begun and takes more calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsing:
    """The upgrade is in progress; look again after `wait`."""

    upgrade: Upgrade
    wait: timedelta = timedelta(0)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PlansRead:
    plans: dict[str, str]
    """By the name of the check; without those that could not be read."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    rehearsal: Rehearsal


@dataclass(frozen=True, slots=True)
class Parked:
    resource: Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    retention: Retention = field(default_factory=Retention)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    resource: Resource
    external_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StillThere:
    """The resource could not be deleted yet, or its deletion is under way."""

    resource: Resource
    detail: str
    wait: timedelta = timedelta(seconds=1)
    hopeless: bool = False
    """A retry will hardly help (a missing right): the wait counts ten times against the limit."""
    spent: timedelta = timedelta(0)
    """How long the attempt itself took: without a network, minutes for each call."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    reason: str


@dataclass(frozen=True, slots=True)
class Aborted:
    """The drill was ended by an interrupt, or by a sweep that found its host dead."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The report is about to be written."""


StepEvent = Ready | InProgress | Broken | Unclear | Retry
Event = (
    StepEvent
    | Checked
    | VerdictRecorded
    | Collected
    | Rehearsing
    | PlansRead
    | Rehearsed
    | Gone
    | Parked
    | StillThere
    | Retained
    | TimedOut
    | Aborted
    | Closed
)


# --- the four functions -----------------------------------------------------------------------


def decide(drill: Drill) -> Action:
    """What to do next."""
    match drill.phase:
        case Phase.STEPS:
            return _decide_step(drill)
        case Phase.JUDGING:
            return judge(drill)
        case Phase.EVIDENCE:
            runs = not _unhooked(drill)
            return CollectEvidence(
                hook=runs and drill.hook is Hook.WANTED,
                rehearse=runs and drill.rehearse is Hook.WANTED,
            )
        case Phase.REHEARSAL:
            return _decide_rehearsal(drill)
        case Phase.TEARDOWN:
            return _decide_teardown(drill)
        case Phase.CLOSING:
            return Finish()
        case Phase.FINISHED:
            return Nothing()
        case _:
            assert_never(drill.phase)


def intend(drill: Drill, action: Action, now: datetime) -> Drill:
    """The drill as it must be stored *before* the action is performed."""
    match action:
        case Ensure(step) | RunChecks(step=step):
            new = tuple(resource for resource in step.makes if resource not in drill.ledger)
            return _begin_step(drill, step, now).evolve(ledger=drill.ledger + new)
        case CollectEvidence(hook=hook, rehearse=rehearse) if hook or rehearse:
            return drill.evolve(
                hook=Hook.BEGUN if hook else drill.hook,
                rehearse=Hook.BEGUN if rehearse else drill.rehearse,
            )
        case (
            RecordVerdict()
            | CollectEvidence()
            | Rehearse()
            | ReadPlans()
            | AskUpgraded()
            | Delete()
            | Park()
            | Retain()
            | Finish()
            | Nothing()
        ):
            return drill
        case _:
            assert_never(action)


def apply(drill: Drill, event: Event, now: datetime) -> Drill:
    """The drill after an observation."""
    match event:
        case Ready():
            return _complete_step(_learn(drill, event), now)
        case InProgress():
            return _go_on(drill, event, now)
        case Retry(reason=reason):
            return _try_again(drill, reason, now)
        case Broken(reason=reason, hint=hint):
            return _fail(_learn(drill, event), Verdict.FAILED, reason, now, hint=hint)
        case Unclear(reason=reason, hint=hint):
            return _fail(_learn(drill, event), Verdict.INCONCLUSIVE, reason, now, hint=hint)
        case Checked():
            return _store_answers(drill, event, now)
        case VerdictRecorded(verdict, reason, hint):
            return drill.evolve(
                phase=Phase.EVIDENCE, verdict=verdict, reason=reason, hint=hint, waiting_for=""
            )
        case Collected() | Rehearsing() | PlansRead() | Rehearsed():
            return _before_teardown(drill, event)
        case Parked(resource):
            ledger = tuple(r for r in drill.ledger if r != resource)
            return drill.evolve(ledger=ledger, parked=(*drill.parked, resource))
        case Retained(retention=retention, notes=notes):
            return drill.evolve(
                phase=Phase.CLOSING, retention=retention, notes=drill.notes + notes, retries=0
            )
        case Gone(resource, seconds):
            return drill.evolve(
                ledger=tuple(r for r in drill.ledger if r != resource),
                teardown_external_seconds=drill.teardown_external_seconds + seconds,
            )
        case StillThere():
            return _postpone_deletion(drill, event)
        case TimedOut(reason):
            return _fail(drill, Verdict.INCONCLUSIVE, reason, now, timed_out=True)
        case Aborted(reason):
            return _abort(drill, reason, now)
        case Closed():
            return drill.evolve(
                phase=Phase.FINISHED,
                finished_at=now,
                teardown_outcome=_teardown_outcome(drill),
                # These readings are stored with the drill that they come from.
                baseline=drill.baseline and replace(drill.baseline, readings=""),
                select=replace(drill.select, drilled={}),
            )
        case _:
            assert_never(event)


def expire(drill: Drill, now: datetime) -> Drill:
    """The drill at this time: a missed deadline ends the steps; verdict and teardown follow."""
    upgrade = drill.upgrade
    if drill.phase is Phase.REHEARSAL and upgrade is not None and now >= upgrade.until:
        minutes = drill.rehearsal_limit / timedelta(minutes=1)
        reason = f"the rehearsal did not end within {minutes:g} minutes"
        return _unclear_rehearsal(drill, reason + _last_seen(drill))
    step = drill.step
    if step is None:
        return drill
    if now >= drill.deadline:
        minutes = (drill.deadline - drill.started_at) / timedelta(minutes=1)
        reason = f"the drill's deadline of {minutes:g} minutes passed in step {step.name!r}"
        return apply(drill, TimedOut(reason + _last_seen(drill)), now)
    record = _open_record(drill)
    if record is not None and now >= record.started_at + step.deadline:
        minutes = step.deadline / timedelta(minutes=1)
        reason = f"step {step.name!r} took longer than {minutes:g} minutes"
        return apply(drill, TimedOut(reason + _last_seen(drill)), now)
    return drill


def _last_seen(drill: Drill) -> str:
    return f"; last seen: {drill.waiting_for}" if drill.waiting_for else ""


def _before_teardown(drill: Drill, event: Collected | Rehearsing | PlansRead | Rehearsed) -> Drill:
    match event:
        case Collected():
            return _collected(drill, event)
        case Rehearsing(upgrade=upgrade, detail=detail):
            return drill.evolve(upgrade=upgrade, waiting_for=detail, retries=0)
        case PlansRead(plans):
            return _store_plans(drill, plans)
        case Rehearsed(rehearsal):
            return _end_rehearsal(drill, rehearsal)
        case _:
            assert_never(event)


def _collected(drill: Drill, event: Collected) -> Drill:
    notes = event.notes
    if drill.hook is Hook.WANTED and (why := _unhooked(drill)):
        notes += (f"after_verified was not run: {why}",)
    elif drill.hook is Hook.BEGUN and not notes:
        notes += ("after_verified was interrupted, and is not run again",)
    drill = drill.evolve(
        evidence=drill.evidence + event.evidence,
        proof=event.proof,
        hook=Hook.ENDED if drill.hook is not Hook.NONE else Hook.NONE,
        notes=drill.notes + notes,
    )
    if event.upgrade is not None:
        return drill.evolve(phase=Phase.REHEARSAL, upgrade=event.upgrade)
    lost = drill.rehearse is Hook.BEGUN and event.rehearsal is None
    told = ("the upgrade rehearsal was interrupted, and is not run again",) if lost else ()
    return drill.evolve(
        phase=Phase.TEARDOWN,
        rehearsal=event.rehearsal,
        rehearse=Hook.ENDED if drill.rehearse is not Hook.NONE else Hook.NONE,
        notes=drill.notes + told,
    )


def _unhooked(drill: Drill) -> str:
    """Why the command of `after_verified` does not run after this drill; empty: it runs."""
    if drill.verdict is not Verdict.VERIFIED:
        return f"the verdict is {drill.verdict}"
    if drill.keep:
        return "the database is kept (--keep), and the command may change it"
    if drill.of is not DrillOf.NEWEST:
        return "an older backup was drilled"
    return ""


# --- an upgrade of the restored database --------------------------------------------------------


def _decide_rehearsal(drill: Drill) -> Action:
    """Plans, the upgrade, plans again, checks. Statistics are collected with the plans, so the checks come last."""
    upgrade = _under_way(drill)
    before = drill.endpoint
    assert before is not None, "only a verified drill is rehearsed"
    queries = tuple(spec for spec in drill.checks if spec.name in upgrade.queries)
    if queries and upgrade.plans_before is None:
        return ReadPlans(before, queries, upgrade.until)
    if upgrade.endpoint is None:
        return Rehearse()
    if queries and upgrade.plans_after is None:
        return ReadPlans(upgrade.endpoint, queries, upgrade.until)
    return AskUpgraded(upgrade.endpoint, _unanswered(drill), upgrade.until)


def to_ask(drill: Drill) -> tuple[CheckSpec, ...]:
    """The checks without a result, of the restored or of the upgraded database."""
    return _unanswered(drill) if drill.phase is Phase.REHEARSAL else drill.pending_checks


def _under_way(drill: Drill) -> Upgrade:
    assert drill.upgrade is not None, "a drill in REHEARSAL has an upgrade"
    return drill.upgrade


def _unanswered(drill: Drill) -> tuple[CheckSpec, ...]:
    upgrade = _under_way(drill)
    answered = {result.name for result in upgrade.results}
    return tuple(s for s in drill.checks if s.name in upgrade.asks and s.name not in answered)


def _store_plans(drill: Drill, plans: dict[str, str]) -> Drill:
    upgrade = _under_way(drill)
    if upgrade.plans_before is None:
        upgrade = replace(upgrade, plans_before=plans)
    else:
        upgrade = replace(upgrade, plans_after=plans)
    return drill.evolve(upgrade=upgrade, retries=0)


def _store_upgraded(drill: Drill, event: Checked) -> Drill:
    known = {spec.name for spec in _unanswered(drill)}
    upgrade = _under_way(drill)
    new = tuple(r for r in event.results if r.name in known)
    readings = upgrade.readings if event.readings is None else event.readings
    upgrade = replace(upgrade, results=upgrade.results + new, readings=readings)
    drill = drill.evolve(upgrade=upgrade, waiting_for=event.detail, retries=0)
    if _unanswered(drill):
        return drill
    return _end_rehearsal(drill, rehearsals.judge_upgrade(upgrade))


def _unclear_rehearsal(drill: Drill, reason: str) -> Drill:
    return _end_rehearsal(drill, rehearsals.unclear_upgrade(_under_way(drill), reason))


def _end_rehearsal(drill: Drill, rehearsal: Rehearsal) -> Drill:
    return drill.evolve(
        phase=Phase.TEARDOWN,
        rehearsal=rehearsal,
        rehearse=Hook.ENDED,
        upgrade=None,
        waiting_for="",
        retries=0,
    )


# --- the verdict ------------------------------------------------------------------------------


def judge(drill: Drill) -> RecordVerdict:
    """The verdict on what was observed. Anything short of full proof is not `verified`."""
    required = [r for r in drill.results if r.severity is Severity.REQUIRED]
    failed = [r for r in required if r.outcome is CheckOutcome.FAILED]
    failure = drill.failure
    if failure is not None and failure.verdict is Verdict.FAILED:
        return RecordVerdict(Verdict.FAILED, failure.reason, failure.hint)
    if failed:
        return RecordVerdict(Verdict.FAILED, _describe(failed, drill))
    if failure is not None:
        return RecordVerdict(failure.verdict, failure.reason, failure.hint)
    doubt = _doubt(drill, required)
    if doubt:
        return RecordVerdict(Verdict.INCONCLUSIVE, doubt)
    count = len([r for r in required if r.origin is CheckOrigin.DATABASE])
    checks = "the required check" if count == 1 else f"all {count} required checks"
    return RecordVerdict(
        Verdict.VERIFIED, f"the backup restores, and {checks} passed on the restored database"
    )


def _doubt(drill: Drill, required: list[CheckResult]) -> str:
    """Why a drill without a failure is still no proof; empty: it is a proof."""
    asked = [r for r in required if r.origin is CheckOrigin.DATABASE]
    if drill.restore_outcome is not RestoreOutcome.SUCCEEDED or drill.endpoint is None:
        return "the restore did not complete"
    if drill.pending_checks:
        return f"check {drill.pending_checks[0].name!r} was not run"
    if not asked:
        return "no required check was run"
    for result in required:
        if result.outcome is not CheckOutcome.PASSED:
            return f"check {result.name!r}: {result.detail or result.outcome.value}"
    strangers = [r for r in asked if r.answered_by != drill.endpoint.identity]
    if strangers:
        return (
            f"check {strangers[0].name!r} was answered by another server than the one that "
            "this drill made"
        )
    return ""


def _describe(failed: list[CheckResult], drill: Drill) -> str:
    first = failed[0]
    answer = f"expected {first.expected}, found {first.found}" if first.expected else first.detail
    if first.detail and any(s.built_in and s.name == first.name for s in drill.checks):
        # The detail names what is wrong; `found` only says how much was looked at.
        answer = first.detail
    elif first.expected and first.detail:
        answer = f"{answer} ({first.detail})"
    others = len(failed) - 1
    more = f"; {number_of(others, 'more required check')} failed" if others else ""
    return f"check {first.name!r}: {answer}{more}"


# --- parts ------------------------------------------------------------------------------------


def keeps_standing(drill: Drill) -> bool:
    """Whether the restored database is kept: requested by `--keep`, and the restore succeeded."""
    aborted = drill.failure is not None and drill.failure.verdict is Verdict.INCONCLUSIVE
    return drill.keep and drill.endpoint is not None and not aborted


def _decide_step(drill: Drill) -> Action:
    step = drill.step
    assert step is not None, "a drill in STEPS has a step left"
    if step.kind is not StepKind.CHECK:
        return Ensure(step)
    assert drill.endpoint is not None, "a plan restores before it checks"
    return RunChecks(step, drill.endpoint, drill.pending_checks)


def _decide_teardown(drill: Drill) -> Action:
    """Empty the ledger, then apply retention to the kept copies; each is bounded on its own."""
    if drill.ledger and not keeps_standing(drill) and not _teardown_exhausted(drill):
        resource = drill.ledger[-1]
        if drill.verdict is Verdict.VERIFIED and _is_standby(drill, resource):
            return Park(resource)
        return Delete(resource, _made_until(drill, resource))
    if drill.retention_waited < drill.teardown_limit:
        return Retain()
    return Finish()


def _is_standby(drill: Drill, resource: Resource) -> bool:
    return any(resource in step.standby for step in drill.plan)


def _made_until(drill: Drill, resource: Resource) -> datetime:
    """The end of the last step that may have made the resource."""
    makers = {step.name for step in drill.plan if resource in step.makes}
    ends = [r.finished_at or r.started_at for r in drill.records if r.name in makers]
    return max(ends, default=drill.started_at)


def _go_on(drill: Drill, event: InProgress, now: datetime) -> Drill:
    step = drill.step
    if step is None:
        return drill.evolve(
            retention_waited=drill.retention_waited + max(event.wait, MIN_TEARDOWN_WAIT),
            teardown_external_seconds=drill.teardown_external_seconds + event.wait.total_seconds(),
            outputs=drill.outputs | event.outputs,
            retries=0,
        )
    if event.status:  # another service works, and the drill waits
        drill = _add_external_seconds(drill, event.wait.total_seconds())
    seen = [o.text for o in drill.evidence if o.source == step.name]
    if event.status and event.status not in seen[-1:]:
        seen_now = Observation(at=now, source=step.name, text=event.status)
        drill = drill.evolve(evidence=(*drill.evidence, seen_now))
    if event.instead is not None:
        drill = _make_instead(drill, step, *event.instead)
    return drill.evolve(retries=0, waiting_for=event.detail, outputs=drill.outputs | event.outputs)


def _make_instead(drill: Drill, step: Step, old: Resource, new: Resource) -> Drill:
    """Let the step make the new resource from now on; as a standby, too."""
    if new in drill.ledger:
        return drill
    standby = tuple(new if resource == old else resource for resource in step.standby)
    changed = replace(step, makes=(*step.makes, new), standby=standby)
    plan = tuple(changed if other is step else other for other in drill.plan)
    return drill.evolve(plan=plan, ledger=(*drill.ledger, new))


def _try_again(drill: Drill, reason: str, now: datetime) -> Drill:
    if drill.retries < MAX_RETRIES:
        return drill.evolve(retries=drill.retries + 1)
    reason = f"{reason} ({MAX_RETRIES} times in a row)"
    if drill.phase is Phase.REHEARSAL:
        return _unclear_rehearsal(drill, reason)
    if drill.step is None:
        note = f"could not apply retention to the kept backups: {reason}"
        return drill.evolve(phase=Phase.CLOSING, notes=(*drill.notes, note))
    return _fail(drill, Verdict.INCONCLUSIVE, reason, now)


def _learn(drill: Drill, event: Learned) -> Drill:
    drill = _add_external_seconds(drill, event.external_seconds)
    drill = drill.evolve(
        backup=event.backup or drill.backup,
        results=drill.results + event.findings,
        notes=drill.notes + event.notes,
        retries=0,
    )
    if isinstance(event, Ready):
        return drill.evolve(
            endpoint=event.endpoint or drill.endpoint,
            outputs=drill.outputs | event.outputs,
            restored_in=event.restored_in or drill.restored_in,
        )
    return drill


def _store_answers(drill: Drill, event: Checked, now: datetime) -> Drill:
    if drill.phase is Phase.REHEARSAL:
        return _store_upgraded(drill, event)
    known = {spec.name for spec in drill.pending_checks}
    new = tuple(r for r in event.results if r.name in known)
    drill = drill.evolve(waiting_for=event.detail)
    if event.readings is not None:
        drill = drill.evolve(readings=event.readings)
    drill = _add_external_seconds(drill, sum(r.seconds for r in new))
    drill = drill.evolve(results=drill.results + new, retries=0)
    return drill if drill.pending_checks else _complete_step(drill, now)


def _complete_step(drill: Drill, now: datetime) -> Drill:
    step = drill.step
    assert step is not None, "only the present step can be completed"
    drill = _close_record(drill, StepOutcome.SUCCEEDED, now)
    position = drill.position + 1
    restores_left = any(s.brings_back for s in drill.plan[position:])
    if step.brings_back and not restores_left:
        drill = drill.evolve(restore_outcome=RestoreOutcome.SUCCEEDED)
    drill = drill.evolve(position=position, waiting_for="")
    return drill if position < len(drill.plan) else _end_steps(drill)


def _fail(
    drill: Drill,
    verdict: Verdict,
    reason: str,
    now: datetime,
    *,
    timed_out: bool = False,
    hint: str = "",
    outcome: StepOutcome = StepOutcome.FAILED,
) -> Drill:
    step = drill.step
    assert step is not None, "only a step can fail"
    drill = _close_record(drill, StepOutcome.TIMED_OUT if timed_out else outcome, now)
    if step.brings_back:
        restored = RestoreOutcome.TIMED_OUT if timed_out else RestoreOutcome.FAILED
        drill = drill.evolve(restore_outcome=restored)
    failure = Failure(
        verdict=verdict,
        reason=reason,
        step=step.name,
        timed_out=timed_out,
        aborted=outcome is StepOutcome.ABORTED,
        hint=hint,
    )
    return _end_steps(drill.evolve(failure=failure))


def _end_steps(drill: Drill) -> Drill:
    """End the steps, and compare what was measured with the objectives."""
    return drill.evolve(phase=Phase.JUDGING, results=drill.results + objectives.measured(drill))


def _abort(drill: Drill, reason: str, now: datetime) -> Drill:
    """Ends the steps, or the rehearsal. A stored verdict does not change."""
    if drill.phase is Phase.REHEARSAL:
        return _unclear_rehearsal(drill, f"{reason}; the rehearsal is not run again")
    if drill.phase is not Phase.STEPS:
        return drill
    return _fail(drill, Verdict.INCONCLUSIVE, reason, now, outcome=StepOutcome.ABORTED)


def _postpone_deletion(drill: Drill, event: StillThere) -> Drill:
    """Move the resource behind the others, so that one failing deletion does not delay them."""
    others = tuple(r for r in drill.ledger if r != event.resource)
    counted = max(event.wait, MIN_TEARDOWN_WAIT) * (HOPELESSNESS if event.hopeless else 1)
    # A host that was suspended during one attempt still has the other attempts.
    counted += min(event.spent, drill.teardown_limit / LEAST_ATTEMPTS)
    seconds = drill.teardown_external_seconds + event.wait.total_seconds()
    return drill.evolve(
        ledger=(event.resource, *others),
        teardown_details=(*drill.teardown_details[-9:], f"{event.resource}: {event.detail}"),
        teardown_waited=drill.teardown_waited + counted,
        teardown_external_seconds=seconds,
    )


def _teardown_exhausted(drill: Drill) -> bool:
    """The time spent on attempts is counted, not wall-clock time: a host that was down past every
    deadline still deletes the resources after its restart.
    """
    return drill.teardown_waited >= drill.teardown_limit


def _teardown_outcome(drill: Drill) -> TeardownOutcome:
    if not drill.ledger:
        return TeardownOutcome.COMPLETE
    return TeardownOutcome.KEPT if keeps_standing(drill) else TeardownOutcome.INCOMPLETE


def _open_record(drill: Drill) -> StepRecord | None:
    if drill.records and drill.records[-1].finished_at is None:
        return drill.records[-1]
    return None


def _begin_step(drill: Drill, step: Step, now: datetime) -> Drill:
    if _open_record(drill) is not None:
        return drill
    return drill.evolve(records=(*drill.records, StepRecord(name=step.name, started_at=now)))


def _close_record(drill: Drill, outcome: StepOutcome, now: datetime) -> Drill:
    record = _open_record(drill)
    if record is None:
        return drill
    closed = StepRecord(
        name=record.name,
        started_at=record.started_at,
        finished_at=now,
        outcome=outcome,
        external_seconds=record.external_seconds,
    )
    return drill.evolve(records=(*drill.records[:-1], closed))


def _add_external_seconds(drill: Drill, seconds: float) -> Drill:
    record = _open_record(drill)
    if record is None or not seconds:
        return drill
    added = StepRecord(
        name=record.name,
        started_at=record.started_at,
        external_seconds=record.external_seconds + seconds,
    )
    return drill.evolve(records=(*drill.records[:-1], added))
