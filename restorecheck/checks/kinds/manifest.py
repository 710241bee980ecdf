"""The contents of tables equal a manifest of the source (`restorecheck manifest`)."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from restorecheck.checks.answers import Judgement
from restorecheck.checks.keys import CheckKeys, FromList, Table, Text, optional
from restorecheck.checks.kind import Context, OfReading, listed
from restorecheck.checks.questions import LARGE_CONTENTS, LARGE_OBJECTS
from restorecheck.checks.scan_result import DatabaseReading, TableReading, shown_rows
from restorecheck.checks.scan_statements import NOTHING, PRINT, ROWS
from restorecheck.checks.structure import unfilled
from restorecheck.model import CheckOutcome, CheckSpec
from restorecheck.spelling import number_of

EMPTY_UNLOGGED = "is unlogged and empty: no copy of files holds its rows"
OLD = "the manifest has an older version; run `restorecheck manifest` again"


class ManifestKeys(CheckKeys):
    """The contents in a manifest of the source (`restorecheck manifest`)."""

    file: Text = Field(description="The manifest file; relative to the configuration file.")
    tables: Annotated[tuple[Table, ...], FromList] = Field(
        default=(), description="Only these tables; by default all tables of the manifest."
    )
    name: Text | None = optional("Name in reports; by default 'manifest'.")

    @property
    def title(self) -> str:
        return self.name or "manifest"

    def options(self) -> dict[str, Any]:
        return {"file": self.file, "only": list(self.tables)}


class Manifest(OfReading):
    name = "manifest"
    help = "The contents equal a manifest of the source."
    keys = ManifestKeys
    contents = True

    def expected(self, options: Mapping[str, Any]) -> str:
        return f"the contents of {str(options.get('taken_at', 'the manifest'))[:16]}"

    def judge_reading(
        self, spec: CheckSpec, reading: DatabaseReading, context: Context
    ) -> Judgement:
        """Compares every table of the manifest by its number of rows and its fingerprint."""
        expected = self.expected(spec.options)
        wanted: Mapping[str, Mapping[str, str]] = spec.options["tables"]
        different, doubts, unlogged = [], [], []
        for name, values in sorted(wanted.items()):
            table = reading.tables.get(name)
            if context.physical and table is not None and table.empty_unlogged:
                unlogged.append(f"{name} {EMPTY_UNLOGGED}")
                continue
            problem, doubt = _compared(values, name, reading)
            different += [f"{name}: {problem}"] if problem else []
            doubts += [f"{name}: {doubt}"] if doubt else []
        if different:
            found = f"{len(wanted) - len(different):,} of {len(wanted):,} tables are the same"
            return Judgement(CheckOutcome.FAILED, expected, found, listed(different))
        if doubts:
            return Judgement(CheckOutcome.ERROR, expected, "", listed(doubts))
        if unlogged and len(unlogged) == len(wanted):
            return Judgement(CheckOutcome.ERROR, expected, "", listed(unlogged))
        found = f"{number_of(len(wanted) - len(unlogged), 'table')}, unchanged"
        return Judgement(CheckOutcome.PASSED, expected, found, listed(unlogged))


def _objects(reading: DatabaseReading) -> TableReading:
    """Large objects as one table."""
    found = {ROWS: reading.answers.get(LARGE_OBJECTS), PRINT: reading.answers.get(LARGE_CONTENTS)}
    keys = {ROWS: LARGE_OBJECTS, PRINT: LARGE_CONTENTS}
    doubts = {key: reading.doubts[at] for key, at in keys.items() if at in reading.doubts}
    return TableReading(values={k: v for k, v in found.items() if v is not None}, doubts=doubts)


def _compared(values: Mapping[str, str], name: str, reading: DatabaseReading) -> tuple[str, str]:
    """The difference, and what could not be compared."""
    table = _objects(reading) if name == LARGE_OBJECTS else reading.tables.get(name)
    if table is None and name in unfilled(reading.structure):
        return "", "the materialized view has no data"
    if table is None:
        return "gone", ""
    if table.problem:
        return f"cannot be read: {table.problem}", ""
    if ROWS in table.doubts or ROWS not in table.values:
        return "", table.doubts.get(ROWS, "not counted")
    if table.values[ROWS] != values[ROWS]:
        return f"{shown_rows(float(table.values[ROWS]))}, not {int(values[ROWS]):,}", ""
    if values[ROWS] == "0":
        return "", ""
    if PRINT not in values:
        return "", OLD
    if table.values.get(PRINT, NOTHING) == NOTHING:
        return "", table.doubts.get(PRINT, "its contents were not read completely")
    return ("other contents", "") if table.values[PRINT] != values[PRINT] else ("", "")
