"""What must hold in a database, asked of one in which it does and of one in which it does not."""

import itertools

import psycopg
import pytest

from tests import pg
from tests.missing import left_out
from tests.reading import ask, database
from tests.world import nights
from tests.world.constraints import CONSTRAINTS, MANY, REFERENCES, SEQUENCES

OTHERS = (
    "rows_readable",
    "indexes_agree",
    "pages_sound",
    "indexes_valid",
    "collations_current",
    "transactions_young",
)
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def weak(source):
    source.sql("create role weak login")
    yield
    source.sql("drop role weak")


@pytest.fixture(scope="module")
def newest():
    """A server that has what the lowest major at hand does not."""
    installation = max(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select 1") as running:
        yield running


@pytest.fixture
def server(request, source):
    case = request.getfixturevalue("case")
    if case.major <= source.installation.major:
        return source
    running = request.getfixturevalue("newest")
    if case.major > running.installation.major:
        left_out(f"no PostgreSQL {case.major} at hand")
    return running


def asked(server, name, case):
    """The check's answer, and that of the configured one beside it."""
    suite = dict.fromkeys((*OTHERS, *({CONSTRAINTS, REFERENCES, SEQUENCES} - {case.kind})))
    specs = (case.asked,) if case.asked else ()
    results, _ = ask(server, name, specs, suite=suite, user=case.user)
    return results


@pytest.mark.parametrize("case", MANY, ids=lambda case: case.name)
def test_what_holds_holds_and_what_does_not_is_said(weak, server, case):
    with database(server, f"held {next(NUMBERS)}", "") as name:
        try:
            server.sql(case.made, name)
        except psycopg.errors.FeatureNotSupported as exc:
            left_out(f"this server is not built with it: {exc}")
        healthy = asked(server, name, case)
        broken = {}
        if case.broken:
            server.sql(
                "set allow_system_table_mods = on; set session_replication_role = replica;"
                + case.broken,
                name,
            )
            broken = asked(server, name, case)

    owed = [(case.kind, case.healthy, healthy)]
    if case.broken:
        owed.append((case.kind, case.violated, broken))
    if case.asked:
        owed.append(("asked", case.healthy, healthy))
        owed.append(("asked", case.answered or case.violated, broken))
    wrong = [
        f"{kind}, {'broken' if found is broken else 'healthy'}:"
        f" {' or '.join(map(str, right))} is right, not {nights.said(found.get(kind))}"
        for kind, right, found in owed
        if not nights.is_right(found.get(kind), right)
    ]
    assert not wrong, "\n".join(wrong)
