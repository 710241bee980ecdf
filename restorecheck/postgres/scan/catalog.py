"""Reads a database's catalog: its tables, and the structure of all objects."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from restorecheck.checks.access import Denied, Lack
from restorecheck.checks.dialects.postgresql.fingerprint import SETTINGS
from restorecheck.checks.dialects.postgresql.questions import FIRST_FUNCTIONS_MAJOR, OWN, TEMPORARY
from restorecheck.checks.names import parse_table_name
from restorecheck.checks.structure import FORMAT, READABLE, canonical, digest, unqualified
from restorecheck.checks.tables import (
    BTree,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    KeyPair,
    OwnedSequence,
    Relation,
    Table,
    full_name,
    literal,
    quoted,
)
from restorecheck.postgres.session.connection import Connection


@cache
def statements(file: str, package: str = __package__ or "") -> dict[str, str]:
    """The named blocks of an SQL file of this package."""
    text = (resources.files(package) / file).read_text()
    blocks = re.split(r"(?m)^-- name: (.+)$", text)[1:]
    named = zip(blocks[::2], blocks[1::2], strict=True)
    return {name.strip(): _expanded(body).strip() for name, body in named}


def _expanded(text: str) -> str:
    """Expands the expressions `{name …}`, the innermost first."""
    while (found := re.search(r"\{([a-z]+)(?: ([^{}]*))?\}", text)) is not None:
        made = MACROS[found[1]](*_arguments(found[2] or ""))
        text = text[: found.start()] + made + text[found.end() :]
    return text


def _arguments(text: str) -> list[str]:
    """Splits at commas outside parentheses."""
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
    """A name, with its schema if that differs from the schema of its table."""
    return f"(case when {schema} = {near} then {name}::text else {_name(schema, name)} end)"


def _role(name: str) -> str:
    """A role name that can be read again from a list; a bare `PUBLIC` is not a role."""
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
    """Types made by CREATE TYPE: no row types of tables, arrays or multiranges."""
    return (
        f"({alias}.typtype in ('e', 'd', 'r', 'b', 'p') or {alias}.typtype = 'c' and exists (select"  # noqa: S608  # our own text
        f" from pg_class k where k.oid = {alias}.typrelid and k.relkind = 'c'))"
        f" and not exists (select from pg_type k where k.typarray = {alias}.oid)"
    )


def _addressed(*_: str) -> str:
    """The object that `i`, of pg_identify_object_as_address, refers to."""
    names = f"string_agg({_part('x')}, '.' order by k)"
    return (
        f"(i.type || ' ' || (select {names} from unnest(i.object_names) with ordinality u(x, k))"  # noqa: S608  # our own text
        " || case when i.object_args <> '{}' then '(' || array_to_string(i.object_args, ', ') || ')' else '' end)"
    )


def _sorted(acl: str) -> str:
    """Without what restorecheck grants in a copy."""
    others = f"not {_ours(GRANTEE)}"
    return f"""(select array_agg(x::text order by x::text collate "C") from unnest({acl}) x where {others})"""  # noqa: S608  # our own text


GRANTEE = "trim('\"' from split_part(x::text, '=', 1))"
"""Of an item of an ACL; empty: PUBLIC."""


OURS = "^restorecheck(_checker( [0-9]+)?)?$"
"""Roles that restorecheck makes or uses; with a number: one of the backup, which `make_reading_role` moves out of the way."""


def _ours(role: str) -> str:
    return f"({role}) ~ {literal(OURS)}"


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
    "ours": _ours,
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


def set_all(settings: Mapping[str, str], *, local: bool) -> str:
    """One statement for all of them. `local`: for this transaction."""
    each = (
        f"pg_catalog.set_config({literal(n)}, {literal(v)}, {local})" for n, v in settings.items()
    )
    return f"select {', '.join(each)}"


PINNED = set_all(SETTINGS, local=True)


def pin_settings(connection: Connection) -> None:
    """Set the text format of values and definitions for this transaction; the same on every server."""
    connection.execute(PINNED.encode())


def hiding_settings(connection: Connection) -> list[str]:
    """Enabled settings by which damaged pages are read without an error, as empty or good ones.

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
    """The tables of a database, with their partitions and children."""

    tables: Mapping[int, Table]
    """Relations with their own rows, by oid, the largest first."""
    relations: Mapping[int, _Relation]
    children: Mapping[int, Sequence[int]]
    columns: Mapping[int, tuple[Column, ...]]
    installed: frozenset[int] = frozenset()
    """Relations that belong to extensions."""

    def without_installed(self, kept: Collection[int] = ()) -> dict[int, Table]:
        """The tables that are always read: none of an extension, except `kept` and their descendants."""
        wanted = {oid for one in kept for oid in self._below(one)}
        left_out = self.installed - wanted
        return {oid: table for oid, table in self.tables.items() if oid not in left_out}

    def relation(self, oid: int) -> Relation:
        """The relation with all of its partitions and children, however deep."""
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
        """The oid and all of its descendants, each once."""
        found = {oid: None}
        for child in self.children.get(oid, ()):
            found |= self._below(child)
        return found


