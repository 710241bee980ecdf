"""`restorecheck manifest`: the contents of the source now, for comparison with a restored backup.

Production is only read: one connection, one read-only transaction with one snapshot, at a limited
rate. The manifest contains counts and fingerprints, no rows.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from restorecheck.checks import scan_statements
from restorecheck.checks.dialects import postgresql
from restorecheck.checks.dialects.postgresql.questions import large_contents, large_objects
from restorecheck.checks.questions import LARGE_OBJECTS
from restorecheck.checks.scan_statements import PRINT, ROWS, Depth
from restorecheck.checks.structure import bounded
from restorecheck.checks.tables import Table
from restorecheck.config.files import content_of
from restorecheck.errors import ConfigError, DatabaseUnreachableError, Problem, ProviderError
from restorecheck.hosts.clock import sleep
from restorecheck.hosts.process.atomic_files import writing
from restorecheck.postgres.scan import catalog
from restorecheck.postgres.scan.scan_session import PLANS
from restorecheck.postgres.session.connection import Connection
from restorecheck.postgres.session.known_names import known_in
from restorecheck.postgres.session.messages import told, why_refused

VERSION = 1
UNIT_BLOCKS = 8_192
"""Blocks read at a time (64 MB), so that the pauses are short."""
LARGEST = 256 * 1024 * 1024
"""Bytes of a manifest; a larger file is refused. It has room for a million tables."""
APPLICATION = "restorecheck manifest"


def write(
    dsn: str, output: Path | None, *, only: Sequence[str], megabytes_a_second: float | None
) -> dict[str, Any]:
    """Read the source and write its manifest; returns it.

    Raises:
        ConfigError: A table does not exist, or the file cannot be written.
        DatabaseUnreachableError: No connection.
        ProviderError: The source does not answer, or a right is missing.
    """
    with _connected(dsn) as connection:
        try:
            made = _read(connection, only, megabytes_a_second)
        except psycopg.Error as exc:
            raise ProviderError(
                f"could not read the source: {_why(connection, exc)}",
                hint="The role needs SELECT on every table (since PostgreSQL 14: pg_read_all_data), and "
                "BYPASSRLS where row security is on.",
            ) from exc
    text = json.dumps(made, indent=1, sort_keys=True) + "\n"
    with writing(str(output) if output else None) as stream:
        stream.write(text)
    return made


def _why(connection: Connection, exc: psycopg.Error) -> str:
    with suppress(psycopg.Error):
        connection.rollback()  # a failed transaction answers no query
    return told(exc, known_in(connection, exc))


def _connected(dsn: str) -> Connection:
    try:
        connection: Connection = psycopg.connect(
            dsn,
            autocommit=True,
            application_name=APPLICATION,
            options="-c default_transaction_read_only=on",
            client_encoding="UTF8",
        )
    except psycopg.Error as exc:
        raise DatabaseUnreachableError(
            f"could not connect to the source: {why_refused(str(exc))}"
        ) from exc
    return connection


def _read(
    connection: Connection, only: Sequence[str], megabytes_a_second: float | None
) -> dict[str, Any]:
    connection.execute("begin transaction isolation level repeatable read, read only")
    for name, value in PLANS.items():
        connection.execute("select set_config(%s, %s, true)", [name, value])
    path = catalog.search_path(connection)
    catalog.pin_settings(connection)
    major = catalog.major_of(connection)
    tables = _chosen(connection, only, path)
    row = connection.execute("select now(), current_database()").fetchone()
    assert row is not None, "one row"
    taken_at: datetime = row[0]
    return {
        "version": VERSION,
        "database": row[1],
        "taken_at": taken_at.astimezone(UTC).isoformat(),
        "server_version": str(connection.info.server_version),
        "structure": bounded(catalog.structure(connection)),
        "tables": {
            table.full_name: _contents(connection, table, major, megabytes_a_second)
            for table in tables
        }
        | ({} if only else _large_objects(connection, major)),
    }


def _large_objects(connection: Connection, major: int) -> dict[str, dict[str, str]]:
    """All large objects as one table; empty: there are none."""
    ((count,),) = connection.execute(large_objects().sql.encode()).fetchall()
    if not count:
        return {}
    ((contents,),) = connection.execute(large_contents(major).sql.encode()).fetchall()
    return {LARGE_OBJECTS: {ROWS: str(count), PRINT: str(contents)}}


def _chosen(connection: Connection, only: Sequence[str], path: Sequence[str]) -> list[Table]:
    directory = catalog.directory(connection)
    if not only:
        return [table for table in directory.without_installed().values() if not table.view]
    tables = [table for table in directory.tables.values() if not table.view]
    found = catalog.find(connection, only, path)
    wanted: set[str] = set()
    for text in only:
        oid, _ = found.get(text, (0, ""))
        if oid not in directory.relations:
            raise ConfigError((Problem(message=f"the source has no table {text!r}"),))
        wanted |= {*directory.relation(oid).members}
    return [table for table in tables if table.full_name in wanted]


def _contents(
    connection: Connection, table: Table, major: int, megabytes_a_second: float | None
) -> dict[str, str]:
    wanted = scan_statements.aggregates(
        table, Depth(constraints=False, newest=False), sql=postgresql, major=major
    )
    parts = []
    ranges = postgresql.units(table, major=major, size=UNIT_BLOCKS)
    for unit in ranges:
        began = time.monotonic()
        text = postgresql.statement(table, wanted, unit)
        row = connection.execute(text.encode()).fetchone()
        assert row is not None, "an aggregate"
        parts.append(dict(zip((a.key for a in wanted), row[0], strict=True)))
        if megabytes_a_second:
            due = table.bytes / len(ranges) / 1e6 / megabytes_a_second
            sleep(timedelta(seconds=max(0.0, due - (time.monotonic() - began))))
    whole = scan_statements.merged(wanted, parts)
    return {ROWS: whole[ROWS], PRINT: whole[PRINT]}


def load(path: Path) -> dict[str, Any]:
    """A manifest that `write` wrote.

    Raises:
        ConfigError: It cannot be read, or is not a manifest.
    """
    found: dict[str, Any] = {}
    try:
        found = json.loads(content_of(path, LARGEST))
        is_one = found["version"] == VERSION and all(ROWS in t for t in found["tables"].values())
        is_one = is_one and isinstance(found["structure"], dict)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_one = False
    if not is_one:
        message = f"could not use {path}: the file is not a manifest of `restorecheck manifest`"
        raise ConfigError((Problem(message=message, path="manifest.file"),))
    return found


def dsn_of(option: str | None) -> str:
    """The source to read: given, or in the environment, where `ps` does not show its password."""
    found = option or os.environ.get("RESTORECHECK_SOURCE", "")
    if not found:
        message = "no source: give a connection string, or set RESTORECHECK_SOURCE"
        raise ConfigError((Problem(message=message),))
    return found
