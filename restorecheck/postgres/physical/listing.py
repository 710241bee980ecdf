"""The list of a target's physical backups without a drill, for doctor and for the look for new backups. Changes nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from restorecheck.errors import RestorecheckError
from restorecheck.postgres.dump.settings import ServerSettings
from restorecheck.postgres.physical import wal
from restorecheck.postgres.physical.choice import PhysicalBackup
from restorecheck.postgres.physical.settings import PhysicalSettings
from restorecheck.postgres.physical.source import PhysicalSource, Workshop
from restorecheck.postgres.server.cluster import Places
from restorecheck.rules.facts import PhysicalFacts, RepositoryFacts, Unread


@contextmanager
def workshop(now: datetime) -> Iterator[Workshop]:
    """For lists only: nothing is restored there."""
    with tempfile.TemporaryDirectory(prefix="restorecheck-list-") as folder:
        Path(folder).chmod(0o755)  # another user may read the repository
        yield Workshop(places=Places(Path(folder)), account=None, installations=(), now=now)


def examine(
    target: str, physical: PhysicalSettings, server: ServerSettings, now: datetime
) -> PhysicalFacts:
    """Facts for doctor. Raises nothing that says something about the backups."""
    source = physical.source
    facts = PhysicalFacts(target=target, place=source.place, max_age=physical.max_age)
    with workshop(now) as tools:
        try:
            listed = [b for b in source.backups(tools) if not b.in_progress]
        except RestorecheckError as exc:
            return replace(facts, problem=exc.message, hint=exc.hint or "")
        except OSError as exc:
            return replace(facts, problem=f"{source.place} could not be read: {exc.strerror}")
        archive: str | Unread
        tools.chosen = listed[-1] if listed else None
        try:
            archive = source.newest_segment(tools) if listed else ""
        except (RestorecheckError, OSError) as exc:
            archive = Unread("the WAL archive", str(exc))
        if listed and isinstance(archive, str) and archive:
            facts = _with_wal(facts, source, tools, archive)
        facts = replace(
            facts,
            kept=tuple(backup.address for backup in listed),
            last_of_kept=source.expiring(listed),
            repositories=_repositories(source, listed),
        )
    try:
        majors = tuple(sorted({one.major for one in server.installations()}))
    except RestorecheckError:
        majors = ()
    return _of_newest(replace(facts, archive=archive, majors=majors), listed)


def _repositories(
    source: PhysicalSource, listed: list[PhysicalBackup]
) -> tuple[RepositoryFacts, ...]:
    with suppress(OSError):
        return source.repositories(listed)
    return ()


def _with_wal(
    facts: PhysicalFacts, source: PhysicalSource, tools: Workshop, newest: str
) -> PhysicalFacts:
    """When the newest segment came, and which are missing before it."""
    backup = tools.chosen
    assert backup is not None, "one is listed"
    try:
        there = source.archived(tools)
    except (RestorecheckError, OSError):
        return facts
    facts = replace(facts, archived_at=there.get(newest))
    if not there or backup.starts_at is None or not wal.SEGMENT.fullmatch(backup.first_segment):
        return facts
    size = wal.size_of(backup.first_segment, backup.starts_at)
    if size is None:
        return facts
    return replace(facts, missing_wal=wal.missing(there, backup.starts_at, size))


def _of_newest(facts: PhysicalFacts, listed: list[PhysicalBackup]) -> PhysicalFacts:
    if not listed:
        return facts
    newest = listed[-1]
    size = newest.size_bytes
    return replace(
        facts,
        newest=newest.name,
        newest_problem=newest.problem,
        whole=sum(1 for backup in listed if not backup.problem),
        ended_at=newest.ended,
        major=newest.major,
        needed_bytes=None if size is None else size * (2 if newest.needs else 1),
    )
