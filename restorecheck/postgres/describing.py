"""Reads a database's catalog: what there is to read, and what it all looks like."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from restorecheck.checks.fingerprint import SETTINGS
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.questions import OWN
from restorecheck.checks.readings import digest
from restorecheck.checks.tables import (
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    KeyPair,
    OwnedSequence,
    Relation,
    Table,
    full_name,
    quoted,
)
from restorecheck.postgres.asking import Connection


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


@dataclass(frozen=True, slots=True)
class _Relation:
    """One row of the catalog."""

    schema: str
    name: str
    kind: str
    populated: bool

    @property
    def full_name(self) -> str:
        return full_name(self.schema, self.name)


@dataclass(frozen=True, kw_only=True)
class Directory:
    """What there is to read in a database, and how it belongs together."""

    tables: Mapping[int, Table]
    """Everything with rows of its own, by oid, the largest first."""
    relations: Mapping[int, _Relation]
    children: Mapping[int, Sequence[int]]
    columns: Mapping[int, tuple[Column, ...]]

    def relation(self, oid: int) -> Relation:
        """With everything whose rows are its own, too: partitions and children, however deep."""
        found = self.relations[oid]
        every = [*self._below(oid)] if found.kind in {"r", "p"} else [oid]
        return Relation(
            schema=found.schema,
            name=found.name,
            kind=found.kind,
            populated=found.populated,
            columns=self.columns.get(oid, ()),
            members=tuple(self.tables[one].full_name for one in every if one in self.tables),
            foreign=tuple(
                self.relations[one].full_name for one in every if self.relations[one].kind == "f"
            ),
        )

    def _below(self, oid: int) -> dict[int, None]:
        """Itself and all of its descendants, each once."""
        found = {oid: None}
        for child in self.children.get(oid, ()):
            found |= self._below(child)
        return found


def directory(connection: Connection, others: Collection[int] = ()) -> Directory:
    """`others`: oids of relations that are PostgreSQL's own, and asked about all the same."""
    columns = _columns(connection, others)
    constraints = _constraints(connection)
    rows = _rows(connection, "relations")
    relations = {row[0]: _Relation(*row[1:5]) for row in rows}
    for oid in others:
        ((schema, name),) = _rows(connection, "system relation", {"oid": oid})
        relations[oid] = _Relation(schema, name, "v", populated=True)
    children: dict[int, list[int]] = defaultdict(list)
    parents: dict[int, list[int]] = defaultdict(list)
    for child, parent in _rows(connection, "inherits"):
        children[parent].append(child)
        parents[child].append(parent)
    keys = {
        oid: f"{quoted(schema)}.{quoted(name)}"
        for oid, schema, name in _rows(connection, "key indexes")
    }
    tops = {oid: _top(oid, parents, relations) for oid in relations}
    referenced = {
        tops.get(to)
        for table, to in _rows(connection, "pointing")
        if tops.get(table) != tops.get(to)
    }
    tables = {
        oid: Table(
            schema=schema,
            name=name,
            root=relations[tops[oid]].full_name if tops[oid] != oid else "",
            blocks=blocks,
            bytes=size,
            columns=columns.get(oid, ()),
            constraints=tuple(constraints.get((oid, 0), ())),
            key_index=keys.get(oid, ""),
            unlogged=unlogged,
            view=kind == "m",
            owner=owner,
            referenced=tops[oid] in referenced,
        )
        for oid, schema, name, kind, populated, unlogged, owner, blocks, size in rows
        if kind == "r" or (kind == "m" and populated)
    }
    return Directory(tables=tables, relations=relations, children=children, columns=columns)


def tables(connection: Connection) -> tuple[Table, ...]:
    """Everything with rows of its own, the largest first."""
    return tuple(directory(connection).tables.values())


def _top(oid: int, parents: Mapping[int, Sequence[int]], relations: Mapping[int, _Relation]) -> int:
    """The table at the top, where one way leads there; else itself."""
    top = oid
    while len(parents.get(top, ())) == 1 and parents[top][0] in relations:
        top = parents[top][0]
    return oid if parents.get(top) else top


