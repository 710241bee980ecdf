"""Decides how a dump is loaded, and what the result of the load says about the dump."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from restorecheck.checks.server_messages import shown
from restorecheck.errors import AccessDeniedError
from restorecheck.lifecycle import Broken, Unclear
from restorecheck.postgres.dump.load import (
    Destination,
    Load,
    Loaded,
    archive_contents,
    restorable_contents,
    restore_archive,
    run_sql,
)
from restorecheck.postgres.dump.load_errors import (
    COMPARES_TEXTS,
    NOT_REPEATED,
    Into,
    LoadError,
    located,
    names_of,
    ours,
)
from restorecheck.postgres.dump.preparation import Lacking
from restorecheck.postgres.dump.settings import FullText
from restorecheck.postgres.dumpfiles import order
from restorecheck.postgres.dumpfiles.archive import TocEntry, label
from restorecheck.postgres.dumpfiles.cluster_dump import part_of
from restorecheck.postgres.dumpfiles.extensions import ROWS, members_of_extensions
from restorecheck.postgres.dumpfiles.filtering import FilterRules, restorable
from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.layers import Decryption, open_layers
from restorecheck.postgres.dumpfiles.pieces import state_of
from restorecheck.postgres.dumpfiles.services import service_of
from restorecheck.postgres.server import offers, pinned
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import Installation, ProgramSource, choose
from restorecheck.postgres.server.fence import named
from restorecheck.postgres.server.libraries import install_command
from restorecheck.postgres.server.processes import describe_exit, shell_as
from restorecheck.postgres.session.messages import CONSEQUENCES, MISSED_ROWS, errors_in_log
from restorecheck.spelling import number_of

POLL_SECONDS = 0.5
FOLLOWS_FROM_ORDER = COMPARES_TEXTS | {MISSED_ROWS}
"""Refused rows also break the foreign keys to them."""

OLDEST = 8
"""Major version for a dump that records none: any server may have written it."""

# Messages of pg_restore on an archive that it cannot read.
ARCHIVE_ERROR = re.compile(
    r"pg_restore: error: ((?:could not (?:read|uncompress|decompress|seek|find|open)|unexpected|did not find|corrupt"
    r"|file|input file|invalid|unsupported|bad|the|tar|found unexpected|error reading)[^\n]*)",
)
PSQL_ERROR = re.compile(
    r"psql:[^\n]*?: error: ((?:backslash commands|invalid command|could not)[^\n]*)"
    r"|(?:^|\n)(backslash commands are restricted|invalid command \\)"
)
"""psql prints some messages about piped input without its name."""
WORKER_DIED = "a worker process died unexpectedly"
"""Message of pg_restore about a killed worker, and sometimes about one that ended because of the archive's
content. Source: src/bin/pg_dump/parallel.c.
"""
BROKEN_OFF = (
    "server closed the connection unexpectedly",
    "connection to server was lost",
    "no connection to the server",
    "connection not open",
    "could not receive data from server",
    "could not send data to server",
    "could not send SSL",
    "SSL SYSCALL error",
    "SSL connection has been closed unexpectedly",
    "Connection refused",
    "Connection reset by peer",
    "Connection timed out",
    "No route to host",
    "Network is unreachable",
    "terminating connection",
    "canceling statement",
    "the database system is",
    "terminated by user",
    "too many clients",
    "No space left on device",
    "out of memory",
    "Cannot allocate memory",
)
"""Messages of libpq, PostgreSQL's programs or a server about an interrupted load, not about the dump.
Sources: src/interfaces/libpq, src/bin/pg_dump/parallel.c, src/backend/tcop/postgres.c.
"""
QUOTING = re.compile(
    r"^(?:CONTEXT|DETAIL|HINT|LOCATION|COPY|LINE|STATEMENT|Command was)\b.*$", re.MULTILINE
)
"""Lines that repeat rows and statements of the dump."""


def major_of(version: str) -> int | None:
    """`17.5 (Debian 17.5-1)` → 17; `9.6.24` → 9: every supported server is newer than that."""
    match = re.match(r"(\d+)", version)
    return int(match[1]) if match else None


def needed_major(inspection: Inspection) -> int:
    """Least major version: server and tools must be as new as the source server and its pg_dump."""
    majors = [major_of(inspection.server_version), major_of(inspection.dump_version)]
    return max([m for m in majors if m is not None], default=OLDEST)


def together(inspections: Sequence[Inspection]) -> Inspection:
    """The dump that needs the newest server, with the extensions and collations of all."""
    newest = max(inspections, key=needed_major)
    extensions = dict.fromkeys(e for i in inspections for e in i.needs.extensions)
    collations = dict.fromkeys(c for i in inspections for c in i.needs.collations)
    needs = replace(newest.needs, extensions=tuple(extensions), collations=tuple(collations))
    return replace(newest, needs=needs)


def choose_installation(
    inspection: Inspection, installations: Iterable[Installation], ignored: Sequence[str]
) -> Installation | Unclear:
    looked_at: list[Installation] = []

    def looking() -> Iterator[Installation]:
        for installation in installations:
            looked_at.append(installation)
            yield installation

    needed = needed_major(inspection)
    extensions = [name for name in inspection.needs.extensions if name not in ignored]
    chosen = choose(looking(), needed, extensions, icu=inspection.needs.icu)
    if chosen is not None:
        return chosen
    command = pinned.command_for(needed)
    if not looked_at:
        return Unclear(
            reason="could not find PostgreSQL server programs on this machine",
            hint=f"Install them (`{command or pinned.COMMAND + ' 17'}`, or the operating system's "
            "postgresql package), or set postgres.bin_dir to their folder.",
        )
    newest = max(looked_at, key=lambda i: (i.major, i.minor))
    return Unclear(
        reason=f"the dump needs PostgreSQL {needed} or newer; the newest version on this "
        f"machine is {newest.version} in {newest.bin_dir}",
        hint=f"Install PostgreSQL {needed}{f' (`{command}`)' if command else ''}, or set "
        "postgres.bin_dir to its bin folder.",
    )


def obeys_dumps(inspection: Inspection, installation: Installation) -> bool:
    """Whether the dump could make this psql run commands (CVE-2025-8714)."""
    if installation.container is not None:
        return False  # its psql is not the one that loads
    return inspection.kind == "plain" and not installation.knows_restrict


def version_note(inspection: Inspection, chosen: Installation) -> tuple[str, ...]:
    source = major_of(inspection.server_version)
    notes: list[str] = []
    if chosen.container is not None:
        notes.append(
            f"it was restored into PostgreSQL {chosen.version} in a container of "
            f"{chosen.container.image} ({chosen.container.identifier[:19]})"
        )
    elif source is not None and source != chosen.major:
        notes.append(
            f"the dump is of PostgreSQL {inspection.server_version}; it was restored into "
            f"{chosen.version}, the lowest suitable version on this machine"
            + (f"; `{command}` installs its own" if (command := pinned.command_for(source)) else "")
        )
    if obeys_dumps(inspection, chosen):
        notes.append(
            f"psql {chosen.version} in {chosen.bin_dir} runs commands from a dump "
            "(CVE-2025-8714): update it"
        )
    return tuple(notes)


def fence_note(missing: Sequence[str]) -> tuple[str, ...]:
    """Missing parts of the throw-away server's fence, for the report."""
    if not missing:
        return ()
    refused = (
        "the throw-away server ran without a part of its fence; the kernel does not "
        f"support {named(missing)}"
    )
    return (f"{refused}; `restorecheck doctor` says what to do (RC113)",)


