"""The documentation as a site: every page has a place, every link leads somewhere, nothing comes from elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restorecheck import config
from tests.missing import need

ROOT = Path(__file__).parents[1]
WAYS_IN = (
    "tutorial/first-drill.md",
    "tutorial/rds-in-an-afternoon.md",
    "how-to/aws-backup.md",
    "how-to/kubernetes.md",
)
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)[^>]*\s(?:src|href)=["']?(?:https?:)?//[^"' >]*"""
)
OWN_PACKAGE = re.compile(r"pip install '?restorecheck")


def build(source: Path, to: Path) -> subprocess.CompletedProcess[str]:
    """`mkdocs build --strict`, in a network of its own that leads nowhere."""
    alone = [shutil.which("unshare") or "", "--map-root-user", "--net"]
    able = alone[0] and subprocess.run([*alone, "true"], check=False).returncode == 0
    need(able, "network namespaces", "run the tests where `unshare --map-root-user --net` works")
    words = ["build", "--strict", "--config-file", "mkdocs.yml", "--site-dir", str(to)]
    return subprocess.run(
        [*alone, sys.executable, "-m", "mkdocs", *words],
        cwd=source,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    to = tmp_path_factory.mktemp("site")
    done = build(ROOT, to)
    assert done.returncode == 0, done.stderr
    return to


@pytest.fixture
def copied(tmp_path):
    """The sources of the site, to be changed."""
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


def test_the_site_is_built_without_a_network_and_has_every_page(site):
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").with_suffix(".html")
        assert (site / (name if name.stem != "README" else "index.html")).exists(), name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A page without a place.\n", "not included in the"),
        ("[there](../no-such-page.md)\n", "no-such-page.md"),
        ("[there](keep.md#no-such-part)\n", "no-such-part"),
    ],
)
def test_a_page_without_a_place_and_a_link_that_leads_nowhere_break_the_build(copied, text, says):
    if "place" in text:
        (copied / "docs" / "how-to" / "new.md").write_text(text)
    else:
        with (copied / "docs" / "how-to" / "keep.md").open("a") as page:
            page.write(text)

    done = build(copied, copied / "site")

    assert done.returncode == 1
    assert says in done.stderr


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))

    assert len(pages) > 40
    for page in pages:
        assert LOADED.findall(page.read_text()) == [], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text()), sheet


def test_the_search_knows_every_page(site):
    index = json.loads((site / "search" / "search_index.json").read_text())

    known = {entry["location"].partition("#")[0] or "index.html" for entry in index["docs"]}
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")} - {"404.html"}
    assert known == pages


def test_the_first_page_says_in_ten_lines_what_it_is_and_names_every_way_in():
    first, _, rest = (ROOT / "docs/README.md").read_text().partition("\n## ")

    assert len([line for line in first.splitlines() if line.strip()]) <= 12
    for said in ("What it does", "For whom", "What it does not do"):
        assert f"**{said}.**" in first
    for page in WAYS_IN:
        assert page in rest, page


@pytest.mark.parametrize("page", WAYS_IN)
def test_the_configuration_of_a_way_in_is_valid(page):
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"```yaml\n(version: 1\n.*?)```", text, re.DOTALL)

    assert blocks
    for block in blocks:
        environment = {"RESTORECHECK_EXTERNAL_ID": "x" * 20}
        config.parse(block, file=page, directory=ROOT, environment=environment)


def test_no_page_installs_the_package_from_where_it_cannot_be_had():
    """But for what the program says, which is read where it is installed: then pip adds an extra."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if page.name not in {"rules.md", "texts.md"}:
            assert not OWN_PACKAGE.search(page.read_text()), page
