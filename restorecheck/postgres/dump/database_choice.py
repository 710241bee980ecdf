"""The databases of the dumps in a folder, and the newest dump of each."""

import glob
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from restorecheck.postgres.dumpfiles import timestamps
from restorecheck.postgres.dumpfiles.find import candidates
from restorecheck.postgres.dumpfiles.heads import Head, head_of
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.dumpfiles.names import whole_of
from restorecheck.postgres.dumpfiles.timestamps import Taken
from restorecheck.spelling import spell

ALL = "*"
"""As the only item of `databases`: every database with a dump."""

HEADS = 2000
"""Newest files of a folder whose heads are read; older ones are ignored."""
DECRYPTED_HEADS = 100
"""The same for encrypted files, where each head needs a program."""

CLOCKS = (
    "Correct the clock and time zone of the host that dumps, or of this machine (date -u), and "
    "dump again."
)

WHOLE_CLUSTER = "files of several databases (pg_dumpall)"


@dataclass(frozen=True, slots=True)
class Dated:
    """A file with its time and database."""

    head: Head
    taken: Taken
    stem: str
    has_date: bool
    """Its name contains a time: one job writes such files one after the other."""

    @property
    def path(self) -> Path:
        return self.head.path


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedDatabase:
    """The dumps of one database, the newest first."""

    name: str
    """Empty: the only database, whatever its name."""
    files: tuple[Dated, ...]
    by_name: bool = False
    """The file names, not the dumps, name the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    wanted: tuple[WantedDatabase, ...] = ()
    absent: tuple[str, ...] = ()
    """Configured databases without a dump."""
    unplaced: tuple[Dated, ...] = ()
    """Dumps that no wanted database has, and that do not say whose they are: they may be of an absent one."""
    future: tuple[Dated, ...] = ()
    """Left out: their times are in the future."""
    present: tuple[Dated, ...] = ()
    """All others."""
    reason: str = ""
    """Why no dump is restored."""
    hint: str = ""
    notes: tuple[str, ...] = ()


def choose(
    path: str,
    decryption: Decryption | None,
    databases: Sequence[str],
    *,
    now: datetime,
    but: Collection[Path] = (),
    exact: bool = False,
    written: str | None = None,
) -> Choice:
    """Read the head of each file, and sort the files by database and age.

    Args:
        path: A file, folder or glob.
        decryption: Command that decrypts encrypted files.
        databases: As configured: none, names, or `all`.
        now: The present time.
        but: Files that are not dumps.
        exact: Only dumps that name the one database themselves, or whose files do.
        written: The path as the user wrote it, if these files are copies.

    Raises:
        NotFoundError: The folder does not exist.
        AccessDeniedError: It cannot be read.
    """
    files = [file for file in candidates(path).files if file not in but]
    limit = DECRYPTED_HEADS if decryption else HEADS
    base = _base(path)
    dated = [_dated(head_of(file, decryption), base, now) for file in files[:limit]]
    future = [d for d in dated if timestamps.is_from_the_future(d.taken, now)]
    present = _with_their_whole([d for d in dated if d not in future])
    if exact:
        present = [d for d in present if (d.head.dbname or d.stem) in databases]
    if future and not any(d.head.dump for d in present):
        said = of_the_future(future[0], now)
        return Choice(
            future=tuple(future), reason=f"the newest dump is from the future: {said}", hint=CLOCKS
        )
    notes: tuple[str, ...] = ()
    if len(files) > limit:
        notes = (f"{len(files) - limit} older files were not read",)
    chosen = _wanted(present, databases, trusted=_names_files(path if written is None else written))
    return replace(
        chosen, future=tuple(future), present=tuple(present), notes=(*notes, *chosen.notes)
    )


def _base(path: str) -> Path | None:
    """The fixed part of a glob; None: the path is not a glob."""
    if not glob.has_magic(path) or Path(path).exists():
        return None
    base = Path(path)
    while glob.has_magic(str(base)):
        base = base.parent
    return base


def _dated(head: Head, base: Path | None, now: datetime) -> Dated:
    names = [head.path.name]
    if base is not None and head.path.is_relative_to(base):
        # A glob may match one folder for each night.
        names += reversed(head.path.relative_to(base).parts[:-1])
    by_name = next((claim for name in names if (claim := timestamps.name_claim(name))), None)
    taken = timestamps.when_taken(head.modified, head.claim or by_name, now)
    return Dated(head, taken, timestamps.stem(head.path.name), by_name is not None)


def of_the_future(dump: Dated, now: datetime) -> str:
    ahead = spell(dump.taken.earliest - now)
    return (
        f"{dump.path.name} was taken at {dump.taken.at:%Y-%m-%d %H:%M} UTC as {dump.taken.source} says, "
        f"at least {ahead} after now"
    )


def newest_first(dumps: Iterable[Dated]) -> tuple[Dated, ...]:
    """By the time at which they were taken; by the time in the archives if all have one."""
    listed = list(dumps)
    headed = all(d.head.claim and d.head.claim.source == timestamps.HEADER for d in listed)

    def moment(dump: Dated) -> tuple[datetime, datetime, str]:
        claim = dump.head.claim
        plausible = claim is not None and dump.head.modified >= claim.earliest
        at = claim.at if headed and plausible and claim else dump.taken.at
        return at, dump.head.modified, dump.path.name

    return tuple(sorted(listed, key=moment, reverse=True))


def _with_their_whole(dumps: Sequence[Dated]) -> list[Dated]:
    """`shop-schema` and `shop-data` are of the database of `shop`, and of one database if there is no `shop`."""
    stems = Counter({d.stem for d in dumps} | {d.head.dbname for d in dumps})
    stems.update(whole_of(stem) for stem in list(stems))
    return [
        replace(d, stem=whole) if (whole := whole_of(d.stem)) and stems[whole] > 1 else d
        for d in dumps
    ]


# --- of which database --------------------------------------------------------------------------


def _wanted(dumps: Sequence[Dated], databases: Sequence[str], *, trusted: bool) -> Choice:
    """`trusted`: the user's path says which files hold the one database."""
    families = _families(dumps, databases)
    several = [name for name in families if name]
    if not databases:
        if len(several) > 1:
            return _refusal(several, families)
        return Choice(wanted=(WantedDatabase(name="", files=newest_first(dumps)),))
    if several == [WHOLE_CLUSTER]:
        return Choice(wanted=(WantedDatabase(name="", files=newest_first(dumps)),))
    if tuple(databases) == (ALL,):
        return _each(several or [""], families, dumps)
    if len(databases) == 1:
        return _one(databases[0], families, dumps, trusted=trusted)
    return _each(databases, families, dumps)


