"""The dumps of one database as a list, and which of them is restored."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from restorecheck import choosing
from restorecheck.choosing import Listed, NotPicked, Picked
from restorecheck.model import Select, SelectBy
from restorecheck.postgres.dump.database_choice import Choice, Dated
from restorecheck.postgres.dumpfiles.names import looks_like_a_dump
from restorecheck.postgres.dumpfiles.pieces import state_of


def list_of(files: Sequence[Dated], named: Callable[[Path], str]) -> dict[Path, Listed]:
    """Of the files those that are dumps, by their content or by their name. `named`: for reports."""
    dumps = [f for f in files if f.head.dump or f.head.cluster or looks_like_a_dump(f.path.name)]
    return {dated.path: _listed(dated, named(dated.path)) for dated in dumps or files}


def _listed(dated: Dated, identifier: str) -> Listed:
    size, changed = _state(dated.path)
    return Listed(
        identifier=identifier,
        taken_at=dated.taken.at,
        size_bytes=size,
        version=choosing.version_of(size, changed),
        series=choosing.series_of(dated.path.name),
    )


def _state(path: Path) -> tuple[int | None, int]:
    """Size and time of the last change; of a folder, those of the files in it."""
    try:
        if not path.is_dir():
            return state_of(path)
        states = [file.stat() for file in path.iterdir() if file.is_file()]
    except OSError:
        return None, 0  # it went, or cannot be read: the look into it says so
    return sum(s.st_size for s in states), max((s.st_mtime_ns for s in states), default=0)


def pick(
    select: Select, listing: Mapping[Path, Listed], now: datetime
) -> tuple[Path, Picked] | NotPicked:
    """The file of the dump that is restored, where that need not be the newest one."""
    found = choosing.pick(select, [*listing.values()], now)
    if isinstance(found, NotPicked):
        return found
    return next(path for path, one in listing.items() if one == found.backup), found


def newest(choice: Choice) -> tuple[Listed, ...]:
    """Of each database; of all of them together where it is not clear of which databases the dumps are."""
    groups = [wanted.files for wanted in choice.wanted] or [choice.present]
    lists = [[*list_of(files, str).values()] for files in groups if files]
    return tuple(max(listed, key=choosing.moment_of) for listed in lists)


def refusal(select: Select, databases: Sequence[str], all_databases: str) -> NotPicked | None:
    """A name is of one dump; a drill of several databases needs one of each."""
    several = len(databases) > 1 or tuple(databases) == (all_databases,)
    if select.by is not SelectBy.NAMED or not several:
        return None
    return NotPicked(
        reason=f"{select.name!r} names one dump, and the target has dumps of several databases",
        hint="Choose by random, oldest or rotating, or name the dump in a target of that database.",
    )
