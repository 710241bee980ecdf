"""The first step of every dump target: the private directory, and the choice of the dump.

Also the state of a running drill in its process.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from restorecheck import choosing
from restorecheck.choosing import NotPicked
from restorecheck.errors import NotFoundError, TransientError
from restorecheck.lifecycle import MAX_RETRIES, Broken, InProgress, Ready, StepEvent, Unclear
from restorecheck.model import (
    Backup,
    CheckResult,
    Drill,
    Resource,
    Select,
    SelectBy,
    Step,
    StepKind,
)
from restorecheck.ports import Clock
from restorecheck.postgres.dump import chosen_dumps, database_choice, load_plan, selection
from restorecheck.postgres.dump.background import Background
from restorecheck.postgres.dump.database_choice import Choice, Dated, WantedDatabase, choose
from restorecheck.postgres.dump.fetching import LARGER_DISK, Expected, Fetched, too_little
from restorecheck.postgres.dump.globals_file import GlobalsFile, newest
from restorecheck.postgres.dump.load import Load
from restorecheck.postgres.dump.selection import FileState, Selection, backup_of, findings, select
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.dump.streamed_load import Ahead
from restorecheck.postgres.dumpfiles import timestamps
from restorecheck.postgres.dumpfiles.find import deeper
from restorecheck.postgres.dumpfiles.inspect import Following, Inspection
from restorecheck.postgres.dumpfiles.layers import Decryption
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.account import Lodging, OsUser
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Mark
from restorecheck.postgres.server.fence import named
from restorecheck.postgres.server.processes import Program

SERVER = "throw-away server"
"""Kind of the resource that is a private directory and the server in it."""

ENDING_SECONDS = 10.0

SECOND_LOOK = timedelta(seconds=2)
"""Wait before the second look at an incomplete file: a changed one is still being written."""


@dataclass(frozen=True, slots=True)
class Restore:
    """A dump, and the database that it is restored into."""

    database: str
    inspection: Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDumps:
    """The dumps at a target's path."""

    choice: Choice
    roles: GlobalsFile | None = None
    """The file of roles beside the dumps."""
    selections: tuple[Selection, ...] = ()
    """One for each wanted database."""
    refusal: NotPicked | None = None
    """No dump is the one that the drill is to restore."""

    @property
    def undecided(self) -> dict[Path, FileState]:
        return {path: seen for one in self.selections for path, seen in one.undecided.items()}


@dataclass
class DrillSession:
    """State of a running drill in this process; lost with the process."""

    decryption: Decryption | None = None
    looking: Background[FoundDumps] | None = None
    failed_looks: int = 0
    """Consecutive looks that ended in a transient error: the drill, which waits for each, does not count them."""
    ahead: Ahead | None = None
    """Loads the newest dump while it is read."""
    fetched: Fetched | None = None
    """Copies of dumps from a storage; None: the dumps are in a folder."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Ends a download."""
    undecided: dict[Path, FileState] = field(default_factory=dict)
    picked: dict[str, Path] = field(default_factory=dict)
    """By the name of the database: what was chosen at the first look, for the second one."""
    restores: tuple[Restore, ...] = ()
    """One for each dump to restore; those of one database are adjacent."""
    statements: tuple[str, ...] = field(default=(), repr=False)
    """Statements on the whole server; may contain password hashes."""
    findings: tuple[CheckResult, ...] = ()
    """Findings on the roles of the dumps; reported when the dumps are loaded."""
    prepared: tuple[load_plan.Prepared | None, ...] = ()
    """One for each dump."""
    loading: int = 0
    """Index of the running or next restore."""
    installation: Installation | None = None
    """The programs that load; in a directory of its own the server's, too."""
    programs: Installation | None = None
    """Those of the server."""
    ignored: tuple[str, ...] = ()
    """Extensions that are left out: configured, and a managed service's own."""
    server: Program | None = None
    opened: Ready | None = None
    """The end of the step, which waits for ANALYZE."""
    analyzing: Background[tuple[str, ...]] | None = None
    load: Load | None = None
    load_seconds: float = 0.0
    log_offset: int = 0
    sorts_alike: bool = True
    """The database has the locale of the source."""
    roles: set[str] = field(default_factory=set)
    """Roles made because the previous load missed them; as `texts.kept` has them."""
    alone: bool = False
    """Load with one job, because several blocked each other."""
    made: cluster.Made | None = None
    lodging: Lodging | None = None
    reached: bool = False
    """An existing server was reached: intended resources may exist there."""

    @property
    def inspection(self) -> Inspection | None:
        """The first dump to restore."""
        return self.restores[0].inspection if self.restores else None

    @property
    def databases(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(restore.database for restore in self.restores))

    @property
    def account(self) -> OsUser | None:
        """User of the drill's programs; None: the present user."""
        return self.lodging.account if self.lodging else None

    @property
    def detail(self) -> str:
        return "reading" if self.fetched is None else self.fetched.detail

    def end(self) -> None:
        """End the programs that this process started for the drill, except the server."""
        self.stop.set()
        if self.decryption is not None:
            self.decryption.cancel()
        if self.ahead is not None:
            self.ahead.stop()
        if self.load is not None:
            self.load.end()
        if self.looking is not None:
            self.looking.done(patience=ENDING_SECONDS)

    def leave(self) -> None:
        """Release the account of the programs after they have ended."""
        if self.lodging is not None:
            self.lodging.close()


