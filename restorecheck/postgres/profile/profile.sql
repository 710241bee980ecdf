-- What checks are proposed for; each block begins with its name. {own} are the relations of users.

-- name: relations
select c.oid, n.nspname, c.relname, c.relpersistence = 'u'
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not exists (select from pg_inherits h where h.inhrelid = c.oid) and c.relpersistence <> 't' and {own}
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 2, 3

-- name: columns
with recursive base as (
  select a.attrelid, a.attnum, a.attname, a.attnotnull, a.atttypid as type
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and not exists (select from pg_inherits h where h.inhrelid = c.oid) and {own}
  union all
  select b.attrelid, b.attnum, b.attname, b.attnotnull, t.typbasetype
  from base b join pg_type t on t.oid = b.type where t.typtype = 'd'
)
select b.attrelid, b.attname, t.typname, b.attnotnull
from base b join pg_type t on t.oid = b.type where t.typtype <> 'd'
order by b.attrelid, b.attnum

-- name: keys
select i.indrelid,
  (select array_agg(a.attname::text order by u.place) from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality u(num, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num)
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null and not exists (select from pg_inherits h where h.inhrelid = c.oid)
  and c.relkind in ('r', 'p') and {own}
order by 1, i.indisprimary desc, i.indexrelid

-- name: declared references
select k.conrelid, array(select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any(k.conkey))
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and {own}

-- name: extensions
select extname from pg_extension where extname <> 'plpgsql' order by 1

-- name: functions and views
select lower(p.proname) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {own}
union select lower(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v', 'f') and {own}
