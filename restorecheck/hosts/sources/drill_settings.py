"""Settings of a drill from its target's configuration, the same on every host."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from restorecheck import choosing
from restorecheck.checks.kinds.manifest import Manifest
from restorecheck.checks.kinds.structure import Structure
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.registry import built_in
from restorecheck.checks.tables import full_name
from restorecheck.config import Config, Target
from restorecheck.errors import ConfigError, NotFoundError, Problem
from restorecheck.history import Acceptance, Entry, Standing
from restorecheck.hosts.sources.source import source_of
from restorecheck.model import (
    RESTORED_BYTES,
    Baseline,
    CheckSpec,
    Drill,
    EarlierSize,
    Hook,
    Select,
    SelectBy,
    Step,
    Verdict,
)

DRILLS_OF_A_ROUND = 200
"""Earlier drills that are looked at for `rotating`; a backup that was drilled before that counts as never drilled."""
DRILLS_BEFORE = 60
"""Verified drills among which the newest one of a newest backup is looked for, to compare with."""
OF_ONE_MOMENT = frozenset({Manifest.name, Structure.name})
"""Checks against what the source was at one moment: a backup of another moment differs."""


def checks_of(
    target: Target, *, baseline: bool, physical: bool | None = None, newest: bool = True
) -> tuple[CheckSpec, ...]:
    """The built-in checks first: they show whether the others can be answered.

    `baseline`: there is an earlier drill to compare with. `physical`: with the checks of files;
    by default only for backups of files, because a restored dump has new files. `newest`: the drill is of the newest backup.
    """
    own = built_in(
        target.suite.severities(),
        physical=target.kind.physical if physical is None else physical,
        baseline=baseline,
        suite=target.suite.settings(),
        dialect=target.kind.dialect,
    )
    logical = not target.kind.physical
    asked = [spec for spec in target.check_specs() if newest or spec.kind not in OF_ONE_MOMENT]
    return (*own, *(_with_manifest(spec, logical=logical) for spec in asked))


def is_of_now(target: Target, select: Select) -> bool:
    """Whether a drill restores the newest backup to its newest state, which can be compared with an earlier night."""
    return select.by is SelectBy.NEWEST and target.kind.is_of_now(target.source)


def notes_on(target: Target, select: Select) -> tuple[str, ...]:
    """What a drill of a backup or moment that was chosen on purpose does not ask."""
    if is_of_now(target, select):
        return ()
    left_out = [spec.name for spec in target.check_specs() if spec.kind in OF_ONE_MOMENT]
    said = f"; not run: {', '.join(map(repr, left_out))}" if left_out else ""
    what = f"backup was chosen on purpose ({select.by})"
    if select.by is SelectBy.NEWEST:
        what = "moment was chosen on purpose"
    return (f"the {what}: it was not compared with an earlier drill{said}",)


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

    def entries(
        self, *, target: str | None = None, newest: int | None = None
    ) -> tuple[Entry, ...]: ...


def drill_of(
    config: Config,
    target: Target,
    store: PastDrills,
    plan: Callable[[str], tuple[Step, ...]],
    *,
    drill_id: str,
    now: datetime,
    slot: datetime | None,
    asked: Select | None = None,
) -> Drill:
    """A drill that has not begun. `plan`: of the target's provider. `asked`: as `select_of`.

    Raises:
        ConfigError: A manifest cannot be read.
    """
    rule = select_of(target, store, drill_id=drill_id, slot=slot, asked=asked)
    newest = is_of_now(target, rule)
    baseline = baseline_of(store, target.name, newest=newest)
    return Drill(
        id=drill_id,
        target=target.name,
        plan=plan(drill_id),
        checks=checks_of(target, baseline=baseline is not None, newest=newest),
        baseline=baseline,
        started_at=now,
        deadline=now + deadline_of(target),
        objectives=target.objectives.wanted(),
        teardown_limit=teardown_limit_of(config, target),
        contact=target.contact,
        select=rule,
        notes=notes_on(target, rule),
        rehearse=Hook.NONE if target.rehearse is None else Hook.WANTED,
        rehearsal_limit=rehearsal_limit_of(target),
        hook=Hook.NONE if target.after_verified is None else Hook.WANTED,
        scheduled_for=slot,
    )


def select_of(
    target: Target,
    store: PastDrills,
    *,
    drill_id: str,
    slot: datetime | None,
    asked: Select | None = None,
) -> Select:
    """The rule of one drill, with all that the choice depends on. `asked`: in place of the target's."""
    rule = target.select.rule() if asked is None else asked
    if rule.by is SelectBy.RANDOM:
        return replace(rule, seed=choosing.seed_of(target.name, slot, drill_id))
    if rule.by is SelectBy.ROTATING:
        return replace(rule, drilled=drilled(store, target.name, unclear=True))
    return rule


def drilled(store: PastDrills, target: str, *, unclear: bool) -> dict[str, datetime]:
    """When each backup of a target was drilled last, by `choosing.key_of`.

    `unclear`: also by an inconclusive drill, which said nothing of its backup but had its turn.
    """
    found: dict[str, datetime] = {}
    for entry in store.entries(target=target, newest=DRILLS_OF_A_ROUND):
        if entry.verdict is Verdict.INCONCLUSIVE and not unclear:
            continue
        try:
            backup = store.load(entry.drill_id).backup
        except NotFoundError:
            continue  # retention has reduced it to one line
        if backup is not None:
            about = {backup.identifier: backup.version} | backup.about
            found |= {choosing.key_of(*one): entry.started_at for one in about.items()}
    return found


def _last_of_newest(store: PastDrills, target: str) -> Entry | None:
    """The last verified drill that was about the newest backup: an older one is no measure for the next."""
    proven = store.standing(target).proven
    if proven is None or choosing.is_newest(store.load(proven.drill_id)):
        return proven
    earlier = reversed(store.entries(target=target, newest=DRILLS_BEFORE))
    verified = (entry for entry in earlier if entry.verdict is Verdict.VERIFIED)
    return next((e for e in verified if _is_of_newest(store, e)), None)


def _is_of_newest(store: PastDrills, entry: Entry) -> bool:
    try:
        return choosing.is_newest(store.load(entry.drill_id))
    except NotFoundError:
        return False  # retention has reduced it to one line


def earlier_size_of(store: PastDrills, target: str) -> EarlierSize | None:
    """Of the last verified drill that measured it."""
    proven = store.standing(target).proven
    drill = store.load(proven.drill_id) if proven else None
    if drill is None or drill.backup is None or RESTORED_BYTES not in drill.outputs:
        return None
    if not drill.backup.size_bytes:
        return None
    return EarlierSize(
        series=choosing.series_of(drill.backup.identifier),
        size_bytes=drill.backup.size_bytes,
        restored_bytes=int(drill.outputs[RESTORED_BYTES]),
    )


def baseline_of(store: PastDrills, target: str, *, newest: bool = True) -> Baseline | None:
    """The last verified drill of a target, or a later accepted one.

    `newest`: the drill is of the newest backup. An older one differs from the last night as it should.
    """
    if not newest:
        return None
    proven, accepted = _last_of_newest(store, target), store.acceptance(target)
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


def rehearsal_limit_of(target: Target) -> timedelta:
    """Zero without a rehearsal."""
    keys = target.rehearse
    return timedelta(minutes=keys.deadline_minutes) if keys else timedelta(0)
