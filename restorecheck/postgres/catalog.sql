-- What is read of a database's catalog; each block begins with its name. {own} are the relations of users.

-- name: tables
with recursive up as (
  select inhrelid as oid, inhparent as top from pg_inherits
  union
  select up.oid, i.inhparent from up join pg_inherits i on i.inhrelid = up.top
), tops as (
  select oid, min(top) as top from up
  where not exists (select from pg_inherits i where i.inhrelid = up.top) group by oid
), referenced as (
  select distinct coalesce(b.top, k.confrelid) as top
  from pg_constraint k left join tops a on a.oid = k.conrelid left join tops b on b.oid = k.confrelid
  where k.contype = 'f' and coalesce(a.top, k.conrelid) <> coalesce(b.top, k.confrelid)
)
select c.oid, n.nspname, c.relname, c.relkind = 'm', c.relpersistence = 'u',
  coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int,
  coalesce(pg_table_size(c.oid), 0),
  (select rn.nspname || '.' || r.relname from pg_class r join pg_namespace rn on rn.oid = r.relnamespace
    where r.oid = tops.top),
  exists (select from referenced f where f.top = coalesce(tops.top, c.oid))
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join tops on tops.oid = c.oid
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
select distinct sn.nspname, s.relname, n.nspname, c.relname, a.attname, q.seqincrement
from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
join pg_sequence q on q.seqrelid = s.oid
join pg_namespace sn on sn.oid = s.relnamespace
join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
  and d.deptype in ('a', 'i') and d.refobjsubid > 0 and not q.seqcycle and {own}
order by 1, 2

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
