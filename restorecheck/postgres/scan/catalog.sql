-- What is read of a database's catalog; each block begins with its name. {own} are the relations of users.

-- name: relations
select c.oid, n.nspname, c.relname, c.relkind::text, c.relispopulated, c.relpersistence = 'u',
  case when c.relkind in ('r', 'm') then coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::int else 0 end,
  case when c.relkind in ('r', 'm') then coalesce(pg_table_size(c.oid), 0) else 0 end, {installed pg_class c}
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and c.relpersistence <> 't' and {own}
order by 8 desc, 2, 3

-- name: access
-- What hides rows or tables from the role that asks. Whatever `row_security` is set to, row_security_active says
-- whether policies hold for this role (rls.c, `check_enable_rls` without errors). Policies show every row where one
-- that permits is just `true` and none restricts (rowsecurity.c, `add_security_quals`).
select c.oid, n.nspname, c.relname, pg_get_userbyid(c.relowner)::text, has_schema_privilege(n.oid, 'usage'), has_table_privilege(c.oid, 'select'),
  has_any_column_privilege(c.oid, 'select'), row_security_active(c.oid), p.opens, p.restricts
from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join lateral (
  select coalesce(bool_or(p.polpermissive and pg_get_expr(p.polqual, p.polrelid) = 'true'), false) as opens,
    coalesce(bool_or(not p.polpermissive), false) as restricts
  from pg_policy p where p.polrelid = c.oid and p.polcmd in ('r', '*')
    and (0 = any(p.polroles) or exists (select from unnest(p.polroles) r where r <> 0 and pg_has_role(r, 'usage')))) p
where c.relkind in ('r', 'm') and c.relpersistence <> 't' and {own}
  and (not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select') or row_security_active(c.oid))
order by n.nspname, c.relname

-- name: other relations
select c.oid, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = any(%(wanted)s::oid[]) and not ({own})

-- name: inherits
select i.inhrelid, i.inhparent from pg_inherits i join pg_class c on c.oid = i.inhrelid
join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f') and {own}
order by i.inhrelid, i.inhseqno

-- name: pointing
select distinct k.conrelid, k.confrelid from pg_constraint k where k.contype = 'f'

-- name: columns
with recursive base as (
  select a.attrelid, a.attnum, a.attname, a.atttypid as type, a.attcollation as collation, a.attgenerated = 'v' as virtual, array[]::oid[] as domains,
    a.attnotnull and not exists (select from pg_constraint k where k.contype = 'n' and k.conrelid = a.attrelid
      and k.conkey = array[a.attnum] and not k.convalidated) as required
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'm', 'v', 'f') and ({own} or c.oid = any(%(wanted)s::oid[]))
  union all
  select b.attrelid, b.attnum, b.attname, t.typbasetype, b.collation, b.virtual, b.domains || t.oid, b.required or t.typnotnull
  from base b join pg_type t on t.oid = b.type where t.typtype = 'd'
)
select b.attrelid, b.attname, t.typname, t.typtype::text, t.typcategory::text, b.required, b.domains, t.oid,
  quote_ident(n.nspname) || '.' || quote_ident(t.typname),
  coalesce((select ' collate ' || quote_ident(ln.nspname) || '.' || quote_ident(l.collname) from pg_collation l join pg_namespace ln on ln.oid = l.collnamespace
    where l.oid = b.collation), ''),
  case when t.typcategory = 'A' then (select jsonb_agg(jsonb_build_array('', e.oid::bigint)) from pg_type e where e.oid = t.typelem and e.typtype = 'd')
    when t.typtype = 'c' then (select jsonb_agg(jsonb_build_array(f.attname, e.oid::bigint) order by f.attnum)
      from pg_attribute f join pg_type e on e.oid = f.atttypid
      where f.attrelid = t.typrelid and f.attnum > 0 and not f.attisdropped and e.typtype = 'd') end,
  b.virtual
from base b join pg_type t on t.oid = b.type join pg_namespace n on n.oid = t.typnamespace where t.typtype <> 'd'
order by b.attrelid, b.attnum

-- name: domains
select oid, typbasetype from pg_type where typtype = 'd'