def _families(dumps: Sequence[Dated], databases: Sequence[str]) -> dict[str, list[Dated]]:
    """Dumps by database; a file may be called after a configured one. Under the empty name: dumps of an unknown database,
    and files that are not dumps.
    """
    named = [d for d in dumps if d.head.dbname]
    families: dict[str, list[Dated]] = {}
    for dump in named:
        families.setdefault(dump.head.dbname, []).append(dump)
    called = _called(dumps, databases)
    stems = {dump.stem: dump.head.dbname for dump in named if dump.stem}
    stems |= {name: name for name in families}
    stems |= {d.stem: called[d.path] for d in dumps if d.path in called}
    unnamed = [d for d in dumps if not d.head.dbname]
    for dump in unnamed:
        if dump.head.cluster:
            families.setdefault(WHOLE_CLUSTER, []).append(dump)
    apart = _apart([d for d in unnamed if d.head.dump and not d.head.cluster], stems, bool(named))
    for dump in unnamed:
        if not dump.head.cluster:
            by_stem = stems.get(dump.stem, dump.stem if dump.stem in apart else "")
            families.setdefault(called.get(dump.path, by_stem), []).append(dump)
    return families


def _called(dumps: Sequence[Dated], databases: Sequence[str]) -> dict[Path, str]:
    """Files that are called after a configured database, the longest name first. Separators and case do not count:
    `my-app-2026-11-28.sql` is called after `my_app`. Only of a database without such a dump, or one that names it, are
    those that also have words which say nothing: `backup_crm_prod.sql`, `crm/nightly.sql`.
    """
    words = [(d, _lower(d.path.name)) for d in dumps]
    longest = [(name, _lower(name)) for name in sorted(databases, key=len, reverse=True)]
    known = {d.head.dbname for d in dumps}
    found: dict[Path, str] = {}
    for fits in (_is_named, _names_it):
        for dump, file in words:
            name = next((name for name, own in longest if fits(dump, file, own)), "")
            if name and dump.path not in found:
                found[dump.path] = name
        known |= {*found.values()}
        longest = [(name, own) for name, own in longest if name not in known]
    return found


def _is_named(_dump: Dated, file: list[str], own: list[str]) -> bool:
    """Whether the file has no other words than the name."""
    rest = file[len(own) :]
    return bool(own) and file[: len(own)] == own and all(word.isdigit() for word in rest)


def _names_it(dump: Dated, file: list[str], own: list[str]) -> bool:
    """Whether the file, or its folder, has the name among words that say nothing."""
    alone = _without(file, own)
    if alone is not None:
        return not _says_something(alone)
    return not _says_something(file) and _without(_lower(dump.path.parent.name), own) == []


def _without(words: list[str], own: list[str]) -> list[str] | None:
    """The others, if those of a name are among these."""
    for at in range(len(words)):
        if own and words[at : at + len(own)] == own:
            return words[:at] + words[at + len(own) :]
    return None


def _lower(name: str) -> list[str]:
    return [word.lower() for word in timestamps.words_of(name)]


