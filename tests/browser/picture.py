"""`python -m tests.browser.picture`: makes the picture of a failed drill that README.md shows."""

import tempfile
from pathlib import Path

from restorecheck.report import html
from restorecheck.report.past import past_of
from tests.browser import courses
from tests.browser.browsing import chromium, tab

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "report.png"
WIDTH, HEIGHT = 1060, 994
"""Down to the end of the answers."""


def make(to: Path) -> None:
    reports = courses.Nights(emptied=True).reports()
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "report.html"
        page.write_text(html.render(reports[-1], past_of(reports)))
        opened = tab(browser)
        opened.open(page, window={"width": WIDTH, "height": HEIGHT})
        opened.page.screenshot(path=to)


if __name__ == "__main__":
    make(PICTURE)
