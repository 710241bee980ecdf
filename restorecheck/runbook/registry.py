"""The steps for each kind of source. A kind without an entry has no runbook yet."""

from collections.abc import Callable, Mapping

from restorecheck.config import Target
from restorecheck.runbook import dumps, physical, snapshots
from restorecheck.runbook.shell import Shell
from restorecheck.runbook.steps import Proven, RunbookStep

Make = Callable[[Target, Proven, Shell], tuple[RunbookStep, ...]]
RUNBOOKS: Mapping[str, Make] = {
    "dump": dumps.steps,
    "physical": physical.steps,
    "rds": snapshots.rds,
    "aurora": snapshots.aurora,
    "adopt": snapshots.adopt,
}
