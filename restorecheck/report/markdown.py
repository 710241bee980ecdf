"""A report as Markdown: for a ticket, a pull request, a chat. Pure."""

import html
import re

from restorecheck.model import CheckOutcome, Severity, Verdict
from restorecheck.report import wording
from restorecheck.report.advice import advise
from restorecheck.report.document import CheckReport, Report
from restorecheck.report.past import Past
from restorecheck.report.restorable import to_restore
from restorecheck.report.terminal import clean, proof_line
from restorecheck.report.trend import trends
from restorecheck.spelling import duration, minute_of, size

MARKS = {
    Verdict.VERIFIED: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.FAILED: "\N{CROSS MARK}",
    Verdict.INCONCLUSIVE: "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
}
LONGEST = 500
"""Characters of any outside text; a longer one is cut."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")

_PLAIN = re.compile(r"[\w .:/{}\[\]\"',-]+", re.ASCII)


def text(value: str) -> str:
    """Outside text, escaped: it makes no link, mention or table cell."""
    shown = html.escape(clean(value)[:LONGEST], quote=False)
    return _SPECIAL.sub(r"\\\1", shown).replace("@", "@\N{ZERO WIDTH SPACE}")


def render(report: Report, past: Past) -> str:
    lines = [
        f"## {MARKS[report.verdict]} {text(report.target)}: {report.verdict.value}",
        "",
        f"**{wording.sentence(report)}** {text(report.reason)}.",
    ]
    if since := wording.since(report, past):
        lines += ["", since]
    if since:
        lines += ["", text(to_restore(report, past))]
    lines += ["", "| question | answer |", "|---|---|", *_answers(report, past)]
    lines += ["", *_advice(report, past)]
    lines += ["", *_checks(report, past)]
    lines += ["", *(f"- {said}" for said in trends(past))]
    lines += ["", f"Drill `{clean(report.drill_id)}`, {report.started_at:%Y-%m-%d %H:%M} UTC."]
    return "\n".join(lines) + "\n"


def _advice(report: Report, past: Past) -> list[str]:
    items = advise(report, past.last_verified)
    if not items:
        return []
    return ["### What to do", "", *(f"- {text(i.text)}{_command(i.command)}" for i in items)]


def _command(command: str) -> str:
    """A command with outside names: as code only if they cannot end the code."""
    if not command:
        return ""
    return f" `{command}`" if _PLAIN.fullmatch(command) else f" {text(command)}"


def _answers(report: Report, past: Past) -> list[str]:
    backup = report.backup
    what = wording.no_backup(report)
    if backup is not None:
        parts = [text(backup.identifier)]
        parts += [size(backup.size_bytes)] if backup.size_bytes is not None else []
        parts += [f"taken {minute_of(backup.taken_at)}"] if backup.taken_at is not None else []
        parts += [f"{duration(backup.age_seconds)} old"] if backup.age_seconds is not None else []
        parts += [text(wording.chosen(backup)), text(wording.recovered(backup))]
        parts += [wording.newest_proof(report, past)]
        what = ", ".join(part for part in (*parts, wording.same_backup(past)) if part)
    left = ", ".join(f"{text(x.kind)} {text(x.identifier)}" for x in report.teardown.left)
    proven = (
        [f"| What do they detect? | {text(proof_line(report.proof))} |"] if report.proof else []
    )
    said = wording.rehearsed(report)
    upgrade = [f"| {wording.UPGRADE} | {text(said)} |"] if said else []
    unproven = report.verdict is not Verdict.VERIFIED
    fault = [f"| {wording.FAULT} | {wording.at_fault(report)} |"] if unproven else []
    stays = f"; {kept}" if (kept := wording.on_purpose(report)) else ""
    return [
        f"| Which backup is this about? | {what} |",
        *fault,
        f"| Did it restore? | {wording.restored(report)} |",
        f"| Did the checks pass? | {wording.counted(report.checks)} |",
        *proven,
        *upgrade,
        f"| {wording.PRODUCTION} | {wording.production(report)} |",
        f"| Was everything cleaned up? | {wording.cleaned_up(report)}{f': {left}' if left else ''}{stays} |",
    ]


def _checks(report: Report, past: Past) -> list[str]:
    bad = [check for check in report.checks if check.outcome is not CheckOutcome.PASSED]
    if not bad:
        return []
    lines = ["| check | expected | found | not passed since |", "|---|---|---|---|"]
    return lines + [_line(check, past) for check in bad]


def _line(check: CheckReport, past: Past) -> str:
    since = past.since(check.name)
    weight = " (warning)" if check.severity is Severity.WARNING else ""
    found = ": ".join(part for part in (check.found, check.detail) if part)
    when = f"{since:%Y-%m-%d}" if since else ""
    name = f"{check.outcome.value}{weight}: {text(check.name)}"
    return f"| {name} | {text(check.expected)} | {text(found)} | {when} |"
