"""Kills, stops and continues whatever a command is made of, at random moments; then looks around.

What is common to all hunts: rounds, signals, and what must hold of processes and reports. The
worlds in which it is done are `tests.acceptance.killer` (dumps) and `tests.rds.killer` (snapshots).

Signals go to processes that were seen below those that were started here, never to a name; each is
looked at again (its time of birth) before the signal is sent.
"""

import argparse
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from restorecheck.history import flaws
from restorecheck.postgres.server.cluster import PREFIX
from restorecheck.sqlite.store import SqliteStore

COMMAND = [sys.executable, "-m", "restorecheck"]
ROUND_ENDS = 90.0
"""Seconds after which a command counts as hanging; nothing here takes a tenth of it."""
OTHER_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGSEGV)
PATIENCE = 8.0
"""Seconds to wait for a victim of some kind."""
STAND_STILL = (0.05, 1.5)
PERMANENT = {"runner.lock", "news.lock", "messages.lock"}

Known = dict[int, psutil.Process]


class BrokenPromiseError(AssertionError):
    """Something was left behind, or lied."""


@dataclass
class Hunt(ABC):
    """One world, and what was done in it."""

    directory: Path
    chance: random.Random
    verbose: bool = False
    known: Known = field(default_factory=dict)
    seen_reports: dict[str, str] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    rounds: int = 0
    began: float = 0.0

    @property
    def history(self) -> Path:
        return self.directory / "history.sqlite"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "NO_COLOR": "1", "TMPDIR": str(self.directory / "tmp")}

    # --- what a world brings ----------------------------------------------------------------

    @abstractmethod
    def some_command(self) -> list[str]:
        """What the next round starts."""

    @abstractmethod
    def kinds_for(self, words: Sequence[str]) -> Sequence[str]:
        """Of what a command is made, as `kind_of` calls it; one is chosen, to be hit."""

    def await_moment(self, process: "subprocess.Popen[bytes]") -> None:
        """Until the signal is sent, once there is a victim."""
        some = self.chance.choice((0.0, self.chance.uniform(0.0, 0.3), self.chance.uniform(0, 2)))
        self.pass_time(process, some)

    @abstractmethod
    def is_lie(self, target: str, verdict: str) -> bool:
        """Whether the backup of this target is known to be otherwise."""

    @abstractmethod
    def look_around(self) -> None:
        """Nothing may be left."""

    # --- one round ------------------------------------------------------------------------

    def round(self) -> None:
        self.story, self.began = [], time.monotonic()
        self.rounds += 1
        self.perhaps_kill(self.start(*self.some_command()))
        if self.chance.random() < 0.3:
            self.perhaps_kill(self.start("sweep"))
        swept = self.start("sweep")
        self.wait(swept)
        self.expect(swept.returncode == 0, f"the sweep exits with {swept.returncode}")
        self.look_around()
        self.known.clear()

    def hunt(self, seconds: float) -> None:
        """Rounds for so many seconds.

        Raises:
            BrokenPromiseError: With the story of the round in which one was broken.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.round()

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        self.tell(f"starts {' '.join(arguments)}")
        with (self.directory / "said.log").open("ab") as said:
            process = subprocess.Popen(
                [*COMMAND, *arguments],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        with suppress(psutil.NoSuchProcess):
            self.known[process.pid] = psutil.Process(process.pid)
        return process

    def perhaps_kill(self, process: "subprocess.Popen[bytes]") -> None:
        for _ in range(self.chance.choice((0, 1, 1, 1, 2, 3))):
            self.strike(process, self.chance.choice(self.kinds_for([str(w) for w in process.args])))  # type: ignore[union-attr]
        if "run" in process.args and "--once" not in process.args:  # type: ignore[operator]
            self.pass_time(process, self.chance.uniform(0.0, 6.0))
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        self.wait(process)

    def strike(self, process: "subprocess.Popen[bytes]", kind: str) -> None:
        """One signal to one of the processes that work for this command, of a kind that may not
        be there yet, or never.
        """
        end = time.monotonic() + PATIENCE
        while not (victims := [p for p in self.living() if kind_of(p) == kind]):
            if process.poll() is not None or time.monotonic() > end:
                return
            threading.Event().wait(0.005)
        self.await_moment(process)
        victim = self.chance.choice(victims)
        number = self.chance.choice([*[signal.SIGKILL] * 3, *[signal.SIGSTOP] * 2, *OTHER_SIGNALS])
        self.tell(f"{number.name} to {kind} ({victim.pid})")
        self.signals[f"{number.name} {kind}"] += 1
        with suppress(psutil.Error):
            victim.send_signal(number)
        if number is signal.SIGSTOP:
            self.pass_time(process, self.chance.uniform(*STAND_STILL))
            # Sometimes what stands still meets the end of everything around it.
            if self.chance.random() < 0.3 and process.poll() is None:
                self.tell("SIGKILL to the command, while that one stands still")
                process.kill()
                process.wait()
                self.wait(self.start("sweep"))
            with suppress(psutil.Error):
                victim.send_signal(signal.SIGCONT)

    def pass_time(self, process: "subprocess.Popen[bytes]", seconds: float) -> None:
        """Look who is there all the time, so that whoever is left later is known to be ours."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            self.living()
            threading.Event().wait(0.02)

    def wait(self, process: "subprocess.Popen[bytes]") -> None:
        self.pass_time(process, ROUND_ENDS)
        if process.poll() is None:
            process.kill()
            process.wait()
            raise BrokenPromiseError(self.account(f"{process.args!r} hangs"))
        self.tell(f"ended with {process.returncode}")

    def living(self) -> list[psutil.Process]:
        """What lives of all that was started here, and below it."""
        found: list[psutil.Process] = []
        for known in tuple(self.known.values()):
            try:
                family = [known, *known.children(recursive=True)]
            except psutil.Error:
                continue
            for process in family:
                if is_alive(process) and process not in found:
                    found.append(process)
                    self.known.setdefault(process.pid, process)
        self.known.update({p.pid: p for p in found})
        return found

    # --- what must hold -------------------------------------------------------------------

    def nothing_runs(self) -> None:
        psutil.wait_procs(self.living(), timeout=5)  # who was told to die may take a moment
        for process in self.living():
            with suppress(psutil.Error):
                raise BrokenPromiseError(
                    self.account(f"left running: {process.pid} {process.cmdline()[:4]}")
                )
        self.no_process_works_here()

    def no_process_works_here(self) -> None:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                place = process.cwd()
                home = process.environ().get("HOME", "")
                ours = (place, home) if f"/{PREFIX}" in home else (place,)
                if any(p.startswith(f"{self.directory}/") for p in ours) and is_alive(process):
                    raise BrokenPromiseError(self.account(f"{process} works in {place}"))

    def no_lock_is_left(self) -> None:
        locks = {p.name for p in (self.directory / "history.sqlite.locks").glob("*")}
        left = {n for n in locks - PERMANENT if not n.startswith("target-")}
        self.expect(not left, f"left lock files: {sorted(left)}")

    def reports_are_whole(self) -> None:
        if not self.history.exists():
            return
        database = sqlite3.connect(self.history)
        try:
            begun = {row[0] for row in database.execute("select id from drills")}
            rows = database.execute("select drill_id, target, verdict, report from reports")
            reports = rows.fetchall()
        finally:
            database.close()
        ids = [row[0] for row in reports]
        self.expect(sorted(ids) == sorted(begun), f"drills without a report: {begun - set(ids)}")
        self.expect(set(self.seen_reports) <= set(ids), "a report is gone")
        for drill_id, target, verdict, text in reports:
            if self.seen_reports.get(drill_id, text) != text:
                raise BrokenPromiseError(self.account(f"the report of {drill_id} was changed"))
            if drill_id not in self.seen_reports:
                self.judge(target, verdict, text)
            self.seen_reports[drill_id] = text
        store = SqliteStore(self.history)
        try:
            found = list(flaws(store.stored()))
        finally:
            store.close()
        self.expect(not found, f"the chain of reports is broken: {found}")

    def judge(self, target: str, verdict: str, text: str) -> None:
        report = json.loads(text)
        self.verdicts[f"{target} {verdict}"] += 1
        self.tell(f"report of {target}: {verdict}: {report['reason']}")
        lied = self.is_lie(target, verdict)
        self.expect(not lied, f"a {verdict} of {target}: {report['reason']}")
        self.expect(report["teardown"]["outcome"] != "kept", "something was kept")

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise BrokenPromiseError(self.account(otherwise))

    def account(self, what: str) -> str:
        said = (self.directory / "said.log").read_text(errors="replace").splitlines()
        return "\n".join([f"round {self.rounds}: {what}", *self.story, "--- said:", *said[-25:]])

    def tell(self, what: str) -> None:
        what = f"{time.monotonic() - self.began:5.1f} s: {what}"
        self.story.append(what)
        if self.verbose:
            print(f"  {what}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Whatever a broken promise left: of what was started here, and by its number."""
        for process in self.living():
            with suppress(psutil.Error):
                process.kill()


def kind_of(process: psutil.Process) -> str:
    """What it is in a drill: a kind is chosen first, or the many backends would get everything."""
    try:
        words = process.cmdline() or [""]
    except psutil.Error:
        return "gone"
    if "restorecheck.hosts.daemon.worker" in words:
        return "worker"
    if "restorecheck" in words:
        return "command"
    if "import fence" in " ".join(words[:5]):
        return "keeper"
    if words[:2] == [sys.executable, "-c"]:
        return "decrypt"
    name = Path(words[0].split(":")[0]).name
    if name != "postgres":
        return name
    if ":" in words[0]:
        return "backend" if "[local]" in words[0] else "helper"
    return "postmaster" if "-D" in words else "bootstrap"


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def main(what: str, hunt: Callable[..., Hunt]) -> int:
    """The command line of a hunt: `--seed`, `--seconds`, `--verbose`."""
    parser = argparse.ArgumentParser(description=what.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    try:
        done = hunt(arguments.seed, arguments.seconds, verbose=arguments.verbose)
    except BrokenPromiseError as exc:
        print(exc)
        return 1
    print(f"{done.rounds} rounds; nothing left, no lie")
    for name, counted in (("verdicts", done.verdicts), ("signals", done.signals)):
        print(f"{name}: " + ", ".join(f"{k} {v}" for k, v in sorted(counted.items())))
    return 0
