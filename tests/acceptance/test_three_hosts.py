"""Three hosts with a network of their own and one PostgreSQL, killed and cut off at random.

`SECONDS=3600` lets it go on for an hour; the seed is that of tests/chosen.py.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from restorecheck.history import flaws
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import Verdict
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore
from tests.acceptance import forward
from tests.acceptance.test_workers import HOSTS, Hosts, need_procrastinate
from tests.chosen import SEED
from tests.contract.postgres_store import empty, url_of
from tests.missing import needs
from tests.rds.test_network import BREAKS, can_make_a_namespace

SECONDS = float(os.environ.get("SECONDS", "45"))
pytestmark = [
    needs(
        can_make_a_namespace(),
        "a network namespace",
        "as root, apt-get install iproute2 util-linux",
    ),
    pytest.mark.timeout(SECONDS + 900),
]
SHORT_CUT, LONG_CUT = 3, 25
"""Seconds. A drill outlives the first; in the second its host is taken for dead."""


class Network:
    """A hub with the server, and a wire to each host."""

    def __init__(self, source):
        self.stack = ExitStack()
        path = source.places.sockets / f".s.PGSQL.{forward.PORT}"
        self.hub = self._namespace(sys.executable, forward.__file__, str(path))
        self.hosts = {host: self._namespace("sh", "-c", "echo ready; read _") for host in HOSTS}
        for number, host in enumerate(HOSTS, 1):
            here, there = self.hub.pid, self.hosts[host].pid
            wire = f"ip link add w{number} netns {here} type veth peer name w0 netns {there}"
            subprocess.run(wire.split(), check=True)
            for pid, name, end in ((here, f"w{number}", 1), (there, "w0", 2)):
                self.inside(pid, f"ip addr add 10.99.{number}.{end}/24 dev {name}")
                self.inside(pid, f"ip link set {name} up")

    def _namespace(self, *command):
        made = subprocess.Popen(
            ["unshare", "--net", "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.stack.callback(_end, made)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        return made

    def inside(self, pid, command, *, check=True):
        subprocess.run([*entering(pid), *command.split()], check=check, stderr=subprocess.DEVNULL)

    def cut(self, host, kind):
        self.inside(self.hosts[host].pid, BREAKS[kind][0].replace(" lo ", " w0 "))

    def mend(self, host, kind):
        self.inside(self.hosts[host].pid, BREAKS[kind][1].replace(" lo ", " w0 "), check=False)


def entering(pid):
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]


def _end(process):
    process.kill()
    process.communicate()


@pytest.fixture
def town(world, dumps, history_server):
    need_procrastinate()
    shutil.copy(dumps["custom"], world.backups)
    empty(history_server)
    network = Network(history_server)
    with network.stack:
        ways = {
            host: (
                f"postgresql://keeper@10.99.{number}.1/library",
                entering(network.hosts[host].pid),
            )
            for number, host in enumerate(HOSTS, 1)
        }
        targets = {f"t{number}": "" for number in range(4)}
        made = Hosts(world, url_of(history_server), targets, seconds=2, network=ways)
        made.wires = network
        yield made
        made.stop()


def test_every_slot_of_three_hosts_ends_in_one_report_or_reason_and_nothing_is_left(town):
    from restorecheck.dispatch.jobs import Deferrer  # noqa: PLC0415  # an extra

    dice = random.Random(SEED)
    end = time.monotonic() + SECONDS
    slots: list[datetime] = []
    first = SystemClock().now().replace(second=0, microsecond=0) - timedelta(days=1)
    town.start("runner", "run")
    for host in HOSTS:
        town.worker(host)
    while time.monotonic() < end:
        slots.append(first + len(slots) * timedelta(minutes=1))
        town.slots_are_due(slots[-1])
        for name in town.targets:  # as the runner does at the time of a schedule
            Deferrer(town.url).defer(name, slots[-1])
        hit(town, dice.choice(HOSTS), dice)

    def all_are_settled():
        with town.history() as database:
            agenda = Agenda(database)
            return not any(map(agenda.open, town.targets)) and not SqlStore(database).unfinished()

    town.wait_until(all_are_settled, f"every slot (seed {SEED})")
    town.stop()
    assert town.swept() == []
    with town.history() as database:
        store, agenda = SqlStore(database), Agenda(database)
        entries = store.entries()
        for name in town.targets:
            reported = [e.scheduled_for for e in entries if e.target == name and e.scheduled_for]
            skips = agenda.skips(target=name)
            settled = [skip.due_at for skip in skips]
            assert all("; covered by " in skip.reason for skip in skips), f"seed {SEED}"
            assert sorted([*reported, *settled]) == slots, f"seed {SEED}"
        assert any(e.verdict is Verdict.VERIFIED for e in entries)
        assert all(e.verdict is not Verdict.FAILED for e in entries), f"seed {SEED}"
        assert store.unfinished() == store.with_leftovers() == ()
        assert list(flaws(store.stored())) == []
    assert town.left() == []


def hit(town, host, dice):
    """One misfortune of one host, and its end."""
    town.nap.wait(dice.uniform(1, 6))
    what = dice.choice(["kill", *BREAKS])
    print(f"{what} {host}")
    if what == "kill":
        town.kill(host)
        town.nap.wait(dice.uniform(0, 5))
        town.worker(host)
        return
    town.wires.cut(host, what)
    town.nap.wait(dice.choice([SHORT_CUT, LONG_CUT]))
    town.wires.mend(host, what)
    if town.running[host].poll() is not None:  # as systemd does
        town.worker(host)
