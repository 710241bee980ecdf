"""The command in a process of its own, killed at a call that it makes of AWS; then the sweep.

`test_crash.py` dies at every effect within one process. Here the process itself goes, with its
connections, threads and locks, and nothing but AWS and the file of the history is left of it.
"""

import os
import subprocess
import sys

import pytest
import yaml

from restorecheck.report import document
from restorecheck.sandbox import Fault, FaultKind
from restorecheck.sqlite.store import SqliteStore
from tests.failures import expect

CALLS = ("CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DeleteDBInstance")


@pytest.mark.parametrize("operation", CALLS)
def test_a_command_that_is_killed_in_the_middle_of_a_call_is_swept(scene, operation):
    path = scene.directory / "restorecheck.yaml"
    path.write_text(yaml.safe_dump(scene.keys))
    # Its work is done, and its answer hangs for as long as it takes to kill who asked.
    scene.sandbox.faults.add(
        Fault(operation=operation, kind=FaultKind.HANG, seconds=2.0, after_effect=True)
    )
    since = len(scene.sandbox.calls)
    command = subprocess.Popen(
        [sys.executable, "-m", "restorecheck", "drill", "-c", str(path)],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    scene.sandbox.wait_until(
        lambda: any(c.operation == operation for c in scene.sandbox.calls[since:]), operation
    )

    command.kill()
    command.wait()
    assert scene.run("sweep").code == 0

    assert scene.leftovers() == []
    store = SqliteStore(scene.directory / "history.sqlite")
    try:
        (stored,) = store.stored()
    finally:
        store.close()
    assert stored.text is not None, "nothing was pruned"
    report = document.parse(stored.text)
    assert report.teardown.left == ()
    if operation != "DeleteDBInstance":
        expect("killed", 0, report.model_dump(mode="json"))
