-- Subscriptions: soft deletes, enumeration types, two roles, row security by tenant, invoices at the end of a month.

-- name: schema
create function pg_temp.working(t timestamptz) returns timestamptz language sql as $w$
  select date_trunc('day', t) - interval '1 day' * greatest(0, extract(isodow from t) - 5) + interval '8 hours' + 0.4 * (t - date_trunc('day', t)) $w$;
create type plan as enum ('free', 'team', 'enterprise'); create type invoice_state as enum ('draft', 'open', 'paid', 'void');
create table organizations (id bigint generated always as identity primary key, name text not null, plan plan not null default 'free', trial_ends_on date, seats int not null check (seats > 0), created_at timestamptz not null, updated_at timestamptz not null, deleted_at timestamptz);
create table members (id bigint generated always as identity primary key, organization_id bigint not null references organizations on delete cascade, email text not null, role text not null check (role in ('owner', 'admin', 'member')), invited_at timestamptz not null, joined_at timestamptz, deleted_at timestamptz);
create unique index members_email on members (organization_id, lower(email)) where deleted_at is null;
create table documents (id bigint generated always as identity primary key, organization_id bigint not null references organizations on delete cascade, owner_id bigint references members on delete set null, title text not null default '', words int not null, visibility text not null, content text, created_at timestamptz not null, updated_at timestamptz not null, deleted_at timestamptz);
create index documents_live on documents (organization_id) where deleted_at is null;
create table invoices (id bigint generated always as identity primary key, organization_id bigint not null references organizations, number text not null unique, state invoice_state not null default 'draft', net numeric(12, 2) not null, gross numeric(12, 2) generated always as (round(net * 1.19, 2)) stored, issued_on date not null, due_on date not null, paid_at timestamptz, check (due_on >= issued_on));
create table audit_log (id bigserial primary key, organization_id bigint, actor_id bigint, action text not null, ip inet, details jsonb, at timestamptz not null);
create index audit_at on audit_log (at);
alter table documents enable row level security; alter table documents force row level security;
create policy own on documents using (organization_id = nullif(current_setting('app.organization', true), '')::bigint);
create function touch() returns trigger language plpgsql as 'begin new.updated_at = greatest(new.updated_at, old.updated_at); return new; end';
create trigger touched before update on documents for each row execute function touch();
create materialized view usage as select organization_id, count(*) as documents, sum(words) as words from documents group by 1; create unique index on usage (organization_id);
insert into organizations (name, plan, trial_ends_on, seats, created_at, updated_at, deleted_at)
  select 'Org ' || g, (enum_range(null::plan))[1 + g % 3], case when g % 5 = 0 then {at}::date + 10 end, 1 + g % 50, t, t + interval '20 days', case when g % 12 = 0 then t + interval '50 days' end from (select g, {at} - interval '800 days' * (1 - g / 420.0) - interval '60 days' as t from generate_series(1, 400) g) x;
insert into members (organization_id, email, role, invited_at, joined_at, deleted_at)
  select 1 + g % 400, 'm' || g || '@example.org', (array['owner', 'admin', 'member', 'member'])[1 + g % 4], t, case when g % 8 > 0 then t + interval '1 day' end, case when g % 15 = 0 then t + interval '9 days' end from (select g, {at} - interval '700 days' * (1 - g / 2500.0) - interval '10 days' as t from generate_series(1, 2400) g) x;
insert into documents (organization_id, owner_id, title, words, visibility, content, created_at, updated_at, deleted_at)
  select 1 + g % 400, 1 + g % 2400, case when g % 3 > 0 then 'Document ' || g else '' end, g * 131 % 5000, (array['private', 'team', 'public'])[1 + g % 3], repeat('word ', g % 60), t, t + interval '2 hours', case when g % 20 = 0 then t + interval '2 hours' end from (select g, pg_temp.working({at} - interval '500 days' * (1 - g / 6000.0) - interval '1 day') as t from generate_series(1, 6000) g) x;
