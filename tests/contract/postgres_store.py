"""Histories in a real PostgreSQL: each test has a new one, of a role that owns its schema and nothing else."""

from contextlib import contextmanager

from restorecheck.postgres.history.database import PostgresDatabase
from restorecheck.postgres.server import cluster
from restorecheck.sql.store import SqlStore
from tests import pg

KEEPER = """
create role keeper login nosuperuser nocreatedb nocreaterole;
create schema restorecheck authorization keeper;
"""


@contextmanager
def history_server():
    """A running server; its database `library` is for histories."""
    with pg.running(min(pg.installations(), key=lambda i: i.major), KEEPER) as source:
        yield source


def url_of(source, role="keeper"):
    return f"postgresql://{role}@/library?host={source.places.sockets}"


def empty(source):
    with cluster.superuser_connection(source.places, "library") as connection:
        connection.execute("drop schema if exists restorecheck cascade")
        connection.execute("create schema restorecheck authorization keeper")


@contextmanager
def postgres_store(source):
    empty(source)
    store = SqlStore(PostgresDatabase(url_of(source)))
    try:
        yield store
    finally:
        store.close()
