-- What is read of a database's catalog; each block begins with its name. {own} are the relations of users.

-- name: tables
select c.oid, n.nspname, c.relname, c.relkind = 'm', c.relpersistence = 'u',
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int,
  coalesce(pg_table_size(c.oid), 0),
  (select rn.nspname || '.' || r.relname from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
    where r.oid = pg_partition_root(c.oid) and r.oid <> c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and c.relpersistence <> 't' and {own}
order by 7 desc, 2, 3

-- name: columns
with recursive base as (
  select a.attrelid, a.attnum, a.attname, a.attnotnull, a.atttypid as type
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'm') and {own}
  union all
  select b.attrelid, b.attnum, b.attname, b.attnotnull, t.typbasetype
  from base b join pg_type t on t.oid = b.type where t.typtype = 'd'
)
select b.attrelid, b.attname, t.typname, t.typtype, t.typcategory, b.attnotnull
from base b join pg_type t on t.oid = b.type where t.typtype <> 'd'
order by b.attrelid, b.attnum

-- name: constraints
select k.conrelid, k.conname, pg_get_expr(k.conbin, k.conrelid)
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'c' and k.convalidated and c.relkind = 'r' and {own}
order by 1, 2

-- name: key indexes
select distinct on (i.indrelid) i.indrelid, n.nspname, x.relname
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = x.relnamespace
where m.amname = 'btree' and i.indisvalid and i.indisready and i.indpred is null
  and c.relkind = 'r' and {own}
order by i.indrelid, i.indisprimary desc, x.relpages, x.relname

-- name: foreign keys
select k.conname, n.nspname, c.relname,
  (select array_agg(a.attname::text order by u.place) from unnest(k.conkey) with ordinality u(num, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num),
  fn.nspname, f.relname,
  (select array_agg(a.attname::text order by u.place) from unnest(k.confkey) with ordinality u(num, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num),
  c.relkind = 'r', f.relkind = 'r'
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
where k.contype = 'f' and k.convalidated and k.conparentid = 0 and {own}
order by 2, 3, 1

-- name: sequences
-- A column of a unique key of several columns, and of none alone, may count anew in each year or tenant.
select sn.nspname, s.relname, n.nspname, c.relname, a.attname, q.seqincrement
from (
  select d.objid, d.refobjid, d.refobjsubid from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'i' and d.refobjsubid > 0
  union
  select d.refobjid, f.adrelid, f.adnum from pg_attrdef f
  join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
  where pg_get_expr(f.adbin, f.adrelid) ~ '^\(?nextval\(''([^'']|'''')*''::regclass\)\)?(::[a-z]+)?$'
) filled(sequence, relation, number)
join pg_class s on s.oid = filled.sequence and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
join pg_namespace sn on sn.oid = s.relnamespace
join pg_class c on c.oid = filled.relation and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = filled.number
join pg_type t on t.oid = a.atttypid and t.typcategory = 'N'
where not q.seqcycle and {own} and coalesce((
  select bool_or(i.indnkeyatts = 1) from pg_index i
  where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey[0:i.indnkeyatts - 1])
), true)
order by 1, 2, 3, 4, 5

-- name: btrees
select quote_ident(n.nspname) || '.' || quote_ident(x.relname), x.relpages
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
join pg_namespace n on n.oid = x.relnamespace
where m.amname = 'btree' and x.relkind = 'i' and i.indisvalid and i.indisready
  and x.relpersistence = 'p' and {own}
order by 1

-- name: extensions
select a.name, (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
  where e.extname = a.name)
from pg_available_extensions a

-- name: find
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = %(table)s and c.relkind in ('r', 'p', 'm', 'v', 'f')
  and (n.nspname = %(schema)s or (%(schema)s = '' and n.nspname = any(%(path)s)))
order by array_position(%(path)s, n.nspname) limit 1

-- name: columns of
select a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relname = %(table)s and a.attnum > 0 and not a.attisdropped

-- name: has index
select exists (
  select from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
  where n.nspname = %(schema)s and c.relname = %(table)s and m.amname = 'btree' and i.indisvalid and i.indisready
    and i.indpred is null and (
      select array_agg(a.attname::text order by a.attname::text)
      from unnest(i.indkey[0:cardinality(%(columns)s::text[]) - 1]) k join pg_attribute a on a.attrelid = c.oid and a.attnum = k
    ) = %(columns)s::text[])

-- name: hiding settings
select name from pg_catalog.pg_settings
where name in ('zero_damaged_pages', 'ignore_checksum_failure') and setting = 'on'
order by name
