"""Roles as pg_dumpall writes them: attributes, passwords, memberships and settings, made on a throw-away server.

Source: PostgreSQL, src/bin/pg_dump/pg_dumpall.c (dumpRoles, dumpRoleMembership, dumpUserConfig).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from restorecheck.checks.server_messages import Known
from restorecheck.postgres.dumpfiles.needs import unquote
from restorecheck.postgres.dumpfiles.texts import identifier, raw, shown
from restorecheck.postgres.server import cluster
from restorecheck.postgres.session.messages import told

Connection = psycopg.Connection[tuple[Any, ...]]

_NAME = r'("(?:[^"]|"")+"|[^\s;]+)'
_ROLE = re.compile(rf"^(?:CREATE|ALTER) (?:ROLE|USER|GROUP) {_NAME}(?! IN DATABASE)")
_COMMENT = re.compile(rf"^COMMENT ON ROLE {_NAME}")
_MEMBERSHIP = re.compile(rf"^GRANT {_NAME} TO {_NAME}")
_GRANTED_BY = re.compile(rf" GRANTED BY {_NAME}(?=;)")
_TEXT = re.compile(r"'(?:[^']|'')*'")
"""A literal: a password, a comment, the value of a setting."""
_CREATED = re.compile(rf"^CREATE (?:ROLE|USER|GROUP) {_NAME}")


@dataclass(kw_only=True)
class Made:
    """The result of the statements on roles."""

    roles: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Each names the statement, never the password in it."""


def make(connection: Connection, statements: Iterable[str]) -> Made:
    """Execute the statements on roles.

    Left out: tablespaces, which name disks of the source, databases, which are made with their dumps, and
    statements on the bootstrap role of this server.
    """
    made = Made()
    for statement in statements:
        if _is_about_roles(statement):
            _execute(connection, statement, made)
    return made


def named_in(statements: Iterable[str]) -> frozenset[str]:
    """Roles that the statements create."""
    matches = (_CREATED.match(statement) for statement in statements)
    return frozenset(unquote(match[1]) for match in matches if match)


def elevate(connection: Connection, roles: Sequence[str]) -> None:
    """Make the roles superusers during the load; `preparation.demote_roles` ends it."""
    for role in roles:
        connection.execute(b"alter role " + identifier(role) + b" superuser")


def _is_about_roles(statement: str) -> bool:
    match = _ROLE.match(statement) or _COMMENT.match(statement)
    if match:
        return unquote(match[1]) != cluster.SUPERUSER
    return _MEMBERSHIP.match(statement) is not None


def _execute(connection: Connection, statement: str, made: Made) -> None:
    created = _CREATED.match(statement)
    try:
        connection.execute(raw(statement))
    except psycopg.Error as exc:
        if exc.sqlstate == "42710":
            return  # a role of this name exists, as after `--clean`
        if _MEMBERSHIP.match(statement) and _GRANTED_BY.search(statement):
            # The grantor was the source's bootstrap role, which has another name here.
            _execute(connection, _GRANTED_BY.sub("", statement), made)
            return
        known = Known(_TEXT.sub("''", statement))
        made.problems.append(f"{_shown(statement)}: {told(exc, known)}")
        return
    if created:
        made.roles.append(unquote(created[1]))


def _shown(statement: str) -> str:
    """Kind and name of the statement."""
    match = _MEMBERSHIP.match(statement) or _ROLE.match(statement) or _COMMENT.match(statement)
    return shown(match[0]) if match else "a statement"
