"""The process of one drill (or sweep) of the runner. Its job comes on stdin.

The configuration comes as text, because the file may have been changed, or broken, since the
runner read it. When the runner dies, the drill continues to its report.
"""

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

from restorecheck import config as configuration
from restorecheck.config import Config
from restorecheck.errors import BusyError, RestorecheckError, StoreError
from restorecheck.hosts.daemon.workers import TRY_AGAIN
from restorecheck.hosts.drill import wiring
from restorecheck.hosts.drill.performer import Performer
from restorecheck.hosts.process import logs
from restorecheck.hosts.process.console import Progress, complain
from restorecheck.hosts.process.exit_codes import Exit, of_report
from restorecheck.hosts.process.signals import Interrupts


def main() -> int:
    logs.configure()
    order: dict[str, Any] = json.load(sys.stdin)
    try:
        return int(_obey(order))
    except (BusyError, StoreError) as exc:
        complain(exc)
        return TRY_AGAIN
    except RestorecheckError as exc:
        complain(exc)
        return Exit.INCONCLUSIVE


def _obey(order: dict[str, Any]) -> int:
    path = Path(order["file"])
    config = configuration.parse(
        order["text"], file=str(path), directory=path.parent, environment=os.environ
    )
    match order["job"]:
        case "drill":
            return _drill(config, order["target"], datetime.fromisoformat(order["slot"]))
        case "finish":
            return _finish(config)
        case "sweep":
            return _sweep(config)
        case job:
            raise AssertionError(f"no job {job!r}")


def _drill(config: Config, target: str, slot: datetime) -> int:
    progress = Progress()
    interrupts = Interrupts()
    parts = wiring.build(config, progress)
    try:
        with interrupts.handled():
            performer = Performer(parts, progress, interrupts)
            return of_report(performer.perform(target, scheduled_for=slot, announce=True))
    finally:
        parts.close()


def _finish(config: Config) -> int:
    parts = wiring.build(config, Progress())
    try:
        parts.sweeper.finish_dead()
        parts.forget_locks()
    finally:
        parts.close()
    return Exit.VERIFIED


def _sweep(config: Config) -> int:
    from restorecheck.hosts.drill import sweep_command

    parts = wiring.build(config, Progress())
    try:
        with redirect_stdout(sys.stderr):  # the runner says what was deleted
            return sweep_command.run(parts, end=())
    finally:
        parts.close()


if __name__ == "__main__":
    sys.exit(main())
