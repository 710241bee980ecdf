"""The documentation's site in a real browser: it searches, and asks no other machine for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.browsing import tab

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The site, served on 127.0.0.1."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
        capture_output=True,
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        (port,) = re.findall(r"port (\d+)", server.stdout.readline())
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


def test_a_reader_finds_a_page_by_the_search_and_nothing_is_asked_of_another_machine(
    browser, address
):
    opened = tab(browser)
    opened.page.goto(address)
    field = opened.page.get_by_placeholder("Search").first
    field.click()
    opened.page.get_by_text("Type to start searching").wait_for()
    field.press_sequentially("cosign")  # a word of one page

    found = opened.page.locator(".md-search-result__link").first
    found.wait_for()
    found.click()

    assert "How restorecheck compares" in opened.page.inner_text("h1")
    assert opened.said == []
    assert {
        url.split("/")[2] for url in opened.asked if not url.startswith(("data:", "blob:"))
    } == {address.split("/")[2]}
