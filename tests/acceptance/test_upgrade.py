"""The rehearsal of an upgrade, in whole drills: into the next major version of this machine."""

import pytest

from tests import pg
from tests.missing import needs

MAJORS = {i.major: i for i in pg.installations()}
pytestmark = needs(
    len(MAJORS) > 1, "a second major version of PostgreSQL", "restorecheck server install 18"
)
ORDERS = """
create table orders (id int primary key, state text);
insert into orders select i, case when i % 1000 = 0 then 'open' else 'done' end from generate_series(1, 20000) i;
create index orders_state on orders (state);
"""


@pytest.fixture(scope="module")
def old():
    with pg.running(MAJORS[min(MAJORS)], ORDERS) as running:
        yield running


def configure(world, more="", check="row_count: {table: orders, equals: 20000}"):
    query = "query: {name: open orders, sql: \"select count(*) from orders where state = 'open'\", expect: {equals: 20}}"
    world.configure(f"[{{{check}}}, {{{query}}}]")
    text = world.config.read_text()
    world.config.write_text(
        text.replace("    checks:", f"    rehearse: {{upgrade: next{more}}}\n    checks:")
    )


def test_a_dump_that_loads_in_the_next_version_would_be_upgraded(world, old):
    old.pipe(world.backups / "orders.dump", "-Fc")
    psql = MAJORS[min(MAJORS)].program("psql")
    hook = f"after_verified: {{run: [{psql}, -c, select 1 from orders limit 1]"
    configure(world, f"}}\n    {hook}")
    world.config.chmod(0o600)
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert any(note.startswith("after_verified ended") for note in report["notes"])
    found = report["rehearsal"]
    assert found["verdict"] == "verified", found
    assert found["from_version"].startswith(f"{min(MAJORS)}.")
    assert found["to_version"].startswith(f"{sorted(MAJORS)[1]}.")
    assert "required checks passed" in found["reason"]
    assert "upgrade" in world.run("report").stdout
    assert "load the dump into the next major version" in world.run("drill", "--plan").stdout


@needs({15, 17} <= set(MAJORS), "PostgreSQL 15 and 17", "restorecheck server install 15 17")
def test_what_breaks_in_the_next_version_is_named_and_changes_no_verdict(world, old):
    old.sql("create view io as select buffers_backend from pg_stat_bgwriter")  # until 16
    try:
        old.pipe(world.backups / "orders.dump", "-Fc")
    finally:
        old.sql("drop view io")
    configure(world)
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified")
    assert report["rehearsal"]["verdict"] == "failed", report["rehearsal"]
    assert "buffers_backend" in report["rehearsal"]["reason"]


def test_a_rehearsal_ends_at_its_limit_and_leaves_nothing(world, old):
    old.pipe(world.backups / "orders.dump", "-Fp")
    configure(world, ", deadline_minutes: 0.00001")
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified")
    assert report["rehearsal"]["verdict"] == "inconclusive"
    assert report["teardown"]["outcome"] == "complete"


def test_without_a_later_version_it_is_inconclusive(world):
    with pg.running(MAJORS[max(MAJORS)], ORDERS) as newest:
        newest.pipe(world.backups / "orders.dump", "-Fc")
    configure(world)
    code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified")
    assert report["rehearsal"]["verdict"] == "inconclusive"
    assert "no later major version is on this machine" in report["rehearsal"]["reason"]
