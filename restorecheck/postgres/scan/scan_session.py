"""Runs the statements of a scan, each in a transaction that changes nothing."""

import threading
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import psycopg

from restorecheck.checks.scan_statements import VIEW, Plan, Question
from restorecheck.errors import DatabaseUnreachableError
from restorecheck.postgres.scan.catalog import PINNED, set_all
from restorecheck.postgres.session.connection import (
    GRACE,
    Connection,
    deadline,
    rolled_back,
    spelled,
)
from restorecheck.postgres.session.known_names import known_in
from restorecheck.postgres.session.messages import is_about_order, shows_damage, told
from restorecheck.scan.table_scan import COMING_BACK, ReadOutcome, UnreadError

STATISTICS_SINCE = "select stats_reset::text from pg_catalog.pg_stat_bgwriter"
PLANS = {
    "jit": "off",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "row_security": "off",
    "standard_conforming_strings": "on",
}
"""The whole heap is read in order: an index may contain rows that the heap has lost. With row_security
off PostgreSQL refuses queries whose rows a policy would hide. Several connections replace parallel workers.
"""

OTHER_PLANS: Mapping[Plan, Mapping[str, str]] = {
    Plan.HEAP: {},
    Plan.INDEX: {"enable_seqscan": "off", "enable_indexonlyscan": "on", "enable_indexscan": "on"},
    Plan.ANY: {"enable_indexscan": "on", "enable_bitmapscan": "on"},
}


class PostgresSession:
    """One connection; a `table_scan.Session`."""

    def __init__(
        self,
        connection: Connection,
        *,
        workers: int = 0,
        configured: str = "",
        hidden: Collection[str] | None = None,
    ) -> None:
        """`workers`: parallel workers of the server, if several connections are not possible. `configured`:
        names in the configuration. `hidden`: quoted tables whose policies hide rows, if the policies of
        others show all rows; None: no table with policies is shown in full, and all of them are refused.

        Raises:
            DatabaseUnreachableError: The connection is lost.
        """
        self._connection = connection
        self._configured = configured
        self._hidden = hidden
        self._made, self._around = "", ExitStack()
        plans = {**PLANS, "max_parallel_workers_per_gather": str(workers)}
        try:
            with deadline(connection, COMING_BACK):
                connection.execute(set_all(plans, local=False).encode())
        except psycopg.Error as exc:
            connection.close()
            raise DatabaseUnreachableError("a new connection was lost immediately") from exc

    @property
    def lost(self) -> bool:
        return self._connection.closed or self._connection.broken

    def close(self) -> None:
        self._connection.close()

    def since(self) -> str | None:
        """Recovery resets all statistics, even if the server's main process survived.
        Source: PostgreSQL documentation, "The Cumulative Statistics System".
        """
        try:
            with deadline(self._connection, COMING_BACK):
                row = self._connection.execute(STATISTICS_SINCE).fetchone()
        except psycopg.Error:
            return None
        return str(row[0]) if row else ""

    def ask(
        self, text: str, timeout: timedelta, *, question: Question | None, natural: bool
    ) -> list[tuple[Any, ...]]:
        plans = dict(OTHER_PLANS[question.plan]) if question else {}
        if is_shown(text, question, self._hidden, natural=natural):
            plans["row_security"] = "on"
        settings = "" if natural else f"{PINNED}; "
        settings += set_all(plans, local=True) if plans else ""
        connection, expired = self._connection, threading.Event()
        try:
            with deadline(connection, timeout + GRACE, expired):
                self._make(question.prelude if question else "", timeout)
                with rolled_back(connection, timeout, settings=settings):
                    return connection.execute(spelled(connection, text)).fetchall()
        except psycopg.Error as exc:
            reordered = question.reordered if question else ""
            raise self._unread(exc, expired=expired.is_set(), reordered=reordered) from exc

    def _unread(self, exc: psycopg.Error, *, expired: bool, reordered: str) -> UnreadError:
        """`expired`: restorecheck closed the connection, because the server did not answer the cancel.
        `reordered`: as `Question.reordered`.
        """
        code = exc.sqlstate or ""
        if code == "57014" or (expired and isinstance(exc, psycopg.OperationalError)):
            return UnreadError(ReadOutcome.STUCK)
        outcome, because = ReadOutcome.REFUSED, ""
        if shows_damage(exc):
            outcome = ReadOutcome.DAMAGED
        if reordered and is_about_order(exc):
            outcome, because = ReadOutcome.REFUSED, f": {reordered}"
        if outcome is ReadOutcome.REFUSED and (self.lost or not code):
            return UnreadError(ReadOutcome.GONE)
        return UnreadError(
            outcome, lambda: told(exc, known_in(self._connection, exc, self._configured)) + because
        )

    def _make(self, prelude: str, timeout: timedelta) -> None:
        """Run the prelude in a transaction that stays open for the questions that need it."""
        if self._made == prelude:
            return
        self._made = ""
        self._around.close()
        if prelude:
            with ExitStack() as around:
                around.enter_context(rolled_back(self._connection, timeout, writes=True))
                self._connection.execute(spelled(self._connection, prelude))
                self._made, self._around = prelude, around.pop_all()


def is_shown(
    text: str, question: Question | None, hidden: Collection[str] | None, *, natural: bool
) -> bool:
    """Whether policies hide no row from this statement, so that row security may stay on. Refused: a view,
    which reads as its owner, and, if any table hides rows, a CHECK's function, which may read any table.
    """
    if hidden is None or (question and question.key.startswith(VIEW)):
        return False
    calls = natural and question is None and bool(hidden)
    return not calls and not any(name in text for name in hidden)
