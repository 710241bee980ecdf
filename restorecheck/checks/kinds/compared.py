"""Comparisons with the last verified drill: lost rows, older times, a changed structure."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from restorecheck.checks import baseline, rights
from restorecheck.checks import structure as structures
from restorecheck.checks.answers import Judgement
from restorecheck.checks.kind import BuiltIn, CheckFinding, Context, OfDatabase, together
from restorecheck.checks.scan_result import DatabaseReading, rows_by_group
from restorecheck.model import CheckOutcome, CheckSpec, Severity
from restorecheck.spelling import number_of

DEFAULT_DROP = 0.2
NOT_BEFORE = "not compared, because this database is new"


class _Compared(OfDatabase):
    structure = True
    collects = True
    of_databases: ClassVar[bool] = False
    """A missing database counts as one of its problems."""
    advice: ClassVar[str] = ""

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        volatile = list(suite.get("volatile_tables", ()))
        return {"volatile": volatile} if volatile else {}

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        if before is None:
            return CheckFinding(found=NOT_BEFORE)
        volatile = spec.options.get("volatile", ())
        return self.compare(
            spec, baseline.without(before, volatile), baseline.without(reading, volatile), context
        )

    @abstractmethod
    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> CheckFinding: ...

    def judge_all(
        self, spec: CheckSpec, findings: Mapping[str, CheckFinding], lost: Sequence[str]
    ) -> Judgement:
        gone = [f"database {name}: gone" for name in lost if self.of_databases]
        judgement = together(self.expected(spec.options), findings, gone)
        if judgement.outcome is CheckOutcome.FAILED and self.advice:
            return replace(judgement, detail=f"{judgement.detail}; {self.advice}")
        return judgement


class NotEmptied(_Compared):
    name = "not_emptied"
    help = "No table has lost all its rows since the last verified drill."
    built_in = BuiltIn(name="no table was emptied", compares=True)
    of_databases = True
    advice = baseline.ADVICE

    def expected(self, options: Mapping[str, Any]) -> str:
        return "rows in every table that had rows before"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> CheckFinding:
        differences = list(baseline.emptied(before, after))
        return CheckFinding(
            found=f"{number_of(len(rows_by_group(before)), 'table')} compared",
            problems=tuple(str(d) for d in differences if d.certain),
            warnings=tuple(str(d) for d in differences if not d.certain),
        )


class NotShrunk(_Compared):
    name = "not_shrunk"
    help = "No table has lost more than max_drop of its rows since the last verified drill."
    built_in = BuiltIn(name="no table has shrunk", severity=Severity.WARNING, compares=True)
    advice = baseline.ADVICE

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no sudden loss"

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        return {
            "max_drop": suite.get("max_drop", DEFAULT_DROP),
            **super().options(suite, physical=physical),
        }

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> CheckFinding:
        share = float(spec.options.get("max_drop", DEFAULT_DROP))
        differences = baseline.shrunk(before, after, share)
        found = f"{number_of(len(rows_by_group(before)), 'table')} compared"
        if gone := baseline.without_rows(before, after):
            found += f", {gone:,} of them emptied"
        return CheckFinding(found=found, problems=tuple(str(d) for d in differences))


class NewestThere(_Compared):
    name = "newest_there"
    help = "No column's newest time is older than in the last verified drill."
    built_in = BuiltIn(name="the newest rows are there", severity=Severity.WARNING, compares=True)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no newest time is older than before"

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> CheckFinding:
        columns = baseline.rejuvenated(before, after)
        older = [f"{column}: the newest value is older than before" for column in columns]
        silent = baseline.silent(before, after)
        problems = (*older, *([silent] if silent else ()))
        return CheckFinding(found="newest times compared", problems=problems)


class _OfStructure(_Compared):
    """Compares with the last accepted structure: a difference is reported until a person accepts it."""

    def options(self, suite: Mapping[str, Any], *, physical: bool) -> dict[str, Any]:
        return {
            **super().options(suite, physical=physical),
            **({} if physical else {"logical": True}),
        }

    def compare(
        self, spec: CheckSpec, before: DatabaseReading, after: DatabaseReading, context: Context
    ) -> CheckFinding:
        logical = bool(spec.options.get("logical"))
        old, new = settled(before, context), after.structure
        if logical:
            old, new = structures.filled_alike(old, new)
        was = structures.comparable(old, logical=logical)
        now = was if new == old else structures.comparable(new, logical=logical)
        return self.differences(was, now, before)

    @abstractmethod
    def differences(
        self, old: Mapping[str, str], new: Mapping[str, str], before: DatabaseReading
    ) -> CheckFinding: ...


def settled(before: DatabaseReading, context: Context) -> dict[str, str]:
    """The last accepted structure."""
    if context.accepted:
        return before.structure
    merged = {**before.structure, **before.unsettled}
    return {key: value for key, value in merged.items() if value}


def unsettled(before: DatabaseReading, after: DatabaseReading, context: Context) -> dict[str, str]:
    """`DatabaseReading.unsettled` of tonight, if both structures have the same form."""
    old, new = structures.filled_alike(settled(before, context), after.structure)
    if old == new or structures.alike(old, new) != (old, new):
        return {}
    changes = baseline.structure_changes(old, new, before.past)
    migrated = _migrated(old, new)
    return {
        d.what: d.before
        for d in changes
        if d.before and structures.table_of(d.what) not in migrated
    }


def _migrated(old: Mapping[str, str], new: Mapping[str, str]) -> set[str | None]:
    """Tables that are missing or lost a column, as by a migration: reported once."""
    gone = [key for key in old if key not in new]
    return {structures.table_of(key) for key in gone if key.startswith(("table ", "column "))} - {
        None
    }


class StructureSame(_OfStructure):
    name = "structure_same"
    help = (
        "Tables, columns, functions, grants and other objects are unchanged since the last "
        "verified drill."
    )
    built_in = BuiltIn(name="the structure is the same", severity=Severity.WARNING, compares=True)
    of_databases = True
    advice = "if the change was intended: `restorecheck history accept`"

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no difference"

    def differences(
        self, old: Mapping[str, str], new: Mapping[str, str], before: DatabaseReading
    ) -> CheckFinding:
        changes = baseline.structure_changes(old, new, before.past)
        added = sum(not change.before for change in changes)
        found = f"{len(new):,} objects compared" + (f", {added:,} of them new" if added else "")
        return CheckFinding(found=found, problems=tuple(str(c) for c in changes if c.before))


class NotWidened(_OfStructure):
    name = "not_widened"
    help = (
        "No role has more rights than in the last verified drill: grants, owners, row "
        "security, memberships."
    )
    built_in = BuiltIn(name="no right was widened", compares=True)
    advice = "if the change was intended: `restorecheck history accept`"

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no more rights than before"

    def differences(
        self, old: Mapping[str, str], new: Mapping[str, str], before: DatabaseReading
    ) -> CheckFinding:
        wider = rights.widened(old, new)
        number = sum(key.startswith("rights ") for key in new)
        return CheckFinding(found=f"{number:,} objects compared", problems=tuple(map(str, wider)))
