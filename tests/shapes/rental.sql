-- A rental shop: an enumeration, a domain, arrays, a full-text column, triggers, a partitioned table.

-- name: schema
create type rating as enum ('G', 'PG', 'PG-13', 'R', 'NC-17');
create domain year as integer check (value between 1901 and 2155);
create function last_updated() returns trigger language plpgsql as 'begin new.last_update = current_timestamp; return new; end';
create table language (language_id serial primary key, name char(20) not null, last_update timestamp not null default now());
create table category (category_id serial primary key, name text not null, last_update timestamptz not null default now());
create table actor (actor_id serial primary key, first_name text not null, last_name text not null, last_update timestamptz not null default now());
create index actor_last_name on actor (last_name);
create table film (
  film_id serial primary key, title text not null, description text, release_year year, language_id int not null references language,
  original_language_id int references language, rental_duration smallint not null default 3, rental_rate numeric(4, 2) not null default 4.99,
  length smallint, replacement_cost numeric(5, 2) not null default 19.99, rating rating default 'G', special_features text[], fulltext tsvector not null,
  last_update timestamptz not null default now()
);
create index film_fulltext on film using gist (fulltext);
create table film_actor (
  actor_id int not null references actor on update cascade on delete restrict, film_id int not null references film on update cascade on delete restrict,
  last_update timestamptz not null default now(), primary key (actor_id, film_id)
);
create table film_category (film_id int not null references film, category_id int not null references category, primary key (film_id, category_id));
create table store (store_id serial primary key, manager_staff_id int not null, address_id int not null);
create table staff (staff_id serial primary key, first_name text not null, store_id int not null references store, active boolean not null default true, username text not null, picture bytea);
alter table store add foreign key (manager_staff_id) references staff deferrable initially deferred;
create table customer (
  customer_id serial primary key, store_id int not null references store, first_name text not null, last_name text not null, email text,
  activebool boolean not null default true, create_date date not null, last_update timestamptz default now(), active int
);
create table inventory (inventory_id serial primary key, film_id int not null references film, store_id int not null references store);
create table rental (
  rental_id serial primary key, rental_date timestamptz not null, inventory_id int not null references inventory, customer_id int not null references customer,
  return_date timestamptz, staff_id int not null references staff, last_update timestamptz not null default now()
);
create unique index rental_once on rental (rental_date, inventory_id, customer_id);
create table payment (
  payment_id serial, customer_id int not null, staff_id int not null, rental_id int not null, amount numeric(5, 2) not null, payment_date timestamptz not null,
  primary key (payment_date, payment_id)
) partition by range (payment_date);
create table payment_old partition of payment for values from (minvalue) to ('2026-03-01');
create table payment_march partition of payment for values from ('2026-03-01') to ('2026-04-01');
create table payment_later partition of payment default;
create trigger film_updated before update on film for each row execute function last_updated();
create trigger film_text before insert or update on film for each row execute function tsvector_update_trigger('fulltext', 'pg_catalog.english', 'title', 'description');
create view film_list as select f.film_id, title, category_id from film f left join film_category using (film_id);
create function inventory_in_stock(p_inventory_id int) returns boolean language sql as
  'select not exists (select from rental where inventory_id = p_inventory_id and return_date is null)';
create aggregate group_concat(text) (sfunc = textcat, stype = text);
insert into language (name, last_update) select 'Language ' || g, {at} - interval '900 days' from generate_series(1, 6) g;
insert into category (name, last_update) select 'Category ' || g, {at} - interval '900 days' from generate_series(1, 16) g;
insert into actor (first_name, last_name, last_update) select 'A' || g, 'B' || g % 120, {at} - interval '900 days' from generate_series(1, 200) g;
insert into film (title, description, release_year, language_id, rental_duration, rental_rate, length, replacement_cost, rating, special_features, last_update)
  select 'Film ' || g, 'A story of ' || md5(g::text), 2006, 1, 3 + g % 5, (array[0.99, 2.99, 4.99])[1 + g % 3], 46 + g * 7 % 139, 9.99 + g % 20,
    (enum_range(null::rating))[1 + g % 5], array['Trailers', 'Deleted Scenes'], {at} - interval '900 days' from generate_series(1, 1000) g;
insert into film_actor select 1 + (g * 7 + n * 31) % 200, g, {at} - interval '900 days' from generate_series(1, 1000) g, generate_series(1, 5) n on conflict do nothing;
insert into film_category select g, 1 + g % 16 from generate_series(1, 1000) g;
begin;
insert into store (manager_staff_id, address_id) values (1, 1), (2, 2);
insert into staff (first_name, store_id, username) values ('M', 1, 'm'), ('J', 2, 'j');
commit;
insert into customer (store_id, first_name, last_name, email, create_date, last_update, active)
  select 1 + g % 2, 'F' || g, 'L' || g, 'c' || g || '@example.org', {at}::date - 700 + g % 600, {at} - interval '1 day' * (g % 300), (g % 40 > 0)::int from generate_series(1, 599) g;
insert into inventory (film_id, store_id) select 1 + g % 958, 1 + g % 2 from generate_series(1, 4581) g;
insert into rental (rental_date, inventory_id, customer_id, return_date, staff_id, last_update)
  select t, 1 + g * 13 % 4581, 1 + g * 7 % 599, case when g < 5900 then t + interval '1 hour' * (24 + g % 200) end, 1 + g % 2, t
  from (select g, date_trunc('day', t) + interval '10 hours' + 0.5 * (t - date_trunc('day', t)) as t from (select g, {at} - interval '1 day' - interval '100 days' * (1 - g / 6000.0) as t from generate_series(1, 6000) g) y) x;
insert into payment (customer_id, staff_id, rental_id, amount, payment_date)
  select customer_id, staff_id, rental_id, (array[0.99, 2.99, 4.99, 6.99])[1 + rental_id % 4], rental_date from rental;

grant select on all tables in schema public to app_read;

-- name: day
insert into rental (rental_date, inventory_id, customer_id, staff_id, last_update)
  select {at} - interval '5 hours' - interval '12 hours' * g / 60, 1 + (g * 13 + {night} * 61) % 4581, 1 + (g * 7 + {night}) % 599, 1 + g % 2, {at} - interval '5 hours' - interval '12 hours' * g / 60 from generate_series(1, 59) g;
insert into payment (customer_id, staff_id, rental_id, amount, payment_date)
  select customer_id, staff_id, rental_id, 2.99, rental_date from rental where rental_date > {at} - interval '24 hours' and rental_id % 5 > 0;
update rental set return_date = {at} - interval '3 hours', last_update = {at} where return_date is null and rental_id % 4 = {night} % 4 and rental_date < {at} - interval '4 hours';
update film set rental_rate = 1.99 where film_id % 97 = {night};
insert into customer (store_id, first_name, last_name, email, create_date, last_update, active) select 1, 'N', 'N', 'n{night}-' || g || '@example.org', {at}::date, {at}, 1 from generate_series(1, 2) g;
delete from film_category where film_id = 900 + {night};
insert into film_category values (900 + {night}, 3);

-- name: purge
delete from payment where payment_date < {at} - interval '70 days';
delete from rental where rental_date < {at} - interval '70 days';
-- tables: public.payment public.rental

-- name: night 12
alter table film add column streaming_url text;
insert into film (title, description, release_year, language_id, length, last_update, streaming_url) select 'New ' || g, 'A new one', 2026, 1, 100, {at}, 'https://films.example.org/' || g from generate_series(1, 10) g;

-- name: night 18
alter type rating add value 'Unrated';

-- name: night 19
update film set rating = 'Unrated' where film_id % 50 = 0;
