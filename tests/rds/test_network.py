"""The network itself, cut: the simulated AWS and the command in a namespace of their own, whose only
way to each other is taken down, or takes every packet and delivers none.

A proxy (tests/acceptance/proxy.py) ends connections; here nobody is told that anything has ended.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from restorecheck.hosts.demo.rehearsal import without_aws
from tests.chosen import chosen
from tests.failures import expect
from tests.missing import needs
from tests.rds.test_commands import COMMAND, read_exports

UP = "ip link set lo up"
BREAKS = {
    "down": ("ip link set lo down", UP),
    # No packet is as small as this bucket.
    "a black hole": (
        "tc qdisc add dev lo root tbf rate 8bit burst 1b latency 1ms",
        "tc qdisc del dev lo root",
    ),
}


def can_make_a_namespace():
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip", "tc"))):
        return False
    script = " && ".join([UP, *BREAKS["a black hole"], *BREAKS["down"]])
    return subprocess.run(["unshare", "--net", "sh", "-c", script], check=False).returncode == 0


pytestmark = needs(
    can_make_a_namespace(), "a network namespace", "as root, apt-get install iproute2 util-linux"
)


class Network:
    """A namespace with a simulated AWS in it."""

    def __init__(self, sandbox, exported):
        self.sandbox = sandbox
        self.environment = {**without_aws(os.environ), "NO_COLOR": "1", **exported}
        self.config = Path(exported["RESTORECHECK_CONFIG"])

    def inside(self, *command):
        return ["nsenter", f"--net=/proc/{self.sandbox.pid}/ns/net", "--", *command]

    def start(self, *arguments):
        return subprocess.Popen(
            self.inside(*COMMAND, *arguments),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def change(self, command):
        subprocess.run(self.inside(*command.split()), check=True)

    @contextmanager
    def check(self, check):
        """With one more of them, asked before those of the sandbox."""
        text = self.config.read_text()
        self.config.write_text(text.replace("    checks:\n", f"    checks:\n      - {check}\n"))
        yield
        self.config.write_text(text)

    def leftovers(self):
        """What the accounts hold that a drill makes, but for the copies that are kept."""
        done = subprocess.run(
            self.inside(sys.executable, "-c", LOOK),
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)


LOOK = """
import boto3, json
rds, secrets = boto3.client("rds"), boto3.client("secretsmanager")
left = [i["DBInstanceIdentifier"] for i in rds.describe_db_instances()["DBInstances"]]
print(json.dumps(left + [s["Name"] for s in secrets.list_secrets()["SecretList"]]))
"""


@contextmanager
def sandbox_of_its_own():
    script = f'{UP} && exec "$0" "$@"'
    arguments = ["sandbox", "up", "--factor", "0.0005", "--answers", "2000"]
    sandbox = subprocess.Popen(
        ["unshare", "--net", "--", "sh", "-c", script, *COMMAND, *arguments],
        env=without_aws(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    killer = threading.Timer(200, sandbox.kill)
    killer.start()
    assert sandbox.stdout is not None
    try:
        yield Network(sandbox, read_exports(sandbox.stdout))
    finally:
        killer.cancel()
        sandbox.send_signal(signal.SIGINT)
        sandbox.wait()
        sandbox.stdout.close()


@pytest.fixture(scope="module")
def network():
    with sandbox_of_its_own() as made:
        yield made


def drill_through(network, after, kind, *, for_seconds):
    """Exit code and report of a drill whose network breaks after a step, and is mended."""
    cut, mend = BREAKS[kind]
    drilling = network.start("drill", "--json")
    mender = threading.Timer(for_seconds, network.change, (mend,))
    try:
        for line in drilling.stderr:
            if f"  {after}: done" in line:
                network.change(cut)
                mender.start()
                break
        out, _ = drilling.communicate(timeout=120)
    finally:
        if mender.ident is not None:
            mender.join()
        drilling.kill()
        drilling.wait()
    return drilling.returncode, json.loads(out)


POINTS = [
    (after, kind)
    for after in ("staging copy", "share", "copy", "restore", "credentials", "check")
    for kind in BREAKS
]


@pytest.mark.parametrize(("after", "kind"), chosen(POINTS, 0.17))
def test_a_network_that_is_gone_for_a_while_changes_no_verdict(network, after, kind):
    code, report = drill_through(network, after, kind, for_seconds=2)

    expect("aws: network gone for a while", code, report)
    assert report["teardown"]["left"] == []
    assert network.leftovers() == []


SLEEPS = """\
query:
          name: it sleeps
          sql: select 1 from pg_sleep(20)
          expect: {equals: 1}
          timeout_seconds: 3"""


@pytest.mark.parametrize("kind", chosen(BREAKS, 0.5))
def test_a_network_that_is_gone_under_a_check_proves_nothing_and_nothing_is_left(network, kind):
    with network.check(SLEEPS):
        code, report = drill_through(network, "credentials", kind, for_seconds=9)

    expect("aws: network gone under a check", code, report)
    assert report["teardown"]["left"] == []
    assert network.leftovers() == []
