"""The PostgreSQL servers behind the sandbox's endpoints, and the copies that stand for snapshots."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from restorecheck.errors import ProviderError
from restorecheck.postgres.server import cluster, processes
from restorecheck.postgres.server.account import OsUser
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places
from restorecheck.sandbox.certificates import Authority

OWNER = "rdsadmin"
"""The superuser, as in RDS; it cannot log in over the network."""

TIMEOUT = 120.0

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "ssl": "on",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "wal_level": "replica",
    "max_wal_senders": "4",
    # What a crash would lose is thrown away after a crash anyway.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "off",
    "log_line_prefix": "%t:%r:%u@%d:[%p]:",
}

HBA = f"""\
local all {OWNER} trust
local replication {OWNER} trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""

ROLES = """
create role rds_superuser nologin; create role rds_iam nologin; create role rds_password nologin; create role rds_replication nologin;
create database rdsadmin owner rdsadmin; revoke connect on database rdsadmin from public;
"""

GROUPS = {
    10: ("pg_monitor", "pg_signal_backend", "rds_password", "rds_replication"),
    15: ("pg_checkpoint", "pg_read_all_data", "pg_write_all_data"),
    16: ("pg_create_subscription", "pg_use_reserved_connections"),
    17: ("pg_maintain",),
}
"""Major version → groups that rds_superuser is in since then, and whose members it chooses. As `pg_dumpall
--roles-only` of RDS 14.6, 14.7, 15.2, 15.3 and 17 shows them, in public repositories; (?) 16, and 13 by the RDS
User Guide, "Understanding the rds_superuser role". It has no BYPASSRLS in any.
"""
READ_ALL = ("pg_read_all_data", "pg_write_all_data")
"""(?) Whether an instance that came from 14 by an upgrade is in these is unknown: `Sandbox(reads_all=…)`."""


def groups_of(major: int, *, reads_all: bool | None) -> tuple[str, ...]:
    """`reads_all`: whether rds_superuser may read every table; None: as it was seen of this version."""
    found = [name for since, names in GROUPS.items() if since <= major for name in names]
    if reads_all is None:
        return tuple(found)
    return (*(name for name in found if name not in READ_ALL), *(READ_ALL if reads_all else ()))


EXTENSIONS = ("amcheck", "pg_visibility")
"""Both are in `rds.extensions`, and rds_superuser can make what is listed there (RDS User Guide, "Supported
PostgreSQL extension versions"; aws/pgactive#9 shows it done).
"""


class Server:
    """One cluster: its directory, and its server while that runs."""

    def __init__(self, farm: "Farm", directory: Path) -> None:
        self.places = Places(directory)
        self.port = 0
        self._farm = farm
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it on a port of its own. Only from a thread that lives on.

        Raises:
            ProviderError: It does not come up.
        """
        farm = self._farm
        self.port = _free_port()
        argv: list[str | Path] = [farm.installation.program("postgres"), "-D", self.places.data]
        sockets = {"unix_socket_directories": str(self.places.directory), "port": str(self.port)}
        for key, value in (SETTINGS | sockets).items():
            argv += ["-c", f"{key}={value}"]
        with cluster.open_log(self.places) as log:
            self._process = processes.spawn(
                argv,
                directory=self.places.directory,
                account=farm.account,
                stdout=log,
                stderr=log,
                dies_by=signal.SIGQUIT,
            )
        try:
            cluster.await_ready(self.places, self._process)
        except ProviderError:
            self.stop()
            raise

    def stop(self) -> None:
        cluster.stop(self.places, self._process)
        self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.places.directory, ignore_errors=True)

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(
            host=str(self.places.directory),
            port=self.port,
            user=OWNER,
            dbname=database,
            autocommit=True,
        ) as connection:
            yield connection

    def make_master(self, name: str, password: str, database: str | None) -> None:
        """The master user is no superuser: it is a member of rds_superuser, as in RDS."""
        with self.superuser() as connection:
            for statement in ROLES.split(";"):
                if statement.strip():
                    connection.execute(statement.encode())
            for group in self._farm.groups:
                text = f"grant {group} to rds_superuser with admin option"
                connection.execute(text.encode())
            for place in ("template1", "postgres"):
                self._extend(place)
            role = sql.Identifier(name)
            connection.execute(
                sql.SQL("create role {} login createdb createrole password {}").format(
                    role, sql.Literal(password)
                )
            )
            connection.execute(sql.SQL("grant rds_superuser to {}").format(role))
            if database:
                connection.execute(
                    sql.SQL("create database {} owner {}").format(sql.Identifier(database), role)
                )

    def _extend(self, database: str) -> None:
        """What members of rds_superuser can make themselves in RDS is there already, as PostgreSQL lets only
        superusers make it.
        """
        with self.superuser(database) as connection:
            for name in EXTENSIONS:
                try:
                    connection.execute(f"create extension {name}".encode())
                except psycopg.errors.FeatureNotSupported:
                    continue  # it does not come with this PostgreSQL
            connection.execute("grant execute on all functions in schema public to rds_superuser")

    def set_password(self, name: str, password: str) -> None:
        with self.superuser() as connection:
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(name), sql.Literal(password)
                )
            )

    def log_text(self) -> str:
        return self.places.log.read_text(errors="replace") if self.places.log.exists() else ""


class Farm:
    """Makes servers below one directory, from one template."""

    def __init__(
        self,
        directory: Path,
        installation: Installation,
        account: OsUser | None,
        authority: Authority,
        *,
        reads_all: bool | None = None,
    ) -> None:
        """`reads_all`: as in `groups_of`."""
        self.groups = groups_of(installation.major, reads_all=reads_all)
        self.installation = installation
        self.account = account
        self._directory = directory
        self._authority = authority
        self._numbers = itertools.count(1)
        self._servers: list[Server] = []
        self._template: Path | None = None

    def create(self) -> Server:
        """A fresh cluster, not started."""
        return self.copy_of(self._made_template())

    def copy_of(self, data: Path) -> Server:
        """A cluster with a copy of this data directory, not started."""
        directory = self._new_directory()
        self._run("cp", "-a", data, directory / "data", directory=directory)
        server = Server(self, directory)
        self._servers.append(server)
        return server

    def snapshot(self, server: Server) -> Path:
        """A consistent copy of what the server holds now."""
        directory = self._new_directory()
        self._run(
            self.installation.program("pg_basebackup"),
            f"--host={server.places.directory}",
            f"--port={server.port}",
            f"--username={OWNER}",
            f"--pgdata={directory / 'data'}",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
            directory=directory,
        )
        return directory / "data"

    def end(self) -> None:
        for server in self._servers:
            server.stop()

    def _made_template(self) -> Path:
        if self._template is None:
            directory = self._new_directory()
            data = directory / "data"
            self._run(
                self.installation.program("initdb"),
                f"--pgdata={data}",
                f"--username={OWNER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--data-checksums",
                "--no-sync",
                directory=directory,
            )
            self._authority.issue(data / "server.crt", data / "server.key")
            for name in ("server.crt", "server.key"):
                self._hand_over(data / name)
            (data / "pg_hba.conf").write_text(HBA)
            self._template = data
        return self._template

    def _new_directory(self) -> Path:
        directory = self._directory / f"{next(self._numbers):03d}"
        directory.mkdir(mode=0o700)
        self._hand_over(directory)
        return directory

    def _hand_over(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def _run(self, *argv: str | Path, directory: Path) -> None:
        processes.run(list(argv), directory=directory, account=self.account, timeout=TIMEOUT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
