"""Damages of the realistic database: what a bad copy, a wrong load or a careless script leaves behind.

PostgreSQL accepts every one of them: the constraints that are still there hold, and a dump of the
damaged database restores. So only the contents and the structure tell that something is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass

from restorecheck.postgres.server import cluster
from tests.pg import Source
from tests.world import realistic
from tests.world.realistic import DATABASE

TONIGHT, LAST_NIGHT = "tonight", "last_night"
"""Databases that are copied: before and after an ordinary day."""

LOADING = """
set session_replication_role = replica;
set search_path = shop, public;
set timezone = 'UTC';
"""
"""As pg_restore loads: no trigger fires."""


@dataclass(frozen=True)
class Damage:
    name: str
    sql: str = ""
    """Said to the copy."""
    of: str = TONIGHT
    """The database that is copied."""
    make: Callable[[Source], None] | None = None
    """Makes the database in another way than by copying."""
    undo: str = ""
    """Of what belongs to the whole server."""

    def __str__(self) -> str:
        return self.name


def administer(source: Source, text: str) -> None:
    """Statements that may not be in a transaction together."""
    with cluster.superuser_connection(source.places, "postgres") as connection:
        for statement in text.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())


FORUM = """
create table members (id serial primary key, nick text not null unique, joined_at timestamptz not null default now());
create table posts (
  id serial primary key, member_id int not null references members, body text not null, posted_at timestamptz not null
);
insert into members (nick) select 'member ' || i from generate_series(1, 500) i;
insert into posts (member_id, body, posted_at) select 1 + i % 500, 'post ' || i, now() - i * interval '1 minute'
  from generate_series(1, 9000) i;
"""


def _another_application(source: Source) -> None:
    administer(source, f"create database {DATABASE}")
    source.sql(realistic.dated(FORUM), DATABASE)


def _test_data(source: Source) -> None:
    administer(source, f"create database {DATABASE}")
    source.sql(realistic.schema(), DATABASE)
    source.sql(realistic.rows({"customers": 80, "products": 40, "orders": 200}), DATABASE)


def load(source: Source, of: str, into: str, options: str = "") -> None:
    """A dump of one database into a new one. Raises AssertionError with psql's words."""
    administer(source, f"create database {into} template template0 {options}")
    dump = source.places.sockets / "loaded.sql"
    source.run("pg_dump", f"--dbname={of}", f"--file={dump}")
    try:
        stop = ("-v", "ON_ERROR_STOP=1")
        source.run("psql", "-X", "-q", *stop, f"--dbname={into}", f"--file={dump}")
    finally:
        dump.unlink()


def _loaded_into(options: str) -> Callable[[Source], None]:
    return lambda source: load(source, TONIGHT, DATABASE, options)


def _broken(column: str) -> str:
    """UTF-8 that was read as Latin-1."""
    return f"convert_from(convert_to({column}, 'UTF8'), 'LATIN1')"


def _questioned(column: str) -> str:
    """What an export in ASCII leaves of other letters."""
    return rf"regexp_replace({column}, '[^\n -~]', '?', 'g')"


def _swapped_day(column: str, of: str = "") -> str:
    parts = ", ".join(f"extract({part} from {column})::int" for part in ("year", "day", "month"))
    return f"make_date({parts}){of} where extract(day from {column}) <= 12"