class DumpFinder:
    """The first step of every dump target: the private directory, and the dump to restore."""

    def __init__(
        self,
        dump: DumpSettings,
        server: ServerSettings,
        clock: Clock,
        lock_of: Callable[[str], Path],
        *,
        restores_here: bool = False,
    ) -> None:
        self._restores_here = restores_here
        self._dump = dump
        self._server = server
        self._clock = clock
        self._lock_of = lock_of

    def find(self, drill: Drill, session: DrillSession) -> StepEvent:
        if self._server.require_fence and (missing := processes.missing_walls()):
            return Unclear(
                reason="could not restore safely: the kernel does not support "
                f"{named(missing)}, and postgres.require_fence is true",
                hint="Allow user namespaces on this machine, or start restorecheck as root "
                "outside a container; "
                "`restorecheck doctor` says more (RC113).",
            )
        places = self._server.places(drill.id)
        mark = Mark(drill_id=drill.id, made_at=drill.started_at, lock=str(self._lock_of(drill.id)))
        session.lodging = session.lodging or self._server.lodge(drill.id)
        cluster.make_directory(places, mark, session.account)
        session.made = cluster.made(places)
        if session.decryption is None and self._dump.decrypt:
            session.decryption = Decryption(self._dump.decrypt)
        if session.fetched is None and self._dump.storage is not None:
            session.fetched = Fetched(
                self._dump.storage,
                places.directory / "fetched",
                max_size=self._dump.max_size,
                max_rate=self._dump.max_rate,
                expected=self._expected(drill),
                whole_list=self._dump.every is not None,
                stop=session.stop,
            )
        if session.looking is None:
            session.looking = Background(
                partial(
                    look,
                    self._dump,
                    session.decryption,
                    now=self._clock.now(),
                    before=self._before(session),
                    select=drill.select,
                    picked=session.picked,
                    earlier=session.undecided,
                    materialise=places.directory,
                    following=session.ahead,
                    fetched=session.fetched,
                ),
                session.ahead.news if session.ahead else None,
            )
        if not session.looking.done(patience=load_plan.POLL_SECONDS):
            return InProgress(wait=timedelta(0), detail=session.detail)
        looking, session.looking = session.looking, None
        try:
            found = looking.result()
        except NotFoundError as exc:
            return Broken(reason=exc.message, hint=exc.hint)
        except TransientError as exc:
            session.failed_looks += 1
            if session.failed_looks <= MAX_RETRIES:
                raise
            return Unclear(reason=f"{exc.message} ({MAX_RETRIES} times in a row)", hint=exc.hint)
        except OSError as exc:
            return Unclear(reason=f"the dump could not be read: {exc.strerror}")
        session.failed_looks = 0
        if set(found.undecided) - set(session.undecided):
            session.undecided = found.undecided
            return InProgress(
                wait=SECOND_LOOK, detail="checking whether the newest file is still being written"
            )
        if found.refusal is not None:
            refused = found.refusal
            kind = Broken if refused.bad else Unclear
            return kind(reason=refused.reason, hint=refused.hint, notes=found.choice.notes)
        choice = found.choice
        session.statements = found.roles.statements if found.roles else ()
        future = selection.of_the_future(
            database_choice.of_the_future(dump, drill.started_at) for dump in choice.future
        )
        future += self._on_roles(found, drill)
        undated = _undated(found) if self._dump.storage and self._dump.max_age else ""
        if undated:
            return Unclear(
                reason=f"the age of the backup is unknown: neither {undated} nor its storage says when it was taken",
                hint="Put the time into the names of the dumps, let the list say `modified`, or use pg_dump -Fc.",
                notes=choice.notes,
            )
        if choice.reason:
            return Unclear(
                reason=choice.reason, hint=choice.hint, notes=choice.notes, findings=tuple(future)
            )
        if len(choice.wanted) == 1 and not choice.absent:
            event = self._conclude(found.selections[0], choice.notes, future, session, drill)
        else:
            event = self._conclude_several(found, future, session, drill)
        return _addressed(event, session)

    def _in_folders(self, drill: Drill) -> tuple[str, str]:
        """Why there may be a dump below a folder that never had one itself, and what to do; empty: there is none."""
        below = "" if drill.baseline else deeper(Path(self._dump.path))
        if not below:
            return "", ""
        return "there are files in its folders", f"If they are the dumps, set `path` to {below}"

    def _expected(self, drill: Drill) -> Expected:
        """How much room a dump of this name and size will need once it is restored in the work directory."""
        earlier = drill.earlier_size
        if earlier is None or not self._restores_here:
            return lambda _name, _size: None
        return lambda name, size: earlier.expected(choosing.series_of(name), size)

    def _lacks_room(self, drill: Drill, inspection: Inspection) -> str:
        """Why the restore would fill the disk; empty: it does not, as far as earlier drills tell."""
        expected = self._expected(drill)(inspection.path.name, inspection.size_bytes)
        free = cluster.free_bytes(self._server.work_dir)
        if expected is None or expected <= free:
            return ""
        return f"{inspection.path.name} was not restored: {too_little(expected, free, self._server.work_dir)}"

    def _before(self, session: DrillSession) -> Callable[[], None] | None:
        """Of the first look of a drill."""
        before = self._dump.before
        if before is None or session.undecided:
            return None
        return partial(before, session.stop.is_set)

    def _on_roles(self, found: FoundDumps, drill: Drill) -> tuple[CheckResult, ...]:
        if not self._dump.globals_path:
            return ()
        if found.roles is None:
            return (selection.absent("the roles", self._dump.globals_path),)
        return selection.on_globals(found.roles, self._dump.max_age, drill.started_at)

    def _conclude(
        self,
        found: Selection,
        notes: tuple[str, ...],
        future: list[CheckResult],
        session: DrillSession,
        drill: Drill,
    ) -> StepEvent:
        databases = () if self._dump.databases == (database_choice.ALL,) else self._dump.databases
        own = findings(
            found,
            max_age=self._dump.max_age,
            databases=databases,
            now=drill.started_at,
            every=self._dump.every,
            database=database_name(found.chosen, databases) if found.chosen else "",
        )
        judged = (*future, *own)
        notes = (*notes, *found.notes)
        if found.unusable is not None:
            unusable = found.unusable
            return Unclear(
                reason=f"{unusable.path.name} {unusable.problem}",
                hint=unusable.hint,
                findings=judged,
                notes=notes,
            )
        if found.chosen is None:
            if not found.damaged and found.on_purpose:
                return Unclear(
                    reason="the chosen dump was still being written",
                    hint="Run the drill again.",
                    findings=judged,
                    notes=notes,
                )
            if not found.damaged:
                reason = f"could not find a dump in {self._dump.path}"
                return _nothing(reason, *self._in_folders(drill), (), notes)
            newest = found.damaged[0]
            which = "the chosen dump is bad" if found.on_purpose else "no complete dump"
            return Broken(
                reason=f"{which}: {newest.path.name} {newest.problem}",
                backup=backup_of(newest, found),
                findings=judged,
                notes=notes + _others(found),
            )
        lack = self._lacks_room(drill, found.chosen)
        if lack:
            return Unclear(reason=lack, hint=LARGER_DISK, findings=judged, notes=notes)
        chosen = parts_of(found.chosen, self._dump.databases)
        if isinstance(chosen, Unclear):
            return replace(chosen, findings=judged, notes=notes)
        session.restores = chosen.restores
        session.statements += found.chosen.statements
        return Ready(
            backup=backup_of(found.chosen, found),
            findings=(*judged, *(selection.absent(n, self._dump.path) for n in chosen.absent)),
            notes=(*notes, *_others(found), *chosen.notes),
        )

    def _conclude_several(
        self, found: FoundDumps, future: list[CheckResult], session: DrillSession, drill: Drill
    ) -> StepEvent:
        """Collects the findings of each database; complete dumps are restored."""
        judged = [*future]
        notes = [*found.choice.notes]
        restores: list[Restore] = []
        for wanted, one in zip(found.choice.wanted, found.selections, strict=True):
            judged += findings(
                one,
                max_age=self._dump.max_age,
                databases=(),
                now=drill.started_at,
                every=self._dump.every,
                of=wanted.name,
            )
            notes += [*one.notes, *_others(one)]
            if one.unusable is not None:
                judged.append(selection.unusable(wanted.name, one.unusable))
            elif one.chosen is None and not one.damaged:
                judged.append(selection.absent(wanted.name, self._dump.path))
            elif one.chosen is not None:
                restores += self._restores(wanted, one.chosen, found.choice.absent)
                session.statements += one.chosen.statements
                notes.append(_restored(wanted, one.chosen, one))
        restored = {restore.database for restore in restores}
        missing = [name for name in found.choice.absent if name not in restored]
        but, hint = _unnamed(found.choice.unplaced)
        if not (but or restores):
            but, hint = self._in_folders(drill)
        judged += [selection.absent(name, self._dump.path, but) for name in missing]
        if not restores:
            reason = f"could not find a complete dump in {self._dump.path}"
            return _nothing(reason, but, hint, tuple(judged), tuple(notes))
        session.restores = tuple(restores)
        return Ready(
            backup=_backup_of_all(self._dump.path, found),
            findings=tuple(judged),
            notes=tuple(notes),
        )

    def _restores(
        self, wanted: WantedDatabase, inspection: Inspection, absent: tuple[str, ...]
    ) -> list[Restore]:
        """The databases of a file with several, except those with their own file."""
        if inspection.kind != "cluster":
            return [Restore(database_name(inspection, (wanted.name,)), inspection)]
        names = {part.dbname for part in inspection.parts} & {wanted.name, *absent}
        if self._dump.databases == (database_choice.ALL,):
            names = set(_of_interest(inspection.parts))
        return [Restore(p.dbname, p) for p in inspection.parts if p.dbname in names]


