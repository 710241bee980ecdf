"""Checks on the objects of a database other than rows: one query for each kind of object. Pure: SQL out.

Each counts which of the objects at the time of the proposal are missing or invalid: a new index changes nothing.
"""

import hashlib
from collections.abc import Sequence

from restorecheck.checks.tables import literal

INDEX, CONSTRAINT, FUNCTION, TRIGGER = "index", "constraint", "function", "trigger"
VIEW, GRANT, POLICY, COLUMN, SEQUENCE = "view", "grant", "policy", "column", "sequence"
ROLE, MEMBER = "role", "member"

_NO_MEMBER = (
    "not exists (select from pg_depend d where d.objid = {oid} and d.deptype = 'e'"
    " and d.classid = '{catalog}'::regclass)"
)
_ROLES = (
    "select r.oid, r.rolname::text as name from pg_roles r where not r.rolsuper and r.rolname !~ '^(pg_|rds|restorecheck)'"
    " and exists (select from pg_shdepend d join pg_database b on b.oid = d.dbid where d.refclassid = 'pg_authid'::regclass"
    " and b.datname = current_database() and (d.refobjid = r.oid or exists (select from pg_auth_members m"
    " where m.roleid = r.oid and m.member = d.refobjid or m.member = r.oid and m.roleid = d.refobjid)))"
)
"""Roles that own an object or have a right in this database, and their members; a server has other roles, too.
"""
_CONDITIONS = {
    "{own}": "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'",
    "{function is of no extension}": _NO_MEMBER.format(oid="p.oid", catalog="pg_proc"),
    "{relation is of no extension}": _NO_MEMBER.format(oid="c.oid", catalog="pg_class"),
}
"""Objects of users, not of extensions."""


def _completed(text: str) -> str:
    for mark, condition in _CONDITIONS.items():
        text = text.replace(mark, condition)
    return text


_TEXTS = {
    INDEX: "select n.nspname || '.' || x.relname as name from pg_index i join pg_class x on x.oid = i.indexrelid"
    " join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = x.relnamespace"
    " where i.indisvalid and i.indisready and c.relpersistence <> 't' and not c.relispartition and {own}",
    CONSTRAINT: "select n.nspname || '.' || c.relname || '.' || k.conname as name from pg_constraint k"
    " join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace"
    " where k.convalidated and k.contype in ('c', 'f', 'p', 'u', 'x') and not c.relispartition and {own}",
    FUNCTION: "select n.nspname || '.' || p.proname || '(' || coalesce((select"
    " string_agg(tn.nspname || '.' || t.typname, ', ' order by a.place) from unnest(p.proargtypes) with ordinality a(type, place)"
    " join pg_type t on t.oid = a.type join pg_namespace tn on tn.oid = t.typnamespace), '') || ')' as name"
    " from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {own}"
    " and {function is of no extension}",
    TRIGGER: "select n.nspname || '.' || c.relname || '.' || t.tgname as name from pg_trigger t"
    " join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace"
    " where not t.tgisinternal and t.tgenabled in ('O', 'A') and {own}",
    VIEW: "select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where (c.relkind = 'v' or c.relkind = 'm' and c.relispopulated) and {own}"
    " and {relation is of no extension}",
    GRANT: "select pg_get_userbyid(x.grantee) || ' may ' || lower(x.privilege_type) || ' ' || n.nspname || '.' || c.relname as name"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) x"
    " where x.grantee <> 0 and x.grantee <> c.relowner and {own}",
    POLICY: "select n.nspname || '.' || c.relname || '.' || p.polname as name from pg_policy p"
    " join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace"
    " where c.relrowsecurity and {own} union all select n.nspname || '.' || c.relname"
    " from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relrowsecurity and {own}",
    COLUMN: "select n.nspname || '.' || c.relname || '.' || a.attname || ' ' || tn.nspname || '.' || t.typname"
    " || case when a.atttypmod >= 0 then ' ' || a.atttypmod else '' end"
    " || case when a.attnotnull then ' not null' else '' end"
    " || case when a.atthasdef or a.attidentity <> '' then ' default' else '' end as name"
    " from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace"
    " join pg_type t on t.oid = a.atttypid join pg_namespace tn on tn.oid = t.typnamespace"
    " where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and not c.relispartition and {own}",
    ROLE: f"select name from ({_ROLES}) r",  # noqa: S608  # our own text
    MEMBER: f"select a.name || ' of ' || b.name as name from pg_auth_members m"  # noqa: S608
    f" join ({_ROLES}) a on a.oid = m.member join ({_ROLES}) b on b.oid = m.roleid",
}
NAMES = {kind: _completed(text) for kind, text in _TEXTS.items()}
"""Kind → a query for the names of valid objects, independent of the search path."""

SAYS = {
    INDEX: "every index is there and valid",
    CONSTRAINT: "every constraint is there and was checked",
    FUNCTION: "every function is there",
    TRIGGER: "every trigger is there and enabled",
    VIEW: "every view is there, and the materialized ones are filled",
    GRANT: "every role has its rights",
    POLICY: "every policy of row security is there and in force",
    COLUMN: "every column has its type, its NOT NULL and its default",
    ROLE: "every role that holds a right is there",
    MEMBER: "every role has its memberships",
    SEQUENCE: "every sequence is ahead of its column",
}
"""Kind → the name of its check."""

MOST = 400
"""Names in one query; for more the query contains digests."""
MOST_MARKS = 4_000
"""Digests in one query; for more only their number is compared."""
DIGITS = 6
_MARK = f"left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), {DIGITS})"


def present(kind: str, names: Sequence[str]) -> str:
    """One row, one number: how many of these are missing or invalid."""
    if len(names) > MOST_MARKS:
        return f"select greatest(0, {len(names)} - count(*)) from ({NAMES[kind]}) x"  # noqa: S608  # our own text
    if len(names) > MOST:
        marks = sorted({mark(name) for name in names})
        return (
            f"select {len(marks)} - count(distinct {_MARK}) from ({NAMES[kind]}) x"  # noqa: S608  # digits
            f" where {_MARK} = any(string_to_array('{' '.join(marks)}', ' '))"
        )
    listed = ", ".join(literal(name) for name in names)
    return f"select {len(names)} - count(distinct name) from ({NAMES[kind]}) x where name in ({listed})"  # noqa: S608  # quoted


def mark(name: str) -> str:
    """The digest that replaces a name if there are many."""
    return hashlib.sha256(name.encode()).hexdigest()[:DIGITS]


COLLATIONS_SAY = "every collation has the version that its indexes were built with"
COLLATIONS = (
    "select count(*) from pg_collation c where c.collversion <> pg_collation_actual_version(c.oid)"
    " and exists (select from pg_depend d where d.refclassid = 'pg_collation'::regclass and d.refobjid = c.oid"
    " and d.classid = 'pg_class'::regclass)"
)
"""One row, one number: how many collations have another version than their indexes were built with."""


def ahead(sequences: Sequence[tuple[str, str, str]]) -> str:
    """Number of sequences that are behind; each is (sequence, table, column), quoted if needed."""
    parts = (
        f"(select count(*) from {sequence} s where s.last_value < (select max({column}) from {table}))"  # noqa: S608  # quoted names
        for sequence, table, column in sequences
    )
    return "select " + " + ".join(parts)
