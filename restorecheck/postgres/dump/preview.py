"""A preview of the next drill, for `doctor`: the drill's first steps with the newest dump, in a folder that is
removed again. A throw-away server is started and compared with the dump's needs; nothing is loaded.
"""

import errno
import io
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg

from restorecheck.errors import RestorecheckError
from restorecheck.lifecycle import Broken, InProgress, Ready, StepEvent, Unclear
from restorecheck.model import CheckOutcome, CheckResult, Drill, Severity
from restorecheck.ports import Clock
from restorecheck.postgres.dump import load_plan, preparation, server_choice
from restorecheck.postgres.dump.finder import DrillSession, DumpFinder, Restore, database_name
from restorecheck.postgres.dump.preparation import Lacking
from restorecheck.postgres.dump.scratch_server import ScratchServer
from restorecheck.postgres.dump.settings import DumpSettings, ServerSettings
from restorecheck.postgres.dumpfiles import archive
from restorecheck.postgres.dumpfiles.archive import DamagedArchiveError
from restorecheck.postgres.dumpfiles.find import candidates
from restorecheck.postgres.dumpfiles.inspect import Inspection, with_toc
from restorecheck.postgres.dumpfiles.layers import Decryption, open_layers
from restorecheck.postgres.dumpfiles.needs import NeedsCollector
from restorecheck.postgres.dumpfiles.texts import shown
from restorecheck.postgres.server import cluster, offers
from restorecheck.postgres.server.cluster import Mark
from restorecheck.rules.facts import Preview, Unread

Connection = preparation.Connection

MOST_BYTES = 2 * 10**9
"""Bytes; a larger dump is not read to its end, so that `doctor` takes seconds."""
LONGEST_TOC = 16 * 1024 * 1024
"""Bytes of a large archive's table of contents that are read."""
MOST_UNPACKED = 4 * 10**9
"""Bytes of an unpacked file; a larger one ends the preview without an answer."""
LIMIT = timedelta(seconds=60)
"""Time for one target's files; a longer preview ends without an answer."""
RESTORED_INSTEAD = "was restored instead"
"""End of a note of the drill that is left out, because a preview restores nothing."""
NAMED_IN_SQL = frozenset({"POLICY", "USER MAPPING"})
"""Entries that name roles and are loaded even without owners and grants."""


@dataclass(frozen=True, slots=True)
class Host:
    """Parts that only hosts have."""

    clock: Clock
    sleep: Callable[[timedelta], None]
    name: str
    """Name of the folder, like a drill id: a sweep deletes what a killed preview left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The preview of one target's newest dump."""

    dump: DumpSettings
    server: ServerSettings
    scratch: ScratchServer | None
    drill: Drill
    """A drill that is in no store."""
    session: DrillSession


def preview(
    dump: DumpSettings,
    server: ServerSettings,
    scratch: ScratchServer | None,
    host: Host,
) -> Preview | Unread:
    """What a drill would find in the newest dump, and in the server for its restore."""
    try:
        with _limited_files(server.work_dir):
            return _look(dump, server, scratch, host)
    except OSError as exc:
        return Unread("a folder in the work directory", f"{exc.filename}: {exc.strerror}")
    except DamagedArchiveError as exc:
        return Unread("a readable dump", f"the newest dump {exc}")
    except (RestorecheckError, psycopg.Error) as exc:
        said = exc.message if isinstance(exc, RestorecheckError) else type(exc).__name__
        return Unread("an answer of the server", said)


def _too_large(path: str) -> Path | None:
    """The newest file, if it is too large to be read to its end; else None."""
    for file in candidates(path).files[:1]:
        parts = file.iterdir() if file.is_dir() else [file]
        if sum(part.stat().st_size for part in parts) > MOST_BYTES:
            return file
    return None


def _by_head(file: Path, decryption: Decryption | None) -> Inspection | None:
    """An archive by its table of contents; None: plain SQL or tar, which do not begin with one."""
    state = file.stat()
    found = Inspection(path=file, size_bytes=state.st_size, mtime_ns=state.st_mtime_ns)
    if file.is_dir():
        with (file / "toc.dat").open("rb") as stream:
            size = (file / "toc.dat").stat().st_size
            toc = archive.read_toc(stream, size, custom=False)
        return with_toc(replace(found, kind="directory"), toc) if toc.known else None
    with open_layers(file, decryption) as layers:
        head = layers.stream.read(LONGEST_TOC)
    if not head.startswith(archive.MAGIC):
        return None
    toc = archive.read_toc(io.BytesIO(head), len(head), custom=True)
    return with_toc(replace(found, kind="custom", layers=layers.names), toc) if toc.known else None


