"""Prepares a recovered cluster for the checks: a read-only role, and the extensions for checks of pages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import psycopg
from psycopg import sql

from restorecheck.checks.structure import OWN_EXTENSIONS as EXTENSIONS
from restorecheck.postgres.dump import preparation
from restorecheck.postgres.physical import outcome
from restorecheck.postgres.physical.source import DamagedBackupError
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.session.connection import Connection, pin, spell
from restorecheck.postgres.session.opening import identity_of

DATABASES = """
select datname from pg_database where not datistemplate order by not datallowconn or datconnlimit = -2, datname
"""
"""Those that accept no connection are the last: closed ones, and since the minor versions of 2023 what an interrupted DROP
DATABASE left. Source: src/include/catalog/pg_database.h, DATCONNLIMIT_INVALID_DB.
"""
COLLATIONS = """
select distinct datcollversion, pg_database_collation_actual_version(oid) from pg_database
where datcollversion is distinct from pg_database_collation_actual_version(oid) and not datistemplate
"""
COLLATIONS_MAJOR = 150000


class Opened:
    """A recovered cluster, ready for the checker."""

    def __init__(
        self, databases: Sequence[str], identity: str, version: str, notes: Sequence[str]
    ) -> None:
        self.databases = tuple(databases)
        self.identity = identity
        self.version = version
        self.notes = tuple(notes)


def prepare(places: Places, superuser: str, wanted: Sequence[str], first: Connection) -> Opened:
    """`first`: a connection of the superuser to template1.

    Raises:
        psycopg.Error: The server refuses.
    """
    role = preparation.CHECKER_ROLE
    open_in = partial(cluster.superuser_connection, places, user=superuser)
    there = [str(row[0]) for row in first.execute(DATABASES)]
    databases = list(wanted) or there
    notes = _end_prepared(first, open_in)
    notes += _collations(first)
    preparation.demote_roles(first)
    preparation.make_reading_role(first, role, login=True)
    preparation.limit_temporary_files(first, role, cluster.free_bytes(places.directory) // 2)
    version = first.execute("select current_setting('server_version')").fetchone()
    identity, unlogged = identity_of(first), 0
    for name in databases:
        if name not in there:
            continue  # the checker reports it
        try:
            with open_in(name) as connection:
                pin(connection)
                spell(connection)
                preparation.let_in(connection, name, role)
                with _no_event_triggers(connection):
                    preparation.let_evaluate(connection, role)
                    _let_look_at_pages(connection, role)
                unlogged += _unlogged(connection)
                identity = identity_of(connection) if name == databases[0] else identity
        except psycopg.Error as exc:
            if lost := outcome.lost_file(str(exc)):
                raise DamagedBackupError(f"the database {name} cannot be opened: {lost}") from exc
            if name == databases[0]:
                raise
            notes.append(f"the database {name} accepts no connections")
    if unlogged:
        notes.append(
            f"{unlogged} unlogged tables are empty: physical backups do not contain their rows"
        )
    assert version is not None, "a setting has a value"
    return Opened(databases, identity, str(version[0]), notes)


def _end_prepared(first: Connection, open_in: partial[Connection]) -> list[str]:
    """Rolls back prepared transactions: checks would wait for their locks, and their changes were never visible."""
    rows = first.execute("select gid, database from pg_prepared_xacts").fetchall()
    for gid, database in rows:
        with open_in(str(database)) as connection:
            connection.execute(sql.SQL("rollback prepared {}").format(sql.Literal(gid)))
    if not rows:
        return []
    return [f"{len(rows)} prepared transactions of the backup were rolled back in the copy"]


def _collations(first: Connection) -> list[str]:
    if first.info.server_version < COLLATIONS_MAJOR:
        return []
    return [
        f"the collation version of the backup is {was or 'unknown'}, on this machine {now or 'unknown'}: "
        "text indexes may have another sort order here"
        for was, now in first.execute(COLLATIONS)
    ]


def _unlogged(connection: Connection) -> int:
    row = connection.execute(
        "select count(*) from pg_class where relpersistence = 'u' and relkind = 'r'"
    ).fetchone()
    return int(row[0]) if row else 0


EVENT_TRIGGERS = """
select evtname, case evtenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'enable' end
from pg_event_trigger where evtenabled <> 'D'
"""
SINCE_SETTING = 170000
"""Since then a setting of the server turns them off."""


@contextmanager
def _no_event_triggers(connection: Connection) -> Iterator[None]:
    """One that forbids changes would keep the extensions from being made."""
    change = sql.SQL("alter event trigger {} {}")
    rows: list[tuple[str, str]] = []
    if connection.info.server_version < SINCE_SETTING:
        rows = [(str(name), str(state)) for name, state in connection.execute(EVENT_TRIGGERS)]
    for name, _ in rows:
        connection.execute(change.format(sql.Identifier(name), sql.SQL("disable")))
    yield
    for name, state in rows:
        connection.execute(change.format(sql.Identifier(name), sql.SQL(state)))


def _let_look_at_pages(connection: Connection, role: str) -> None:
    """Makes extensions that the checker's role may not create; a check reports missing ones."""
    connection.execute(f"create schema if not exists {EXTENSIONS}".encode())
    for name in ("amcheck", "pg_visibility"):
        with suppress(psycopg.Error):
            connection.execute(
                f"create extension if not exists {name} schema {EXTENSIONS}".encode()
            )
        row = connection.execute(
            "select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace "
            "where e.extname = %s",
            (name,),
        ).fetchone()
        if row is None:
            continue
        for grant in (
            "grant usage on schema {} to {}",
            "grant execute on all functions in schema {} to {}",
        ):
            with suppress(psycopg.Error):
                connection.execute(
                    sql.SQL(grant).format(sql.Identifier(str(row[0])), sql.Identifier(role))
                )
