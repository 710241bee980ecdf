"""A dump, loaded into a new server."""

from pathlib import PurePath

from restorecheck.config import Target
from restorecheck.config.sources.dump import Dump
from restorecheck.runbook import fetching
from restorecheck.runbook.shell import Shell
from restorecheck.runbook.steps import Proven, RunbookStep, compare, database

UNPACKED_BY = {
    ".gz": "gunzip -c",
    ".zst": "zstd -dc",
    ".xz": "xz -dc",
    ".bz2": "bunzip2 -c",
    ".lz4": "lz4 -dc",
}
ENCRYPTED = frozenset({".age", ".gpg", ".pgp", ".asc", ".enc"})
ROLES = r"s/^ALTER .* OWNER TO \(.*\);$/\1/p; s/^GRANT .* TO \([^;]*\);$/\1/p"
"""Roles that own something or get a right, in the definitions of a dump."""


def steps(target: Target, proven: Proven, shell: Shell) -> tuple[RunbookStep, ...]:
    dump = target.keys_of(Dump)
    return (
        _server(proven),
        _fetch(dump, proven, shell),
        *_unpack(dump, proven, shell),
        _roles(dump, shell),
        _load(proven, shell),
        RunbookStep(
            "Collect statistics: a dump contains none, and without them plans are guesses",
            ("vacuumdb --all --analyze-in-stages",),
        ),
        compare(proven, shell),
        RunbookStep(
            "Let the application in",
            about=(
                (
                    "Give the roles their passwords and settings, set up backups of the new server, then point the "
                    "application to it."
                ),
            ),
        ),
    )


def _server(proven: Proven) -> RunbookStep:
    return RunbookStep(
        f"A new, empty server of PostgreSQL {proven.major or 'the same major version'} or later",
        (
            'export PGHOST="${PGHOST:-/var/run/postgresql}" PGPORT="${PGPORT:-5432}" PGUSER="${PGUSER:-postgres}"',
            'WORK="${WORK:-/var/tmp}"',
            "psql -X -d postgres -Atc 'select version()'",
        ),
        ("Set PGHOST, PGPORT and PGUSER (a superuser) before, or change them here.",),
    )


def _fetch(dump: Dump, proven: Proven, shell: Shell) -> RunbookStep:
    identifier, backup = proven.identifier, proven.report.backup
    if dump.storage is None:
        here = (f"DUMP={shell.quote(identifier)}", 'test -r "$DUMP"')
        return RunbookStep("The dump", here)
    name = PurePath(identifier).name or "dump"
    fetch = fetching.commands(dump, identifier, shell)
    if fetch is None:
        about = (
            f"Fetch {identifier} from {dump.storage.key} to $DUMP: this version has no command for it.",
        )
        return RunbookStep(
            "Fetch the dump", (f'DUMP="$WORK"/{shell.quote(name)}', 'test -r "$DUMP"'), about
        )
    lines = (f'DUMP="$WORK"/{shell.quote(name)}', *fetch)
    digest = backup.checksum.removeprefix("sha256:") if backup else ""
    if digest and len(proven.databases) == 1:
        lines += (f"""printf '%s  %s\\n' {shell.quote(digest)} "$DUMP" | sha256sum --check""",)
    return RunbookStep("Fetch the dump, and compare it with what was verified", lines)


def _unpack(dump: Dump, proven: Proven, shell: Shell) -> tuple[RunbookStep, ...]:
    name, found = PurePath(proven.identifier.rpartition("/")[2]), []
    if dump.decrypt:
        name = name.with_suffix("") if name.suffix in ENCRYPTED else name
        lines = (
            f'{shell.join(dump.decrypt)} < "$DUMP" > "$WORK"/{shell.quote(f"{name}.plain")}',
            f'DUMP="$WORK"/{shell.quote(f"{name}.plain")}',
        )
        found.append(RunbookStep("Decrypt it", ("umask 077", *lines)))
    program = UNPACKED_BY.get(name.suffix)
    if program is not None:
        to = shell.quote(name.stem)
        found.append(
            RunbookStep("Unpack it", (f'{program} < "$DUMP" > "$WORK"/{to}', f'DUMP="$WORK"/{to}'))
        )
    return tuple(found)


def _roles(dump: Dump, shell: Shell) -> RunbookStep:
    if dump.globals is not None:
        folder, _, pattern = dump.globals.rpartition("/")
        file = f"$(ls -t {shell.quote(folder)}/{pattern} | head -n 1)"
        return RunbookStep(
            "Roles, as pg_dumpall --globals-only wrote them",
            (f'psql -X -d postgres -f "{file}"',),
            ("A role that exists already is an error that may be ignored.",),
        )
    return RunbookStep(
        "Roles: make those that the dump names",
        (
            '{ pg_restore --schema-only --file=- "$DUMP" 2> /dev/null || grep -E "^(ALTER|GRANT) " "$DUMP" || true; } |',
            f"  sed -n '{ROLES}' | sort -u | while read -r role; do",
            '    psql -X -q -d postgres -c "create role $role" || true',
            "  done",
        ),
        (
            (
                "A dump of one database has no roles. They are made without a password; a role that exists already is an "
                "error that may be ignored. pg_dumpall --globals-only of production has their passwords and settings."
            ),
        ),
    )


def _load(proven: Proven, shell: Shell) -> RunbookStep:
    plain = proven.databases[0] if proven.databases else "restored"
    name, into = shell.quote(plain), database(plain, shell)
    about = ["An existing database is not overwritten: then the step ends with an error."]
    if len(proven.databases) > 1:
        names = ", ".join(proven.databases)
        about.append(f"The drill restored {names}: repeat the steps from the dump on for each.")
    return RunbookStep(
        "Load it",
        (
            'if pg_restore --list "$DUMP" > "$WORK/restorecheck.toc" 2> /dev/null; then',
            f"  createdb --template=template0 -- {name}",
            '  jobs=1; if grep -qE "Format: (CUSTOM|DIRECTORY)" "$WORK/restorecheck.toc"; then jobs=4; fi',
            f'  pg_restore --exit-on-error --jobs="$jobs" --dbname={into} "$DUMP"',
            'elif grep -qE -m 1 "^(CREATE DATABASE|.connect) " "$DUMP"; then',
            '  psql -X --set ON_ERROR_STOP=0 --dbname=postgres --file "$DUMP" > /dev/null',
            "else",
            f"  createdb --template=template0 -- {name}",
            f'  psql -X --set ON_ERROR_STOP=1 --dbname={into} --file "$DUMP" > /dev/null',
            "fi",
        ),
        tuple(about),
    )