def left_to_the_service(
    inspections: Iterable[Inspection], installation: Installation
) -> tuple[str, ...]:
    """Extensions of the dumps that belong to a managed service, and that this server does not offer."""
    names = dict.fromkeys(e for i in inspections for e in i.needs.extensions)
    return tuple(name for name in offers.of_services(names) if installation.lacks([name]))


def service_note(inspection: Inspection, ignored: Sequence[str]) -> tuple[str, ...]:
    """Which managed service the dump is of, and which extensions of the service were left out."""
    of_service = offers.of_services(inspection.needs.extensions)
    service = service_of(inspection, of_service.values())
    if not service:
        return ()
    left_out = [name for name in of_service if name in ignored]
    said = f"the dump is of {service}; its roles were made without their rights"
    named = "extension" if len(left_out) == 1 else "extensions"
    return (said + (f", and its {named} {', '.join(left_out)} left out" if left_out else ""),)


def omission_notes(inspection: Inspection, ignored: Sequence[str]) -> tuple[str, ...]:
    notes = [*inspection.missing, *service_note(inspection, ignored)]
    if inspection.needs.foreign_servers:
        notes.append(
            "the dump has foreign servers: user mappings were left out and materialized views were "
            "not filled, so that the restored database connects to no other server"
        )
    left_out = _left_out(inspection, ignored)
    if left_out:
        what = (
            "grants, comments, rows"
            if any(e.desc in ROWS for e in left_out)
            else "grants, comments"
        )
        notes.append(
            f"without the extensions {', '.join(ignored)}, {number_of(len(left_out), 'entry', 'entries')} on "
            f"their objects ({what}) {'was' if len(left_out) == 1 else 'were'} left out, for example {label(left_out[0])}"
        )
    return tuple(notes)


