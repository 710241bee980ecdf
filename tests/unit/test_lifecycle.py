from dataclasses import replace
from datetime import timedelta

import pytest

from restorecheck.lifecycle import (
    MAX_RETRIES,
    Aborted,
    AskUpgraded,
    Broken,
    Checked,
    Closed,
    Collected,
    CollectEvidence,
    Delete,
    Ensure,
    Finish,
    Gone,
    InProgress,
    Nothing,
    Park,
    Parked,
    PlansRead,
    ReadPlans,
    Ready,
    RecordVerdict,
    Rehearse,
    Rehearsing,
    Retain,
    Retained,
    Retry,
    RunChecks,
    StillThere,
    TimedOut,
    Unclear,
    VerdictRecorded,
    apply,
    decide,
    expire,
    intend,
    judge,
    to_ask,
)
from restorecheck.model import (
    CheckOrigin,
    CheckOutcome,
    CheckSpec,
    Hook,
    Observation,
    Phase,
    Rehearsal,
    Resource,
    RestoreOutcome,
    Select,
    SelectBy,
    Severity,
    Step,
    StepKind,
    TeardownOutcome,
    Upgrade,
    Verdict,
)
from tests.factories import (
    BACKUP,
    ENDPOINT,
    HOUR,
    NOW,
    SERVER,
    begun,
    drill,
    finished,
    restored,
    result,
)


def checked(*results, **changes):
    return apply(restored(**changes), Checked(results=results), NOW)


def next_deletion(state):
    action = decide(state)
    assert isinstance(action, Delete), action
    return action.resource


def test_a_fresh_drill_ensures_its_first_step():
    assert decide(drill()) == Ensure(drill().plan[0])


def test_what_a_step_makes_is_in_the_ledger_before_the_step_is_performed():
    at_load = apply(drill(), Ready(), NOW)

    intended = intend(at_load, decide(at_load), NOW)

    assert intended.ledger == (SERVER,)
    assert intended.records[-1].started_at == NOW


def test_intending_the_same_step_again_changes_nothing():
    at_load = apply(drill(), Ready(), NOW)
    once = intend(at_load, decide(at_load), NOW)

    assert intend(once, decide(once), NOW + HOUR) == once


def test_checks_are_put_to_the_endpoint_that_the_provider_returned():
    action = decide(restored())

    assert isinstance(action, RunChecks)
    assert action.endpoint is not None
    assert action.endpoint.identity == ENDPOINT.identity


def test_every_required_check_passed_on_the_restored_instance_is_verified():
    assert judge(checked(result())).verdict is Verdict.VERIFIED


def test_a_wrong_answer_to_a_required_check_fails_and_says_what_was_found():
    verdict = judge(checked(result(outcome=CheckOutcome.FAILED, found="0")))

    assert verdict.verdict is Verdict.FAILED
    assert verdict.reason == "check 'rows': expected at least 1, found 0"


def test_a_wrong_answer_to_a_warning_changes_no_verdict():
    specs = (
        CheckSpec(name="rows", kind="row_count"),
        CheckSpec(name="extra", kind="query", severity=Severity.WARNING),
    )
    warning = result("extra", severity=Severity.WARNING, outcome=CheckOutcome.FAILED)

    assert judge(checked(result(), warning, checks=specs)).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("outcome", [CheckOutcome.ERROR, CheckOutcome.SKIPPED])
def test_a_required_check_that_was_not_answered_is_inconclusive(outcome):
    assert judge(checked(result(outcome=outcome))).verdict is Verdict.INCONCLUSIVE


def test_no_checks_at_all_are_never_verified():
    unchecked = apply(restored(checks=()), Checked(results=()), NOW)

    assert judge(unchecked).verdict is Verdict.INCONCLUSIVE


def test_a_check_without_a_result_is_never_verified():
    verdict = judge(restored())

    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert "was not run" in verdict.reason


