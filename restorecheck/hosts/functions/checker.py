"""Asks the restored database within one invocation. The function has no right in RDS: it reads the
secret of the instance, and connects to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from restorecheck.aws.snapshots.credentials import read_password
from restorecheck.checks.registry import is_alone
from restorecheck.engine import Done, Elsewhere, Engine, Wait
from restorecheck.errors import AccessDeniedError
from restorecheck.hosts.functions.invocation import drill_id_in
from restorecheck.hosts.functions.surroundings import FunctionContext
from restorecheck.lifecycle import Action, Asking, to_ask
from restorecheck.model import CheckOutcome, CheckSpec, Drill, Endpoint
from restorecheck.ports import Answers, Checker, Inquiry, Provider
from restorecheck.postgres.scan.checker import PostgresChecker
from restorecheck.postgres.session.tls import TlsConnector

log = structlog.get_logger("restorecheck.functions")

MARGIN = timedelta(seconds=20)
"""Time reserved for storing the last result: Lambda ends an invocation without an error."""
READING_ROOM = timedelta(minutes=2)
"""Time reserved for one unit of a scan; a cancelled unit is read again by the next invocation."""
LOGIN_PATIENCE = timedelta(seconds=30)

Remaining = Callable[[], timedelta]


def check(
    event: Mapping[str, Any], around: FunctionContext, remaining: Remaining
) -> dict[str, Any]:
    """`{"drill_id", …}` in, the next action out, as in the stepper.

    Every answer is stored before the next question. A question that may take longer than the rest of
    the invocation waits for the next one.
    """
    drill_id = drill_id_in(event)
    end = around.clock.now() + remaining() - MARGIN
    asking = PostgresChecker(_connector(around), around.clock)
    engine = Engine(
        store=around.store,
        provider_for=_no_provider,
        checker_for=lambda _drill: Limited(asking, around, end),
        clock=around.clock,
        performs=may_perform,
    )
    try:
        answer = _ask_while_there_is_time(drill_id, engine, around, end)
    finally:
        asking.close()
    log.info("drill.checked", **answer)
    return answer


def may_perform(action: Action) -> bool:
    return isinstance(action, Asking)


def _no_provider(drill: Drill) -> Provider:
    raise AssertionError(f"drill {drill.id}: the checker function cannot restore or delete")


def _ask_while_there_is_time(
    drill_id: str, engine: Engine, around: FunctionContext, end: datetime
) -> dict[str, Any]:
    asked = 0
    answer: dict[str, Any] = {"drill_id": drill_id, "wait_seconds": 0}
    while True:
        pending = to_ask(around.store.load(drill_id))
        left = end - around.clock.now()
        if asked and pending and _needs(pending[0]) > left:
            return {**answer, "next": "check", "asked": asked}
        outcome = engine.advance(drill_id)
        asked += 1
        match outcome:
            case Done():
                return {**answer, "next": "done", "asked": asked}
            case Elsewhere():
                return {**answer, "next": "wait", "asked": asked}
            case Wait(duration=duration, detail=detail) if duration:
                seconds = round(duration.total_seconds())
                return {**answer, "next": "wait", "wait_seconds": seconds, "detail": detail}
            case Wait():
                continue


def _needs(spec: CheckSpec) -> timedelta:
    """Time that must be left of an invocation to start the check."""
    return spec.timeout if is_alone(spec) else READING_ROOM


class Limited(Checker):
    """Cancels a question at the end of the invocation, and says so in the answer."""

    def __init__(self, inner: Checker, around: FunctionContext, end: datetime) -> None:
        self._inner = inner
        self._around = around
        self._end = end

    def run(self, inquiry: Inquiry) -> Answers:
        allowed = self._end - self._around.clock.now()
        answers = self._inner.run(replace(inquiry, until=min(inquiry.until, self._end)))
        is_cut = inquiry.pending[0].timeout > allowed and self._end < inquiry.until
        results = tuple(
            replace(result, detail=_too_long(allowed))
            if is_cut and result.outcome is CheckOutcome.ERROR
            else result
            for result in answers.results
        )
        return replace(answers, results=results)

    def plans(
        self, endpoint: Endpoint, queries: Sequence[CheckSpec], until: datetime
    ) -> dict[str, str]:
        return self._inner.plans(endpoint, queries, min(until, self._end))

    def close(self) -> None:
        self._inner.close()


def _too_long(allowed: timedelta) -> str:
    return (
        f"no answer within {allowed.total_seconds():.0f} s, the limit of one run of the checker "
        "function: check less at once (a part of the table, an indexed column), or drill "
        "this target with `restorecheck run` on a machine"
    )


def _connector(around: FunctionContext) -> Callable[[Endpoint, str], Any]:
    if not around.ca_bundle.is_file():
        raise AccessDeniedError(
            f"the certificates of RDS are missing: {around.ca_bundle} does not exist",
            hint="Build the package of the functions again, with: make package "
            "CA_BUNDLE=global-bundle.pem",
        )

    def password_of(endpoint: Endpoint) -> str:
        if endpoint.secret:
            return read_password(around.client("secretsmanager"), endpoint)
        token: str = around.client("rds").generate_db_auth_token(
            DBHostname=endpoint.host, Port=endpoint.port, DBUsername=endpoint.user
        )
        return token  # signed here, without a call to RDS

    def connect(endpoint: Endpoint, database: str) -> Any:  # noqa: ANN401  # psycopg's connection
        opener = TlsConnector(
            ca_bundle=around.ca_bundle,
            password_of=password_of,
            by_token=not endpoint.secret,
            patience=LOGIN_PATIENCE,
        )
        return opener(endpoint, database)

    return connect
