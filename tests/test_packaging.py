"""What somebody who installs the package gets."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_what_is_read_at_run_time(names):
    package = ROOT / "restorecheck"
    read = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }

    assert {f"restorecheck/report/html/{n}.html" for n in ("base", "index", "report")} <= read
    assert read <= names


def test_the_wheel_has_no_tests(names):
    assert not [name for name in names if name.startswith(("tests/", "docs/", "build/"))]
