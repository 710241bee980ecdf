"""What a target's configuration says of its drills, whichever host runs them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from restorecheck.checks.catalogue import Family, built_in, parse_table_name
from restorecheck.config import Config, Target
from restorecheck.errors import ConfigError, Problem
from restorecheck.history import Acceptance, Standing
from restorecheck.model import Baseline, CheckSpec, Drill

TEARDOWN_LIMIT = timedelta(minutes=2)
"""Local things go at once or not at all; what is left is named, and the next sweep tries again."""


def checks_of(
    target: Target, *, baseline: bool, physical: bool | None = None
) -> tuple[CheckSpec, ...]:
    """The built-in checks first: they say whether the others can be answered at all.

    `baseline`: there is an earlier night to compare with. `physical`: as of a backup of pages; by
    default where it is one, since a dump's pages are written anew by every restore.
    """
    own = built_in(
        target.suite.severities(),
        physical=target.dump is None if physical is None else physical,
        baseline=baseline,
        max_drop=target.suite.max_drop,
        pages_minutes=target.suite.pages_minutes,
        volatile_tables=target.suite.volatile_tables,
    )
    return (*own, *(_with_manifest(spec) for spec in target.check_specs()))


def _with_manifest(spec: CheckSpec) -> CheckSpec:
    """What the file of a manifest says, so that the drill knows it whichever host goes on with it.

    Raises:
        ConfigError: It cannot be read.
    """
    if spec.kind not in {Family.MANIFEST, Family.STRUCTURE}:
        return spec
    from restorecheck.hosts import manifest

    made = manifest.load(Path(spec.options["file"]))
    if spec.kind == Family.STRUCTURE:
        options = {"structure": made["structure"], "taken_at": made["taken_at"]}
        return replace(spec, options=options)
    wanted = {str(parse_table_name(name)) for name in spec.options["only"]}
    tables = {name: t for name, t in made["tables"].items() if not wanted or name in wanted}
    lost = sorted(wanted - set(tables))
    if lost:
        message = f"{spec.options['file']} has no table {lost[0]!r}"
        raise ConfigError((Problem(message=message, path="manifest.tables"),))
    return replace(spec, options={"tables": tables, "taken_at": made["taken_at"]})


class Past(Protocol):
    """As much of a store as tells of earlier nights."""

    def standing(self, target: str) -> Standing: ...

    def acceptance(self, target: str) -> Acceptance | None: ...

    def load(self, drill_id: str) -> Drill: ...


def baseline_of(store: Past, target: str) -> Baseline | None:
    """The last verified drill of a target, or a later one that somebody accepted."""
    proven, accepted = store.standing(target).proven, store.acceptance(target)
    if accepted is not None and (proven is None or accepted.sequence > proven.sequence):
        drill = store.load(accepted.drill_id)
        return _baseline(drill, accepted.by, accepted.why)
    return _baseline(store.load(proven.drill_id), "", "") if proven else None


def _baseline(drill: Drill, by: str, why: str) -> Baseline | None:
    if not drill.readings or drill.finished_at is None:
        return None  # of a version that did not keep any
    return Baseline(
        drill_id=drill.id,
        at=drill.finished_at,
        readings=drill.readings,
        accepted_by=by,
        accepted_because=why,
    )


def teardown_limit_of(config: Config, target: Target) -> timedelta:
    if target.rds is None:
        return TEARDOWN_LIMIT
    from restorecheck.hosts import rds

    return rds.teardown_limit_of(config)


def deadline_of(target: Target) -> timedelta:
    return timedelta(minutes=target.deadline_minutes)
