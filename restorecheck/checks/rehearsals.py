"""The verdict of a rehearsed upgrade, from the answers of the new version. Pure."""

from collections.abc import Iterator, Sequence

from restorecheck.checks.query_time import LONGEST_PLAN
from restorecheck.model import (
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Rehearsal,
    Severity,
    Upgrade,
    Verdict,
)
from restorecheck.spelling import first_of, number_of


def unasked(spec: CheckSpec) -> CheckResult:
    return CheckResult(
        name=spec.name,
        kind=spec.kind,
        database=spec.database,
        severity=spec.severity,
        outcome=CheckOutcome.SKIPPED,
    )


def judge(results: Sequence[CheckResult], done: str) -> tuple[Verdict, str]:
    """`done`: what had succeeded before the checks were asked: "the dump loads"."""
    required = [r for r in results if r.severity is Severity.REQUIRED]
    failed = [r for r in required if r.outcome is CheckOutcome.FAILED]
    doubts = [r for r in required if r.outcome is not CheckOutcome.PASSED]
    if failed:
        return Verdict.FAILED, f"{done}, but {_names(failed)} failed"
    if doubts:
        return Verdict.INCONCLUSIVE, f"{done}; no answer to {_names(doubts)}"
    if not required:
        return Verdict.INCONCLUSIVE, f"{done}; no required check was asked"
    one = len(required) == 1
    checks = "the required check" if one else f"all {len(required)} required checks"
    return Verdict.VERIFIED, f"{done}, and {checks} passed"


def judge_upgrade(upgrade: Upgrade) -> Rehearsal:
    """Of a database that was upgraded in place and asked all checks."""
    before, after = upgrade.plans_before or {}, upgrade.plans_after or {}
    verdict, reason = judge(upgrade.results, "the upgrade succeeds")
    unknown = len([name for name in upgrade.queries if not before.get(name) or not after.get(name)])
    if unknown:
        reason += f"; {number_of(unknown, 'plan')} could not be compared"
    return _told(upgrade, verdict, reason, tuple(changed(before, after)))


def unclear_upgrade(upgrade: Upgrade, reason: str) -> Rehearsal:
    return _told(upgrade, Verdict.INCONCLUSIVE, reason)


def failed_upgrade(upgrade: Upgrade, reason: str) -> Rehearsal:
    return _told(upgrade, Verdict.FAILED, reason)


def changed(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """A sentence for each query with another plan; of an unknown plan nothing is said."""
    for name, plan in before.items():
        new = after.get(name, "")
        if plan and new and plan != new:
            yield f"{name}: from {plan[:LONGEST_PLAN]} to {new[:LONGEST_PLAN]}"


def _told(
    upgrade: Upgrade, verdict: Verdict, reason: str, plans: tuple[str, ...] = ()
) -> Rehearsal:
    return Rehearsal(
        verdict=verdict,
        reason=reason,
        from_version=upgrade.from_version,
        to_version=upgrade.to_version,
        upgrade_seconds=upgrade.seconds,
        plans=plans,
    )


def _names(results: Sequence[CheckResult]) -> str:
    return first_of([repr(result.name) for result in results], 3)
