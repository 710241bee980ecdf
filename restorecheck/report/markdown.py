"""A report as Markdown: for a ticket, a pull request, a chat. Pure."""

import html
import re

from restorecheck.model import CheckOutcome, Severity, Verdict
from restorecheck.report.document import CheckReport, Report
from restorecheck.report.past import Past
from restorecheck.report.terminal import clean, duration, proof_line, size

MARKS = {
    Verdict.VERIFIED: "\N{WHITE HEAVY CHECK MARK}",
    Verdict.FAILED: "\N{CROSS MARK}",
    Verdict.INCONCLUSIVE: "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}",
}
LONGEST = 500
"""Characters of any text from outside."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")


def text(value: str) -> str:
    """Text from outside that stays text: no link, no mention, no table cell is made of it."""
    shown = html.escape(clean(value)[:LONGEST], quote=False)
    return _SPECIAL.sub(r"\\\1", shown).replace("@", "@\N{ZERO WIDTH SPACE}")


def render(report: Report, past: Past) -> str:
    lines = [
        f"## {MARKS[report.verdict]} {text(report.target)}: {report.verdict.value}",
        "",
        f"{text(report.reason)}.",
    ]
    if report.hint:
        lines += ["", f"> {text(report.hint)}"]
    since = past.not_verified_since
    if report.verdict is not Verdict.VERIFIED and since is not None:
        lines += ["", f"Not verified since {since:%Y-%m-%d %H:%M} UTC."]
    lines += ["", "| question | answer |", "|---|---|", *_answers(report)]
    lines += ["", *_checks(report, past)]
    lines += ["", f"Drill `{clean(report.drill_id)}`, {report.started_at:%Y-%m-%d %H:%M} UTC."]
    return "\n".join(lines) + "\n"


def _answers(report: Report) -> list[str]:
    backup = report.backup
    what = "none was found"
    if backup is not None:
        parts = [text(backup.identifier)]
        parts += [size(backup.size_bytes)] if backup.size_bytes is not None else []
        parts += [f"{duration(backup.age_seconds)} old"] if backup.age_seconds is not None else []
        what = ", ".join(parts)
    restored = f"{report.restore.outcome.value} in {duration(round(report.restore.seconds))}"
    left = ", ".join(f"{text(x.kind)} {text(x.identifier)}" for x in report.teardown.left)
    proven = (
        [f"| What would they see? | {text(proof_line(report.proof))} |"] if report.proof else []
    )
    return [
        f"| What was restored? | {what} |",
        f"| Did it restore? | {restored} |",
        f"| Did the checks hold? | {_counts(report)} |",
        *proven,
        f"| Is all torn down? | {report.teardown.outcome.value}{f': {left}' if left else ''} |",
    ]


def _counts(report: Report) -> str:
    numbers = {
        outcome: sum(1 for check in report.checks if check.outcome is outcome)
        for outcome in CheckOutcome
    }
    return ", ".join(f"{n} {o.value}" for o, n in numbers.items() if n) or "none was run"


def _checks(report: Report, past: Past) -> list[str]:
    bad = [check for check in report.checks if check.outcome is not CheckOutcome.PASSED]
    if not bad:
        return []
    lines = ["| check | expected | found | since |", "|---|---|---|---|"]
    return lines + [_line(check, past) for check in bad]


def _line(check: CheckReport, past: Past) -> str:
    since = past.since(check.name)
    weight = " (warning)" if check.severity is Severity.WARNING else ""
    found = ": ".join(part for part in (check.found, check.detail) if part)
    when = f"{since:%Y-%m-%d}" if since else ""
    name = f"{check.outcome.value}{weight}: {text(check.name)}"
    return f"| {name} | {text(check.expected)} | {text(found)} | {when} |"
