"""The tools of development: what `make fast` chooses, and which subjects a commit may have."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools.fast import changed_files, near_tests
from tools.subject import flaw

ROOT = Path(__file__).parents[1]


def write(root, **files):
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def git(root, *arguments):
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def test_the_unit_tests_near_to_a_change_are_found_the_nearest_first(tmp_path):
    write(
        tmp_path,
        restorecheck__low="A = 'words.sql'\nSQL = \"words.sql\"",
        restorecheck__middle="from restorecheck.low import (\n    A,\n)",
        restorecheck__high="from restorecheck import middle",
        tests__unit__test_a="def test():\n    from restorecheck import middle",
        tests__unit__test_b="import restorecheck.low",
        tests__unit__test_c="from restorecheck.high import middle",
        tests__unit__test_d="",
        tests__acceptance__test_e="import restorecheck.low",
    )
    a, b, c, d = (f"tests/unit/test_{name}.py" for name in "abcd")

    assert near_tests(tmp_path, ["restorecheck/low.py"]) == [b, a]
    assert near_tests(tmp_path, ["restorecheck/words.sql"]) == [b, a]
    assert near_tests(tmp_path, ["restorecheck/high.py", d]) == [d, c]
    assert near_tests(tmp_path, ["docs/README.md"]) == []


def test_what_a_package_passes_on_is_as_near_as_the_package(tmp_path):
    (tmp_path / "restorecheck" / "room").mkdir(parents=True)
    (tmp_path / "restorecheck" / "room" / "__init__.py").write_text(
        "from restorecheck.room import a"
    )
    write(
        tmp_path,
        restorecheck__room__a="from restorecheck.room import b",
        restorecheck__room__b="",
        tests__unit__test_a="from restorecheck import room",
    )

    assert near_tests(tmp_path, ["restorecheck/room/b.py"]) == ["tests/unit/test_a.py"]


def test_a_change_is_what_differs_from_main_and_is_still_there(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)  # of a hook: they name its repository
    git(tmp_path, "init", "-b", "main")
    write(tmp_path, same="", gone="", unstaged="", staged="")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    git(tmp_path, "checkout", "-b", "topic")
    write(tmp_path, committed="")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "y")
    write(tmp_path, staged="1")
    git(tmp_path, "add", ".")
    write(tmp_path, unstaged="1", untracked="")
    (tmp_path / "gone.py").unlink()

    names = ["committed.py", "staged.py", "unstaged.py", "untracked.py"]
    assert list(changed_files(tmp_path)) == names


@pytest.mark.parametrize(
    ("seconds", "test", "code", "says"),
    [
        (60, "assert True", 0, "2 passed"),
        (0, "assert True", 0, "1 tests ran; the rest of 2 files is left"),
        (60, "assert False", 1, "1 failed"),
        (0, "import", 1, "1 error"),
    ],
)
def test_what_fails_is_told_and_what_takes_too_long_is_left_out(
    tmp_path, seconds, test, code, says
):
    names = [str(tmp_path / f"test_{n}.py") for n in range(2)]
    for name in names:
        Path(name).write_text(f"def test():\n    {test}\n")
    program = (
        f"from tools import fast; fast.SECONDS = {seconds}; raise SystemExit(fast.run({names}))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert says in done.stdout
    assert done.returncode == code


@pytest.mark.parametrize(
    "subject",
    [
        "config: a short one",
        "aws, docs: two scopes",
        "checks/kinds: " + "x" * 57,
        "Merge branch 'w-habits'",
        'Revert "Config. Too long, and without a scope, as those of old times were, all of them"',
    ],
)
def test_a_short_subject_with_a_scope_is_taken(subject):
    assert flaw(subject) == ""


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("", "scope"),
        ("No scope", "scope"),
        ("config:no space", "scope"),
        ("Config: a capital letter", "scope"),
        ("config: " + "x" * 64, "72"),
    ],
)
def test_a_long_subject_or_one_without_a_scope_is_refused(tmp_path, subject, says):
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text(f"{subject}\n\nA body of any length: {'x' * 100}\n")

    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "subject.py", message],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert says in done.stderr


def test_hooks_are_programs_of_this_working_copy_and_nothing_is_downloaded():
    file = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())

    assert [repository["repo"] for repository in file["repos"]] == ["local"]
    hooks = [(hook["language"], hook["stages"]) for hook in file["repos"][0]["hooks"]]
    assert hooks == [("system", ["pre-commit"]), ("system", ["commit-msg"])]


# --- skeletons --------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path):
    """Of the package and of what `make new-check` writes to."""
    for name in ("restorecheck", "tests", "tools", "docs", "infra"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(copy, module, *arguments):
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_new_kind_of_check_is_known_everywhere_and_its_test_is_red_until_it_is_filled_in(copy):
    made = run(copy, "tools.new", "check", "enough_rows")
    assert made.returncode == 0, made.stderr
    kind, own = (
        copy / "restorecheck/checks/kinds/enough_rows.py",
        "tests/unit/checks/test_enough_rows.py",
    )

    written = run(copy, "tests.write_reference")
    assert written.returncode == 0, written.stderr
    schema = json.loads((copy / "docs/reference/restorecheck.schema.json").read_text())
    assert "enough_rows" in schema["$defs"]["Check"]["properties"]
    assert "| `enough_rows` |" in (copy / "docs/reference/config.md").read_text()
    assert "| `enough_rows: {table}` |" in (copy / "docs/reference/checks.md").read_text()

    red = run(copy, "pytest", "-q", own)
    assert red.returncode == 1, red.stdout + red.stderr
    assert "2 failed" in red.stdout, "it judges nothing, and passes nothing"

    edit(
        kind,
        "outcome = CheckOutcome.ERROR",
        "outcome = CheckOutcome.PASSED if scan.rows else CheckOutcome.FAILED",
    )
    green = run(
        copy,
        "pytest",
        "-q",
        own,
        *(f"tests/unit/checks/test_{n}.py" for n in ("registry", "kinds_configured", "judge_scan")),
    )
    assert green.returncode == 0, green.stdout

    assert run(copy, "ruff", "check", "--fix", "--select", "I", "restorecheck").returncode == 0
    for tool in (("check",), ("format", "--check")):
        clean = run(copy, "ruff", *tool, "restorecheck", "tests/unit/checks")
        assert clean.returncode == 0, clean.stdout


def test_a_new_source_is_known_to_the_configuration_and_its_test_is_red_until_it_is_filled_in(copy):
    made = run(copy, "tools.new", "source", "base_backup")
    assert made.returncode == 0, made.stderr

    written = run(copy, "tests.write_reference")
    assert written.returncode == 0, written.stderr
    schema = json.loads((copy / "docs/reference/restorecheck.schema.json").read_text())
    assert "BaseBackup" in schema["$defs"]

    red = run(copy, "pytest", "-q", "tests/unit/hosts/sources/test_base_backup_source.py")
    assert red.returncode == 1, red.stdout + red.stderr
    assert "2 failed" in red.stdout, "it restores nothing, and claims to delete nothing"

    provider = copy / "restorecheck/postgres/base_backup/provider.py"
    edit(
        provider,
        'return StillThere(resource, "its deletion is not written yet", hopeless=True)',
        "return Gone(resource)",
    )
    assert (
        "1 failed, 1 passed"
        in run(copy, "pytest", "-q", "tests/unit/hosts/sources/test_base_backup_source.py").stdout
    )

    assert run(copy, "ruff", "check", "--fix", "--select", "I", "restorecheck").returncode == 0
    for tool in (("check",), ("format", "--check")):
        clean = run(
            copy,
            "ruff",
            *tool,
            "restorecheck",
            "tests/unit/hosts/sources/test_base_backup_source.py",
        )
        assert clean.returncode == 0, clean.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "small letters"), ("PercentNull", "small letters"), ("percent_null", "is there already")],
)
def test_nothing_is_written_under_a_name_that_is_none_or_taken(name, says):
    done = run(ROOT, "tools.new", "check", name)

    assert done.returncode == 1
    assert says in done.stderr