TEXTS = [
    Damage("mojibake in all names of customers", f"update customers set name = {_broken('name')}"),
    Damage(
        "mojibake in a tenth of the reviews",
        f"update reviews set body = {_broken('body')} where product_id % 10 = 3",
    ),
    Damage(
        "? for umlauts in the descriptions of products",
        f"update products set description = {_questioned('description')}",
    ),
    Damage(
        "? for umlauts in a tenth of the messages",
        f"update messages set body = {_questioned('body')} where id % 10 = 3",
    ),
    Damage(
        "umlauts written as two letters",
        "update suppliers set name = replace(replace(name, 'ö', 'oe'), 'ü', 'ue')",
    ),
    Damage(
        "masked e-mail addresses of customers",
        "update customers set email = 'user' || id || '@example.invalid'",
    ),
    Damage(
        "masked phone numbers", "update customers set phone = 'XXXXXXXX' where phone is not null"
    ),
    Damage(
        "masked IBANs",
        "update customers set iban = 'DE00000000000000000000' where iban is not null",
    ),
    Damage("masked names of customers", "update customers set name = 'Customer ' || id"),
    Damage("masked texts of messages", "update messages set body = repeat('x', length(body))"),
    Damage(
        "one password hash for all customers",
        "update customers set password_hash = (select password_hash from customers where id = 1)",
    ),
    Damage(
        "one password hash for all employees",
        "update employees set password_hash = (select min(password_hash) from employees)",
    ),
    Damage("trimmed descriptions", "update products set description = btrim(description, E' \\n')"),
    Damage("reviews cut at 50 characters", "update reviews set body = left(body, 50)"),
    Damage(
        "descriptions cut at 255 characters",
        "update products set description = left(description, 255)",
    ),
    Damage("names in small letters", "update customers set name = lower(name)"),
    Damage(
        "SKUs without their zeros", r"update products set sku = regexp_replace(sku, '-0+', '-')"
    ),
    Damage("messages escaped for HTML", "update messages set body = replace(body, '&', '&amp;')"),
    Damage(
        "line ends of another system",
        "update messages set body = replace(body, E'\\n', E'\\r\\n')",
    ),
    Damage(
        "e-mail addresses in small letters",
        "update customers set email = lower(email::text)",
    ),
]

NULLS = [
    Damage(
        "NULL in the newest 5 % of the times of shipping",
        "update orders set shipped_at = null where id > (select max(id) * 0.95 from orders)",
    ),
    Damage(
        "NULL in the newest 1 % of the phone numbers",
        "update customers set phone = null where id > (select max(id) * 0.99 from customers)",
    ),
    Damage(
        "NULL in the newest 5 % of the fees",
        "update payments set fee = null where id > (select max(id) * 0.95 from payments)",
    ),
    Damage("NULL for all dates of birth", "update customers set birth_date = null"),
    Damage(
        "NULL for a tenth of the weights", "update products set weight = null where id % 10 = 1"
    ),
    Damage(
        "NULL for empty texts, the rule dropped",
        "alter table customers alter notes drop not null; update customers set notes = nullif(notes, '')",
    ),
    Damage("NULL for empty values of settings", "update settings set value = nullif(value, '')"),
    Damage("empty texts for NULL", "update messages set reply = coalesce(reply, '')"),
    Damage("empty comments for NULL", "update orders set comment = coalesce(comment, '')"),
    Damage("zero for NULL", "update products set weight = 0 where id % 10 = 1"),
]

DOUBLED = [
    Damage(
        "payments doubled, with new keys",
        """insert into payments select id + 1000000, order_id, method, amount, paid_at, reference, fee from payments;
        select setval('payments_id_seq', (select max(id) from payments))""",
    ),
    Damage(
        "a tenth of the messages doubled, with new keys",
        """insert into messages select id + 1000000, customer_id, subject, body, reply, read, sent_at from messages
          where id % 10 = 1;
        select setval('messages_id_seq', (select max(id) from messages))""",
    ),
    Damage(
        "shipments doubled, the key dropped",
        "alter table shipments drop constraint shipments_pkey; insert into shipments select * from shipments",
    ),
    Damage(
        "a natural key twice, its constraint dropped",
        "alter table products drop constraint products_sku_key; update products set sku = 'SKU-000001' where id < 20",
    ),
    Damage(
        "a day of events twice",
        """insert into audit.events select id + 1000000, actor, action, subject, occurred_at from audit.events
          where occurred_at > now() - interval '2 days'""",
    ),
]

