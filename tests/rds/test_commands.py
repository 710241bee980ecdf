"""The commands around the sandbox, as people start them."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from restorecheck.hosts.demo import aws_story
from restorecheck.hosts.demo.rehearsal import REAL_CREDENTIALS, without_aws

COMMAND = [sys.executable, "-m", "restorecheck"]


def run(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**without_aws(os.environ), "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def read_exports(lines) -> dict[str, str]:
    exported = {}
    for line in lines:
        name, _, value = line.strip().removeprefix("export ").partition("=")
        exported[name] = value.strip("'")
        if name == "RESTORECHECK_CONFIG":
            return exported
    raise AssertionError("the sandbox did not come up")


def test_the_sandbox_is_up_with_production_in_it_until_it_is_interrupted():
    sandbox = subprocess.Popen(
        [*COMMAND, "sandbox", "up", "--factor", "0.0005", "--answers", "2000"],
        env=without_aws(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    killer = threading.Timer(100, sandbox.kill)
    killer.start()
    try:
        exported = read_exports(sandbox.stdout)
        drilled = run("drill", **exported)
        sandbox.send_signal(signal.SIGINT)
        _, said = sandbox.communicate(timeout=60)
    finally:
        killer.cancel()
        sandbox.kill()
        sandbox.wait()

    assert exported["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    assert "courses-rds  VERIFIED" in drilled.stdout
    assert "Ctrl-C ends it" in said
    assert sandbox.returncode == 0
    assert not Path(exported["RESTORECHECK_CONFIG"]).exists()


@pytest.mark.parametrize("name", REAL_CREDENTIALS)
def test_the_sandbox_does_not_start_beside_real_credentials(name):
    done = run("sandbox", "up", **{name: "something"})

    assert done.returncode == 2
    assert f"unset {name}" in done.stderr
    assert "something" not in done.stderr


def test_the_story_in_aws_ends_with_the_data_back(capfd):
    code = aws_story.play(answers=2000, factor=1 / 4000, poll=0.05)

    told = capfd.readouterr().out
    assert code == 0, told
    assert "courses-prod is back in the backup account: 2,000 of 2,000 answers" in told
    assert "Restore from the newest verified copy, restorecheck-" in " ".join(told.split())
    page = re.search(r"^The HTML report of .*: (/.*\.html)$", told, re.MULTILINE)
    assert page is not None, told
    assert "There is no backup to restore." in Path(page[1]).read_text()
