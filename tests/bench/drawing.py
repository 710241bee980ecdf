"""Charts of what was measured, for the documentation: the same numbers give the same file."""

import re
from pathlib import Path
from typing import Any

from pygal.style import CleanStyle

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LOOK: dict[str, Any] = {
    "style": CleanStyle,
    "js": [],
    "pretty_print": True,
    "width": 800,
    "height": 420,
    "legend_at_bottom": True,
    "disable_xml_declaration": True,
}


def save(chart: Any, name: str) -> None:  # pygal has no types
    """As docs/images/NAME.svg; pygal gives each run another id."""
    IMAGES.mkdir(exist_ok=True)
    drawn = re.sub(r"/\*.*?\*/|<!--.*?-->", "", chart.render(is_unicode=True), flags=re.DOTALL)
    (IMAGES / f"{name}.svg").write_text(drawn.replace(chart.uuid, name) + "\n")