def _apart(unnamed: Sequence[Dated], known: dict[str, str], named: bool) -> set[str]:
    """File name stems that belong to different databases, by names and contents."""
    stems = {d.stem for d in unnamed if d.stem and d.stem not in known}
    dated = {d.stem for d in unnamed if d.has_date} & stems
    if named or len(dated) > 1:
        return dated
    return stems if len(stems) > 1 and _is_one_unlike(unnamed, stems) else set()


def _is_one_unlike(unnamed: Sequence[Dated], stems: set[str]) -> bool:
    """Whether the dumps of one stem share no table or function with the others."""
    objects = [
        (stem, frozenset[bytes]().union(*(d.head.objects for d in unnamed if d.stem == stem)))
        for stem in stems
    ]
    return any(
        own and all(other and not own & other for key, other in objects if key != stem)
        for stem, own in objects
    )


def _refusal(names: Sequence[str], families: dict[str, list[Dated]]) -> Choice:
    shown = ", ".join(sorted(names)[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    by_name = any(not d.head.dbname and not d.head.cluster for n in names for d in families[n])
    said = "; for dumps without a database name, the file name was used" if by_name else ""
    return Choice(
        reason=f"there are dumps of several databases: {shown}{said}",
        hint="Set `databases: all` or `databases: [NAME, …]` for this target, or write one "
        "target for each database, with a path that matches only its dumps.",
    )


MOST_NAMED = 12


def _one(
    name: str, families: dict[str, list[Dated]], dumps: Sequence[Dated], *, trusted: bool
) -> Choice:
    """The newest dump of this database; if there is none, of another one, which fails the check."""
    own = families.get(name, [])
    files = own + families.get(WHOLE_CLUSTER, [])
    if any(d.head.dump for d in own):
        files += [d for d in families.get("", []) if not d.head.dump]
        return Choice(wanted=(WantedDatabase(name=name, files=newest_first(files)),))
    nameless = [d for d in dumps if not d.head.dbname and d not in files]
    other = [d for d in nameless if d.head.dump and not (trusted or _may_be(d, name))]
    files += [d for d in nameless if d not in other]
    if other and not any(d.head.dump for d in files):
        return _called_otherwise(name, newest_first(other)[0])
    return Choice(wanted=(WantedDatabase(name=name, files=newest_first(files or dumps)),))


def _may_be(dump: Dated, name: str) -> bool:
    """Whether a file is called after this database, or after none: `crm_prod.sql`, `nightly.sql`, `crm/a.sql`."""
    if dump.path.parent.name.lower() == name.lower():
        return True
    words = _lower(dump.path.name)
    rest = _without(words, _lower(name))
    return not _says_something(words if rest is None else rest)


def _says_something(words: Iterable[str]) -> bool:
    """Whether one of them may be the name of a database. `pg15` is `pg`, and `shop2` is `shop`."""
    return any(bare and bare not in SAY_NOTHING for word in words if (bare := word.strip(DIGITS)))


DIGITS = "0123456789"
SAY_NOTHING = frozenset({
    "all", "back", "backup", "backups", "bak", "base", "cluster", "complete", "copy", "database", "databases", "db", "dbs",
    "dump", "dumps", "export", "full", "latest", "live", "local", "new", "newest", "old", "pg", "pgdump", "postgres",
    "postgresql", "prod", "production", "psql", "rds", "replica", "restore", "schema", "snapshot", "sql", "v",
})  # fmt: skip
"""Words in names of dumps that are no names of databases."""


def _names_files(path: str) -> bool:
    """Whether a path is that of a file, or a glob with words of its own, and not that of all files of a folder."""
    last = Path(path).name
    if glob.has_magic(last):
        return _says_something(_lower(re.sub(r"\[[^]]*\]|[*?]", "-", last)))
    return "." in last and not Path(path).is_dir()


def _called_otherwise(name: str, dump: Dated) -> Choice:
    return Choice(
        reason=f"no dump is known to be of {name}: {dump.path.name} does not name its database, and its name is not {name}",
        hint=f"If it is a dump of {name}, let `path` say so (for example {dump.stem}-*), or write the name into the "
        "dump: pg_dump -Fc, or --create.",
    )


def _each(names: Sequence[str], families: dict[str, list[Dated]], dumps: Sequence[Dated]) -> Choice:
    if list(names) == [""]:
        return Choice(wanted=(WantedDatabase(name="", files=newest_first(dumps)),))
    wanted = tuple(
        WantedDatabase(
            name=name,
            files=newest_first(families[name]),
            by_name=not any(d.head.dbname for d in families[name]),
        )
        for name in names
        if name in families
    )
    absent = tuple(name for name in names if name not in families)
    rest = families.get("", [])
    notes = tuple(f"{d.path.name} was skipped: the dump does not name its database" for d in rest)
    nameless = (
        d for name, some in families.items() if name not in names for d in some if _is_nameless(d)
    )
    return Choice(wanted=wanted, absent=absent, unplaced=newest_first(nameless), notes=notes)


def _is_nameless(dump: Dated) -> bool:
    return dump.head.dump and not dump.head.dbname and not dump.head.cluster
