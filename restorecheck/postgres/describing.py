"""Reads a database's catalog: what there is to read, and what it all looks like."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from restorecheck.checks.catalogue import TableName
from restorecheck.checks.fingerprint import SETTINGS
from restorecheck.checks.structure import digest
from restorecheck.checks.tables import Column, Constraint, ForeignKey, OwnedSequence, Table, quoted
from restorecheck.postgres.asking import Connection

OWN = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"


@cache
def statements(file: str) -> dict[str, str]:
    """The blocks of a file of ours, by their names."""
    text = (resources.files(__package__ or "") / file).read_text()
    blocks = re.split(r"(?m)^-- name: (.+)$", text)[1:]
    named = zip(blocks[::2], blocks[1::2], strict=True)
    return {name.strip(): body.replace("{own}", OWN).strip() for name, body in named}


def _rows(
    connection: Connection, name: str, parameters: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    return connection.execute(statements("catalog.sql")[name].encode(), parameters).fetchall()


def major_of(connection: Connection) -> int:
    return connection.info.server_version // 10_000


def pin_settings(connection: Connection, *, search_path: bool = True) -> None:
    """What values and definitions look like as text, for this transaction; the same everywhere."""
    for name, value in SETTINGS.items():
        if search_path or name != "search_path":
            connection.execute("select pg_catalog.set_config(%s, %s, true)", [name, value])


def hiding_settings(connection: Connection) -> list[str]:
    """Those that are on and have damaged pages read as empty or as good ones, without an error.

    PostgreSQL documentation, "Developer Options". Only a superuser may turn them off again.
    """
    return [name for (name,) in _rows(connection, "hiding settings")]


def tables(connection: Connection) -> tuple[Table, ...]:
    """Everything with rows of its own, the largest first."""
    columns: dict[int, list[Column]] = defaultdict(list)
    for oid, name, kind, typtype, category, required in _rows(connection, "columns"):
        columns[oid].append(
            Column(name=name, type=kind, kind=typtype, category=category, not_null=required)
        )
    constraints: dict[int, list[Constraint]] = defaultdict(list)
    for oid, name, expression in _rows(connection, "constraints"):
        constraints[oid].append(Constraint(name=name, expression=expression))
    keys = {
        oid: f"{quoted(schema)}.{quoted(name)}"
        for oid, schema, name in _rows(connection, "key indexes")
    }
    return tuple(
        Table(
            schema=schema,
            name=name,
            root=root or "",
            blocks=blocks,
            bytes=size,
            columns=tuple(columns[oid]),
            constraints=tuple(constraints[oid]),
            key_index=keys.get(oid, ""),
            unlogged=unlogged,
            view=view,
        )
        for oid, schema, name, view, unlogged, blocks, size, root in _rows(connection, "tables")
    )


def foreign_keys(connection: Connection) -> tuple[ForeignKey, ...]:
    return tuple(
        ForeignKey(
            name=name,
            table=f"{quoted(schema)}.{quoted(table)}",
            columns=tuple(columns),
            target=f"{quoted(target_schema)}.{quoted(target)}",
            target_columns=tuple(target_columns),
            plain=plain,
            target_plain=target_plain,
        )
        for (
            name,
            schema,
            table,
            columns,
            target_schema,
            target,
            target_columns,
            plain,
            target_plain,
        ) in _rows(connection, "foreign keys")
    )


def owned_sequences(connection: Connection) -> tuple[OwnedSequence, ...]:
    return tuple(
        OwnedSequence(
            name=f"{quoted(schema)}.{quoted(name)}",
            table=f"{quoted(table_schema)}.{quoted(table)}",
            column=column,
            increment=increment,
        )
        for schema, name, table_schema, table, column, increment in _rows(connection, "sequences")
    )


def btrees(connection: Connection) -> tuple[tuple[str, int], ...]:
    """Every valid B-tree, quoted, and its blocks."""
    return tuple((name, blocks) for name, blocks in _rows(connection, "btrees"))


def extensions(connection: Connection, wanted: Sequence[str]) -> dict[str, str]:
    """Of these, those that are installed, with their schema, or could be, with none."""
    rows = _rows(connection, "extensions")
    return {name: schema or "" for name, schema in rows if name in wanted}


def find(connection: Connection, wanted: TableName) -> TableName | None:
    """The table as the catalog has it: as written, else folded to lower case as SQL does."""
    for name in (wanted, TableName(wanted.schema.lower(), wanted.table.lower())):
        given = {"table": name.table, "schema": name.schema, "path": _search_path(connection)}
        for schema, table in _rows(connection, "find", given):
            return TableName(schema, table)
    return None


def columns_of(connection: Connection, name: TableName) -> frozenset[str]:
    given = {"schema": name.schema, "table": name.table}
    return frozenset(column for (column,) in _rows(connection, "columns of", given))


def has_index(connection: Connection, name: TableName, columns: Sequence[str]) -> bool:
    """Whether a valid B-tree over the whole table begins with these columns."""
    given = {"schema": name.schema, "table": name.table, "columns": sorted(columns)}
    ((found,),) = _rows(connection, "has index", given)
    return bool(found)


def _search_path(connection: Connection) -> list[str]:
    """The database's own, whatever this transaction has pinned."""
    row = connection.execute(
        "select reset_val from pg_settings where name = 'search_path'"
    ).fetchone()
    parts = re.findall(r'"((?:[^"]|"")*)"|([^\s,]+)', row[0] if row else "public")
    user = connection.info.user
    names = [(inside or plain).replace('""', '"') for inside, plain in parts]
    return [user if name == "$user" else name for name in names]


OPAQUE = frozenset({"setting", "function", "view", "rule"})
"""May quote what is nobody else's business (a password in a setting): only digests are kept."""
SHOWN = 80
"""Characters of a definition that is kept as it is; of a longer one its digest."""


def structure(connection: Connection) -> dict[str, str]:
    """Everything that a dump of the schema would hold, as `kind name` → definition or digest."""
    found: dict[str, str] = {}
    for kind, text in statements("structure.sql").items():
        rows: list[tuple[Any, ...]] = connection.execute(text.encode()).fetchall()
        for name, definition in rows:
            value = " ".join(str(definition or "").split()) or "there"
            shown = len(value) <= SHOWN and kind not in OPAQUE
            found[f"{kind} {name}".strip()] = value if shown else digest(value)
    return found
