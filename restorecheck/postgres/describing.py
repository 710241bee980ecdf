"""Reads a database's catalog: what there is to read, and what it all looks like."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from restorecheck.checks.catalogue import TableName
from restorecheck.checks.fingerprint import SETTINGS
from restorecheck.checks.structure import FORMAT, READABLE, canonical, digest, unqualified
from restorecheck.checks.tables import (
    Column,
    Constraint,
    ForeignKey,
    OwnedSequence,
    Table,
    literal,
    quoted,
)
from restorecheck.postgres.asking import Connection

OWN = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"


@cache
def statements(file: str) -> dict[str, str]:
    """The blocks of a file of ours, by their names."""
    text = (resources.files(__package__ or "") / file).read_text()
    blocks = re.split(r"(?m)^-- name: (.+)$", text)[1:]
    named = zip(blocks[::2], blocks[1::2], strict=True)
    return {name.strip(): _expanded(body).strip() for name, body in named}


def _expanded(text: str) -> str:
    """With the expressions that `{name …}` stands for; the innermost first."""
    while (found := re.search(r"\{([a-z]+)(?: ([^{}]*))?\}", text)) is not None:
        made = MACROS[found[1]](*_arguments(found[2] or ""))
        text = text[: found.start()] + made + text[found.end() :]
    return text


def _arguments(text: str) -> list[str]:
    """Split at the commas that are in no parentheses."""
    found: list[str] = []
    for part in text.split(","):
        if found and found[-1].count("(") > found[-1].count(")"):
            found[-1] += f",{part}"
        else:
            found.append(part)
    return [part.strip() for part in found if part]


def _part(text: str) -> str:
    """As `tables.full_name` writes one part of a name."""
    return f"""case when {text} ~ '[."]' then '"' || replace({text}, '"', '""') || '"' else {text} end"""


def _name(*parts: str) -> str:
    return "(" + " || '.' || ".join(_part(f"({part})::text") for part in parts) + ")"


def _placed(schema: str, name: str, near: str = "n.nspname") -> str:
    """A name with its schema where that is another one than that of its table."""
    return f"(case when {schema} = {near} then {name}::text else {_name(schema, name)} end)"


def _role(name: str) -> str:
    """So that a list of roles can be read again; `PUBLIC` alone is no role."""
    text = f"({name})::text"
    unclear = f"{text} ~ '[\\s\";:,()]' or {text} = 'PUBLIC'"
    return (
        f"""(case when {unclear} then '"' || replace({text}, '"', '""') || '"' else {text} end)"""
    )


def _function(schema: str, alias: str) -> str:
    arguments = f"pg_get_function_identity_arguments({alias}.oid)"
    return f"({_name(schema, f'{alias}.proname')} || '(' || {arguments} || ')')"


def _operator(schema: str, alias: str) -> str:
    sides = (f"format_type(nullif({alias}.{side}, 0), null)" for side in ("oprleft", "oprright"))
    return f"({_name(schema, f'{alias}.oprname')} || ' (' || concat_ws(', ', {', '.join(sides)}) || ')')"


def _installed(what: str) -> str:
    """Belongs to an extension (PostgreSQL documentation, "pg_depend"). `what`: catalog and alias."""
    catalog, alias = what.split()
    return (
        "exists (select from pg_depend member where member.deptype = 'e'"
        f" and member.classid = '{catalog}'::regclass and member.objid = {alias}.oid)"
    )


def _made(what: str) -> str:
    """Not built in (smaller OIDs are: `FirstNormalObjectId` in transam.h), and of no extension."""
    return f"({what.split()[1]}.oid >= 16384 and not {_installed(what)})"


def _standing(alias: str) -> str:
    """Types that were made as types: no row types of tables, no arrays, no multiranges."""
    return (
        f"({alias}.typtype in ('e', 'd', 'r', 'b', 'p') or {alias}.typtype = 'c' and exists (select"  # noqa: S608  # our own text
        f" from pg_class k where k.oid = {alias}.typrelid and k.relkind = 'c'))"
        f" and not exists (select from pg_type k where k.typarray = {alias}.oid)"
    )


def _addressed(*_: str) -> str:
    """What `i`, of pg_identify_object_as_address, points to."""
    names = f"string_agg({_part('x')}, '.' order by k)"
    return (
        f"(i.type || ' ' || (select {names} from unnest(i.object_names) with ordinality u(x, k))"  # noqa: S608  # our own text
        " || case when i.object_args <> '{}' then '(' || array_to_string(i.object_args, ', ') || ')' else '' end)"
    )


def _sorted(acl: str) -> str:
    return f"""(select array_agg(x::text order by x::text collate "C") from unnest({acl}) x)"""  # noqa: S608  # our own text


OURS = ("restorecheck", "restorecheck_checker")
"""Roles that this product works as."""
RDS = (
    "rdsadmin",
    "rds_ad",
    "rds_extension",
    "rds_iam",
    "rds_password",
    "rds_replication",
    "rds_reserved",
    "rds_superuser",
    "rdsproxyadmin",
    "rdsrepladmin",
    "rdstopmgr",
    "rdswriteforwarduser",
)
"""Roles that RDS and Aurora make (their user guides, "Understanding PostgreSQL roles and permissions")."""


def _literals(names: Sequence[str]) -> str:
    return ", ".join(literal(name) for name in names)


MACROS: dict[str, Callable[..., str]] = {
    "own": lambda: OWN,
    "ours": lambda: _literals(OURS),
    "rds": lambda: _literals(RDS),
    "name": _name,
    "placed": _placed,
    "role": _role,
    "function": _function,
    "operator": _operator,
    "installed": _installed,
    "made": _made,
    "standing": _standing,
    "addressed": _addressed,
    "sorted": _sorted,
}


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
    """Those that fill columns, each once; not those that begin again, by themselves or by hand."""
    filled: dict[tuple[str, int], list[tuple[str, str]]] = defaultdict(list)
    for schema, name, table_schema, table, column, increment in _rows(connection, "sequences"):
        sequence = f"{quoted(schema)}.{quoted(name)}"
        filled[sequence, increment].append((f"{quoted(table_schema)}.{quoted(table)}", column))
    return tuple(
        OwnedSequence(
            name=name, table=table, column=column, increment=increment, others=tuple(others)
        )
        for (name, increment), ((table, column), *others) in filled.items()
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


SHOWN = 80
"""Characters of a definition that is kept as it is; of a longer one its digest."""
FROM = ", from "
ALLOWED = {
    "subscription connection": "select has_column_privilege('pg_subscription', 'subconninfo', 'select')"
}
"""Kinds that not every role may read."""


def structure(connection: Connection) -> dict[str, str]:
    """Everything that a dump of the schema would hold, as `kind name` → definition or digest.

    A third column is kept as a digest: it may be long, or quote what is nobody else's business (a
    password in a setting).
    """
    found: dict[str, str] = {"format": FORMAT}
    connection.execute("select pg_catalog.set_config('jit', 'off', true)")
    with connection.pipeline():  # one round trip for all: there are many kinds, and few rows
        asked = [(kind, connection.execute(text.encode())) for kind, text in _kinds(connection)]
        for kind, cursor in asked:
            for subject, definition, *hidden in cursor.fetchall():
                found[f"{kind} {subject}".strip()] = _described(kind, definition, *hidden)
    return found


def _kinds(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every kind that this server has and shows to this role, and its statement."""
    for name, text in statements("structure.sql").items():
        kind, _, first = name.partition(FROM)
        if first and major_of(connection) < int(first):
            continue
        if kind in ALLOWED and connection.execute(ALLOWED[kind].encode()).fetchone() != (True,):
            continue
        yield kind, text


def _described(kind: str, definition: str | None, hidden: str | None = None) -> str:
    text = definition or ""
    if kind not in READABLE:
        text = canonical(" ".join(text.split()))
        text = text if len(text) <= SHOWN else digest(text)
    if hidden is not None:
        hidden = unqualified(hidden) if kind == "view" else hidden
        text = f"{text} {digest(canonical(' '.join(hidden.split())))}"
    return text.strip() or "there"