-- name: comparisons
-- The operators by which values of a type are told apart and put in order: those of its default B-tree class, or
-- else the one of its hash class.
select c.opcintype, case when m.amname = 'btree' then p.amopstrategy else 3 end, format('operator(%I.%s)', n.nspname, o.oprname)
from pg_opclass c join pg_am m on m.oid = c.opcmethod
join pg_amop p on p.amopfamily = c.opcfamily and p.amoplefttype = c.opcintype and p.amoprighttype = c.opcintype
join pg_operator o on o.oid = p.amopopr join pg_namespace n on n.oid = o.oprnamespace
where c.opcdefault and (m.amname = 'btree' and p.amopstrategy in (1, 3, 5) or m.amname = 'hash')
order by c.opcintype, m.amname desc

-- name: constraints
-- `plain`: it uses neither the whole row nor a function that is written in another language than C, which may look names
-- up in the search path of the database, nor a cast to text that may be such a function. `settled`: no setting decides it.
-- What is cast to a time, or out of one, depends on its zone and style; a function that is declared immutable does not.
-- What asks who the user is would be answered of the checker: it is left out, as the load has held the rows against it.
-- At the end: the collations by which it puts texts in order, or takes letters for the same or others; equality is by bytes.
select k.conrelid, k.contypid, k.conname, e.expression, s.settled and s.alike and not f.written and not 0 = any(coalesce(k.conkey, '{}')), s.settled and not f.varies,
  case when replace(e.expression, '<>', '') ~* '[<>]|\m(greatest|least|lower|upper|initcap)\M| !?~\*? |~~\*' then array(
    select a.attcollation from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any(k.conkey)
    union select t.typcollation union select d.refobjid from pg_depend d
      where d.classid = 'pg_constraint'::regclass and d.objid = k.oid and d.refclassid = 'pg_collation'::regclass) else '{}' end
from pg_constraint k left join pg_class c on c.oid = k.conrelid left join pg_type t on t.oid = k.contypid
join pg_namespace n on n.oid = coalesce(c.relnamespace, t.typnamespace)
cross join lateral (select pg_get_expr(k.conbin, k.conrelid) as expression) e
cross join lateral (select count(distinct a.atttypid) filter (where y.typcategory in ('D', 'T') or y.typname = 'money') as times,
  count(*) filter (where y.typcategory in ('D', 'T') or y.typname in ('money', 'float4', 'float8', 'bytea')) as styled,
  count(*) filter (where y.typname not in ('text', 'varchar', 'bpchar', 'name', 'int2', 'int4', 'int8', 'numeric', 'bool', 'uuid')) as others
  from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = k.conrelid and a.attnum = any(k.conkey)) a
cross join lateral (select e.expression !~* '::"?(date|time|interval|money|regconfig)|to_char|to_date|to_timestamp|to_number|extract|date_part|date_trunc|age\(|timezone\(|now\(|current_|localtime'
  and a.times < 2 and (a.times = 0 or e.expression !~ '::')
  and (not t.text or a.styled = 0) as settled, not t.text or a.others = 0 as alike
  from (select e.expression ~ '::"?(text|character|bpchar|name)') t(text)) s
cross join lateral (select count(*) > 0 as written, coalesce(bool_or(p.provolatile <> 'i'), false) as varies
  from pg_depend d left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
  join pg_proc p on p.oid = coalesce(o.oprcode::oid, d.refobjid) join pg_language l on l.oid = p.prolang
  where d.classid = 'pg_constraint'::regclass and d.objid = k.oid
    and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass) and l.lanname not in ('c', 'internal')) f
where k.contype = 'c' and k.convalidated and (c.relkind = 'r' or k.contypid <> 0) and {own}
  and e.expression !~* '\m(current_user|session_user|current_role|pg_has_role|has_\w+_privilege)\M'
  and not exists (
    select from pg_depend d join pg_proc p on p.oid = d.refobjid
    where d.classid = 'pg_constraint'::regclass and d.objid = k.oid and d.refclassid = 'pg_proc'::regclass
      -- Not of an aggregate, an error: all functions may be looked at before those of constraints are chosen.
      and case when p.prokind = 'f' then pg_get_functiondef(p.oid) end ~* '\m(current_user|session_user|current_role|pg_has_role|has_\w+_privilege)\M')
