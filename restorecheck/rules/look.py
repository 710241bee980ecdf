"""What every rule on AWS needs: the facts, and the forms of an answer and of advice. Pure."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from restorecheck.rules.facts import RdsFacts, Unread
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at, ok, problem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Look:
    facts: RdsFacts

    # --- advice ------------------------------------------------------------------------------

    def in_source(self, *words: str) -> RuleAdvice:
        return self._aws(AdvicePlace.SOURCE, self.facts.names.region, words)

    def in_backup(self, *words: str) -> RuleAdvice:
        return self._aws(AdvicePlace.BACKUP, self.facts.names.backup_region, words)

    def _aws(self, where: AdvicePlace, region: str, words: tuple[str, ...]) -> RuleAdvice:
        return RuleAdvice(where, f"{shlex.join(('aws', *words))} --region {region}")

    def set(self, key: str, value: object) -> RuleAdvice:
        names = self.facts.names
        place = f"targets.{names.target}.{names.key_of_target}.{key}"
        return RuleAdvice(AdvicePlace.CONFIGURATION, f"set {place} = {json.dumps(value)}")

    @property
    def resource(self) -> str:
        return self.facts.names.target

    def read(self, rule: str, fact: T | Unread, judged: Callable[[T], Finding]) -> Finding:
        """The judgement of a fact, or that it was not looked at."""
        if isinstance(fact, Unread):
            return not_looked_at(rule, self.resource, fact.needs, fact.because)
        return judged(fact)

    def ok(self, rule: str, found: str) -> Finding:
        return ok(rule, self.resource, found)

    def problem(self, rule: str, found: str, *advice: RuleAdvice) -> Finding:
        return problem(rule, self.resource, found, *advice)