DOCUMENTS = [
    Damage(
        "a key of the attributes dropped",
        "update customers set attributes = attributes - 'consent'",
    ),
    Damage(
        "an inner key dropped in a tenth",
        "update customers set attributes = attributes #- '{consent,version}' where id % 10 = 2",
    ),
    Damage("empty documents for orders", "update orders set meta = '{}'"),
    Damage(
        "numbers in documents have become texts",
        "update products set attributes = attributes || jsonb_build_object('size', attributes ->> 'size')",
    ),
    Damage(
        "arrays reordered",
        "update customers set tags = (select array_agg(x order by x desc) from unnest(tags) x) where tags <> '{}'",
    ),
    Damage("arrays emptied", "update products set labels = '{}'"),
    Damage("the last element of arrays lost", "update products set dimensions = dimensions[1:2]"),
    Damage("a key of an hstore lost", "update products set extra = delete(extra, 'shelf')"),
    Damage("a field of an address lost", "update customers set address.zip = null"),
]

NUMBERS = [
    Damage("rounded floats", "update products set weight = round(weight::numeric)::float8"),
    Damage("floats of half the precision", "update exchange_rates set rate = rate::float4::float8"),
    Damage("rounded amounts", "update payments set amount = round(amount)"),
    Damage("amounts without cents", "update order_lines set unit_price = trunc(unit_price)"),
    Damage("amounts in cents", "update payments set amount = amount * 100"),
    Damage("negative amounts", "update payments set amount = -amount"),
    Damage(
        "a tenth of the amounts negative", "update payments set amount = -amount where id % 10 = 5"
    ),
    Damage("amounts of zero", "update orders set total = 0 where id % 10 = 5"),
    Damage(
        "the scale of a column changed, its values cut",
        "alter table invoices alter net type numeric(12, 2)",
    ),
    Damage("stock all the same", "update stock set quantity = 10"),
    Damage("a range lost its end", "update prices set valid = daterange(lower(valid), null)"),
]

SAMENESS = [
    Damage("all orders to one customer", "update orders set customer_id = 1"),
    Damage("all lines of one product", "update order_lines set product_id = 1"),
    Damage("all reviews of one star", "update reviews set stars = 1"),
    Damage("all statuses the same", "update orders set status = 'new'"),
    Damage("all payments by card", "update payments set method = 'card'"),
    Damage("all currencies the same", "update orders set currency = 'EUR'"),
    Damage("all customers of one language", "update customers set language = 'en'"),
    Damage(
        "two customers have swapped their phone numbers",
        """
        update customers c set phone = o.phone from customers o
          where (c.id, o.id) in ((1001, 1002), (1002, 1001))""",
    ),
    Damage("booleans flipped", "update customers set newsletter = not newsletter"),
    Damage("booleans all true", "update reviews set approved = true"),
    Damage("booleans all false", "update customers set active = false"),
    Damage("flags of a small table flipped", "update feature_flags set enabled = not enabled"),
    Damage("every employee an administrator", "update employees set administrator = true"),
]

TIMES = [
    Damage(
        "orders an hour later",
        """update orders set placed_at = placed_at + interval '1 hour', shipped_at = shipped_at + interval '1 hour',
          updated_at = updated_at + interval '1 hour'""",
    ),
    Damage(
        "shipments of the summer an hour earlier",
        """update shipments set shipped_at = shipped_at - interval '1 hour', delivered_at = delivered_at - interval '1 hour'
          where extract(month from shipped_at) between 4 and 10""",
    ),
    Damage(
        "month and day of birth swapped",
        f"update customers set birth_date = {_swapped_day('birth_date')}",
    ),
    Damage(
        "month and day of payments swapped",
        f"update payments set paid_at = {_swapped_day('paid_at', ' + paid_at::time')}",
    ),
    Damage("times cut to the day", "update messages set sent_at = date_trunc('day', sent_at)"),
    Damage(
        "times cut to the second", "update payments set paid_at = date_trunc('second', paid_at)"
    ),
    Damage(
        "times of another zone",
        "update payments set paid_at = paid_at at time zone 'UTC' at time zone 'America/New_York'",
    ),
    Damage(
        "times of events of another zone",
        "update audit.events set occurred_at = occurred_at at time zone 'Asia/Tokyo' at time zone 'UTC'",
    ),
    Damage("dates a day earlier", "update orders set delivery_date = delivery_date - 1"),
    Damage("all made at the time of loading", "update customers set created_at = now()"),
    Damage(
        "1970 for a tenth of the times", "update messages set sent_at = 'epoch' where id % 10 = 5"
    ),
]