def _left_out(inspection: Inspection, ignored: Sequence[str]) -> tuple[TocEntry, ...]:
    """Entries on objects of ignored extensions. Rows only where all of these extensions are a managed service's own:
    rows of others are data of the user, and a load without them proves less than it seems to.
    """
    left_out = {name for name in inspection.needs.extensions if name in ignored}
    if not ignored:
        return ()
    of_service = set(offers.of_services(left_out))
    return members_of_extensions(inspection.entries, rows=bool(left_out) and left_out <= of_service)


EXTENSIONS = """
select e.extname, e.extversion from pg_extension e
join pg_available_extension_versions v on v.name = e.extname and v.version = e.extversion
where e.extname = any(%s) order by 1
"""
"""Versions from the server's own files: SQL in the dump can write any text into pg_extension."""


def extension_note(connection: psycopg.Connection[Any], names: Sequence[str]) -> tuple[str, ...]:
    """The created versions of the dump's extensions. A dump records no version: CREATE EXTENSION uses the
    server's default. Source: src/bin/pg_dump/pg_dump.c, dumpExtension.
    """
    made = connection.execute(EXTENSIONS, ([*names],)).fetchall()
    if not made:
        return ()
    versions = ", ".join(f"{name} {version}" for name, version in made)
    said = f"extensions were created in the versions of this server: {versions}"
    return (f"{said} (a dump does not record the versions of the source)",)


def unfit(missing: Lacking, installation: Installation, inspection: Inspection) -> Unclear:
    libraries = install_command(library for library, _ in missing.libraries)
    own = pinned.command_for(needed_major(inspection))
    contrib = [name for name in missing.extensions if name not in offers.table()]
    found = [
        # Other wheels lack extensions of PostgreSQL itself.
        *([f"`{own}`"] if own and contrib and installation.source is ProgramSource.WHEEL else []),
        *([f"`{libraries}`"] if libraries else []),
        *offers.hints(missing.extensions, installation.major),
        *([offers.ICU] if any("ICU" in said for said in missing.collations) else []),
    ]
    return Unclear(
        reason=f"PostgreSQL {installation.version} in {installation.bin_dir} lacks what the dump "
        f"needs: {'; '.join(missing.texts)}",
        hint=(f"Install it: {'; '.join(found)}. Or" if found else "Install it for that server,")
        + " set postgres.bin_dir to another server, or add "
        "extensions that the drill does not need to ignore_extensions.",
    )


def patience(_load: Load) -> float:
    """How long one poll of a running load waits: long enough to save work, short enough for an interrupt. The
    end of the load ends the wait.
    """
    return POLL_SECONDS


@dataclass(frozen=True, slots=True)
class Prepared:
    """Input of pg_restore."""

    archive: Path
    use_list: Path | None = None


def prepare(
    inspection: Inspection,
    installation: Installation,
    account: OsUser | None,
    directory: Path,
    ignored: Sequence[str],
) -> Prepared:
    """The archive and the list of its entries to restore, in a directory that only restorecheck writes."""
    archive = _reachable(inspection, account, directory)
    refresh = not inspection.needs.foreign_servers
    if refresh and not ignored:
        return Prepared(archive)
    contents = archive_contents(archive, installation, account, directory)
    use_list = directory / "contents.list"
    left_out = _left_out(inspection, ignored)
    use_list.write_text(restorable_contents(contents, ignored, left_out, refresh=refresh))
    _show(use_list, account)
    return Prepared(archive, use_list)


def prepare_each(
    inspections: Sequence[Inspection],
    installation: Installation,
    account: OsUser | None,
    directory: Path,
    ignored: Sequence[str],
) -> tuple[Prepared | None, ...]:
    """Prepare all dumps before the first load; None for plain ones."""
    prepared: list[Prepared | None] = []
    for number, inspection in enumerate(inspections):
        if inspection.kind == "plain":
            prepared.append(None)
            continue
        own = directory / f"archive-{number}"
        own.mkdir(mode=0o700)
        _show(own, account)
        prepared.append(prepare(inspection, installation, account, own, ignored))
    return tuple(prepared)


