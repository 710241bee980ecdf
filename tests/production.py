"""A cluster of somebody else's, that archives its WAL, and the physical backups that are made of it.

Small: segments of 1 MB, one database with a thousand rows. It runs beside the drills, and must notice nothing of them.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from restorecheck.postgres.server import processes
from restorecheck.postgres.server.account import OsUser, choose_account
from restorecheck.postgres.server.binaries import Installation
from tests import pg
from tests.places import SHORT

MEGABYTE = 1 << 20
SCHEMA = """
create table orders (id int primary key, at timestamptz not null default clock_timestamp(), note text);
create table big (id int primary key, filler text);
insert into big select i, repeat(md5(i::text), 8) from generate_series(1, 4000) i;
"""


def majors() -> dict[int, Installation]:
    """Of each major version at hand, one installation with the programs that physical backups need."""
    found: dict[int, Installation] = {}
    for installation in pg.installations():
        if installation.program("pg_verifybackup").exists():
            found.setdefault(installation.major, installation)
    return found


@dataclass
class Production:
    directory: Path
    installation: Installation
    account: OsUser | None
    superuser: str = "postgres"
    server: processes.Program | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def archive(self) -> Path:
        return self.directory / "archive"

    @property
    def backups(self) -> Path:
        return self.directory / "backups"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def run(self, program: str, *arguments: str | Path, check: bool = True) -> str:
        process = processes.spawn(
            [self.installation.program(program), *arguments],
            directory=self.directory,
            account=self.account,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = process.communicate(timeout=120)
        assert not check or process.returncode == 0, err.decode()
        return out.decode()

    def start(self, **settings: str) -> None:
        values = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "archive_mode": "on",
            "archive_command": f"cp %p {self.archive}/%f",
            "log_connections": "on",
            "log_line_prefix": "%m [%p] %b ",
            "log_timezone": "UTC",
            "timezone": "UTC",
            "fsync": "off",
            "max_connections": "130",
            "shared_buffers": "16MB",
            "autovacuum": "off",
            **({"summarize_wal": "on"} if self.installation.major >= 17 else {}),
            **settings,
        }
        options = [word for item in values.items() for word in ("-c", "{}={}".format(*item))]
        with self.log.open("ab") as log:
            self.server = processes.spawn(
                [self.installation.program("postgres"), "-D", self.data, *options],
                directory=self.directory,
                account=self.account,
                stdout=log,
                stderr=log,
                dies_by=signal.SIGQUIT,
            )
        for _ in range(400):
            try:
                self.sql("select 1", "template1")
                return
            except psycopg.OperationalError:
                threading.Event().wait(0.05)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(30)
            self.server = None

    def sql(self, text: str, database: str = "shop") -> list[tuple[Any, ...]]:
        with self.connected(database) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def connected(self, database: str = "shop") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.directory), dbname=database, user=self.superuser, autocommit=True
        )

    def order(self, count: int = 100) -> str:
        """So many more rows, committed; the server's time afterwards, with its zone."""
        self.sql(
            "insert into orders (id, note) select (select coalesce(max(id), 0) from orders) + i, "
            f"repeat('x', 200) from generate_series(1, {count}) i"
        )
        return str(self.sql("select clock_timestamp()::text")[0][0])

    def next_second(self) -> None:
        """A backup tells the whole second of its end: a moment within that second may be before its end."""
        self.sql(
            "select pg_sleep(1 - mod(extract(second from clock_timestamp())::numeric, 1)::float8)"
        )

    def switch(self) -> str:
        """The present segment, finished and archived."""
        ((name,),) = self.sql("select pg_walfile_name(pg_switch_wal())")
        for _ in range(400):
            if (self.archive / name).exists() and not self.archiving():
                return str(name)
            threading.Event().wait(0.025)
        raise AssertionError(f"{name} is not archived: {self.log.read_text()[-2000:]}")

    def archiving(self) -> bool:
        return any((self.data / "pg_wal" / "archive_status").glob("*.ready"))

    def backup(self, name: str, *options: str | Path) -> Path:
        """By pg_basebackup, with its own WAL."""
        folder = self.backups / name
        self.run(
            "pg_basebackup", f"--host={self.directory}", f"--username={self.superuser}", "--no-sync",
            "--checkpoint=fast", f"--pgdata={folder}", *options,
        )  # fmt: skip
        return folder

    def segments(self) -> list[str]:
        return sorted(
            path.name for path in self.archive.iterdir() if re.fullmatch("[0-9A-F]{24}", path.name)
        )


@contextmanager
def producing(
    installation: Installation,
    *options: str,
    superuser: str = "postgres",
    checksums: bool = True,
    **settings: str,
) -> Iterator[Production]:
    """A cluster that runs as long as the block. `options`: of initdb; `settings`: of the server."""
    directory = Path(tempfile.mkdtemp(prefix="rcp", dir=SHORT))
    account = choose_account(None)
    if account is not None:
        os.chown(directory, account.uid, account.gid)
    directory.chmod(0o755)
    made = Production(directory, installation, account, superuser)
    try:
        for folder in (made.archive, made.backups):
            folder.mkdir(mode=0o755)
            if account is not None:
                os.chown(folder, account.uid, account.gid)
        made.run(
            "initdb", f"--pgdata={made.data}", f"--username={superuser}", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--wal-segsize=1", *(["--data-checksums"] if checksums else no_checksums(installation)), "--no-sync", *options,
        )  # fmt: skip
        made.start(**settings)
        made.sql("create database shop", "template1")
        made.sql(SCHEMA)
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory, ignore_errors=True)


def no_checksums(installation: Installation) -> list[str]:
    """PostgreSQL 18 makes them unless it is told not to."""
    return ["--no-data-checksums"] if installation.major >= 18 else []


def flip(path: Path, offset: int, count: int = 1) -> None:
    """Other bytes there. A negative offset is counted from the end."""
    with path.open("r+b") as file:
        file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        before = file.read(count)
        file.seek(-len(before), os.SEEK_CUR)
        file.write(bytes(byte ^ 0xFF for byte in before))


def age(folder: Path, seconds: float = 3600) -> None:
    """As if everything in it were as old: nothing is still being written."""
    at = time.time() - seconds  # noqa: TID251  # of files
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (at, at), follow_symlinks=False)
