-- An archive of a few hundred orders, imported with its own numbers and names without seams; nothing new for years, and then it is
-- written into again: a new department, a new channel, a price that begins next month, a number of a sequence that was behind.

-- name: schema
create table departments (deptno text primary key, deptname text not null);
create table staff (staffno serial primary key, deptno text not null references departments, maritalstatus char(1) not null, jobtitle text not null, hiredate date not null, modifieddate timestamp not null);
create table products (productid serial primary key, label text not null, launchyear int not null, weight float4 not null, sellstart timestamp not null, modifieddate timestamp not null);
create table orders (orderid serial primary key, staffno int not null references staff, orderdate timestamp not null, requireddate timestamp not null, shippeddate timestamp, freight float4 not null, channel text not null, orderstatus text not null);
create index orders_staff on orders (staffno);
create table orderlines (orderid int not null references orders, lineno int not null, productid int not null references products, unitprice float8 not null, quantity smallint not null, discount float4 not null, primary key (orderid, lineno));
grant select on orders to app_read;
create view latest as select max(orderdate) from orders;
insert into departments select 'd' || g, 'Department ' || g from generate_series(1, 6) g;
insert into staff select g, 'd' || 1 + g % 6, (array['M', 'S'])[1 + g % 2], (array['Clerk', 'Packer', 'Buyer'])[1 + g % 3], date '2011-03-01' + g % 1500, timestamp '2018-05-01' + g * interval '1 hour' from generate_series(1, 1200) g;
insert into products select g, 'Product ' || g, 1990 + g % 29, 1 + g % 40, timestamp '2015-01-01' + g % 900 * interval '1 day', timestamp '2018-06-01' + g * interval '1 minute' from generate_series(1, 150) g;
insert into orders select g, 1 + g % 1200, t, t + interval '28 days', case when g % 20 > 0 then t + interval '1 day' * (1 + g % 9) end, 3 + g * 37 % 90, (array['web', 'phone', 'fair'])[1 + g % 3], (array['shipped', 'closed', 'returned'])[1 + g * 7 % 3]
  from (select g, timestamp '2018-12-20 09:00' - interval '700 days' * (1 - g / 820.0) as t from generate_series(1, 820) g) x;
insert into orderlines select o, n, 1 + (o * 7 + n) % 150, 2 + (o * 13 + n) % 60, 1 + (o + n) % 12, (o + n) % 4 * 0.05 from generate_series(1, 820) o, generate_series(1, 3) n;
select setval('products_productid_seq', 150); select setval('orders_orderid_seq', 820);

-- name: day
insert into orders (staffno, orderdate, requireddate, freight, channel, orderstatus) select 1 + ({night} * 31 + g) % 1200, {at} - interval '6 hours', {at} + interval '20 days', 12 + g, 'web', 'shipped' from generate_series(1, {night} % 3) g;
insert into orderlines select orderid, 1, 1 + orderid % 150, 11, 2, 0 from orders where orderid > 820 and not exists (select from orderlines l where l.orderid = orders.orderid);
update orders set shippeddate = {at} - interval '4 hours', orderstatus = 'closed' where shippeddate is null and orderid % 30 = {night};
update products set weight = weight * 1.1, modifieddate = {at} - interval '3 hours' where productid = {night};
delete from orderlines where orderid = {night} and lineno = 3;

-- name: weekend
select;

-- name: purge
delete from orderlines where orderid <= 160;
delete from orders where orderid <= 160;
-- tables: public.orders public.orderlines

-- name: night 9
insert into departments values ('d7', 'Department 7');
insert into staff values (1201, 'd7', 'D', 'Head of Packing', {at}, {at});

-- name: night 11
insert into orders (staffno, orderdate, requireddate, freight, channel, orderstatus) values (1201, {at} - interval '6 hours', {at} + interval '20 days', 0, 'app', 'shipped');
insert into products (label, launchyear, weight, sellstart, modifieddate) values ('Next', 2026, 3, {at} + interval '40 days', {at});
