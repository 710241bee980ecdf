"""The database that is damaged: small, with one of everything that can be hurt."""

SCHEMA = """
create extension citext; create extension hstore;
create role app_reader nologin; create role app_writer nologin createdb; grant app_reader to app_writer;
create table customers (
  id bigserial primary key, email text not null unique, name text not null, balance int not null,
  score int not null check (score between 0 and 100), joined_at timestamptz not null
);
insert into customers (email, name, balance, score, joined_at)
  select 'user' || g || '@example.org', 'customer ' || md5(g::text), g, g % 101, timestamptz '2026-02-01' - g * interval '1 hour'
  from generate_series(1, 12000) g;
create index customers_name on customers (name);
create table orders (
  id bigserial primary key, customer_id bigint not null references customers, body text not null, tags jsonb not null,
  at timestamptz not null
);
alter table orders alter body set storage external;
insert into orders (customer_id, body, tags, at)
  select 1 + g % 12000, case when g % 50 = 0 then repeat(md5(g::text), 400) else 'order ' || g end, jsonb_build_object('k', g),
    timestamptz '2026-02-20' - g * interval '1 minute' from generate_series(1, 4000) g;
create index orders_tags on orders using gin (tags);
create table settings (key citext primary key, value text not null);
insert into settings select 'key ' || g, 'value ' || g from generate_series(1, 200) g;
create unlogged table sessions (id int primary key, at timestamptz not null);
insert into sessions select g, timestamptz '2026-02-20' from generate_series(1, 500) g;
create materialized view totals as select customer_id, count(*) as n from orders group by 1;
create view recent as select * from orders where at > '2026-02-01';
create function touch() returns trigger language plpgsql as 'begin new.at = now(); return new; end';
create trigger touched before update on orders for each row execute function touch();
alter table settings enable row level security;
create policy everybody on settings for select to app_reader using (true);
grant select on customers, orders to app_reader;
grant insert on orders to app_writer;
select lo_from_bytea(0, 'kept outside of tables');
"""

MAINTENANCE = ("checkpoint", "vacuum (freeze, analyze)", "checkpoint")
"""The first writes the log to its end: without it no page is known to be visible to all (commits are asynchronous here)."""

FILES = {
    "customers": "customers",
    "customers key": "customers_pkey",
    "customers name": "customers_name",
    "orders": "orders",
    "orders toast": "",
    "orders tags": "orders_tags",
}
"""What is damaged by editing files, and whose file it is."""
