"""Databases in the shapes that others have, each with its thirty nights: generated, small, the same at every run.

A file has blocks: `schema`; `day`, `weekend` and `holiday` (what a day adds, changes and takes away; without
a block of its own a weekend is a day, and a holiday nothing); `purge` with the tables that it is about;
`night N` for what happens once.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGIN = datetime(2026, 3, 1, 3, tzinfo=UTC)
"""Of the first night, which is one from Saturday to Sunday."""
HOLIDAYS = frozenset({20, 21})
PURGE = 15
WEEKEND = frozenset({5, 6})


@dataclass(frozen=True)
class Shape:
    name: str
    blocks: dict[str, str]

    @property
    def schema(self) -> str:
        return _filled(self.blocks["schema"], 0)

    @property
    def purged(self) -> frozenset[str]:
        """Tables that may fail their count in the night of the purge."""
        listed = re.search(r"^-- tables: (.*)$", self.blocks.get("purge", ""), re.MULTILINE)
        names = re.findall(r'(?:"[^"]+"|[^ "]+)+', listed[1]) if listed else ()
        return frozenset(names)

    def day(self, night: int) -> str:
        """SQL of the day before a night."""
        ordinary = "day"
        if (moment(night) - timedelta(hours=12)).weekday() in WEEKEND and "weekend" in self.blocks:
            ordinary = "weekend"
        if night in HOLIDAYS:
            ordinary = "holiday"
        names = [ordinary, f"night {night}", *(["purge"] if night == PURGE else [])]
        return "\n".join(_filled(self.blocks.get(name, ""), night) for name in names)


def moment(night: int) -> datetime:
    return BEGIN + timedelta(days=night)


def _filled(text: str, night: int) -> str:
    at = f"timestamptz '{moment(night).isoformat()}'"
    return text.replace("{at}", at).replace("{night}", str(night))


def _read(path: Path) -> Shape:
    parts = re.split(r"^-- name: (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return Shape(path.stem, dict(zip(parts[1::2], parts[2::2], strict=True)))


SHAPES = {shape.name: shape for shape in map(_read, sorted(Path(__file__).parent.glob("*.sql")))}
