-- Tables without any key, as files were loaded into them: flights, weather, a log, names with spaces.

-- name: schema
create table flights (year int, month int, day int, dep_time int, sched_dep_time int, dep_delay double precision, arr_time int, arr_delay double precision, carrier text, flight int, tailnum text, origin text, dest text, air_time double precision, distance double precision, time_hour timestamptz);
create table airports (faa text, name text, lat double precision, lon double precision, alt int, tz int, dst text, tzone text);
create table airlines (carrier text, name text);
create table weather (origin text, time_hour timestamp, temp double precision, wind_speed double precision, precip double precision, visib double precision);
create table "web log" ("Time" text, "Status" int, "Bytes sent" bigint, "Path" text, "Client IP" text);
create table numbers (id int, value numeric, flag boolean, extra json);
insert into airports select chr(65 + g % 26) || chr(65 + g / 26 % 26) || chr(65 + g / 676), 'Airport ' || g, 20 + g % 50, -60 - g % 100, g % 5000, -5 - g % 5, 'A', 'America/New_York' from generate_series(0, 1457) g;
insert into airlines select chr(65 + g) || 'A', 'Airline ' || g from generate_series(0, 15) g;
insert into flights
  select extract(year from t), extract(month from t), extract(day from t), case when g % 40 > 0 then g * 7 % 2400 end, g * 7 % 2400, case when g % 40 > 0 then g * 7919 % 130 - 20 end, case when g % 40 > 0 then g * 11 % 2400 end,
    case when g % 40 > 0 then g * 7919 % 150 - 40 end, chr(65 + g % 16) || 'A', g % 5000, 'N' || g % 4000, (array['EWR', 'JFK', 'LGA'])[1 + g % 3], 'AA' || chr(65 + g % 2), case when g % 40 > 0 then 20 + g % 600 end, 80 + g % 4000, date_trunc('hour', t)
  from (select g, {at} - interval '100 days' * (1 - g / 9000.0) as t from generate_series(1, 8999) g) x;
insert into weather select (array['EWR', 'JFK', 'LGA'])[n], {at}::timestamp - interval '1 hour' * g, 30 + 20 * sin(g / 50.0), g % 30, case when g % 9 = 0 then 0.1 else 0 end, 10 - g % 10 from generate_series(1, 2000) g, generate_series(1, 3) n;
insert into "web log" select ({at} - interval '1 minute' * g)::text, (array[200, 200, 304, 404, 500])[1 + g % 5], g * 37 % 90000, '/' || g % 100, '192.0.2.' || g % 255 from generate_series(1, 4000) g;
insert into numbers select g, g / 7.0, g % 2 = 0, '{}' from generate_series(1, 1500) g;

grant select on all tables in schema public to app_read;

-- name: day
insert into flights select 2026, extract(month from t), extract(day from t), g * 13 % 2400, g * 13 % 2400, g * 7 % 300 - 25, g * 11 % 2400, g % 100 - 40, chr(65 + g % 16) || 'A', g, 'N' || g, (array['EWR', 'JFK', 'LGA'])[1 + g % 3], 'AAB', 300, 900, date_trunc('hour', t)
  from (select g, {at} - interval '24 hours' * g / 90 as t from generate_series(1, 89) g) x;
insert into weather select (array['EWR', 'JFK', 'LGA'])[n], {at}::timestamp - interval '1 hour' * g, 50 + {night} / 2.0, g % 30, 0, 10 from generate_series(1, 24) g, generate_series(1, 3) n;
insert into "web log" select ({at} - interval '24 minutes' * g)::text, 200, g, '/', '192.0.2.1' from generate_series(1, 60) g;
insert into numbers select 1500 + {night}, {night}, true, null;
delete from flights where flight % 900 = {night};
update numbers set value = value + 1 where id % 40 = {night};

-- name: holiday
insert into weather select (array['EWR', 'JFK', 'LGA'])[n], {at}::timestamp - interval '1 hour' * g, 50, g % 30, 0, 10 from generate_series(1, 24) g, generate_series(1, 3) n;
insert into flights select 2026, 3, 20, 800, 800, 0, 900, 0, 'BA', g, 'N' || g, 'JFK', 'AAB', 300, 900, date_trunc('hour', {at} - interval '1 hour' * g) from generate_series(1, 24) g;

-- name: purge
delete from flights where time_hour < {at} - interval '60 days';
-- tables: public.flights

-- name: night 12
alter table flights add column gate text;

-- name: night 18
insert into "web log" select {at}::text, 418, 0, '/tea', '192.0.2.2' from generate_series(1, 3);
