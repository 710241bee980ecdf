"""What the statistics of columns tell of damaged contents, and of ordinary nights of odd tables."""

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from restorecheck.checks.column_changes import carried, compare
from restorecheck.checks.column_statistics import merge, read, unpack
from restorecheck.checks.dialects.postgresql.column_statistics import statement
from restorecheck.checks.dialects.postgresql.fingerprint import SETTINGS
from restorecheck.postgres.scan import catalog
from tests import pg
from tests.missing import left_out
from tests.reading import connection_to, database

KEYS = """
select n.nspname || '.' || c.relname, (
  select array_agg(a.attname::text order by u.place) from unnest(i.indkey) with ordinality u(num, place)
    join pg_attribute a on a.attrelid = c.oid and a.attnum = u.num)
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
where i.indisprimary and n.nspname !~ '^pg_'
"""
PLACES = """
create extension hstore;
create type grade as enum ('new', 'good', 'worn', 'broken');
create type spot as (row int, seat text);
create table members (
  id int primary key, mail text not null, called text, secret text not null, phone text, remark text, born date,
  trusted boolean not null, joined timestamptz not null, changed_at timestamptz, profile jsonb not null, interests text[]
);
create table visits (
  id bigint primary key, member_id int not null, place grade not null, fee numeric(10, 2), ratio double precision not null,
  came timestamptz not null, went timestamptz, seat spot, extra hstore, stay text
);
create table words (text text, language char(2), weight double precision);
create table switches (name text primary key, on_for_all boolean not null);
insert into members select i, 'm' || i || '@host' || i % 7 || '.example',
  (array['Jörg', 'Ann', 'Zoë', 'Éric', 'Tom'])[1 + i % 5] || ' ' || substr(md5(i::text), 1, 4 + i % 9), md5('s' || i),
  case when i % 8 > 0 then '0' || 30000000 + i * 7919 end, case when i % 4 = 0 then '' else ' bemerkt am ' || i || repeat(' süß', i % 30) end,
  date '1950-01-01' + i * 11 % 18000, i % 3 = 0, timestamptz '2026-01-01' - (1200 - i) * interval '13 hours 7 minutes 0.123 seconds',
  timestamptz '2026-01-01' - i * interval '1 minute', jsonb_build_object('colour', md5(i::text), 'size', i, 'x', i % 2), array['a' || i % 9, 'b']
  from generate_series(1, 1200) i;
insert into visits select i, 1 + i * 7 % 1200, (array['new', 'good', 'worn', 'broken'])[1 + i % 4]::grade, (i * 37 % 9000) / 100.0 + 1, i / 7.0::float8,
  timestamptz '2026-01-01' - (9000 - i) * interval '1 hour 11 minutes 0.3 seconds',
  case when i % 6 > 0 then timestamptz '2026-01-01' - (9000 - i) * interval '1 hour 11 minutes' + interval '20 minutes' end,
  row(i % 30, 'B' || i % 11)::spot, hstore(array['lang', 'de', 'no', i::text]), 'room ' || i % 300 from generate_series(1, 9000) i;
insert into words select 'wörter und ' || i, 'de', i / 3.0 from generate_series(1, 800) i;
insert into switches select 'switch ' || i, i % 3 = 0 from generate_series(1, 20) i;
"""
DAY = """
insert into members select i, 'm' || i || '@host.example', 'Ann ' || i, md5('s' || i), '030', ' neu', date '1990-05-05', false, timestamptz '2026-01-02',
  null, jsonb_build_object('colour', 'c', 'size', i, 'x', 1), array['a', 'b'] from generate_series(1201, 1210) i;
insert into visits select i, 1 + i % 1210, 'new', i % 50 + 0.5, i / 7.0::float8, timestamptz '2026-01-01' + (i - 9000) * interval '9 minutes', null, row(1, 'B')::spot, '', 'room 1'
  from generate_series(9001, 9080) i;
update members set changed_at = timestamptz '2026-01-02', remark = 'anders' where id % 40 = 3;
update visits set went = came + interval '2 hours' where id > 8900 and id <= 9000 and went is null;
delete from members where id in (5, 77); delete from visits where id % 500 = 9; insert into words values ('Wort', 'de', 3.5);
"""


