"""The pages, from their templates."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from restorecheck.model import (
    CheckOutcome,
    ObjectiveKind,
    RestoreOutcome,
    Severity,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report.document import CheckReport, Report
from restorecheck.report.html.charts import calendar, charts
from restorecheck.report.past import Past, worst_first
from restorecheck.report.status import TargetStatus
from restorecheck.report.terminal import clean, duration, proof_line, size

LONGEST = 2_000
"""Characters of any text from outside."""

ACCEPTED = frozenset({"not_emptied", "not_shrunk", "newest_there", "structure_same"})
"""Kinds of checks that `history accept` settles."""
NAMED = 7
"""Nights without a proof that are listed; all of them are drawn."""

WORDS = {
    Verdict.VERIFIED: "The backup restores.",
    Verdict.FAILED: "The backup is bad.",
    Verdict.INCONCLUSIVE: "Nobody can tell.",
}


def render(report: Report, past: Past) -> str:
    """One drill, with the nights before it."""
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            past=past,
            words=_words(report),
            answers=_answers(report),
            checks=[_row(check, past) for check in _worst_first(report.checks)],
            compared=_compared(report),
            charts=charts(report, past),
            calendar=calendar(past.nights),
            nights=_nights(past),
            not_verified_since=past.not_verified_since,
            not_verified_nights=past.nights_not_verified,
        )
    )


def render_index(
    statuses: Sequence[TargetStatus], reports: Mapping[str, Report], links: Mapping[str, str]
) -> str:
    """All targets; `links`: where each one's page lies."""
    order = {report.target: n for n, report in enumerate(worst_first(reports.values()))}
    rows = sorted(
        statuses,
        key=lambda s: (not s.alarming, not _wanting(s), order.get(s.target, -1), s.target),
    )
    return (
        _environment()
        .get_template("index.html")
        .render(rows=rows, wanting=[s for s in rows if _wanting(s)], reports=reports, links=links)
    )


def _wanting(status: TargetStatus) -> bool:
    """What nobody has proven is not proven, also where no alarm is due yet."""
    return status.alarming or status.proven_at is None


def _words(report: Report) -> str:
    """The verdict as a sentence; a backup that only misses an objective is not bad."""
    failed = {
        check.kind
        for check in report.checks
        if check.outcome is CheckOutcome.FAILED and check.severity is Severity.REQUIRED
    }
    restored = report.restore.outcome is RestoreOutcome.SUCCEEDED
    if report.verdict is Verdict.FAILED and restored and failed and failed <= set(ObjectiveKind):
        return "The backup restores, but not as asked."
    return WORDS[report.verdict]


def _answers(report: Report) -> list[tuple[str, str, str]]:
    """Three questions, three answers: never one for all."""
    restored, torn = report.restore, report.teardown
    good = torn.outcome in {TeardownOutcome.COMPLETE, TeardownOutcome.KEPT}
    counts = {
        outcome: sum(1 for c in report.checks if c.outcome is outcome) for outcome in CheckOutcome
    }
    checks = ", ".join(f"{n} {o.value}" for o, n in counts.items() if n) or "none was run"
    bad = any(
        c.outcome is not CheckOutcome.PASSED and c.severity is Severity.REQUIRED
        for c in report.checks
    )
    return [
        (
            "Did it restore?",
            "good" if restored.outcome.value == "succeeded" else "bad",
            f"{restored.outcome.value.replace('_', ' ')} in {duration(round(restored.seconds))}",
        ),
        ("Did the checks hold?", "bad" if bad or not report.checks else "good", checks),
        ("Is all torn down?", "good" if good else "bad", torn.outcome.value),
        *(_objective(check) for check in report.checks if check.kind in set(ObjectiveKind)),
    ]


def _objective(check: CheckReport) -> tuple[str, str, str]:
    """What the business asks for, and what was measured."""
    mood = "good" if check.outcome is CheckOutcome.PASSED else "bad"
    if check.outcome in {CheckOutcome.ERROR, CheckOutcome.SKIPPED}:
        mood = "doubt"
    return f"{check.name.capitalize()}: {check.expected}", mood, check.found or "not measured"


def _worst_first(checks: Sequence[CheckReport]) -> list[CheckReport]:
    return sorted(checks, key=_gravity)


def _gravity(check: CheckReport) -> int:
    """What decides the verdict comes first, what is well last."""
    order = (CheckOutcome.FAILED, CheckOutcome.ERROR, CheckOutcome.SKIPPED, CheckOutcome.PASSED)
    place = order.index(check.outcome)
    is_warning = check.severity is Severity.WARNING and check.outcome is not CheckOutcome.PASSED
    return (
        place
        + (len(order) if is_warning else 0)
        + (2 * len(order) if place == len(order) - 1 else 0)
    )


def _compared(report: Report) -> bool:
    """Whether it failed because of a difference to an earlier night, which somebody may accept."""
    return report.baseline is not None and any(
        check.outcome is CheckOutcome.FAILED
        and check.severity is Severity.REQUIRED
        and check.kind in ACCEPTED
        for check in report.checks
    )


def _nights(past: Past) -> str:
    """How many of each verdict, and the nights of those that are no proof."""
    counts = {v: sum(1 for night in past.nights if night.verdict is v) for v in Verdict}
    counted = ", ".join(f"{n} {verdict.value}" for verdict, n in counts.items() if n)
    bad = [night for night in past.nights if night.verdict is not Verdict.VERIFIED]
    if not bad:
        return counted
    named = ", ".join(f"{night.at:%Y-%m-%d} ({night.verdict.value})" for night in bad[-NAMED:])
    before = "…, " if len(bad) > NAMED else ""
    return f"{counted}. Without a proof: {before}{named}"


def _row(check: CheckReport, past: Past) -> dict[str, object]:
    marks = [outcome.value if outcome else "none" for outcome in past.outcomes(check.name)]
    held = sum(1 for mark in marks if mark == "passed")
    return {
        "check": check,
        "marks": marks,
        "held": f"passed in {held} of the last {len(marks)} nights",
        "since": past.since(check.name),
    }


def _shown(value: object) -> str:
    """Text from outside: no control characters, no end to it."""
    text = clean(str(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Callable[..., str]] = {
        "shown": _shown,
        "duration": lambda seconds: duration(round(seconds)),
        "size": size,
        "proof": proof_line,
    }
    environment.filters |= filters
    environment.loader = FunctionLoader(_source)
    return environment


def _source(name: str) -> str:
    return (resources.files(__package__ or "") / name).read_text()
