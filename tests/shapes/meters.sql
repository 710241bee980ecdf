-- A series of times with one partition a week: old ones are dropped, new ones are made; machines never sleep.

-- name: schema
create table devices (device_id int primary key, serial text not null unique, site text not null, kind text not null, installed_on date not null);
create table readings (device_id int not null, at timestamptz not null, temperature double precision, humidity double precision, battery real, energy_total bigint not null, primary key (device_id, at)) partition by range (at);
do $$ declare w int; begin for w in -14 .. 1 loop
  execute format('create table readings_%s partition of readings for values from (%L) to (%L)', to_char({at} + w * interval '7 days', 'YYYY_MM_DD'), {at} + w * interval '7 days', {at} + (w + 1) * interval '7 days');
end loop; end $$;
create index readings_at on readings using brin (at);
create table hourly (device_id int not null, hour timestamptz not null, low double precision, high double precision, n int not null, primary key (device_id, hour));
create table alerts (id bigserial primary key, device_id int, at timestamptz not null, level smallint not null, text text not null, acknowledged_at timestamptz);
insert into devices select g, 'SN' || g, 'site ' || g % 4, (array['indoor', 'outdoor'])[1 + g % 2], {at}::date - 500 from generate_series(1, 20) g;
insert into readings select d, {at} - interval '30 minutes' * g, 20 + 10 * sin(g / 24.0) + d % 3, 50 + g % 30, 3.7 - g % 10 / 10.0, 1000000 - g * 3 from generate_series(1, 20) d, generate_series(1, 576) g;
insert into hourly select device_id, date_trunc('hour', at), min(temperature), max(temperature), count(*) from readings group by 1, 2;
insert into alerts (device_id, at, level, text) select 1 + g % 20, {at} - interval '9 hours' * g, 1 + g % 3, 'too hot' from generate_series(1, 150) g;

grant select on readings, hourly to app_read;

-- name: day
insert into readings select d, {at} - interval '30 minutes' * g, -5 + 10 * sin(g / 24.0) + d % 3, 50 + g % 30, 3.2, 1000000 + {night} * 150 - g * 3 from generate_series(1, 20) d, generate_series(1, 48) g;
insert into hourly select device_id, date_trunc('hour', at), min(temperature), max(temperature), count(*) from readings where at > {at} - interval '24 hours' and device_id <> {night} group by 1, 2 on conflict do nothing;
delete from readings where at < {at} - interval '12 days';
insert into alerts (device_id, at, level, text) select 1 + {night} % 20, {at} - interval '3 hours' * g, 2, 'cold' from generate_series(1, 2 + {night} % 2) g;
update alerts set acknowledged_at = {at} where acknowledged_at is null and id % 3 = {night} % 3;

-- name: weekend
insert into readings select d, {at} - interval '30 minutes' * g, -5 + 10 * sin(g / 24.0) + d % 3, 50 + g % 30, 3.2, 1000000 + {night} * 150 - g * 3 from generate_series(1, 20) d, generate_series(1, 48) g;
insert into hourly select device_id, date_trunc('hour', at), min(temperature), max(temperature), count(*) from readings where at > {at} - interval '24 hours' group by 1, 2 on conflict do nothing;
delete from readings where at < {at} - interval '12 days';
insert into alerts (device_id, at, level, text) select 1 + {night} % 20, {at} - interval '3 hours' * g, 2, 'cold' from generate_series(1, 2 + {night} % 2) g;

-- name: holiday
insert into readings select d, {at} - interval '30 minutes' * g, -5 + 10 * sin(g / 24.0) + d % 3, 50 + g % 30, 3.2, 1000000 + {night} * 150 - g * 3 from generate_series(1, 20) d, generate_series(1, 48) g;
insert into hourly select device_id, date_trunc('hour', at), min(temperature), max(temperature), count(*) from readings where at > {at} - interval '24 hours' group by 1, 2 on conflict do nothing;
delete from readings where at < {at} - interval '12 days';
insert into alerts (device_id, at, level, text) select 1 + {night} % 20, {at} - interval '3 hours' * g, 2, 'cold' from generate_series(1, 2 + {night} % 2) g;

-- name: purge
do $$ declare x record; begin for x in select c.oid::regclass as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'readings'::regclass and c.relname < 'readings_' || to_char({at} - interval '8 days', 'YYYY_MM_DD') loop execute format('drop table %s', x.name); end loop; end $$;
delete from hourly where hour < {at} - interval '8 days';
-- tables: public.readings public.hourly

-- name: night 2
do $$ begin execute format('create table readings_%s partition of readings for values from (%L) to (%L)', to_char({at} + interval '12 days', 'YYYY_MM_DD'), {at} + interval '12 days', {at} + interval '19 days'); end $$;

-- name: night 9
do $$ begin execute format('create table readings_%s partition of readings for values from (%L) to (%L)', to_char({at} + interval '12 days', 'YYYY_MM_DD'), {at} + interval '12 days', {at} + interval '19 days'); end $$;

-- name: night 16
do $$ begin execute format('create table readings_%s partition of readings for values from (%L) to (%L)', to_char({at} + interval '12 days', 'YYYY_MM_DD'), {at} + interval '12 days', {at} + interval '19 days'); end $$;

-- name: night 23
do $$ begin execute format('create table readings_%s partition of readings for values from (%L) to (%L)', to_char({at} + interval '12 days', 'YYYY_MM_DD'), {at} + interval '12 days', {at} + interval '19 days'); end $$;

-- name: night 12
alter table readings add column pressure real;