def _unnamed(dumps: Sequence[Dated]) -> tuple[str, str]:
    """Why one of these may be that of a missing database, and what to do; empty: there is none."""
    if not dumps:
        return "", ""
    return (
        f"{dumps[0].path.name} does not name its database",
        "Name the files after their databases, or write the names into the dumps: pg_dump -Fc, or --create.",
    )


def _nothing(
    reason: str, but: str, hint: str, judged: tuple[CheckResult, ...], notes: tuple[str, ...]
) -> Broken | Unclear:
    """No dump is a bad backup, unless there may be one: `but` says why."""
    if not but:
        return Broken(reason=reason, findings=judged, notes=notes)
    return Unclear(reason=f"{reason}; {but}", hint=hint, findings=judged, notes=notes)


def look(
    dump: DumpSettings,
    decryption: Decryption | None,
    *,
    now: datetime,
    earlier: dict[Path, FileState],
    materialise: Path,
    following: Following | None = None,
    fetched: Fetched | None = None,
    before: Callable[[], None] | None = None,
    select: Select = choosing.NEWEST,
    picked: dict[str, Path] | None = None,
) -> FoundDumps:
    """Find the dump to restore of each wanted database, and read it to its end.

    `picked`: what an earlier look has chosen; it is filled in. `before`: must succeed first.

    Raises:
        NotFoundError: The folder, or the storage, does not exist.
        AccessDeniedError: It cannot be read.
    """
    once = partial(
        _look,
        decryption=decryption,
        now=now,
        earlier=earlier,
        materialise=materialise,
        following=following,
        fetched=fetched,
        rule=select,
        picked={} if picked is None else picked,
        written=dump.path,
    )
    if before is not None:
        before()
    refusal = chosen_dumps.refusal(select, dump.databases, database_choice.ALL)
    if refusal is not None:
        return FoundDumps(choice=Choice(), refusal=refusal)
    if fetched is None:
        return once(dump)
    refusal = fetched.begin(now, select)
    if refusal is not None:
        return FoundDumps(choice=Choice(notes=fetched.notes), refusal=refusal)
    found = once(replace(dump, path=fetched.path))
    while any(s.is_open for s in found.selections) and fetched.one_more():
        found = once(replace(dump, path=fetched.path))
    return replace(found, choice=replace(found.choice, notes=(*fetched.notes, *found.choice.notes)))