CHILDREN = ("order_lines", "payments", "refunds", "invoices", "shipments")


def _orders_lost(condition: str) -> str:
    """With everything that references them."""
    gone = f"select id from orders where {condition}"
    return ";\n".join(
        [
            *(f"delete from {table} where order_id in ({gone})" for table in CHILDREN),
            f"delete from orders where {condition}",
        ]
    )


YESTERDAY = "now() - interval '23 hours 30 minutes'"

ROWS = [
    Damage("last night's dump under a new date", of=LAST_NIGHT),
    Damage(
        "yesterday's rows missing everywhere",
        f"""{_orders_lost(f"placed_at > {YESTERDAY}")};
        delete from messages where sent_at > {YESTERDAY}; delete from reviews where created_at > {YESTERDAY};
        delete from customers where created_at > {YESTERDAY}; delete from audit.events where occurred_at > {YESTERDAY};
        delete from exchange_rates where day > (select max(day) - 1 from exchange_rates)""",
    ),
    Damage("yesterday's orders missing", _orders_lost(f"placed_at > {YESTERDAY}")),
    Damage(
        "yesterday's events missing", f"delete from audit.events where occurred_at > {YESTERDAY}"
    ),
    Damage("an important table emptied", "delete from payments"),
    Damage("a small table emptied", "delete from feature_flags"),
    Damage(
        "a referenced table emptied, the reference dropped",
        "alter table products drop constraint products_supplier_id_fkey; delete from suppliers",
    ),
    Damage("a partitioned table emptied", "delete from audit.events"),
    Damage("an important table missing", "drop table reviews"),
    Damage("a small table missing", "drop table exchange_rates"),
    Damage("a third of the lines lost", "delete from order_lines where order_id % 3 = 1"),
    Damage("a tenth of the shipments lost", "delete from shipments where id % 20 in (0, 10)"),
    Damage(
        "one old row of payments lost",
        "delete from payments where id = (select min(id) from payments where id > 9000)",
    ),
    Damage("one row of a small table lost", "delete from settings where key = 'setting.17'"),
    Damage(
        "the newest 5 % of the payments lost",
        "delete from payments where id > (select max(id) * 0.95 from payments)",
    ),
    Damage(
        "the newest tenth of the reviews lost",
        "delete from reviews where created_at > (select percentile_disc(0.9) within group (order by created_at) from reviews)",
    ),
    Damage(
        "the oldest tenth of the orders lost",
        _orders_lost("id <= (select max(id) * 0.1 from orders)"),
    ),
    Damage(
        "the oldest 5 % of the payments lost",
        "delete from payments where id < (select max(id) * 0.05 from payments)",
    ),
    Damage(
        "the rows of one tenant lost",
        f"""{_orders_lost("tenant_id = 7")};
        delete from messages where customer_id in (select id from customers where tenant_id = 7);
        delete from reviews where customer_id in (select id from customers where tenant_id = 7);
        delete from customers where tenant_id = 7; delete from tenants where id = 7""",
    ),
    Damage(
        "the lines of a tenth of the orders lost", "delete from order_lines where order_id % 10 = 4"
    ),
    Damage(
        "a tenth of the products lost, the references dropped",
        """alter table prices drop constraint prices_product_id_fkey; alter table stock drop constraint stock_product_id_fkey;
        alter table order_lines drop constraint order_lines_product_id_fkey; alter table reviews drop constraint reviews_product_id_fkey;
        delete from products where id % 10 = 4""",
    ),
    Damage("a partition emptied", "delete from audit.events_2"),
    Damage("a partition missing", "drop table audit.events_1"),
    Damage("a partition detached", "alter table audit.events detach partition audit.events_3"),
    Damage("the inheritance lost", "alter table business_contacts no inherit contacts"),
    Damage("an inheriting table emptied", "delete from business_contacts"),
    Damage(
        "every table cut to its first 5,000 rows",
        f"""
        {_orders_lost("id > 5000")};
        delete from audit.events where id > 5000; delete from stock where product_id > 1250""",
    ),
    Damage("all large objects lost", "select lo_unlink(oid) from pg_largeobject_metadata"),
    Damage("one large object lost", "select lo_unlink(content) from documents where id = 7"),
    Damage(
        "a large object changed",
        r"select lo_put(content, 3, '\x00ff00ff') from documents where id = 9",
    ),
    Damage("large objects cut", "select lo_truncate(lo_open(content, 131072), 20) from documents"),
]

