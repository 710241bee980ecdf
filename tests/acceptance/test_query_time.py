"""Queries with a time limit, on a real database whose plan flips without statistics and without an index."""

import pytest

from restorecheck.postgres.server import cluster
from tests import pg

ORDERS = """
create table customers (id int primary key, region int, filler text);
create table orders (id int primary key, customer_id int, state text, filler text);
insert into customers select i, i % 1000, repeat('x', 50) from generate_series(1, 20000) i;
insert into orders select i, 1 + i % 20000, case when i % 100000 = 0 then 'open' else 'closed' end, repeat('y', 50)
  from generate_series(1, 300000) i;
create index orders_state on orders (state);
create index orders_customer on orders (customer_id);
"""
OPEN = (
    "select count(*) from orders o join customers c on c.id = o.customer_id "
    "join orders p on p.customer_id = c.id and p.state = 'closed' where o.state = 'open'"
)


@pytest.fixture(scope="module")
def shop():
    installation = max(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, ORDERS) as running:
        yield running


def limited(most):
    return f'[query: {{name: the work list is fast, sql: "{OPEN}", expect: {{equals: 36}}, max_seconds: {most}}}]'


def fast(report):
    (check,) = (c for c in report["checks"] if c["name"] == "the work list is fast")
    return check


def test_a_dump_is_analyzed_and_a_lost_index_is_named_by_the_plan(world, shop):
    shop.pipe(world.backups / "shop-1.dump", "-Fc")
    world.configure(limited(0.1))
    code, first = world.drill()
    assert (code, first["verdict"]) == (0, "verified"), first["reason"]
    assert any(note.startswith("ANALYZE was run after the load") for note in first["notes"])
    assert fast(first)["measured"]["seconds"] < 0.1
    assert "within 0.1 s" in fast(first)["expected"]

    shop.sql("drop index orders_customer; drop index orders_state")
    shop.pipe(world.backups / "shop-2.dump", "-Fc")
    world.configure(limited(fast(first)["measured"]["seconds"] * 1.5))
    code, second = world.drill()
    assert (code, second["verdict"]) == (1, "failed")
    assert "the plan changed from Aggregate" in fast(second)["detail"]
    assert "orders_customer" in fast(second)["detail"]
    assert "Seq Scan of orders" in fast(second)["detail"]


def test_a_drill_without_such_a_check_is_not_analyzed(world, shop):
    shop.pipe(world.backups / "shop.dump", "-Fc")
    world.configure("[row_count: {table: orders, min: 1}]")
    _code, report = world.drill()
    assert not any("ANALYZE" in note for note in report["notes"])


def test_on_a_scratch_server_the_tables_are_analyzed_too(world, shop):
    shop.pipe(world.backups / "shop.dump", "-Fc")
    with pg.running(shop.installation) as scratch:
        place = scratch.places.sockets
        url = f"postgresql://postgres@{str(place).replace('/', '%2F')}:{cluster.PORT}/postgres"
        extra = f"scratch_servers: ['{place}:{cluster.PORT}']\n"
        world.configure(limited(30), dump=f", into: '{url}'", extra=extra)
        code, report = world.drill()
    assert (code, report["verdict"]) == (0, "verified"), report["reason"]
    assert any(note.startswith("ANALYZE was run") for note in report["notes"])
