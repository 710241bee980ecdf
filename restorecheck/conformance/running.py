"""One run: the steps until the first unexpected answer, then always the teardown."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from restorecheck.conformance.experiments import STEPS, Experiment
from restorecheck.conformance.stage import Stage, StepSkipped, Surprise

Outcome = Literal["done", "skipped", "surprise"]
TEARDOWN = "teardown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    step: str
    outcome: Outcome
    because: str = ""


def steps_for(names: Collection[str]) -> tuple[Experiment, ...]:
    """The named steps and those that they need; without names all steps."""
    if not names:
        return STEPS
    last = max(index for index, step in enumerate(STEPS) if step.name in names)
    return tuple(s for s in STEPS[: last + 1] if s.name in names or s.name in NEEDED)


NEEDED = ("find", "stage", "share", "copy", "restore", "password")


def run(
    stage: Stage,
    steps: Collection[Experiment],
    tell: Callable[[StepResult], None],
    begin: Callable[[str], None],
) -> StepResult | None:
    """The unexpected answer that ended the run; None: every step was done or skipped."""
    for step in steps:
        begin(step.name)
        try:
            if stage.cloud.elapsed() > stage.setup.limit:
                raise Surprise("the time limit of the run was reached")  # noqa: TRY301  # treated like an unexpected answer of a step
            step.run(stage)
            result = StepResult(step=step.name, outcome="done")
        except StepSkipped as exc:
            result = StepResult(step=step.name, outcome="skipped", because=str(exc))
        except Surprise as exc:
            result = StepResult(step=step.name, outcome="surprise", because=str(exc))
        tell(result)
        if result.outcome == "surprise":
            return result
    return None
