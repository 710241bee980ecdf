"""Kills, stops and continues whatever a drill is made of, at random moments; then looks around.

Usage: python -m tests.acceptance.killer [--seed N] [--seconds S] [--verbose]

A private world: a scratch server, targets with good and with damaged dumps. Round after round, a
`drill`, `run --once` or `run` is started, and while it works, some of its processes get signals:
the command itself, a worker, the postmaster, a backend, pg_restore, psql, a decrypting program.
Then comes `sweep`, which may be killed too, and once more `sweep`. What must hold after that:

- no directory, process, socket, database, role, lock file or shared memory is left;
- every drill that was begun has one report, and the chain of reports verifies;
- a damaged dump was never verified, and a good one never failed;
- a report that was written is the same for ever, and so is every byte of the dumps.

Signals go to processes that were seen below those that were started here, never to a name; each is
looked at again (its time of birth) before the signal is sent.
"""

import argparse
import gzip
import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from restorecheck.history import flaws
from restorecheck.model import Verdict
from restorecheck.postgres import cluster
from restorecheck.schedule import Schedule
from restorecheck.sqlite.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests import pg

COMMAND = [sys.executable, "-m", "restorecheck"]
GOOD = ("custom", "plain", "folder", "squeezed", "sealed", "shared")
DAMAGED = ("cut", "cut-plain", "cut-sealed", "emptied")
ROUND_ENDS = 90.0
"""Seconds after which a command counts as hanging; nothing here takes a tenth of it."""
OTHER_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGSEGV)
PATIENCE = 8.0
"""Seconds to wait for a victim of some kind."""
ALWAYS = ("command", "command")
SERVER = (
    *("postmaster", "postmaster", "postmaster", "backend", "backend", "backend"),
    *("helper", "initdb", "bootstrap"),
)
LOADERS = {"plain": "psql", "squeezed": "psql"}
FEW = "few.yaml"
"""Of the same history: a target that was never drilled is due, and a round is to be short."""
SEAL = b"\x99"
"""In front of what counts as encrypted; decrypting is to take it away."""
STAND_STILL = (0.05, 1.5)
MIDNIGHT = Schedule(cron="0 0 * * *", timezone="UTC")
PERMANENT = {"runner.lock", "news.lock", "messages.lock"}
SHARED_MEMORY = Path("/proc/sysvipc/shm")

Known = dict[int, psutil.Process]


class BrokenPromiseError(AssertionError):
    """Something was left behind, or lied."""


