-- What PUBLIC may change here: a statement that takes the right away, and one that gives it back.
select format('revoke create on schema %I from public', nspname), format('grant create on schema %I to public', nspname)
from pg_namespace, aclexplode(nspacl) a
where a.grantee = 0 and a.privilege_type = 'CREATE'
union all
select format('revoke %s on database %I from public', lower(a.privilege_type), datname),
  format('grant %s on database %I to public', lower(a.privilege_type), datname)
from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
where datname = current_database() and a.grantee = 0 and a.privilege_type in ('CREATE', 'TEMPORARY')
union all
select format('revoke %s on %s %I.%I from public', lower(a.privilege_type), what, nspname, relname),
  format('grant %s on %s %I.%I to public', lower(a.privilege_type), what, nspname, relname)
from pg_class c join pg_namespace n on n.oid = relnamespace, aclexplode(relacl) a,
  lateral (select case relkind when 'S' then 'sequence' else 'table' end) k(what)
where a.grantee = 0 and a.privilege_type <> 'SELECT'
union all
select format('revoke %s (%I) on %I.%I from public', lower(a.privilege_type), attname, nspname, relname),
  format('grant %s (%I) on %I.%I to public', lower(a.privilege_type), attname, nspname, relname)
from pg_attribute t join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace, aclexplode(attacl) a
where a.grantee = 0 and a.privilege_type <> 'SELECT'
union all
-- Functions with the rights of their owner, and those that write large objects.
select format('revoke execute on routine %s from public', p.oid::regprocedure),
  format('grant execute on routine %s to public', p.oid::regprocedure)
from pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
where a.grantee = 0 and a.privilege_type = 'EXECUTE' and (prosecdef or (pronamespace = 'pg_catalog'::regnamespace
  and proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lo_truncate', 'lo_truncate64', 'lo_unlink',
    'lowrite')))
