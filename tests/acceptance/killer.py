"""Kills, stops and continues whatever a drill of dumps is made of, at random moments.

Usage: python -m tests.acceptance.killer [--seed N] [--seconds S] [--verbose]

A private world: a scratch server, targets with good and with damaged dumps. Round after round, a
`drill`, `run --once` or `run` is started, and while it works, some of its processes get signals:
the command itself, a worker, the postmaster, a backend, pg_restore, psql, a decrypting program.
Then comes `sweep`, which may be killed too, and once more `sweep`. What must hold after that:

- no directory, process, socket, database, role, lock file or shared memory is left;
- every drill that was begun has one report, and the chain of reports verifies;
- a damaged dump was never verified, and a good one never failed;
- a report that was written is the same for ever, and so is every byte of the dumps.
"""

import gzip
import hashlib
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restorecheck.model import Verdict
from restorecheck.postgres.server import cluster
from restorecheck.schedule import Schedule
from restorecheck.sql.agenda import Agenda
from restorecheck.sqlite.store import SqliteStore
from tests import pg
from tests.acceptance.hunting import Hunt, main
from tests.places import SHORT

GOOD = ("custom", "plain", "folder", "squeezed", "sealed", "shared")
DAMAGED = ("cut", "cut-plain", "cut-sealed", "emptied")
ALWAYS = ("command", "command")
SERVER = (
    *("postmaster", "postmaster", "postmaster", "backend", "backend", "backend"),
    *("helper", "initdb", "bootstrap", "keeper", "keeper", "keeper"),
)
LOADERS = {"plain": "psql", "squeezed": "psql"}
FEW = "few.yaml"
"""Of the same history: a target that was never drilled is due, and a round is to be short."""
SEAL = b"\x99"
"""In front of what counts as encrypted; decrypting is to take it away."""
MIDNIGHT = Schedule(cron="0 0 * * *", timezone="UTC")
SHARED_MEMORY = Path("/proc/sysvipc/shm")


@dataclass(kw_only=True)
class DumpHunt(Hunt):
    """Dumps, throw-away servers and a scratch server."""

    scratch: pg.Source
    dumps: dict[str, str] = field(default_factory=dict)

    # --- the world ------------------------------------------------------------------------

    @property
    def work(self) -> Path:
        return self.directory / "work"

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
                options += (
                    f", into: 'postgresql://postgres@/postgres?host={self.scratch.places.sockets}'"
                )
            wanted = "row_count: {table: public.books, min: 2001}" if name == "emptied" else counts
            lines += [
                f"  - name: {name}",
                f"    dump: {{path: backups/{name}{options}}}",
                f"    checks: [{{{wanted}}}, {{{sleeper}}}]",
            ]
        lines += [
            f"scratch_servers: ['{self.scratch.places.sockets}:5432']",
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

    # --- what is done in it -----------------------------------------------------------------

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

    def kinds_for(self, words: Sequence[str]) -> list[str]:
        """Waiting for what never comes would be wasted time."""
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

    # --- what must hold -------------------------------------------------------------------

    def is_lie(self, target: str, verdict: str) -> bool:
        return verdict == (Verdict.FAILED if target in GOOD else Verdict.VERIFIED).value

    def look_around(self) -> None:
        self.expect(self.fingerprints() == self.dumps, "a dump was changed")
        self.nothing_runs()
        for place in (self.work, self.directory / "tmp"):
            left = sorted(str(p.relative_to(place)) for p in place.rglob("*"))
            self.expect(not left, f"left in {place.name}: {left[:5]}")
        self.nothing_on_the_scratch_server()
        self.no_shared_memory()
        self.no_lock_is_left()
        self.reports_are_whole()

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


@contextmanager
def world(chance: random.Random, *, verbose: bool = False) -> Iterator[DumpHunt]:
    installation = min(pg.installations(), key=lambda i: i.major)
    with (
        pg.running(installation) as scratch,
        tempfile.TemporaryDirectory(prefix="rk", dir=SHORT) as name,
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
        hunt = DumpHunt(directory=place, chance=chance, verbose=verbose, scratch=scratch)
        hunt.furnish(dumps)
        try:
            yield hunt
        finally:
            hunt.clear()


def hunt(seed: int, seconds: float, *, verbose: bool = False) -> DumpHunt:
    """Raises BrokenPromiseError as `Hunt.hunt`."""
    with world(random.Random(seed), verbose=verbose) as made:
        made.hunt(seconds)
        return made


if __name__ == "__main__":
    sys.exit(main(__doc__ or "", hunt))