def test_a_plan_that_restored_nothing_is_never_verified():
    plan = (
        Step(name="find", kind=StepKind.PREPARE, does="", deadline=HOUR),
        Step(name="check", kind=StepKind.CHECK, does="", deadline=HOUR),
    )
    found = apply(drill(plan=plan), Ready(endpoint=ENDPOINT), NOW)

    verdict = judge(apply(found, Checked(results=(result(),)), NOW))

    assert verdict.verdict is Verdict.INCONCLUSIVE


def test_a_restore_of_two_steps_has_succeeded_after_the_second():
    plan = tuple(
        Step(name=n, kind=StepKind.RESTORE, does="", deadline=HOUR) for n in ("restore", "replay")
    )

    first = apply(drill(plan=plan), Ready(), NOW)
    assert first.restore_outcome is RestoreOutcome.PENDING

    assert apply(first, Ready(), NOW).restore_outcome is RestoreOutcome.SUCCEEDED


def test_only_warnings_that_passed_are_never_verified():
    spec = CheckSpec(name="rows", kind="row_count", severity=Severity.WARNING)

    verdict = judge(checked(result(severity=Severity.WARNING), checks=(spec,)))

    assert verdict.verdict is Verdict.INCONCLUSIVE


def test_an_answer_from_another_instance_is_never_verified():
    verdict = judge(checked(result(answered_by="production")))

    assert verdict.verdict is Verdict.INCONCLUSIVE
    assert "was answered by another server" in verdict.reason


def test_an_answer_that_names_nobody_is_never_verified():
    assert judge(checked(result(answered_by=""))).verdict is Verdict.INCONCLUSIVE


def test_a_judgement_on_the_file_answers_no_check_of_its_name():
    finding = result(origin=CheckOrigin.BACKUP, answered_by="")
    found = apply(begun(drill()), Ready(findings=(finding,)), NOW)
    state = apply(begun(found), Ready(endpoint=ENDPOINT), NOW)

    assert [spec.name for spec in state.pending_checks] == ["rows"]
    assert judge(state).verdict is Verdict.INCONCLUSIVE


def test_a_judgement_on_the_file_alone_verifies_nothing():
    on_file = result("file", origin=CheckOrigin.BACKUP)
    found = apply(drill(checks=()), Ready(findings=(on_file,)), NOW)
    unasked = apply(apply(found, Ready(endpoint=ENDPOINT), NOW), Checked(results=()), NOW)

    assert judge(unasked).verdict is Verdict.INCONCLUSIVE


def test_a_bad_file_beside_a_good_one_fails_the_drill():
    bad = result("the newest dump is whole", origin=CheckOrigin.BACKUP, outcome=CheckOutcome.FAILED)
    found = apply(drill(), Ready(findings=(bad,)), NOW)
    asked = apply(apply(found, Ready(endpoint=ENDPOINT), NOW), Checked(results=(result(),)), NOW)

    assert judge(asked).verdict is Verdict.FAILED


def test_why_a_backup_does_not_restore_goes_before_what_was_found_on_another_one():
    bad = result("the newest dump is whole", origin=CheckOrigin.BACKUP, outcome=CheckOutcome.FAILED)
    found = apply(drill(), Ready(findings=(bad,)), NOW)

    broken = apply(found, Broken(reason="invalid page", hint="look at the disk"), NOW)

    assert decide(broken) == RecordVerdict(Verdict.FAILED, "invalid page", "look at the disk")


def test_results_for_checks_that_nobody_asked_are_dropped():
    assert checked(result("stranger")).results == ()


def test_a_broken_backup_is_failed_and_asks_nothing_more():
    broken = apply(apply(drill(), Ready(), NOW), Broken(reason="cut"), NOW)

    assert decide(broken) == RecordVerdict(Verdict.FAILED, "cut")
    assert broken.restore_outcome is RestoreOutcome.FAILED