insert into invoices (organization_id, number, state, net, issued_on, due_on, paid_at)
  select 1 + g % 400, 'R-' || g, (enum_range(null::invoice_state))[2 + g % 3], 10 + g % 490, d, d + 14, case when g % 3 = 1 then d + interval '9 days' end from (select g, (date_trunc('month', {at}) - interval '1 month' * (13 - g / 100))::date as d from generate_series(0, 1299) g) x;
insert into audit_log (organization_id, actor_id, action, details, at) select 1 + g % 400, 1 + g % 2400, (array['login', 'create', 'update', 'delete', 'share'])[1 + g % 5], '{}', {at} - interval '90 days' * (1 - g / 8000.0) from generate_series(1, 8000) g;
refresh materialized view usage;

grant select on organizations, members to app_read;

-- name: day
insert into organizations (name, seats, created_at, updated_at) select 'New', 3, {at} - interval '7 hours', {at} - interval '7 hours' from generate_series(1, 2) g;
update organizations set deleted_at = {at} - interval '4 hours', updated_at = {at} - interval '4 hours' where id = 100 + {night} * 3 and deleted_at is null;
update organizations set plan = 'team', seats = seats + 1, updated_at = {at} where id % 70 = {night};
insert into members (organization_id, email, role, invited_at) select 1 + (g * 37 + {night}) % 400, 'n{night}-' || g || '@example.org', 'member', {at} - interval '5 hours' from generate_series(1, 8) g;
update members set joined_at = {at} - interval '3 hours' where joined_at is null and deleted_at is null and id % 6 = {night} % 6;
insert into documents (organization_id, owner_id, title, words, visibility, content, created_at, updated_at) select 1 + (g * 31 + {night}) % 400, 1 + g, '', 0, 'private', '', {at} - interval '12 hours' * g / 30 - interval '2 hours', {at} - interval '12 hours' * g / 30 - interval '2 hours' from generate_series(1, 30) g;
update documents set words = words + 100, updated_at = {at} - interval '2 hours' where id % 80 = {night};
update documents set deleted_at = {at} - interval '2 hours', updated_at = {at} - interval '2 hours' where id % 300 = {night} and deleted_at is null;
delete from documents where deleted_at < {at} - interval '380 days';
update invoices set state = 'paid', paid_at = {at} - interval '4 hours' where state = 'open' and id % 25 = {night} % 25;
insert into audit_log (organization_id, actor_id, action, details, at) select 1 + g % 400, 1 + g, (array['login', 'create', 'update', 'share'])[1 + g % 4], '{}', {at} - interval '24 hours' * g / 90 from generate_series(1, 89) g;
delete from audit_log where at < {at} - interval '90 days';
refresh materialized view usage;

-- name: weekend
insert into audit_log (organization_id, actor_id, action, details, at) select 1 + g % 400, 1 + g, 'login', '{}', {at} - interval '24 hours' * g / 12 from generate_series(1, 11) g;

-- name: holiday
insert into audit_log (organization_id, actor_id, action, details, at) select 1 + g % 400, 1 + g, 'login', '{}', {at} - interval '24 hours' * g / 9 from generate_series(1, 8) g;

-- name: purge
delete from documents where deleted_at is not null or created_at < {at} - interval '300 days';
delete from audit_log where at < {at} - interval '60 days';
-- tables: public.documents public.audit_log

-- name: night 12
alter table organizations add column vat_number text;
alter table documents add column language text;

-- name: night 18
alter type plan add value 'startup' after 'free';

-- name: night 19
update organizations set plan = 'startup' where id % 40 = 3;

-- name: night 29
insert into invoices (organization_id, number, state, net, issued_on, due_on) select g, 'R-M-' || g, 'open', 40, {at}::date, {at}::date + 14 from generate_series(1, 110) g;