@dataclass
class Hunt:
    """One world, and what was done in it."""

    directory: Path
    scratch: pg.Source
    chance: random.Random
    verbose: bool = False
    known: Known = field(default_factory=dict)
    seen_reports: dict[str, str] = field(default_factory=dict)
    dumps: dict[str, str] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    signals: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    rounds: int = 0
    began: float = 0.0

    # --- the world ------------------------------------------------------------------------

    @property
    def work(self) -> Path:
        return self.directory / "work"

    @property
    def history(self) -> Path:
        return self.directory / "history.sqlite"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "NO_COLOR": "1", "TMPDIR": str(self.directory / "tmp")}

    def furnish(self, dumps: dict[str, Path]) -> None:
        """Dumps, good and bad, and the configuration that names them."""
        for name in ("work", "tmp", "backups"):
            (self.directory / name).mkdir()
            (self.directory / name).chmod(0o755)
        (self.directory / "tmp").chmod(0o1777)
        for name in (*GOOD, *DAMAGED):
            (self.directory / "backups" / name).mkdir()
        at = self.directory / "backups"
        custom, plain = dumps["custom"].read_bytes(), dumps["plain"].read_bytes()
        shutil.copytree(dumps["directory"], at / "folder" / "library.dir")
        contents = {
            "custom/library.dump": custom,
            "plain/library.sql": plain,
            "squeezed/library.sql.gz": gzip.compress(plain),
            "sealed/library.dump.enc": SEAL + custom,
            "shared/library.dump": custom,
            "cut/library.dump": custom[: len(custom) * 2 // 3],
            "cut-plain/library.sql": plain[: len(plain) * 2 // 3],
            "cut-sealed/library.dump.enc": SEAL + custom[: len(custom) * 2 // 3],
            "emptied/library.dump": custom,
        }
        for name, content in contents.items():
            (at / name).write_bytes(content)
        self.dumps = self.fingerprints()
        self.configure((*GOOD, *DAMAGED), "restorecheck.yaml")

    def configure(self, targets: Sequence[str], file: str) -> None:
        decrypt = f"[{sys.executable}, -c, 'import sys, shutil; sys.stdin.buffer.read(1); shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)']"
        sleeper = 'query: {name: sleeper, sql: "select 1 from pg_sleep(0.3)", expect: not_empty}'
        counts = "row_count: {table: public.books, min: 2000}"
        lines = ["version: 1", 'defaults: {schedule: "0 0 * * *", timezone: UTC}', "targets:"]
        for name in targets:
            options = f", decrypt: {decrypt}" if "sealed" in name else ""
            if name == "shared":
                options += f", into: 'postgresql://postgres@/postgres?host={self.scratch.places.directory}'"
            wanted = "row_count: {table: public.books, min: 2001}" if name == "emptied" else counts
            lines += [
                f"  - name: {name}",
                f"    dump: {{path: backups/{name}{options}}}",
                f"    checks: [{{{wanted}}}, {{{sleeper}}}]",
            ]
        lines += [
            f"scratch_servers: ['{self.scratch.places.directory}:5432']",
            f"postgres: {{work_dir: {self.work}, jobs: 2}}",
            "history: {path: history.sqlite}",
            "runner: {max_parallel_drills: 2, stop_within_seconds: 5}",
        ]
        (self.directory / file).write_text("\n".join(lines) + "\n")

    def fingerprints(self) -> dict[str, str]:
        files = sorted(p for p in (self.directory / "backups").rglob("*") if p.is_file())
        return {
            str(p): f"{hashlib.sha256(p.read_bytes()).hexdigest()} {p.stat().st_mtime_ns}"
            for p in files
        }

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

    def some_command(self) -> list[str]:
        kind = self.chance.random()
        if kind < 0.8:
            targets = self.chance.sample((*GOOD, *DAMAGED), self.chance.choice((1, 1, 1, 2)))
            return ["drill", *targets]
        few = self.chance.sample((*GOOD, *DAMAGED), 3)
        self.configure(few, FEW)
        self.miss_last_night(few)
        return ["run", "-c", FEW] if kind < 0.9 else ["run", "--once", "-c", FEW]

    def miss_last_night(self, targets: list[str]) -> None:
        """A slot of each came, and nobody drilled for it: they are due."""
        now = datetime.now(UTC)  # noqa: TID251  # the slot is a real one
        store = SqliteStore(self.history)
        try:
            for name in targets:
                # A minute of its own: a slot that was drilled for is not due again.
                slot = now.replace(second=0, microsecond=0) - timedelta(minutes=self.rounds)
                Agenda(store.database).note(name, MIDNIGHT, now, [slot])
        finally:
            store.close()

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
            self.strike(process, self.chance.choice(kinds_for(process)))
        if "run" in process.args and "--once" not in process.args:  # type: ignore[operator]
            self.pass_time(process, self.chance.uniform(0.0, 6.0))
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        self.wait(process)

    def strike(self, process: "subprocess.Popen[bytes]", kind: str) -> None:
        """One signal to one of the processes that work for this command, of a kind that may not
        be there yet, or never.
        """
        delay = self.chance.choice((0.0, self.chance.uniform(0.0, 0.3), self.chance.uniform(0, 2)))
        end = time.monotonic() + PATIENCE
        while not (victims := [p for p in self.living() if kind_of(p) == kind]):
            if process.poll() is not None or time.monotonic() > end:
                return
            threading.Event().wait(0.005)
        self.pass_time(process, delay)
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

    def look_around(self) -> None:
        self.expect(self.fingerprints() == self.dumps, "a dump was changed")
        psutil.wait_procs(self.living(), timeout=5)  # who was told to die may take a moment
        for process in self.living():
            with suppress(psutil.Error):
                raise BrokenPromiseError(
                    self.account(f"left running: {process.pid} {process.cmdline()[:4]}")
                )
        for place in (self.work, self.directory / "tmp"):
            left = sorted(str(p.relative_to(place)) for p in place.rglob("*"))
            self.expect(not left, f"left in {place.name}: {left[:5]}")
        self.no_process_works_here()
        self.nothing_on_the_scratch_server()
        self.no_shared_memory()
        locks = {p.name for p in (self.directory / "history.sqlite.locks").glob("*")}
        left_locks = {n for n in locks - PERMANENT if not n.startswith("target-")}
        self.expect(not left_locks, f"left lock files: {sorted(left_locks)}")
        self.reports_are_whole()
        self.known.clear()

    def no_process_works_here(self) -> None:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                place = process.cwd()
                if place.startswith(f"{self.directory}/") and is_alive(process):
                    raise BrokenPromiseError(self.account(f"{process} works in {place}"))

    def nothing_on_the_scratch_server(self) -> None:
        with cluster.superuser_connection(self.scratch.places) as connection:
            rows = connection.execute(
                "select datname from pg_database where datname like 'restorecheck%'"
                " union all select rolname from pg_roles where rolname like 'restorecheck%'"
            ).fetchall()
        self.expect(not rows, f"left on the scratch server: {rows}")

    def no_shared_memory(self) -> None:
        if not SHARED_MEMORY.exists():
            return
        for line in SHARED_MEMORY.read_text().splitlines()[1:]:
            maker = int(line.split()[4])
            self.expect(maker not in self.known, f"left shared memory of {maker}: {line.split()}")

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
        self.verdicts[f"{'good' if target in GOOD else 'bad'} {verdict}"] += 1
        self.tell(f"report of {target}: {verdict}: {report['reason']}")
        lied = Verdict.FAILED if target in GOOD else Verdict.VERIFIED
        self.expect(verdict != lied.value, f"a {verdict} of {target}: {report['reason']}")
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


def kinds_for(process: "subprocess.Popen[bytes]") -> list[str]:
    """Of what a command is made; waiting for what never comes would be wasted time."""
    words = list(process.args)  # type: ignore[arg-type]  # a list, as it was given
    if "sweep" in words:
        return ["command"]
    kinds = [*ALWAYS, *SERVER]
    if "run" in words:
        return [*kinds, *["worker"] * 5, "pg_restore", "psql"]
    targets = [name for name in (*GOOD, *DAMAGED) if name in words]
    if all(name.startswith("cut") for name in targets):
        kinds = [*ALWAYS]
    for name in targets:
        kinds += ["decrypt"] * 3 if "sealed" in name else []
        kinds += [LOADERS.get(name, "pg_restore")] * 3
    return kinds


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


@contextmanager
def world(chance: random.Random, *, verbose: bool = False) -> Iterator[Hunt]:
    installation = min(pg.installations(), key=lambda i: i.major)
    with (
        pg.running(installation) as scratch,
        tempfile.TemporaryDirectory(prefix="rk", dir="/tmp") as name,
    ):
        Path(name).chmod(0o755)
        made = Path(name) / "made"
        made.mkdir()
        dumps = {
            kind: scratch.dump(made / f"library.{kind}", f"--format={kind}")
            for kind in ("custom", "plain", "directory")
        }
        place = Path(name) / "w"
        place.mkdir(mode=0o755)
        hunt = Hunt(place, scratch, chance, verbose)
        hunt.furnish(dumps)
        try:
            yield hunt
        finally:
            hunt.clear()


def hunt(seed: int, seconds: float, *, verbose: bool = False) -> Hunt:
    """Rounds for so many seconds.

    Raises:
        BrokenPromiseError: With the story of the round in which one was broken.
    """
    with world(random.Random(seed), verbose=verbose) as made:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            made.round()
        return made


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
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


if __name__ == "__main__":
    sys.exit(main())