def _look(
    dump: DumpSettings,
    decryption: Decryption | None,
    *,
    now: datetime,
    earlier: dict[Path, FileState],
    materialise: Path,
    following: Following | None,
    fetched: Fetched | None,
    rule: Select,
    picked: dict[str, Path],
    written: str,
) -> FoundDumps:
    roles = _roles_beside(dump, decryption, now)
    choice = choose(
        dump.path,
        decryption,
        dump.databases,
        now=now,
        but=roles.all if roles else (),
        exact=dump.exact,
        written=written,
    )
    selections = []
    for number, wanted in enumerate(choice.wanted):
        # One folder each, for archives that must be unpacked for the restore.
        own = materialise / f"dump-{number}" if number else materialise
        own.mkdir(mode=0o755, exist_ok=True)
        listing = chosen_dumps.list_of(wanted.files, fetched.address if fetched else str)
        files = [dated.path for dated in wanted.files]
        own_rule = choosing.of_database(rule, wanted.name)
        if fetched is not None:
            own_rule = replace(
                own_rule, within=None
            )  # its storage has said which are recent enough
        how = choosing.how(own_rule, [*listing.values()], [*listing.values()])
        on_purpose = rule.by is not SelectBy.NEWEST and bool(listing)
        if on_purpose:
            drawn = chosen_dumps.pick(own_rule, listing, now)
            if isinstance(drawn, NotPicked):
                return FoundDumps(choice=choice, refusal=drawn)
            files = [picked.setdefault(wanted.name, drawn[0])]
            how = drawn[1].chosen
        one = select(
            dump.path,
            decryption,
            now=now,
            earlier=earlier,
            materialise=own,
            files=files,
            one=on_purpose,
            following=following if len(choice.wanted) == 1 else None,
        )
        listed = tuple(listing.values())
        if fetched is not None and files:
            looked = [i.path for i in (one.chosen, one.unusable, *one.damaged) if i is not None]
            listed, how = fetched.beside((looked or files)[0]) or (listed, how)
            listing = {path: fetched.listed(path) for path in listing}
        selections.append(
            replace(
                one,
                taken={d.path: d.taken for d in wanted.files},
                listed=listed,
                listing=listing,
                how=how,
            )
        )
    return FoundDumps(choice=choice, roles=roles, selections=tuple(selections))