def test_an_unclear_step_is_inconclusive_and_keeps_its_hint():
    unclear = apply(drill(), Unclear(reason="denied", hint="grant it"), NOW)

    assert decide(unclear) == RecordVerdict(Verdict.INCONCLUSIVE, "denied", "grant it")


def test_an_interrupt_after_a_failed_check_still_says_failed():
    specs = tuple(CheckSpec(name=n, kind="query") for n in ("a", "b"))
    half = checked(result("a", outcome=CheckOutcome.FAILED), checks=specs)

    assert judge(apply(half, Aborted("Ctrl-C"), NOW)).verdict is Verdict.FAILED


def test_an_abort_after_the_last_check_leaves_the_verdict_to_the_checks():
    done = checked(result())

    assert apply(done, Aborted("Ctrl-C"), NOW) == done


def test_transient_errors_are_tried_again_only_so_often():
    state = drill()
    for _ in range(MAX_RETRIES):
        state = apply(state, Retry(reason="throttled", wait=timedelta(seconds=1)), NOW)
        assert state.phase is Phase.STEPS

    state = apply(state, Retry(reason="throttled", wait=timedelta(seconds=1)), NOW)

    assert state.phase is Phase.JUDGING
    assert judge(state).verdict is Verdict.INCONCLUSIVE


def test_progress_forgets_earlier_transient_errors():
    shaken = apply(drill(), Retry(reason="throttled", wait=HOUR), NOW)

    assert apply(shaken, InProgress(wait=HOUR), NOW).retries == 0


def test_the_deadline_of_the_drill_sends_it_to_the_verdict_as_inconclusive():
    late = expire(drill(), NOW + 5 * HOUR)

    assert judge(late).verdict is Verdict.INCONCLUSIVE
    assert "deadline of 240 minutes" in judge(late).reason


def test_the_deadline_of_a_restore_step_is_a_restore_that_timed_out():
    at_load = apply(drill(), Ready(), NOW)
    begun = intend(at_load, decide(at_load), NOW)

    assert expire(begun, NOW + 2 * HOUR).restore_outcome is RestoreOutcome.TIMED_OUT


@pytest.mark.parametrize(
    "ending", [Unclear(reason="denied"), Broken(reason="no such table"), Aborted("Ctrl-C")], ids=str
)
def test_a_check_that_ends_badly_leaves_the_restore_what_it_was(ending):
    state = apply(restored(), ending, NOW)

    assert state.restore_outcome is RestoreOutcome.SUCCEEDED
    assert expire(restored(), NOW + 100 * HOUR).restore_outcome is RestoreOutcome.SUCCEEDED


def test_a_step_before_the_restore_that_ends_badly_leaves_it_pending():
    assert apply(drill(), Unclear(reason="denied"), NOW).restore_outcome is RestoreOutcome.PENDING


def test_a_deadline_never_touches_a_drill_that_tears_down():
    tearing_down = apply(checked(result()), VerdictRecorded(Verdict.VERIFIED, "ok"), NOW)

    assert expire(tearing_down, NOW + 100 * HOUR) == tearing_down


def test_the_verdict_is_recorded_before_the_first_deletion():
    state = checked(result()).evolve(ledger=(SERVER,))

    assert isinstance(decide(state), RecordVerdict)


def test_teardown_deletes_the_newest_first_and_then_finishes():
    other = Resource(kind="secret", identifier="restorecheck-d-1-s")
    state = apply(
        checked(result()).evolve(ledger=(SERVER, other)),
        VerdictRecorded(Verdict.VERIFIED, "ok"),
        NOW,
    )
    state = apply(state, Collected(), NOW)
    assert next_deletion(state) == other

    state = apply(state, Gone(other), NOW)
    assert next_deletion(state) == SERVER

    state = apply(state, Gone(SERVER), NOW)
    assert decide(state) == Retain()

    assert decide(apply(state, Retained(), NOW)) == Finish()