def begin(
    inspection: Inspection,
    destination: Destination,
    installation: Installation,
    account: OsUser | None,
    *,
    directory: Path,
    jobs: int,
    decryption: Decryption | None,
    ignored: Sequence[str],
    ownership: bool,
    prepared: Prepared | None = None,
) -> Load:
    """Start the loading program for this kind of dump."""
    if inspection.kind == "plain":
        rules = FilterRules(
            ownership=ownership,
            ignored_extensions=ignored,
            left_out=_left_out(inspection, ignored),
            refresh=not inspection.needs.foreign_servers,
        )

        @contextmanager
        def source() -> Iterator[Iterable[bytes]]:
            with open_layers(inspection.path, decryption) as layers:
                yield restorable(part_of(layers.stream, inspection.extent), rules)

        return run_sql(source, destination, installation, account, directory=directory)
    prepared = prepared or prepare(inspection, installation, account, directory, ignored)
    return restore_archive(
        prepared.archive,
        destination,
        installation,
        account,
        directory=directory,
        # pg_restore has no parallel restore of tar files.
        jobs=1 if inspection.kind == "tar" or order.decides(inspection.entries) else jobs,
        use_list=prepared.use_list,
        ownership=ownership,
    )


def explain(
    loaded: Loaded,
    inspection: Inspection,
    *,
    log: Path | None,
    offset: int,
    server_lost: bool,
    into: Into,
) -> Broken | Unclear | None:
    """The event of a finished load; None: the dump is in the database."""
    name = inspection.path.name
    seconds = loaded.seconds
    errors = load_errors(loaded, inspection, log=log, offset=offset)
    if not all(error.sqlstate in FOLLOWS_FROM_ORDER for error in errors):
        into = replace(into, sorts_alike=True)  # another locale does not excuse other errors
    for error in errors:
        if doubt := ours(error, into):
            return Unclear(
                reason=f"{name} could not be loaded into this server{doubt.why}: "
                f"{error.told(names_of(inspection))}",
                hint=doubt.hint,
                external_seconds=seconds,
            )
    if loaded.feed_doubt:
        return Unclear(
            reason=f"{name} could not be read to its end: {loaded.feed_doubt}",
            external_seconds=seconds,
        )
    if loaded.feed_problem:
        return Broken(
            reason=f"{name} could not be read to its end: {loaded.feed_problem}",
            external_seconds=seconds,
        )
    if server_lost:
        return Unclear(
            reason="the throw-away server ended while the dump was loaded",
            external_seconds=seconds,
        )
    if errors:
        more = f"; {len(errors) - 1} more errors" if len(errors) > 1 else ""
        return Broken(
            reason=f"{name} does not restore: {errors[0].told(names_of(inspection))}{more}",
            external_seconds=seconds,
        )
    if loaded.exit_code != 0:
        return _without_an_error(loaded, name)
    if _changed(inspection):
        return Unclear(
            reason=f"{name} was changed while it was being restored", external_seconds=seconds
        )
    return None


def load_errors(
    loaded: Loaded, inspection: Inspection, *, log: Path | None, offset: int
) -> list[LoadError]:
    """The errors of a load, in order, without consequences of other errors."""
    if log is None and (loaded.exit_code < 0 or _lost(loaded)):
        return []  # messages before a program was ended prove nothing
    logged = errors_in_log(log, offset) if log is not None else []
    if log is not None and not logged:
        return []
    found = located(logged, loaded.errors, inspection)
    return [error for error in found if error.sqlstate not in CONSEQUENCES]


def _without_an_error(loaded: Loaded, name: str) -> Broken | Unclear:
    if lost := _broken_off(loaded):
        return Unclear(
            reason=f"loading {name} was interrupted: {lost}",
            hint="Check memory and disk space, and whether another program ended it; then run "
            "the drill again.",
            external_seconds=loaded.seconds,
        )
    return Broken(
        reason=f"{name} does not restore: {_own_words(loaded)}", external_seconds=loaded.seconds
    )


def with_full_text(
    failed: Broken | Unclear, loaded: Loaded, drill_id: str, take: FullText | None
) -> Broken | Unclear:
    """Pass on the full text of the load, if requested, and note where it is."""
    if take is None or not loaded.errors.strip():
        return failed
    note = take(drill_id, loaded.errors)
    return replace(failed, notes=(*failed.notes, note)) if note else failed


def _broken_off(loaded: Loaded) -> str:
    """What interrupted a load without a server error; empty: the dump is the cause.

    Only the program's messages about the archive itself blame the dump.
    """
    if loaded.exit_code < 0:
        return f"the program was ended by {describe_exit(loaded.exit_code)}"
    if lost := _lost(loaded):
        return lost
    said = QUOTING.sub("", loaded.errors)
    if WORKER_DIED in said and not ARCHIVE_ERROR.search(said):
        return WORKER_DIED
    if not (ARCHIVE_ERROR.search(said) or PSQL_ERROR.search(said)):
        return f"the program ended with {describe_exit(loaded.exit_code)}"
    return ""