@contextmanager
def _limited_files(folder: Path) -> Iterator[None]:
    """Limits the size of files: a small packed file may unpack to more than the disk has."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = min(MOST_UNPACKED, cluster.free_bytes(folder) // 2)
    hard = before[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _look(
    dump: DumpSettings,
    server: ServerSettings,
    scratch: ScratchServer | None,
    host: Host,
) -> Preview | Unread:
    now = host.clock.now()
    drill = Drill(id=host.name, target="", plan=(), checks=(), started_at=now, deadline=now + LIMIT)
    session = DrillSession()
    look = Look(dump=dump, server=server, scratch=scratch, drill=drill, session=session)
    large = _too_large(dump.path)
    try:
        if large is not None:
            return _look_at_head(large, look)
        event = _found(DumpFinder(dump, server, host.clock, _lock), drill, session, host)
        if event is None:
            return Unread(
                "more time than the limit",
                f"the newest dump was not completely read within {LIMIT.seconds} s",
            )
        found = _of_event(event)
        if os.strerror(errno.EFBIG) in found.reason:
            most = f"{MOST_UNPACKED / 1e9:,.0f} GB"
            return Unread(
                "more space than the limit", f"the newest dump unpacks to more than {most}"
            )
        if session.inspection is None or found.reason:
            return found
        return _with_its_server(found, look)
    finally:
        session.end()
        places = server.places(drill.id)
        cluster.stop(places, session.server)
        cluster.remove(places, drill.id, session.made)
        if session.lodging is not None:
            session.lodging.close()


def _look_at_head(file: Path, look: Look) -> Preview | Unread:
    most = f"{MOST_BYTES / 1e9:,.0f} GB"
    only = f"{file.name} is larger than {most}, the limit of doctor; only its header was read"
    session, drill = look.session, look.drill
    session.decryption = Decryption(look.dump.decrypt) if look.dump.decrypt else None
    inspection = _by_head(file, session.decryption)
    if inspection is None:
        return Unread("more time than the limit", only)
    name = database_name(inspection, look.dump.databases or ())
    session.restores = (Restore(name, inspection),)
    mark = Mark(drill_id=drill.id, made_at=drill.started_at, lock=str(_lock(drill.id)))
    places = look.server.places(drill.id)
    session.lodging = look.server.lodge(drill.id)
    cluster.make_directory(places, mark, session.account)
    session.made = cluster.made(places)
    found = Preview(newest=file.name, only_head=only)
    return _with_its_server(found, look)


def _lock(drill_id: str) -> Path:
    """A lock that no process holds: a sweep may delete what a killed `doctor` left."""
    return Path("/nonexistent") / drill_id


def _found(
    finder: DumpFinder, drill: Drill, session: DrillSession, host: Host
) -> Ready | Broken | Unclear | None:
    """The first step's event; None: it takes too long."""
    while host.clock.now() < drill.deadline:
        event = finder.find(drill, session)
        match event:
            case Ready() | Broken() | Unclear():
                return event
            case InProgress(wait=wait):
                host.sleep(wait)
            case _:
                return Unclear(reason="the newest dump was not inspected")
    return None


def _of_event(event: StepEvent) -> Preview:
    match event:
        case Ready(backup=backup, findings=findings, notes=notes):
            newest = Path(backup.identifier).name if backup else ""
            told = tuple(note for note in notes if not note.endswith(RESTORED_INSTEAD))
            problems = _failed(findings, Severity.REQUIRED)
            warnings = _failed(findings, Severity.WARNING)
            return Preview(newest=newest, problems=problems, notes=(*told, *warnings))
        case Broken(reason=reason, hint=hint):
            return Preview(verdict="failed", reason=reason, hint=hint, notes=event.notes)
        case Unclear(reason=reason, hint=hint):
            return Preview(verdict="inconclusive", reason=reason, hint=hint, notes=event.notes)
        case _:
            raise AssertionError("a look ends in one of these")


def _failed(findings: Sequence[CheckResult], severity: Severity) -> tuple[str, ...]:
    """Problems of the files of this severity, except their age, which has its own rule."""
    bad = {CheckOutcome.FAILED, CheckOutcome.ERROR}
    return tuple(
        result.detail or f"{result.name}: expected {result.expected}, found {result.found}"
        for result in findings
        if result.outcome in bad
        and result.severity is severity
        and not result.name.endswith("is young enough")
    )


# --- what it would be restored into ------------------------------------------------------------


def _with_its_server(found: Preview, look: Look) -> Preview:
    inspections = [restore.inspection for restore in look.session.restores]
    assert inspections, "the look found a dump"
    if look.scratch is not None:
        return _with_scratch(found, inspections[0], look.dump, look.scratch)
    return _with_server(found, inspections, look)


