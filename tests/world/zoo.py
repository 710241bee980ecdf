"""Healthy, odd databases, and five ordinary nights of each: what a false alarm is measured with.

An animal is its first night and what moves it on: `each` is run before every later night, `nights`
before one of them. In all SQL `{n}` is the number of the night, `{day}` its date as 20261120, `{date}` as
2026-11-20, `{now}` its moment as a literal, `{year}` and `{month}` as 2026 and 202611; `{day-3}` is three
days earlier. The database is read as a drill would read the restored one: what the backup leaves out
is taken away by `each`. `--;` ends a transaction. `python -m tests.world.zoo [name]` prints what falls short.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from restorecheck.hosts.clock import SystemClock
from restorecheck.model import CheckOutcome, CheckResult, Severity
from tests import pg, places
from tests.reading import ask, database

NIGHTS = 5
FIRST = SystemClock().now().replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=7)
WORD = re.compile(r"\{(n|day|date|now|year|month)([+-]\d+)?\}")
BAD = {CheckOutcome.FAILED, CheckOutcome.ERROR}


@dataclass(frozen=True, kw_only=True)
class Animal:
    name: str
    first: str
    each: str = ""
    nights: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alarm:
    night: int
    result: CheckResult

    @property
    def fails(self) -> bool:
        return self.result.severity is Severity.REQUIRED

    def __str__(self) -> str:
        r = self.result
        what = "FALSE FAILED" if self.fails else "warning"
        return (
            f"night {self.night} {what} {r.kind} {r.outcome.value}: {(r.detail or r.found)[:160]}"
        )


def moment(night: int) -> datetime:
    return FIRST + timedelta(days=night)


def spelled(text: str, night: int) -> str:
    def word(found: re.Match[str]) -> str:
        name, offset = found[1], int(found[2] or 0)
        day = moment(night + offset)
        match name:
            case "n":
                return str(night + offset)
            case "day":
                return f"{day:%Y%m%d}"
            case "date":
                return f"{day:%Y-%m-%d}"
            case "now":
                return f"timestamptz '{day.isoformat()}'"
            case "year":
                return str(moment(night).year + offset)
            case _:
                return f"{moment(night):%Y%m}"

    return WORD.sub(word, text)


def lives(source, animal: Animal) -> Iterator[Alarm]:
    """Five nights; a night that is not verified is no baseline."""
    baseline = None
    name = "zoo_" + re.sub(r"\W+", "_", animal.name)[:50]
    with database(source, name, ""):
        for night in range(1, NIGHTS + 1):
            moved = f"{animal.each}\n{animal.nights.get(night, '')}" if night > 1 else animal.first
            for part in spelled(moved, night).split("--;"):
                source.sql(part, name)
            results, readings = ask(
                source, name, before=baseline, physical=False, taken_at=moment(night)
            )
            alarms = [Alarm(night, r) for r in results.values() if r.outcome in BAD]
            yield from alarms
            if not any(alarm.fails for alarm in alarms):
                baseline = readings


def short_of(alarms: list[Alarm]) -> list[Alarm]:
    """Those that somebody would stop reading for: every failure, and warnings beyond the first."""
    return [a for a in alarms if a.fails] + [a for a in alarms if not a.fails][1:]


SHOP = """
create table customers (id int primary key, name text not null, created_at timestamptz not null);
create table orders (id int primary key, customer_id int not null references customers, total numeric(10,2),
  created_at timestamptz not null);
