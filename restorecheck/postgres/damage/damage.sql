-- How things that are not rows are damaged: each block begins with the name of its kind, and gives what
-- is damaged, the statement, and the table that is touched. {own} are the relations of users.

-- name: an index is gone
select n.nspname || '.' || x.relname, format('drop index %I.%I', n.nspname, x.relname), n.nspname || '.' || c.relname
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace
where not exists (select from pg_constraint k where k.conindid = x.oid) and not c.relispartition and c.relpersistence <> 't' and {own}
order by x.relpages desc, 1

-- name: an invalid index
select n.nspname || '.' || x.relname, format('update pg_index set indisvalid = false where indexrelid = %s', x.oid), n.nspname || '.' || c.relname
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace
where c.relkind = 'r' and not c.relispartition and not i.indisprimary and i.indisvalid and c.relpersistence <> 't' and {own}
order by i.indisunique, x.relpages desc, 1

-- name: a constraint is gone
select n.nspname || '.' || c.relname || '.' || k.conname, format('alter table %I.%I drop constraint %I cascade', n.nspname, c.relname, k.conname),
  n.nspname || '.' || c.relname
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype in ('f', 'c', 'u') and not c.relispartition and k.conparentid = 0 and {own}
order by position(k.contype::text in 'fcu'), 1

-- name: a column is gone
select n.nspname || '.' || c.relname || '.' || a.attname, format('alter table %I.%I drop column %I cascade', n.nspname, c.relname, a.attname),
  n.nspname || '.' || c.relname
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and not c.relispartition and a.attnum > 0 and not a.attisdropped and c.relpersistence <> 't'
  and not exists (select from pg_depend d where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum) and {own}
order by pg_relation_size(c.oid) desc, 1

-- name: a column of another type
select n.nspname || '.' || c.relname || '.' || a.attname, format('alter table %I.%I alter %I type bigint', n.nspname, c.relname, a.attname),
  n.nspname || '.' || c.relname
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and not c.relispartition and a.atttypid = 'int4'::regtype and not a.attisdropped and c.relpersistence <> 't' and {own}
order by pg_relation_size(c.oid) desc, 1

-- name: a column without its default
select n.nspname || '.' || c.relname || '.' || a.attname, format('alter table %I.%I alter %I drop %s', n.nspname, c.relname, a.attname,
    case when a.attidentity <> '' then 'identity' else 'default' end), n.nspname || '.' || c.relname
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and not c.relispartition and (a.atthasdef or a.attidentity <> '') and a.attgenerated = '' and {own}
order by pg_relation_size(c.oid) desc, 1

-- name: a sequence behind its column
select sn.nspname || '.' || s.relname, format('alter sequence %I.%I restart with %s', sn.nspname, s.relname, q.seqmin), n.nspname || '.' || c.relname
from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
join pg_namespace sn on sn.oid = s.relnamespace join pg_class c on c.oid = d.refobjid join pg_namespace n on n.oid = c.relnamespace
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
  and q.seqincrement > 0 and pg_relation_size(c.oid) > 0 and pg_sequence_last_value(s.oid) > q.seqmin and {own}
order by pg_relation_size(c.oid) desc, 1

-- name: a function is gone
select n.nspname || '.' || p.proname, format('drop %s %s cascade', case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
    p.oid::regprocedure), ''
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e') and {own}
order by exists (select from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid), 1

-- name: a function with another body
select n.nspname || '.' || p.proname, format('update pg_proc set prosrc = %L where oid = %s', case l.lanname when 'sql' then 'select null' else 'begin return null; end' end, p.oid), ''
from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where p.prokind = 'f' and l.lanname in ('sql', 'plpgsql') and p.probin is null
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e') and {own}
order by l.lanname, 1

-- name: a disabled trigger
select n.nspname || '.' || c.relname || '.' || t.tgname, format('alter table %I.%I disable trigger %I', n.nspname, c.relname, t.tgname), ''
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal and t.tgenabled <> 'D' and {own} order by 1

-- name: a view is gone
select n.nspname || '.' || c.relname, format('drop view %I.%I cascade', n.nspname, c.relname), ''
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'v' and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e') and {own}
order by 1

-- name: a materialized view that is not filled
select n.nspname || '.' || c.relname, format('refresh materialized view %I.%I with no data', n.nspname, c.relname), n.nspname || '.' || c.relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and c.relispopulated and {own} order by pg_relation_size(c.oid) desc, 1

-- name: privileges are gone
select pg_get_userbyid(x.grantee) || ' on ' || n.nspname || '.' || c.relname, format('revoke all on %I.%I from %I', n.nspname, c.relname, pg_get_userbyid(x.grantee)), ''
from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) x
where x.grantee <> 0 and x.grantee <> c.relowner and c.relkind in ('r', 'p', 'v', 'm') and {own} order by 1

-- name: row security is off
select n.nspname || '.' || c.relname, format('alter table %I.%I disable row level security', n.nspname, c.relname), ''
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relrowsecurity and {own} order by 1

-- name: a policy is gone
select n.nspname || '.' || c.relname || '.' || p.polname, format('drop policy %I on %I.%I', p.polname, n.nspname, c.relname), ''
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace where {own} order by 1

-- name: an extension is gone
select extname, format('drop extension %I cascade', extname), '' from pg_extension where extname <> 'plpgsql' order by 1

-- name: a role is gone
select rolname, format('drop owned by %1$I; drop role %1$I', rolname), '' from pg_roles r
where rolname !~ '^(pg_|rds|restorecheck)' and not rolsuper
  and exists (select from pg_shdepend d join pg_database b on b.oid = d.dbid where b.datname = current_database() and d.refobjid = r.oid)
  and not exists (select from pg_shdepend d where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o')
order by 1

-- name: a role membership is gone
select pg_get_userbyid(m.member) || ' of ' || pg_get_userbyid(m.roleid), format('revoke %I from %I', pg_get_userbyid(m.roleid), pg_get_userbyid(m.member)), ''
from pg_auth_members m where pg_get_userbyid(m.roleid) !~ '^(pg_|rds|restorecheck)' and pg_get_userbyid(m.member) !~ '^(pg_|rds|restorecheck)'
order by 1

-- name: a large object is gone
select 'one of ' || count(*), format('select lo_unlink(%s)', min(oid::bigint)), '' from pg_largeobject_metadata having count(*) > 0

-- name: collation of another version
select n.nspname || '.' || c.relname || '.' || a.attname, format('create collation restorecheck_damage (provider = icu, locale = ''fr'');'
    ' create index on %I.%I (%I collate restorecheck_damage); update pg_collation set collversion = ''1'' where collname = ''restorecheck_damage''',
    n.nspname, c.relname, a.attname), n.nspname || '.' || c.relname
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and not c.relispartition and c.relpersistence = 'p' and a.atttypid in ('text'::regtype, 'varchar'::regtype) and not a.attisdropped and {own}
  and not exists (select from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and s.avg_width > 500)
order by pg_relation_size(c.oid), 1
