"""Findings as text. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from textwrap import wrap

from restorecheck.report.terminal import clean
from restorecheck.rules.catalogue import By
from restorecheck.rules.findings import AdvicePlace, Finding, Outcome, by_importance
from restorecheck.spelling import number_of

MARKS = {Outcome.OK: "ok", Outcome.PROBLEM: "problem", Outcome.NOT_LOOKED_AT: "?"}
COLORS = {Outcome.OK: "32", Outcome.PROBLEM: "31", Outcome.NOT_LOOKED_AT: "33"}
INDENT = " " * 10
WIDTH = 110


def render(findings: Sequence[Finding], by: By, *, color: bool = False) -> str:
    """`doctor` shows every line, in the order in which things are met; `audit` what is wrong."""
    lines: list[str] = []
    if by is By.DOCTOR:
        for heading, group in groupby(findings, key=_heading):
            told = _lines(group, color=color, with_resource=heading == THIS_MACHINE)
            lines += [clean(heading), *told, ""]
    else:
        shown = [f for f in by_importance(findings) if f.outcome is not Outcome.OK]
        important = _lines(shown, color=color, with_severity=True, with_resource=True)
        lines += [*important, ""] if shown else []
    return "\n".join([*lines, summary(findings)]) + "\n"


def summary(findings: Iterable[Finding]) -> str:
    counted = dict.fromkeys(Outcome, 0)
    ignored = 0
    for finding in findings:
        if finding.ignored is not None:
            ignored += 1
        else:
            counted[finding.outcome] += 1
    parts = [number_of(counted[Outcome.PROBLEM], "problem"), f"{counted[Outcome.OK]} ok"]
    if counted[Outcome.NOT_LOOKED_AT]:
        parts.append(f"{counted[Outcome.NOT_LOOKED_AT]} not looked at")
    if ignored:
        parts.append(f"{ignored} ignored")
    return ", ".join(parts)


THIS_MACHINE = "this machine"


def _heading(finding: Finding) -> str:
    return THIS_MACHINE if finding.rule.id < FIRST_IN_AWS else finding.resource


FIRST_IN_AWS = "RC200"


def _lines(
    findings: Iterable[Finding],
    *,
    color: bool,
    with_severity: bool = False,
    with_resource: bool = False,
) -> Iterable[str]:
    for finding in findings:
        severity = f" {finding.rule.severity.value:<8}" if with_severity else ""
        resource = f" {clean(finding.resource)}:" if with_resource else ""
        rule = f"{_mark(finding, color=color)}{finding.rule.id}"
        yield f"{rule}{severity}{resource} {clean(finding.found)}"
        if finding.outcome is not Outcome.OK:
            yield from _details(finding)


def _mark(finding: Finding, *, color: bool) -> str:
    shown = f"{'ignored' if finding.ignored else MARKS[finding.outcome]:<8}"
    if color and finding.ignored is None:
        return f"\x1b[{COLORS[finding.outcome]}m{shown}\x1b[0m"
    return shown


def _details(finding: Finding) -> Iterable[str]:
    if finding.ignored is not None:
        ignore = finding.ignored
        yield f"{INDENT}ignored until {ignore.until}: {clean(ignore.reason)}"
        return
    if finding.expired is not None:
        yield f"{INDENT}was ignored until {finding.expired.until}: {clean(finding.expired.reason)}"
    yield from _wrapped("rule: ", finding.rule.title)
    if finding.outcome is not Outcome.PROBLEM:
        return
    yield from _wrapped("why:  ", finding.rule.why)
    yield from _wrapped("fix:  ", finding.rule.mend)
    for advice in finding.advice:
        said = advice.where in NOT_FOR_A_SHELL or advice.line[0] == "<"
        sign = "" if said else "$ "
        yield f"{INDENT}      {advice.where.value}:  {sign}{clean(advice.line)}"
    yield f"{INDENT}link: {finding.rule.link}"


NOT_FOR_A_SHELL = frozenset(
    {AdvicePlace.CONFIGURATION, AdvicePlace.TERRAFORM, AdvicePlace.PATIENCE}
)


def _wrapped(begin: str, text: str) -> Iterable[str]:
    """Wraps text, but not commands for a shell."""
    return wrap(
        text,
        width=WIDTH,
        initial_indent=f"{INDENT}{begin}",
        subsequent_indent=INDENT + " " * len(begin),
        break_long_words=False,
    )