def test_a_stubborn_resource_does_not_keep_the_others_alive():
    other = Resource(kind="secret", identifier="restorecheck-d-1-s")
    state = apply(
        checked(result()).evolve(ledger=(SERVER, other)),
        VerdictRecorded(Verdict.VERIFIED, "ok"),
        NOW,
    )
    state = apply(state, Collected(), NOW)

    state = apply(state, StillThere(other, "in use"), NOW)

    assert next_deletion(state) == SERVER


@pytest.mark.parametrize(
    "changes", [{"identifier": "restorecheck-d-2"}, {"account": "222"}, {"kind": "secret"}], ids=str
)
def test_what_is_gone_takes_nothing_else_out_of_the_ledger(changes):
    other = replace(SERVER, **changes)
    state = checked(result()).evolve(ledger=(SERVER, other))

    assert apply(state, Gone(SERVER), NOW).ledger == (other,)
    assert apply(state, Parked(SERVER), NOW).ledger == (other,)


@pytest.mark.parametrize(("seconds", "most"), [(60, 15), (0, 15 * 60)])
def test_a_teardown_that_never_succeeds_ends_and_names_what_is_left(seconds, most):
    """Also where each try is over at once."""
    state = apply(
        checked(result()).evolve(ledger=(SERVER,)), VerdictRecorded(Verdict.VERIFIED, "ok"), NOW
    )
    state = apply(state, Collected(), NOW)
    tries = 0
    while isinstance(decide(state), Delete):
        state = apply(state, StillThere(SERVER, "in use", timedelta(seconds=seconds)), NOW)
        tries += 1
        assert tries <= most

    assert tries == most, "no wait is counted twice"

    assert decide(state) == Retain()
    assert decide(apply(state, Retained(), NOW)) == Finish()
    assert state.ledger == (SERVER,)


def test_a_kept_database_is_not_deleted():
    state = apply(
        checked(result(), keep=True).evolve(ledger=(SERVER,)),
        VerdictRecorded(Verdict.VERIFIED, "ok"),
        NOW,
    )
    state = apply(state, Collected(), NOW)

    assert decide(state) == Retain()


@pytest.mark.parametrize("ending", [Aborted("Ctrl-C"), TimedOut("late"), Unclear(reason="denied")])
def test_nothing_is_kept_of_a_drill_that_was_ended_without_an_answer(ending):
    ended = apply(restored(keep=True).evolve(ledger=(SERVER,)), ending, NOW)
    state = apply(ended, VerdictRecorded(Verdict.INCONCLUSIVE, "why"), NOW)
    state = apply(state, Collected(), NOW)

    assert next_deletion(state) == SERVER
    closed = apply(state, Closed(), NOW)
    assert closed.teardown_outcome is TeardownOutcome.INCOMPLETE, "it is left, and not kept"


def test_nothing_is_kept_of_a_backup_that_did_not_restore():
    fresh = apply(begun(drill(keep=True)), Ready(), NOW)
    broken = apply(begun(fresh), Broken(reason="it does not restore"), NOW)
    state = apply(broken, VerdictRecorded(Verdict.FAILED, "it does not restore"), NOW)
    state = apply(state, Collected(), NOW)

    assert next_deletion(state) == SERVER


def test_evidence_is_collected_after_the_verdict_and_before_the_first_deletion():
    state = checked(result()).evolve(ledger=(SERVER,))
    assert isinstance(decide(state), RecordVerdict)

    state = apply(state, VerdictRecorded(Verdict.FAILED, "bad"), NOW)
    assert decide(state) == CollectEvidence()

    seen = Observation(at=NOW, source="events", text="recovery failed")
    state = apply(state, Collected((seen,)), NOW)
    assert state.evidence == (seen,)
    assert next_deletion(state) == SERVER


def hooked(verdict=Verdict.VERIFIED, **changes):
    state = checked(result()).evolve(ledger=(SERVER,), hook=Hook.WANTED, **changes)
    return apply(state, VerdictRecorded(verdict, "why"), NOW)