order by 1, 2, 3

-- name: key indexes
select distinct on (i.indrelid) i.indrelid, n.nspname, x.relname
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = x.relnamespace
where m.amname = 'btree' and i.indisvalid and i.indisready and i.indpred is null
  and c.relkind = 'r' and {own}
order by i.indrelid, i.indisprimary desc, x.relpages, x.relname

-- name: unique keys
-- The columns by which a row is found: of the primary key, or of another unique index without NULLs.
select distinct on (i.indrelid) i.indrelid,
  (select array_agg(a.attname::text order by u.place) from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality u(num, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num)
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
where m.amname = 'btree' and i.indisunique and i.indisvalid and i.indisready and i.indpred is null and i.indexprs is null
  and c.relkind = 'r' and {own} and not exists (select from unnest(i.indkey[0:i.indnkeyatts - 1]) k
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k where not a.attnotnull)
order by i.indrelid, i.indisprimary desc, i.indnkeyatts, x.relname

-- name: foreign keys
-- Columns are compared as PostgreSQL does it itself (ri_triggers.c, `RI_Initial_Check`): by the constraint's own
-- operator, cast to its types, in the collation of the table that is pointed to. All pairs of columns in one join: looked
-- up for each constraint anew, thousands of constraints took seconds.
with pairs as (
  select k.oid as key, jsonb_agg(jsonb_build_object('here', a.attname, 'there', b.attname, 'operator', format('operator(%I.%s)', pn.nspname, o.oprname),
      'there_cast', case when b.atttypid <> o.oprleft then format('::%I.%I', ln.nspname, l.typname) else '' end,
      'here_cast', case when a.atttypid <> o.oprright then format('::%I.%I', rn.nspname, r.typname) else '' end,
      'collation', case when a.attcollation <> b.attcollation then coalesce(format(' collate %I.%I', cn.nspname, v.collname), '') else '' end)
      order by u.place) as list
  from pg_constraint k cross join lateral unnest(k.conkey, k.confkey, k.conpfeqop) with ordinality u(num, fnum, operator, place)
  join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num
  join pg_attribute b on b.attrelid = k.confrelid and b.attnum = u.fnum
  join pg_operator o on o.oid = u.operator join pg_namespace pn on pn.oid = o.oprnamespace
  join pg_type l on l.oid = o.oprleft join pg_namespace ln on ln.oid = l.typnamespace
  join pg_type r on r.oid = o.oprright join pg_namespace rn on rn.oid = r.typnamespace
  left join pg_collation v on v.oid = b.attcollation left join pg_namespace cn on cn.oid = v.collnamespace
  where k.contype = 'f'
  group by k.oid
)
select k.conname, n.nspname, c.relname, fn.nspname, f.relname, c.relkind = 'r', f.relkind = 'r', k.confmatchtype = 'f',
  coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false), pairs.list
from pg_constraint k join pairs on pairs.key = k.oid
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
where k.contype = 'f' and k.convalidated and {own} and not {installed pg_class c}
  and (k.conparentid = 0 or not (select p.convalidated from pg_constraint p where p.oid = k.conparentid))
order by 2, 3, 1

-- name: exclusions
select k.conname, n.nspname, c.relname,
  (select jsonb_agg(jsonb_build_array(pg_get_indexdef(k.conindid, u.place::int, false), format('operator(%I.%s)', pn.nspname, o.oprname)) order by u.place)
    from unnest(k.conexclop) with ordinality u(operator, place)
    join pg_operator o on o.oid = u.operator join pg_namespace pn on pn.oid = o.oprnamespace),
  coalesce(pg_get_expr(i.indpred, i.indrelid), '')
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_index i on i.indexrelid = k.conindid
where k.conexclop is not null and c.relkind = 'r' and {own} and not {installed pg_class c}
order by 2, 3, 1

