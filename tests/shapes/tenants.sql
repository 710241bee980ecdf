-- One schema for each customer, with the same tables; a new customer comes, an old one goes.

-- name: schema
create function public.working(t timestamptz) returns timestamptz language sql as $w$
  select date_trunc('day', t) - interval '1 day' * greatest(0, extract(isodow from t) - 5) + interval '8 hours' + 0.4 * (t - date_trunc('day', t)) $w$;
create table public.tenants (id serial primary key, slug text not null unique, created_at timestamptz not null);
create function public.make_tenant(slug text, rows int, at timestamptz) returns void language plpgsql as $f$ begin
  insert into public.tenants (slug, created_at) values (slug, at - interval '300 days');
  execute format('create schema %I', slug);
  execute format('create table %I.contacts (id serial primary key, full_name text not null, email text, kind text not null, created_at timestamptz not null)', slug);
  execute format('create table %I.deals (id serial primary key, contact_id int not null references %1$I.contacts, stage text not null, amount numeric(12, 2), probability real, closed_on date, created_at timestamptz not null)', slug);
  execute format('create table %I.activities (id bigserial primary key, deal_id int, contact_id int, type text not null, done boolean not null default false, due_at timestamptz, created_at timestamptz not null)', slug);
  execute format('create index on %I.activities (due_at)', slug);
  execute format($q$insert into %I.contacts (full_name, email, kind, created_at) select 'N' || g, 'c' || g || '@example.org', (array['lead', 'customer', 'partner'])[1 + g %% 3], public.working(%L::timestamptz - interval '1 hour' * (%s - g)) from generate_series(1, %3$s) g$q$, slug, at, rows);
  execute format($q$insert into %I.deals (contact_id, stage, amount, probability, closed_on, created_at) select 1 + g %% %2$s, (array['new', 'offer', 'won', 'lost'])[1 + g %% 4], g * 7919 %% 90000, g %% 10 / 10.0, case when g %% 4 > 1 then %L::date - g %% 20 end, public.working(%3$L::timestamptz - interval '30 minutes' * (%s - g)) from generate_series(1, %4$s) g$q$, slug, rows, at, rows * 2);
  execute format($q$insert into %I.activities (deal_id, contact_id, type, done, due_at, created_at) select 1 + g %% (%2$s * 2), 1 + g %% %2$s, (array['call', 'mail', 'visit'])[1 + g %% 3], g %% 3 > 0, %L::timestamptz - interval '20 minutes' * (%4$s - g) + interval '3 days', public.working(%3$L::timestamptz - interval '20 minutes' * (%4$s - g)) from generate_series(1, %4$s) g$q$, slug, rows, at, rows * 3);
end $f$;
select public.make_tenant('acme', 600, {at}), public.make_tenant('globex', 250, {at}), public.make_tenant('Big Corp', 400, {at});

grant usage on schema acme, globex to app_user; grant select on all tables in schema acme, globex to app_user;

-- name: day
do $$ declare t text; begin for t in select slug from public.tenants loop
  execute format($q$insert into %I.contacts (full_name, email, kind, created_at) select 'N', 'n{night}-' || g || '@example.org', 'lead', %L::timestamptz - interval '1 hour' * g - interval '6 hours' from generate_series(1, 5) g$q$, t, {at});
  execute format($q$insert into %I.deals (contact_id, stage, amount, probability, created_at) select id, 'new', 5000, 0.1, created_at from %1$I.contacts where created_at > %L::timestamptz - interval '1 day'$q$, t, {at});
  execute format($q$insert into %I.activities (deal_id, contact_id, type, created_at, due_at) select d.id, d.contact_id, 'call', d.created_at, d.created_at + interval '1 day' from %1$I.deals d where d.created_at > %L::timestamptz - interval '1 day'$q$, t, {at});
  execute format($q$update %I.deals set stage = 'won', closed_on = %L::date where stage = 'offer' and id %% 30 = {night}$q$, t, {at});
  execute format($q$update %I.deals set stage = 'offer', probability = 0.5 where stage = 'new' and id %% 9 = {night} %% 9$q$, t);
  execute format($q$update %I.activities set done = true where id %% 20 = {night} %% 20$q$, t);
  execute format($q$delete from %I.activities where id %% 900 = {night}$q$, t);
end loop; end $$;

-- name: weekend
select 1;

-- name: purge
do $$ declare t text; begin for t in select slug from public.tenants loop
  execute format($q$delete from %I.activities where created_at < %L::timestamptz - interval '29 days'$q$, t, {at});
end loop; end $$;
-- tables: acme.activities "Big Corp".activities

-- name: night 12
do $$ declare t text; begin for t in select slug from public.tenants loop execute format('alter table %I.deals add column currency text', t); end loop; end $$;

-- name: night 23
select public.make_tenant('initech', 300, {at});
