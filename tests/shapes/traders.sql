-- A trader: keys of letters, small integers, single precision, pictures; people work from Monday to Friday.

-- name: schema
create table categories (category_id smallint primary key, category_name varchar(15) not null, description text, picture bytea);
create table customers (customer_id bpchar primary key, company_name varchar(40) not null, contact_name varchar(30), city varchar(15), country varchar(15), phone varchar(24), fax varchar(24));
create table employees (employee_id smallint primary key, last_name varchar(20) not null, first_name varchar(10) not null, title varchar(30), birth_date date, hire_date date, notes text, reports_to smallint references employees);
create table shippers (shipper_id smallint primary key, company_name varchar(40) not null, phone varchar(24));
create table suppliers (supplier_id smallint primary key, company_name varchar(40) not null, homepage text);
create table products (
  product_id smallint primary key, product_name varchar(40) not null, supplier_id smallint references suppliers, category_id smallint references categories,
  quantity_per_unit varchar(20), unit_price real, units_in_stock smallint, units_on_order smallint, reorder_level smallint, discontinued int not null
);
create table orders (
  order_id serial primary key, customer_id bpchar references customers, employee_id smallint references employees, order_date date, required_date date, shipped_date date,
  ship_via smallint references shippers, freight real, ship_name varchar(40), ship_country varchar(15)
);
create table order_details (
  order_id int not null references orders, product_id smallint not null references products, unit_price real not null, quantity smallint not null, discount real not null, primary key (order_id, product_id)
);
create table region (region_id smallint primary key, region_description bpchar not null);
create table territories (territory_id varchar(20) primary key, territory_description bpchar not null, region_id smallint not null references region);
create table us_states (state_id smallint primary key, state_name varchar(100), state_abbr varchar(2));
insert into categories select g, 'Category ' || g, 'About ' || g, decode(repeat('ab', 500), 'hex') from generate_series(1, 8) g;
insert into customers select chr(65 + g % 26) || chr(65 + g / 26) || 'XYZ', 'Company ' || g, 'Contact', 'City ' || g % 60, 'Country ' || g % 20, '030-' || g, case when g % 4 > 0 then '031-' || g end from generate_series(0, 90) g;
insert into employees select g, 'L' || g, 'F' || g, 'Rep', '1960-01-01'::date + g * 700, '1992-01-01'::date + g * 90, 'Speaks', nullif(g / 3, 0) from generate_series(1, 9) g;
insert into shippers select g, 'Shipper ' || g, '555-' || g from generate_series(1, 6) g;
insert into suppliers select g, 'Supplier ' || g, null from generate_series(1, 29) g;
insert into products select g, 'Product ' || g, 1 + g % 29, 1 + g % 8, g || ' boxes', 2.5 + g, g * 7 % 125, 0, g % 30, (g % 10 = 0)::int from generate_series(1, 77) g;
insert into orders (customer_id, employee_id, order_date, required_date, shipped_date, ship_via, freight, ship_name, ship_country)
  select chr(65 + g % 26) || chr(65 + g % 3) || 'XYZ', 1 + g % 9, d, d + 28, case when g < 815 then d + 3 + g % 7 end, 1 + g % 3, 0.5 + g * 37 % 900, 'Ship', 'Country ' || g % 20
  from (select g, d - case extract(dow from d) when 0 then 2 when 6 then 1 else 0 end as d from (select g, {at}::date - 1 - (830 - g) / 2 as d from generate_series(1, 830) g) y) x;
insert into order_details select 1 + g % 830, 1 + g * 11 % 77, 2.5 + g % 77, 1 + g % 60, (array[0, 0, 0.05, 0.1, 0.25])[1 + g % 5] from generate_series(1, 2155) g on conflict do nothing;
insert into region select g, 'Region ' || g from generate_series(1, 4) g;
insert into territories select to_char(g, 'FM00000'), 'Territory ' || g, 1 + g % 4 from generate_series(1, 53) g;
insert into us_states select g, 'State ' || g, chr(65 + g % 26) || chr(65 + g / 26) from generate_series(1, 51) g;

grant select on all tables in schema public to app_read;

-- name: day
insert into orders (customer_id, employee_id, order_date, required_date, ship_via, freight, ship_name, ship_country)
  select chr(65 + g % 26) || 'AXYZ', 1 + g % 9, ({at} - interval '1 hour')::date, {at}::date + 28, 1 + g % 3, 10 + g, 'Ship', 'Country 1' from generate_series({night}, {night} + 2) g;
insert into order_details select order_id, 1 + (order_id * 5 + n) % 77, 9.5, 10, 0 from orders, generate_series(1, 3) n where order_date = ({at} - interval '1 hour')::date on conflict do nothing;
update orders set shipped_date = ({at} - interval '1 hour')::date where shipped_date is null and order_date < {at}::date - 4;
update products set units_in_stock = (units_in_stock + 17) % 125, units_on_order = {night} % 3 * 10 where product_id % 7 = {night} % 7;
delete from order_details where product_id = 1 + {night} and order_id % 40 = 0;

-- name: weekend
select 1;

-- name: purge
delete from order_details where order_id in (select order_id from orders where order_date < {at}::date - 300);
delete from orders where order_date < {at}::date - 300;
-- tables: public.orders public.order_details

-- name: night 12
alter table orders add column tracking_number text;
