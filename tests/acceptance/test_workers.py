"""Hosts that share a history in PostgreSQL, as processes of one machine: each has a name, state and work folder of its own."""

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from restorecheck.history import flaws
from restorecheck.model import Verdict
from restorecheck.postgres.history.database import PostgresDatabase
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.store import SqlStore
from tests.acceptance.ready import COMMAND
from tests.chosen import SEED
from tests.contract.postgres_store import empty, url_of
from tests.missing import need

HOSTS = ("alpha", "beta", "gamma")
PATIENCE = 400
pytestmark = pytest.mark.timeout(900)
SLOT = datetime(2026, 2, 27, 3, 15, tzinfo=UTC)


class Hosts:
    """One configuration; `runs_on` by target."""

    def __init__(
        self, world, url, targets, *, seconds=0.0, timeout=10, network=None, dispatch="workers"
    ):
        """`network`: host → the URL of the history there, and the command that enters its namespace."""
        self.world = world
        self.url = url
        self.network = network or {}
        self.wires: Any = None
        """What cuts and mends the network."""
        self.kubelet: Any = None
        self.targets = targets
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.nap = threading.Event()
        sql = f"select 1 from pg_sleep({seconds})"
        checks = f'[{{query: {{name: sleeper, sql: "{sql}", expect: not_empty}}}}]'
        lines = ["version: 1", "targets:"]
        for name, needs in targets.items():
            lines += [f"  - name: {name}", "    dump: {path: backups}", f"    checks: {checks}"]
            lines += [f"    runs_on: {{{needs}}}"]
        lines += [
            "postgres: {work_dir: '${WORK}', jobs: 1}",
            f"history: {{url: '${{HISTORY}}', host_timeout_seconds: {timeout}}}",
            f"runner: {{dispatch: {dispatch}, max_parallel_drills: 2, stop_within_seconds: 60}}",
            "defaults: {schedule: '0 0 1 1 *'}",
        ]
        world.config.write_text("\n".join(lines) + "\n")
        for host in HOSTS:
            shutil.copytree(world.work, self.work(host))
            self.work(host).chmod(world.work.stat().st_mode)

    def work(self, host):
        return self.world.directory / ("pod" if host == "pod" else f"w-{host}")

    def environment(self, host):
        state = str(self.world.directory / f"state-{host}")
        url, _ = self.network.get(host, (self.url, []))
        return {
            **os.environ,
            **self.world.environment,
            "RESTORECHECK_HOST": host,
            "XDG_STATE_HOME": state,
            "WORK": str(self.work(host)),
            "HISTORY": url,
        }

    def start(self, host, *arguments):
        _, enter = self.network.get(host, (self.url, []))
        with (self.world.directory / f"{host}.log").open("ab") as log:
            self.running[host] = subprocess.Popen(
                [*enter, *COMMAND, *arguments],
                cwd=self.world.directory,
                env=self.environment(host),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def worker(self, host, *labels):
        self.start(host, "work", *(f"--label={label}" for label in labels))

    def kill(self, host):
        """As a power cut: every process of the host, by its pid, the servers of its drills included."""
        own = self.running.pop(host)
        process = psutil.Process(own.pid)
        home = str(self.work(host))
        doomed = [process, *process.children(recursive=True)]
        for other in psutil.process_iter():
            with suppress(psutil.Error):
                if home in " ".join(other.cmdline()) and other not in doomed:
                    doomed.append(other)
        for one in doomed:
            with suppress(psutil.Error):
                one.kill()
        own.wait(10)
        psutil.wait_procs(doomed, timeout=10)

    def stop(self):
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for process in self.running.values():
            process.wait(PATIENCE)
        self.running = {}

    def slots_are_due(self, at=SLOT):
        with self.history() as database:
            for name in self.targets:
                Agenda(database).add(name, at)

    def swept(self):
        """What a last sweep of each host says, without one that says that all is done."""
        said = []
        for host in HOSTS:
            done = subprocess.run(
                [*COMMAND, "sweep"],
                cwd=self.world.directory,
                env={**self.environment(host), "HISTORY": self.url},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                said.append(done.stdout + done.stderr)
        return said

    def history(self):
        return closing(PostgresDatabase(self.url))

    def open_slots(self):
        with self.history() as database:
            store = SqlStore(database)
            reported = {e.target for e in store.entries() if e.scheduled_for == SLOT}
            return set(self.targets) - reported

    def wait_until(self, question, what):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if question():
                return
            self.nap.wait(0.5)
        raise AssertionError(f"{what}:\n{self.logs()}")

    def logs(self):
        return "\n".join(
            f"{path.name}: {path.read_text()[-3000:]}"
            for path in self.world.directory.glob("*.log")
        )

    def left(self):
        return [path.name for host in HOSTS for path in self.work(host).iterdir()]


def need_procrastinate():
    need(importlib.util.find_spec("procrastinate"), "procrastinate", "pip install procrastinate")


@pytest.fixture
def hosts(world, dumps, history_server):
    need_procrastinate()
    shutil.copy(dumps["custom"], world.backups)
    empty(history_server)
    made = []

    def make(targets, **options):
        made.append(Hosts(world, url_of(history_server), targets, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_each_host_takes_what_it_can_run(hosts):
    town = hosts({"north": "site: oslo", "south": "site: rome", "any": ""})
    town.slots_are_due()
    town.start("gamma", "run")
    town.worker("alpha", "site=oslo,bergen")
    town.worker("beta", "site=rome")

    town.wait_until(lambda: not town.open_slots(), "a report for every slot")

    with town.history() as database:
        store = SqlStore(database)
        by = {e.target: store.load(e.drill_id).host for e in store.entries()}
        assert [e.verdict for e in store.entries()] == [Verdict.VERIFIED] * 3
    assert (by["north"], by["south"]) == ("alpha", "beta")
    assert by["any"] in {"alpha", "beta"}
    town.stop()
    assert town.left() == []


def test_a_slot_whose_host_dies_is_drilled_on_another_and_what_was_left_is_deleted_by_its_own(
    hosts,
):
    town = hosts({"north": ""}, seconds=8)
    town.slots_are_due()
    town.start("gamma", "run")
    town.worker("alpha")
    with town.history() as database:
        store = SqlStore(database)
        town.wait_until(lambda: any(d.endpoint for d in store.unfinished()), "a restored database")
    town.kill("alpha")
    assert town.left() != []
    town.worker("beta")

    town.wait_until(lambda: not town.open_slots(), "a report for the slot")
    with town.history() as database:
        store = SqlStore(database)
        died, done = store.entries()
        assert (died.verdict, died.scheduled_for, died.left_behind) == (
            Verdict.INCONCLUSIVE,
            None,
            True,
        )
        assert "(host alpha)" in store.load(died.drill_id).reason
        assert (done.verdict, done.scheduled_for) == (Verdict.VERIFIED, SLOT)
        assert store.load(done.drill_id).host == "beta"
        town.worker("alpha")
        town.wait_until(lambda: not store.with_leftovers(), "the sweep of alpha")
    assert [path.name for path in town.work("alpha").iterdir()] == []
    assert '"text": "deleted   throw-away server' in town.logs(), "it is said"


def test_hosts_killed_at_random_leave_one_report_for_every_slot_and_nothing_else(hosts):
    town = hosts({f"t{number}": "" for number in range(8)}, seconds=2)
    dice = random.Random(SEED)
    town.slots_are_due()
    for host in HOSTS:
        town.worker(host)
    from restorecheck.dispatch.jobs import Deferrer  # noqa: PLC0415  # an extra

    for name in town.targets:
        Deferrer(town.url).defer(name, SLOT)
    for _ in range(5):
        town.nap.wait(dice.uniform(1, 8))
        host = dice.choice(HOSTS)
        town.kill(host)
        town.nap.wait(dice.uniform(0, 3))
        town.worker(host)

    town.wait_until(lambda: not town.open_slots(), f"a report for every slot (seed {SEED})")
    town.stop()
    assert town.swept() == []
    with town.history() as database:
        store = SqlStore(database)
        entries = store.entries()
        assert sorted(e.target for e in entries if e.scheduled_for) == sorted(town.targets)
        assert all(e.verdict is Verdict.INCONCLUSIVE for e in entries if not e.scheduled_for)
        assert store.unfinished() == store.with_leftovers() == ()
        assert list(flaws(store.stored())) == []
    assert town.left() == []