CONSTRAINTS = [
    Damage(
        "sequences reset",
        """
        select setval('order_numbers', 1), setval('orders_id_seq', 1), setval('customers_id_seq', 1), setval('payments_id_seq', 1)""",
    ),
    Damage("one sequence behind its column", "select setval('messages_id_seq', 100)"),
    Damage("a sequence of no column reset", "select setval('order_numbers', 1)"),
    Damage("a primary key missing", "alter table stock drop constraint stock_pkey"),
    Damage("a foreign key missing", "alter table payments drop constraint payments_order_id_fkey"),
    Damage("a CHECK missing", "alter table order_lines drop constraint order_lines_quantity_check"),
    Damage("a UNIQUE missing", "alter table customers drop constraint customers_email_once"),
    Damage("a NOT NULL missing", "alter table orders alter customer_id drop not null"),
    Damage("a constraint of a domain lost", "alter domain iban drop constraint iban_check"),
    Damage(
        "a constraint not validated",
        """
        alter table payments drop constraint payments_order_id_fkey;
        alter table payments add constraint payments_order_id_fkey foreign key (order_id) references orders not valid""",
    ),
    Damage(
        "another action of a foreign key",
        """
        alter table messages drop constraint messages_customer_id_fkey;
        alter table messages add constraint messages_customer_id_fkey foreign key (customer_id) references customers on delete cascade""",
    ),
    Damage("an index missing", "drop index orders_customer"),
    Damage(
        "an index on another expression",
        "drop index products_title; create index products_title on products (upper(title))",
    ),
    Damage(
        "an index with another condition",
        "drop index orders_open; create index orders_open on orders (id) where status = 'new'",
    ),
    Damage(
        "everything after the data missing",
        """
        do $do$
        declare what record;
        begin
          for what in select conrelid::regclass as t, conname from pg_constraint where conparentid = 0 and contype = 'f'
              and connamespace in ('shop'::regnamespace, 'audit'::regnamespace) loop
            execute format('alter table %s drop constraint %I', what.t, what.conname);
          end loop;
          alter table orders replica identity default;
          for what in select conrelid::regclass as t, conname from pg_constraint where conparentid = 0 and contype in ('p', 'u')
              and conname <> 'customers_pkey' and connamespace in ('shop'::regnamespace, 'audit'::regnamespace) loop
            execute format('alter table %s drop constraint %I', what.t, what.conname);
          end loop;
          for what in select i.indexrelid::regclass as x from pg_index i join pg_class c on c.oid = i.indexrelid
              where c.relnamespace = 'shop'::regnamespace and not indisprimary loop
            execute format('drop index %s', what.x);
          end loop;
        end
        $do$;
        drop trigger customers_touched on customers; drop trigger orders_touched on orders; drop trigger products_recorded on products;
        alter table customers disable row level security; alter table orders disable row level security""",
    ),
]

CODE = [
    Damage("a trigger missing", "drop trigger orders_touched on orders"),
    Damage("a trigger disabled", "alter table customers disable trigger customers_touched"),
    Damage("an event trigger missing", "drop event trigger frozen"),
    Damage("a function missing", "drop function normal_phone(text)"),
    Damage(
        "the body of a function changed",
        """
        create or replace function order_total(bigint) returns numeric language sql stable as
          'select coalesce(sum(quantity), 0)::numeric from shop.order_lines where order_id = $1'""",
    ),
    Damage("the volatility of a function changed", "alter function normal_phone(text) volatile"),
    Damage("SECURITY DEFINER added", "alter function current_tenant() security definer"),
    Damage("SECURITY DEFINER lost", "alter function is_administrator(text) security invoker"),
    Damage("the search_path of a function lost", "alter function record_event() reset search_path"),
    Damage("a procedure missing", "drop procedure forget_customer(bigint)"),
    Damage("an aggregate missing", "drop aggregate product_of(double precision)"),
    Damage(
        "the definition of a view changed",
        """
        create or replace view open_orders with (security_barrier) as
          select id, number, customer_id, total, placed_at from orders where status = 'new'""",
    ),
    Damage("an option of a view lost", "alter view open_orders reset (security_barrier)"),
    Damage("a view missing", "drop view customer_totals"),
    Damage(
        "a materialized view not filled", "refresh materialized view sales_by_month with no data"
    ),
    Damage("a materialized view missing", "drop materialized view sales_by_month"),
]

