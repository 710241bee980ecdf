"""Facts of a database engine for the rooms that serve every engine."""

from dataclasses import dataclass

from restorecheck.checks.dialects import postgresql
from restorecheck.checks.scan_statements import Sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    name: str
    sql: Sql
    kinds: frozenset[str] | None = None
    """Kinds of check that its checker can answer; None: all."""

    def answers(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds


POSTGRESQL = Dialect(name="PostgreSQL", sql=postgresql)
