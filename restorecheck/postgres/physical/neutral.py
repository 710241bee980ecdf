"""Replaces the configuration of a restored cluster: none of its own settings is used.

config_file, hba_file and ident_file are restorecheck's. The server always reads postgresql.auto.conf, so that file is
replaced by an empty one. A setting on the command line overrides every file.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.cluster import MEGABYTE, Places
from restorecheck.postgres.session.messages import LOG_PREFIX

AWAY = (
    *("recovery.signal", "standby.signal", "recovery.conf", "recovery.done", "promote"),
    *("fallback_promote", "postmaster.pid", "postmaster.opts", "postgresql.auto.conf"),
    *("postgresql.auto.conf.tmp", "current_logfiles", "logrotate"),
)
"""Files that make a cluster start actions by itself."""
LOGS = ("log", "pg_log")
NEEDED = (
    *("pg_commit_ts", "pg_dynshmem", "pg_logical/mappings", "pg_logical/snapshots", "pg_notify"),
    *("pg_multixact/members", "pg_multixact/offsets", "pg_replslot", "pg_serial", "pg_snapshots"),
    *("pg_stat", "pg_stat_tmp", "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal/archive_status"),
)
"""Folders that a server needs to start. Copies to object stores lose empty ones, and pg_verifybackup does not check
them. Source: src/bin/initdb/initdb.c, subdirs.
"""
SINCE_17 = ("pg_wal/summaries",)
CONNECTIONS = 40
FLOORS = {
    "max_prepared_transactions": "max_prepared_xacts setting",
    "max_locks_per_transaction": "max_locks_per_xact setting",
}
"""Setting → line of pg_controldata: recovery needs the primary's values. max_connections and similar ones are needed
only with hot_standby, which is off.
"""


def neutralise(data: Path, tablespaces: Path, account: OsUser | None, major: int) -> list[str]:
    """Remove files that would start actions, before the server starts; returns notes for the report."""
    for name in AWAY:
        with suppress(FileNotFoundError):
            (data / name).unlink()
    for name in LOGS:
        if not (data / name).is_symlink():
            shutil.rmtree(data / name, ignore_errors=True)
    notes = []
    for slot in sorted((data / "pg_replslot").glob("*")):
        # No client uses it here; a logical slot prevents the start of a server with wal_level=replica.
        shutil.rmtree(slot, ignore_errors=True)
    missing = [
        name
        for name in (*NEEDED, *(SINCE_17 if major >= 17 else ()))  # noqa: PLR2004  # since when
        if not (data / name).is_dir()
    ]
    for name in missing:
        for folder in reversed([data / name, *(data / name).parents]):
            if folder.is_relative_to(data) and not folder.is_dir():
                cluster.make_folder(folder, account)
    lost = [name for name in missing if name not in SINCE_17]
    if lost:
        notes.append(f"the backup lacked these empty folders, which were made: {', '.join(lost)}")
    _map_tablespaces(data, tablespaces, account)
    for name in ("postgresql.auto.conf", "recovery.signal"):
        _write(data / name, "", account)
    return notes


def _map_tablespaces(data: Path, tablespaces: Path, account: OsUser | None) -> None:
    """Writes tablespace_map, by which the server makes links: never to production's paths."""
    file = data / "tablespace_map"
    if file.is_file():
        oids = [line.split(" ", 1)[0] for line in file.read_text(errors="replace").splitlines()]
        file.unlink()
        _write(
            file, "".join(f"{oid} {tablespaces / oid}\n" for oid in oids if oid.isdigit()), account
        )


def _write(path: Path, text: str, account: OsUser | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if account is not None:
            os.fchown(file.fileno(), account.uid, account.gid)
        file.write(text)


def write_configuration(folder: Path) -> dict[str, str]:
    """Write the configuration files into a folder that the server may only read; returns their settings."""
    texts = {"config_file": "", "hba_file": "local all all trust\n", "ident_file": ""}
    for setting, text in texts.items():
        path = folder / setting
        path.write_text(text)
        path.chmod(0o644)
    return {setting: str(folder / setting) for setting in texts}


STANDBY_FLOORS = {
    "max_connections": "max_connections setting",
    "max_worker_processes": "max_worker_processes setting",
    "max_wal_senders": "max_wal_senders setting",
}
"""A standby that answers queries needs the primary's values, too."""


def standby_settings(control: Mapping[str, str]) -> dict[str, str]:
    """Settings of a server that answers queries while it stands at a moment, beside those of recovery."""
    floors = {ours: int(control[line]) for ours, line in STANDBY_FLOORS.items() if line in control}
    floors["max_connections"] = max(floors.get("max_connections", 0), CONNECTIONS)
    return {"hot_standby": "on", **{name: str(value) for name, value in floors.items()}}


def recovery_settings(places: Places, control: Mapping[str, str], major: int) -> dict[str, str]:
    """Settings of the server that recovers the cluster on this machine, for one drill.

    `control`: output of pg_controldata.
    """
    memory = psutil.virtual_memory().available // MEGABYTE
    values = {
        "data_directory": str(places.data),
        # Only this drill can connect.
        "listen_addresses": "",
        "port": str(cluster.PORT),
        "unix_socket_directories": str(places.sockets),
        "unix_socket_permissions": "0700",
        "ssl": "off",
        "max_connections": str(CONNECTIONS),
        # Connects to no other server, and writes into no archive.
        "primary_conninfo": "",
        "primary_slot_name": "",
        "archive_mode": "off",
        "archive_command": "",
        "archive_cleanup_command": "",
        "recovery_end_command": "",
        "synchronous_standby_names": "",
        "hot_standby_feedback": "off",
        "max_wal_senders": "0",
        "max_logical_replication_workers": "0",
        "max_replication_slots": "64",  # origins of subscriptions are kept in them until 18
        # Runs only PostgreSQL's code.
        "shared_preload_libraries": "",
        "session_preload_libraries": "",
        "local_preload_libraries": "",
        "autovacuum": "off",
        "jit": "off",
        # Fits this machine.
        "hot_standby": "off",
        "shared_buffers": f"{max(32, min(memory // 8, 2048))}MB",
        "maintenance_work_mem": f"{max(32, min(memory // 16, 1024))}MB",
        "huge_pages": "off",
        "dynamic_shared_memory_type": "mmap",
        # No durability: a crashed server is thrown away.
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "max_wal_size": "16GB",
        "checkpoint_timeout": "1d",
        "wal_recycle": "off",
        "restart_after_crash": "on",  # a damaged page may crash a process: the others are asked again
        # A log that can be read: see `outcome`.
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_line_prefix": LOG_PREFIX,
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_statement": "none",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "-1",
    }
    values |= {ours: control[line] for ours, line in FLOORS.items() if line in control}
    since: dict[int, dict[str, str]] = {
        15: {"archive_library": ""},
        17: {"event_triggers": "off", "summarize_wal": "off", "sync_replication_slots": "off"},
        18: {"max_active_replication_origins": "64"},
    }
    for first, more in since.items():
        values |= more if major >= first else {}
    if major <= 15:  # noqa: PLR2004  # until when
        values["promote_trigger_file"] = ""
    return values