-- name: sequences
-- A column of a unique key of several columns, and of none alone, may count anew in each year or tenant. Only a
-- generated column's expression names columns, and it calls no nextval: that is volatile.
select sn.nspname, s.relname, n.nspname, c.relname, a.attname, q.seqincrement
from (
  select d.objid, d.refobjid, d.refobjsubid from pg_depend d
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'i' and d.refobjsubid > 0
  union
  select d.refobjid, f.adrelid, f.adnum from pg_attrdef f
  join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass
  join pg_class q on q.oid = d.refobjid and q.relkind = 'S'
  join pg_attribute g on g.attrelid = f.adrelid and g.attnum = f.adnum
  where case g.attgenerated when '' then pg_get_expr(f.adbin, 0) end ~ '^\(?nextval\(''([^'']|'''')*''::regclass\)\)?(::[a-z]+)?$'
) filled(sequence, relation, number)
join pg_class s on s.oid = filled.sequence and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
join pg_namespace sn on sn.oid = s.relnamespace
join pg_class c on c.oid = filled.relation and c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = filled.number
join pg_type t on t.oid = a.atttypid and t.typcategory = 'N'
where not q.seqcycle and {own} and not {installed pg_class c} and coalesce((
  select bool_or(i.indnkeyatts = 1) from pg_index i
  where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey[0:i.indnkeyatts - 1])
), true)
order by 1, 2, 3, 4, 5

-- name: btrees
-- Oids below 16384 are PostgreSQL's own: FirstNormalObjectId of src/include/access/transam.h.
select quote_ident(n.nspname) || '.' || quote_ident(x.relname),
  (pg_relation_size(x.oid) + pg_relation_size(c.oid)) / current_setting('block_size')::int, i.indcollation::oid[],
  16384 <= any (i.indclass::oid[]) or exists (select from pg_attribute a where a.attrelid = x.oid and a.atttypid >= 16384)
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
join pg_namespace n on n.oid = x.relnamespace join pg_class c on c.oid = i.indrelid
where m.amname = 'btree' and x.relkind = 'i' and i.indisvalid and i.indisready
  and x.relpersistence = 'p' and {own} and not {installed pg_class c}
order by 1

-- name: collation versions
-- Of the collations of indexes, columns and constraints that this server may sort otherwise: oid, version when it was recorded, version here.
select c.oid, c.collversion, pg_collation_actual_version(c.oid) from pg_collation c
where c.collprovider <> 'd' and c.oid in (
    select unnest(i.indcollation::oid[]) from pg_index i union select a.attcollation from pg_attribute a
    union select t.typcollation from pg_type t
    union select d.refobjid from pg_depend d where d.classid = 'pg_constraint'::regclass and d.refclassid = 'pg_collation'::regclass)
  and c.collversion is distinct from pg_collation_actual_version(c.oid)

-- name: database collation version
-- 'default' has a fixed oid: src/include/catalog/pg_collation.dat.
select 100::oid, d.datcollversion, pg_database_collation_actual_version(d.oid) from pg_database d
where d.datname = current_database() and d.datcollversion is distinct from pg_database_collation_actual_version(d.oid)

-- name: database collation
-- Until PostgreSQL 14 its version is not recorded. C and POSIX have none.
select 100::oid, null, null from pg_database where datname = current_database() and datcollate !~* '^(c|posix)(\.|$)'

-- name: extensions
select a.name, (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace
  where e.extname = a.name), (select rolsuper from pg_roles where rolname = current_user)
from pg_available_extensions a

-- name: find
select r.place, c.oid, c.relkind::text
from unnest(%(places)s::int[], %(schemas)s::text[], %(tables)s::text[]) r(place, schema, name)
join lateral (
  select c.oid, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relname = r.name::name and (n.nspname = r.schema::name or r.schema = '' and n.nspname = any(%(path)s::name[]))
  order by array_position(%(path)s::text[], n.nspname::text) limit 1) c on true
order by r.place

-- An expression is a column without a name.
-- name: index columns
select i.indrelid, (
  select array_agg(coalesce(a.attname::text, '') order by k.place)
  from unnest(i.indkey) with ordinality k(number, place)
  left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number)
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
where i.indrelid = any(%(oids)s::oid[]) and m.amname = 'btree' and i.indisvalid and i.indisready
  and i.indpred is null

-- name: hiding settings
select name from pg_catalog.pg_settings
where name in ('zero_damaged_pages', 'ignore_checksum_failure') and setting = 'on'
order by name
