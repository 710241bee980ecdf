"""What somebody who installs the package gets."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import distributions, metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from restorecheck import __version__

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


def run_time_names() -> set[str]:
    """What restorecheck needs with all extras, as far as it is installed here."""
    extras = metadata("restorecheck").get_all("Provides-Extra")
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(f"restorecheck[{','.join(extras or ())}]")]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        for line in requires(name) or ():
            needed = Requirement(line)
            chosen = ({"extra": extra} for extra in ("", *wanted.extras))
            if needed.marker is None or any(needed.marker.evaluate(extra) for extra in chosen):
                waiting.append(needed)
    return {name for name, _ in seen} - {"restorecheck"}


def pins(name: str) -> dict[str, str]:
    """Name → its version and hashes."""
    blocks = re.split(r"\n(?! )", (ROOT / name).read_text().strip())
    return {block.partition("==")[0]: block for block in blocks}


def test_users_get_pins_of_what_runs_and_none_of_the_tools_of_development():
    shipped, here = pins("constraints.txt"), {canonicalize_name(d.name) for d in distributions()}

    assert set(shipped) & here == run_time_names()
    assert shipped.items() <= pins("constraints-dev.txt").items(), "one version, tested and shipped"
    assert {"pytest", "mypy", "ruff"} <= set(pins("constraints-dev.txt")) - set(shipped)


def test_no_pin_names_an_address():
    assert "://" not in (ROOT / "constraints.txt").read_text()
    assert "://" not in (ROOT / "constraints-dev.txt").read_text()


def test_the_newest_release_of_the_changelog_and_the_image_have_the_version_of_the_package():
    released = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    pod = (ROOT / "docs/how-to/service/kubernetes.yaml").read_text()

    assert released[0] == __version__
    assert f"/restorecheck:{__version__}\n" in pod