SHAPES = [
    Damage("a default lost", "alter table orders alter placed_at drop default"),
    Damage("another default", "alter table customers alter newsletter set default true"),
    Damage("an identity lost", "alter table orders alter id drop identity"),
    Damage("another type of a column", "alter table reviews alter stars type int"),
    Damage("a longer type of a column", "alter table shipments alter carrier type varchar(200)"),
    Damage(
        "a time zone lost from a column", "alter table refunds alter refunded_at type timestamp"
    ),
    Damage("a column missing", "alter table orders drop column source_ip"),
    Damage("a column with another name", "alter table customers rename language to lang"),
    Damage(
        "another order of columns",
        """
        alter table settings add column moved text; update settings set moved = value;
        alter table settings drop column value; alter table settings rename moved to value""",
    ),
    Damage(
        "a label of an enum missing",
        """
        alter type payment_method rename to old_method;
        create type payment_method as enum ('card', 'transfer', 'direct debit', 'invoice', 'voucher');
        alter type payment_method owner to shop_owner;
        alter table payments alter method type payment_method using method::text::payment_method; drop type old_method""",
    ),
    Damage("a label of an enum added", "alter type order_status add value 'lost'"),
    Damage(
        "labels of an enum in another order",
        """
        alter type plan rename to old_plan; create type plan as enum ('enterprise', 'team', 'free'); alter type plan owner to shop_owner;
        alter table tenants alter plan drop default; alter table tenants alter plan type plan using plan::text::plan;
        alter table tenants alter plan set default 'free'; drop type old_plan""",
    ),
    Damage(
        "an attribute of a composite type added", "alter type search_hit add attribute snippet text"
    ),
    Damage(
        "another collation of a column", 'alter table messages alter subject type text collate "C"'
    ),
    Damage("the collation of a column lost", "alter table employees alter name type text"),
    Damage(
        "a generated column has become a plain one",
        "alter table order_lines alter line_total drop expression",
    ),
    Damage("a logged table has become unlogged", "alter table exchange_rates set unlogged"),
    Damage("an unlogged table has become logged", "alter table sessions set logged"),
    Damage("an extension missing", "drop extension pg_trgm cascade"),
    Damage("an extension in another schema", "alter extension hstore set schema shop"),
    Damage(
        "comments lost",
        "comment on table customers is null; comment on column orders.total is null",
    ),
    Damage(
        "a comment of a function changed",
        "comment on function order_total(bigint) is 'The number of the lines'",
    ),
    Damage("extended statistics lost", "drop statistics customers_places"),
    Damage("a statistics target lost", "alter table orders alter customer_id set statistics -1"),
    Damage("a publication lost", "drop publication reporting"),
    Damage(
        "a publication narrowed to fewer tables",
        "alter publication warehouse drop table shop.stock",
    ),
    Damage(
        "a publication narrowed to fewer columns",
        "alter publication reporting set (publish = 'insert')",
    ),
    Damage(
        "a text search configuration changed",
        "alter text search configuration shop_search alter mapping for asciiword with simple",
    ),
    Damage("a replica identity lost", "alter table payments replica identity default"),
    Damage("a replica identity by an index lost", "alter table orders replica identity default"),
    Damage(
        "the storage of a column changed",
        "alter table customers alter attributes set storage extended",
    ),
    Damage(
        "the compression of a column lost",
        "alter table products alter description set compression default",
    ),
    Damage(
        "storage parameters lost",
        "alter table orders reset (fillfactor, autovacuum_vacuum_scale_factor)",
    ),
]

