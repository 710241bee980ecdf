"""Compares the needs of a dump with the server before the load, and makes the database, the roles that the
dump names, and the role of the checks.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, sql

from restorecheck.postgres.dumpfiles.inspect import Inspection
from restorecheck.postgres.dumpfiles.needs import Needs
from restorecheck.postgres.dumpfiles.texts import identifier, raw
from restorecheck.postgres.server.binaries import Installation
from restorecheck.postgres.server.offers import Offer

Connection = psycopg.Connection[tuple[Any, ...]]

CHECKER_ROLE = "restorecheck_checker"
HARMLESS = " nosuperuser nocreatedb nocreaterole noreplication bypassrls"


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a dump needs and a server lacks."""

    extensions: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()
    """`ICU, for the collation public.german`"""
    libraries: tuple[tuple[str, str], ...] = ()
    """Shared libraries that this machine lacks, each with its extension."""

    def __bool__(self) -> bool:
        return bool(self.texts)

    def __or__(self, other: "Lacking") -> "Lacking":
        return Lacking(
            tuple(dict.fromkeys(self.extensions + other.extensions)),
            tuple(dict.fromkeys(self.collations + other.collations)),
            tuple(dict.fromkeys(self.libraries + other.libraries)),
        )

    @property
    def texts(self) -> tuple[str, ...]:
        return (
            *(f"the extension {name}" for name in self.extensions),
            *(f"the library {one}, for the extension {name}" for one, name in self.libraries),
            *self.collations,
        )


def lacking(
    connection: Connection,
    inspection: Inspection,
    ignored: Sequence[str],
    installation: Installation | None = None,
) -> Lacking:
    """Everything that the dump needs and this server lacks, named precisely.

    `installation`: the programs of the server, if it runs on this machine.
    """
    offered = {row[0] for row in connection.execute("select name from pg_available_extensions")}
    needed = [name for name in inspection.needs.extensions if name not in ignored]
    there = [name for name in needed if name in offered]
    return Lacking(
        extensions=tuple(name for name in needed if name not in offered),
        collations=tuple(_lacking_collations(connection, inspection)),
        libraries=tuple(
            (library, name)
            for name in (there if installation else ())
            for library in (installation.unloadable(name) if installation else ())
        ),
    )


BUILT_IN_ICU = "unicode"
"""A row of pg_collation since PostgreSQL 16, also without ICU: src/include/catalog/pg_collation.dat."""


def _lacking_collations(connection: Connection, inspection: Inspection) -> list[str]:
    rows = connection.execute("select collprovider, collname, collcollate from pg_collation")
    offered = list(rows)
    has_icu = any(provider == "i" and name != BUILT_IN_ICU for provider, name, _ in offered)
    locales = {
        _normalise(text)
        for provider, name, text in offered
        if provider == "c"
        for text in (name, text)
        if text
    }
    missing = []
    for collation in inspection.needs.collations:
        if collation.provider == "icu" and not has_icu:
            missing.append(f"ICU, for the collation {collation.name}")
        if collation.provider == "libc" and _normalise(collation.locale) not in locales | {
            "c",
            "posix",
        }:
            missing.append(f"the locale {collation.locale}, for the collation {collation.name}")
    return missing


def _normalise(locale: str) -> str:
    """`fr_FR.UTF-8` and `fr_FR.utf8` are the same locale."""
    return re.sub(r"[^a-z0-9@_.]", "", locale.lower())


def make_roles(connection: Connection, roles: Sequence[str], client_encoding: str) -> None:
    """Make placeholders that cannot log in, so that ownership and grants can be loaded.

    They are superusers during the load: event triggers need such an owner, and materialized views are filled
    with the owner's rights, which may come from roles that are not in the dump.

    Args:
        connection: To the restored database: role names have its encoding.
        roles: As `texts.kept` has them.
        client_encoding: Of the roles' names.
    """
    with _speaking(connection, client_encoding):
        for role in roles:
            if not role.startswith("pg_"):
                statement = b"create role " + identifier(role) + b" superuser nologin"
                with suppress(errors.DuplicateObject):
                    connection.execute(statement)


@contextmanager
def _speaking(connection: Connection, encoding: str) -> Iterator[None]:
    """Statements are sent as bytes; the server reads them in this encoding."""
    before = connection.execute("show client_encoding").fetchone()
    connection.execute(sql.SQL("set client_encoding to {}").format(sql.Literal(encoding)))
    try:
        yield
    finally:
        assert before is not None, "a setting has a value"
        connection.execute(b"set client_encoding to '" + str(before[0]).encode() + b"'")


