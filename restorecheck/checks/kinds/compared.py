"""What is compared with the last verified night: rows that are gone, older times, another structure."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from restorecheck.checks import comparing
from restorecheck.checks.answers import Judgement
from restorecheck.checks.kind import BuiltIn, Context, Finding, OfDatabase, together
from restorecheck.checks.readings import DatabaseReading, rows_by_group
from restorecheck.model import CheckOutcome, CheckSpec, Severity

DEFAULT_DROP = 0.2
NOT_BEFORE = "nothing to compare with: this database was not there before"


class _Compared(OfDatabase):
    of_databases: ClassVar[bool] = False
    """A database that is gone is one of its problems."""
    advice: ClassVar[str] = ""

    def options(self, suite: Mapping[str, Any]) -> dict[str, Any]:
        volatile = list(suite.get("volatile_tables", ()))
        return {"volatile": volatile} if volatile else {}

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> Finding:
        if before is None:
            return Finding(found=NOT_BEFORE)
        volatile = spec.options.get("volatile", ())
        return self.compare(
            spec, comparing.without(before, volatile), comparing.without(reading, volatile), context
        )

    @abstractmethod
    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding: ...

    def judge_all(
        self, spec: CheckSpec, findings: Mapping[str, Finding], lost: Sequence[str]
    ) -> Judgement:
        gone = [f"database {name}: gone" for name in lost if self.of_databases]
        judgement = together(self.expected(spec.options), findings, gone)
        if judgement.outcome is CheckOutcome.FAILED and self.advice:
            return replace(judgement, detail=f"{judgement.detail}; {self.advice}")
        return judgement


class NotEmptied(_Compared):
    name = "not_emptied"
    help = "No table has lost all of its rows since the last night."
    built_in = BuiltIn(name="no table was emptied", compares=True)
    of_databases = True
    advice = comparing.ADVICE

    def expected(self, options: Mapping[str, Any]) -> str:
        return "rows where there were rows"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        differences = list(comparing.emptied(before, after))
        return Finding(
            found=f"{len(rows_by_group(before)):,} tables compared",
            problems=tuple(str(d) for d in differences if d.certain),
            warnings=tuple(str(d) for d in differences if not d.certain),
        )


class NotShrunk(_Compared):
    name = "not_shrunk"
    help = "No table has lost more than max_drop of its rows."
    built_in = BuiltIn(name="no table has shrunk", severity=Severity.WARNING, compares=True)
    advice = comparing.ADVICE

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no sudden loss"

    def options(self, suite: Mapping[str, Any]) -> dict[str, Any]:
        return {"max_drop": suite.get("max_drop", DEFAULT_DROP), **super().options(suite)}

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        share = float(spec.options.get("max_drop", DEFAULT_DROP))
        differences = comparing.shrunk(before, after, share)
        found = f"{len(rows_by_group(before)):,} tables compared"
        if gone := comparing.without_rows(before, after):
            found += f", {gone:,} of them emptied"
        return Finding(found=found, problems=tuple(str(d) for d in differences))


class NewestThere(_Compared):
    name = "newest_there"
    help = "No newest time is older than it was."
    built_in = BuiltIn(name="the newest rows are there", severity=Severity.WARNING, compares=True)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "nothing older than before"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        columns = comparing.rejuvenated(before, after)
        older = [f"{column}: the newest value is older than it was" for column in columns]
        return Finding(found="the newest times compared", problems=tuple(older))


class StructureSame(_Compared):
    name = "structure_same"
    help = "Tables, columns, functions, grants … are as they were."
    built_in = BuiltIn(name="the structure is the same", severity=Severity.WARNING, compares=True)
    of_databases = True

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no difference"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        differences = comparing.structure_changes(before.structure, after.structure, before.past)
        found = f"{len(after.structure):,} objects compared"
        return Finding(found=found, problems=tuple(str(d) for d in differences))
