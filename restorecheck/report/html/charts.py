"""Charts of the last nights, as SVG that the page's style colours (light and dark)."""

import math
import re
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from markupsafe import Markup

from restorecheck.model import ObjectiveKind
from restorecheck.report.document import Report
from restorecheck.report.past import Night, Past
from restorecheck.report.terminal import clean
from restorecheck.spelling import spell

with warnings.catch_warnings():
    # pygal (3.1) adds an outdated import finder, which is not needed.
    warnings.simplefilter("ignore", ImportWarning)
    import pygal

    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__module__ != pygal.__name__]

WIDTH, HEIGHT = 480, 200
"""Units of a drawing; on a phone and beside another one a unit is a bit less than a pixel."""
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}
SIZES = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
LABELS = 5
"""Dates below a chart; more do not fit on a phone."""
NAME = 28
"""Characters of a step's name; the rest is cut, to leave room for its bar."""
STEPS = 3
"""Intervals of a scale, at most one more."""
HEADROOM = 1.1
FAR = 4
"""Factor above the highest value: an objective beyond it is not drawn, because it would flatten the line."""
NOTHING = 1e-6
"""Smallest number with a scale; numbers are rounded to thousandths."""

# pygal adds a style, a script and today's date; the page has its own style.
_OWN_THINGS = re.compile(r"<!--.*?-->|<style.*?</style>|<script.*?</script>| id=\"\"", re.DOTALL)
_DESCRIPTIONS = re.compile(r"<desc.*?</desc>|<title>.*?</title>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    says: str
    """Description for readers who do not see the chart."""
    svg: str
    key: tuple[str, ...] = ()
    """Names of the lines, in the order of their colours; empty: a single line."""
    strip: bool = False

    @property
    def drawn(self) -> Markup:
        return Markup(self.svg)  # noqa: S704  # drawn by pygal, which escapes


def charts(report: Report, past: Past) -> list[Chart]:
    """The charts for which there are numbers."""
    made = [
        _rows(past),
        _line(
            past,
            "Restore time",
            lambda night: night.restore_seconds,
            _limit(report, ObjectiveKind.RTO),
        ),
        _line(
            past,
            "Age of the backup",
            lambda night: night.backup_age_seconds,
            _limit(report, ObjectiveKind.RPO),
        ),
        _line(past, "Size of the backup", lambda night: night.size_bytes, units=SIZES),
        _steps(report),
    ]
    return [chart for chart in made if chart is not None]


def _unit(highest: float, units: Mapping[str, int]) -> tuple[str, int]:
    """The unit for a number: 8 minutes instead of 480 seconds, 90 seconds instead of 1.5 minutes; but 1.5 GB."""
    least = 1 if units is SIZES else 2
    fitting = [(word, unit) for word, unit in units.items() if highest >= least * unit]
    return fitting[-1] if fitting else next(iter(units.items()))


def _limit(report: Report, kind: ObjectiveKind) -> float | None:
    """The present objective in seconds; None: not configured."""
    limits = [c.measured.get("limit_seconds") for c in report.checks if c.kind == kind]
    return limits[0] if limits else None


def _line(
    past: Past,
    name: str,
    of: Callable[[Night], float | None],
    limit: float | None = None,
    units: Mapping[str, int] = UNITS,
) -> Chart | None:
    """`of`: a night's number in the smallest of `units`, or None. `limit`: seconds that are asked for, drawn beside it."""
    numbers = [of(night) for night in past.nights]
    some = [value for value in numbers if value is not None]
    if len(some) < 2:  # noqa: PLR2004  # one point is no line
        return None
    word, unit = _unit(max(some), units)
    title = f"{name}, {word}"
    values = [None if value is None else round(value / unit, 3) for value in numbers]
    known = [value for value in values if value is not None]
    asked = None if limit is None else round(limit / unit, 3)
    fits = asked is not None and asked <= max(known) * FAR
    scale = _scale(max(*known, asked) if asked is not None and fits else max(known))
    chart = pygal.Line(
        **_config(past), range=(0, scale[-1]), y_labels=scale, value_formatter=_number
    )
    chart.add(title, values)
    says = f"{title}: first {known[0]:.3g}, now {known[-1]:.3g}, highest {max(known):.3g}"
    if asked is None or limit is None:
        return Chart(title, says, _svg(chart))
    objective = f"objective: {spell(timedelta(seconds=limit), exact=True)}"
    if not fits:
        objective += ", above this picture"
    chart.add(objective, [asked if fits else None] * len(values))
    return Chart(title, f"{says}; {objective}", _svg(chart), (name.lower(), objective))


def _scale(highest: float) -> list[float]:
    """From 0 to slightly above the highest value, in round steps: 0, 2, 4, 6."""
    top = (highest if highest > NOTHING else 1) * HEADROOM
    power = 10.0 ** math.floor(math.log10(top / STEPS))
    step = next(each * power for each in (1, 2, 5, 10) if each * power * STEPS >= top)
    return [step * number for number in range(math.ceil(top / step) + 1)]


def _number(value: float) -> str:
    """Short, as a label: 0.5, 20, 300k, 4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.3g}"


def _rows(past: Past) -> Chart | None:
    tables = past.tables()
    if len(past.nights) < 2 or not tables:  # noqa: PLR2004  # as above
        return None
    drawn = {name: [night.rows.get(name) for night in past.nights] for name in tables}
    scale = _powers([v for values in drawn.values() for v in values if v is not None])
    floor = scale[0]
    chart = pygal.Line(
        **_config(past) | {"include_x_axis": False},  # 0 has no place on this scale
        logarithmic=True,
        range=(floor, scale[-1] * 1.02),  # pygal leaves out a label that lies on the very edge
        value_formatter=lambda value: "0" if value <= floor else _number(value),
    )
    for name, values in drawn.items():
        # A logarithmic scale has no 0: a table without rows is drawn at the lowest value, which is labelled 0.
        chart.add(clean(name)[:40], [v if v is None else max(v, floor) for v in values])
    chart.y_labels = scale
    key = tuple(
        f"{clean(name)[:40]}: {_now(values, past.nights)}" for name, values in drawn.items()
    )
    return Chart("Rows of the largest tables", f"Rows now: {', '.join(key)}", _svg(chart), key)


def _now(values: Sequence[float | None], nights: Sequence[Night]) -> str:
    if values[-1] is not None:
        return f"{values[-1]:,.0f}"
    counted = [(n, at.at) for n, at in zip(values, nights, strict=True) if n is not None]
    number, at = counted[-1]  # a table is only drawn because it was counted once
    return f"last counted: {number:,.0f} on {at:%Y-%m-%d}"


def _powers(values: Sequence[float]) -> list[float]:
    """The powers of ten around these values, and one below them for 0.

    pygal's own labels overlap on a logarithmic scale.
    """
    some = [value for value in values if value > 0] or [1]
    lowest, highest = math.floor(math.log10(min(some))), math.ceil(math.log10(max(some)))
    highest = max(highest, lowest + 1)
    apart = math.ceil((highest - lowest + 1) / (STEPS + 1))
    parts = math.ceil((highest - lowest + 1) / apart)
    return [10.0 ** (highest - apart * part) for part in range(parts, -1, -1)]


def _steps(report: Report) -> Chart | None:
    """The drill as a bar chart: start and duration of each step."""
    if not report.steps:
        return None
    began = report.steps[0].started_at
    starts = [(step.started_at - began).total_seconds() for step in reversed(report.steps)]
    lasting = [step.seconds for step in reversed(report.steps)]
    end = max(start + seconds for start, seconds in zip(starts, lasting, strict=True))
    word, unit = _unit(end, UNITS)
    scale = _scale(end / unit)
    chart = pygal.HorizontalStackedBar(
        **_plain(height=50 + 24 * len(report.steps)),
        margin_left=10,
        range=(0, scale[-1]),
        y_labels=scale,
        value_formatter=_number,
    )
    chart.x_labels = [clean(step.name)[:NAME] for step in reversed(report.steps)]
    chart.add("before", [start / unit for start in starts])
    chart.add(word, [seconds / unit for seconds in lasting])
    said = ", ".join(f"{step.name} {step.seconds:.1f} s" for step in report.steps)
    return Chart(f"The drill, {word} from its beginning", said, _svg(chart), strip=True)


def _config(past: Past) -> dict[str, object]:
    days = _days(past.nights)
    return {
        **_plain(),
        "x_labels": days,
        "x_labels_major": [day for day in days if day],
        "show_minor_x_labels": False,
        "include_x_axis": True,
    }


def _days(nights: Sequence[Night]) -> list[str]:
    """Dates for some of the nights, with the first and the last, and space between them.

    Each day once, because pygal identifies labels by name.
    """
    last = len(nights) - 1
    fitting = (n for n in range(min(LABELS, len(nights)), 1, -1) if last // (n - 1) * LABELS > last)
    parts = next(fitting, 2) - 1
    places = [last * part // parts for part in range(parts + 1)]
    shown: dict[str, int] = {}
    for number in (places[0], places[-1], *places[1:-1]):
        shown.setdefault(f"{nights[number].at:%d %b}", number)
    names = {number: day for day, number in shown.items()}
    return [names.get(number, "") for number in range(len(nights))]


def _plain(height: int = HEIGHT) -> dict[str, object]:
    return {
        "width": WIDTH,
        "height": height,
        "js": [],
        "no_prefix": True,
        "show_dots": False,
        "show_legend": False,
        "margin": 10,
        "margin_right": 22,  # half a date
        "truncate_legend": -1,
        "truncate_label": -1,
        "max_scale": 5,
    }


def _svg(chart: "pygal.graph.graph.Graph") -> str:
    drawn: str = chart.render(is_unicode=True, disable_xml_declaration=True)
    plain = _DESCRIPTIONS.sub("", _OWN_THINGS.sub("", drawn))
    return plain.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def calendar(nights: Sequence[Night]) -> list[tuple[str, str, str]]:
    """For each night: its day, its verdict, and a text."""
    return [
        (f"{night.at:%Y-%m-%d}", night.verdict.value, f"{night.at:%Y-%m-%d}: {night.verdict.value}")
        for night in nights
    ]
