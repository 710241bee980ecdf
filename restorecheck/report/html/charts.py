"""Charts of the last nights, as SVG that the page's own style colours (light and dark)."""

import math
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from restorecheck.report.document import Report
from restorecheck.report.past import Night, Past
from restorecheck.report.terminal import clean

with warnings.catch_warnings():
    # pygal (3.1) puts a finder of an old kind into everybody's way of importing; nobody needs it.
    warnings.simplefilter("ignore", ImportWarning)
    import pygal

    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__module__ != pygal.__name__]

WIDTH, HEIGHT = 720, 200
MINUTE, HOUR = 60, 3600
LABELS = 6
"""Dates below a chart; more do not fit on a phone."""

# pygal brings a style, a script and the date of today; the page has its own style, and needs no other.
_OWN_THINGS = re.compile(r"<!--.*?-->|<style.*?</style>|<script.*?</script>| id=\"\"", re.DOTALL)
_DESCRIPTIONS = re.compile(r"<desc.*?</desc>|<title>.*?</title>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    says: str
    """What it shows, for somebody who does not see it."""
    svg: str


def charts(report: Report, past: Past) -> list[Chart]:
    """Those for which there are numbers."""
    made = [
        _line(past, "Restore time, minutes", lambda night: _per(night.restore_seconds, MINUTE)),
        _line(past, "Age of the backup, hours", lambda night: _per(night.backup_age_seconds, HOUR)),
        _rows(past),
        _steps(report),
    ]
    return [chart for chart in made if chart is not None]


def _per(value: float | None, unit: int) -> float | None:
    return None if value is None else round(value / unit, 3)


def _line(past: Past, title: str, of: Callable[[Night], float | None]) -> Chart | None:
    values = [of(night) for night in past.nights]
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004  # one point is no line
        return None
    chart = pygal.Line(**_config(past), show_legend=False)
    chart.add(title, values)
    says = f"{title}: {known[0]:.3g} at first, {known[-1]:.3g} now, {max(known):.3g} at most"
    return Chart(title, says, _svg(chart))


def _rows(past: Past) -> Chart | None:
    tables = past.tables()
    if len(past.nights) < 2 or not tables:  # noqa: PLR2004  # as above
        return None
    chart = pygal.Line(**_config(past), legend_at_bottom=True, logarithmic=True)
    drawn = {name: [night.rows.get(name) or None for night in past.nights] for name in tables}
    for name, values in drawn.items():
        chart.add(clean(name)[:40], values)
    chart.y_labels = _powers([v for values in drawn.values() for v in values if v])
    said = ", ".join(f"{name} {past.nights[-1].rows[name]:,.0f}" for name in tables)
    return Chart("Rows of the largest tables", f"Rows now: {said}", _svg(chart))


def _powers(values: Sequence[float]) -> list[int]:
    """The powers of ten around these values: pygal's own labels overlap on a logarithmic scale."""
    if not values:
        return []
    lowest, highest = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10**power for power in range(lowest, max(highest, lowest + 1) + 1)]


def _steps(report: Report) -> Chart | None:
    """The drill as a strip: when each step began, and how long it took."""
    if not report.steps:
        return None
    began = report.steps[0].started_at
    chart = pygal.HorizontalStackedBar(
        **_plain(height=60 + 24 * len(report.steps)), show_legend=False, margin_left=10
    )
    names = [clean(step.name) for step in reversed(report.steps)]
    chart.x_labels = names
    starts = [(step.started_at - began).total_seconds() for step in reversed(report.steps)]
    chart.add("before", starts)
    chart.add("seconds", [step.seconds for step in reversed(report.steps)])
    said = ", ".join(f"{step.name} {step.seconds:.1f} s" for step in report.steps)
    return Chart("The drill, seconds from its beginning", said, _svg(chart))


def _config(past: Past) -> dict[str, object]:
    days = [f"{night.at:%d %b}" for night in past.nights]
    shown = days[:: max(1, len(days) // LABELS)]
    return {
        **_plain(),
        "x_labels": days,
        "x_labels_major": shown,
        "show_minor_x_labels": False,
        "include_x_axis": True,
    }


def _plain(height: int = HEIGHT) -> dict[str, object]:
    return {
        "width": WIDTH,
        "height": height,
        "js": [],
        "no_prefix": True,
        "show_dots": False,
        "margin": 6,
        "truncate_legend": -1,
        "truncate_label": -1,
        "max_scale": 5,
    }


def _svg(chart: "pygal.graph.graph.Graph") -> str:
    drawn: str = chart.render(is_unicode=True, disable_xml_declaration=True)
    plain = _DESCRIPTIONS.sub("", _OWN_THINGS.sub("", drawn))
    return plain.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def calendar(nights: Sequence[Night]) -> list[tuple[str, str, str]]:
    """Of each night: its day, its verdict, and the words for it."""
    return [
        (f"{night.at:%Y-%m-%d}", night.verdict.value, f"{night.at:%Y-%m-%d}: {night.verdict.value}")
        for night in nights
    ]
