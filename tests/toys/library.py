"""The package with toys in it, and something that they can be tried on: a backup of shelves."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from tools.new import write

TOYS = Path(__file__).parent
ROOT = TOYS.parents[1]
WHOLE = "poems: Duino, Iliad, Sonnets\nplays: Faust\nend of shelves\n"
CHECK = {"row_count": {"table": "poems", "min": 2}}


class Library:
    """A folder with a backup of shelves, a configuration, and the command that knows shelves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.added = folder / "added"
        self.add("shelf")
        self.work = folder / "work"
        self.work.mkdir()
        self.backup(WHOLE)
        self.configure()

    def add(self, toy: str) -> set[str]:
        """What it adds or edits: files below `restorecheck/`."""
        before = self.files()
        if (TOYS / toy).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(TOYS / toy, self.added, ignore=unwanted, dirs_exist_ok=True)
        template = TOYS / f"{toy}.toml"
        for line in tomllib.loads(template.read_text())["line"]:
            if not (edited := self.added / line["path"]).exists():
                edited.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / line["path"], edited)
        write(template, self.added, {})
        return {name for name, text in self.files().items() if before.get(name) != text}

    def files(self) -> dict[str, str]:
        ours = self.added / "restorecheck"
        return {str(path.relative_to(ours)): path.read_text() for path in ours.rglob("*.py")}

    def backup(self, text: str) -> None:
        (self.folder / "shelves.txt").write_text(text)

    def configure(self, *checks, more=None, **keys) -> None:
        shelf = {"path": "shelves.txt", "work_dir": "work", **keys}
        target = {"name": "library", "shelf": shelf, "checks": list(checks or [CHECK])}
        self.write(target, **(more or {}))

    def write(self, *targets, **more) -> None:
        keys = {
            "version": 1,
            "postgres": {"work_dir": str(self.work)},
            "history": {"path": "history.sqlite"},
            "targets": list(targets),
            **more,
        }
        (self.folder / "restorecheck.yaml").write_text(yaml.safe_dump(keys))

    def run(self, *arguments: str):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RESTORECHECK")}
        return subprocess.run(
            [sys.executable, str(TOYS / "run.py"), str(self.added), *arguments],
            cwd=self.folder,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
