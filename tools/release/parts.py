"""The parts of a release: packages, chart, templates, notes."""

import re
import sys
from pathlib import Path

from tools.release.archive import files_below, pack
from tools.release.source import ReleaseError, Source

TEMPLATES = (
    "action.yml",
    "templates",
    "infra",
    "docs/how-to/service",
    "docs/prometheus",
    "docs/grafana",
)
"""What people copy into their own repositories."""


def packages(source: Source, out: Path) -> None:
    """Wheel and sdist."""
    source.run(sys.executable, "-m", "hatchling", "build", "-d", out)


def chart(source: Source, out: Path) -> None:
    """As `helm package` packs it."""
    folder = source.root / "charts" / "restorecheck"
    facts = (folder / "Chart.yaml").read_text()
    if f"\nversion: {source.version}\n" not in facts:
        raise ReleaseError(
            f"set version and appVersion in {folder / 'Chart.yaml'} to {source.version}"
        )
    files = [path for path in files_below(folder) if not path.name.startswith(".")]
    into = out / f"restorecheck-{source.version}.tgz"
    pack(into, files, root=folder, prefix="restorecheck/", epoch=source.epoch)


def templates(source: Source, out: Path) -> None:
    files: list[Path] = []
    for name in TEMPLATES:
        path = source.root / name
        files += files_below(path) if path.is_dir() else [path]
    into = out / f"restorecheck-{source.version}-templates.tar.gz"
    prefix = f"restorecheck-{source.version}/"
    pack(into, files, root=source.root, prefix=prefix, epoch=source.epoch)


def notes(source: Source, out: Path) -> None:
    """Of the files in `changes/`; when `make changelog` has taken them, the newest section of CHANGELOG.md."""
    if list((source.root / "changes").glob("*.*.md")):
        text = source.run(
            sys.executable, "-m", "towncrier", "build", "--draft", "--date", source.date()
        )
    else:
        changelog = (source.root / "CHANGELOG.md").read_text()
        section = re.search(r"^## .*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
        assert section is not None
        text = section[0]
    (out / "RELEASE-NOTES.md").write_text(text.strip() + "\n")
