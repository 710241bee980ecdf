"""What is new stands in `changes/`, one file a change, until a release makes a section of them."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = [
    kind["directory"]
    for kind in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
]


def test_a_change_is_one_short_sentence_of_a_kind():
    for path in (ROOT / "changes").iterdir():
        if path.name != "README.md":
            text = path.read_text()
            assert path.name.split(".")[1:] in [[kind, "md"] for kind in KINDS], path.name
            assert text.endswith(".\n"), path.name
            assert text.count("\n") == 1, path.name
            assert len(text) < 180, path.name


def test_a_release_makes_the_newest_section_of_them(tmp_path):
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "changes").mkdir()
    for kind in KINDS:
        (tmp_path / "changes" / f"a-topic.{kind}.md").write_text(f"It is {kind}.\n")

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "towncrier",
            "build",
            "--yes",
            "--version=9.8.7",
            "--date=2030-01-02",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    before, _, after = (ROOT / "CHANGELOG.md").read_text().partition("\n## ")
    expected = "".join(f"\n### {kind.title()}\n\n- It is {kind}.\n" for kind in KINDS)
    made = (tmp_path / "CHANGELOG.md").read_text()
    assert made == f"{before}\n## 9.8.7 (2030-01-02)\n{expected}\n\n## {after}"
    assert not list((tmp_path / "changes").iterdir())
