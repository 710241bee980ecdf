"""The pages, from their templates."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from restorecheck import __version__
from restorecheck.model import (
    CheckOutcome,
    ObjectiveKind,
    RestoreOutcome,
    Severity,
    TeardownOutcome,
    Verdict,
)
from restorecheck.report import wording
from restorecheck.report.advice import advise
from restorecheck.report.document import CheckReport, LeftReport, Report
from restorecheck.report.html.charts import calendar, charts
from restorecheck.report.past import Night, Past
from restorecheck.report.restorable import restorable
from restorecheck.report.status import TargetStatus, newest_proof
from restorecheck.report.terminal import clean, proof_line, took
from restorecheck.report.trend import trends
from restorecheck.spelling import duration, minute_of, size, spell

LONGEST = 2_000
"""Characters of any text from outside."""
LONG = 140
"""Characters of a reason that surely fit the lines of it that the header has on a phone."""
LONG_EVERYWHERE = 300
"""Likewise on a window that is no phone, and on paper."""
NAMED = 7
"""Runs of nights without a proof that are listed; all of these nights are drawn."""
ACCOUNT = 12
"""Digits of an AWS account's id."""
MARGIN = 60
"""Characters of a name that fit the margin of a sheet."""
_BETWEEN = re.compile(r"(?<=[._/:=-])(?=[A-Za-z_])|(?<=[a-z])(?=[A-Z])")
"""Between the words of a name: public.|enrolment_|audit, customer|Invoices."""
_UNIT = re.compile(r"(?<=\d) (?=(?:s|min|h|days)\b)")


ORDERS = {"": "worst first", "name": "by name", "proof": "oldest proof first"}
"""Orders of the index, by the word that stands for each in an address."""
SHOWN = {
    "": "All",
    "attention": "Need attention",
    "failed": "Failed",
    "inconclusive": "Inconclusive",
    "verified": "Verified",
    "new": "Never drilled",
}
"""Groups of targets, likewise; a target is in one of each verdict, and in others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What surrounds a page that a server answers with."""

    target: str = ""
    """Whose own page this is; empty: it is a page of something else."""
    newest: str = ""
    """Address of the page of the target's newest drill; empty: this is it, or there is none."""
    coming: str = ""
    """What is being done about the target at this moment, as a sentence."""
    skipped: str = ""
    """Why the newest time for a drill had none; empty: it had one."""
    button: str = ""
    """Where the form is sent that starts a drill; empty: there is none."""


@dataclass(frozen=True, slots=True)
class View:
    """What a reader of a served index wants to see; unknown words are as none."""

    search: str = ""
    """Words that a target's name contains, each of them; case does not matter."""
    show: str = ""
    """One of `SHOWN`."""
    order: str = ""
    """One of `ORDERS`."""

    def address(self, **changes: str) -> str:
        """Of the same view with these changes."""
        fields = {"search": self.search, "show": self.show, "order": self.order} | changes
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"/?{query}" if query else "/"

    def admits(self, target: str, groups: Collection[str]) -> bool:
        words = self.search[:LONG].lower().split()
        in_group = self.show not in SHOWN or not self.show or self.show in groups
        return in_group and all(word in target.lower() for word in words)


def render(report: Report, past: Past, around: Around | None = None) -> str:
    """One drill, with the nights before it. `around`: where a server answers with the page."""
    checks = [_row(check, past) for check in sorted(report.checks, key=_gravity)]
    unasked = [row for row in checks if row["outcome"] == CheckOutcome.SKIPPED]
    proven = past.last_verified
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            around=around,
            earlier=past.nights[-2::-1],
            words=wording.sentence(report),
            failures=wording.failures(report.checks),
            warnings=[_warned(check, past) for check in wording.warnings(report)],
            is_long=len(report.reason) > LONG,
            is_long_everywhere=len(report.reason) > LONG_EVERYWHERE,
            since=wording.since(report, past),
            restorable=restorable(report, past),
            to_restore=wording.RESTORABLE,
            none_verified=wording.none_verified(past),
            no_backup=wording.no_backup(report),
            kept=wording.on_purpose(report),
            proven=report.verdict is Verdict.VERIFIED,
            advice=advise(report, past.last_verified),
            answers=_answers(report),
            shares=wording.shares(report.checks),
            unwell=[row for row in checks if not row["passed"] and row not in unasked],
            folded=[
                ("unasked", "not asked", unasked),
                ("passed", "passed", [row for row in checks if row["passed"]]),
            ],
            marked=max((len(past.outcomes(check.name)) for check in report.checks), default=0),
            left=[(each, _where(each)) for each in report.teardown.left],
            charts=charts(report, past),
            trends=trends(past),
            same=wording.same_backup(past),
            chosen=wording.chosen(report.backup) if report.backup else "",
            recovered=wording.recovered(report.backup) if report.backup else "",
            newest=wording.newest_proof(report, past),
            against_proof=proven is not None
            and report.baseline is not None
            and report.baseline.drill_id == proven.drill_id,
            noun=wording.noun(report),
            older=wording.NEWEST_WHOLE in wording.failed_of_the_file(report)
            and not wording.chosen_on_purpose(report),
            span=_span,
            calendar=calendar(past.nights),
            counted=_counted(past),
            unproven=_unproven(past),
            margin=_css_string(f"{report.target[:MARGIN]}, drill {report.drill_id[:MARGIN]}"),
        )
    )


