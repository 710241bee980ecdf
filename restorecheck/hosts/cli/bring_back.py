"""`restorecheck bring-back`: prints how to get a database back for real, and does nothing itself."""

import argparse
import sys
from typing import TYPE_CHECKING

from restorecheck.config import Config
from restorecheck.errors import ConfigError
from restorecheck.hosts.cli.opened_history import asked_for
from restorecheck.hosts.cli.target_names import unknown_target
from restorecheck.hosts.clock import SystemClock
from restorecheck.hosts.process.exit_codes import Exit
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.past import Past
from restorecheck.report.restorable import restorable
from restorecheck.report.terminal import clean
from restorecheck.runbook.registry import RUNBOOKS
from restorecheck.runbook.shell import Shell
from restorecheck.runbook.steps import Proven, script

if TYPE_CHECKING:
    from restorecheck.aws.deployment.stores import AwsStore
    from restorecheck.sql.store import SqlStore

MEASURED = 5
"""Verified drills whose times are shown."""
DRILLS = 400
"""Reports that are looked at; an older verified drill is no help in an accident."""


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Print the runbook of one target.

    Raises:
        ConfigError: The target is not configured.
        StoreError: The history cannot be read.
    """
    known = {target.name: target for target in config.targets}
    target = known.get(arguments.target)
    if target is None:
        raise ConfigError((unknown_target(arguments.target, [*known]),))
    with asked_for(config, arguments) as store:
        proven = _proven(target.name, store)
    make = RUNBOOKS.get(target.kind.key)
    if proven is None or make is None:
        why = "no drill has verified a backup" if make else f"kind {target.kind.key} has no runbook"
        print(f"restorecheck: {clean(target.name)}: {why}", file=sys.stderr)
        return Exit.INCONCLUSIVE
    shell = Shell(config.references)
    steps = make(target, proven, shell)
    print(script(proven, steps, shell, SystemClock().now()), end="")
    return Exit.VERIFIED


def _proven(name: str, store: "SqlStore | AwsStore") -> Proven | None:
    """The backup with the newest data that is known to restore, as reports name it."""
    texts = store.texts(name, until=SystemClock().now(), newest=DRILLS)
    good = [r for r in map(document.parse, texts) if r.backup and restorable(r, Past())]
    if not good:
        return None
    newest = max(good, key=_age)
    same = [r for r in good if _steps(r) == _steps(newest)]
    return Proven(target=name, report=newest, reports=same[-MEASURED:])


def _age(report: Report) -> tuple[float, float]:
    taken = report.backup.taken_at if report.backup else None
    return (taken.timestamp() if taken else 0.0, report.finished_at.timestamp())


def _steps(report: Report) -> list[str]:
    return [step.name for step in report.steps]
