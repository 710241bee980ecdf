-- An application on its first day: tables, and nothing in them; then the first rows come.

-- name: schema
create table users (id serial primary key, email text not null unique, created_at timestamptz not null default now());
create table posts (id serial primary key, user_id int not null references users, title text not null, created_at timestamptz not null default now());
create index posts_user on posts (user_id);
create view newest as select * from posts order by created_at desc limit 10;
create table settings (key text primary key, value text);
insert into settings values ('version', '1');

grant select on all tables in schema public to app_read;

-- name: day
insert into users (email, created_at) select 'u{night}-' || g || '@example.org', {at} - interval '1 hour' * g from generate_series(1, {night}) g;
insert into posts (user_id, title, created_at) select id, 'First', created_at from users where created_at > {at} - interval '1 day';
update settings set value = '{night}';

-- name: weekend
delete from posts where id % 3 = 0;
