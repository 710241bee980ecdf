-- What Rails makes with UUID keys: times without zones, enumerations as integers, polymorphic references, attachments, jobs.

-- name: schema
create function pg_temp.working(t timestamptz) returns timestamptz language sql as $w$
  select date_trunc('day', t) - interval '1 day' * greatest(0, extract(isodow from t) - 5) + interval '8 hours' + 0.4 * (t - date_trunc('day', t)) $w$;
create table schema_migrations (version varchar primary key);
create table ar_internal_metadata (key varchar primary key, value varchar, created_at timestamp(6) not null, updated_at timestamp(6) not null);
create table accounts (id uuid primary key default gen_random_uuid(), name varchar not null, plan integer not null default 0, settings jsonb not null default '{}', created_at timestamp(6) not null, updated_at timestamp(6) not null);
create table users (
  id uuid primary key default gen_random_uuid(), account_id uuid not null references accounts, email varchar not null default '', encrypted_password varchar not null default '', reset_password_token varchar,
  sign_in_count integer not null default 0, current_sign_in_at timestamp, current_sign_in_ip inet, role integer not null default 0, created_at timestamp(6) not null, updated_at timestamp(6) not null
);
create unique index index_users_on_email on users (email);
create table projects (id uuid primary key default gen_random_uuid(), account_id uuid not null, title varchar not null, status integer not null default 0, budget_cents bigint, archived_at timestamp, created_at timestamp(6) not null, updated_at timestamp(6) not null);
create index index_projects_on_account on projects (account_id);
create table comments (id uuid primary key default gen_random_uuid(), commentable_type varchar not null, commentable_id uuid not null, user_id uuid not null, body text, created_at timestamp(6) not null, updated_at timestamp(6) not null);
create index index_comments_on_commentable on comments (commentable_type, commentable_id);
create table active_storage_blobs (id uuid primary key default gen_random_uuid(), key varchar not null unique, filename varchar not null, content_type varchar, byte_size bigint not null, checksum varchar, created_at timestamp(6) not null);
create table active_storage_attachments (id uuid primary key default gen_random_uuid(), name varchar not null, record_type varchar not null, record_id uuid not null, blob_id uuid not null references active_storage_blobs, created_at timestamp(6) not null);
create table solid_queue_jobs (id bigserial primary key, queue_name varchar not null, class_name varchar not null, finished_at timestamp, created_at timestamp not null);
create function u(text, int) returns uuid language sql immutable as 'select md5($1 || $2)::uuid';
insert into schema_migrations select '2025' || to_char(g, 'FM0000000000') from generate_series(1, 60) g;
insert into ar_internal_metadata values ('environment', 'production', {at}::timestamp - interval '2 years', {at}::timestamp - interval '2 years');
insert into accounts select u('account', g), 'Account ' || g, g % 3, '{"a": 1}', t, t from (select g, pg_temp.working({at}::timestamp - interval '700 days' * (1 - g / 120.0))::timestamp as t from generate_series(1, 120) g) x;
insert into users (id, account_id, email, encrypted_password, sign_in_count, current_sign_in_at, role, created_at, updated_at)
  select u('user', g), u('account', 1 + g % 120), 'u' || g || '@example.org', md5(g::text), g % 90, t + interval '5 hours', (g % 20 = 0)::int, t, t + interval '5 hours' from (select g, pg_temp.working({at}::timestamp - interval '700 days' * (1 - g / 900.0))::timestamp as t from generate_series(1, 900) g) x;
insert into projects (id, account_id, title, status, budget_cents, archived_at, created_at, updated_at)
  select u('project', g), u('account', 1 + g % 120), 'Project ' || g, g % 4, g * 7919 % 500000, case when g % 4 = 3 then t + interval '40 days' end, t, t + interval '1 day' from (select g, pg_temp.working({at}::timestamp - interval '400 days' * (1 - g / 1200.0) - interval '1 day')::timestamp as t from generate_series(1, 1200) g) x;
insert into comments (id, commentable_type, commentable_id, user_id, body, created_at, updated_at)
  select u('comment', g), 'Project', u('project', 1 + g % 1200), u('user', 1 + g % 900), 'text ' || g, t, t from (select g, pg_temp.working({at}::timestamp - interval '200 days' * (1 - g / 5000.0))::timestamp as t from generate_series(1, 5000) g) x;
insert into active_storage_blobs select u('blob', g), md5(g::text), 'file' || g || '.pdf', (array['application/pdf', 'image/png', 'image/jpeg'])[1 + g % 3], 1000 + g * 7919 % 900000, md5(g::text), t from (select g, pg_temp.working({at}::timestamp - interval '300 days' * (1 - g / 1500.0))::timestamp as t from generate_series(1, 1500) g) x;
insert into active_storage_attachments select u('attachment', g), 'file', 'Project', u('project', 1 + g % 1200), u('blob', g), t from (select g, pg_temp.working({at}::timestamp - interval '300 days' * (1 - g / 1500.0))::timestamp as t from generate_series(1, 1500) g) x;
insert into solid_queue_jobs (queue_name, class_name, finished_at, created_at) select 'default', 'Job' || g % 5, {at}, {at} - interval '1 minute' * g from generate_series(1, 500) g;

grant select, insert, update on all tables in schema public to app_user;

-- name: day
insert into users (account_id, email, encrypted_password, created_at, updated_at) select u('account', 1 + g * 7 % 120), 'n{night}-' || g || '@example.org', 'x', {at}::timestamp - interval '2 hours' * g, {at}::timestamp - interval '2 hours' * g from generate_series(1, 6) g;
insert into projects (account_id, title, status, created_at, updated_at) select u('account', 1 + g * 7 % 120), 'New', 0, {at}::timestamp - interval '3 hours' * g, {at}::timestamp - interval '3 hours' * g from generate_series(1, 5) g;
update projects set status = 1, updated_at = {at}::timestamp - interval '2 hours' where status = 0 and mod(abs(hashtext(id::text)), 30) = {night};
insert into comments (commentable_type, commentable_id, user_id, body, created_at, updated_at) select 'Project', u('project', 200 + (g * 31 + {night}) % 1000), u('user', 1 + g), 'new', t, t from (select g, {at}::timestamp - interval '10 hours' - interval '10 hours' * g / 25 as t from generate_series(1, 25) g) x;
delete from comments where mod(abs(hashtext(id::text)), 900) = {night};
insert into active_storage_blobs (key, filename, content_type, byte_size, created_at) select md5('n{night}-' || g), 'f', 'image/png', 5000, {at}::timestamp - interval '9 hours' from generate_series(1, 4) g;
insert into active_storage_attachments (name, record_type, record_id, blob_id, created_at) select 'file', 'Project', u('project', 300), id, created_at from active_storage_blobs where created_at > {at}::timestamp - interval '1 day';
truncate solid_queue_jobs; insert into solid_queue_jobs (queue_name, class_name, created_at) select 'default', 'Job', {at} from generate_series(1, {night} * 37 % 200) g;

-- name: weekend
delete from solid_queue_jobs;

-- name: purge
delete from comments where created_at < {at}::timestamp - interval '120 days';
-- tables: public.comments

-- name: night 12
alter table projects add column color varchar;
insert into schema_migrations values ('20260312000000');

-- name: night 18
insert into comments (commentable_type, commentable_id, user_id, body, created_at, updated_at) select 'Blob', u('blob', g), u('user', g), 'new', {at}::timestamp - interval '4 hours', {at}::timestamp - interval '4 hours' from generate_series(1, 7) g;
