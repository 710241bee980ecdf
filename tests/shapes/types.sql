-- Types that are not everybody's: citext, ltree, ranges, arrays, domains, generated and identity columns, inheritance, exclusion, large objects.

-- name: schema
create function pg_temp.working(t timestamptz) returns timestamptz language sql as $w$
  select date_trunc('day', t) - interval '1 day' * greatest(0, extract(isodow from t) - 5) + interval '8 hours' + 0.4 * (t - date_trunc('day', t)) $w$;
create extension citext; create extension ltree; create extension btree_gist; create extension pg_trgm;
create type mood as enum ('sad', 'ok', 'happy'); create type point3 as (x int, y int, z int);
create domain email_address as citext check (value ~ '@'); create domain positive as numeric check (value > 0);
create table people (id uuid primary key, handle citext not null unique, contact email_address not null, mood mood, tags text[] not null default '{}', since date not null, home inet, at point, spot point3);
create table places (path ltree primary key, title text not null, area positive);
create index places_path on places using gist (path);
create table bookings (id int generated always as identity primary key, room int not null, during tstzrange not null, price positive not null, total numeric generated always as (price * 2) stored, exclude using gist (room with =, during with &&));
create table vehicles (id bigserial primary key, wheels int not null, built date not null, mileage bigint not null default 0);
create table trucks (payload int not null) inherits (vehicles); alter table trucks add primary key (id);
create table measurements (id int primary key, bits bit(8), flags varbit, amount money, doc xml, span interval, clock time, vector float8[], data bytea, quality numrange, "user" text, "order" int, "naïve größe" int);
create table pictures (id int primary key, image oid not null, taken timestamp not null);
create table tree (id int primary key, parent_id int references tree on delete cascade deferrable initially deferred, label text not null);
create function log_ddl() returns event_trigger language plpgsql as 'begin perform 1; end';
create event trigger logged on ddl_command_end execute function log_ddl();
create rule quiet as on insert to places where new.path is null do instead nothing;
insert into people select md5(g::text)::uuid, 'Handle' || g, 'p' || g || '@example.org', (enum_range(null::mood))[1 + g % 3], array['a', 'b'], {at}::date - g % 900, '192.0.2.1', point(g, g), row(g, 2, 3)::point3 from generate_series(1, 1500) g;
insert into places select ('top.n' || g % 20 || '.m' || g)::ltree, 'Place ' || g, 1 + g % 300 from generate_series(1, 800) g;
insert into bookings (room, during, price) select 1 + g % 20, tstzrange({at} - interval '1 hour' * (g / 20 * 3 + 2), {at} - interval '1 hour' * (g / 20 * 3)), 20 + g % 80 from generate_series(0, 1999) g;
insert into vehicles (wheels, built, mileage) select 2 + g % 3, {at}::date - 300 - g % 3000, g * 37 % 200000 from generate_series(1, 700) g;
insert into trucks (wheels, built, mileage, payload) select 6, {at}::date - 300 - g % 3000, g * 91 % 900000, 1000 + g % 9000 from generate_series(1, 400) g;
insert into measurements select g, g::bit(8), '101', g, '<a/>', interval '1 hour' * g, time '10:00', array[g, 2.5], decode('00ff', 'hex'), numrange(g, g + 1), 'u' || g % 3, g % 10, g % 77 from generate_series(1, 1200) g;
insert into pictures select g, lo_from_bytea(0, decode(repeat('ab', g), 'hex')), pg_temp.working({at} - interval '5 hours' * g)::timestamp from generate_series(1, 100) g;
insert into tree select g, nullif(g / 3, 0), 'node ' || g from generate_series(1, 900) g;

grant select on people, places to app_read;

-- name: day
insert into people select md5('{night}-' || g)::uuid, 'New{night}-' || g, 'n@example.org', 'ok', '{}', {at}::date, null, null, null from generate_series(1, 6) g;
update people set mood = 'happy' where mod(abs(hashtext(id::text)), 40) = {night};
insert into places select ('top.new.x{night}_' || g)::ltree, 'New', 5 from generate_series(1, 3) g;
delete from places where path = ('top.n' || {night} % 20 || '.m' || {night})::ltree;
insert into bookings (room, during, price) select 100 + g, tstzrange({at} - interval '2 hours', {at} - interval '1 hour'), 30 from generate_series(1, 8) g;
insert into trucks (wheels, built, mileage, payload) values (8, {at}::date - 400, 5, 12000);
insert into vehicles (wheels, built) values (4, {at}::date - 400);
update vehicles set mileage = mileage + 100 where id % 10 = {night} % 10;
insert into measurements (id, amount, "order") select 2000 + {night} * 10 + g, 5, 3 from generate_series(1, 5) g;
insert into tree select 2000 + {night}, 500, 'new';
insert into pictures select 1000 + {night}, lo_from_bytea(0, 'x'), {at}::timestamp - interval '4 hours';

-- name: weekend
select 1;

-- name: purge
delete from bookings where upper(during) < {at} - interval '23 days';
-- tables: public.bookings

-- name: night 12
alter table people add column pronouns text;

-- name: night 18
alter type mood add value 'tired';

-- name: night 19
update people set mood = 'tired' where mod(abs(hashtext(id::text)), 100) = 7;
