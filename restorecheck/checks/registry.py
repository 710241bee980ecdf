"""All kinds of check, in the order of the built-in ones. This is the only list."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from restorecheck.checks.dialect import POSTGRESQL, Dialect
from restorecheck.checks.kind import Alone, ByProgram, CheckKind, OfDatabase
from restorecheck.checks.kinds.accepted_values import AcceptedValues
from restorecheck.checks.kinds.any_rows import AnyRows
from restorecheck.checks.kinds.append_only import AppendOnly
from restorecheck.checks.kinds.command import Command
from restorecheck.checks.kinds.compared import (
    NewestThere,
    NotEmptied,
    NotShrunk,
    NotWidened,
    StructureSame,
)
from restorecheck.checks.kinds.constraints_hold import ConstraintsHold
from restorecheck.checks.kinds.contents_plausible import ContentsPlausible
from restorecheck.checks.kinds.distribution import Distribution
from restorecheck.checks.kinds.extensions import Extensions
from restorecheck.checks.kinds.freshness import Freshness, Heartbeat
from restorecheck.checks.kinds.indexes import CollationsCurrent, IndexesValid, TransactionsYoung
from restorecheck.checks.kinds.manifest import Manifest
from restorecheck.checks.kinds.not_null import NotNull
from restorecheck.checks.kinds.pages import IndexesAgree, PagesSound
from restorecheck.checks.kinds.percent_null import PercentNull
from restorecheck.checks.kinds.query import Query
from restorecheck.checks.kinds.range import Range
from restorecheck.checks.kinds.references import References
from restorecheck.checks.kinds.references_hold import ReferencesHold
from restorecheck.checks.kinds.row_count import RowCount
from restorecheck.checks.kinds.sequences_ahead import SequencesAhead
from restorecheck.checks.kinds.server_answers import ServerAnswers
from restorecheck.checks.kinds.structure import Structure
from restorecheck.checks.kinds.tables_countable import COLLECTED, RowsReadable, TablesCountable
from restorecheck.checks.kinds.tables_readable import TablesReadable
from restorecheck.checks.kinds.unchanged import Unchanged
from restorecheck.checks.kinds.unique import Unique
from restorecheck.model import CheckSpec, Severity

KINDS: tuple[CheckKind, ...] = (
    ServerAnswers(),
    TablesReadable(),
    TablesCountable(),
    AnyRows(),
    RowsReadable(),
    ConstraintsHold(),
    ReferencesHold(),
    IndexesAgree(),
    PagesSound(),
    IndexesValid(),
    SequencesAhead(),
    CollationsCurrent(),
    TransactionsYoung(),
    NotEmptied(),
    NotShrunk(),
    NewestThere(),
    StructureSame(),
    NotWidened(),
    ContentsPlausible(),
    RowCount(),
    Query(),
    Freshness(),
    Heartbeat(),
    NotNull(),
    PercentNull(),
    Unique(),
    Range(),
    AcceptedValues(),
    References(),
    Unchanged(),
    AppendOnly(),
    Distribution(),
    Manifest(),
    Structure(),
    Extensions(),
    Command(),
)
BY_NAME: Mapping[str, CheckKind] = MappingProxyType({kind.name: kind for kind in KINDS})
BUILT_INS = tuple(kind for kind in KINDS if kind.built_in is not None)
CONFIGURED = tuple(kind for kind in KINDS if kind.keys is not None)

READING_TIMEOUT = timedelta(hours=24)
"""Limit of the scan; in fact the drill's deadline ends it, and readings are stored meanwhile."""
ANSWER_TIMEOUT = timedelta(seconds=30)
"""Limit of a check that no scan answers; a slower one has no answer."""


def kind_of(spec: CheckSpec) -> CheckKind | None:
    """The kind; None: of a later version."""
    return BY_NAME.get(spec.kind)


def is_alone(spec: CheckSpec) -> bool:
    """Whether the check has its own statement or program; the scan answers all others."""
    return isinstance(kind_of(spec), Alone | ByProgram | None)


def most_seconds(spec: CheckSpec) -> float | None:
    """The longest time that the answer may take; None: it is not judged."""
    kind = kind_of(spec)
    return kind.most_seconds(spec.options) if isinstance(kind, Alone) else None


def needs_statistics(specs: Iterable[CheckSpec]) -> bool:
    """Whether one of the checks is about the time that queries take."""
    asked = ((kind_of(spec), spec.options) for spec in specs)
    return any(kind is not None and kind.needs_statistics(options) for kind, options in asked)


def is_asked_of_upgrade(spec: CheckSpec) -> bool:
    """Whether the check can be asked of another version: no comparison with an earlier drill, and no program."""
    kind = kind_of(spec)
    compares = kind is not None and kind.built_in is not None and kind.built_in.compares
    return not compares and not spec.at and not isinstance(kind, ByProgram)


def has_plan(spec: CheckSpec) -> bool:
    """Whether the check is a query whose plan can be compared."""
    return spec.kind == Query.name and not spec.at


def expected(spec: CheckSpec) -> str:
    """The expected answer of a check, in a few words."""
    kind = kind_of(spec)
    return kind.expected(spec.options) if kind else ""


def built_in(
    severities: Mapping[str, Severity | None] = MappingProxyType({}),
    *,
    physical: bool = True,
    baseline: bool = False,
    suite: Mapping[str, Any] = MappingProxyType({}),
    dialect: Dialect = POSTGRESQL,
) -> tuple[CheckSpec, ...]:
    """The built-in checks of every drill.

    `severities`: kind → its severity, or None to leave it out. `baseline`: there is an earlier drill.
    `suite`: the other keys of `suite`. `dialect`: of the restored database.
    """
    asked = [
        kind
        for kind in BUILT_INS
        if (own := kind.built_in) is not None
        and dialect.answers(kind.name)
        and (physical or not own.physical)
        and (own.always or severities.get(kind.name, own.severity) is not None)
    ]
    known = {**suite, COLLECTED: [kind.name for kind in asked if kind.collects]}
    return tuple(
        CheckSpec(
            name=own.name,
            kind=kind.name,
            severity=severities.get(kind.name) or own.severity,
            timeout=ANSWER_TIMEOUT if isinstance(kind, Alone) else READING_TIMEOUT,
            options=kind.options(known, physical=physical) if isinstance(kind, OfDatabase) else {},
            built_in=True,
        )
        for kind in asked
        if (own := kind.built_in) is not None and (baseline or not own.compares)
    )