def _undated(found: FoundDumps) -> str:
    """Name of a chosen dump without a known time; empty: there is none."""
    chosen = ((one, one.chosen) for one in found.selections if one.chosen is not None)
    undated = (i.path.name for one, i in chosen if one.taken_of(i).at < timestamps.NO_TIME)
    return next(undated, "")


def _addressed(event: StepEvent, session: DrillSession) -> StepEvent:
    """The event, with the dump's name in its storage."""
    fetched = session.fetched
    if fetched is None or not isinstance(event, Ready | Broken) or event.backup is None:
        return event
    checksum = fetched.checksum([*event.backup.about] or [event.backup.identifier])
    return replace(event, backup=replace(event.backup, storage=fetched.place, checksum=checksum))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsChosen:
    restores: tuple[Restore, ...]
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def parts_of(inspection: Inspection, databases: tuple[str, ...]) -> PartsChosen | Unclear:
    """The parts of a file to restore: its only database, or the wanted ones of several."""
    if inspection.kind != "cluster":
        name = database_name(inspection, databases)
        return PartsChosen(restores=(Restore(name, inspection),))
    names = [name for name in dict.fromkeys(p.dbname for p in inspection.parts) if name]
    if not databases and not inspection.cluster:
        return Unclear(
            reason=f"{inspection.path.name} holds dumps of several databases: {', '.join(names)}",
            hint="Set `databases: all` or `databases: [NAME, …]` for this target, or dump each "
            "database to a separate file.",
        )
    if databases and databases != (database_choice.ALL,):
        wanted = [name for name in databases if name in names]
    else:
        wanted = _of_interest(inspection.parts)
    restores = [
        Restore(name, part) for name in wanted for part in inspection.parts if part.dbname == name
    ]
    if not restores:
        return Unclear(
            reason=f"{inspection.path.name} holds none of the configured databases, only "
            f"{', '.join(names) or 'roles'}",
            hint="Correct `databases` of this target.",
        )
    absent = tuple(n for n in databases if n not in names and n != database_choice.ALL)
    note = f"{inspection.path.name} holds several databases; restored: {', '.join(wanted)}"
    return PartsChosen(restores=tuple(restores), absent=absent, notes=(note,))


