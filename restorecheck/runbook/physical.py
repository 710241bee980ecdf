"""Copies of a cluster's files, recovered with their WAL to the end of the archive."""

from collections.abc import Callable, Mapping
from typing import Any

from restorecheck.config import Target
from restorecheck.config.sources.physical import Physical
from restorecheck.runbook.shell import Shell
from restorecheck.runbook.steps import Proven, RunbookStep, compare


def steps(target: Target, proven: Proven, shell: Shell) -> tuple[RunbookStep, ...]:
    keys = target.keys_of(Physical)
    make = _BY_KIND.get(keys.kind)
    if make is None:
        return (RunbookStep(f"This version has no steps for backups of {keys.kind}"),)
    name = proven.identifier.rpartition(": ")[2]
    return (
        _folder(proven),
        *make(keys, name, shell),
        _start(keys),
        compare(proven, shell),
        RunbookStep(
            "Make it production",
            about=(
                (
                    "Compare postgresql.conf and pg_hba.conf with production's: addresses, memory, archive_command. The new "
                    "server has a new timeline; take a full backup of it, then point the application to it."
                ),
            ),
        ),
    )


def _folder(proven: Proven) -> RunbookStep:
    major = proven.major or "MAJOR"
    return RunbookStep(
        f"A new machine with PostgreSQL {major}, and an empty folder for its data",
        (
            f'export PGDATA="${{PGDATA:-/var/lib/postgresql/{major}/restored}}"',
            'export PGHOST="${PGHOST:-/var/run/postgresql}" PGPORT="${PGPORT:-5432}"',
            'test "$(id -u)" != 0',
            'mkdir -p "$PGDATA" && chmod 700 "$PGDATA" && test -z "$(ls -A "$PGDATA")"',
        ),
        (
            (
                "The major version must be the same. Run this as the user of the server (postgres), with its programs in "
                f"PATH (Debian: PATH=/usr/lib/postgresql/{major}/bin:$PATH)."
            ),
        ),
    )


def _start(keys: Physical) -> RunbookStep:
    user = f"PGUSER={keys.superuser}" if keys.superuser.isidentifier() else "PGUSER=postgres"
    return RunbookStep(
        "Start, and wait until the WAL is replayed",
        (
            '[ -e "$PGDATA/postgresql.conf" ] || touch "$PGDATA/postgresql.conf"',
            '[ -e "$PGDATA/pg_hba.conf" ] || echo "local all all peer" > "$PGDATA/pg_hba.conf"',
            'pg_ctl -D "$PGDATA" -w -t 86400 -l "$PGDATA/../restored.log" -o "-p $PGPORT -c hot_standby=off ${START_OPTIONS:-}" start',
            f"export {user}",
            "until [ \"$(psql -X -d postgres -Atc 'select pg_is_in_recovery()' 2> /dev/null)\" = f ]; do sleep 1; done",
        ),
        (
            "Debian keeps postgresql.conf and pg_hba.conf in /etc, so they are not in the backup: copy production's first.",
            (
                "Without hot_standby no setting of production, which may be missing here, stops the recovery; the server lets "
                "nobody in until it is complete."
            ),
            "START_OPTIONS may have further options of postgres, such as -c archive_mode=off.",
        ),
    )


def _basebackup(keys: Any, name: str, shell: Shell) -> tuple[RunbookStep, ...]:  # noqa: ANN401  # of its kind
    found = [
        RunbookStep(
            "Copy the backup",
            (
                f"BACKUP={shell.quote(name)}",
                'if [ -e "$BACKUP/PG_VERSION" ]; then cp -a "$BACKUP/." "$PGDATA/"',
                "else",
                '  if ls "$BACKUP"/[0-9]*.tar* > /dev/null 2>&1; then',
                '    echo "tablespaces: unpack each OID.tar into its folder, and link it in pg_tblspc" >&2; exit 1',
                "  fi",
                '  for part in "$BACKUP"/base.tar*; do tar -xf "$part" -C "$PGDATA"; done',
                '  for part in "$BACKUP"/pg_wal.tar*; do [ ! -e "$part" ] || tar -xf "$part" -C "$PGDATA/pg_wal"; done',
                '  [ ! -e "$BACKUP/backup_manifest" ] || cp "$BACKUP/backup_manifest" "$PGDATA/"',
                "fi",
                'chmod 700 "$PGDATA"',
                'if [ -n "$(find "$PGDATA" -name "INCREMENTAL.*" | head -n 1)" ]; then',
                '  echo "incremental: combine it with its earlier parts by pg_combinebackup, into an empty PGDATA" >&2; exit 1',
                "fi",
            ),
        ),
        RunbookStep(
            "Compare its files with its manifest",
            ('[ ! -e "$PGDATA/backup_manifest" ] || pg_verifybackup --no-parse-wal "$PGDATA"',),
        ),
    ]
    if keys.archive is not None:
        found.append(_recovery(_from_folder(keys.archive, shell)))
    return tuple(found)


