"""The rules about physical backups, before a drill: facts in, findings out."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from restorecheck.rules.facts import MachineFacts, PhysicalFacts, Unread
from restorecheck.rules.findings import AdvicePlace, Finding, RuleAdvice, not_looked_at, ok, problem
from restorecheck.spelling import number_of, spell

LAG = timedelta(hours=24)
"""Longer than this without archived WAL is a problem, if no age limit is set for backups."""
NAMED = 3
"""Missing segments that are named."""
GROWTH = 1.2
"""Expected space of a restore, as a multiple of the files' size: WAL is replayed onto them."""


def judge(facts: MachineFacts, now: datetime) -> Iterator[Finding]:
    for backups in facts.physical:
        yield from _of(backups, facts, now)


def _of(backups: PhysicalFacts, facts: MachineFacts, now: datetime) -> Iterator[Finding]:
    if backups.problem:
        text = backups.hint or f"correct the keys of `physical`, or the rights on {backups.place}"
        yield problem("RC131", backups.target, backups.problem, _do(text))
        return
    if not backups.newest:
        yield problem(
            "RC131", backups.target, f"{backups.place} has no finished backup", _do("make one")
        )
        return
    yield ok("RC131", backups.target, f"the newest backup is {backups.newest}")
    yield _whole(backups)
    yield _age(backups, now)
    yield _programs(backups)
    yield _room(backups, facts)
    yield _archive(backups)
    yield from _gaps(backups)
    yield from _lag(backups, now)
    yield from _verified(backups, facts.proven.get(backups.target, ""))
    yield from _repositories(backups)


def _do(text: str) -> RuleAdvice:
    return RuleAdvice(AdvicePlace.HERE, f"<{text}>")


def _whole(backups: PhysicalFacts) -> Finding:
    others = number_of(backups.whole, "backup")
    if not backups.newest_problem:
        return ok("RC132", backups.target, f"{others} can be restored, as listed")
    said = f"{backups.newest} {backups.newest_problem}; {others} can be restored, as listed"
    return problem(
        "RC132", backups.target, said, _do("look at the backup job, and make a new backup")
    )


def _age(backups: PhysicalFacts, now: datetime) -> Finding:
    if backups.ended_at is None:
        return not_looked_at("RC133", backups.target, "the time of the newest backup")
    age = f"it ended {spell(now - backups.ended_at)} ago"
    if backups.max_age is None:
        advice = RuleAdvice(AdvicePlace.CONFIGURATION, "<set physical.max_age_hours, or every>")
        return problem("RC133", backups.target, f"a backup of any age passes; {age}", advice)
    if now - backups.ended_at > backups.max_age:
        said = f"{age}; allowed are {spell(backups.max_age)}"
        return problem("RC133", backups.target, said, _do("look at the backup job"))
    return ok("RC133", backups.target, age)


def _programs(backups: PhysicalFacts) -> Finding:
    have = ", ".join(map(str, backups.majors)) or "none"
    if backups.major is None:
        return not_looked_at("RC134", backups.target, "the major version of the newest backup")
    if backups.major in backups.majors:
        return ok("RC134", backups.target, f"programs of PostgreSQL {backups.major} are here")
    said = f"the newest backup needs PostgreSQL {backups.major}; on this machine: {have}"
    return problem(
        "RC134", backups.target, said, _do(f"install the server of PostgreSQL {backups.major}")
    )


def _room(backups: PhysicalFacts, facts: MachineFacts) -> Finding:
    if backups.needed_bytes is None or facts.free_bytes is None:
        return not_looked_at("RC135", backups.target, "the size of the backup and the free space")
    needed, free = backups.needed_bytes * GROWTH, facts.free_bytes
    said = f"a restore needs about {needed / 1e9:.1f} GB; {free / 1e9:.1f} GB are free in {facts.work_dir}"
    if needed > free:
        return problem(
            "RC135",
            backups.target,
            said,
            _do(f"free space in {facts.work_dir}, or set postgres.work_dir"),
        )
    return ok("RC135", backups.target, said)


def _archive(backups: PhysicalFacts) -> Finding:
    if isinstance(backups.archive, Unread):
        return not_looked_at(
            "RC136", backups.target, backups.archive.needs, backups.archive.because
        )
    if not backups.archive:
        said = "there is no archived WAL: a backup can be recovered to its own end only"
        return problem("RC136", backups.target, said, _do("archive WAL, and name the archive"))
    return ok("RC136", backups.target, f"the newest archived segment is {backups.archive}")


def _gaps(backups: PhysicalFacts) -> Iterator[Finding]:
    if backups.missing_wal is None:
        return
    if not backups.missing_wal:
        yield ok("RC137", backups.target, "no segment is missing since the newest backup")
        return
    names = ", ".join(backups.missing_wal[:NAMED])
    more = len(backups.missing_wal) - NAMED
    said = f"missing since the newest backup: {names}" + (f" and {more:,} more" if more > 0 else "")
    yield problem(
        "RC137", backups.target, said, _do("make a new backup: no later moment can be recovered")
    )


def _lag(backups: PhysicalFacts, now: datetime) -> Iterator[Finding]:
    at, limit = backups.archived_at, backups.max_age or LAG
    if at is None:
        return
    said = f"the newest segment was archived {spell(now - at)} ago"
    if now - at > limit:
        advice = _do("look at pg_stat_archiver; an idle cluster archives with archive_timeout only")
        yield problem("RC138", backups.target, f"{said}; allowed are {spell(limit)}", advice)
    else:
        yield ok("RC138", backups.target, said)


def _verified(backups: PhysicalFacts, proven: str) -> Iterator[Finding]:
    """Of the backup that was proven last: if the newest is bad, it is the one to restore."""
    if not proven:
        return
    if proven not in backups.kept:
        said = f"{proven} is no longer listed; no other backup was verified since"
        yield problem(
            "RC139", backups.target, said, _do("keep backups longer, or drill more often")
        )
    elif proven in backups.last_of_kept:
        said = f"{proven} expires with the next full backup, before a drill can verify that one"
        yield problem("RC139", backups.target, said, _do("keep one full backup more"))
    else:
        yield ok("RC139", backups.target, f"{proven} is kept")


def _repositories(backups: PhysicalFacts) -> Iterator[Finding]:
    every = backups.repositories
    if not every:
        return
    names = ", ".join(one.name for one in every)
    if all(one.beside_the_database for one in every):
        said = f"{names}: on the machine of the database; its loss takes both"
        yield problem("RC140", backups.target, said, _do("add a repository on another machine"))
    else:
        yield ok("RC140", backups.target, "a repository is on another machine")
    if plain := [one.name for one in every if not one.encrypted]:
        said = f"not encrypted by the backup tool: {', '.join(plain)}"
        yield problem("RC141", backups.target, said, _do("set a cipher, or encrypt the disk"))
    else:
        yield ok("RC141", backups.target, f"encrypted: {names}")
    if not any(one.writable_by == "" for one in every):
        if any(one.writable_by is None for one in every):
            return  # only the database's machine could tell
        said = "; ".join(f"{one.name}: {one.writable_by}" for one in every)
        advice = _do("use a repository host, or object lock with versions of the bucket")
        yield problem("RC142", backups.target, said, advice)
    else:
        yield ok("RC142", backups.target, "a repository is out of reach for the database's machine")
