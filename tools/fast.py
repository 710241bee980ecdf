"""`make fast`: what has changed since main is linted, and its unit tests run, the nearest first, in twenty seconds.

A unit test is near to a changed file that it imports, and a little less near to one that is imported there.
What takes longer is left to `make check` and `make test`, and the last line says so.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SECONDS = 14
"""Of tests; what is left of them then is not run."""
FILES = 16
"""Of tests, the nearest: to collect them all takes longer than to run these."""
STEPS = 2
"""Imports between a test and a change."""
IMPORT = re.compile(
    r"^ *(?:from|import) ((?:restorecheck|tests)[\w.]*)(?: import (?:\(([^)]*)\)|(.*)))?",
    re.MULTILINE,
)
"""By its text: to parse every file takes ten seconds."""
NAME = re.compile(r"\w+")


def main() -> int:
    root = Path.cwd()
    changed = list(changed_files(root))
    python = [name for name in changed if name.endswith(".py")]
    tools = Path(sys.executable).parent
    types = subprocess.Popen([tools / "mypy"], stdout=subprocess.PIPE, text=True)
    lint = [["ruff", "check"], ["ruff", "format", "--check"]] if python else []
    codes = [subprocess.call([tools / program, *rest, *python]) for program, *rest in lint]
    codes.append(subprocess.call([tools / "lint-imports"], stdout=subprocess.DEVNULL))
    if tests := near_tests(root, changed):
        codes.append(run(tests))
    said, _ = types.communicate()
    print(said, end="")
    return int(any([*codes, types.returncode]))


def changed_files(root: Path) -> Iterator[str]:
    """Staged, unstaged, untracked, and committed since main; what was deleted is not there to look at."""
    base = _git(root, "merge-base", "HEAD", "main") or ["HEAD"]
    names = _git(root, "diff", "--name-only", "--diff-filter=d", *base)
    names += _git(root, "ls-files", "--others", "--exclude-standard")
    yield from dict.fromkeys(names)


def near_tests(root: Path, changed: Iterable[str]) -> list[str]:
    """Files of tests/unit, the nearest first."""
    files = [
        p for folder in ("restorecheck", "tests") for p in sorted((root / folder).rglob("*.py"))
    ]
    names = {p.relative_to(root).as_posix(): p.read_text() for p in files}
    imports = {name: set(_imported(text, names)) for name, text in names.items()}
    for needed in imports.values():  # what a package passes on is no step
        needed |= {n for name in needed if name.endswith("__init__.py") for n in imports[name]}
    near = {name for name in changed if name in names}
    # A template or a catalog's statements belong to the modules that name the file.
    beside = {Path(name).name for name in changed if name.startswith("restorecheck/")} - near
    near |= {n for n, text in names.items() if any(f'"{data}"' in text for data in beside)}
    found: dict[str, None] = {}
    for _ in range(STEPS + 1):
        found |= dict.fromkeys(
            n for n in sorted(near) if n.startswith("tests/unit/") and "/test_" in n
        )
        near |= {name for name, needed in imports.items() if needed & near}
    return list(found)


def _imported(text: str, names: Iterable[str]) -> Iterator[str]:
    """The files of this repository that one imports."""
    for module, several, listed in IMPORT.findall(text):
        for name in ("", *NAME.findall(several or listed)):
            path = f"{module.replace('.', '/')}/{name}".rstrip("/")
            yield from (made for made in (f"{path}.py", f"{path}/__init__.py") if made in names)


class Hurry:
    """Ends the run of tests when its time is over, and knows that it did."""

    def __init__(self) -> None:
        self.until = time.monotonic() + SECONDS
        self.ran = 0
        self.over = False

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self.session = session

    def pytest_runtest_logfinish(self) -> None:
        self.ran += 1
        if time.monotonic() > self.until and self.ran < self.session.testscollected:
            self.over = True
            self.session.shouldstop = f"{SECONDS} s are over"


def run(tests: list[str]) -> int:
    hurry = Hurry()
    # In this process: workers take seconds to start, and the second processor is mypy's.
    code = pytest.main(["-q", "--no-header", "-x", *tests[:FILES]], plugins=[hurry])
    if hurry.over or len(tests) > FILES:
        print(f"{hurry.ran} tests ran; the rest of {len(tests)} files is left to `make test`")
    return 0 if hurry.over and code == pytest.ExitCode.INTERRUPTED else int(code)


def _git(root: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=False, capture_output=True, text=True
    )
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
