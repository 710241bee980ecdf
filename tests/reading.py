"""A database to read, and readings of it, for the tests of checks against real servers."""

import random
from contextlib import contextmanager
from datetime import timedelta

import psycopg

from restorecheck.checks.registry import built_in
from restorecheck.checks.scan_result import DatabaseReading, pack, unpack
from restorecheck.hosts.clock import SystemClock
from restorecheck.model import Backup, Baseline, CheckResult, CheckSpec, Endpoint
from restorecheck.ports import Inquiry
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.scan.scan_plan import Inquirer
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session.opening import by_system_identifier, connect, identity_of
from tests.pg import Source

HOUR = timedelta(hours=1)
SEED = 20260226


def seeded() -> random.Random:
    print(f"seed {SEED}")
    return random.Random(SEED)


def endpoint_of(source, database, user="postgres") -> Endpoint:
    with cluster.superuser_connection(source.places, database) as connection:
        identity = identity_of(connection)
    return Endpoint(
        identity=identity,
        host=str(source.places.sockets),
        port=cluster.PORT,
        user=user,
        databases=(database,),
    )


@contextmanager
def database(source, name, text):
    """One that lives as long as the block."""
    with cluster.superuser_connection(source.places, "postgres") as connection:
        connection.execute(f'create database "{name}"'.encode())
    try:
        if text:
            source.sql(text, name)
        yield name
    finally:
        with cluster.superuser_connection(source.places, "postgres") as connection:
            connection.execute(f'drop database "{name}" with (force)'.encode())


def read(source, name, specs=None, *, connections=2) -> DatabaseReading:
    """Everything, in one go."""
    reading = DatabaseReading()
    opener = by_system_identifier(connect)
    endpoint = endpoint_of(source, name)
    chosen = built_in() if specs is None else specs
    inquirer = Inquirer(lambda: opener(endpoint, name), chosen, connections=connections)
    inquirer.read(reading, HOUR, HOUR)
    assert reading.done
    return reading


def ask(
    source,
    name,
    specs=(),
    *,
    before=None,
    suite=None,
    user="postgres",
    taken_at=None,
    physical=True,
):
    """Every result by its kind, or by its name where it was configured; and the readings."""
    checker = PostgresChecker(by_system_identifier(connect), SystemClock())
    own = built_in(suite or {}, physical=physical, baseline=before is not None)
    pending = (*own, *specs)
    baseline = None
    if before is not None:
        baseline = Baseline(drill_id="before", at=SystemClock().now(), readings=before)
    backup = Backup(kind="test", identifier="x", taken_at=taken_at)
    found: dict[str, CheckResult] = {}
    readings = ""
    try:
        while pending:
            answers = checker.run(
                Inquiry(
                    endpoint=endpoint_of(source, name, user),
                    pending=pending,
                    until=SystemClock().now() + HOUR,
                    backup=backup,
                    baseline=baseline,
                    readings=readings,
                )
            )
            readings = answers.readings or readings
            found |= {r.kind if _is_own(r, own) else r.name: r for r in answers.results}
            answered = {result.name for result in answers.results}
            pending = tuple(spec for spec in pending if spec.name not in answered)
    finally:
        checker.close()
    return found, readings


def _is_own(result, own):
    return result.name in {spec.name for spec in own}


def alarms(results):
    """What does not pass, but for what could not be asked."""
    return {
        kind: f"{result.outcome.value}: {result.detail or result.found}"
        for kind, result in results.items()
        if result.outcome.value in {"failed", "error"}
    }


def spec(kind, name="asked", **options):
    return CheckSpec(name=name, kind=kind, options=options)


def values(reading):
    return {name: table.values for name, table in reading.tables.items()}


def packed(reading, name):
    return pack({name: reading})


def again(text):
    return unpack(text)


def connection_to(source, name) -> psycopg.Connection:
    return cluster.superuser_connection(source.places, name)


@contextmanager
def cut_off(source):
    """The server ends in the middle of its work and comes back: as a snapshot of its storage does."""
    cluster.stop(source.places, source.server)
    server = cluster.start(
        source.places, source.installation, source.account, jobs=2, outlive_us=False
    )
    try:
        yield Source(source.places, source.installation, source.account, server)
    finally:
        cluster.stop(source.places, server)
