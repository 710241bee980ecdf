"""The present state of every configured target, from the history."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from restorecheck.announcing import Overdue
from restorecheck.config import Config, Target
from restorecheck.errors import NotFoundError
from restorecheck.history import overdue_since, status_of
from restorecheck.hosts.drill.slots import plan_of
from restorecheck.hosts.process import leases
from restorecheck.hosts.process.shared_leases import is_alive
from restorecheck.report import document
from restorecheck.report.document import Report
from restorecheck.report.status import Overview, TargetStatus
from restorecheck.spelling import number_of
from restorecheck.sql.agenda import Agenda
from restorecheck.sql.outbox import Outbox
from restorecheck.sql.store import SqlStore
from restorecheck.sweep import still_left

LOOK_BACK = timedelta(days=1)


def unscheduled(config: Config) -> list[str]:
    """The targets that `restorecheck run` never drills. Adopted ones wait for no schedule."""
    return [
        t.name
        for t in config.targets
        if t.schedule is None and not t.when_new and not t.kind.adopts
    ]


def statuses_of(
    config: Config, store: SqlStore, locks: Path, now: datetime
) -> tuple[TargetStatus, ...]:
    return _statuses(config.targets, store, locks, now)


def status_of_target(target: Target, store: SqlStore, locks: Path, now: datetime) -> TargetStatus:
    (status,) = _statuses([target], store, locks, now)
    return status


def _statuses(
    targets: Sequence[Target], store: SqlStore, locks: Path, now: datetime
) -> tuple[TargetStatus, ...]:
    agenda = Agenda(store.database)
    running = {
        drill.target: drill.started_at
        for drill in store.unfinished()
        if is_alive(drill, store, locks)
    }
    left = still_left(store.with_leftovers())
    return tuple(
        _status(
            target,
            store,
            agenda,
            running.get(target.name),
            now,
            left_behind=target.name in left,
        )
        for target in targets
    )


def overview_of(
    config: Config, store: SqlStore, now: datetime, *, config_valid: bool = True
) -> Overview:
    """All targets of the configuration, for monitoring systems."""
    statuses = statuses_of(config, store, leases.locks_of(Path(config.history.path)), now)
    deliveries = Outbox(store.database).deliveries(now - LOOK_BACK)
    waiting = {delivery.channel: delivery.waiting for delivery in deliveries}
    channels = [channel.name or "" for channel in config.notify]
    return Overview(
        at=now,
        history=store.database.place,
        statuses=statuses,
        reports=tuple(newest_reports(store, statuses)),
        waiting=tuple((channel, waiting.get(channel, 0)) for channel in channels),
        config_valid=config_valid,
    )


def newest_reports(store: SqlStore, statuses: Sequence[TargetStatus]) -> Iterator[Report]:
    """Reports of newer versions are left out: the state of the target does not need them."""
    for status in statuses:
        if status.drill_id:
            with contextlib.suppress(NotFoundError, ValueError):
                yield document.parse(store.report(status.drill_id))


def _status(
    target: Target,
    store: SqlStore,
    agenda: Agenda,
    running_since: datetime | None,
    now: datetime,
    *,
    left_behind: bool,
) -> TargetStatus:
    standing = store.standing(target.name)
    allowed = timedelta(hours=target.max_proof_age_hours)
    plan = plan_of(target)
    since = standing.latest.started_at if standing.latest else None
    skips = agenda.skips(target=target.name, since=since)
    return replace(
        status_of(standing, allowed, now, samples=target.samples, left_behind=left_behind),
        next_at=plan.next_start(now) if plan else None,
        running_since=running_since,
        skipped=skips[-1].reason if skips else "",
    )


def proof_ends(target: Target, store: SqlStore) -> datetime | None:
    """When the target became, or will become, overdue: of a new one, after its first night; of a database that was
    discovered, at once. None: nothing is known of it.
    """
    standing = store.standing(target.name)
    if target.found_at is not None and standing.proof(samples=target.samples) is None:
        return target.found_at
    followed = Agenda(store.database).followed(target.name)
    known = followed.since if followed else None
    if standing.latest and (known is None or standing.latest.started_at < known):
        known = standing.latest.started_at
    allowed = timedelta(hours=target.max_proof_age_hours)
    return overdue_since(standing, allowed, known, samples=target.samples)


def overdue_facts(config: Config, store: SqlStore, now: datetime) -> list[Overdue]:
    """Overdue targets, without new ones that still wait for their first night."""
    facts = []
    for target in config.targets:
        since = proof_ends(target, store)
        if since is not None and now > since:
            proof = store.standing(target.name).proof(samples=target.samples)
            proven = proof.finished_at if proof else None
            allowed = timedelta(hours=target.max_proof_age_hours)
            facts.append(Overdue(target=target.name, at=now, proven_at=proven, allowed=allowed))
    return facts


def notes_of(store: SqlStore, now: datetime) -> tuple[str, ...]:
    """Notes for `status`: channels that do not accept messages."""
    notes = []
    for delivery in Outbox(store.database).deliveries(now - LOOK_BACK):
        if delivery.waiting:
            notes.append(
                f"messages to {delivery.channel!r} are not delivered "
                f"({number_of(delivery.waiting, 'message')} waiting): {delivery.error}"
            )
        elif delivery.given_up:
            given_up = number_of(delivery.given_up, "message")
            notes.append(
                f"not delivered to {delivery.channel!r}: {given_up}; restorecheck no longer tries"
            )
    return tuple(notes)