RIGHTS = [
    Damage("the owner of a table changed", "alter table payments owner to postgres"),
    Damage(
        "the owner of a function changed", "alter function is_administrator(text) owner to postgres"
    ),
    Damage("the owner of a schema changed", "alter schema audit owner to shop_app"),
    Damage("grants lost", "revoke all on orders from shop_app"),
    Damage(
        "all grants of a role lost",
        "revoke all on all tables in schema shop from shop_report; revoke usage on schema shop from shop_report",
    ),
    Damage(
        "grants on columns lost",
        "revoke select (id, tenant_id, language, created_at) on customers from shop_report",
    ),
    Damage("a table granted to PUBLIC", "grant select on employees to public"),
    Damage(
        "everything granted to PUBLIC",
        "grant all on all tables in schema shop to public; grant usage on schema shop to public",
    ),
    Damage("CREATE on a schema granted to PUBLIC", "grant create on schema public to public"),
    Damage(
        "EXECUTE of a function granted to PUBLIC",
        "grant execute on function is_administrator(text) to public",
    ),
    Damage("a grant with grant option", "grant select on orders to shop_report with grant option"),
    Damage(
        "a policy that lets all through",
        "alter policy own_customers on customers using (true) with check (true)",
    ),
    Damage("a policy missing", "drop policy own_orders on orders"),
    Damage("a policy for everybody", "alter policy for_reports on orders to public"),
    Damage("row security off", "alter table customers disable row level security"),
    Damage("row security not forced", "alter table customers no force row level security"),
    Damage(
        "default privileges lost",
        "alter default privileges for role shop_owner in schema shop revoke select on tables from shop_report",
    ),
    Damage(
        "default privileges widened",
        "alter default privileges for role shop_owner in schema shop grant all on tables to public",
    ),
    Damage(
        "a role has become a superuser",
        "alter role shop_app superuser",
        undo="alter role shop_app nosuperuser",
    ),
    Damage(
        "a role passes by row security",
        "alter role shop_report bypassrls",
        undo="alter role shop_report nobypassrls",
    ),
    Damage(
        "a role may not log in", "alter role shop_app nologin", undo="alter role shop_app login"
    ),
    Damage(
        "a membership lost",
        "revoke shop_report from shop_support",
        undo="grant shop_report to shop_support",
    ),
    Damage(
        "a membership added", "grant shop_owner to shop_app", undo="revoke shop_owner from shop_app"
    ),
    Damage(
        "a role lost",
        "drop role shop_backup",
        undo="create role shop_backup login replication;\ngrant pg_read_all_data to shop_backup",
    ),
    Damage("settings of the database lost", f"alter database {DATABASE} reset all"),
    Damage(
        "a setting of a role lost",
        "alter role shop_report reset all",
        undo="alter role shop_report set statement_timeout = '5min'",
    ),
    Damage(
        "a setting of a role in the database lost",
        f"alter role shop_app in database {DATABASE} reset all",
    ),
    Damage("the owner of the database changed", f"alter database {DATABASE} owner to postgres"),
    Damage("CONNECT granted to PUBLIC", f"grant connect on database {DATABASE} to public"),
    Damage(
        "large objects granted to PUBLIC",
        """
        do $do$ begin
          execute (select string_agg(format('grant select on large object %s to public', content), ';') from documents);
        end $do$""",
    ),
]

WHOLE = [
    Damage(
        "another encoding of the database", make=_loaded_into("encoding 'SQL_ASCII' locale 'C'")
    ),
    Damage("another locale of the database", make=_loaded_into("locale 'C'")),
    Damage("the database of another application", make=_another_application),
    Damage("test data instead of production's", make=_test_data),
    Damage(
        "the schema of an older version",
        """
        alter table orders drop column coupon; drop table coupons; drop table feature_flags; alter table reviews drop column title;
        alter table customers alter phone type varchar(40); delete from schema_migrations where version > 20240101021000000""",
    ),
]

ALL = (
    *TEXTS,
    *NULLS,
    *DOUBLED,
    *DOCUMENTS,
    *NUMBERS,
    *SAMENESS,
    *TIMES,
    *ROWS,
    *CONSTRAINTS,
    *CODE,
    *SHAPES,
    *RIGHTS,
    *WHOLE,
)