DEMOTE = """
do $$ declare made record; begin
  for made in select rolname from pg_catalog.pg_roles
    where rolsuper and oid >= 16384 and rolname <> current_user loop
    execute pg_catalog.format('alter role %I nosuperuser', made.rolname);
  end loop;
end $$
"""
"""Objects of users have oids from 16384: src/include/access/transam.h, FirstNormalObjectId."""


def demote_roles(connection: Connection) -> None:
    """After the load only the bootstrap superuser stays a superuser, and the one that is connected."""
    connection.execute(DEMOTE)


def limit_temporary_files(connection: Connection, role: str, room: int) -> None:
    """Limit the temporary files of one query of the role, in bytes: a query beyond it fails instead of filling the disk."""
    statement = "alter role {} set temp_file_limit = {}"
    kilobytes = sql.Literal(f"{max(room, 0) // 1024}kB")
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), kilobytes))


PROVIDERS = frozenset({"icu", "libc", "builtin"})
CLIENT_ONLY = frozenset({"BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SJIS", "UHC"})
"""Encodings that no database can have: PostgreSQL documentation, "Character Set Support"."""


def make_database(connection: Connection, name: str, needs: Needs) -> bool:
    """Make an empty database; False: its locale differs from the source's, or that is not known.

    It has the encoding of the source, and its locale if this server has it: check constraints, partitions and
    hashes may depend on both.
    """
    encoding = "UTF8" if needs.encoding.upper() in CLIENT_ONLY else needs.encoding
    plain = sql.SQL("create database {} template template0 encoding {}").format(
        sql.Identifier(name), sql.Literal(encoding)
    )
    if needs.locale:
        with suppress(psycopg.Error):  # the server lacks it, or it does not fit the encoding
            connection.execute(sql.Composed([plain, *_locale_options(needs)]))
            return True
    with suppress(psycopg.Error):  # the server's own locale may not fit the encoding
        connection.execute(plain)
        return False
    connection.execute(sql.Composed([plain, sql.SQL(" locale 'C'")]))
    return False


def drop_database(connection: Connection, name: str) -> None:
    """On a throw-away server: a database of an earlier load, or initdb's own `postgres`."""
    connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


def _locale_options(needs: Needs) -> list[sql.Composable]:
    options: list[sql.Composable] = []
    for key, value in needs.locale:
        if key == "LOCALE_PROVIDER":
            if value in PROVIDERS:
                options.append(sql.SQL(f" locale_provider {value}"))
        else:
            # The keys come from a regular expression in this module.
            options.append(sql.SQL(" " + key.lower() + " {}").format(sql.Literal(value)))
    return options


MEANINGS = frozenset(
    {
        "search_path",
        "datestyle",
        "intervalstyle",
        "timezone",
        "timezone_abbreviations",
        "bytea_output",
        "extra_float_digits",
        "xmlbinary",
        "xmloption",
        "lc_messages",
        "lc_monetary",
        "lc_numeric",
        "lc_time",
        "default_text_search_config",
        "array_nulls",
        "transform_null_equals",
    }
)
"""Settings of a database that decide the meaning of names or values, on which a query may rely, like those of
the application (`app.tenant`). Others (a time limit, a missing library, `default_transaction_read_only`) would
only prevent load and checks.
"""
_SETTING = re.compile(r'SET "?([\w.$]+)')


def has_meaning(setting: str) -> bool:
    return "." in setting or setting.lower() in MEANINGS


def apply_settings(connection: Connection, name: str, needs: Needs) -> None:
    """Apply settings of ALTER DATABASE on the source: a search path decides the meaning of names."""
    for setting in needs.settings:
        match = _SETTING.match(setting)
        if match is None or not has_meaning(match[1]):
            continue
        statement = b"alter database " + identifier(name) + b" " + raw(setting)
        with suppress(psycopg.Error):  # a parameter of an extension that is not loaded
            connection.execute(statement)


SETTINGS_LEFT = """
select setdatabase <> 0, (select rolname from pg_roles r where r.oid = setrole),
  array(select split_part(item, '=', 1) from unnest(setconfig) item)
from pg_db_role_setting
where setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and setrole in (0, (select oid from pg_roles where rolname = current_user))
"""


def database_size(connection: Connection) -> int:
    """Bytes on disk of the database that this connection is to."""
    row = connection.execute("select pg_catalog.pg_database_size(current_database())").fetchone()
    assert row is not None, "one row"
    return int(row[0])