@pytest.fixture(scope="module")
def source():
    installation = min(pg.installations(), key=lambda i: i.major)
    with pg.running(installation, schema="select 1") as made:
        yield made


@contextmanager
def reading(source, name):
    with connection_to(source, name) as connection:
        for key, value in SETTINGS.items():
            connection.execute("select set_config(%s, %s, false)", [key, value])
        yield connection


def looked_at(source, name):
    """Table, or the partitioned one above it → statistics and rows."""
    parts = defaultdict(list)
    with reading(source, name) as connection:
        keys = {table: tuple(key) for table, key in connection.execute(KEYS).fetchall()}
        for table in catalog.tables(connection):
            ((rows,),) = connection.execute(
                f"select count(*) from only {table.quoted}".encode()
            ).fetchall()
            key = keys.get(table.full_name, ())
            text = statement(table, key=key, rows_estimate=rows)
            if text is not None:
                ((answer,),) = connection.execute(text.encode()).fetchall()
                parts[table.group].append((read(table, answer, key=key), rows))
    return {
        group: (merge(one for one, _ in found), sum(rows for _, rows in found))
        for group, found in parts.items()
    }


def kept(before, now):
    """As it comes out of the history."""
    return {
        group: (unpack(carried(before[group][0] if group in before else None, found).pack()), rows)
        for group, (found, rows) in now.items()
    }


def told(before, now):
    return {
        f"{group.partition('.')[2]}.{found.column}": found.words
        for group, (after, rows) in now.items()
        if group in before
        for found in compare(
            before[group][0],
            after,
            rows_before=before[group][1],
            rows_after=rows,
            table=group.partition(".")[2],
        )
    }


@pytest.fixture(scope="module")
def baseline(source):
    with database(source, "places", PLACES) as name:
        yield kept({}, looked_at(source, name))


@contextmanager
def tonight(source, sql):
    with database(source, "tonight", "") as name:
        source.sql(PLACES + DAY + sql, name)
        yield name


def test_an_ordinary_night_is_plausible(source, baseline):
    with tonight(source, "") as name:
        assert told(baseline, looked_at(source, name)) == {}


