"""The commit that a release is made of."""

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


class ReleaseError(Exception):
    """Nothing was released; the message says what to do."""


@dataclass(frozen=True)
class Source:
    root: Path
    version: str
    commit: str
    """Empty: a folder without git, as of the sdist."""
    epoch: int
    """Seconds since 1970: the only time that stands in what is made."""

    def date(self) -> str:
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%d")

    def run(self, *words: str | Path) -> str:
        """What a program says, with the time of the release in its environment. Raises ReleaseError."""
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(self.epoch)}
        done = subprocess.run(
            words, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ReleaseError(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout


def read(root: Path) -> Source:
    """Raises ReleaseError: the time of the release is not known, or files are not those of the commit."""
    version = re.search(
        r'^__version__ = "(.+)"', (root / "restorecheck/__init__.py").read_text(), re.MULTILINE
    )
    assert version is not None
    source = Source(root, version[1], "", int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    if (root / ".git").exists():
        if changed := source.run("git", "status", "--porcelain"):
            raise ReleaseError(
                f"files are not those of the commit; commit or remove them:\n{changed}"
            )
        commit, time = source.run("git", "log", "-1", "--format=%H %ct").split()
        return Source(root, version[1], commit, source.epoch or int(time))
    if not source.epoch:
        raise ReleaseError("set SOURCE_DATE_EPOCH: without git the time of the commit is not known")
    return source
