"""One browser for all, and the pages as files."""

from pathlib import Path

import pytest

from restorecheck.report import html
from restorecheck.report.past import past_of
from tests.browser import courses
from tests.browser.browsing import chromium, program, tab
from tests.missing import need
from tests.nights import HOSTILE, hostile, night
from tests.unit.report.test_restorable import BEFORE, KINDS

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="module")
def browser():
    """Of one module: while it runs, the thread has an event loop that other tests would meet."""
    need(program(), "chromium", "apt-get install chromium fonts-dejavu-core")
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def plain(browser):
    """A tab as everybody has it."""
    return tab(browser)


@pytest.fixture(scope="module")
def scriptless(browser):
    return tab(browser, java_script_enabled=False)


@pytest.fixture(scope="module")
def lenient(browser):
    """A tab that runs a script although the page forbids it: the one that judges the page."""
    return tab(browser, bypass_csp=True)


@pytest.fixture(scope="module")
def phone(browser):
    return tab(browser, device_scale_factor=2, is_mobile=True, has_touch=True)


@pytest.fixture(scope="session")
def screenshots():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """Name → file. `hostile-N`: one text everywhere; `hostile`: all of them at once."""
    folder = tmp_path_factory.mktemp("pages")
    histories = {
        "failed": courses.Nights(emptied=True).reports(),
        "verified": courses.Nights().reports(),
        "left-behind": courses.Nights(left_behind=True).reports(),
        "long": courses.with_long_reason(),
        "names": courses.with_long_names(),
        "hostile": courses.hostile(),
        **{f"hostile-{n}": [night(), hostile(text)] for n, text in enumerate(HOSTILE)},
        **{f"call-{n}": [BEFORE, report] for n, (report, _) in enumerate(KINDS.values())},
    }
    made = {name: html.render(all_[-1], past_of(all_)) for name, all_ in histories.items()}
    made["index"] = html.render_index(*courses.targets(50))
    made["index-hostile"] = html.render_index(*courses.targets(3, names=HOSTILE))
    for name, page in made.items():
        (folder / f"{name}.html").write_text(page)
    return {name: folder / f"{name}.html" for name in made}