def _columns(connection: Connection, others: Collection[int]) -> dict[int, tuple[Column, ...]]:
    constraints = _constraints(connection)
    equals = dict(_rows(connection, "equalities"))
    found: dict[int, list[Column]] = defaultdict(list)
    rows = _rows(connection, "columns", {"others": list(others)})
    for oid, name, kind, typtype, category, required, domains, type_oid, sql_type in rows:
        found[oid].append(
            Column(
                name=name,
                type=kind,
                kind=typtype,
                category=category,
                not_null=required,
                sql_type=sql_type,
                equals=equals.get(type_oid) or _equality(kind, typtype, category),
                domain_checks=tuple(c for d in domains for c in constraints.get((0, d), ())),
            )
        )
    return {oid: tuple(columns) for oid, columns in found.items()}


def _equality(name: str, typtype: str, category: str) -> str:
    """Of types that share a class with others: arrays, enumerations, ranges, rows, varchar."""
    shared = category == "A" or typtype in {"e", "r", "m", "c"} or name in {"varchar", "cidr"}
    return "operator(pg_catalog.=)" if shared else ""


def _constraints(connection: Connection) -> dict[tuple[int, int], list[Constraint]]:
    """Of tables and domains: (oid of the table, or 0; oid of the domain, or 0) → CHECKs."""
    found: dict[tuple[int, int], list[Constraint]] = defaultdict(list)
    for table, domain, name, expression, plain in _rows(connection, "constraints"):
        constraint = Constraint(name=name, expression=expression, plain=plain)
        found[table, domain].append(constraint)
    return found


def foreign_keys(connection: Connection) -> tuple[ForeignKey, ...]:
    return tuple(
        ForeignKey(
            name=name,
            table=f"{quoted(schema)}.{quoted(table)}",
            target=f"{quoted(target_schema)}.{quoted(target)}",
            pairs=tuple(KeyPair(**pair) for pair in pairs),
            plain=plain,
            target_plain=target_plain,
            full=full,
            period=period,
        )
        for (
            name,
            schema,
            table,
            target_schema,
            target,
            plain,
            target_plain,
            full,
            period,
            pairs,
        ) in _rows(connection, "foreign keys")
    )


def exclusions(connection: Connection) -> tuple[Exclusion, ...]:
    return tuple(
        Exclusion(
            name=name,
            table=f"{quoted(schema)}.{quoted(table)}",
            elements=tuple((sql, operator) for sql, operator in elements),
            where=where,
        )
        for name, schema, table, elements, where in _rows(connection, "exclusions")
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


def search_path(connection: Connection) -> list[str]:
    """Schemas in which the database looks names up; to be asked before the settings are pinned."""
    row = connection.execute("select pg_catalog.current_schemas(true)::text[]").fetchone()
    assert row is not None, "a function"
    return [str(name) for name in row[0]]


def find(
    connection: Connection, texts: Iterable[str], path: Sequence[str]
) -> dict[str, tuple[int, str]]:
    """Tables as they are configured → oid and `relkind` of what PostgreSQL finds of that name."""
    wanted = [
        (text, schema, table)
        for text in dict.fromkeys(texts)
        for schema, table in parse_table_name(text).readings
    ]
    given = {
        "places": list(range(len(wanted))),
        "schemas": [schema for _, schema, _ in wanted],
        "tables": [table for _, _, table in wanted],
        "path": list(path),
    }
    found: dict[str, tuple[int, str]] = {}
    for place, oid, kind in _rows(connection, "find", given):
        found.setdefault(wanted[place][0], (oid, kind))
    return found


def is_system(connection: Connection, oid: int) -> bool:
    """Whether a relation is PostgreSQL's own."""
    ((schema, _name),) = _rows(connection, "system relation", {"oid": oid})
    return str(schema).startswith("pg_") or schema == "information_schema"


def has_index(connection: Connection, oid: int, columns: Sequence[str]) -> bool:
    """Whether a valid B-tree over the whole table begins with these columns."""
    given = {"oid": oid, "columns": sorted(columns)}
    ((found,),) = _rows(connection, "has index", given)
    return bool(found)


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
