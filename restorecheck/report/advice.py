"""Advice after a drill, the same in every face. Pure."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from restorecheck.model import (
    CheckOutcome,
    ObjectiveKind,
    RestoreOutcome,
    Severity,
    Verdict,
)
from restorecheck.report import wording
from restorecheck.report.document import DeploymentReport, Report
from restorecheck.report.past import Night
from restorecheck.spelling import first_of

NAMED = 3
"""Checks that one sentence names; the others are in the list of checks."""
LOOK_AT_THE_JOB = "Look at the backup job: its log, its schedule and its disk space; then run it."


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do."""

    text: str
    """Whole sentences, or the beginning of one that the command ends."""
    command: str = ""
    names_left: bool = False
    """Whether to list what was left behind with it."""


def advise(report: Report, last_verified: Night | None = None) -> tuple[Advice, ...]:
    """What to do, the most urgent first; empty: nothing."""
    return tuple(_advise(report, last_verified))


def _advise(report: Report, last_verified: Night | None) -> Iterator[Advice]:
    proven = report.verdict is Verdict.VERIFIED
    if last_verified is not None and not proven:
        yield Advice("Keep the last verified backup: do not let it expire.")
    if report.contact and (not proven or report.teardown.left):
        yield Advice(f"Whom to call: {report.contact}")
    if report.teardown.left:
        yield _about_the_left(report)
    if report.hint:
        yield Advice(report.hint)
    if proven:
        yield from _settling(report)
        return
    yield from _causes(report, last_verified)
    yield _again(report)
    if wording.acceptable(report):
        yield Advice(
            "Only if this change was intended, accept it; later drills are then compared with this one:",
            _acceptance(report),
        )


def _about_the_left(report: Report) -> Advice:
    if report.deployment is None:
        text = "Delete what was left behind; it may cost money:"
        return Advice(text, "restorecheck sweep", names_left=True)
    text = (
        "Something was left behind and may cost money. The sweeper function tries every hour to delete it. "
        "Look again in two hours."
    )
    return Advice(text, names_left=True)


def _acceptance(report: Report) -> str:
    command = f"restorecheck history accept {report.drill_id} --why REASON"
    if report.deployment is None:
        return command
    return f"{command} --table {report.deployment.table} --bucket {report.deployment.bucket}"


def _settling(report: Report) -> Iterator[Advice]:
    """Warnings of a verified drill that are repeated until an acceptance."""
    names = [check.name for check in wording.unsettled(report)]
    if names:
        yield Advice(
            f"The warning about {' and '.join(names)} is repeated every night until the difference "
            "is accepted. Only if the change was intended:",
            _acceptance(report),
        )


def do_now(report: Report) -> str:
    """The first thing to do about a failed backup, in one clause: for a headline."""
    failed = wording.failed_of_the_file(report)
    if wording.NEWEST_WHOLE in failed and wording.chosen_on_purpose(report):
        return "drill the other backups: the chosen one is damaged."
    if wording.NEWEST_WHOLE in failed:
        noun = wording.noun(report)
        older = (
            f"the previous {noun} restores" if _restored(report) else f"no other {noun} restores"
        )
        return f"look at the backup job: the newest {noun} is damaged, {older}."
    if wording.YOUNG in failed or report.backup is None:
        return "look at the backup job and run it: there is no recent backup."
    if wording.RIGHT_DATABASE in failed:
        return "look at the backup job: it dumps the wrong database."
    if wording.WAL_COMPLETE in failed:
        return "look at the WAL archive: WAL is missing or damaged."
    if wording.wrong(report):
        return (
            "check whether the data is still in production; if not, keep the last verified backup."
        )
    if _restored(report):
        return "find out why an objective was missed; the backup itself restores."
    return "take a new backup, then find out why this one does not restore."


def _causes(report: Report, last_verified: Night | None) -> Iterator[Advice]:
    if report.verdict is Verdict.FAILED:
        yield from _about_the_file(report)
        yield from _about_the_restore(report)
        yield from _about_the_data(report, last_verified)
    else:
        yield from _unclear(report)


def _about_the_file(report: Report) -> Iterator[Advice]:
    failed = wording.failed_of_the_file(report)
    damaged, noun = failed.get(wording.NEWEST_WHOLE), wording.noun(report)
    if damaged and wording.chosen_on_purpose(report):
        yield Advice(
            f"The chosen {noun} is damaged: {damaged.detail}. Find out since when: drill the others."
        )
        return
    if damaged:
        yield Advice(f"The newest {noun} is damaged: {damaged.detail}. {_older(report, failed)}")
        yield Advice(LOOK_AT_THE_JOB)
    elif report.backup is None and not report.hint:
        yield Advice(f"There is no backup to restore. {LOOK_AT_THE_JOB}")
    if stale := failed.get(wording.YOUNG):
        which = f"The newest complete {noun}" if damaged else f"The newest {noun}"
        if wording.chosen_on_purpose(report):
            which = "The newest backup"
        restored = "The chosen one" if wording.chosen_on_purpose(report) else f"The {noun} itself"
        same = f" {restored} restores." if _restored(report) and not damaged else ""
        yield Advice(
            f"{which} is too old: {stale.found}, expected {stale.expected}.{same} "
            "Find out why the backup job has written no newer one."
        )
        if not damaged:
            yield Advice(LOOK_AT_THE_JOB)
    if gap := failed.get(wording.WAL_COMPLETE):
        yield Advice(
            f"WAL in the archive is missing or damaged: {gap.detail}. Look at the archiving of WAL in production "
            "(archive_command, pg_stat_archiver), then take a new backup."
        )
    if other := failed.get(wording.RIGHT_DATABASE):
        yield Advice(
            f"The dump is of the database {other.found}, expected was {other.expected}. Correct "
            "the backup job, or `databases` of the target."
        )


