"""`make mutants`: plants one bug after the other in a copy of the package and runs the tests.

Prints for each which test caught it, and after how long. Exits with 1 where one survives, or
where the tests came to no end in time: that shows nothing, a slow machine does it too.
Options: --jobs N, --only WORD … (in the sentence or the function; in the order given),
--patience SECONDS for one.

Each runs in a process that is forked from this one, which has loaded what the tests need and
nothing of restorecheck.
"""

import argparse
import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chosen import SEED
from tests.mutants.every import BUGS
from tests.mutants.places import planted
from tests.mutants.planted import Mutant

ROOT = Path(__file__).parents[2]
OURS = 99
"""Exit code of what went wrong in this program itself."""
PATIENCE = 900
"""Seconds."""
COPIED = ("restorecheck", "tests", "pyproject.toml", "lambda", "infra", "docs", "constraints.txt")
HEAVY = ("botocore.session", "boto3", "pydantic", "structlog", "yaml")


@dataclass(frozen=True)
class Try:
    """A mutant under way."""

    mutant: Mutant
    copy: Path
    began: float

    @property
    def output(self) -> Path:
        return self.copy / "output.txt"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--patience", type=int, default=PATIENCE)
    given = parser.parse_args()
    found = [m for word in given.only for m in BUGS if word in f"{m.says} {m.at}"]
    chosen = list(dict.fromkeys(found))
    print(f"RESTORECHECK_SEED={SEED}")  # of what the tests choose
    for name in HEAVY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        caught = try_out(chosen, Path(directory), given.jobs, given.patience)
    print(f"{caught} of {len(chosen)} caught")
    return 0 if caught == len(chosen) else 1


def try_out(chosen: list[Mutant], directory: Path, jobs: int, patience: int) -> int:
    """How many are caught."""
    waiting, running, caught = [*chosen], dict[int, Try](), 0
    while waiting or running:
        while waiting and len(running) < jobs:
            attempt = plant(waiting.pop(0), directory / str(len(waiting)))
            running[fork(attempt, patience)] = attempt
        pid, status = os.wait()
        caught += tell(running.pop(pid), status)
    return caught


def plant(mutant: Mutant, copy: Path) -> Try:
    """A copy of everything, with the bug in it."""
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy / name, ignore=ignored)
        else:
            shutil.copy(source, copy / name)
    file, text = planted(mutant, ROOT / "restorecheck")
    (copy / file.relative_to(ROOT)).write_text(text)
    return Try(mutant, copy, time.monotonic())


def fork(attempt: Try, patience: int) -> int:
    """The process in which the tests run, from the copy."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        code = run_tests(attempt, patience)
    except BaseException:  # noqa: BLE001  # nothing of the parent's may happen in this process
        traceback.print_exc()
        code = OURS
    os._exit(code)


def run_tests(attempt: Try, patience: int) -> int:
    signal.alarm(patience)
    os.chdir(attempt.copy)
    with attempt.output.open("w") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    for name in [n for n in sys.modules if n.partition(".")[0] in {"tests", "restorecheck"}]:
        del sys.modules[name]
    sys.path.insert(0, str(attempt.copy))
    os.environ["PYTHONPATH"] = str(attempt.copy)  # of the commands that tests start
    sys.dont_write_bytecode = True
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "--tb=line"]
    code = int(pytest.main([*options, *attempt.mutant.suites]))
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def tell(attempt: Try, status: int) -> bool:
    """What became of it; whether it was caught."""
    text = attempt.output.read_text(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    assert code not in {3, 4, 5, OURS}, f"the tests did not run:\n{text}"
    red = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", text, re.MULTILINE)
    mutant, seconds = attempt.mutant, time.monotonic() - attempt.began
    word = "MISSED" if code == 0 else "caught" if red else "NO END"
    print(f"{word} {seconds:6.1f} s  {mutant.at}: {mutant.says}")
    if red:
        print(f"                 by {red[1]}")
    sys.stdout.flush()
    shutil.rmtree(attempt.copy, ignore_errors=True)
    return red is not None


if __name__ == "__main__":
    sys.exit(main())