def let_in(connection: Connection, database: str, role: str) -> None:
    """After the load: removes restrictions that the dump's SQL set for its database or for all."""
    here = sql.Identifier(database)
    for of_database, of_role, names in connection.execute(SETTINGS_LEFT).fetchall():
        role_name = sql.Identifier(of_role) if of_role else sql.SQL("all")
        who = sql.SQL("role {}").format(role_name)
        if of_database:
            who = sql.SQL("{} in database {}").format(who, here)
        for name in names:
            if not has_meaning(name):
                statement = sql.SQL("alter {} reset {}").format(who, sql.Identifier(name))
                connection.execute(statement)
    connection.execute(sql.SQL("alter database {} connection limit -1").format(here))
    connection.execute(sql.SQL("revoke create on database {} from public").format(here))
    connection.execute(
        sql.SQL("grant connect on database {} to {}").format(here, sql.Identifier(role))
    )


def admit_everybody(connection: Connection, database: str) -> None:
    """For dumps made with --use-set-session-authorization, which create objects as their owners."""
    here = sql.Identifier(database)
    connection.execute(sql.SQL("grant all on database {} to public").format(here))


def make_way(connection: Connection, inspection: Inspection) -> None:
    """Remove objects from the new database that the dump creates."""
    if inspection.needs.creates_schema_public:
        connection.execute("drop schema if exists public")
    if inspection.needs.creates_plpgsql:
        connection.execute("drop extension if exists plpgsql")


def call_before(connection: Connection, frames: Sequence[tuple[str, Offer]]) -> None:
    """Make extensions that must know of the load before it begins, and tell them."""
    for name, offer in frames:
        statement = sql.SQL("create extension if not exists {} schema public").format(
            sql.Identifier(name)
        )
        connection.execute(statement)
        _call(connection, name, offer.before)


def call_after(connection: Connection, frames: Sequence[tuple[str, Offer]]) -> None:
    for name, offer in frames:
        _call(connection, name, offer.after)


def _call(connection: Connection, extension: str, function: str) -> None:
    """Call a function of the extension itself, not one of the same name that the dump made."""
    schema = connection.execute(MEMBER, (extension, function)).fetchone()
    if schema is not None:
        called = sql.SQL("select {}()").format(sql.Identifier(schema[0], function))
        connection.execute(called)


MEMBER = """
select n.nspname from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
join pg_catalog.pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_catalog.pg_extension'::regclass
where e.extname = %s and p.proname = %s and p.pronargs = 0
"""


CHECKING = """
select distinct format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
from pg_constraint k join pg_depend d on d.classid = 'pg_constraint'::regclass and d.objid = k.oid
  and d.refclassid = 'pg_proc'::regclass
join pg_proc p on p.oid = d.refobjid join pg_namespace n on n.oid = p.pronamespace
where k.contype = 'c' and not has_function_privilege(%s, p.oid, 'execute')
"""


def let_evaluate(connection: Connection, role: str) -> None:
    """Allow the role to call the functions of CHECKs, like the role that wrote the rows."""
    for (function,) in connection.execute(CHECKING, (role,)).fetchall():
        statement = f"grant execute on function {function} to "
        connection.execute(sql.Composed([sql.SQL(statement), sql.Identifier(role)]))


FORCED = """
select format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relforcerowsecurity and pg_has_role(c.relowner, 'usage')
"""


def let_owner_read(connection: Connection) -> None:
    """If no role with BYPASSRLS can be made, the owner runs the checks: then policies are no longer forced on
    the owner, because they would hide rows.
    """
    for (table,) in connection.execute(FORCED).fetchall():
        statement = f"alter table {table} no force row level security"
        connection.execute(statement.encode())


def make_reading_role(connection: Connection, name: str, *, login: bool) -> None:
    """Make a role that can read everything and change nothing.

    It bypasses row security: a policy must not hide lost rows. PostgreSQL before 14 has no pg_read_all_data;
    there the rights are granted one by one.
    """
    role = sql.Identifier(name)
    found = connection.execute("select oid from pg_roles where rolname = %s", (name,)).fetchone()
    if found is not None and login:
        # The dump may have made one of this name, a superuser: on a server that is thrown away, it is
        # moved out of the way, to a name that `structure.sql` leaves out, too.
        aside = sql.Identifier(f"{name[:40]} {found[0]}")
        connection.execute(sql.SQL("alter role {} rename to {}").format(role, aside))
    rights = sql.SQL(("login" if login else "nologin") + HARMLESS)
    verb = sql.SQL("alter" if found is not None and not login else "create")
    connection.execute(sql.SQL("{} role {} {}").format(verb, role, rights))
    if connection.info.server_version >= 140000:  # noqa: PLR2004  # 14.0
        connection.execute(sql.SQL("grant pg_read_all_data to {}").format(role))
        return
    schemas = connection.execute(
        "select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'"
    ).fetchall()
    grants = (
        "grant usage on schema {} to {}",
        "grant select on all tables in schema {} to {}",
        "grant select on all sequences in schema {} to {}",
    )
    for (schema,) in schemas:
        for grant in grants:
            connection.execute(sql.SQL(grant).format(sql.Identifier(schema), role))