def test_after_verified_is_stored_as_begun_before_it_starts_and_is_not_begun_again():
    state = hooked()
    action = decide(state)
    assert action == CollectEvidence(hook=True)

    begun_now = intend(state, action, NOW)
    assert begun_now.hook is Hook.BEGUN
    assert decide(begun_now) == CollectEvidence(hook=False)
    assert intend(begun_now, decide(begun_now), NOW) is begun_now

    ended = apply(begun_now, Collected(notes=("after_verified ended",)), NOW)
    assert (ended.hook, ended.phase) == (Hook.ENDED, Phase.TEARDOWN)
    assert ended.notes == ("after_verified ended",)
    interrupted = apply(begun_now, Collected(), NOW)
    assert interrupted.notes == ("after_verified was interrupted, and is not run again",)
    assert next_deletion(interrupted) == SERVER


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (hooked(Verdict.FAILED), "the verdict is failed"),
        (hooked(Verdict.INCONCLUSIVE), "the verdict is inconclusive"),
        (hooked(keep=True), "the database is kept (--keep), and the command may change it"),
        (hooked(select=Select(by=SelectBy.OLDEST)), "an older backup was drilled"),
    ],
)
def test_after_verified_runs_for_the_newest_verified_backup_only(state, why):
    assert decide(state) == CollectEvidence(hook=False)
    assert apply(state, Collected(), NOW).notes == (f"after_verified was not run: {why}",)


def test_a_rehearsal_is_begun_once_and_changes_no_verdict():
    state = hooked().evolve(hook=Hook.NONE, rehearse=Hook.WANTED)
    action = decide(state)
    assert action == CollectEvidence(rehearse=True)
    begun_now = intend(state, action, NOW)
    assert decide(begun_now) == CollectEvidence()

    failed = Rehearsal(verdict=Verdict.FAILED, reason="an extension is missing")
    ended = apply(begun_now, Collected(rehearsal=failed), NOW)
    assert (ended.verdict, ended.rehearsal, ended.notes) == (Verdict.VERIFIED, failed, ())
    assert next_deletion(ended) == SERVER
    lost = apply(begun_now, Collected(), NOW)
    assert lost.notes == ("the upgrade rehearsal was interrupted, and is not run again",)


def upgrading(**changes):
    begun_now = hooked(rehearse=Hook.BEGUN, rehearsal_limit=HOUR).evolve(hook=Hook.NONE)
    upgrade = Upgrade(until=NOW + HOUR, asks=("rows",), from_version="16.4", **changes)
    return apply(begun_now, Collected(upgrade=upgrade), NOW)


def test_an_upgrade_goes_from_plans_to_plans_to_checks_and_then_everything_is_deleted():
    state = upgrading(queries=("rows",))
    assert (state.phase, state.notes) == (Phase.REHEARSAL, ())
    assert decide(state) == ReadPlans(ENDPOINT, state.checks, NOW + HOUR)
    assert intend(state, decide(state), NOW) is state

    state = apply(state, PlansRead({"rows": "Seq Scan"}), NOW)
    assert decide(state) == Rehearse()
    assert state.upgrade is not None
    waits = replace(state.upgrade, to_version="17.1", requested_at=NOW)
    state = apply(state, Rehearsing(upgrade=waits, wait=HOUR, detail="upgrading"), NOW)
    assert (decide(state), state.waiting_for) == (Rehearse(), "upgrading")
    there = replace(ENDPOINT, server_version="17.1")
    done = replace(waits, endpoint=there, seconds=61.0)
    state = apply(state, Rehearsing(upgrade=done), NOW)
    assert decide(state) == ReadPlans(there, state.checks, NOW + HOUR)
    state = apply(state, PlansRead({"rows": "Index Scan"}), NOW)
    assert decide(state) == AskUpgraded(there, state.checks, NOW + HOUR)

    ended = apply(state, Checked(results=(result(),)), NOW)

    assert ended.rehearsal == Rehearsal(
        verdict=Verdict.VERIFIED,
        reason="the upgrade succeeds, and the required check passed",
        from_version="16.4",
        to_version="17.1",
        upgrade_seconds=61.0,
        plans=("rows: from Seq Scan to Index Scan",),
    )
    assert (ended.verdict, ended.rehearse, ended.upgrade) == (Verdict.VERIFIED, Hook.ENDED, None)
    assert ended.results == state.results, "the drill's own results stay as they are"
    assert next_deletion(ended) == SERVER


