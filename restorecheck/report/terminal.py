"""The report as text for a terminal. Pure: report in, text out."""

import re
from datetime import UTC
from textwrap import wrap

from restorecheck.model import CheckOutcome, RestoreOutcome, Severity, TeardownOutcome, Verdict
from restorecheck.report import wording
from restorecheck.report.advice import advise
from restorecheck.report.document import (
    CheckReport,
    ObservationReport,
    ProofReport,
    Report,
)
from restorecheck.report.past import Past
from restorecheck.report.restorable import to_restore
from restorecheck.report.trend import trends
from restorecheck.spelling import duration, second_of, size

GREEN, RED, YELLOW, BOLD, RESET = (f"\x1b[{n}m" for n in (32, 31, 33, 1, 0))

COLORS = {Verdict.VERIFIED: GREEN, Verdict.FAILED: RED, Verdict.INCONCLUSIVE: YELLOW}

MARKS = {
    CheckOutcome.PASSED: "ok  ",
    CheckOutcome.FAILED: "FAIL",
    CheckOutcome.ERROR: "??  ",
    CheckOutcome.SKIPPED: "--  ",
}

LABEL = 10
WIDTH = 110
NOTHING_KNOWN = Past()
EVIDENCE_LINES = 12
NAME_WIDTH = 44

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]")