DAMAGES = {
    "mojibake": (
        "update members set called = convert_from(convert_to(called, 'UTF8'), 'LATIN1')",
        "members.called",
        "broken",
    ),
    "mojibake without a key": (
        "update words set text = convert_from(convert_to(text, 'UTF8'), 'LATIN1')",
        "words.text",
        "broken",
    ),
    "U+FFFD": (
        "update members set called = replace(called, 'ö', U&'\\FFFD')",
        "members.called",
        "broken",
    ),
    "? for umlauts": (
        "update members set called = translate(called, 'öëÉ', '???')",
        "members.called",
        "non-ASCII",
    ),
    "no umlauts": (
        "update members set called = translate(called, 'öëÉ', 'oeE')",
        "members.called",
        "non-ASCII",
    ),
    "masked addresses": (
        "update members set mail = 'user' || id || '@example.invalid'",
        "members.mail",
        "changed values",
    ),
    "masked telephone numbers": (
        "update members set phone = '***' where phone is not null",
        "members.phone",
        "different values",
    ),
    "one hash of all passwords": (
        "update members set secret = md5('x')",
        "members.secret",
        "different values: 1200 before, 1 now",
    ),
    "NULL in the newest rows": (
        "update members set phone = null where id > 1120",
        "members.phone",
        "newest",
    ),
    "NULL for ''": ("update members set remark = nullif(remark, '')", "members.remark", "empty"),
    "'' for NULL": ("update members set phone = coalesce(phone, '')", "members.phone", "empty"),
    "trimmed": ("update members set remark = btrim(remark)", "members.remark", "space"),
    "cut": ("update members set remark = left(remark, 40)", "members.remark", "longest"),
    "a key of documents lost": (
        "update members set profile = profile - 'size'",
        "members.profile",
        "keys",
    ),
    "lists emptied": (
        "update members set interests = '{}'",
        "members.interests",
        "elements of an array",
    ),
    "a field lost": ("update visits set seat.seat = null", "visits.seat", "bytes"),
    "rows doubled": (
        "insert into visits select id + 100000, member_id, place, fee, ratio, came, went, seat, extra, stay from visits",
        "visits.came",
        "as old as",
    ),
    "members doubled": (
        "insert into members select id + 5000, mail, called, secret, phone, remark, born, trusted, joined, changed_at, profile, interests from members",
        "members.mail",
        "different values per row",
    ),
    "rounded amounts": ("update visits set fee = round(fee)", "visits.fee", "whole"),
    "rounded floats": (
        "update visits set ratio = round(ratio::numeric, 1)",
        "visits.ratio",
        "decimal",
    ),
    "rounded floats without a key": (
        "update words set weight = round(weight)",
        "words.weight",
        "whole",
    ),
    "single precision": ("update visits set ratio = ratio::float4", "visits.ratio", "single"),
    "negative amounts": ("update visits set fee = -fee", "visits.fee", "negative numbers"),
    "a tenth of nothing": ("update visits set fee = 0 where id % 10 = 4", "visits.fee", "zeros"),
    "all to one": ("update visits set member_id = 3", "visits.member_id", "different values"),
    "references moved by one": (
        "update visits set member_id = member_id + 1",
        "visits.member_id",
        "changed values",
    ),
    "one label of an enum": ("update visits set place = 'new'", "visits.place", "different values"),
    "flipped": ("update members set trusted = not trusted", "members.trusted", "true"),
    "flipped in a small table": (
        "update switches set on_for_all = not on_for_all",
        "switches.on_for_all",
        "true",
    ),
    "an hour later": (
        "update visits set came = came + interval '1 hour'",
        "visits.came",
        "1 hours later",
    ),
    "an hour earlier, whatever the name": (
        "update members set changed_at = changed_at - interval '1 hour'",
        "members.changed_at",
        "1 hours earlier",
    ),
    "month and day swapped": (
        "update members set born = make_date(extract(year from born)::int, extract(day from born)::int, extract(month from born)::int) where extract(day from born) <= 12",
        "members.born",
        "changed values",
    ),
    "cut to the day": (
        "update visits set came = date_trunc('day', came)",
        "visits.came",
        "midnight",
    ),
    "cut to the second": (
        "update visits set came = date_trunc('second', came)",
        "visits.came",
        "whole seconds",
    ),
    "1970": ("update visits set came = 'epoch' where id % 10 = 4", "visits.came", "1970"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_is_told_of_its_column(source, baseline, damage):
    sql, column, words = DAMAGES[damage]
    with tonight(source, sql) as name:
        found = told(baseline, looked_at(source, name))
    assert words in found.get(column, ""), found
    assert {key.partition(".")[0] for key in found} == {column.partition(".")[0]}


@dataclass(frozen=True)
class Odd:
    first: str
    each: str
    """Before each later night; {n} is its number."""
    once: str = ""
    """Before the fourth night."""


ODD = {
    "an ordinary growth": Odd(
        PLACES,
        "insert into words select 'wörter {n}' || i, 'de', i / 3.0 from generate_series(1, 80) i",
    ),
    "a purge of three tenths": Odd(
        PLACES,
        "delete from visits where id <= {n} * 10",
        "delete from visits where id <= 2700; delete from members where id <= 360",
    ),
    "a cache that is filled anew": Odd(
        "create table pages (url text primary key, body text, made timestamptz); insert into pages select 'u' || i, repeat('é?', i), timestamptz '2026-01-01' from generate_series(1, 300) i",
        "update pages set body = md5(url || {n}) || ' ä', made = timestamptz '2026-01-0{n}'",
    ),
    "a list of the week": Odd(
        "create table top (place int primary key, player text, points int); insert into top select i, 'p' || i, 1000 - i from generate_series(1, 200) i",
        "update top set points = points + 1",
        "update top set player = md5(place || 'x'), points = place % 7",
    ),
    "points reset": Odd(
        "create table players (id int primary key, name text, points_this_week int, voted boolean); insert into players select i, 'p' || i, i, i % 2 = 0 from generate_series(1, 900) i",
        "update players set points_this_week = points_this_week + 3 where id % 2 = 0",
        "update players set points_this_week = 0",
    ),
    "every row counts": Odd(
        "create table shares (id int primary key, value numeric, load double precision, seen int, synced_at timestamptz); insert into shares select i, i / 3.0, i / 7.0, i, now() from generate_series(1, 500) i",
        "update shares set value = value * 1.01, load = load * 1.3, seen = seen + 5, synced_at = now()",
    ),
    "a new column is filled": Odd(
        PLACES + "alter table members add nick text; ",
        "update members set nick = 'n' || id where id % 4 < {n} - 1; update members set nick = 'm' where id % 100 = 0",
    ),
    "people are forgotten": Odd(
        PLACES,
        "update members set called = 'forgotten', phone = null, remark = null, mail = 'gone' || id where id % 50 = {n}",
    ),
    "a table is loaded every night": Odd(
        "create table rates (code text, day date, rate numeric, primary key (code, day)); insert into rates select 'C' || i, date '2026-01-01', i / 7.0 from generate_series(1, 300) i",
        "truncate rates; insert into rates select 'C' || i, date '2026-01-01' + {n}, i / 7.0 + {n} from generate_series(1, 300 + {n}) i",
    ),
    "a queue": Odd(
        "create table mails (id bigserial primary key, body text, state text, done_at timestamptz); insert into mails (body, state) select 'größer ' || i, 'new' from generate_series(1, 400) i",
        "delete from mails where id % 3 > 0; update mails set state = 'done', done_at = now(); insert into mails (body, state) select 'hello ' || i || repeat('x', {n}), 'new' from generate_series(1, 100 * {n}) i",
    ),
    "logs without a key": Odd(
        "create table lines (at timestamptz, level text, line text); insert into lines select now() - i * interval '1 minute', 'info', 'request für ' || i from generate_series(1, 600) i",
        "delete from lines where ctid in (select ctid from lines limit 200); insert into lines select now(), 'error', 'Traceback ' || repeat('z', i % 60) from generate_series(1, 300) i",
    ),
    "prices are raised": Odd(
        PLACES,
        "update visits set stay = 'room ' || {n} where id % 9 = {n}",
        "update visits set fee = round(fee * 1.07, 2)",
    ),
    "everything is read, delivered, synced": Odd(
        "create table notes (id int primary key, said text, acknowledged_at timestamptz, synced_at timestamptz, status text); insert into notes select i, 's' || i, case when i % 9 = 0 then now() end, now() - i * interval '1 hour', 'open' from generate_series(1, 500) i",
        "update notes set synced_at = now() where id % 2 = 0",
        "update notes set acknowledged_at = now(), status = case when id % 2 = 0 then 'seen' else 'closed' end where acknowledged_at is null",
    ),
    "an import of half as many again": Odd(
        PLACES,
        "",
        "insert into visits select i, 1 + i % 1200, 'good', i % 90 + 0.25, i / 3.0, timestamptz '2026-01-03' + i * interval '1 second', null, null, null, 'imported' from generate_series(20001, 26000) i",
    ),
    "days as partitions": Odd(
        "create table log (id bigint, at timestamptz, what text, primary key (id, at)) partition by range (at); create table log_1 partition of log for values from ('2026-01-01') to ('2026-01-02');"
        " insert into log select i, timestamptz '2026-01-01' + i * interval '1 minute', 'wörtlich ' || i from generate_series(1, 900) i",
        "create table log_{n} partition of log for values from ('2026-01-0{n}') to (timestamptz '2026-01-0{n}' + interval '1 day');"
        " insert into log select {n} * 1000 + i, timestamptz '2026-01-0{n}' + i * interval '1 minute', 'wörtlich ' || i from generate_series(1, 900) i",
        "drop table log_1",
    ),
    "one-time keys": Odd(
        "create table nonces_used (token uuid primary key, member int, expires timestamptz); insert into nonces_used select md5(i::text)::uuid, i, now() from generate_series(1, 300) i",
        "delete from nonces_used; insert into nonces_used select md5({n} || '.' || i)::uuid, 1, now() from generate_series(1, 200) i",
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_database_is_plausible_every_night(source, odd):
    animal = ODD[odd]
    with database(source, "odd", animal.first) as name:
        before = kept({}, looked_at(source, name))
        for night in range(2, 7):
            sql = f"{animal.each};{animal.once if night == 4 else ''}"
            source.sql(sql.replace("{n}", str(night)), name)
            now = looked_at(source, name)
            assert told(before, now) == {}, f"night {night}"
            before = kept(before, now)


ODD_TYPES = """
create type mood as enum ('fine', 'bad'); create type pair as (x int, y text); create domain moody as mood; create domain many as int[]; create domain price as numeric(10, 2);
create function refuse(mood) returns text language plpgsql as $$begin raise exception 'a cast of a user was called'; end$$;
create function refuse(pair) returns text language plpgsql as $$begin raise exception 'a cast of a user was called'; end$$;
create function refuse(mood[]) returns text language plpgsql as $$begin raise exception 'a cast of a user was called'; end$$;
create cast (mood as text) with function refuse(mood) as implicit; create cast (pair as text) with function refuse(pair) as implicit;
create cast (mood[] as text) with function refuse(mood[]) as implicit;
create table t (
  t int8 primary key, k mood, r0 moody, s pair, p mood[], v many, n price, "a ""b" point, at json, g xml, b bit(3), one tsvector, e int4range, f interval, h money, i timetz, j "char",
  l oid, m name, o bytea, q varchar(9) collate "C", u char(4), w float4, x date, y timestamp, z int2vector, aa tsquery, bb lseg, cc jsonb, dd inet
);
insert into t select i * 1000003 - 9000000, 'fine', 'bad', row(i, null)::pair, array['bad']::mood[], array[1, i], 'NaN', point(i, 1), '{}', null, b'101', 'a b', int4range(i, 900), '1 day', '1.5', '12:00+02', 'c',
  i, 'n', '\\x00', 'é', 'u', 'infinity', 'infinity', '-infinity', '1 2', 'a', '[(0,0),(1,1)]', 'null', '10.0.0.1' from generate_series(1, 500) i;
insert into t (t) values (-9223372036854775808), (9223372036854775807);
create table compound (a int, b mood, c timestamptz, v text, primary key (a, b)); insert into compound select i, 'bad', 'infinity', 'v' || i from generate_series(1, 300) i;
create materialized view seen as select * from compound; create table nothing (); create table huge (a numeric, b text); insert into huge select 10::numeric ^ 5000, repeat('ü', 300000) from generate_series(1, 40);
"""


@pytest.mark.parametrize("major", [15, 17, 18])
def test_no_type_stands_in_the_way_and_no_cast_of_a_user_is_called(major):
    installation = next((i for i in pg.installations() if i.major == major), None)
    if installation is None:
        left_out(f"no PostgreSQL {major} here")
    with (
        pg.running(installation, schema="select 1") as made,
        database(made, "types", ODD_TYPES) as name,
    ):
        before = kept({}, looked_at(made, name))
        now = looked_at(made, name)
        made.sql(
            "update t set s = row(9, 'x')::pair, p = '{fine}', k = 'bad' where s is not null or p is not null",
            name,
        )
        later = looked_at(made, name)

    assert set(now) >= {"public.t", "public.compound", "public.seen", "public.huge"}
    assert told(before, now) == {}
    assert {"t.s", "t.p"} <= set(told(before, later))
