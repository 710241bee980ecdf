"""Sentences that all faces share: on the result of a drill and on earlier nights. Pure."""

from collections.abc import Iterable, Sequence

from restorecheck.model import (
    CheckOutcome,
    DrillOf,
    ObjectiveKind,
    RestoreOutcome,
    SelectBy,
    Severity,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report.document import BackupReport, CheckReport, Report
from restorecheck.report.past import DRAWN_NIGHTS, Past
from restorecheck.spelling import duration, minute_of, number_of, second_of

ACCEPTED = frozenset(
    {"not_emptied", "not_shrunk", "newest_there", "structure_same", "not_widened",
     "contents_plausible", "unchanged", "append_only"}
)  # fmt: skip
"""Kinds of checks that `history accept` settles: they compare only with an earlier night."""

UNTIL_ACCEPTED = frozenset({"structure_same", "not_widened"})
"""Those that compare with the last accepted drill, not with the previous night."""

OF_A_CLUSTER = "physical_backup"
OF_THE_FILE = frozenset({"backup_file", OF_A_CLUSTER})
"""Kinds of the checks on the backup itself (a file, or files with WAL), which say nothing about its data."""
NEWEST_WHOLE = "is whole"
YOUNG = "is young enough"
RIGHT_DATABASE = "is of the right database"
WAL_COMPLETE = "reached the end of the archive"
"""Ends of the names of such checks, which may also name a database (`postgres.dump.selection`, `postgres.physical.told`)."""
IN_AWS = frozenset({"aurora", "rds"})
"""Kinds of backups that are snapshots in AWS."""


def sentence(report: Report) -> str:
    """The verdict as a sentence; a backup that only misses an objective is not bad."""
    match report.verdict:
        case Verdict.VERIFIED:
            return "The backup restores."
        case Verdict.INCONCLUSIVE:
            return "The drill could not decide whether the backup is good."
        case Verdict.FAILED:
            return _failed(report)


def _failed(report: Report) -> str:
    if report.backup is None:
        return "There is no backup to restore."
    names = failed_of_the_file(report)
    if NEWEST_WHOLE in names and chosen_on_purpose(report):
        return "The chosen backup is damaged."
    if NEWEST_WHOLE in names:
        return f"The newest {noun(report)} is damaged; {_an_older_one(report)}."
    if report.restore.outcome is RestoreOutcome.FAILED:
        return "The backup does not restore."
    if report.restore.outcome is not RestoreOutcome.SUCCEEDED or not failed_required(report):
        return "The backup is bad."
    if RIGHT_DATABASE in names:
        return "The backup restores, but it is of another database."
    if WAL_COMPLETE in names:
        return "The backup restores, but WAL in its archive is missing or damaged."
    if wrong(report):
        old = YOUNG in names and not chosen_on_purpose(report)
        first = "is too old, and" if old else "restored, but"
        return f"The backup {first} {_data(report)}."
    if YOUNG in names and chosen_on_purpose(report):
        return "The chosen backup restores, but the newest backup is too old."
    if YOUNG in names:
        return "The backup restores, but it is too old."
    return "The backup restores, but an objective was missed."


def _an_older_one(report: Report) -> str:
    """The result of the backup before a damaged one."""
    match report.restore.outcome:
        case RestoreOutcome.SUCCEEDED if wrong(report):
            return f"an older one restores, but {_data(report)}"
        case RestoreOutcome.SUCCEEDED:
            return "an older one restores"
        case RestoreOutcome.FAILED:
            return "an older one does not restore"
        case RestoreOutcome.TIMED_OUT | RestoreOutcome.PENDING:
            return f"no other {noun(report)} was restored"


def noun(report: Report) -> str:
    """`dump`, or `backup` where the files of a cluster were restored."""
    physical = any(check.kind == OF_A_CLUSTER for check in report.checks)
    return "backup" if physical else "dump"


def _data(report: Report) -> str:
    if report.baseline and about_data(report) <= ACCEPTED:
        return "its data differs from an earlier night"
    return "its data is wrong"


def failed_required(report: Report) -> list[CheckReport]:
    return [
        check
        for check in report.checks
        if check.outcome is CheckOutcome.FAILED and check.severity is Severity.REQUIRED
    ]


def failed_of_the_file(report: Report) -> dict[str, CheckReport]:
    """The first required check of each of these kinds that failed, by the end of its name."""
    found: dict[str, CheckReport] = {}
    for check in failed_required(report):
        for end in (NEWEST_WHOLE, YOUNG, RIGHT_DATABASE, WAL_COMPLETE):
            if check.kind in OF_THE_FILE and check.name.endswith(end):
                found.setdefault(end, check)
    return found


def wrong(report: Report) -> bool:
    """Whether the backup restored and its data is wrong."""
    restored = report.restore.outcome is RestoreOutcome.SUCCEEDED
    return report.verdict is Verdict.FAILED and restored and bool(about_data(report))


def about_data(report: Report) -> frozenset[str]:
    """Kinds of the failed required checks that are about the data."""
    kinds = frozenset(check.kind for check in failed_required(report))
    return kinds - frozenset(ObjectiveKind) - OF_THE_FILE


def beyond_the_file(report: Report) -> bool:
    """Whether anything failed besides the file checks: the newest backup is damaged, too old, missing or of another database, or its WAL is not complete."""
    if report.backup is None:
        return False
    failed = failed_required(report)
    return (
        report.restore.outcome is RestoreOutcome.FAILED
        or not failed
        or any(check.kind not in OF_THE_FILE for check in failed)
    )


def acceptable(report: Report) -> bool:
    """Whether an acceptance settles every failure: all are differences from an earlier night."""
    unsettled = [
        check
        for check in report.checks
        if check.severity is Severity.REQUIRED and check.outcome is not CheckOutcome.PASSED
    ]
    return (
        report.verdict is Verdict.FAILED
        and report.baseline is not None
        and bool(unsettled)
        and all(c.outcome is CheckOutcome.FAILED and c.kind in ACCEPTED for c in unsettled)
    )


def unsettled(report: Report) -> list[CheckReport]:
    """Warnings of a verified drill that are repeated until an acceptance."""
    if report.baseline is None:
        return []
    return [check for check in warnings(report) if check.kind in UNTIL_ACCEPTED]


def warnings(report: Report) -> list[CheckReport]:
    """Failed checks that only warn."""
    return [
        check
        for check in report.checks
        if check.outcome is CheckOutcome.FAILED and check.severity is Severity.WARNING
    ]


def failures(checks: Iterable[CheckReport]) -> str:
    """`2 required checks and 1 warning failed`; empty: none failed."""
    failed = [check for check in checks if check.outcome is CheckOutcome.FAILED]
    required = sum(check.severity is Severity.REQUIRED for check in failed)
    parts = [
        _number(required, "required check"),
        _number(len(failed) - required, "warning"),
    ]
    said = " and ".join(part for part in parts if part)
    return f"{said} failed" if said else ""


def counted(checks: Sequence[CheckReport]) -> str:
    """All checks in one line: failed, without an answer, passed.

    `17 passed, 1 warning` where only warnings failed.
    """
    numbers = {o: sum(check.outcome is o for check in checks) for o in CheckOutcome}
    required = any(c.severity is Severity.REQUIRED for c in checks if c.outcome is not _PASSED)
    failed = failures(checks)
    mild = [_number(numbers[CheckOutcome.FAILED], "warning")] if not required else []
    parts = [
        failed if required else "",
        f"{numbers[CheckOutcome.ERROR]} without an answer" if numbers[CheckOutcome.ERROR] else "",
        f"{numbers[CheckOutcome.SKIPPED]} not asked" if numbers[CheckOutcome.SKIPPED] else "",
        f"{numbers[_PASSED]} passed" if numbers[_PASSED] else "",
        *mild,
    ]
    return ", ".join(part for part in parts if part) or "No checks were run"


_PASSED = CheckOutcome.PASSED


def shares(checks: Sequence[CheckReport]) -> str:
    """`10 of 10 required, 7 of 8 warnings`: how many of each passed."""
    said = []
    for severity, name in ((Severity.REQUIRED, "required"), (Severity.WARNING, "warnings")):
        asked = [check for check in checks if check.severity is severity]
        if asked:
            good = sum(check.outcome is _PASSED for check in asked)
            said.append(f"{good} of {len(asked)} {name}")
    return ", ".join(said)


def _number(number: int, noun: str, many: str = "") -> str:
    """`2 warnings`; empty: 0."""
    return number_of(number, noun, many) if number else ""


def restored(report: Report) -> str:
    """Did it restore?"""
    seconds = report.restore.seconds
    time = duration(seconds)
    match report.restore.outcome:
        case RestoreOutcome.SUCCEEDED if report.restore.adopted:
            return f"Yes, by another program{f', in {time}' if seconds else ''}"
        case RestoreOutcome.SUCCEEDED:
            return f"Yes, in {time}"
        case RestoreOutcome.FAILED:
            return f"No: failed after {time}"
        case RestoreOutcome.TIMED_OUT:
            return f"No: timed out after {time}"
        case RestoreOutcome.PENDING:
            return "No: not begun"


RESTORABLE = "Newest backup known to restore"
FAULT = "Is it the backup or restorecheck?"
PRODUCTION = "Is production untouched?"


def none_verified(past: Past) -> str:
    nights = len(past.nights)
    which = f" of the last {nights} nights" if nights > 1 else ""
    return f"No verified backup{which} is known."


def at_fault(report: Report) -> str:
    """Is it the backup or restorecheck?"""
    if report.verdict is not Verdict.FAILED:
        return "The drill: the backup is not known to be bad"
    names = failed_of_the_file(report)
    if WAL_COMPLETE in names:
        return "The WAL archive, not restorecheck"
    if wrong(report):
        return "The backup: its data is wrong"
    if report.restore.outcome is RestoreOutcome.FAILED:
        return "The backup: it does not restore"
    if report.backup is None or names:
        return "The backup job, not restorecheck"
    if failed_required(report):
        return "Neither: the backup restores, an objective was missed"
    return "The backup, not restorecheck"


def production(report: Report) -> str:
    """Is production untouched? By the first promise it always is; the answer says what was done instead."""
    if report.restore.adopted:
        return "Yes: the restored instance was only read"
    in_aws = report.backup is not None and report.backup.kind in IN_AWS
    return "Yes: its snapshot was only copied" if in_aws else "Yes: the backup was only read"


UPGRADE = "Would an upgrade work?"
_UPGRADES = {
    Verdict.VERIFIED: "Yes, as far as the checks see",
    Verdict.FAILED: "No",
    Verdict.INCONCLUSIVE: "Not known",
}


def rehearsed(report: Report) -> str:
    """The rehearsal of an upgrade; empty where there was none."""
    known = report.rehearsal
    if known is None:
        return ""
    to = f", to PostgreSQL {known.to_version}" if known.to_version else ""
    took = f"; its load took {duration(known.load_seconds)}" if known.load_seconds else ""
    if known.upgrade_seconds:
        took = f"; the upgrade took {duration(known.upgrade_seconds)}"
    plans = len(known.plans)
    changed = f"; {number_of(plans, 'query', 'queries')} with another plan" if plans else ""
    return f"{_UPGRADES[known.verdict]}{to}: {known.reason}{took}{changed}"


def no_backup(report: Report) -> str:
    """What there is to say instead of a backup."""
    found = report.verdict is Verdict.INCONCLUSIVE
    return "none could be read; see the reason" if found else "no complete one was found"


def on_purpose(report: Report) -> str:
    """What stays and may cost money; empty: nothing."""
    standbys, copies = len(report.teardown.parked), len(report.copies.kept)
    parts = [
        _number(standbys, "stopped standby", "stopped standbys"),
        _number(copies, "copy", "copies"),
    ]
    said = " and ".join(part for part in parts if part)
    return f"kept on purpose, may cost money: {said}" if said else ""


def chosen(backup: BackupReport) -> str:
    """How the backup was chosen, and from how many; empty where nobody could choose."""
    how = backup.chosen
    if how is None:
        return ""
    days = f" of the last {how.within_days:g} days" if how.within_days is not None else ""
    since = f", the oldest of {minute_of(how.oldest_at)}" if how.oldest_at and how.of > 1 else ""
    among = f"{number_of(how.of, 'backup')}{days}{since}"
    match how.by:
        case SelectBy.NEWEST:
            return f"the newest of {among}"
        case SelectBy.OLDEST:
            return f"the oldest of {among}"
        case SelectBy.NAMED:
            return f"by its name, of {among}"
        case SelectBy.RANDOM:
            return f"at random from {among}; seed {how.seed!r}"
        case SelectBy.ROTATING:
            return f"in turn, drilled longest ago or never, of {among}"


def recovered(backup: BackupReport) -> str:
    """What moment was asked for and reached; empty where no WAL was replayed."""
    known = backup.recovered
    if known is None or not known.lsn:
        return ""
    to = f" ({known.to})" if known.to else ""
    newest = f"newest commit {second_of(known.newest_commit)}" if known.newest_commit else ""
    lost = known.gap_seconds
    gap = "" if lost is None else f"the archive ends {duration(lost)} before the drill"
    reached = f"reached {known.lsn} on timeline {known.timeline}"
    return f"to {known.asked}{to}: " + ", ".join(x for x in (reached, newest, gap) if x)


def newest_proof(report: Report, past: Past) -> str:
    """What is known of the newest backup, of a drill that restored an older one; empty: it was the newest."""
    if report.about is DrillOf.NEWEST:
        return ""
    at = past.newest_proven_at
    known = (
        f"last proven {minute_of(at)}"
        if at
        else "not proven in any drill of this target that is known"
    )
    return f"this drill is no proof of the newest backup, which was {known}"


def chosen_on_purpose(report: Report) -> bool:
    """Whether an older backup may have been chosen, which stands for itself."""
    how = report.backup.chosen if report.backup else None
    return how is not None and how.by is not SelectBy.NEWEST


def same_backup(past: Past) -> str:
    """A note that the previous drill had the same backup; empty: it had not."""
    before = past.same_backup
    return f"the same backup as in the drill of {minute_of(before.at)}" if before else ""


def cleaned_up(report: Report) -> str:
    """Was everything cleaned up?"""
    match report.teardown.outcome:
        case TeardownOutcome.COMPLETE:
            return "Yes, nothing is left"
        case TeardownOutcome.KEPT:
            return "No: the database was kept, as requested"
        case TeardownOutcome.INCOMPLETE:
            return f"No: {len(report.teardown.left)} left behind"
        case TeardownOutcome.PENDING:
            return "No: not begun"


def since(report: Report, past: Past) -> str:
    """Since when no drill was verified; empty: this one was."""
    began, nights = past.not_verified_since, past.nights_not_verified
    if report.verdict is Verdict.VERIFIED or began is None:
        return ""
    counted_nights = f"{nights} night{'' if nights == 1 else 's'}"
    if nights == DRAWN_NIGHTS:
        return f"Not proven in any of the last {counted_nights}."
    verdicts = {night.verdict for night in past.nights[-nights:]}
    word = "Failing" if verdicts == {Verdict.FAILED} else "Not proven"
    return f"{word} since {began:%Y-%m-%d} ({counted_nights})."