insert into customers select i, 'customer ' || i, {now} - i * interval '1 hour' from generate_series(1, 300) i;
insert into orders select i, 1 + i % 300, i * 1.5, {now} - i * interval '10 minutes' from generate_series(1, 900) i;
"""
"""What most databases have besides the odd thing."""
GROWS = """
insert into orders select {n} * 10000 + i, 1 + i % 300, i, {now} - i * interval '10 minutes' from generate_series(1, 50) i;
"""


def beside(name: str, first: str, each: str = "", **nights: str) -> Animal:
    """The odd thing in an ordinary shop; `on3` is what is run before the third night."""
    return Animal(
        name=name,
        first=SHOP + first,
        each=GROWS + each,
        nights={int(key.removeprefix("on")): sql for key, sql in nights.items()},
    )


def alone(name: str, first: str, each: str = "", **nights: str) -> Animal:
    return Animal(
        name=name,
        first=first,
        each=each,
        nights={int(key.removeprefix("on")): sql for key, sql in nights.items()},
    )


def rows(table: str, count: int, values: str = "'v' || i") -> str:
    return f"insert into {table} select {values} from generate_series(1, {count}) i;\n"


LOG = "create table log_{day%s} (at timestamptz not null, line text);\n" + rows(
    "log_{day%s}", 400, "{now%s} - i * interval '1 minute', 'line ' || i"
)


def log(offset: int) -> str:
    return LOG.replace("%s", f"{offset:+d}")


def chunk(number: str, day: str = "") -> str:
    return (
        f"create table chunks.hyper_1_{number}_chunk (check (at >= {{now{day}}} - interval '1 day' and at < {{now{day}}}))"
        f" inherits (metrics);\n"
        f"create index hyper_1_{number}_chunk_at_idx on chunks.hyper_1_{number}_chunk (at desc);\n"
        + rows(
            f"chunks.hyper_1_{number}_chunk",
            300,
            f"{{now{day}}} - i * interval '4 minutes', i % 7, random()",
        )
    )


def partition(table: str, day: str) -> str:
    return (
        f"create table {table}_p{{day{day}}} partition of {table} for values"
        f" from (timestamptz '{{date{day}}} 00:00+00') to (timestamptz '{{date{day}}} 00:00+00' + interval '1 day');\n"
        + rows(f"{table}_p{{day{day}}}", 300, f"{{now{day}}} - i * interval '20 seconds', 'e' || i")
    )


def tenant(name: str, count: int = 300) -> str:
    return (
        f"create schema {name};\n"
        f"create table {name}.users (id int primary key, email text not null);\n"
        f"create table {name}.notes (id int primary key, user_id int references {name}.users, body text, created_at timestamptz);\n"
        + rows(f"{name}.users", count, "i, 'u' || i || '@example.org'")
        + rows(
            f"{name}.notes", count, f"i, 1 + i % {count}, 'note', {{now}} - i * interval '1 minute'"
        )
    )


MORE_NOTES = (
    "; ".join(
        f"insert into {t}.notes select {{n}} * 1000 + i, 1, 'n', {{now}} from generate_series(1, 5) i"
        for t in ("acme", "bolt")
    )
    + ";"
)

ANIMALS = (
    beside(
        "daily log tables rotate",
        log(-3) + log(-2) + log(-1) + log(0),
        log(0) + "drop table log_{day-4};",
    ),
    beside("one daily table at a time", log(0), log(0) + "drop table log_{day-1};"),
    beside(
        "weekday tables are truncated",
        "".join(
            f"create table visits_{d} (at timestamptz, page text);\n"
            + rows(f"visits_{d}", 200, "{now}, 'p'")
            for d in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        ),
        on2="truncate visits_mon;" + rows("visits_mon", 3, "{now}, 'p'"),
        on3="truncate visits_tue;",
        on4="truncate visits_wed;" + rows("visits_tue", 180, "{now}, 'p'"),
        on5="truncate visits_thu;" + rows("visits_wed", 170, "{now}, 'p'"),
    ),
    alone(
        "chunks that inherit",
        "create schema chunks; create table metrics (at timestamptz not null, device int, value float8);\n"
        "create table devices (id int primary key, name text);"
        + rows("devices", 7, "i, 'd'")
        + chunk("1", "-2")
        + chunk("2", "-1")
        + chunk("3"),
        chunk("{n+2}") + "drop table chunks.hyper_1_{n-1}_chunk;",
    ),
    beside(
        "a migration drops a table",
        "create table legacy_prices (id int primary key, price numeric);"
        + rows("legacy_prices", 400, "i, i"),
        on3="drop table legacy_prices;",
    ),
    beside(
        "a migration drops two tables that point to each other",
        "create table old_groups (id int primary key, name text);"
        "create table old_members (group_id int references old_groups, name text);"
        + rows("old_groups", 150, "i, 'g'")
        + rows("old_members", 450, "1 + i % 150, 'm'"),
        on3="drop table old_members; drop table old_groups;",
    ),
    beside(
        "a migration drops a table and the column that points to it",
        "create table regions (id int primary key, name text);"
        + rows("regions", 120, "i, 'r'")
        + "alter table customers add region_id int references regions; update customers set region_id = 1 + id % 120;",
        on3="alter table customers drop region_id; drop table regions;",
    ),
    beside(
        "a migration renames a table",
        "create table people (id int primary key, name text, born date);"
        + rows("people", 500, "i, 'p', date '1980-01-01' + i"),
        on3="alter table people rename to persons;",
    ),
    beside(
        "a migration renames a table that others point to",
        "create table teams (id int primary key, name text);"
        "create table players (id int primary key, team_id int references teams);"
        + rows("teams", 130, "i, 't'")
        + rows("players", 600, "i, 1 + i % 130"),
        on3="alter table teams rename to clubs; alter table players rename team_id to club_id;",
    ),
    beside(
        "a migration moves tables into a schema",
        "create table invoices (id int primary key, at timestamptz); create table payments (id int primary key, invoice_id int references invoices);"
        + rows("invoices", 400, "i, {now}")
        + rows("payments", 300, "i, i"),
        on4="create schema billing; alter table invoices set schema billing; alter table payments set schema billing;",
    ),
    beside(
        "dumped between truncate and reload",
        "create table exchange_rates (code text, day date, rate numeric);"
        + rows("exchange_rates", 500, "'E' || i, date '{date}', i"),
        on3="truncate exchange_rates;",
        on4=rows("exchange_rates", 520, "'E' || i, date '{date}', i"),
    ),
    beside(
        "a job queue",
        "create table jobs (id bigserial primary key, payload jsonb, run_at timestamptz);"
        + rows("jobs (payload, run_at)", 600, "'{}', {now} + i * interval '1 minute'"),
        on2="delete from jobs;",
        on3=rows("jobs (payload, run_at)", 900, "'{}', {now}"),
        on4="delete from jobs where id % 9 > 0;",
        on5="delete from jobs;",
    ),
    beside(
        "a queue by another name",
        "create table mails_to_send (id bigserial primary key, body text, queued_at timestamptz);"
        + rows("mails_to_send (body, queued_at)", 300, "'hi', {now} - i * interval '1 minute'"),
        on2="delete from mails_to_send;",
        on3=rows("mails_to_send (body, queued_at)", 200, "'hi', {now}"),
        on4="delete from mails_to_send;",
        on5=rows("mails_to_send (body, queued_at)", 10, "'hi', {now}"),
    ),
    beside(
        "a cache",
        "create table page_cache (key text primary key, body text, expires_at timestamptz);"
        + rows("page_cache", 800, "'k' || i, 'x', {now} + i * interval '1 hour'"),
        "delete from page_cache where key < 'k5';",
        on3="truncate page_cache;",
        on4=rows("page_cache", 700, "'k' || i, 'x', {now} + i * interval '1 minute'"),
    ),
    beside(
        "one-time tokens",
        "create table login_tokens (token uuid primary key default gen_random_uuid(), customer_id int references customers, expires_at timestamptz);"
        + rows(
            "login_tokens (customer_id, expires_at)", 250, "1 + i % 300, {now} + interval '2 hours'"
        ),
        on2="delete from login_tokens;",
        on3=rows("login_tokens (customer_id, expires_at)", 150, "i, {now} + interval '1 hour'"),
        on4="delete from login_tokens;",
    ),
    beside(
        "sessions",
        "create table user_sessions (id uuid primary key default gen_random_uuid(), data jsonb, last_seen_at timestamptz);"
        + rows("user_sessions (data, last_seen_at)", 1500, "'{}', {now} - i * interval '1 minute'"),
        "delete from user_sessions where random() < 0.7;"
        + rows("user_sessions (data, last_seen_at)", 120, "'{}', {now}"),
        on4="truncate user_sessions;",
    ),
    beside(
        "an outbox",
        "create table outbox (id bigserial primary key, event jsonb not null, created_at timestamptz not null);"
        + rows("outbox (event, created_at)", 150, "'{}', {now}"),
        "delete from outbox;",
        on4=rows("outbox (event, created_at)", 260, "'{}', {now}"),
    ),
    alone(
        "a tenant leaves",
        "".join(map(tenant, ("acme", "bolt", "crane", "delta"))),
        MORE_NOTES,
        on3="drop schema delta cascade;",
        on4=tenant("echo", 20),
    ),
    alone(
        "a numbered tenant leaves",
        "".join(map(tenant, ("t1", "t2", "t3"))),
        "insert into t1.notes values ({n} * 1000, 1, 'n', {now});",
        on4="drop schema t2 cascade;",
    ),
    beside(
        "a weekly leaderboard",
        "create table weekly_points (player text primary key, points int);"
        + rows("weekly_points", 400, "'p' || i, i"),
        "update weekly_points set points = points + 1;",
        on4="delete from weekly_points;",
        on5=rows("weekly_points", 60, "'p' || i, 1"),
    ),
    beside(
        "rows of unlogged tables are left out from one night on",
        "create unlogged table counters_now (key text primary key, n int);"
        + rows("counters_now", 500, "'k' || i, i"),
        on3="truncate counters_now;",
    ),
    beside(
        "staging tables",
        "create schema etl; create table staging_orders (raw text); create table etl.stg_a (raw text);"
        + rows("staging_orders", 600)
        + rows("etl.stg_a", 300),
        on2="truncate staging_orders; drop table etl.stg_a;",
        on3="create table etl.stg_a (raw text);"
        + rows("etl.stg_a", 400)
        + rows("staging_orders", 100),
        on4="truncate staging_orders; drop table etl.stg_a;",
    ),
    alone(
        "daily partitions",
        "create table events (at timestamptz not null, what text) partition by range (at);"
        "create index on events (at);"
        + partition("events", "-2")
        + partition("events", "-1")
        + partition("events", "+0"),
        partition("events", "+0") + "drop table events_p{day-3};",
    ),
    alone(
        "sub-partitions",
        "create table m (at timestamptz not null, region int not null, v int) partition by list (region);"
        "create table m_1 partition of m for values in (1) partition by range (at);"
        "create table m_2 partition of m for values in (2) partition by range (at);"
        "create table m_1_{day} partition of m_1 for values from ('{date-1}') to ('{date+1}');"
        "create table m_2_{day} partition of m_2 for values from ('{date-1}') to ('{date+1}');"
        + rows("m", 600, "{now}, 1 + i % 2, i"),
        "create table m_1_{day} partition of m_1 for values from ('{date}'::date + 0) to ('{date}'::date + 1);"
        "create table m_2_{day} partition of m_2 for values from ('{date}'::date + 0) to ('{date}'::date + 1);".replace(
            "'{date}'::date + 0", "'{date} 03:00'"
        ).replace("'{date}'::date + 1", "'{date+1} 03:00'")
        + rows("m", 400, "{now} + interval '1 hour', 1 + i % 2, i"),
        on4="alter table m_1 detach partition m_1_{day-3}; drop table m_1_{day-3};",
    ),
    alone(
        "bookings with future dates",
        "create table rooms (id int primary key);"
        "create table bookings (id int primary key, room_id int references rooms, starts_on date, ends_on date, created_at timestamptz);"
        + rows("rooms", 30, "i")
        + rows(
            "bookings",
            400,
            "i, 1 + i % 30, date '{date}' + i, date '{date}' + i + 2, {now} - i * interval '1 hour'",
        ),
        "delete from bookings where id in (select id from bookings order by ends_on desc limit 3);"
        + rows("bookings", 2, "{n} * 1000 + i, i, date '{date}' + 5, date '{date}' + 6, {now}"),
    ),
    alone(
        "appointments",
        "create table slots (at timestamptz primary key, patient text, until timestamptz, reminder_at timestamptz);"
        + rows(
            "slots",
            500,
            "{now} + i * interval '1 hour' - interval '2 days', 'p', {now} + i * interval '1 hour', {now} + i * interval '50 minutes'",
        ),
        "delete from slots where at > {now} + interval '17 days' - {n} * interval '1 day';",
    ),
    beside(
        "archives with a date in the name",
        "create table orders_backup_{day-1} as select * from orders; create table orders_backup_{day} as select * from orders;",
        "create table orders_backup_{day} as select * from orders; drop table orders_backup_{day-2};",
    ),
    beside(
        "a table is replaced every night",
        "create table catalogue (id int primary key, title text not null); create index on catalogue (title);"
        + rows("catalogue", 500, "i, 't' || i"),
        "drop table catalogue; create table catalogue (id int primary key, title text not null); create index on catalogue (title);"
        + rows("catalogue", 480, "i * {n}, 't' || i"),
    ),
    beside(
        "a table is swapped for a new one every night",
        "create table prices (id int primary key, price numeric not null check (price > 0)); create index on prices (price);"
        + rows("prices", 500, "i, i"),
        "create table prices_new (like prices including all);"
        + rows("prices_new", 470, "i, i + {n}")
        + "drop table prices; alter table prices_new rename to prices;",
    ),
    beside(
        "materialized views",
        "create materialized view sales as select customer_id, sum(total) from orders group by 1;"
        "create table since (at timestamptz); insert into since values ({now-1});"
        "create materialized view late as select * from orders where created_at > (select at from since);",
        "refresh materialized view sales; refresh materialized view late;",
        on3="update since set at = {now+1}; refresh materialized view late;",
    ),
    alone(
        "numbers that begin anew every year",
        "create table invoices (year int, no int, at timestamptz, primary key (year, no)); create sequence invoices_no_seq owned by invoices.no;"
        "alter table invoices alter no set default nextval('invoices_no_seq');"
        + rows("invoices (year, at)", 400, "{year-1}, {now} - interval '300 days'")
        + "select setval('invoices_no_seq', 1, false);"
        + rows("invoices (year, at)", 150, "{year}, {now} - i * interval '1 minute'"),
        rows("invoices (year, at)", 10, "{year}, {now}"),
    ),
    alone(
        "a sequence that begins again",
        "create sequence slot maxvalue 100 cycle; create table rings (id bigserial primary key, slot int default nextval('slot'));"
        + rows("rings (id)", 250, "i")
        + "select setval('rings_id_seq', 250);",
        "insert into rings select from generate_series(1, 30);",
    ),
    alone(
        "sequences with a cache, identity columns, numbers that go down",
        "create sequence cached cache 50; create table a (id bigint primary key default nextval('cached'), v text); alter sequence cached owned by a.id;"
        "create table b (id int generated always as identity primary key, v text);"
        "create table c (id int generated by default as identity (start with -1 increment by -1) primary key, v text);"
        + "".join(rows(f"{t} (v)", 300) for t in "abc"),
        "".join(rows(f"{t} (v)", 20) for t in "abc"),
    ),
    alone(
        "keys of citext, ltree and hstore",
        "create extension citext; create extension ltree; create extension hstore;"
        "create table users (email citext primary key, path ltree, tags hstore); create unique index on users (path);"
        "create table logins (email citext references users, path ltree references users (path), at timestamptz);"
        + rows(
            "users",
            300,
            "'User' || i || '@Example.org', ('top.n' || i)::ltree, hstore('k', i::text)",
        )
        + rows(
            "logins",
            600,
            "upper('user' || 1 + i % 300 || '@example.ORG'), ('top.n' || 1 + i % 300)::ltree, {now}",
        ),
        rows("logins", 50, "lower('USER' || i || '@example.ORG'), ('top.n' || i)::ltree, {now}"),
    ),
    alone(
        "domains and checks that are not valid yet",
        "create domain euro as numeric(10,2) check (value >= 0); create domain mail as text not null check (value ~ '@');"
        "create table bills (id int primary key, amount euro, to_mail mail, note text);"
        + rows("bills", 300, "i, i, 'a@b', case when i % 2 = 0 then 'x' end")
        + "alter table bills add constraint noted check (note is not null) not valid;"
        "create table lines (bill_id int, amount euro);"
        + rows("lines", 400, "i, i")
        + "alter table lines add constraint to_bill foreign key (bill_id) references bills not valid;",
        rows("bills", 10, "{n} * 1000 + i, i, 'a@b', 'x'"),
    ),
    alone(
        "columns that are computed",
        "create table boxes (id int primary key, w int, h int, area int generated always as (w * h) stored, name text, search tsvector generated always as (to_tsvector('simple', name)) stored);"
        + rows("boxes (id, w, h, name)", 400, "i, i, 2, 'box ' || i"),
        "update boxes set w = w + 1;" + rows("boxes (id, w, h)", 5, "{n} * 1000 + i, 1, 1"),
    ),
    alone(
        "row security",
        "do $$begin create role zoo_app; exception when duplicate_object then null; end$$;"
        "create table docs (id int primary key, owner text default current_user, body text, updated_at timestamptz);"
        "alter table docs enable row level security; alter table docs force row level security;"
        "create policy own on docs using (owner = current_user); grant select, insert on docs to zoo_app;"
        + rows("docs", 400, "i, 'zoo_app', 'b', {now} - i * interval '1 minute'"),
        "update docs set body = 'n{n}', updated_at = {now} where id % 5 = 0;",
    ),
    beside(
        "large objects",
        "create table files (id int primary key, content oid, at timestamptz);"
        + rows("files", 20, "i, lo_from_bytea(0, 'hello'), {now} - i * interval '1 hour'"),
        rows("files", 3, "{n} * 100 + i, lo_from_bytea(0, 'more'), {now}")
        + "select lo_unlink(content) from files where id = {n}; delete from files where id = {n};",
    ),
    beside(
        "an audit table by trigger",
        "create table audit (id bigserial primary key, at timestamptz not null, what jsonb);"
        "create function note() returns trigger language plpgsql as $f$ begin insert into public.audit (at, what) values (now(), to_jsonb(new)); return new; end $f$;"
        "create trigger noted after insert or update on customers for each row execute function note();"
        + rows("audit (at, what)", 500, "{now} - i * interval '1 minute', '{}'"),
        "update customers set name = name || '.' where id % 10 = 0;",
    ),
    alone(
        "soft deletes",
        "create table posts (id int primary key, body text, created_at timestamptz, deleted_at timestamptz);"
        + rows("posts", 500, "i, 'b', {now} - i * interval '1 hour', null"),
        "update posts set deleted_at = {now} where id % 7 = {n}; update posts set deleted_at = null where id % 7 = {n-1};"
        + rows("posts", 10, "{n} * 1000 + i, 'b', {now}"),
    ),
    alone(
        "five in a hundred are forgotten",
        "create table persons (id int primary key, email text, born date, created_at timestamptz); create table consents (person_id int references persons on delete cascade, at timestamptz);"
        + rows("persons", 600, "i, 'p' || i, date '1990-01-01' + i, {now} - i * interval '1 hour'")
        + rows("consents", 600, "i, {now} - i * interval '1 hour'"),
        "delete from persons where id % 20 = {n};"
        + rows("persons", 5, "{n} * 1000 + i, 'p', date '1985-05-05', {now}"),
    ),
    alone(
        "old rows are purged once a month",
        "create table readings (at timestamptz, v float8); create table sensors (id int primary key, name text);"
        + rows("sensors", 150, "i, 's'")
        + rows("readings", 3000, "{now} - i * interval '20 minutes', i"),
        rows("readings", 72, "{now} - i * interval '20 minutes', i"),
        on3="delete from readings where at < {now} - interval '12 days';",
    ),
    alone(
        "event sourcing",
        "create table stream (id uuid primary key, kind text); create table event (stream_id uuid references stream, version int, type text, body jsonb, at timestamptz, primary key (stream_id, version));"
        "create table snapshots (stream_id uuid primary key, version int, body jsonb); create table projection_orders (id uuid primary key, state text);"
        + rows("stream", 100, "md5(i::text)::uuid, 'order'")
        + rows("event", 700, "md5((1 + i % 100)::text)::uuid, i, 'placed', '{}', {now}")
        + rows("snapshots", 100, "md5(i::text)::uuid, 1, '{}'")
        + rows("projection_orders", 200, "md5(i::text)::uuid, 'new'"),
        rows("event", 50, "md5(i::text)::uuid, {n} * 1000, 'changed', '{}', {now}"),
        on3="truncate projection_orders;",
        on4=rows("projection_orders", 205, "md5(i::text)::uuid, 'new'"),
    ),
    alone(
        "entity, attribute, value",
        "create table entity (id int primary key); create table value (entity_id int references entity, attribute text, value text, primary key (entity_id, attribute));"
        + rows("entity", 200, "i")
        + rows("value", 1000, "1 + i % 200, 'a' || i / 200, 'v'"),
        "update value set value = value || '{n}' where attribute = 'a1'; delete from value where attribute = 'a2' and entity_id % 5 = {n};",
    ),
    alone(
        "tables of one to fifty rows",
        "".join(
            f"create table small_{c} (id int, at timestamptz);"
            + rows(f"small_{c}", k, "i, {now} - i * interval '1 minute'")
            for c, k in zip("abcdef", (1, 5, 12, 25, 40, 50), strict=True)
        ),
        "truncate small_a; delete from small_b; delete from small_c where id % 2 = 0; delete from small_e where id > 8 * {n};"
        + rows("small_a", 1, "{n}, {now}"),
    ),
    alone(
        "every row changes every night",
        "create table accounts (id int primary key, balance numeric, hits bigint, updated_at timestamptz);"
        + rows("accounts", 500, "i, 100, 0, {now}"),
        "update accounts set balance = balance * (0.5 + random()::numeric), hits = hits + {n}, updated_at = {now} - id * interval '1 second';",
    ),
    alone(
        "only jsonb",
        "create table documents (body jsonb);"
        + rows("documents", 600, "jsonb_build_object('i', i)"),
        "update documents set body = body || '{\"seen\": {n}}' where (body->>'i')::int % 3 = 0;"
        + rows("documents", 30, "jsonb_build_object('i', {n} * 1000 + i)"),
    ),
    beside(
        "tables that are empty",
        "".join(f"create table planned_{c} (id int primary key, name text);" for c in "abcde"),
        on4=rows("planned_a", 2, "i, 'n'"),
    ),
    alone(
        "tables without keys",
        "create table lines (text text); create table twice (a int, b int);"
        + rows("lines", 400, "'same'")
        + rows("twice", 400, "i % 3, 1"),
        rows("lines", 40, "'same'")
        + "delete from twice where ctid in (select ctid from twice limit 3);",
    ),
    alone(
        "fifteen hundred small tables",
        "do $$begin for i in 1..1500 loop execute format('create table t%s (id int, v text)', i);"
        "if i % 3 = 0 then execute format('insert into t%s values (1, ''v''), (2, ''w'')', i); end if;"
        "if i % 500 = 0 then commit; end if; end loop; end$$;--;\n"
        "create table main (id int primary key);" + rows("main", 500, "i"),
        "insert into t{n} values (9, 'x'); delete from t3; create table t150{n} (id int, v text);",
    ),
    beside(
        "feature flags and settings",
        "create table flags (name text primary key, enabled bool, share real, updated_at timestamptz);"
        + rows("flags", 130, "'f' || i, i % 2 = 0, 0, {now}"),
        "update flags set enabled = not enabled, updated_at = {now} where name like 'f{n}%';",
        on4="delete from flags where name like 'f1%';",
    ),
    alone(
        "places on a map without PostGIS",
        "create extension cube; create extension earthdistance cascade;"
        "create table places (id int primary key, at point, area polygon, box cube, path path); create index on places using gist (at);"
        + rows(
            "places",
            300,
            "i, point(i % 90, i % 180), polygon '((0,0),(1,1),(1,0))', cube(array[i, 1]), path '((0,0),(1,1))'",
        ),
        "update places set at = point(1, id) where id % 9 = {n};",
    ),
    alone(
        "forecasts",
        "create table forecast (run_at timestamptz, valid_at timestamptz, temperature real, primary key (run_at, valid_at));"
        + rows("forecast", 400, "{now}, {now} + i * interval '1 hour', 20"),
        "delete from forecast;"
        + rows(
            "forecast", 240, "{now}, {now} + i * interval '1 hour' - {n} * interval '30 hours', 20"
        ),
    ),
    alone(
        "rows in another order",
        "create table facts (id int primary key, v text); create index facts_v on facts (v);"
        + rows("facts", 800, "i, md5(i::text)"),
        on2="cluster facts using facts_v;",
        on3="vacuum full facts;",
        on4="create table f2 as select * from facts order by random(); truncate facts; insert into facts select * from f2; drop table f2;",
        on5="alter table facts alter v set storage external; alter table facts alter v set storage extended; reindex table facts;",
    ),
    alone(
        "a schema for each year",
        "".join(
            f"create schema y{{year{o}}}; create table y{{year{o}}}.trades (id int primary key, at timestamptz);"
            + rows(f"y{{year{o}}}.trades", 400, f"i, {{now}} - interval '{-int(o)} years'")
            for o in ("-2", "-1", "+0")
        ),
        rows("y{year}.trades", 30, "{n} * 1000 + i, {now}"),
        on3="drop schema y{year-2} cascade; create schema y{year+1}; create table y{year+1}.trades (id int primary key, at timestamptz);",
    ),
    beside(
        "a weekly import of parent and child",
        "create table import_batches (id int primary key, at timestamptz); create table import_rows (batch_id int references import_batches, raw text);"
        + rows("import_batches", 120, "i, {now}")
        + rows("import_rows", 600, "1 + i % 120, 'r'"),
        on3="truncate import_rows, import_batches;",
        on4=rows("import_batches", 110, "i, {now}") + rows("import_rows", 400, "1 + i % 110, 'r'"),
    ),
    beside(
        "carts and drafts",
        "create table carts (id int primary key, customer_id int, updated_at timestamptz); create table cart_items (cart_id int references carts on delete cascade, sku text);"
        + rows("carts", 400, "i, i, {now} - i * interval '1 minute'")
        + rows("cart_items", 800, "1 + i % 400, 's'"),
        "delete from carts where id % 3 = {n} % 3;" + rows("carts", 20, "{n} * 1000 + i, i, {now}"),
    ),
    beside(
        "a nightly job drops and makes a table, and the dump comes between",
        "create table top_sellers (id int primary key, sold int); create index on top_sellers (sold);"
        + rows("top_sellers", 200, "i, i"),
        on3="drop table top_sellers;",
        on4="create table top_sellers (id int primary key, sold int); create index on top_sellers (sold);"
        + rows("top_sellers", 190, "i, i"),
    ),
    alone(
        "sharded by number",
        "".join(
            f"create table shard_{i:02} (id int primary key, v text);"
            + rows(f"shard_{i:02}", 150, "i, 'v'")
            for i in range(6)
        ),
        on3="insert into shard_00 select id + 1000, v from shard_05; drop table shard_05;",
        on4="create table shard_06 (id int primary key, v text);" + rows("shard_06", 10, "i, 'v'"),
    ),
    beside(
        "notifications that are read and go",
        "create table notifications (id bigserial primary key, customer_id int references customers, text text, created_at timestamptz, read_at timestamptz);"
        + rows(
            "notifications (customer_id, text, created_at)",
            500,
            "1 + i % 300, 'hi', {now} - i * interval '1 minute'",
        ),
        "delete from notifications where id % 4 <> {n} % 4;",
        on4=rows("notifications (customer_id, text, created_at)", 300, "i, 'hi', {now}"),
    ),
    beside(
        "temporal and weekly partitions with a default",
        "create table hits (week int not null, page text) partition by list (week); create table hits_rest partition of hits default;"
        "create table hits_w40 partition of hits for values in (40); create table hits_w41 partition of hits for values in (41);"
        + rows("hits", 500, "40 + i % 2, 'p'"),
        "create table hits_w4{n} partition of hits for values in (4{n});".replace("4{n}", "5{n}")
        + rows("hits", 200, "50 + {n}, 'p'"),
        on4="drop table hits_w40;",
    ),
)


def main(wanted: str) -> None:
    places.settle()
    installation = min(pg.installations(), key=lambda i: i.major)
    failing = short = 0
    with pg.running(installation) as source:
        for animal in ANIMALS:
            if wanted not in animal.name:
                continue
            alarms = list(lives(source, animal))
            bad = short_of(alarms)
            failing += any(alarm.fails for alarm in bad)
            short += bool(bad)
            if alarms:
                print(f"{'SHORT' if bad else 'ok   '} {animal.name}")
                print(*(f"      {alarm}" for alarm in alarms), sep="\n", flush=True)
    print(f"{len(ANIMALS)} animals, {failing} with a false failure, {short} fall short")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
