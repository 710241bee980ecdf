-- What a database looks like: name and definition of everything of each kind, as PostgreSQL's own
-- functions give them. Each block begins with the kind. {own} are the relations of users.

-- name: database
select '', concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype,
  'page checksums ' || current_setting('data_checksums'))
from pg_database where datname = current_database()

-- name: schema
select n.nspname, concat_ws(' ', 'owner', pg_get_userbyid(n.nspowner), n.nspacl::text)
from pg_namespace n where {own}

-- name: table
select n.nspname || '.' || c.relname, concat_ws(' ', c.relkind, nullif(c.relpersistence, 'p'),
  case when c.relrowsecurity then 'row security' end, case when c.relforcerowsecurity then 'forced' end,
  case when c.relkind = 'm' and not c.relispopulated then 'not populated' end,
  'owner', pg_get_userbyid(c.relowner), pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
  array_to_string(c.reloptions, ','))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and c.relpersistence <> 't' and {own}

-- name: grants on
select n.nspname || '.' || c.relname, (select string_agg(x::text, ' ' order by x::text) from unnest(c.relacl) x)
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relacl is not null and {own}

-- name: column
select n.nspname || '.' || c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
  case when a.attnotnull then 'not null' end, nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
  (select 'default ' || pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
    where d.adrelid = a.attrelid and d.adnum = a.attnum),
  (select 'collation ' || l.collname from pg_collation l, pg_type t
    where l.oid = a.attcollation and t.oid = a.atttypid and t.typcollation <> l.oid),
  a.attacl::text)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'm', 'v', 'f')
  and c.relpersistence <> 't' and {own}

-- name: constraint
select n.nspname || '.' || c.relname || '.' || k.conname,
  concat_ws(' ', pg_get_constraintdef(k.oid), case when not k.convalidated then 'not checked' end)
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype <> 'n' and {own}

-- name: index
select n.nspname || '.' || x.relname, concat_ws(' ', pg_get_indexdef(x.oid),
  case when not i.indisvalid then 'invalid' end, case when not i.indisready then 'not ready' end,
  case when i.indisreplident then 'replica identity' end)
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = x.relnamespace where c.relpersistence <> 't' and {own}

-- name: trigger
select n.nspname || '.' || c.relname || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), nullif(t.tgenabled, 'O'))
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not t.tgisinternal and {own}

-- name: system trigger
select n.nspname || '.' || c.relname || '.' || regexp_replace(t.tgname, '_[0-9]+$', ''), string_agg(t.tgenabled::text, '' order by t.tgname)
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where t.tgisinternal and t.tgenabled <> 'O' and {own} group by 1

-- name: policy
select n.nspname || '.' || c.relname || '.' || p.polname, concat_ws(' ', p.polcmd, case when p.polpermissive then 'permissive' end,
  (select string_agg(case when r = 0 then 'public' else pg_get_userbyid(r) end, ',' order by 1) from unnest(p.polroles) r),
  pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
where {own}

-- name: view
select n.nspname || '.' || c.relname, pg_get_viewdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('v', 'm') and {own}

-- name: rule
select n.nspname || '.' || c.relname || '.' || r.rulename, concat_ws(' ', pg_get_ruledef(r.oid), nullif(r.ev_enabled, 'O'))
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and {own}

-- name: function
select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
  concat_ws(' ', case when p.prokind in ('f', 'p') then pg_get_functiondef(p.oid) else p.prokind::text end,
    'owner', pg_get_userbyid(p.proowner), p.proacl::text)
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where {own} and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass
  and d.objid = p.oid and d.deptype = 'e')

-- name: sequence
select n.nspname || '.' || c.relname, concat_ws(' ', format_type(q.seqtypid, null), 'from', q.seqstart, 'by', q.seqincrement,
  'in', q.seqmin, q.seqmax, case when q.seqcycle then 'cycle' end, 'owner', pg_get_userbyid(c.relowner))
from pg_sequence q join pg_class c on c.oid = q.seqrelid join pg_namespace n on n.oid = c.relnamespace
where c.relpersistence <> 't' and {own}

-- name: type
select n.nspname || '.' || t.typname, concat_ws(' ', t.typtype,
  (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
  case when t.typtype = 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
    case when t.typnotnull then 'not null' end, t.typdefault,
    (select string_agg(pg_get_constraintdef(k.oid), ' ' order by k.conname) from pg_constraint k
      where k.contypid = t.oid and k.contype = 'c')) end)
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype in ('e', 'd', 'r') and {own} and not exists (select from pg_depend d
  where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')

-- name: extension
select extname, extversion from pg_extension

-- name: event trigger
select evtname, concat_ws(' ', evtevent, evtenabled, evttags::text) from pg_event_trigger

-- name: publication
select pubname, concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete) from pg_publication

-- name: foreign server
select srvname, fdwname from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw

-- name: role
select r.rolname, concat_ws(' ', case when r.rolsuper then 'superuser' end, case when r.rolcreaterole then 'createrole' end,
  case when r.rolcreatedb then 'createdb' end, case when r.rolcanlogin then 'login' end,
  case when r.rolreplication then 'replication' end, case when r.rolbypassrls then 'bypassrls' end,
  case when not r.rolinherit then 'noinherit' end,
  (select 'in ' || string_agg(g.rolname, ',' order by g.rolname) from pg_auth_members m
    join pg_roles g on g.oid = m.roleid where m.member = r.oid))
from pg_roles r where r.rolname !~ '^(pg_|rds|restorecheck)'

-- name: setting
select coalesce(d.datname, 'every database') || coalesce(' of ' || r.rolname, ''),
  (select string_agg(x, ', ' order by x) from unnest(s.setconfig) x)
from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase left join pg_roles r on r.oid = s.setrole
where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and coalesce(r.rolname, '') !~ '^(pg_|rds|restorecheck)'

-- name: large objects
select '', count(*)::text from pg_largeobject_metadata having count(*) > 0
