"""What is compared with the last verified night: rows that are gone, older times, another structure."""

from collections.abc import Mapping, Sequence
from typing import Any

from restorecheck.checks import comparing
from restorecheck.checks.answers import Judgement
from restorecheck.checks.kind import BuiltIn, Context, Finding, OfDatabase, together
from restorecheck.checks.kinds.any_rows import objects_of
from restorecheck.checks.readings import DatabaseReading, rows_by_group
from restorecheck.model import CheckSpec, Severity

DEFAULT_DROP = 0.2
NOT_BEFORE = "nothing to compare with: this database was not there before"


class _Compared(OfDatabase):
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

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        raise NotImplementedError


class NotEmptied(_Compared):
    name = "not_emptied"
    help = "No table has lost all of its rows since the last night."
    built_in = BuiltIn(name="no table was emptied", compares=True)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "rows where there were rows"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        problems = [str(difference) for difference in comparing.emptied(before, after)]
        kept = objects_of(before)
        if kept and objects_of(after) == 0:
            problems.append(f"large objects: {kept:,} → 0")
        found = f"{len(rows_by_group(before)):,} tables compared"
        return Finding(found=found, problems=tuple(problems))

    def judge_all(
        self, spec: CheckSpec, findings: Mapping[str, Finding], lost: Sequence[str]
    ) -> Judgement:
        return together(
            self.expected(spec.options), findings, [f"database {n}: gone" for n in lost]
        )


class NotShrunk(_Compared):
    name = "not_shrunk"
    help = "No table has lost more than max_drop of its rows."
    built_in = BuiltIn(name="no table has shrunk", severity=Severity.WARNING, compares=True)

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

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no difference"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> Finding:
        differences = comparing.structure_changes(before.structure, after.structure)
        found = f"{len(after.structure):,} objects compared"
        return Finding(found=found, problems=tuple(str(d) for d in differences))

    def judge_all(
        self, spec: CheckSpec, findings: Mapping[str, Finding], lost: Sequence[str]
    ) -> Judgement:
        return together(
            self.expected(spec.options), findings, [f"database {n}: gone" for n in lost]
        )