def render_notice(title: str, said: str, around: Around) -> str:
    """A page that says one thing: that there is none, or why not."""
    template = _environment().get_template("notice.html")
    return template.render(title=title, said=said, around=around, margin=_css_string(title))


def render_index(
    statuses: Sequence[TargetStatus],
    reports: Mapping[str, Report],
    links: Mapping[str, str],
    now: datetime,
    view: View | None = None,
) -> str:
    """All targets; `links`: where each one's page lies.

    `reports`: the newest of each target, at least where it is not verified. `view`: where a server
    answers with the page, which then has links and a form instead of filters of its own.
    """
    groups = {status.target: _groups(status) for status in statuses}
    sizes = {show: sum(show in group for group in groups.values()) for show in SHOWN}
    rows = sorted(statuses, key=lambda s: (_rank(s), s.target))
    if view is not None:
        rows = [status for status in rows if view.admits(status.target, groups[status.target])]
        if view.order == "name":
            rows.sort(key=lambda s: s.target.lower())
        elif view.order == "proof":
            rows.sort(key=lambda s: s.proven_at.timestamp() if s.proven_at else 0)
    wanting = sizes["attention"]
    unclear = [s for s in statuses if s.verdict is Verdict.INCONCLUSIVE and not _wanting(s)]
    return (
        _environment()
        .get_template("index.html")
        .render(
            rows=[(s, groups[s.target], _news(s, reports.get(s.target), now)) for s in rows],
            total=len(statuses),
            wanting=wanting,
            unclear=len(unclear),
            links=links,
            view=view,
            around=None,
            shown=[(show, name, sizes[show]) for show, name in SHOWN.items() if sizes[show]],
            orders=ORDERS,
            now=now,
            version=__version__,
            margin=_css_string(f"restorecheck, {now:%Y-%m-%d %H:%M} UTC"),
        )
    )


def filled_in(name: str, *, margin: str, **values: object) -> str:
    """A page of another room, with this template. `margin`: stands on each printed sheet."""
    template = _environment().get_template(name)
    return template.render(around=None, version=__version__, margin=_css_string(margin), **values)


def _rank(status: TargetStatus) -> tuple[bool, bool, int]:
    """The worst first: what alarms, what is not proven, then by verdict; never drilled before any."""
    order = [None, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.VERIFIED]
    return not status.alarming, not _wanting(status), order.index(status.verdict)


def _groups(status: TargetStatus) -> tuple[str, ...]:
    """Of `SHOWN`."""
    own = status.verdict.value if status.verdict else "new"
    return ("", own, "attention") if _wanting(status) else ("", own)


def _wanting(status: TargetStatus) -> bool:
    """Whether the target needs attention: one without a verified drill does, even before it is overdue."""
    return status.alarming or status.proven_at is None


def _news(status: TargetStatus, report: Report | None, now: datetime) -> list[tuple[str, str]]:
    """What is to be said of a target, each with a command or none; of one that is well, nothing."""
    said = []
    if status.verdict is None:
        said.append(("Never drilled", f"restorecheck drill {status.target}"))
    elif status.overdue and status.proven_at is None:
        said.append((f"Never proven; allowed: {spell(status.allowed)}", ""))
    if status.overdue and status.proven_at is not None:
        age = spell(now - status.proven_at)
        said.append((f"Last proven {age} ago; allowed: {spell(status.allowed)}", ""))
    if status.samples:
        said.append((f"Drills {newest_proof(status)}", ""))
    if status.left_behind:
        in_aws = report is not None and report.deployment is not None
        said.append(("Something was left behind", "" if in_aws else "restorecheck sweep"))
    if status.skipped:
        said.append((f"Skipped: {status.skipped}", ""))
    if report is not None and status.verdict is not Verdict.VERIFIED:
        said.append((report.reason, ""))
    return said


def _answers(report: Report) -> list[tuple[str, str, str]]:
    """Three questions, three answers: never one for all."""
    restored = report.restore.outcome is RestoreOutcome.SUCCEEDED
    clean_up = report.teardown.outcome in {TeardownOutcome.COMPLETE, TeardownOutcome.KEPT}
    unproven = report.verdict is not Verdict.VERIFIED
    fault = [(wording.FAULT, "plain", wording.at_fault(report))] if unproven else []
    return [
        ("Did it restore?", "good" if restored else "bad", wording.restored(report)),
        (
            "Did the checks pass?",
            _mood(report),
            wording.counted(report.checks),
        ),
        (
            "Was everything cleaned up?",
            "good" if clean_up else "bad",
            wording.cleaned_up(report),
        ),
        (wording.PRODUCTION, "good", wording.production(report)),
        *fault,
        *_upgrade(report),
        *(_objective(check) for check in report.checks if check.kind in set(ObjectiveKind)),
    ]


