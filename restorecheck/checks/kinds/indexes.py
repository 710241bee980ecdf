"""Checks with one question: invalid indexes, collations of another version, old transaction ids."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from restorecheck.checks.dialects.postgresql.questions import (
    collations,
    invalid_indexes,
    transaction_age,
)
from restorecheck.checks.kind import BuiltIn, Catalog, CheckFinding, Context, OfDatabase
from restorecheck.checks.questions import AGE, COLLATIONS, INVALID
from restorecheck.checks.scan_result import DatabaseReading
from restorecheck.checks.scan_statements import Question
from restorecheck.model import CheckSpec, Severity


class _Named(OfDatabase):
    """The answer names the problems; NULL: there are none."""

    key: ClassVar[str]
    good: ClassVar[str]

    def find(
        self,
        spec: CheckSpec,
        reading: DatabaseReading,
        before: DatabaseReading | None,
        context: Context,
    ) -> CheckFinding:
        if self.key in reading.problems:
            return CheckFinding(problems=(reading.problems[self.key],))
        if self.key not in reading.answers:
            return CheckFinding(doubts=(reading.doubts.get(self.key, "not checked"),))
        names = reading.answers[self.key]
        return CheckFinding(
            found=self.good if not names else "", problems=(names,) if names else ()
        )


class IndexesValid(_Named):
    name = "indexes_valid"
    help = "No index is invalid."
    built_in = BuiltIn(name="indexes are valid", severity=Severity.WARNING)
    questions_begin = (INVALID,)
    key, good = INVALID, "no index is invalid"

    def expected(self, options: Mapping[str, Any]) -> str:
        return "none invalid"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        yield invalid_indexes()


class CollationsCurrent(_Named):
    name = "collations_current"
    help = "The versions of the collations match the indexes."
    built_in = BuiltIn(name="collations are current", severity=Severity.WARNING)
    questions_begin = (COLLATIONS,)
    key, good = COLLATIONS, "no collation has changed"

    def expected(self, options: Mapping[str, Any]) -> str:
        return "no collation with another version"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        yield collations(catalog.major)


class TransactionsYoung(_Named):
    name = "transactions_young"
    help = "The oldest transaction id is far from the wraparound limit."
    built_in = BuiltIn(name="transaction ids are young", severity=Severity.WARNING, physical=True)
    questions_begin = (AGE,)
    key, good = AGE, "far from the wraparound limit"

    def expected(self, options: Mapping[str, Any]) -> str:
        return "far from the wraparound limit"

    def questions(self, catalog: Catalog, options: Mapping[str, Any]) -> Iterable[Question]:
        yield transaction_age()
