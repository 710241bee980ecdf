"""The age of a column's newest time when the backup was taken.

Times after the backup (an appointment, a wrong clock) are counted and left out: they do not show when the
last row was added.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import Field

from restorecheck.checks.answers import Judgement, passed_if
from restorecheck.checks.keys import CheckKeys, Hours, Minutes, TableKeys, Text
from restorecheck.checks.kind import Ask, Context, OfRelation, RelationScan
from restorecheck.checks.scan_result import shown_rows
from restorecheck.checks.scan_statements import (
    ASKED,
    FIRST_MOMENT,
    LAST_MOMENT,
    Aggregate,
)
from restorecheck.model import CheckOutcome, CheckSpec

LATER = "later:"


class FreshnessKeys(TableKeys):
    column: Text = Field(description="A column with times: timestamptz, timestamp or date.")
    max_age_hours: Hours = Field(
        description="The maximum age of the newest time, measured at the time of the backup."
    )

    @property
    def about(self) -> str:
        return "freshness"

    def options(self) -> dict[str, Any]:
        own = {"table": self.table, "column": self.column}
        return {**own, "max_age_minutes": self.max_age_hours * 60}


class Freshness(OfRelation):
    name: ClassVar[str] = "freshness"
    help = "The newest time of a column is close to the time of the backup."
    keys: ClassVar[type[CheckKeys] | None] = FreshnessKeys

    def expected(self, options: Mapping[str, Any]) -> str:
        return f"at most {float(options['max_age_minutes']) / 60:g} hours before the backup"

    def refused(self, ask: Ask) -> str:
        column = ask.column()
        if column.type not in ask.sql.MOMENTS:
            return f"column {column.name} has the type {column.type}; expected a date or a time"
        return ""

    def aggregates(self, ask: Ask) -> Iterable[Aggregate]:
        name = ask.column().name
        yield ask.sql.newest(name, ask.key, ask.until)
        yield ask.sql.later(name, f"{LATER}{ask.spec.name}", ask.until)

    def judge(
        self, spec: CheckSpec, scan: RelationScan, before: RelationScan | None, context: Context
    ) -> Judgement:
        expected = self.expected(spec.options)
        ahead = scan.count(f"{LATER}{spec.name}")
        detail = f"{shown_rows(ahead)} later than the backup" if ahead else ""
        greatest = scan.greatest(f"{ASKED}{spec.name}")
        if greatest is None:
            found = "no row with a time before the backup" if ahead else "no row with a time"
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        latest = float(greatest)
        if not FIRST_MOMENT <= latest <= LAST_MOMENT:
            found = (
                "a time before the year 1"
                if latest < FIRST_MOMENT
                else "a time after the year 9999"
            )
            return Judgement(CheckOutcome.FAILED, expected, found, detail)
        newest_time = datetime.fromtimestamp(latest, UTC)
        age = context.until - newest_time
        allowed = timedelta(minutes=float(spec.options["max_age_minutes"]))
        since = "before the backup" if context.taken_at else "before the drill"
        found = f"{newest_time:%Y-%m-%d %H:%M} UTC, {_span(age)} {since}"
        return Judgement(passed_if(age <= allowed), expected, found, detail)


def _span(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:.1f} hours" if abs(hours) >= 1 else f"{age / timedelta(minutes=1):.0f} minutes"


class HeartbeatKeys(TableKeys):
    column: Text = Field(description="Column with the time of the heartbeat.")
    max_age_minutes: Minutes = Field(
        description="The maximum age of the newest heartbeat, measured at the time of the backup."
    )

    @property
    def about(self) -> str:
        return "heartbeat"


class Heartbeat(Freshness):
    name = "heartbeat"
    help = "The heartbeat, a row that is written every few minutes, is recent."
    keys = HeartbeatKeys
