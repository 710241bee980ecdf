"""A shop that looks like others' sample databases and is our own: it grows by a day at a time."""

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
"""When it is looked at first; its rows are of the hundred days before."""

ROLES = "create role shop_reader nologin; create role shop_writer nologin; grant shop_reader to shop_writer"
"""Of the server, not of the database."""

SCHEMA = """
create extension citext;
create table customers (
  id bigserial primary key, email text not null unique, full_name text not null, country text not null,
  points int not null check (points >= 0), joined_at timestamptz not null, phone text, referred_by bigint references customers
);
create table products (
  id serial primary key, sku text not null unique, title text not null, price numeric(10, 2) not null, category text not null
);
create table orders (
  id bigserial primary key, customer_id bigint not null references customers, status text not null,
  total numeric(12, 2) not null, created_at timestamptz not null, shipped_at timestamptz, note text
);
create index orders_created on orders (created_at);
create table order_items (id bigserial primary key, order_id bigint not null, product_id int not null, quantity int not null, channel text);
create table visits (at timestamptz not null, page text not null, seconds int not null) partition by range (at);
create table visits_old partition of visits for values from (minvalue) to ('2026-03-10');
create table visits_new partition of visits for values from ('2026-03-10') to (maxvalue);
create unlogged table sessions (id int primary key, seen_at timestamptz not null);
create materialized view sales as select status, count(*) as n from orders group by 1;
create view recent as select * from orders where created_at > '2026-02-01';
create function stamp() returns trigger language plpgsql as 'begin return new; end';
create trigger stamped before update on orders for each row execute function stamp();
create function tax(amount numeric) returns numeric language sql immutable as 'select amount * 0.19';
alter table products enable row level security;
create policy everybody on products for select to shop_reader using (true);
grant select on customers, orders to shop_reader; grant insert on orders to shop_writer;
insert into customers (email, full_name, country, points, joined_at, phone, referred_by)
  select 'c' || g || '@example.org', 'Customer ' || g, (array['de', 'fr', 'pl', 'es'])[1 + g % 4], g % 500,
    timestamptz '2026-03-01' - interval '100 days' * (1 - g / 3000.0), '+49' || g, null from generate_series(1, 3000) g;
insert into products (sku, title, price, category)
  select 'SKU-' || g, 'Product ' || g, 1 + g % 90 + 0.5, (array['books', 'toys', 'tools'])[1 + g % 3] from generate_series(1, 60) g;
insert into orders (customer_id, status, total, created_at, shipped_at, note)
  select 1 + g % 3000, (array['new', 'paid', 'shipped', 'done', 'returned'])[1 + g % 5], 5 + g % 200,
    timestamptz '2026-03-01' - interval '100 days' * (1 - g / 6000.0),
    timestamptz '2026-03-01' - interval '100 days' * (1 - g / 6000.0) + interval '5 hours', 'as usual'
  from generate_series(1, 6000) g;
insert into order_items (order_id, product_id, quantity, channel)
  select 1 + g % 6000, 1 + g % 60, 1 + g % 4, (array['web', 'app'])[1 + g % 2] from generate_series(1, 12000) g;
insert into visits select timestamptz '2026-03-01' - interval '100 days' * (1 - g / 5000.0), '/p/' || g % 60, g % 300 from generate_series(1, 5000) g;
insert into sessions select g, '2026-03-01' from generate_series(1, 200) g;
refresh materialized view sales;
select lo_from_bytea(0, 'kept outside of tables');
"""

DAY = """
insert into customers (email, full_name, country, points, joined_at, phone)
  select 'c' || {night} || '-' || g || '@example.org', 'Customer', (array['de', 'fr', 'pl', 'es'])[1 + g % 4], g * 7 % 500,
    {at} - interval '24 hours' * g / 30, case when g % 10 > 0 then '+49' end from generate_series(0, 29) g;
insert into orders (customer_id, status, total, created_at, shipped_at, note)
  select 1 + (g * 37 + {night}) % 1500 + (select min(id) from customers), (array['new', 'paid', 'shipped', 'done', 'returned'])[1 + g % 5],
    5 + (g * 13) % 200, {at} - interval '24 hours' * g / 60, {at} - interval '24 hours' * g / 60 + interval '5 hours', case when g % 9 > 0 then 'ok' end
  from generate_series(0, 59) g;
insert into order_items (order_id, product_id, quantity, channel)
  select o.id, 1 + o.id % 60, 1 + o.id % 4, (array['web', 'app'])[1 + o.id % 2] from orders o where o.created_at > {at} - interval '24 hours';
insert into visits select {at} - interval '24 hours' * g / 50, '/p/' || g, g * 5 % 300 from generate_series(0, 49) g;
update orders set status = 'done' where id % 20 = {night} % 20;
update customers set points = points + 3 where id % 30 = {night} % 30;
update products set price = price * 1.01 where id % 10 = {night} % 10;
delete from order_items where id % 997 = {night};
delete from visits where at < {at} - interval '120 days';
truncate sessions; insert into sessions select g, {at} from generate_series(1, 3 + {night} * 7 % 50) g;
refresh materialized view sales;
"""
"""What a day adds, changes and takes away. A Sunday has fewer orders, and nobody visits by night."""

PURGE = """
delete from order_items where order_id in (select id from orders where created_at < {at} - interval '80 days');
delete from orders where created_at < {at} - interval '80 days';
delete from visits where at < {at} - interval '80 days';
"""


def night(number: int) -> datetime:
    """The moment of the backup of a night; 0 is the first."""
    return BEGIN + timedelta(days=number)


def day(number: int, text: str = DAY) -> str:
    """SQL of the day before a night."""
    at = f"timestamptz '{night(number).isoformat()}'"
    return text.replace("{at}", at).replace("{night}", str(number))
