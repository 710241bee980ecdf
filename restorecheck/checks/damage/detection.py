"""The part of a reading that stays valid when a table is damaged, and which checks detected the damage. Pure.

Readings of undamaged tables stay the same: they are not read again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from restorecheck.checks.damage.kinds import DamageKind
from restorecheck.checks.kinds.query import Query
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.propose.proposal import Proposal
from restorecheck.checks.questions import (
    AGE,
    BEHIND,
    BTREE,
    COLLATIONS,
    EXCLUDED,
    HEAP,
    INVALID,
    KEYS,
    LARGE_CONTENTS,
    LARGE_OBJECTS,
    ORPHANS,
    VISIBLE,
)
from restorecheck.checks.scan_result import DatabaseReading, RelationReading
from restorecheck.checks.scan_statements import ASKED, VIEW
from restorecheck.checks.tables import ForeignKey, OwnedSequence, full_name
from restorecheck.model import (
    CheckOutcome,
    CheckResult,
    CheckSpec,
    Damaged,
    Noticed,
    Severity,
)

ALWAYS = frozenset({INVALID, COLLATIONS, AGE, LARGE_OBJECTS, LARGE_CONTENTS})
OF_A_TABLE = (KEYS, HEAP, VISIBLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Relations between tables, from the undamaged copy."""

    foreign_keys: Sequence[ForeignKey]
    sequences: Sequence[OwnedSequence]
    partitions: Mapping[str, str]
    """Table → its topmost partitioned table."""
    quoted: Mapping[str, str] = field(default_factory=dict)
    """Table → its quoted name."""
    reads: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Query check → all tables that it reads, if PostgreSQL's plan shows them."""
    about: Mapping[str, RelationReading] = field(default_factory=dict)
    """Check of one relation → the resolved relation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a damage changed."""

    tables: Collection[str]
    kept: Collection[str] = ()
    """Those of the tables whose rows and columns are as before."""
    structure: bool = True
    """Whether it changed the catalog."""

    @classmethod
    def of(cls, tables: Collection[str]) -> "Change":
        """Anything about these tables."""
        return cls(tables=tables)


def unread(
    reading: DatabaseReading,
    change: Change,
    around: Connected,
    pending: Iterable[CheckSpec],
) -> DatabaseReading:
    """The reading without what was changed, so that a further scan reads only that."""
    touched = change.tables
    left = replace(
        reading,
        tables=dict(reading.tables),
        parts=dict(reading.parts),
        crashed=dict(reading.crashed),
        asked=dict(reading.asked),
        relations=dict(reading.relations),
        answers=dict(reading.answers),
        problems=dict(reading.problems),
        doubts=dict(reading.doubts),
        seconds=dict(reading.seconds),
    )
    quoted_names = {around.quoted.get(name, name) for name in _with_parents(touched, around)}
    for name in {*touched}.difference(change.kept):
        left.tables.pop(name, None)
    lost = {f"{beginning}{name}" for beginning in OF_A_TABLE for name in touched} | ALWAYS
    for spec in pending:
        lost |= {f"{ASKED}{spec.name}", f"{VIEW}{spec.name}"}
        asked = left.asked.pop(spec.name, None)
        if asked is not None:
            lost.add(asked.question)
            left.relations.pop(asked.relation, None)
    lost |= {
        f"{ORPHANS}{key.table} {key.name}"
        for key in around.foreign_keys
        if quoted_names & {key.table, key.target}
    }
    lost |= {
        f"{BEHIND}{sequence.name}"
        for sequence in around.sequences
        if quoted_names & {table for table, _ in ((sequence.table, ""), *sequence.others)}
    }
    for kept in (left.answers, left.problems, left.doubts, left.seconds):
        for key in [key for key in kept if key in lost or key.startswith((BTREE, EXCLUDED))]:
            del kept[key]
    if change.structure:
        left.structure = {}
    groups = {reading.tables[name].group for name in touched if name in reading.tables}
    groups |= {*_with_parents(touched, around)}
    left.statistics = {k: v for k, v in reading.statistics.items() if k not in groups}
    left.implausible = type(left.implausible)()
    left.done = False
    return left


def is_affected(spec: CheckSpec, touched: Collection[str], around: Connected) -> bool:
    """Whether the answer of a configured check may change. Checks of the whole database always run again, and so
    do views and queries whose tables are not known.
    """
    if spec.kind == Query.name:
        known = around.reads.get(spec.name)
        return known is None or not known.isdisjoint(touched)
    if "table" not in spec.options:
        return True
    about = around.about.get(spec.name)
    if about is not None and (about.kind == "v" or not {*touched}.isdisjoint(about.members)):
        return True
    names = _with_parents(touched, around)
    tables = {name.rpartition(".")[2] for name in names}
    for text in (spec.options["table"], spec.options.get("to")):
        for schema, table in parse_table_name(str(text)).readings if text else ():
            if full_name(schema, table) in names or (not schema and full_name(table) in tables):
                return True
    return False


def is_worth_asking(proposal: Proposal, touched: Collection[str], around: Connected) -> bool:
    names = _with_parents(touched, around)
    return not proposal.tables or not names.isdisjoint(proposal.tables)


def _with_parents(touched: Collection[str], around: Connected) -> set[str]:
    return {*touched, *(around.partitions[name] for name in touched if name in around.partitions)}


def tables_in(plan: Any) -> frozenset[str]:  # noqa: ANN401  # what EXPLAIN (VERBOSE, FORMAT JSON) gives
    """Tables of every scan in a plan, subplans included."""
    match plan:
        case {"Relation Name": str(name), "Schema": str(schema), **rest}:
            return frozenset({f"{schema}.{name}"}) | tables_in(list(rest.values()))
        case dict():
            return tables_in(list(plan.values()))
        case list():
            return frozenset().union(*(tables_in(part) for part in plan))
        case _:
            return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Names of the configured and of the built-in checks."""

    configured: frozenset[str]
    proposed: frozenset[str]


def verdict_on(
    kind: DamageKind,
    what: str,
    *,
    healthy: Mapping[str, CheckOutcome],
    results: Iterable[CheckResult],
    sides: Sides,
) -> Damaged:
    """Which checks detected the damage: those that passed on the undamaged copy and do not pass now."""
    alarmed = [
        r
        for r in results
        if healthy.get(r.name) is CheckOutcome.PASSED
        and r.outcome in {CheckOutcome.FAILED, CheckOutcome.ERROR}
    ]
    yours = [r for r in alarmed if r.name in sides.configured]
    own = [r for r in alarmed if r.name not in sides.configured | sides.proposed]
    noticed = Noticed.UNDETECTED
    if yours:
        noticed = Noticed.YOURS if _fail(yours) else Noticed.YOURS_WARNING
    elif own:
        noticed = Noticed.OWN if _fail(own) else Noticed.OWN_WARNING
    return Damaged(
        kind=kind.name,
        what=what,
        noticed=noticed,
        by=tuple(r.name for r in (*yours, *own)),
        proposed=tuple(r.name for r in alarmed if r.name in sides.proposed),
        own_fails=_fail(own),
        needs_contents=kind.needs_contents,
        of_pages=kind.physical,
    )


def _fail(results: Sequence[CheckResult]) -> bool:
    """By the severity of the answer: a required check only warns if it is not certain."""
    return any(r.severity is Severity.REQUIRED for r in results)
