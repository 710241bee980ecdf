"""`restorecheck run` as a process: killed, stopped, reloaded, asked for its health."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from restorecheck.history import flaws
from restorecheck.model import Phase
from restorecheck.schedule import Schedule
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests.acceptance.ready import COMMAND
from tests.integration.test_messengers import Receiver, serving

MIDNIGHT = Schedule(cron="0 0 * * *", timezone="UTC")
TARGETS = ("a", "b", "c")
PATIENCE = 60


class Runner:
    """Targets that share the library's dump, with last night's slot unsettled: due at once."""

    def __init__(self, world):
        self.world = world
        self.processes: list[subprocess.Popen[bytes]] = []

    def configure(self, *, sleep=0, targets=TARGETS, extra="", parallel=3):
        checks = "[]"
        if sleep:
            sql = f"select 1 from pg_sleep({sleep})"
            checks = f'[{{query: {{name: sleeper, sql: "{sql}", expect: not_empty}}}}]'
        lines = ["version: 1", 'defaults: {schedule: "0 0 * * *", timezone: UTC}', "targets:"]
        for name in targets:
            lines += [f"  - name: {name}", "    dump: {path: backups}", f"    checks: {checks}"]
        lines += [
            f"postgres: {{work_dir: {self.world.work}, jobs: 1}}",
            "history: {path: history.sqlite}",
            f"runner: {{max_parallel_drills: {parallel}, stop_within_seconds: 20{extra}}}",
        ]
        self.world.config.write_text("\n".join(lines) + "\n")

    def miss_last_night(self, targets=TARGETS):
        store = self.store()
        yesterday = datetime.now(UTC) - timedelta(days=1)  # noqa: TID251  # the slot is a real one
        for name in targets:
            Agenda(store.database).note(name, MIDNIGHT, yesterday, ())
        store.close()

    def start(self, *arguments, **environment):
        with (self.world.directory / f"run-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*COMMAND, "run", *arguments],
                cwd=self.world.directory,
                env={**os.environ, "NO_COLOR": "1", **self.world.environment, **environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    @property
    def log(self):
        return self.log_of(self.processes[-1])

    def log_of(self, process):
        number = self.processes.index(process)
        return (self.world.directory / f"run-{number}.log").read_text()

    def store(self):
        return SqliteStore(self.world.directory / "history.sqlite")

    def ask(self, question):
        store = self.store()
        try:
            return question(store)
        finally:
            store.close()

    def wait_until(self, question, what):
        nap, end = threading.Event(), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.ask(question):
                return
            nap.wait(0.05)
        raise AssertionError(f"{what} did not happen:\n{self.log}")

    def wait_for_checks(self, count):
        def all_ask(store):
            drills = store.unfinished()
            asking = [d for d in drills if d.phase is Phase.STEPS and d.step.name == "check"]
            return len([d for d in asking if d.results]) >= count

        self.wait_until(all_ask, f"{count} drills at their checks")

    def wait_for_reports(self, count):
        self.wait_until(lambda store: len(store.entries()) >= count, f"{count} reports")

    def stop(self, process):
        """When it is at work: drills that go on from before may have their reports already."""
        self.wait_until(lambda _: "runner.started" in self.log_of(process), "the start")
        process.terminate()
        return process.wait(PATIENCE)

    def verdicts(self):
        return sorted(self.ask(lambda s: [(e.target, e.verdict.value) for e in s.entries()]))


@pytest.fixture
def runner(world, dumps):
    shutil.copy(dumps["custom"], world.backups)
    made = Runner(world)
    made.configure()
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def descendants(process):
    return psutil.Process(process.pid).children(recursive=True)


def test_what_was_missed_is_drilled_at_once_and_a_stopped_runner_exits_with_0(runner):
    runner.miss_last_night()

    process = runner.start()
    runner.wait_for_reports(3)

    assert runner.stop(process) == 0
    assert runner.verdicts() == [(name, "verified") for name in TARGETS]
    assert list(runner.ask(lambda s: list(flaws(s.stored())))) == []
    finished = [json.loads(line) for line in runner.log.splitlines() if "drill.finished" in line]
    assert {line["verdict"] for line in finished} == {"verified"}


def test_killed_with_everything_it_runs_the_next_start_leaves_nothing_and_has_every_report(runner):
    runner.configure(sleep=300)
    runner.miss_last_night()
    process = runner.start()
    runner.wait_for_checks(3)

    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    again = runner.start()
    runner.wait_for_reports(3)

    assert runner.stop(again) == 0
    assert runner.verdicts() == [(name, "inconclusive") for name in TARGETS]
    assert runner.world.leftovers() == []
    assert [runner.ask(lambda s, n=name: Agenda(s.database).open(n)) for name in TARGETS] == [
        ()
    ] * 3


def test_killed_alone_its_drills_come_to_their_reports_and_nobody_drills_them_again(runner):
    runner.configure(sleep=4)
    runner.miss_last_night()
    process = runner.start()
    runner.wait_for_checks(3)

    process.kill()
    process.wait(PATIENCE)
    again = runner.start()
    runner.wait_for_reports(3)

    assert runner.stop(again) == 0
    assert runner.verdicts() == [(name, "verified") for name in TARGETS]
    assert runner.world.leftovers() == []


def test_sigterm_tears_running_drills_down_and_keeps_no_process(runner):
    runner.configure(sleep=300)
    runner.miss_last_night()
    process = runner.start()
    runner.wait_for_checks(3)
    workers = descendants(process)

    assert runner.stop(process) == 0

    assert runner.verdicts() == [(name, "inconclusive") for name in TARGETS]
    assert runner.world.leftovers() == []
    assert [worker for worker in workers if worker.is_running()] == []


def test_what_is_not_through_in_time_is_handed_to_the_next_start(runner):
    runner.configure(sleep=300, targets=("a",))
    runner.world.config.write_text(
        runner.world.config.read_text().replace("stop_within_seconds: 20", "stop_within_seconds: 0")
    )
    runner.miss_last_night(("a",))
    process = runner.start()
    runner.wait_for_checks(1)

    assert runner.stop(process) == 0
    assert runner.verdicts() == []
    again = runner.start()
    runner.wait_for_reports(1)

    assert runner.stop(again) == 0
    assert runner.verdicts() == [("a", "inconclusive")]
    assert runner.world.leftovers() == []


def test_a_worker_that_is_killed_has_its_report_at_once(runner):
    runner.configure(sleep=300, targets=("a",))
    runner.miss_last_night(("a",))
    process = runner.start()
    runner.wait_for_checks(1)

    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    runner.wait_for_reports(1)

    assert runner.stop(process) == 0
    assert runner.verdicts() == [("a", "inconclusive")]
    assert runner.world.leftovers() == []


def test_sigterm_right_after_the_start_is_a_stop_as_any_other(runner):
    process = runner.start()

    assert runner.stop(process) == 0
    assert "Traceback" not in runner.log


def test_one_runner_a_history(runner):
    runner.start()
    runner.wait_until(lambda s: Agenda(s.database).targets(), "the first one's start")

    second = runner.world.run("run")

    assert second.returncode == 3
    assert "another `restorecheck run` uses this history" in second.stderr


def test_one_drill_a_target(runner):
    runner.configure(sleep=300, targets=("a",))
    runner.miss_last_night(("a",))
    process = runner.start()
    runner.wait_for_checks(1)

    second = runner.world.run("drill", "a")

    assert second.returncode == 3
    assert "another process has the lock" in second.stderr
    runner.stop(process)


def test_sighup_reads_the_configuration_again_and_a_broken_one_is_not_used(runner):
    runner.configure(targets=("a",))
    process = runner.start()
    runner.wait_until(lambda s: Agenda(s.database).targets() == ("a",), "the start")

    runner.configure(targets=("a", "b"))
    process.send_signal(signal.SIGHUP)
    runner.wait_until(lambda s: Agenda(s.database).targets() == ("a", "b"), "the reload")
    runner.world.config.write_text("version: 2\n")
    process.send_signal(signal.SIGHUP)
    runner.wait_until(lambda _: "config.invalid" in runner.log, "the refusal")

    assert runner.ask(lambda s: Agenda(s.database).targets()) == ("a", "b")
    assert runner.stop(process) == 0


def test_a_broken_configuration_is_refused_at_the_start(runner):
    runner.world.config.write_text("version: 1\ntargets: []\n")

    refused = runner.world.run("run")

    assert refused.returncode == 2
    assert "restorecheck.yaml:2: targets: expected at least one item" in refused.stderr


def get(url, form=None):
    try:
        with urllib.request.urlopen(url, form, timeout=10) as answer:  # noqa: S310  # our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_health_and_metrics_are_told_on_the_configured_address_only(runner):
    runner.configure(targets=("a",), extra=', listen: "127.0.0.1:0"')
    runner.miss_last_night(("a",))
    process = runner.start()
    runner.wait_for_reports(1)
    (line,) = [line for line in runner.log.splitlines() if "web.listening" in line]
    port = json.loads(line)["port"]

    code, health = get(f"http://127.0.0.1:{port}/healthz")
    assert (code, json.loads(health)["status"]) == (200, "ok")
    code, metrics = get(f"http://127.0.0.1:{port}/metrics")
    assert code == 200
    assert 'restorecheck_last_verdict{target="a",verdict="verified"} 1.0' in metrics
    assert 'restorecheck_target_overdue{target="a"} 0.0' in metrics
    assert get(f"http://127.0.0.1:{port}/")[0] == 404

    (runner.world.directory / "history.sqlite").rename(runner.world.directory / "aside")
    (runner.world.directory / "history.sqlite").mkdir()
    code, health = get(f"http://127.0.0.1:{port}/healthz")
    assert (code, json.loads(health)["status"]) == (503, "unhealthy")
    assert "could not open the history" in health
    assert get(f"http://127.0.0.1:{port}/metrics")[0] == 503
    (runner.world.directory / "history.sqlite").rmdir()
    (runner.world.directory / "aside").rename(runner.world.directory / "history.sqlite")
    assert runner.stop(process) == 0


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_drill_is_started_from_a_page_with_the_token_and_its_report_is_read_there(runner):
    (runner.world.directory / "token").write_text("one that nobody guesses")
    runner.configure(targets=("a",), extra=', pages: {listen: "127.0.0.1:0", token_file: token}')
    process = runner.start()
    runner.wait_until(lambda _: "runner.started" in runner.log, "the start")
    (line,) = [line for line in runner.log.splitlines() if "web.listening" in line]
    port = json.loads(line)["port"]
    address = f"http://127.0.0.1:{port}/"
    assert "Never drilled" in get(address)[1]

    refused, _ = get(f"{address}targets/a/drill", b"token=wrong")
    _, waiting = get(f"{address}targets/a/drill", b"token=one+that+nobody+guesses")
    runner.wait_for_reports(1)

    assert refused == 403
    assert "A drill waits for its turn." in waiting or "A drill has been running since" in waiting
    _, page = get(f"{address}targets/a")
    assert "The backup restores." in page
    assert runner.verdicts() == [("a", "verified")]
    assert "nobody" not in runner.log
    with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert runner.stop(process) == 0


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_port_that_is_taken_is_one_error_before_anything_is_drilled(runner):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        runner.configure(extra=f', pages: {{listen: "{listen}"}}')

        refused = runner.world.run("run")

    assert refused.returncode == 2
    said = f"runner.pages.listen: cannot listen on {listen}: Address already in use"
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert runner.verdicts() == []


def test_once_drills_what_is_due_and_exits_as_a_drill_does(runner):
    first = runner.world.run("run", "--once")
    second = runner.world.run("run", "--once")

    assert first.returncode == 0, first.stderr
    assert [line.split(":")[:2] for line in first.stdout.splitlines()] == [
        [name, " VERIFIED"] for name in TARGETS
    ]
    assert (second.returncode, second.stdout) == (0, "")
    assert second.stderr.count("newest drill verified") == len(TARGETS), "when each is due is said"
    announced = runner.ask(lambda s: [entry.announce for entry in s.entries()])
    assert announced == [True] * len(TARGETS), "whoever is to be told is told of them"


def test_once_leaves_fresh_numbers_also_when_nothing_is_due(runner):
    runner.configure(targets=("a",), extra=", textfile: restorecheck.prom")
    numbers = runner.world.directory / "restorecheck.prom"

    for _ in range(2):
        numbers.unlink(missing_ok=True)
        assert runner.world.run("run", "--once").returncode == 0

        assert 'restorecheck_last_verdict{target="a",verdict="verified"} 1.0' in numbers.read_text()


def test_once_fails_where_a_drill_fails(runner):
    (dump,) = runner.world.backups.iterdir()
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])

    once = runner.world.run("run", "--once")

    assert once.returncode == 1
    assert "FAILED" in once.stdout


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_drill_tells_whoever_is_to_be_told_and_a_deaf_one_changes_nothing(runner):
    (dump,) = runner.world.backups.iterdir()
    with serving(Receiver()) as receiver, serving(Receiver(500)) as deaf:
        runner.configure(targets=("a",))
        config = runner.world.config
        config.write_text(
            config.read_text()
            + f"notify:\n  - {{name: hook, on: always, webhook: {{url: '{receiver.url}'}}}}\n"
            + f"  - {{name: deaf, on: always, webhook: {{url: '{deaf.url}'}}}}\n"
        )
        silent = runner.world.run("drill")
        good = runner.world.run("drill", "--notify")
        dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
        bad = runner.world.run("drill", "--notify")
        status = runner.world.run("status")

    assert (silent.returncode, good.returncode, bad.returncode) == (0, 0, 1)
    events = [json.loads(body)["events"][0] for _, _, body in receiver.got]
    assert [event["kind"] for event in events] == ["verified", "failed"]
    assert "messages to 'deaf' are not delivered" in good.stderr
    assert (
        "messages to 'deaf' are not delivered (2 messages waiting): 127.0.0.1 answered HTTP 500"
        in status.stdout
    )
    assert "very-secret" not in good.stderr + bad.stderr + status.stdout