def directory(connection: Connection, wanted: Collection[int] = ()) -> Directory:
    """`wanted`: oids of relations to include even if they are PostgreSQL's own, read like views."""
    constraints = _constraints(connection)
    columns = _columns(connection, wanted, constraints)
    rows = _rows(connection, "relations")
    relations = {row[0]: _Relation(*row[1:5]) for row in rows}
    for oid, schema, name in _rows(connection, "other relations", {"wanted": list(wanted)}):
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
    unique = dict(_rows(connection, "unique keys"))
    tops = {oid: _top(oid, parents, relations) for oid in relations}
    pointing = {(tops.get(table), tops.get(to)) for table, to in _rows(connection, "pointing")}
    outward = {table for table, to in pointing if table != to}
    referenced = {to for table, to in pointing if table != to}
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
            key=tuple(unique.get(oid, ())),
            unlogged=unlogged,
            view=kind == "m",
            referenced=tops[oid] in referenced,
            pointing=tops[oid] in outward,
        )
        for oid, schema, name, kind, populated, unlogged, blocks, size, _ in rows
        if kind == "r" or (kind == "m" and populated)
    }
    return Directory(
        tables=tables,
        relations=relations,
        children=children,
        columns=columns,
        installed=frozenset(row[0] for row in rows if row[-1]),
    )


