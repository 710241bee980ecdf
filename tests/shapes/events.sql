-- Event sourcing: an append-only log of jsonb, snapshots, and projections that are built anew.

-- name: schema
create table events (global_position bigint generated always as identity primary key, stream_id uuid not null, version int not null, type text not null, data jsonb not null, metadata jsonb not null default '{}', recorded_at timestamptz not null default now(), unique (stream_id, version));
create index events_type on events (type); create index events_data on events using gin (data jsonb_path_ops);
create table snapshots (stream_id uuid primary key, version int not null, state jsonb not null, taken_at timestamptz not null);
create table projection_positions (projection text primary key, position bigint not null, updated_at timestamptz not null);
create table balances (stream_id uuid primary key, currency char(3) not null, balance numeric(14, 2) not null, changed_at timestamptz not null);
create rule events_are_never_deleted as on delete to events do instead nothing;
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'events are never changed'; end $$;
create trigger never before update or truncate on events execute function refuse();
insert into events (stream_id, version, type, data, recorded_at)
  select md5((g % 500)::text)::uuid, 1 + g / 500, (array['Opened', 'Deposited', 'Withdrawn', 'Moved'])[case when g < 500 then 1 else 2 + g % 3 end], jsonb_build_object('amount', g % 900, 'by', 'u' || g % 70), {at} - interval '60 days' * (1 - g / 9000.0) from generate_series(0, 8999) g;
insert into snapshots select md5(g::text)::uuid, 10, '{"n": 10}', {at} - interval '20 days' from generate_series(0, 499) g;
insert into balances select md5(g::text)::uuid, 'EUR', g * 37 % 4000 - 500, {at} - interval '1 hour' * (g % 90) from generate_series(0, 499) g;
insert into projection_positions values ('balances', 9000, {at}), ('mails', 8990, {at});

grant select, insert on events to app_user; grant select on balances to app_read;

-- name: day
insert into events (stream_id, version, type, data, recorded_at)
  select md5(((g * 3 + {night} * 50) % 500)::text)::uuid, 1000 + {night} * 10 + g / 160, (array['Deposited', 'Withdrawn', 'Moved'])[1 + g % 3], jsonb_build_object('amount', g), {at} - interval '24 hours' * g / 150 from generate_series(1, 149) g;
update balances set balance = balance + 12.5, changed_at = {at} - interval '1 hour' where mod(abs(hashtext(stream_id::text)), 10) = {night} % 10;
update projection_positions set position = position + 149, updated_at = {at} - interval '20 minutes';

-- name: holiday
insert into events (stream_id, version, type, data, recorded_at) select md5(g::text)::uuid, 3000 + {night}, 'Deposited', '{}', {at} - interval '24 hours' * g / 9 from generate_series(1, 8) g;

-- name: night 12
alter table events add column correlation uuid;

-- name: night 16
insert into events (stream_id, version, type, data, recorded_at) select md5(g::text)::uuid, 5000, 'Opened', '{}', {at} - interval '2 hours' from generate_series(1, 5) g;
