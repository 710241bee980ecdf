"""What a machine lacks: skipped with the way to get it, and in CI a failure."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import missing

TESTS = Path(__file__).parent
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "-q",
    "-rs",
    "-p",
    "tests.conftest",
    "-p",
    "no:cacheprovider",
]
SKIPPING = {"skip", "skipif", "importorskip"}


def test_what_is_missing_is_skipped_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setattr(missing, "IN_CI", False)

    with pytest.raises(pytest.skip.Exception, match="it needs chromium: apt-get install chromium"):
        missing.need(None, "chromium", "apt-get install chromium")
    missing.need("/usr/bin/chromium", "chromium", "")


def test_what_is_missing_in_ci_is_a_failure(monkeypatch):
    monkeypatch.setattr(missing, "IN_CI", True)

    with pytest.raises(pytest.fail.Exception, match="it needs chromium: apt-get install chromium"):
        missing.need(None, "chromium", "apt-get install chromium")
    missing.need("/usr/bin/chromium", "chromium", "")


@pytest.mark.parametrize(("ci", "said"), [({}, "1 skipped"), ({"RESTORECHECK_CI": "1"}, "1 error")])
def test_a_whole_test_that_lacks_something_is_skipped_and_in_ci_an_error(tmp_path, ci, said):
    module = tmp_path / "test_lacking.py"
    module.write_text(
        "from tests.missing import needs\n"
        "pytestmark = needs(False, 'a network', 'run it as root')\n"
        "def test_nothing(): pass\n"
    )
    outside = {k: v for k, v in os.environ.items() if k != "RESTORECHECK_CI"}

    done = subprocess.run(
        [*PYTEST, "--rootdir", tmp_path, module],
        cwd=TESTS.parent,
        env={**outside, **ci},
        capture_output=True,
        text=True,
        check=False,
    )

    assert said in done.stdout
    assert "it needs a network: run it as root" in done.stdout


def test_no_test_skips_itself_in_another_way():
    """Else a whole suite could be off without a word."""
    found = [
        f"{path.relative_to(TESTS)}:{node.lineno}"
        for path in TESTS.rglob("*.py")
        if path.name not in {"missing.py", "test_missing.py"}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in SKIPPING
        and ast.unparse(node.value) in {"pytest", "pytest.mark", "unittest"}
    ]

    assert found == []