def tables(connection: Connection) -> tuple[Table, ...]:
    """Relations with their own rows that are always read, the largest first."""
    return tuple(directory(connection).without_installed().values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the checker's role may read."""

    role: str
    denied: Mapping[int, Denied]
    """By oid."""
    opened: frozenset[int]
    """Tables whose policies show the role every row."""

    @property
    def hidden(self) -> frozenset[str]:
        """Quoted tables whose row security hides rows."""
        return frozenset(one.quoted for one in self.denied.values() if Lack.ROWS in one.lacks)


def access(connection: Connection) -> Access:
    """The access to every table and materialized view of users."""
    row = connection.execute("select current_user::text").fetchone()
    assert row is not None, "a function"
    denied, opened = {}, set()
    for oid, schema, name, owner, usage, select, some, secured, opens, restricts in _rows(
        connection, "access"
    ):
        hides = secured and (restricts or not opens)
        if secured and not hides:
            opened.add(oid)
        table = Lack.COLUMNS if some else Lack.TABLE
        found = ((Lack.SCHEMA, not usage), (table, not select), (Lack.ROWS, hides))
        lacks = tuple(lack for lack, holds in found if holds)
        if lacks:
            denied[oid] = Denied(
                schema=schema, name=name, owner=owner, lacks=lacks, restricted=restricts
            )
    return Access(role=str(row[0]), denied=denied, opened=frozenset(opened))


def _top(oid: int, parents: Mapping[int, Sequence[int]], relations: Mapping[int, _Relation]) -> int:
    """The topmost parent, if there is exactly one path; else the oid itself."""
    top = oid
    while len(parents.get(top, ())) == 1 and parents[top][0] in relations:
        top = parents[top][0]
    return oid if parents.get(top) else top


LESS, EQUAL, GREATER = 1, 3, 5
"""Strategy numbers of B-tree classes: PostgreSQL documentation, "Index Method Strategies"."""


def _columns(
    connection: Connection,
    wanted: Collection[int],
    constraints: Mapping[tuple[int, int], Sequence[Constraint]],
) -> dict[int, tuple[Column, ...]]:
    rows = _rows(connection, "comparisons")
    operators = {(type_oid, strategy): operator for type_oid, strategy, operator in rows}
    found: dict[int, list[Column]] = defaultdict(list)
    below = dict(_rows(connection, "domains"))

    def checks_of(domain: int) -> Iterator[Constraint]:
        while domain in below:
            yield from constraints.get((0, domain), ())
            domain = below[domain]

    rows = _rows(connection, "columns", {"wanted": list(wanted)})
    for (
        oid,
        name,
        kind,
        typtype,
        category,
        required,
        domains,
        type_oid,
        sql_type,
        collation,
        nested,
        virtual,
    ) in rows:
        found[oid].append(
            Column(
                name=name,
                type=kind,
                kind=typtype,
                not_null=required,
                sql_type=sql_type,
                equals=operators.get((type_oid, EQUAL)) or _equality(kind, typtype, category),
                below=operators.get((type_oid, LESS), "<"),
                above=operators.get((type_oid, GREATER), ">"),
                virtual=virtual,
                collation=collation,
                domain_checks=tuple(c for d in domains for c in constraints.get((0, d), ())),
                nested_checks=tuple(
                    (field, check) for field, domain in nested or () for check in checks_of(domain)
                ),
            )
        )
    return {oid: tuple(columns) for oid, columns in found.items()}


def _equality(name: str, typtype: str, category: str) -> str:
    """The equality operator of types that share a class: arrays, enumerations, ranges, rows, varchar."""
    shared = category == "A" or typtype in {"e", "r", "m", "c"} or name in {"varchar", "cidr"}
    return "operator(pg_catalog.=)" if shared else ""


def _constraints(connection: Connection) -> dict[tuple[int, int], list[Constraint]]:
    """CHECK constraints: (oid of the table, or 0; oid of the domain, or 0) → constraints."""
    found: dict[tuple[int, int], list[Constraint]] = defaultdict(list)
    reordered = _reordered(connection)
    for table, domain, name, expression, plain, settled, orders in _rows(connection, "constraints"):
        sure = settled and reordered.keys().isdisjoint(orders)
        constraint = Constraint(name=name, expression=expression, plain=plain, settled=sure)
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
    """Sequences that fill columns, each once; not cycling ones, nor ones that were set back."""
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


def btrees(connection: Connection) -> tuple[BTree, ...]:
    """Every valid one."""
    reordered = _reordered(connection)
    return tuple(
        BTree(
            name=name,
            blocks=blocks,
            reordered=next((reordered[oid] for oid in used if oid in reordered), ""),
            foreign_order=foreign,
        )
        for name, blocks, used, foreign in _rows(connection, "btrees")
    )


VERSION_OF_DATABASE = 15
"""First major version that records the version of a database's collation."""


def _reordered(connection: Connection) -> dict[int, str]:
    """Oids of collations by which this server may sort otherwise → `Question.reordered`."""
    recorded = major_of(connection) >= VERSION_OF_DATABASE
    of_database = "database collation version" if recorded else "database collation"
    rows = [*_rows(connection, "collation versions"), *_rows(connection, of_database)]
    return {
        oid: f"the index was built with collation version {was or 'not recorded'}, "
        f"this server has {now or 'an unknown one'}"
        for oid, was, now in rows
    }


def extensions(connection: Connection, wanted: Sequence[str]) -> dict[str, str]:
    """As `Catalog.extensions`."""
    major = major_of(connection)
    return {
        name: schema or (TEMPORARY if superuser and major >= FIRST_FUNCTIONS_MAJOR else "")
        for name, schema, superuser in _rows(connection, "extensions")
        if name in wanted
    }


def search_path(connection: Connection) -> list[str]:
    """Schemas of the database's own search path; read before the settings are pinned."""
    row = connection.execute("select pg_catalog.current_schemas(true)::text[]").fetchone()
    assert row is not None, "a function"
    return [str(name) for name in row[0]]


def find(
    connection: Connection, texts: Iterable[str], path: Sequence[str]
) -> dict[str, tuple[int, str]]:
    """Configured table names → oid and `relkind` of the relation that PostgreSQL finds."""
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


def index_columns(
    connection: Connection, oids: Collection[int]
) -> dict[int, list[tuple[str, ...]]]:
    """Columns of each valid B-tree over a whole table, by the oid of the table; an expression is empty."""
    found: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    if oids:
        for oid, columns in _rows(connection, "index columns", {"oids": list(oids)}):
            found[oid].append(tuple(columns))
    return found


def has_index(indexes: Iterable[Sequence[str]], columns: Sequence[str]) -> bool:
    """Whether one begins with these columns, in any order."""
    return any(sorted(index[: len(columns)]) == sorted(columns) for index in indexes)


LONGEST = 80
"""Characters of a definition; of a longer one only the digest is kept."""
FROM = ", from "
ALLOWED = {
    "subscription connection": "select has_column_privilege('pg_subscription', 'subconninfo', 'select')",
    "user mapping options": "select has_table_privilege('pg_user_mapping', 'select')",
}
"""Kinds that only some roles may read: `structure.SHOWN_TO_SOME`."""


def structure(connection: Connection) -> dict[str, str]:
    """Every object that a dump of the schema contains, as `kind name` → definition or digest.

    A third column is kept as a digest: it may be long, or quote personal data (a
    password in a setting).
    """
    found: dict[str, str] = {"format": FORMAT}
    connection.execute("select pg_catalog.set_config('jit', 'off', true)")
    with connection.pipeline():  # one round trip for all kinds
        asked = [(kind, connection.execute(text.encode())) for kind, text in _kinds(connection)]
        for kind, cursor in asked:
            for subject, definition, *hidden in cursor.fetchall():
                found[f"{kind} {subject}".strip()] = _described(kind, definition, *hidden)
    return found


def _kinds(connection: Connection) -> Iterator[tuple[str, str]]:
    """Every kind that this server has and this role may read, with its statement."""
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
        text = text if len(text) <= LONGEST else digest(text)
    if hidden is not None:
        hidden = unqualified(hidden) if kind == "view" else hidden
        text = f"{text} {digest(canonical(' '.join(hidden.split())))}"
    return text.strip() or "there"
