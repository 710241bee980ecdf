"""A kind of source that is added as a contributor would: its files, and one line in the registry. It is of
an engine of its own, so nothing of PostgreSQL is asked for.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from restorecheck.config.sources import registry
from tests.places import SHORT

TOY = Path(__file__).parents[1] / "toys" / "shelf"
RUN = TOY.parent / "run.py"
WHOLE = "poems: Duino, Iliad, Sonnets\nplays: Faust\nend of shelves\n"
CHECK = {"row_count": {"table": "poems", "min": 2}}
MOST_FILES = 6
"""Of a new source, its room and the edited ones included."""


class Library:
    """A folder with a backup of shelves, a configuration, and the command that knows shelves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.added = folder / "added"
        shutil.copytree(TOY, self.added, ignore=shutil.ignore_patterns("__pycache__"))
        own = Path(registry.__file__).read_text()
        edited = own.replace("(DUMP, RDS, ADOPT)", "(DUMP, RDS, ADOPT, SHELF)").replace(
            "from restorecheck.config.sources.rds import RDS\n",
            "from restorecheck.config.sources.rds import RDS\n"
            "from restorecheck.config.sources.shelf import SHELF\n",
        )
        (self.added / "restorecheck/config/sources/registry.py").write_text(edited)
        self.work = folder / "work"
        self.work.mkdir()
        self.backup(WHOLE)
        self.configure()

    def backup(self, text: str) -> None:
        (self.folder / "shelves.txt").write_text(text)

    def configure(self, *checks, **keys) -> None:
        shelf = {"path": "shelves.txt", "work_dir": "work", **keys}
        target = {"name": "library", "shelf": shelf, "checks": list(checks or [CHECK])}
        self.write(target)

    def write(self, *targets) -> None:
        keys = {
            "version": 1,
            "postgres": {"work_dir": str(self.work)},
            "history": {"path": "history.sqlite"},
            "targets": list(targets),
        }
        (self.folder / "restorecheck.yaml").write_text(yaml.safe_dump(keys))

    def run(self, *arguments: str):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RESTORECHECK")}
        return subprocess.run(
            [sys.executable, str(RUN), str(self.added), *arguments],
            cwd=self.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def library():
    with tempfile.TemporaryDirectory(prefix="rc", dir=SHORT) as name:
        yield Library(Path(name))


def test_a_drill_of_a_new_source_and_engine_is_planned_and_verified_and_leaves_nothing(library):
    planned = library.run("drill", "--plan")
    drilled = library.run("drill", "--json")
    known = library.run("status")

    assert "unpack the shelves" in planned.stdout, planned.stderr
    assert drilled.returncode == 0, drilled.stderr
    report = json.loads(drilled.stdout)
    assert report["verdict"] == "verified"
    kinds = [check["kind"] for check in report["checks"]]
    assert kinds == ["server_answers", "tables_countable", "row_count"]
    assert list(library.work.iterdir()) == []
    assert "library" in known.stdout
    assert known.returncode == 0


def test_a_bad_backup_and_a_check_that_does_not_hold_fail(library):
    library.backup("poems: Duino\nend of shelves\n")
    too_few = json.loads(library.run("drill", "--json").stdout)
    library.backup("poems: Duino, Iliad\n")
    cut = json.loads(library.run("drill", "--json").stdout)

    assert (too_few["verdict"], cut["verdict"]) == ("failed", "failed")
    assert cut["reason"] == "shelves.txt has no end"
    assert list(library.work.iterdir()) == []


def test_its_nights_are_compared_with_each_other(library):
    plays = ", ".join(f"play {number}" for number in range(300))
    library.backup(WHOLE.replace("Faust", plays))
    library.run("drill", "--json")
    library.backup("poems: Duino, Iliad, Sonnets\nend of shelves\n")

    second = json.loads(library.run("drill", "--json").stdout)

    assert second["verdict"] == "failed"
    (failed,) = (check for check in second["checks"] if check["outcome"] == "failed")
    assert failed["kind"] == "not_emptied"
    assert "plays" in failed["detail"]


def test_its_keys_and_rules_are_part_of_the_configuration(library):
    library.configure(CHECK, {"query": {"sql": "select 1", "expect": 1}}, work_dir="shelves.txt")

    answer = library.run("config", "validate")

    assert answer.returncode == 2
    assert "shelf.work_dir: the backup itself is no place for it" in answer.stderr
    assert "query is not a check of Shelves" in answer.stderr
    assert "The backups are shelves of books." in library.run("config", "schema").stdout
    library.write({"name": "library"})
    assert "these keys: dump, rds, adopt, shelf" in library.run("config", "validate").stderr


def test_a_sweep_takes_away_what_it_left_and_the_doctor_looks_at_the_machine(library):
    left = library.work / "restorecheck-20260226-031500-a1b2c3"
    left.mkdir()

    swept = library.run("sweep")
    doctor = library.run("doctor")

    assert f"deleted   unpacked shelves {left}" in swept.stdout, swept.stderr
    assert not left.exists()
    assert doctor.returncode in {0, 1, 3}, doctor.stderr
    assert "library" not in doctor.stderr


def test_a_command_that_needs_postgresql_says_that_it_is_another_engine(library):
    answer = library.run("propose", "library")

    assert answer.returncode == 2
    assert "propose is for PostgreSQL; 'library' restores Shelves" in answer.stderr


def test_a_source_touches_few_files(library):
    files = [path for path in library.added.rglob("*.py") if path.name != "__init__.py"]

    assert len(files) <= MOST_FILES, files