def _of_interest(parts: Sequence[Inspection]) -> list[str]:
    """All databases without templates; `postgres` last, and only if it is not empty."""
    filled = dict.fromkeys(part.dbname for part in parts if part.creates)
    names = dict.fromkeys(part.dbname for part in parts)
    own = sorted(name for name in names if name not in IN_EVERY_SERVER)
    return own + [name for name in ("postgres",) if name in (filled if own else names)]


IN_EVERY_SERVER = frozenset({"postgres", "template0", "template1"})


def database_name(inspection: Inspection, configured: Sequence[str]) -> str:
    """The name in the source; another one for templates, which a new server already has.

    Plain dumps without a database name get the configured one.
    """
    name = inspection.dbname or (configured[0] if configured else "")
    return "restored" if name in {"", database_choice.ALL, "template0", "template1"} else name


def _roles_beside(
    dump: DumpSettings, decryption: Decryption | None, now: datetime
) -> GlobalsFile | None:
    try:
        return newest(dump.globals_path, decryption, now=now) if dump.globals_path else None
    except NotFoundError:
        return None


def _restored(wanted: WantedDatabase, inspection: Inspection, found: Selection) -> str:
    taken = found.taken_of(inspection)
    by = ", named after its file" if wanted.by_name else ""
    return (
        f"{wanted.name}{by}: {inspection.path.name}, taken {taken.at:%Y-%m-%d %H:%M} UTC "
        f"({taken.source})"
    )


def _backup_of_all(path: str, found: FoundDumps) -> Backup:
    """The backup of several databases, as old as the oldest of their dumps."""
    backups = [backup_of(one.chosen, one) for one in found.selections if one.chosen is not None]
    oldest = min(backups, key=_moment)
    hows = [b.chosen for b in backups if b.chosen is not None]
    newest = [how.newest_at for how in hows if how.newest_at is not None]
    return replace(
        oldest,
        identifier=path,
        size_bytes=sum(b.size_bytes or 0 for b in backups),
        version="",
        about={key: version for b in backups for key, version in b.about.items()},
        chosen=oldest.chosen
        and replace(
            oldest.chosen,
            of=sum(how.of for how in hows),
            newest="",
            newest_at=min(newest, default=None),
        ),
    )


def _moment(backup: Backup) -> datetime:
    assert backup.taken_at is not None, "each dump has a time"
    return backup.taken_at


def _others(found: Selection) -> tuple[str, ...]:
    notes = tuple(f"{i.path.name} {i.problem}" for i in found.damaged[1:])
    if found.chosen is not None and found.damaged:
        chosen = found.chosen.path.name
        return (*notes, f"the newest complete dump, {chosen}, was restored instead")
    return notes


def find_step(directory: Resource, dump: DumpSettings, deadline: timedelta) -> Step:
    return Step(
        name="find dump",
        kind=StepKind.PREPARE,
        does=f"create the private directory {directory.identifier}; find the newest complete "
        f"dump in {dump.path}, or the dump that `select` or --backup names",
        deadline=deadline,
        makes=(directory,),
    )


def check_step(deadline: timedelta) -> Step:
    return Step(
        name="check",
        kind=StepKind.CHECK,
        does="run the checks read-only, as a role without superuser if possible",
        deadline=deadline,
    )


def lost_session() -> Unclear:
    return Unclear(
        reason="the process that ran this drill has ended; its throw-away server no longer runs"
    )
