"""Tables that the checker's role may not read in full, why not, and the statements that grant the right. Pure.

Rights of PostgreSQL: SELECT on the table, USAGE on its schema (PostgreSQL documentation, "Privileges"), and no
row-level security that hides rows from the role ("Row Security Policies"). pg_read_all_data, since 14, grants the
first two on all tables, and not the third ("Predefined Roles").
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from restorecheck.checks.tables import quoted

READ_ALL_MAJOR = 14
"""The first version with pg_read_all_data (PostgreSQL 14 release notes)."""
POLICY = "restorecheck"
NAMED = 20
"""Tables that a sentence names; the others are counted."""


class Lack(StrEnum):
    """The missing right, as reports name it."""

    SCHEMA = "no USAGE on the schema"
    TABLE = "no SELECT"
    COLUMNS = "SELECT on some columns only"
    ROWS = "row security hides rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """One table that the role may not read in full."""

    schema: str
    name: str
    owner: str
    lacks: tuple[Lack, ...]
    restricted: bool = False
    """A restrictive policy hides rows: another policy cannot show them."""

    @property
    def quoted(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def why(self) -> str:
        return " and ".join(self.lacks)


def sentence(role: str, denied: Mapping[str, str], total: int) -> str:
    """Which tables the role may not read. `denied`: full name → why."""
    by_reason: dict[str, list[str]] = {}
    for name, why in denied.items():
        by_reason.setdefault(why, []).append(name)
    parts = "; ".join(f"{why}: {named(names)}" for why, names in by_reason.items())
    return f"the role {role} may not read {len(denied):,} of {total:,} tables in full ({parts})"


def named(names: Sequence[str]) -> str:
    """The first names, and the number of the others."""
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {len(names) - NAMED:,} more" if len(names) > NAMED else shown


def statements(role: str, denied: Iterable[Denied], major: int) -> tuple[str, ...]:
    """Statements to run in production, as the tables' owner or the master user, so that the next backup can be read."""
    every = list(denied)
    unseen = [table for table in every if {*table.lacks} - {Lack.ROWS}]
    hidden = [table for table in every if Lack.ROWS in table.lacks]
    granted = (
        [f"GRANT pg_read_all_data TO {quoted(role)};"]
        if unseen and major >= READ_ALL_MAJOR
        else _one_by_one(role, unseen)
    )
    return (*granted, *_past_row_security(role, hidden))


def _one_by_one(role: str, unseen: Sequence[Denied]) -> Iterator[str]:
    """Before PostgreSQL 14: grants on the tables of each schema, and on those that its owners will make."""
    to = f"TO {quoted(role)};"
    for schema in dict.fromkeys(table.schema for table in unseen):
        where = f"SCHEMA {quoted(schema)}"
        yield f"GRANT USAGE ON {where} {to}"
        yield f"GRANT SELECT ON ALL TABLES IN {where} {to}"
        yield f"GRANT SELECT ON ALL SEQUENCES IN {where} {to}"
        owners = dict.fromkeys(table.owner for table in unseen if table.schema == schema)
        for owner in owners:
            made = f"ALTER DEFAULT PRIVILEGES FOR ROLE {quoted(owner)} IN {where} GRANT SELECT ON"
            yield from (f"{made} {kind} {to}" for kind in ("TABLES", "SEQUENCES"))


def _past_row_security(role: str, hidden: Sequence[Denied]) -> Iterator[str]:
    """A policy for this role alone: no other role sees more. Restrictive policies need BYPASSRLS, which on RDS
    no role of the customer has.
    """
    if any(table.restricted for table in hidden):
        yield f"ALTER ROLE {quoted(role)} BYPASSRLS;"
        return
    for table in hidden:
        yield f"CREATE POLICY {POLICY} ON {table.quoted} FOR SELECT TO {quoted(role)} USING (true);"


def how_to_grant(reason: str, major: int) -> str:
    """How to grant any other missing right, in a few words. `reason`: PostgreSQL's message; `major`: 0: unknown."""
    if "row-level security" in reason:
        return "grant the checker's role BYPASSRLS, or run the checks as the owner of the tables"
    if 0 < major < READ_ALL_MAJOR:
        return "grant the checker's role SELECT on it"
    return "grant the checker's role pg_read_all_data"