def _with_server(found: Preview, inspections: Sequence[Inspection], look: Look) -> Preview:
    """Compare with a throw-away server of the version that the drill would choose."""
    server, ignored = look.server, look.dump.ignore_extensions
    inspection = load_plan.together(inspections)
    own = (*ignored, *offers.of_services(inspection.needs.extensions))
    programs = server_choice.choose(inspection, look.dump.options, server, own)
    if isinstance(programs, Unclear):
        return replace(found, lacks=programs.reason, hint=programs.hint)
    chosen = programs.server
    ignored = (*ignored, *load_plan.left_to_the_service(inspections, chosen))
    told = [note for each in inspections for note in load_plan.service_note(each, ignored)]
    found = replace(found, notes=(*found.notes, *dict.fromkeys(told)))
    places = server.places(look.drill.id)
    account = look.session.account
    cluster.initdb(places, chosen, account)
    extra = server_choice.settings_for("preview", inspections, chosen, look.dump.options)
    look.session.server = cluster.start(
        places, chosen, account, jobs=1, outlive_us=False, extra=extra
    )
    with cluster.superuser_connection(places) as connection:
        missing = Lacking()
        for each in inspections:
            missing |= preparation.lacking(connection, each, ignored, chosen)
        if missing:
            unfit = load_plan.unfit(missing, chosen, inspection)
            found = replace(found, lacks=unfit.reason, hint=unfit.hint)
        for each in inspections:
            preparation.drop_database(connection, "preview")
            if not preparation.make_database(connection, "preview", each.needs):
                found = replace(found, other_locale=_locale(each))
    where = f" in the image {chosen.container.image}" if chosen.container else ""
    return replace(found, server=f"PostgreSQL {chosen.version}{where}")


def _locale(inspection: Inspection) -> str:
    """The source's locale; empty: the dump does not record it."""
    return ", ".join(f"{key.lower()} {value}" for key, value in inspection.needs.locale)


def _with_scratch(
    found: Preview, inspection: Inspection, dump: DumpSettings, scratch: ScratchServer
) -> Preview:
    """Compare with the scratch server, without making anything there."""
    with scratch.open() as connection:
        said = (
            _too_old(connection, inspection)
            or _lacks_rights(connection)
            or _lacks_roles(connection, inspection)
        )
        missing = preparation.lacking(connection, inspection, dump.ignore_extensions)
        if not said and missing:
            said = f"the server lacks what the dump needs: {'; '.join(missing.texts)}"
        found = replace(found, server=f"the scratch server {scratch.name}")
    return replace(found, lacks=said and f"the scratch server {scratch.name}: {said}")


def _too_old(connection: Connection, inspection: Inspection) -> str:
    major, needed = connection.info.server_version // 10000, load_plan.needed_major(inspection)
    return (
        f"the server is PostgreSQL {major}, but the dump needs {needed} or newer"
        if major < needed
        else ""
    )


def _lacks_rights(connection: Connection) -> str:
    query = "select rolcreatedb or rolsuper, rolname from pg_roles where rolname = current_user"
    row = connection.execute(query).fetchone()
    if row is not None and not row[0]:
        return f"the role {row[1]} needs the right CREATEDB"
    return ""


def _lacks_roles(connection: Connection, inspection: Inspection) -> str:
    """Missing roles: owners and grants are left out there, but policies and user mappings name roles."""
    # Names in another encoding cannot be compared here.
    named = [role for role in roles_in_sql(inspection) if shown(role) == role]
    there = {row[0] for row in connection.execute("select rolname from pg_roles")}
    missing = [role for role in named if role not in there]
    if not missing:
        return ""
    return (
        f"the server has no role {', '.join(missing)}, which policies or user mappings of "
        "the dump need"
    )


def roles_in_sql(inspection: Inspection) -> tuple[str, ...]:
    """Roles that the policies and user mappings of an archive name. Plain SQL is not searched."""
    path = inspection.unwrapped or inspection.path
    toc_path = path / "toc.dat" if path.is_dir() else path
    packed = inspection.layers and inspection.unwrapped is None
    if inspection.kind not in {"custom", "directory"} or packed:
        return ()
    with toc_path.open("rb") as stream:
        toc = archive.read_toc(stream, toc_path.stat().st_size, custom=inspection.kind == "custom")
    collector = NeedsCollector()
    for entry in toc.entries:
        if entry.desc in NAMED_IN_SQL:
            collector.add_statement(entry.defn.lstrip())
    return collector.finish().roles