def test_readings_of_the_upgraded_database_are_no_readings_of_the_drill():
    state = upgrading(endpoint=ENDPOINT)
    read_on = apply(state, Checked(results=(), readings="packed", detail="half"), NOW)
    assert read_on.upgrade is not None
    assert (read_on.upgrade.readings, read_on.readings) == ("packed", state.readings)
    assert decide(read_on) == AskUpgraded(ENDPOINT, state.checks, NOW + HOUR)
    assert to_ask(read_on) == state.checks


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda s: expire(s, NOW + HOUR), "did not end within 60 minutes; last seen: upgrading"),
        (lambda s: apply(s, Aborted("interrupted by SIGINT"), NOW), "interrupted by SIGINT"),
        (
            lambda s: apply(s.evolve(retries=MAX_RETRIES), Retry(reason="reset", wait=HOUR), NOW),
            "reset (5 times in a row)",
        ),
    ],
)
def test_a_rehearsal_that_is_ended_has_no_answer_and_costs_no_teardown(end, words):
    state = apply(upgrading(), Rehearsing(upgrade=upgrading().upgrade, detail="upgrading"), NOW)
    assert expire(state, NOW + HOUR / 2) == state

    ended = end(state)

    assert ended.rehearsal.verdict is Verdict.INCONCLUSIVE
    assert words in ended.rehearsal.reason
    assert ended.verdict is Verdict.VERIFIED
    assert next_deletion(ended) == SERVER


def test_without_after_verified_nothing_is_said():
    state = apply(checked(result()), VerdictRecorded(Verdict.VERIFIED, "why"), NOW)
    after = apply(state, Collected(), NOW)
    assert (after.notes, after.hook) == ((), Hook.NONE)


def test_what_was_seen_on_the_way_stays_beside_what_is_collected():
    status, event = (
        Observation(at=NOW, source="restore", text=text) for text in ("creating", "recovery failed")
    )
    state = apply(checked(result()), VerdictRecorded(Verdict.FAILED, "bad"), NOW)

    state = apply(state.evolve(evidence=(status,)), Collected((event,)), NOW)

    assert state.evidence == (status, event)


def test_a_status_is_evidence_each_time_that_it_changes():
    state = restored().evolve(position=0)
    for status in ("creating", "creating", "modifying", "creating"):
        state = apply(state, InProgress(wait=timedelta(seconds=30), status=status), NOW)

    assert [o.text for o in state.evidence] == ["creating", "modifying", "creating"]


def test_a_timeout_says_what_was_seen_last():
    began = intend(drill(), decide(drill()), NOW)
    waiting = apply(began, InProgress(wait=timedelta(seconds=30), detail="still creating"), NOW)

    expired = expire(waiting, NOW + timedelta(days=1))

    assert expired.failure is not None
    assert expired.failure.reason.endswith("; last seen: still creating")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_standby_is_parked_when_it_is_verified_and_deleted_otherwise(verdict):
    plan = tuple(replace(step, standby=(SERVER,)) for step in checked(result()).plan)
    state = apply(
        checked(result()).evolve(ledger=(SERVER,), plan=plan), VerdictRecorded(verdict, "…"), NOW
    )
    state = apply(state, Collected(), NOW)

    action = decide(state)

    if verdict is Verdict.VERIFIED:
        assert action == Park(SERVER)
        state = apply(state, Parked(SERVER), NOW)
        assert (state.ledger, state.parked) == ((), (SERVER,))
    else:
        assert isinstance(action, Delete)


