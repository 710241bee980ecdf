"""Copies of one stopped server, damaged, started, asked, and thrown away."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.account import OsUser, choose_account
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.cluster import Places
from tests import pg
from tests.damage.healthy import FILES, MAINTENANCE, SCHEMA
from tests.damage.kinds import Damage, Files
from tests.places import SHORT
from tests.reading import ask, spec

NAME = "damaged"
TABLES = ("customers", "orders", "settings", "sessions")
UNCHANGED = tuple(spec("unchanged", name=f"unchanged {t}", table=t) for t in TABLES)


@dataclass(frozen=True)
class Healthy:
    """A server that was stopped in good health, and what was read of it."""

    places: Places
    installation: Installation
    account: OsUser | None
    paths: dict[str, str]
    readings: str


@contextmanager
def healthy(installation: Installation) -> Iterator[Healthy]:
    with pg.running(installation, schema="select 1") as source:
        with cluster.superuser_connection(source.places) as connection:
            connection.execute(f"create database {NAME}".encode())
        source.sql(SCHEMA, NAME)
        for statement in MAINTENANCE:
            source.sql(statement, NAME)
        _, readings = ask(source, NAME, UNCHANGED)
        with cluster.superuser_connection(source.places, NAME) as connection:
            toast = connection.execute(
                "select reltoastrelid::regclass::text from pg_class where relname = 'orders'"
            ).fetchone()
            assert toast is not None
            names = {
                key: name or toast[0] for key, name in {**FILES, "settings": "settings"}.items()
            }
            paths = {
                key: str(row[0])
                for key, name in names.items()
                if (
                    row := connection.execute(
                        "select pg_relation_filepath(%s::regclass)", [name]
                    ).fetchone()
                )
            }
        assert source.server is not None
        source.server.send_signal(
            signal.SIGINT
        )  # a clean end: after a crash unlogged tables are empty
        source.server.wait()
        yield Healthy(source.places, installation, source.account, paths, readings)


@contextmanager
def damaged(base: Healthy, damage: Damage | None) -> Iterator[pg.Source]:
    directory = Path(tempfile.mkdtemp(prefix="rd", dir=SHORT))
    account = choose_account(None)
    server = None
    places = Places(directory / "restorecheck-damaged")
    try:
        shutil.copytree(
            base.places.directory, places.directory, ignore=shutil.ignore_patterns(".s.*")
        )
        if damage is not None and damage.files is not None:
            damage.files(Files(places.data, base.paths))
        _give(directory, account)
        server = cluster.start(places, base.installation, account, jobs=2, outlive_us=False)
        source = pg.Source(places, base.installation, account)
        if damage is not None and damage.sql:
            source.sql(f"set allow_system_table_mods = on; {damage.sql}", NAME)
        yield source
    finally:
        cluster.stop(places, server)
        shutil.rmtree(directory, ignore_errors=True)


def _give(directory: Path, account: OsUser | None) -> None:
    if account is None:
        return
    for root, folders, files in os.walk(directory):
        for name in (".", *folders, *files):
            os.chown(Path(root) / name, account.uid, account.gid, follow_symlinks=False)
