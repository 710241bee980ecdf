"""A page in a real browser: what it says, what it asks for, what lies where."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

DESKTOP: ViewportSize = {"width": 1100, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
TABLET: ViewportSize = {"width": 768, "height": 1024}
NARROW: ViewportSize = {"width": 320, "height": 568}
SHEET: ViewportSize = {"width": 718, "height": 1047}
"""A4 without a centimetre on each side, in the pixels of a sheet of style."""
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str | None:
    """Debian's; Playwright's own browsers are not installed."""
    return shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Without a window, with a folder of its own that is gone afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program(), headless=True, args=list(ARGUMENTS)
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """One page that is led from file to file, or from address to address, and what happened since the last was opened."""

    page: Page
    said: list[str] = field(default_factory=list)
    """On the console, errors of scripts included."""
    asked: list[str] = field(default_factory=list)
    """Addresses of requests."""

    def open(
        self,
        place: Path | str,
        *,
        window: ViewportSize = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
    ) -> None:
        self.page.set_viewport_size(window)
        self.page.emulate_media(color_scheme=scheme, media="screen")
        self.said.clear()
        self.asked.clear()
        self.page.goto(place if isinstance(place, str) else place.as_uri())


def tab(browser: Browser, **context: Any) -> Tab:
    opened = browser.new_context(**context)
    made = Tab(opened.new_page())
    made.page.on("console", lambda message: made.said.append(message.text))
    made.page.on("pageerror", lambda error: made.said.append(str(error)))
    opened.on("request", lambda request: made.asked.append(request.url))
    return made


def grave(page: Page) -> list[tuple[str, str, str]]:
    """What axe-core (https://github.com/dequelabs/axe-core) calls serious or critical: rule, element, why."""
    return [
        (one["id"], node["html"][:200], node["failureSummary"])
        for one in Axe().run(page).response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def words(page: Page) -> str:
    """What a reader sees, as text."""
    return page.locator("body").inner_text()


OVERLAPPING = """() => {
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const parent = node.parentElement;
    if (!node.data.trim() || !parent.checkVisibility() || getComputedStyle(parent.closest('thead') || parent).clipPath !== 'none') continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 1 && box.height > 1) lines.push({box, parent, node, text: node.data.trim().slice(0, 40)});
  }
  lines.sort((a, b) => a.box.top - b.box.top);
  const found = [];
  const clipped = line => {
    const around = line.parent.closest('h1, .clamp');
    return around && line.box.top >= around.getBoundingClientRect().bottom - 1;
  };
  const shown = lines.filter(line => !clipped(line));
  shown.forEach((one, n) => {
    for (let m = n + 1; m < shown.length && shown[m].box.top < one.box.bottom - 4; m++) {
      const other = shown[m];
      if (one.node === other.node) continue;
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - other.box.top;
      if (across > 2 && down > 4) found.push(one.text + ' | ' + other.text);
    }
  });
  return found;
}"""
"""Texts that lie upon each other, by more than the room around their letters."""

OUTSIDE = """() => [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('svg, thead') && e.getBoundingClientRect().width > 1)
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)
  .map(e => e.tagName + ' ' + e.className)"""
"""Elements that reach beyond the window."""

BROKEN_WORDS = """where => [...document.querySelectorAll(where)]
  .filter(e => getComputedStyle(e.closest('thead') || e).clipPath === 'none')
  .filter(e => e.scrollWidth > e.clientWidth + 1 || e.textContent.trim().split(/[\\s._:\\/-]+|(?<=[a-z])(?=[A-Z])/).filter(word => word.length < 21).some(word => {
    const node = [...e.childNodes].find(n => n.nodeType === 3 && n.data.includes(word));
    if (!node) return false;
    const range = document.createRange();
    range.setStart(node, node.data.indexOf(word));
    range.setEnd(node, node.data.indexOf(word) + word.length);
    return new Set([...range.getClientRects()].map(box => Math.round(box.bottom))).size > 1;
  }))
  .map(e => e.textContent)"""
"""Cells, named by a selector, whose words are broken over lines, or run out of them."""