def _lost(loaded: Loaded) -> str:
    said = QUOTING.sub("", loaded.errors)
    return next((words for words in BROKEN_OFF if words in said), "")


def _own_words(loaded: Loaded) -> str:
    if match := ARCHIVE_ERROR.search(loaded.errors):
        return f"pg_restore: {shown('pg_restore', match[1]) or NOT_REPEATED}"
    if match := PSQL_ERROR.search(loaded.errors):
        return f"psql: {shown('psql', match[1] or match[2]) or NOT_REPEATED}"
    return f"the program ended with {describe_exit(loaded.exit_code)}"


def _changed(inspection: Inspection) -> bool:
    try:
        if inspection.path.is_dir():
            (inspection.path / "toc.dat").stat()
            return False
        return state_of(inspection.path) != (inspection.size_bytes, inspection.mtime_ns)
    except OSError:
        return True


def _reachable(inspection: Inspection, account: OsUser | None, directory: Path) -> Path:
    """The archive, or a copy, in a place that the user of PostgreSQL can read.

    The backup itself is not changed: no permission is changed, and no link is made to it.
    """
    if inspection.unwrapped is not None:
        _show(inspection.unwrapped, account)
        return inspection.unwrapped
    if account is None or _readable_by(inspection.path, account):
        return inspection.path
    copy = directory / "archive"
    if inspection.path.is_dir():
        copy.mkdir(mode=0o700)
        for file in inspection.path.iterdir():
            if file.is_symlink():
                # Only root may be allowed to read a file there, and restored code could read the copy.
                raise AccessDeniedError(
                    f"{inspection.path.name} holds the symbolic link {file.name}, and the user "
                    f"{account.name} cannot read all files behind it",
                    hint="Replace the link with the files, or give this user the right to read "
                    "them.",
                )
            if file.is_file():
                _copy(file, copy / file.name, account)
        _show(copy, account)
    else:
        _copy(inspection.path, copy, account)
    return copy


def _copy(source: Path, target: Path, account: OsUser) -> None:
    # A user who may write there can replace a file by a link after the look. A single dump file may be a
    # link, and was examined through it.
    flags = os.O_RDONLY | (0 if target.name == "archive" else os.O_NOFOLLOW)
    with open(os.open(source, flags), "rb") as read, target.open("xb") as written:  # noqa: PTH123  # a descriptor
        shutil.copyfileobj(read, written, 1 << 20)
    _show(target, account)


def _show(path: Path, account: OsUser | None) -> None:
    """Let the user of PostgreSQL read a file, or a folder and its files, without becoming their owner."""
    if account is None:
        return
    for file in (*path.iterdir(), path) if path.is_dir() else (path,):
        os.chown(file, -1, account.gid, follow_symlinks=False)
        file.chmod(0o750 if file.is_dir() else 0o640)


def _readable_by(path: Path, account: OsUser) -> bool:
    probe = (
        'test -r "$1" || exit 1; test -d "$1" || exit 0; '
        'for file in "$1"/*; do test -r "$file" || exit 1; done'
    )
    return shell_as(account, probe, str(path)) == 0


def server_version(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute("show server_version").fetchone()
    return str(row[0]) if row else ""


def choose_tools(
    major: int, installations: Iterable[Installation], inspection: Inspection
) -> Installation | Unclear:
    """Client programs for an existing server of this major version.

    A psql that runs commands from a plain dump is refused: they would run with the rights and password of
    restorecheck's user, while the dump's SQL has only those of the database user.
    """
    looked_at = list(installations)
    wary = [item for item in looked_at if not obeys_dumps(inspection, item)]
    chosen = choose(wary, major)
    if chosen is not None:
        return chosen
    obedient = choose(looked_at, major)
    if obedient is not None:
        return Unclear(
            reason=f"psql {obedient.version} in {obedient.bin_dir} would run commands from the "
            "dump (CVE-2025-8714)",
            hint="Update PostgreSQL's programs (13.22, 14.19, 15.14, 16.10, 17.6 or newer), "
            "or dump in the custom format.",
        )
    return Unclear(
        reason=f"could not find pg_restore and psql of PostgreSQL {major} or newer on this machine",
        hint="Install them, or set postgres.bin_dir to their folder.",
    )
