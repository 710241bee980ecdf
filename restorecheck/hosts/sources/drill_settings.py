"""Settings of a drill from its target's configuration, the same on every host."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from restorecheck.checks.kinds.manifest import Manifest
from restorecheck.checks.kinds.structure import Structure
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.registry import built_in
from restorecheck.checks.tables import full_name
from restorecheck.config import Config, Target
from restorecheck.errors import ConfigError, Problem
from restorecheck.history import Acceptance, Standing
from restorecheck.hosts.sources.source import source_of
from restorecheck.model import Baseline, CheckSpec, Drill


def checks_of(
    target: Target, *, baseline: bool, physical: bool | None = None
) -> tuple[CheckSpec, ...]:
    """The built-in checks first: they show whether the others can be answered.

    `baseline`: there is an earlier drill to compare with. `physical`: with the checks of files;
    by default only for backups of files, because a restored dump has new files.
    """
    own = built_in(
        target.suite.severities(),
        physical=target.kind.physical if physical is None else physical,
        baseline=baseline,
        suite=target.suite.settings(),
        dialect=target.kind.dialect,
    )
    return (
        *own,
        *(_with_manifest(spec, logical=not target.kind.physical) for spec in target.check_specs()),
    )


def _with_manifest(spec: CheckSpec, *, logical: bool) -> CheckSpec:
    """The check with the manifest's content, so that any host can continue the drill.

    Raises:
        ConfigError: It cannot be read.
    """
    if spec.kind not in {Manifest.name, Structure.name}:
        return spec
    from restorecheck.hosts.sources import manifest

    made = manifest.load(Path(spec.options["file"]))
    if spec.kind == Structure.name:
        options = {"structure": made["structure"], "taken_at": made["taken_at"], "logical": logical}
        return replace(spec, options=options)
    tables = dict(made["tables"])
    if spec.options["only"]:
        tables = {name: tables[name] for name in _chosen(spec, tables)}
    return replace(spec, options={"tables": tables, "taken_at": made["taken_at"]})


def _chosen(spec: CheckSpec, tables: Collection[str]) -> Iterator[str]:
    """The tables of a manifest that the check compares.

    Raises:
        ConfigError: One of them is not in it.
    """
    for text in spec.options["only"]:
        names = (
            full_name(*(part for part in pair if part)) for pair in parse_table_name(text).readings
        )
        found = next((name for name in names if name in tables), None)
        if found is None:
            message = f"{spec.options['file']} has no table {text!r}"
            raise ConfigError((Problem(message=message, path="manifest.tables"),))
        yield found


class PastDrills(Protocol):
    """The part of a store with earlier drills."""

    def standing(self, target: str) -> Standing: ...

    def acceptance(self, target: str) -> Acceptance | None: ...

    def load(self, drill_id: str) -> Drill: ...


def baseline_of(store: PastDrills, target: str) -> Baseline | None:
    """The last verified drill of a target, or a later accepted one."""
    proven, accepted = store.standing(target).proven, store.acceptance(target)
    if accepted is not None and (proven is None or accepted.sequence >= proven.sequence):
        drill = store.load(accepted.drill_id)
        return _baseline(drill, accepted.by, accepted.why)
    return _baseline(store.load(proven.drill_id), "", "") if proven else None


def _baseline(drill: Drill, by: str, why: str) -> Baseline | None:
    if not drill.readings or drill.finished_at is None:
        return None  # a version without readings wrote it
    return Baseline(
        drill_id=drill.id,
        at=drill.finished_at,
        readings=drill.readings,
        accepted_by=by,
        accepted_because=why,
    )


def teardown_limit_of(config: Config, target: Target) -> timedelta:
    return source_of(target.kind).teardown_limit(config)


def deadline_of(target: Target) -> timedelta:
    return timedelta(minutes=target.deadline_minutes)
