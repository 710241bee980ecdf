"""What holds between the named moments of a physical backup, the last moment, and the checks."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from restorecheck.config.findings import ConfigFinding
from restorecheck.config.sources.kind import Written

TIME, LSN, LATEST = "time", "lsn", "latest"
COMPARED = frozenset({"manifest", "structure", "unchanged", "append_only", "distribution"})
"""Checks against what an earlier drill, or the source, had at another moment."""
OF_NOW = frozenset({"freshness", "heartbeat"})
"""Checks against the time of the drill."""


def broken_moments(written: Written) -> Iterator[ConfigFinding]:
    here = (*written.path, "physical", "moments")
    moments = written.keys.get("moments")
    named = moments if isinstance(moments, dict) else {}
    used = set()
    for path, kind, name in _asked(written):
        used.add(name)
        if kind in COMPARED | OF_NOW:
            message = f"{kind} compares with another moment; it cannot have `at`"
            yield ConfigFinding((*path, "at"), message)
        if name not in named:
            known = ", ".join(map(str, named)) or "none"
            message = f"physical.moments has no moment {name!r}; it has {known}"
            yield ConfigFinding((*path, "at"), message)
    for name, value in named.items():
        if not _is_point(value):
            yield ConfigFinding((*here, name), "expected {time: …} or {lsn: …}")
        elif name not in used:
            message = f"no check runs at {name}; add a check with `at: {name}`"
            yield ConfigFinding((*here, name), message)
    yield from _disorder(written, {n: v for n, v in named.items() if _is_point(v)})


def _asked(written: Written) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    checks = written.target.get("checks")
    for index, check in enumerate(checks if isinstance(checks, list) else []):
        for kind, keys in check.items() if isinstance(check, dict) else ():
            if isinstance(keys, dict) and isinstance(keys.get("at"), str):
                yield (*written.path, "checks", index, kind), kind, keys["at"]


def _is_point(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and bool({TIME, LSN} & value.keys())


def _disorder(written: Written, points: Mapping[str, dict[str, Any]]) -> Iterator[ConfigFinding]:
    """The drill goes on from moment to moment, so their order must be known before."""
    if not points:
        return
    last = written.keys.get("moment", LATEST)
    here = (*written.path, "physical", "moment")
    kinds = {key for point in points.values() for key in point}
    if len(kinds) > 1:
        message = "expected times only or positions only: their order must be known"
        yield ConfigFinding((*written.path, "physical", "moments"), message)
        return
    if last == LATEST:
        return
    if not _is_point(last) or {*last} != kinds:
        (kind,) = kinds
        yield ConfigFinding(here, f"expected latest or a {kind} after those of `moments`")
        return
    try:
        late = [name for name, point in points.items() if order_of(point) > order_of(last)]
    except (ValueError, TypeError, AttributeError):
        return  # is reported with its own words
    for name in late:
        yield ConfigFinding(here, f"expected a moment after {name}, one of `moments`")


def order_of(point: Mapping[str, Any]) -> Any:  # noqa: ANN401  # times, or pairs of numbers
    """For comparisons among times, or among positions.

    Raises:
        ValueError: It is neither.
    """
    if TIME in point:
        return datetime.fromisoformat(point[TIME])
    high, low = point[LSN].split("/")
    return int(high, 16), int(low, 16)
