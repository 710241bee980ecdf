"""The checker's role may read every table in full: no other check covers tables that it may not read."""

from collections.abc import Mapping, Sequence
from typing import Any

from restorecheck.checks.access import NAMED, named, sentence
from restorecheck.checks.kind import BuiltIn, CheckFinding, Context, OfDatabase
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.model import CheckSpec

RUN = "run in production:"


class TablesReadable(OfDatabase):
    name = "tables_readable"
    help = "The role of the checker may read every row of every table."
    built_in = BuiltIn(name="the checker may read every table", always=True)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "the right to read every row of every table"

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        number = len(reading.tables)
        found = f"{number - len(reading.denied):,} of {number:,} tables"
        if reading.installed:
            found += f"; not read (tables of extensions): {named(reading.installed)}"
        if not reading.denied:
            return CheckFinding(found=found)
        doubt = sentence(reading.role, reading.denied, number)
        return CheckFinding(
            found=found, doubts=(f"{doubt}. To fix this, {RUN} {_shown(reading.grants)}",)
        )


def _shown(grants: Sequence[str]) -> str:
    text = " ".join(grants[:NAMED])
    return f"{text} and {len(grants) - NAMED:,} more like these" if len(grants) > NAMED else text