def _older(report: Report, failed: Collection[str]) -> str:
    """The result of the backup before the damaged one. `failed`: ends of the names of failed checks of files."""
    noun = wording.noun(report)
    if report.backup is None or report.restore.outcome is RestoreOutcome.PENDING:
        return f"There is no other {noun} to restore."
    name = report.backup.identifier.rpartition("/")[2]
    if not _restored(report):
        return f"The newest complete {noun}, {name}, does not restore."
    if wording.wrong(report):
        return f"The newest complete {noun}, {name}, restores, but its data is wrong."
    checks = (
        "the required checks of its data" if wording.YOUNG in failed else "every required check"
    )
    return f"The previous {noun} restores and passed {checks}: {name}."


def _about_the_restore(report: Report) -> Iterator[Advice]:
    if report.restore.outcome is not RestoreOutcome.FAILED:
        return
    yield Advice(
        "This backup would not restore on its own server either. Take a new backup now and drill "
        "it. If the new one fails at the same object, repair that object in production."
    )


def _about_the_data(report: Report, last_verified: Night | None) -> Iterator[Advice]:
    if wording.wrong(report):
        source = "the last verified backup" if last_verified else "an older backup"
        own = wording.about_data(report) - wording.ACCEPTED
        itself = " If a failed check itself is wrong, correct the check." if own else ""
        differs = "The data differs from that of an earlier night. " if _differs(report) else ""
        yield Advice(
            f"{differs}Look at the data in production. If it is wrong there too, restore from {source}. "
            f"If it is right there, look at the backup job.{itself}"
        )
    kinds = {check.kind for check in wording.failed_required(report)}
    if ObjectiveKind.RPO in kinds:
        yield Advice(
            "The newest backup is older than the recovery point objective: back up more often, or "
            "change `objectives.rpo_hours`."
        )
    if ObjectiveKind.RTO in kinds:
        yield Advice(
            "The restore took longer than the recovery time objective: the report has the time of each "
            "step. Restore on a faster machine, or change `objectives.rto_minutes`."
        )


def _differs(report: Report) -> bool:
    kinds = {check.kind for check in wording.failed_required(report)}
    return report.baseline is not None and bool(kinds & wording.ACCEPTED)


def _unclear(report: Report) -> Iterator[Advice]:
    yield Advice("The drill could not tell whether the backup is good.")
    errors = [
        check.name
        for check in report.checks
        if check.outcome is CheckOutcome.ERROR and check.severity is Severity.REQUIRED
    ]
    if errors:
        yield Advice(
            f"Required checks without an answer: {first_of(errors, NAMED)}. Remove the cause that the report gives for each check."
        )
    elif report.restore.outcome is RestoreOutcome.TIMED_OUT and not report.hint:
        yield Advice("Give the drill more time: `deadline_minutes` of the target.")
    elif not report.hint and not report.interrupted:
        yield Advice("Remove the cause that the first line of the report names.")


def _again(report: Report) -> Advice:
    if report.deployment is not None:
        return _again_in_aws(report, report.deployment)
    drill = f"restorecheck drill {report.target}"
    if report.restore.adopted:
        text = "Restore the backup again, then check that instance:"
        return Advice(text, f"{drill} --adopt INSTANCE")
    if report.verdict is Verdict.FAILED and not wording.beyond_the_file(report):
        return Advice("When there is a new backup, drill it:", drill)
    if _restored(report):
        text = "Restore the backup again and keep the database, to look at it:"
        return Advice(text, f"{drill} --keep")
    return Advice("Run the drill again:", drill)


def _again_in_aws(report: Report, deployment: DeploymentReport) -> Advice:
    """A person who reads the report of a deployment may not have the command `restorecheck`."""
    if report.restore.adopted:
        return Advice(
            "The next restore test of AWS Backup starts the next drill. To have one sooner, change the "
            "schedule of the restore testing plan."
        )
    wanted = json.dumps({"targets": [report.target]}, separators=(",", ":"))
    again = "With credentials of the backup account, run the drill again:"
    if report.verdict is Verdict.FAILED and not wording.beyond_the_file(report):
        again = "When there is a new backup, drill it, with credentials of the backup account:"
    # The AWS CLI calls the region of the shell, whatever an ARN says.
    region = "".join(f" --region {name}" for name in deployment.nightly_machine.split(":")[3:4])
    command = (
        f"aws stepfunctions start-execution{region} --state-machine-arn {deployment.nightly_machine} "
        f"--input '{wanted}'"
    )
    return Advice(again, command)


def _restored(report: Report) -> bool:
    return report.restore.outcome is RestoreOutcome.SUCCEEDED
