"""The server answers a question."""

from collections.abc import Mapping
from typing import Any

from restorecheck.checks.answers import Judgement, Rows
from restorecheck.checks.kind import Alone, BuiltIn
from restorecheck.model import CheckOutcome, CheckSpec


class ServerAnswers(Alone):
    name = "server_answers"
    help = "The restored server answers."
    built_in = BuiltIn(name="the server answers", always=True)

    def expected(self, options: Mapping[str, Any]) -> str:
        return "an answer"

    def sql(self, options: Mapping[str, Any]) -> str:
        return "select 1"

    def judge_rows(self, spec: CheckSpec, rows: Rows) -> Judgement:
        return Judgement(CheckOutcome.PASSED, self.expected(spec.options), "an answer")