def _upgrade(report: Report) -> list[tuple[str, str, str]]:
    known = report.rehearsal
    if known is None:
        return []
    mood = "good" if known.verdict is Verdict.VERIFIED else "doubt"
    said = "; ".join([wording.rehearsed(report), *known.plans])
    return [(wording.UPGRADE, mood, _shown(said))]


def _mood(report: Report) -> str:
    """Of the checks: whatever did not pass keeps it from being green."""
    if wording.failed_required(report) or not report.checks:
        return "bad"
    passed = all(check.outcome is CheckOutcome.PASSED for check in report.checks)
    return "good" if passed else "doubt"


def _objective(check: CheckReport) -> tuple[str, str, str]:
    """What the business asks for, and what was measured."""
    question = f"{check.name.capitalize()}: {check.expected}"
    found = check.found or "not measured"
    match check.outcome:
        case CheckOutcome.PASSED:
            return question, "good", found
        case CheckOutcome.FAILED:
            mood = "bad" if check.severity is Severity.REQUIRED else "doubt"
            return question, mood, f"{found}: missed"
        case CheckOutcome.ERROR | CheckOutcome.SKIPPED:
            return question, "doubt", found


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


def _warned(check: CheckReport, past: Past) -> tuple[str, datetime | None]:
    """In the words of the check; its details stand in the table."""
    return check.name, past.since(check.name)


def _where(left: LeftReport) -> str:
    is_account = len(left.account) == ACCOUNT and left.account.isdecimal()
    return f"AWS account {left.account}" if is_account else left.account


def _counted(past: Past) -> str:
    """How many nights of each verdict."""
    counts = {v: sum(1 for night in past.nights if night.verdict is v) for v in Verdict}
    return ", ".join(f"{n} {verdict.value}" for verdict, n in counts.items() if n)


def _unproven(past: Past) -> Markup:
    """The newest nights that are no proof, those of one verdict in a row as one; first `…` if there are more."""
    runs: list[list[Night]] = []
    for before, night in pairwise((None, *past.nights)):
        if night is None or night.verdict is Verdict.VERIFIED:
            continue
        if before is not None and before.verdict is night.verdict:
            runs[-1].append(night)
        else:
            runs.append([night])
    named = [
        Markup("{} ({})").format(_days(run[0].at, run[-1].at), run[0].verdict.value)
        for run in runs[-NAMED:]
    ]
    return Markup(", ").join(["…", *named] if len(runs) > NAMED else named)


def _days(first: datetime, last: datetime) -> Markup:
    if first.date() == last.date():
        return _day(first)
    return Markup("{} to {}").format(_day(first), _day(last))


def _span(first: datetime, last: datetime) -> str:
    """`2026-02-27 03:15 to 03:23 UTC`: a date once."""
    if first.date() != last.date():
        return f"{minute_of(first)} to {minute_of(last)}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M} UTC"


def _row(check: CheckReport, past: Past) -> dict[str, Any]:
    marks = [outcome.value if outcome else "none" for outcome in past.outcomes(check.name)]
    held = sum(1 for mark in marks if mark == "passed")
    passed = check.outcome is CheckOutcome.PASSED
    since = past.since(check.name)
    warns = check.outcome is CheckOutcome.FAILED and check.severity is Severity.WARNING
    return {
        "check": check,
        "passed": passed,
        "outcome": "warning" if warns else check.outcome.value,
        "marks": marks,
        "held": f"passed in {held} of the last {len(marks)} nights",
        # A date that the header has already is not said again.
        "since": None if passed or since == past.not_verified_since else since,
    }


def _shown(value: object) -> str:
    """Text from outside: no control characters, no end to it."""
    text = clean(str(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _breakable(text: str) -> Markup:
    """Text in which a line may end between the words of a name, so that it ends inside of no word."""
    return Markup(_BETWEEN.sub("<wbr>", str(escape(text))))  # noqa: S704  # escaped, and then our own tag


def _together(text: str) -> str:
    """Numbers stay with their units."""
    return _UNIT.sub("\N{NO-BREAK SPACE}", text)


def _css_string(text: str) -> Markup:
    """Text from outside as a string of a style sheet: whatever is not a plain letter is its number."""
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in " ,.:_-") else f"\\{ord(c):x} "
        for c in clean(text)
    )
    return Markup(f'"{plain}"')  # noqa: S704  # nothing in it ends the string or the sheet


def _day(moment: datetime) -> Markup:
    return Markup("<time>{}</time>").format(f"{moment:%Y-%m-%d}")


def _moment(moment: datetime) -> Markup:
    return Markup("<time>{}</time>").format(minute_of(moment))


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Callable[..., str]] = {
        "shown": _shown,
        "day": _day,
        "moment": _moment,
        "duration": duration,
        "took": took,
        "together": _together,
        "breakable": _breakable,
        "size": size,
        "proof": proof_line,
    }
    environment.filters |= filters
    environment.loader = FunctionLoader(_source)
    return environment


def _source(name: str) -> str:
    return (resources.files(__package__ or "") / name).read_text()
