"""A server that stands at a moment: its databases, and questions to them as a role that only reads."""

from dataclasses import replace
from functools import partial

from restorecheck.model import CheckOutcome, CheckResult, Endpoint
from restorecheck.postgres.physical.prepare import DATABASES
from restorecheck.postgres.server import cluster
from restorecheck.postgres.server.cluster import Places
from restorecheck.postgres.session import libpq
from restorecheck.postgres.session.connection import Connection
from restorecheck.postgres.session.opening import OWN_SESSION, connect, identity_of

READS_ALL = "pg_read_all_data"
"""A role of every cluster. A standby cannot be given the checker's own; nobody can write to it."""
SINCE = 14
"""The first major version with this role, and with the state of a pause."""


def endpoint_of(
    places: Places, superuser: str, wanted: tuple[str, ...], first: Connection
) -> Endpoint:
    """`first`: a connection of the superuser. Raises psycopg.Error."""
    open_in = partial(cluster.superuser_connection, places, user=superuser)
    there = [str(row[0]) for row in first.execute(DATABASES)]
    databases = wanted or tuple(there)
    identity = identity_of(first)
    if databases and databases[0] in there:
        with open_in(databases[0]) as connection:
            identity = identity_of(connection)
    return Endpoint(
        identity=identity,
        host=str(places.sockets),
        port=cluster.PORT,
        user=superuser,
        databases=databases,
    )


def connect_reading(endpoint: Endpoint, database: str) -> Connection:
    """Raises as `connect` and `cluster.refuse_stranger`."""
    places = Places.of_socket(endpoint.host)
    cluster.refuse_link(places)
    connection = connect(
        endpoint, database, role=READS_ALL, session=OWN_SESSION, **libpq.THROW_AWAY
    )
    cluster.refuse_stranger(connection, places)
    return connection


def turned_round(result: CheckResult) -> CheckResult:
    """Of a check that must fail: a failure passes, and a pass fails."""
    name, expected = f"{result.name}, no longer afterwards", f"not {result.expected}"
    match result.outcome:
        case CheckOutcome.FAILED:
            outcome, detail = CheckOutcome.PASSED, ""
        case CheckOutcome.PASSED:
            outcome = CheckOutcome.FAILED
            detail = "the check still passes when the recovery is complete, so it does not show that the moment was reached"
        case _:
            outcome, detail = result.outcome, result.detail
    return replace(result, name=name, outcome=outcome, expected=expected, detail=detail)
