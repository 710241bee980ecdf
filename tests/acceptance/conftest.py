"""The installed command, in a world of its own: configuration, dumps, work directory, history."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.ready import COMMAND, Ready, from_nothing
from tests.places import SHORT

READY: list[Ready] = []
"""What this process of a parallel run has ready, once it has been asked for."""


@dataclass
class World:
    """One folder with everything; short, because sockets live in it."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def backups(self) -> Path:
        return self.directory / "backups"

    @property
    def work(self) -> Path:
        return self.directory / "work"

    @property
    def config(self) -> Path:
        return self.directory / "restorecheck.yaml"

    def configure(
        self, checks: str = "[]", *, dump: str = "", extra: str = "", path: str = "backups"
    ) -> None:
        self.config.write_text(
            "version: 1\n"
            "targets:\n"
            "  - name: library\n"
            f"    dump: {{path: {path}{dump}}}\n"
            f"    checks: {checks}\n"
            f"postgres: {{work_dir: {self.work}, jobs: 2}}\n"
            "history: {path: history.sqlite}\n" + extra
        )

    def run(
        self, *arguments: str, command: list[str] = COMMAND, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        options |= {
            "cwd": self.directory,
            "env": {**os.environ, "NO_COLOR": "1", **self.environment},
            "timeout": 180,
        }
        if command is not COMMAND or options.keys() != {"cwd", "env", "timeout"}:
            return from_nothing(list(arguments), command=command, **options)
        if not READY:
            READY.append(Ready())
        return READY[0].run(list(arguments), **options)

    def drill(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and report of one drill."""
        done = self.run("drill", "--json", *arguments)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def leftovers(self) -> list[str]:
        """What is left where drills work: directories, and processes that work in them."""
        left = [str(path) for path in self.work.iterdir()]
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    place = str((entry / "cwd").readlink())
                    # What stands behind a fence works in a root folder of its own.
                    home = f"HOME={self.work}/".encode() in (entry / "environ").read_bytes()
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                except OSError:
                    continue
                if (home or place.startswith(f"{self.work}/")) and state != "Z":
                    left.append(f"process {entry.name} in {place}")
        return left


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_ready():
    yield
    while READY:
        READY.pop().close()


@pytest.fixture
def world():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        directory = Path(name)
        directory.chmod(0o755)
        made = World(directory)
        made.backups.mkdir(mode=0o755)
        made.work.mkdir(mode=0o755)
        made.configure()
        yield made
        assert made.leftovers() == []
