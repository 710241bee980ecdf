"""A drill's plan as text, for `drill --plan`. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from restorecheck.checks.objectives import NAMES, describe
from restorecheck.checks.registry import expected
from restorecheck.model import CheckSpec, Objective, Step
from restorecheck.report.terminal import clean


def render_plan(
    target: str,
    steps: Sequence[Step],
    checks: Sequence[CheckSpec],
    *,
    objectives: Sequence[Objective] = (),
    deadline: timedelta,
    afterwards: Sequence[str] = (),
    hook: timedelta | None = None,
    rehearsal: timedelta = timedelta(0),
    rehearses: str = "",
) -> str:
    """What the drill would make and delete, where, and the deadlines. `hook`, `rehearsal`: their limits; zero: there is none.
    `rehearses`: completes `if it is verified: …`.
    """
    lines = [f"{clean(target)}: the plan; nothing was done"]
    for number, step in enumerate(steps, 1):
        lines.append(f"  {number}. {step.name}  (within {_minutes(step.deadline)})")
        lines.append(f"     {clean(step.does)}")
        lines += [f"     makes {clean(str(resource))}" for resource in step.makes]
    number = len(steps) + 1
    lines.append(f"  {number}. record the verdict, before anything is deleted")
    if rehearsal:
        number += 1
        what = f"if it is verified: {clean(rehearses)}"
        lines.append(f"  {number}. {what}  (within {_minutes(rehearsal)})")
    if hook is not None:
        number += 1
        lines.append(
            f"  {number}. if it is verified: run the command of after_verified  (within {_minutes(hook)})"
        )
    lines.append(f"  {number + 1}. tear down")
    made = dict.fromkeys(resource for step in steps for resource in step.makes)
    standby = {resource for step in steps for resource in step.standby}
    for resource in reversed(made):
        unless = " (a verified one is stopped instead)" if resource in standby else ""
        lines.append(f"     deletes {clean(str(resource))}{unless}")
    if not made:
        lines.append("     deletes nothing")
    for place, sentence in enumerate(afterwards, number + 2):
        lines.append(f"  {place}. {clean(sentence)}")
    lines.append(f"  the whole drill ends within {_minutes(deadline)}; then teardown begins")
    lines.append("  checks")
    for spec in checks:
        built_in = "  (built in)" if spec.built_in else ""
        name, wanted = clean(spec.name), clean(expected(spec))
        lines.append(f"     {name}: {wanted}  [{spec.severity}]{built_in}")
    lines += [f"     {NAMES[o.kind]}: {describe(o)}  [{o.severity}]" for o in objectives]
    return "\n".join(lines) + "\n"


def _minutes(duration: timedelta) -> str:
    return f"{duration / timedelta(minutes=1):g} minutes"