def clean(text: str) -> str:
    """Text from outside (names, server messages) without escapes, line breaks or direction marks."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def render(report: Report, past: Past = NOTHING_KNOWN, *, color: bool) -> str:
    """The report as lines of text, the verdict first, and then what to do."""
    paint = Paint(color)
    lines = [
        (
            f"{paint(clean(report.target), BOLD)}  "
            f"{paint(report.verdict.value.upper(), BOLD + COLORS[report.verdict])}"
        ),
        f"  {clean(report.reason)}",
    ]
    lines += _advice_lines(report, past)
    lines += ["", _field("backup", _backup(report, past))]
    lines += _source_lines(report)
    lines += _wrapped("newest", said) if (said := wording.newest_proof(report, past)) else []
    lines.append(_field("restore", _restore(report)))
    lines += _check_lines(report.checks, paint)
    lines += _baseline_lines(report)
    lines += _proof_lines(report)
    lines += _upgrade_lines(report)
    lines.append(_field("teardown", _teardown(report)))
    lines += [f"    left: {left.kind} {clean(left.identifier)}" for left in report.teardown.left]
    lines += [f"    parked: {p.kind} {clean(p.identifier)}" for p in report.teardown.parked]
    lines += _copy_lines(report)
    lines += _time_lines(report)
    for n, said in enumerate(trends(past)):
        lines += _wrapped("" if n else "trend", said)
    lines += _evidence_lines(report)
    lines += [_field("note", clean(note)) for note in report.notes]
    lines.append(_field("drill", f"{report.drill_id}  {second_of(report.started_at)}"))
    return "\n".join(lines) + "\n"


def _advice_lines(report: Report, past: Past) -> list[str]:
    lines = [_field("since", since)] if (since := wording.since(report, past)) else []
    lines += [""] if (advice := advise(report, past.last_verified)) else []
    for n, item in enumerate(advice):
        lines += _with_command(_wrapped("" if n else "to do", clean(item.text)), item.command)
    if report.verdict is not Verdict.VERIFIED:
        lines += _wrapped("proven", clean(to_restore(report, past)))
        untouched = f"{wording.PRODUCTION} {wording.production(report)}"
        lines += _wrapped("cause", f"{wording.at_fault(report)}. {untouched}.")
    return lines


def _upgrade_lines(report: Report) -> list[str]:
    if report.rehearsal is None:
        return []
    said = wording.rehearsed(report)
    plans = [line for plan in report.rehearsal.plans for line in _wrapped("", clean(plan))]
    return [*_wrapped("upgrade", clean(said)), *plans]


def _with_command(lines: list[str], command: str) -> list[str]:
    """A command stays on one line, so that a reader can copy it."""
    said = clean(command)
    if not said:
        return lines
    *before, last = lines
    if len(last) + len(said) < WIDTH + 2:
        return [*before, f"{last} {said}"]
    return [*lines, _field("", said)]


def _wrapped(label: str, text: str) -> list[str]:
    lines = wrap(text, WIDTH - LABEL, break_long_words=False, break_on_hyphens=False)
    return [_field(label if n == 0 else "", line) for n, line in enumerate(lines)]


class Paint:
    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, codes: str) -> str:
        return f"{codes}{text}{RESET}" if self._color else text


def _field(label: str, text: str) -> str:
    return f"  {label:<{LABEL}}{text}"


def _backup(report: Report, past: Past) -> str:
    backup = report.backup
    if backup is None:
        return wording.no_backup(report)
    parts = []
    if backup.size_bytes is not None:
        parts.append(size(backup.size_bytes))
    if backup.server_version:
        parts.append(f"PostgreSQL {clean(backup.server_version)}")
    if backup.taken_at is not None:
        source = f" as {backup.time_source} says" if backup.time_source else ""
        parts.append(f"taken {second_of(backup.taken_at)}{source}")
    if backup.age_seconds is not None:
        parts.append(f"{duration(backup.age_seconds)} old")
    if same := wording.same_backup(past):
        parts.append(same)
    details = f" ({', '.join(parts)})" if parts else ""
    return f"{clean(backup.identifier)}{details}"


def _source_lines(report: Report) -> list[str]:
    """How it was chosen, and what was read: for whoever looks at the evidence later."""
    backup = report.backup
    if backup is None:
        return []
    how = wording.chosen(backup)
    lines = [_field("chosen", clean(how))] if how else []
    if to := wording.recovered(backup):
        lines.append(_field("recovered", clean(to)))
    return lines + ([_field("read", clean(backup.checksum))] if backup.checksum else [])


def _restore(report: Report) -> str:
    restore = report.restore
    match restore.outcome:
        case RestoreOutcome.SUCCEEDED:
            version = clean(restore.server_version)
            if restore.adopted:
                theirs = f" in {duration(restore.seconds)}" if restore.seconds else ""
                return f"by another program{theirs}, into PostgreSQL {version}"
            return f"succeeded in {took(restore.seconds)}, into PostgreSQL {version}"
        case RestoreOutcome.FAILED:
            return f"failed after {took(restore.seconds)}"
        case RestoreOutcome.TIMED_OUT:
            return f"timed out after {took(restore.seconds)}"
        case RestoreOutcome.PENDING:
            return "not begun"


def _baseline_lines(report: Report) -> list[str]:
    known = report.baseline
    if known is None:
        return []
    lines = [_field("compared", f"with {known.drill_id} of {second_of(known.at)}")]
    if known.accepted_by:
        who, why = clean(known.accepted_by), clean(known.accepted_because)
        lines.append(f"    accepted by {who}: {why}")
    return lines


def _check_lines(checks: tuple[CheckReport, ...], paint: Paint) -> list[str]:
    return [
        _field("checks", wording.counted(checks)),
        *(_check_line(check, paint) for check in checks),
    ]


def _check_line(check: CheckReport, paint: Paint) -> str:
    warning = check.severity is Severity.WARNING
    mark = MARKS[check.outcome]
    if check.outcome is CheckOutcome.PASSED:
        mark = paint(mark, GREEN)
    else:
        mark = paint("warn" if warning else mark, YELLOW if warning else RED)
    name = clean(check.name)
    padded = f"{name:<{NAME_WIDTH}}"
    if check.outcome is CheckOutcome.PASSED:
        answer = clean(check.found)
    elif check.found:
        answer = f"expected {clean(check.expected)}, found {clean(check.found)}"
    else:
        answer = ""
    if check.detail:
        answer = f"{answer}; {clean(check.detail)}" if answer else clean(check.detail)
    return f"    {mark} {padded} {answer}".rstrip()


def _proof_lines(report: Report) -> list[str]:
    return [_field("proof", clean(proof_line(report.proof)))] if report.proof else []


def proof_line(proof: ProofReport) -> str:
    """Which damage the checks detect, in one line."""
    if not proof.of:
        return f"no proof: {proof.detail}" if proof.detail else "no proof"
    parts = [score(proof)]
    if proof.unseen:
        parts.append(f"no check detects {len(proof.unseen)}: {', '.join(proof.unseen)}")
    if proof.failing or proof.warned:
        parts.append(verdicts(proof))
    return "; ".join(parts)


def verdicts(proof: ProofReport) -> str:
    """The verdict that all checks together would lead to."""
    return f"required checks, configured or built-in, detect {proof.failing}; only warnings detect {proof.warned} more"


def score(proof: ProofReport) -> str:
    text = f"configured checks detect {proof.seen} of {proof.of} kinds of damage"
    if proof.seen_as_warning:
        text += f", {proof.seen_as_warning} of them only as a warning"
    return text


def _teardown(report: Report) -> str:
    match report.teardown.outcome:
        case TeardownOutcome.COMPLETE:
            return "complete, nothing is left"
        case TeardownOutcome.KEPT:
            return "kept, as requested by --keep"
        case TeardownOutcome.INCOMPLETE:
            return f"INCOMPLETE, {len(report.teardown.left)} left"
        case TeardownOutcome.PENDING:
            return "not begun"


def _copy_lines(report: Report) -> list[str]:
    kept, deleted = report.copies.kept, report.copies.deleted
    if not kept and not deleted:
        return []
    gone = f", {len(deleted)} deleted" if deleted else ""
    lines = [_field("copies", f"{len(kept)} kept{gone}")]
    lines += [f"    kept: {clean(name)}" for name in kept]
    return lines + [f"    deleted: {clean(name)}" for name in deleted]


def _evidence_lines(report: Report) -> list[str]:
    """Only for a verdict that is not `verified`, and only observations that may explain it: those of
    a successful restore do not.
    """
    if report.verdict is Verdict.VERIFIED:
        return []
    telling = [seen for seen in report.evidence if _tells(seen, report.restore.outcome)]
    if not telling:
        return []
    more = len(report.evidence) - len(telling[-EVIDENCE_LINES:])
    lines = [_field("evidence", f"{more} more in the JSON report" if more else "all of it")]
    for seen in telling[-EVIDENCE_LINES:]:
        at = f"{seen.at.astimezone(UTC):%H:%M:%S} " if seen.at else ""
        lines.append(f"    {at}{clean(seen.source)}: {clean(seen.text)}")
    return lines


def _tells(seen: ObservationReport, restore: RestoreOutcome) -> bool:
    uneventful = restore is RestoreOutcome.SUCCEEDED
    if seen.source == "server log":
        return not (uneventful and seen.text.startswith("LOG:"))
    return not uneventful or seen.source == "difference from production"


def _time_lines(report: Report) -> list[str]:
    time = report.time
    share = time.own_seconds / time.total_seconds if time.total_seconds else 0.0
    steps = ", ".join(f"{clean(step.name)} {step.seconds:.2f} s" for step in report.steps)
    in_aws = report.backup is not None and report.backup.kind in wording.IN_AWS
    who = "AWS and PostgreSQL" if in_aws else "PostgreSQL"
    return [
        _field(
            "time",
            f"{time.total_seconds:.2f} s: {who} {time.database_seconds:.2f} s, "
            f"restorecheck {time.own_seconds:.2f} s ({share:.0%})",
        ),
        f"  {'':<{LABEL}}{steps}",
    ]


def took(seconds: float) -> str:
    """As `duration`; below one minute with tenths of a second."""
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)  # noqa: PLR2004  # a minute
