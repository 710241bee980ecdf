"""Findings, ignored ones, and those that decide the exit code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

from restorecheck.rules.catalogue import BY_ID, Rule, RuleSeverity


class Outcome(StrEnum):
    OK = "ok"
    PROBLEM = "problem"
    NOT_LOOKED_AT = "not looked at"


class AdvicePlace(StrEnum):
    """The place where an advice is applied."""

    HERE = "on this machine"
    CONFIGURATION = "in the configuration"
    SOURCE = "in the source account"
    BACKUP = "in the backup account"
    TERRAFORM = "in the Terraform files"
    PATIENCE = "wait"


@dataclass(frozen=True, slots=True)
class RuleAdvice:
    """One action. Its lines are for a shell, except for the configuration (`set KEY = JSON`) and Terraform.

    Text in <angle brackets> must be replaced by the reader.
    """

    where: AdvicePlace
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """An accepted finding, with its reason."""

    rule: str
    resource: str
    """A pattern: `*` and `?` as in file names."""
    reason: str
    until: date
    """The last day on which it holds."""

    def covers(self, finding: "Finding") -> bool:
        return finding.rule.id == self.rule and fnmatchcase(finding.resource, self.resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    rule: Rule
    resource: str
    outcome: Outcome
    found: str
    """One sentence, without secrets."""
    advice: tuple[RuleAdvice, ...] = ()
    ignored: Ignore | None = None
    expired: Ignore | None = None
    """The entry that ignored it until it expired."""

    @property
    def counts(self) -> bool:
        return self.outcome is not Outcome.OK and self.ignored is None


def ok(rule_id: str, resource: str, found: str) -> Finding:
    return Finding(rule=BY_ID[rule_id], resource=resource, outcome=Outcome.OK, found=found)


def problem(rule_id: str, resource: str, found: str, *advice: RuleAdvice) -> Finding:
    return Finding(
        rule=BY_ID[rule_id],
        resource=resource,
        outcome=Outcome.PROBLEM,
        found=found,
        advice=advice,
    )


def not_looked_at(rule_id: str, resource: str, needs: str, because: str = "") -> Finding:
    found = f"not looked at: needs {needs}" + (f" ({because})" if because else "")
    return Finding(
        rule=BY_ID[rule_id], resource=resource, outcome=Outcome.NOT_LOOKED_AT, found=found
    )


def ignoring(findings: Iterable[Finding], ignores: Sequence[Ignore], today: date) -> list[Finding]:
    """The findings, with a mark on ignored ones until their entries expire."""
    return [_marked(finding, ignores, today) for finding in findings]


def _marked(finding: Finding, ignores: Sequence[Ignore], today: date) -> Finding:
    if finding.outcome is Outcome.OK:
        return finding
    covering = [ignore for ignore in ignores if ignore.covers(finding)]
    valid = [ignore for ignore in covering if today <= ignore.until]
    if valid:
        return replace(finding, ignored=max(valid, key=lambda ignore: ignore.until))
    return replace(finding, expired=covering[-1]) if covering else finding


def by_importance(findings: Iterable[Finding]) -> list[Finding]:
    """Problems by severity, existing before possible ones; then what was not looked at; then the rest."""
    outcomes = [Outcome.PROBLEM, Outcome.NOT_LOOKED_AT, Outcome.OK]
    return sorted(
        findings,
        key=lambda f: (
            f.ignored is not None,
            outcomes.index(f.outcome),
            f.rule.severity.rank,
            not f.rule.pressing,
            f.rule.id,
            f.resource,
        ),
    )


def problems(findings: Iterable[Finding], least: RuleSeverity = RuleSeverity.LOW) -> list[Finding]:
    """The problems of at least this severity."""
    return [
        f
        for f in findings
        if f.counts and f.outcome is Outcome.PROBLEM and f.rule.severity.rank <= least.rank
    ]


def unseen(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.counts and f.outcome is Outcome.NOT_LOOKED_AT]
