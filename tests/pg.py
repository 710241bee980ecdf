"""A real PostgreSQL for tests: a source server to dump from, made with the product's own parts."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from restorecheck.hosts.clock import SystemClock
from restorecheck.postgres.server import binaries, cluster, processes
from restorecheck.postgres.server.account import OsUser, choose_account
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cache import default_cache
from restorecheck.postgres.server.cluster import Mark, Places
from tests.places import SHORT

LIBRARY = """
create extension if not exists hstore;
create role librarian nologin;
create role reader nologin;
create table authors (id int primary key, name text not null);
create table books (
  id int primary key, author_id int references authors, title text not null, added_at timestamptz,
  note text default E'two\\nlines', tags hstore
);
insert into authors select i, 'author ' || i from generate_series(1, 50) i;
insert into books
  select i, 1 + i % 50, 'title ' || i, now() - i * interval '1 minute', E'a\\nb' || i, 'k=>v'
  from generate_series(1, 2000) i;
create table empty_table (id int);
alter table books owner to librarian;
grant select on books to reader;
alter table books enable row level security;
create policy own on books for select to reader using (id < 10);
create function shout(t text) returns text language plpgsql as $body$
begin
  return upper(t);
-- COPY nothing FROM stdin;
end
$body$;
create view titles as select title from books;
create sequence counter;
"""


@dataclass(frozen=True)
class Source:
    """A running server with the database `library`."""

    places: Places
    installation: Installation
    account: OsUser | None
    server: processes.Program | None = None

    def run(
        self, program: str, *arguments: str, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) -> bytes:
        """A client program against this server; its standard output."""
        process = processes.spawn(
            [
                self.installation.program(program),
                f"--host={self.places.sockets}",
                f"--username={cluster.SUPERUSER}",
                *arguments,
            ],
            directory=self.places.directory,
            account=self.account,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        return out or b""

    def dump(self, target: Path, *options: str, database: str = "library") -> Path:
        """By pg_dump's own --file; so a custom archive has its offsets."""
        inside = self.places.sockets / target.name  # where its user may write
        self.run("pg_dump", f"--dbname={database}", f"--file={inside}", *options)
        if inside.is_dir():
            shutil.copytree(inside, target)
            shutil.rmtree(inside)
        else:
            shutil.copyfile(inside, target)
            inside.unlink()
        return target

    def pipe(self, target: Path, *options: str, database: str = "library") -> Path:
        """Through a pipe: pg_dump cannot seek back to write the offsets."""
        target.write_bytes(self.run("pg_dump", f"--dbname={database}", *options))
        return target

    def redirect(self, target: Path, *options: str, database: str = "library") -> Path:
        """By a shell's `>`."""
        with target.open("wb") as out:
            self.run("pg_dump", f"--dbname={database}", *options, stdout=out)
        return target

    def sql(self, text: str, database: str = "library") -> None:
        with cluster.superuser_connection(self.places, database) as connection:
            connection.execute(text.encode())


def outside(source: Source, pid: int) -> int:
    """The number by which this machine knows a backend, which has another one in its own namespace."""
    assert source.server is not None
    assert source.server.inner is not None
    for backend in psutil.Process(source.server.inner.pid).children():
        numbers = re.search(
            r"^NSpid:(.*)$", Path(f"/proc/{backend.pid}/status").read_text(), re.MULTILINE
        )
        if numbers is None or int(numbers[1].split()[-1]) == pid:
            return backend.pid
    raise AssertionError(f"the server has no backend {pid}")


def installations() -> list[Installation]:
    return list(
        binaries.discover(bin_dir=None, cache=default_cache(), account=choose_account(None))
    )


@contextmanager
def running(installation: Installation, schema: str = LIBRARY) -> Iterator[Source]:
    """A server that lives as long as the block."""
    directory = Path(tempfile.mkdtemp(prefix="rc", dir=SHORT))
    account = choose_account(None)
    directory.chmod(0o711)
    places = Places(directory / "restorecheck-source")
    server = None
    try:
        mark = Mark(drill_id="source", made_at=SystemClock().now(), lock="")
        cluster.make_directory(places, mark, account)
        cluster.initdb(places, installation, account)
        server = cluster.start(places, installation, account, jobs=2, outlive_us=False)
        source = Source(places, installation, account, server)
        # The user of a drill is another one than this server's.
        places.sockets.chmod(0o711)
        places.socket_path.chmod(0o777)
        with cluster.superuser_connection(places) as connection:
            connection.execute("create database library")
        source.sql(schema)
        yield source
    finally:
        cluster.stop(places, server)
        shutil.rmtree(directory, ignore_errors=True)