def _from_folder(archive: str, shell: Shell) -> str:
    """A restore_command for plain and compressed segments."""
    file = f"{shell.quote(archive)}/%f"
    packed = (
        ("gz", "gunzip"),
        ("zst", "zstd -dq"),
        ("lz4", "lz4 -d"),
        ("bz2", "bunzip2"),
        ("xz", "xz -d"),
    )
    others = "".join(
        f" elif [ -e {file}.{end} ]; then {program} -c {file}.{end} > %p;"
        for end, program in packed
    )
    return f"if [ -e {file} ]; then cp {file} %p;{others} else exit 1; fi"


def _recovery(command: str) -> RunbookStep:
    setting = command.replace("'", "''")
    return RunbookStep(
        "Recover to the end of the WAL archive",
        (
            "cat >> \"$PGDATA/postgresql.auto.conf\" <<'END'",
            f"restore_command = '{setting}'",
            "recovery_target_timeline = 'latest'",
            "END",
            'touch "$PGDATA/recovery.signal"',
        ),
        (
            "For an earlier moment, before a mistake, add recovery_target_time = '2026-02-26 03:15:00+00'.",
        ),
    )


def _pgbackrest(keys: Any, name: str, shell: Shell) -> tuple[RunbookStep, ...]:  # noqa: ANN401  # as above
    label, _, repository = name.partition(" in repository ")
    repository = repository or (str(keys.repo) if keys.repo else "")
    words = ["pgbackrest", f"--stanza={keys.stanza}", f"--set={label}"]
    words += [f"--config={keys.config}"] if keys.config else []
    words += [f"--repo={repository}"] if repository else []
    return (
        RunbookStep(
            "Restore the files",
            (f'{shell.join(words)} --pg1-path="$PGDATA" restore',),
            (
                (
                    "pgBackRest writes the restore_command: recovery goes to the end of the archive. For an earlier moment add "
                    "--type=time --target='2026-02-26 03:15:00+00' --target-action=promote."
                ),
            ),
        ),
    )


def _barman(keys: Any, name: str, shell: Shell) -> tuple[RunbookStep, ...]:  # noqa: ANN401  # as above
    words = ["barman", "recover", keys.server, name]
    return (
        RunbookStep(
            "Restore the files, with their WAL, as the user of Barman",
            (f'{shell.join(words)} "$PGDATA"', 'chmod 700 "$PGDATA"'),
            (
                "To another machine: --remote-ssh-command 'ssh postgres@HOST'. For an earlier moment: --target-time.",
            ),
        ),
    )


def _walg(keys: Any, name: str, shell: Shell) -> tuple[RunbookStep, ...]:  # noqa: ANN401  # as above
    program = ["wal-g", *(["--config", keys.settings] if keys.settings else [])]
    return (
        RunbookStep(
            "Restore the files",
            (f'{shell.join([*program, "backup-fetch"])} "$PGDATA" {shell.quote(name)}',),
            ()
            if keys.settings
            else ("The variables of WAL-G (WALG_…) must be set, also for the server.",),
        ),
        _recovery(f"{shell.join([*program, 'wal-fetch'])} %f %p"),
    )


Make = Callable[[Any, str, Shell], tuple[RunbookStep, ...]]
_BY_KIND: Mapping[str, Make] = {
    "basebackup": _basebackup,
    "pgbackrest": _pgbackrest,
    "barman": _barman,
    "walg": _walg,
}