SECOND = Resource(kind="server", identifier="restorecheck-d-1-2")


def with_a_second_try():
    """The step of the restore has made `SERVER` in vain, and makes `SECOND` from now on."""
    found = apply(begun(drill()), Ready(), NOW)
    plan = tuple(replace(step, standby=step.makes) for step in found.plan)
    event = InProgress(wait=timedelta(seconds=30), instead=(SERVER, SECOND))
    return apply(begun(found.evolve(plan=plan)), event, NOW), event


def test_what_is_made_in_place_of_something_is_in_the_ledger_before_it_is_asked_for():
    state, event = with_a_second_try()

    assert state.ledger == (SERVER, SECOND)
    assert state.step is not None
    assert state.step.makes == (SERVER, SECOND)
    assert decide(state) == Ensure(state.step), "the same step goes on"
    assert begun(state).ledger == (SERVER, SECOND)
    again = apply(state, event, NOW)
    assert (again.ledger, again.plan) == (state.ledger, state.plan), "asked twice, it is made once"


def test_what_was_made_in_vain_is_deleted_and_only_what_took_its_place_is_parked():
    state, _ = with_a_second_try()
    state = apply(state, Ready(backup=BACKUP, endpoint=ENDPOINT), NOW)
    state = apply(begun(state), Checked(results=(result(),)), NOW)
    state = apply(state, VerdictRecorded(Verdict.VERIFIED, "ok"), NOW)
    state = apply(state, Collected(), NOW)

    parked = decide(state)
    assert parked == Park(SECOND)
    state = apply(state, Parked(SECOND), NOW)
    assert next_deletion(state) == SERVER


def test_a_deletion_knows_until_when_the_thing_can_have_been_made():
    state = restored().evolve(ledger=(SERVER,))
    makers = [step.name for step in state.plan if SERVER in step.makes]
    (ended,) = [r.finished_at for r in state.records if r.name in makers]
    assert ended is not None
    state = apply(state, Aborted("Ctrl-C"), NOW + timedelta(hours=1))
    state = apply(state, VerdictRecorded(Verdict.INCONCLUSIVE, "Ctrl-C"), NOW)

    assert decide(apply(state, Collected(), NOW)) == Delete(SERVER, ended)


def test_looking_after_the_kept_backups_is_bounded_and_changes_no_verdict():
    state = apply(checked(result()), VerdictRecorded(Verdict.VERIFIED, "ok"), NOW)
    state = apply(state, Collected(), NOW)
    tries = 0
    while decide(state) == Retain():
        state = apply(state, InProgress(wait=timedelta(minutes=1)), NOW)
        tries += 1
        assert tries < 100

    assert decide(state) == Finish()
    assert state.verdict is Verdict.VERIFIED


def test_passing_faults_while_looking_after_the_kept_backups_are_noted_in_the_end():
    state = apply(checked(result()), VerdictRecorded(Verdict.VERIFIED, "ok"), NOW)
    state = apply(state, Collected(), NOW)
    for _ in range(6):
        state = apply(state, Retry(reason="throttled", wait=timedelta(seconds=1)), NOW)

    assert decide(state) == Finish()
    assert "throttled (5 times in a row)" in state.notes[-1]


def test_a_finished_drill_has_nothing_to_do():
    assert decide(finished()) == Nothing()


def test_patience_with_a_deletion_that_is_denied_runs_out_sooner():
    def tries(*, hopeless: bool) -> int:
        state = apply(
            checked(result()).evolve(ledger=(SERVER,)), VerdictRecorded(Verdict.FAILED, "…"), NOW
        )
        state = apply(state, Collected(), NOW)
        count = 0
        while isinstance(decide(state), Delete):
            wait = timedelta(seconds=10)
            state = apply(state, StillThere(SERVER, "denied", wait, hopeless=hopeless), NOW)
            count += 1
        return count

    assert tries(hopeless=False) == 90
    assert tries(hopeless=True) == 9
